/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The virtual file system: inodes, dentries, mounts, open files. Lock order: inode->lock (parent
 * before child, then by address), rename lock, dentry->lock, hash bucket, mm's mapping locks. A
 * dentry keeps its parent and its inode; an inode lives while a dentry or file refers to it; a file
 * system with no backing store (tmpfs) pins the dentries of its linked names. Inodes, dentries and
 * mounts are freed after a grace period; struct file is not.
 */
#ifndef FS_VFS_H
#define FS_VFS_H
#include <hal/sync.h>
#include <hal/rcu.h>
#include <mm/mapping.h>
#include <mm/backing.h>
#include <mm/uio.h>
#include <linux/stat.h>

struct inode;
struct dentry;
struct file;
struct mount;
struct super;
struct cred;
struct poll_table;
struct seq;
struct path;
struct iattr;
struct kstat;
struct file_ops;
struct fs_type;
struct super_ops;
struct statfs64;

struct time64 { i64 sec; u32 nsec; };

/* --- inodes ------------------------------------------------------------------------------------
 */
struct dir_context;
/* Emits one entry; returns false when the buffer is full: stop, and come back with ctx->pos. */
typedef bool (*dir_emit_fn)(struct dir_context *ctx, const char *name, u32 len, u64 ino,
			    u32 d_type);
struct dir_context { dir_emit_fn emit; u64 pos; };

struct inode_ops { /* the parent's inode->lock is held for those that change it; all may sleep;
		      NULL: -EPERM or -ENOTDIR */
	/* Finds name in dir: an inode reference, NULL if there is none, or ERR_PTR. Not called for
	 * what the dcache holds. */
	struct inode *(*lookup)(struct inode *dir, const char *name, u32 len);
	int (*create)(struct inode *dir, struct dentry *d, u32 mode,
		      struct inode **out); /* regular files */
	int (*mknod)(struct inode *dir, struct dentry *d, u32 mode, u32 rdev, struct inode **out);
	int (*mkdir)(struct inode *dir, struct dentry *d, u32 mode, struct inode **out);
	int (*symlink)(struct inode *dir, struct dentry *d, const char *target, struct inode **out);
	int (*link)(struct inode *dir, struct dentry *d, struct inode *target);
	int (*unlink)(struct inode *dir, struct dentry *d);
	int (*rmdir)(struct inode *dir, struct dentry *d);
	int (*rename)(struct inode *od, struct dentry *o, struct inode *nd, struct dentry *n,
		      u32 flags);
	struct inode *(*tmpfile)(struct inode *dir, u32 mode);
	/* A name for an object (fs/bpffs.h); NULL: -EPERM. */
	int (*pin)(struct inode *dir, struct dentry *d, u32 mode, void *pin, struct inode **out);
	/* Symlink text: points into memory that stays while the inode is referenced, or (magic)
	 * jumps: sets *jump to a referenced path. */
	const char *(*readlink)(struct inode *i, char *buf, size_t size);
	int (*follow)(struct inode *i, struct path *jump);
	int (*setattr)(struct inode *i, struct iattr *attr);	/* NULL: inode_setattr_simple */
	int (*permission)(struct inode *i, u32 may);		/* NULL: mode bits */
	void (*getattr)(struct inode *i, struct kstat *st);	/* NULL: from the inode */
	bool (*revalidate)(struct dentry *d); /* false: drop the cached dentry (proc) */
	void (*evict)(struct inode *i); /* last reference gone: free private data */
};

struct inode {
	ref_t ref;
	u32 mode, nlink, uid, gid, rdev;
	u32 flags;			/* IF_* */
	u64 ino;
	struct super *sb;
	const struct inode_ops *ops;
	const struct file_ops *fops;
	struct rwsem lock;		/* directory contents, size changes, attributes */
	struct time64 atime, mtime, ctime, btime;
	struct mapping mapping;		/* regular files: size is mapping.size */
	u64 version;
	atomic_t writers; /* > 0: open for writing; < 0: programs being run (ETXTBSY) */
	void *private;			/* the file system's, or the device's / pipe's */
	void *private2;
	struct rcu_head rcu;
};

enum {
	IF_LINKTEXT = 1, /* symlink: private is the text (kmalloc'ed, freed with the inode),
			    mapping.size its length */
	IF_LINKABLE = 2, /* made by O_TMPFILE: may get a name although it has none */
};
struct iattr { u32 valid; u32 mode, uid, gid; u64 size; struct time64 atime, mtime; };
enum {
	ATTR_MODE = 1,
	ATTR_UID = 2,
	ATTR_GID = 4,
	ATTR_SIZE = 8,
	ATTR_ATIME = 16,
	ATTR_MTIME = 32,
	ATTR_ATIME_NOW = 64,
	ATTR_MTIME_NOW = 128
};
struct kstat {
	u64 dev, ino, nlink, size, blocks;
	u32 mode, uid, gid, rdev, blksize;
	struct time64 atime, mtime, ctime, btime;
	u64 mnt_id;
};
enum { MAY_EXEC = 1, MAY_WRITE = 2, MAY_READ = 4 };

struct inode *inode_new(struct super *sb,
			u32 mode); /* ref 1, current owner and time; NULL: no memory */
/* Drops a reference; the last one frees the inode with the pages that it has. Sleeps. */
void inode_put(struct inode *i);
/* One more, for who has one. */
static inline struct inode *inode_get(struct inode *i) { ref_get(&i->ref); return i; }
int inode_permission(struct inode *i, u32 may);		/* current fsuid/fsgid/caps; 0 or -EACCES */
/* mnt_id becomes 0. */
void inode_stat(struct inode *i, struct kstat *st);

/* --- dentries and paths -------------------------------------------------------------------------
 */
struct dentry {
	struct hnode link;		/* hash bucket; bucket lock, read under RCU */
	struct dentry *parent;		/* itself at a root; changes by rename only */
	u32 hash, len;
	char *name; /* NUL-terminated; iname or its own memory (freed after a grace period) */
	struct inode *inode; /* NULL: negative. Never changes once the dentry is hashed */
	u32 flags;			/* DF_*; changed atomically */
	atomic_t count; /* 0: unused but cached; DENTRY_DEAD: being freed. dget_live from an RCU
			   lookup */
	char iname[32];
	struct super *sb;
	struct spinlock lock;		/* children */
	struct list children, sibling;
	struct list lru;
	u64 pos;			/* the file system's: position in a directory listing */
	struct rcu_head rcu;
};
enum {
	DF_MOUNTED = 1, /* something is mounted here (in some mount) */
	DF_UNLINKED = 2, /* removed from its directory */
	DF_LRU = 4,
	DF_REFERENCED = 8,
	DF_REVALIDATE = 16, /* inode->ops->revalidate is asked at each lookup */
	DF_SYMLINK = 32,
	DF_DIR = 64,
	DF_ONAME = 128, /* name is its own memory */
	DF_SLOW = 256, /* the inode has revalidate, permission or getattr: they may sleep */
};
struct path { struct mount *mnt; struct dentry *dentry; };
void path_get(const struct path *p);
void path_put(const struct path *p);

enum {
	LOOKUP_FOLLOW = 1,
	LOOKUP_DIRECTORY = 2,
	LOOKUP_PARENT = 4,
	LOOKUP_EMPTY = 8,
	LOOKUP_NO_SYMLINKS = 16,
	LOOKUP_NO_XDEV = 32,
	LOOKUP_BENEATH = 64,
	LOOKUP_IN_ROOT = 128,
	LOOKUP_NO_MAGIC = 256
};
/* Resolves name from dirfd (AT_FDCWD or descriptor). *out is referenced. */
int path_lookup(int dirfd, const char *name, u32 flags, struct path *out);
/* The absolute path as the current root sees it, built at the end of buf; ERR_PTR(-ENAMETOOLONG); "
 * (deleted)" appended. */
char *path_to_string(const struct path *p, char *buf, size_t size);
/* Makes a node (regular, device, FIFO, socket; mode with its type) at name, which must not exist:
 * -EEXIST. No umask here. */
int vfs_mknod(int dirfd, const char *name, u32 mode, u32 rdev);
/* A socket's name, which *made is (referenced), whatever becomes of the name meanwhile. */
int vfs_make_socket(const char *name, u32 mode, struct path *made);
/* A regular file made by the directory's pin operation. */
int vfs_pin(int dirfd, const char *name, u32 mode, void *pin);
int vfs_mkdir(int dirfd, const char *name, u32 mode);
int vfs_symlink(const char *target, int dirfd, const char *name);
int vfs_link(const struct path *old, int dirfd, const char *name);
int vfs_unlink(int dirfd, const char *name);
int vfs_rmdir(int dirfd, const char *name);
/* flags: RENAME_NOREPLACE, RENAME_EXCHANGE. */
int vfs_rename(int odirfd, const char *oname, int ndirfd, const char *nname, u32 flags);
u32 current_umask(void);
/* Root and working directory of a task (NULL: the current one), referenced. -ESRCH once it has
 * none. */
struct task;
int task_root(struct task *t, struct path *out);
int task_cwd(struct task *t, struct path *out);
u32 task_umask(struct task *t);
/* Opening a FIFO ends here (fs/fifo.c); inode->private is its pipe, freed at the inode's end by
 * fifo_evict. */
extern const struct file_ops fifo_file_ops;
void fifo_evict(struct inode *i);

/* --- open files ----------------------------------------------------------------------------------
 */
struct file_ops {		/* NULL members give the errno that Linux gives */
	ssize_t (*read)(struct file *f, struct uio *u, u64 *pos);
	ssize_t (*write)(struct file *f, struct uio *u, u64 *pos);
	off64 (*seek)(struct file *f, off64 off, int whence);
	int (*readdir)(struct file *f, struct dir_context *ctx);
	i64 (*ioctl)(struct file *f, u32 cmd, u64 arg);
	u32 (*poll)(struct file *f, struct poll_table *pt);	/* fs/poll.h */
	int (*mmap)(struct file *f, struct vma *vma);
	int (*open)(struct inode *i, struct file *f);
	void (*flush)(struct file *f);			/* each close(2) */
	void (*release)(struct file *f);		/* last reference */
	int (*fsync)(struct file *f);
	int (*fallocate)(struct file *f, int mode, u64 off, u64 len);
	void (*fdinfo)(struct file *f, struct seq *s);	/* more lines for /proc/PID/fdinfo */
};
struct file {
	struct backing backing;		/* first: what mm maps */
	ref_t ref;
	u32 flags;			/* O_* as open and fcntl keep them */
	u32 mode;			/* FMODE_* */
	const struct file_ops *ops;
	struct inode *inode;
	struct path path;
	struct mutex pos_lock;
	u64 pos;
	const struct cred *cred;	/* at open */
	void *private;
	struct list epolls;		/* epoll items that watch it; ep's lock */
	struct spinlock ep_lock;
	bool watched; /* has been on an epoll: its end tells epoll, once and for all */
	u32 audit;			/* fs/audit.c */
	u64 version;
	struct rcu_head rcu;
};
enum {
	FMODE_READ = 1,
	FMODE_WRITE = 2,
	FMODE_SEEK = 4,
	FMODE_PATH = 8,
	FMODE_STREAM = 16,
	FMODE_EXEC = 32,
	FMODE_LOCKED_POS = 64,	/* regular files, directories */
	FMODE_NOWAIT = 128	/* looks at UIO_NOWAIT */
};

/* Opens by path for the kernel or a system call; mode applies with O_CREAT. ERR_PTR. */
struct file *file_open(int dirfd, const char *name, int flags, u32 mode);
struct file *file_open_path(const struct path *p, int flags);
static inline struct file *file_get(struct file *f) { ref_get(&f->ref); return f; }
void file_put(struct file *f);
/* fs/epoll.c: the last reference to a file that epolls watch goes. */
void file_epoll_gone(struct file *f);
ssize_t file_read(struct file *f, struct uio *u, u64 *pos);	/* checks modes, counts */
ssize_t file_write(struct file *f, struct uio *u, u64 *pos);
ssize_t file_read_kernel(struct file *f, void *buf, size_t n, u64 pos);	/* exec */
/* A file without a name: pipes, sockets, eventfd, epoll, pidfd. "anon_inode:NAME" or a pseudo file
 * system's inode. ERR_PTR. */
struct file *anon_file(const char *name, const struct file_ops *ops, void *private, int flags);
struct file *anon_file_inode(struct inode *i, const char *name, const struct file_ops *ops,
			     void *private, int flags);

/* --- descriptors (fs/files.c) ---------------------------------------------------------- */
/*
 * The file at fd for the length of one system call of the current task; ref.file is NULL if there
 * is none. Where the table has one user nobody can close it meanwhile, so no reference is taken: do
 * not keep ref.file (file_get it).
 */
struct fdref { struct file *file; bool put; };
struct fdref fdref_get(int fd);			/* not O_PATH files */
struct fdref fdref_get_any(int fd);
static inline void fdref_put(struct fdref r)
{
	if (r.put)
		file_put(r.file);
}
/* Always referenced (drop with fd_put) or NULL: to keep it, or where speed does not matter. */
struct file *fd_get(int fd);			/* not O_PATH files */
struct file *fd_get_any(int fd);
static inline void fd_put(struct file *f) { file_put(f); }
/* Lowest free descriptor >= from, reserved; -EMFILE. Then fd_install (takes over the reference) or
 * fd_unreserve. */
int fd_reserve(int from, int flags);		/* flags: O_CLOEXEC */
void fd_install(int fd, struct file *f);
void fd_unreserve(int fd);
int fd_publish(struct file *f, int flags);	/* reserve and install; puts f on failure */
int fd_close(int fd);
void fd_close_on_exec(void);
/* For /proc: the file at fd of another task, referenced, and the next used fd >= from or -1. */
struct file *task_fd_get(struct task *t, int fd);
int task_fd_next(struct task *t, int from);

/* --- file systems and mounts ----------------------------------------------------------- */
struct super {
	const struct fs_type *type;
	u32 dev;			/* minor of an anonymous device */
	u64 magic, max_bytes;
	struct dentry *root;
	atomic64_t next_ino;
	void *private;
	const struct super_ops *ops;
	ref_t ref;
	u32 flags;			/* SB_* */
	struct list link;
	struct rcu_head rcu;
};
enum {
	SB_COMPLETE = 1, /* the dcache holds every name there is: a miss needs no lookup (tmpfs) */
	SB_NOCACHE = 2, /* unused dentries go at once */
};
struct super_ops {
	void (*statfs)(struct super *s, struct statfs64 *st);
	void (*kill)(struct super *s);
	int (*options)(struct super *s, char *buf, size_t n);
	/* mount -o remount; NULL: options change nothing. 0, -EINVAL. */
	int (*remount)(struct super *s, const char *data);
};
struct fs_type {
	const char *name;
	/* Makes (or finds, for single-instance types) the super; data: the mount options string or
	 * NULL. ERR_PTR. */
	struct super *(*mount)(const struct fs_type *t, const char *source, const char *data);
	bool nodev;
	struct list link;
};
void fs_register(struct fs_type *t);
/* For mount methods: a super with one reference and no root. NULL: no memory. Then its root; on
 * failure of that, super_put. */
struct super *super_new(const struct fs_type *t, u64 magic, const struct super_ops *ops, u32 flags);
int super_set_root(
	struct super *sb,
	struct inode *root); /* takes over the inode reference, also on failure (-ENOMEM) */
void super_put(struct super *sb);
struct mount {
	ref_t ref;
	u32 id;
	struct super *sb;
	struct dentry *root;
	struct mount *parent;
	struct dentry *at;
	u32 flags;
	bool hold;			/* becomes read-only perhaps: writers wait, briefly */
	atomic_t writers;		/* files open for writing */
	struct list link;
	struct hnode hash;
	char *source;
};
int vfs_mount(const char *source, const char *target, const char *type, u32 flags,
	      const char *data);
/* Prints each mount as /proc/mounts (or mountinfo) shows it, seen from the current root. */
void mounts_show(struct seq *s, bool mountinfo);

/* --- devices --------------------------------------------------------------------------- */
/* Registers a character device and makes its node in devtmpfs (name may hold one '/'). */
int chrdev_register(u32 major, u32 minor, const char *name, u32 mode, const struct file_ops *ops,
		    void *private);
static inline u32 mkdev(u32 major, u32 minor)
{
	return (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
}
static inline u32 dev_major(u32 d) { return (d >> 8) & 0xfff; }
static inline u32 dev_minor(u32 d) { return (d & 0xff) | ((d >> 12) & 0xfff00); }

int initramfs_unpack(const void *data, size_t len); /* concatenated newc archives, plain or gzip */
#endif
