/* SPDX-License-Identifier: BSD-2-Clause */
/* What the files of fs/ share among themselves. */
#ifndef FS_INTERNAL_H
#define FS_INTERNAL_H
#include <base/alloc.h>
#include <base/errno.h>
#include <base/string.h>
#include <lib/format.h>
#include <fs/fd.h>
#include <fs/vfs.h>
#include <fs/name.h>
#include <task/task.h>
#include <linux/fcntl.h>



#define DENTRY_DEAD	(-0x10000)

/* --- inode.c, attr.c ------------------------------------------------------------------- */
void inode_cache_init(void);
struct time64 time_now(void);
bool inode_owner_or_capable(const struct inode *i);
void file_accessed(struct file *f);		/* relatime */
void inode_modified(struct inode *i);		/* mtime and ctime now */
void inode_drop_suid(
	struct inode *i); /* a write by somebody without CAP_FSETID; inode->lock held */
int inode_setattr_locked(struct inode *i, struct iattr *a);	/* i->lock held for writing */
int inode_setattr(struct inode *i,
		  struct iattr *a); /* takes inode->lock; permission has been checked */
/* Group (setgid directories) and mode of something new in dir; owner and group are set already. */
void inode_init_owner(struct inode *i, const struct inode *dir, u32 mode);
static inline u32 inode_type(const struct inode *i) { return i->mode & S_IFMT; }
static inline bool is_dir(const struct inode *i) { return S_ISDIR(i->mode); }
static inline bool time_before(struct time64 a, struct time64 b)
{
	return a.sec != b.sec ? a.sec < b.sec : a.nsec < b.nsec;
}

/* --- dcache.c -------------------------------------------------------------------------- */
extern struct spinlock rename_lock;	/* writers of names and parents */
extern u32 rename_seq;			/* odd while one writes */
void dcache_init(void);
u32 name_hash(const struct dentry *parent, const char *name,
	      u32 *len); /* up to '/' or NUL; sets the length */
/* RCU read side held: no reference is taken. */
struct dentry *dcache_find_rcu(struct dentry *parent, const char *name, u32 len, u32 hash);
bool dget_live(struct dentry *d);	/* under RCU; false: it is being freed */
static inline struct dentry *dget(struct dentry *d)
{
	atomic_inc(&d->count);
	return d;
}
void dput(struct dentry *d);
/* Referenced, hashed or NULL. */
struct dentry *dcache_find(struct dentry *parent, const char *name, u32 len);
/* A new dentry, referenced once, not hashed, child of parent (which it references). NULL: no
 * memory. */
struct dentry *dentry_new(struct dentry *parent, const char *name, u32 len);
struct dentry *dentry_new_root(struct super *sb, struct inode *i);
/* Gives d its inode (reference taken over; NULL: negative) and hashes it. Parent's inode->lock
 * held, or see namei. */
void dentry_attach(struct dentry *d, struct inode *i);
/* As dentry_attach unless the name is cached meanwhile: then d and i are dropped and the cached one
 * returned. */
struct dentry *dentry_attach_unique(struct dentry *d, struct inode *i);
/* Gives d an inode without making it findable: O_TMPFILE, pipes. */
void dentry_attach_hidden(struct dentry *d, struct inode *i);
void dentry_unhash(struct dentry *d);	/* not found any more: unlinked or stale */
/* Moves o to parent np under the name of n (which is unhashed) or, exchange, swaps both. name
 * memory is prepared before. */
struct dname_prep { char *a, *b; };
int dentry_move_prepare(struct dname_prep *p, struct dentry *o, struct dentry *n, bool exchange);
void dentry_move_abort(struct dname_prep *p);
void dentry_move(struct dname_prep *p, struct dentry *o, struct dentry *n, bool exchange);
bool dentry_is_below(const struct dentry *d,
		     const struct dentry *top); /* rename_lock held, or nothing moves */
struct dentry *dget_parent(struct dentry *d);
void dcache_drop_super(
	struct super *sb); /* unhashes and frees the tree below sb->root, pins too; no users left */
struct dcache_count { u64 total, hashed, lru_counter, on_lru; bool bad_lru, bad_parent; };
void dcache_recount(struct dcache_count *c);
/* fn under RCU, for every hashed dentry. */
void dcache_for_each(void (*fn)(struct dentry *d, void *arg), void *arg);
/* fn for each super that has all of flags; the list of supers stands still meanwhile. */
void supers_for_each(u32 flags, void (*fn)(struct super *sb, void *arg), void *arg);
u64 dcache_shrink(u64 n);			/* frees up to n unused dentries */
struct dcache_state { u64 total, unused, negative; };	/* negative: of the unused */
void dcache_state(struct dcache_state *s);

/* --- mount.c --------------------------------------------------------------------------- */
extern struct mount *root_mount;
struct mount *mount_find_rcu(struct mount *parent, struct dentry *at);
bool mount_get_live(struct mount *m);
static inline void mount_get(struct mount *m) { ref_get(&m->ref); }
void mount_put(struct mount *m);
static inline bool mount_readonly(const struct mount *m)
{
	return READ_ONCE(m->flags) & 1 /* MS_RDONLY */;
}
bool mount_crossed(struct mount **m,
		   struct dentry **d); /* RCU: down through what is mounted on *d */
bool dentry_is_mountpoint(struct dentry *d);
/* A file of m is opened for writing: m does not become read-only until mount_write_end. -EROFS. */
int mount_write_begin(struct mount *m);
static inline void mount_write_end(struct mount *m) { atomic_dec(&m->writers); }

/* --- fs_ctx.c -------------------------------------------------------------------------- */
struct fs_ctx {
	ref_t users;
	struct spinlock lock; /* root, cwd: writers, and readers that are not the only user */
	u32 umask;
	struct path root, cwd;
};
extern struct fs_ctx init_fs;
static inline struct fs_ctx *current_fs(void)
{
	return current->fs ? current->fs : &init_fs;
}
void fs_get_root(struct path *out);
void fs_get_cwd(struct path *out);
void fs_set_root(const struct path *p);		/* takes over the reference */
void fs_set_cwd(const struct path *p);

/* --- namei.c, namei_ops.c -------------------------------------------------------------- */
/* Child of dir: referenced, maybe negative, or NULL: absent; dir's inode->lock held (any way).
 * ERR_PTR. */
struct dentry *lookup_one(struct dentry *dir, const char *name, u32 len);
/* Under RCU: the path by the dcache alone, nothing referenced. Found: never a negative dentry.
 * Unknown: walk instead. */
enum fast_result { FAST_UNKNOWN, FAST_FOUND, FAST_ABSENT };
enum fast_result lookup_fast(int dirfd, const char *name, u32 flags, struct mount **m,
			     struct dentry **d);
int may_create(struct mount *m, struct dentry *dir);	/* dir's inode->lock held */
/* A regular file name in dir, whose lock is held for writing; nothing is cached under that name, or
 * a negative dentry. */
struct dentry *create_locked(struct dentry *dir, const char *name, u32 len, u32 mode, u32 rdev);
struct file *fd_peek(int fd);		/* borrowed; NULL also where the table is shared */

/* --- protect.c: fs.protected_* --------------------------------------------------------- */
extern u32 protected_symlinks;		/* not 0: may_follow_link is to be asked */
/* link in dir, whose target's name has rest behind it. Any context. */
bool may_follow_link(const struct inode *dir, const struct inode *link, const char *rest);
bool may_make_link(struct inode *i);		/* another name for i */
/* i was there when dir/NAME was opened with O_CREAT. */
bool may_open_for_create(const struct inode *dir, const struct inode *i);

/* --- open.c
 * ------------------------------------------------------------------------------------------------
 */
extern const struct backing_ops file_backing_ops;
struct file *file_alloc(int flags); /* ref 1; ops, inode and path unset. ERR_PTR(-ENFILE), (-ENOMEM) */
extern u64 file_max;	/* open files there may be: fs.file-max */
void file_free_unopened(struct file *f);
/* f, a regular file, writes: it cannot be run, its mount not become read-only. -ETXTBSY, -EROFS. */
int file_take_writer(struct file *f);
int file_bind(struct file *f);		/* path and inode are set: ops, modes, ops->open */

/* --- tmpfs.c
 * ------------------------------------------------------------------------------------------------
 */
struct super *tmpfs_mount(const struct fs_type *t, const char *source, const char *data);
extern const struct file_ops tmpfs_file_ops, tmpfs_dir_fops;
extern const struct inode_ops tmpfs_dir_ops;

/* --- chrdev.c, devtmpfs.c -------------------------------------------------------------- */
int chrdev_open(struct inode *i, struct file *f);
int devtmpfs_init(void);
void chrdev_for_each(void (*fn)(const char *name, u32 mode, u32 rdev));
int devtmpfs_add(const char *name, u32 mode, u32 rdev);
#endif
