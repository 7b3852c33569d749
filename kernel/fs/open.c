/* SPDX-License-Identifier: BSD-2-Clause */
/* Open files: their life, opening by path, and what mm sees of them (struct backing). */
#include "walk.h"
#include <fs/fd.h>
#include <fs/open.h>
#include <linux/mount.h>

static struct slab_cache *file_cache;
static i64 nr_files;
u64 file_max;

/* A file, with what usually belongs to it, is taken for 1 KiB; all of them get a tenth of memory. */
void file_cache_init(void)
{
	struct mem_totals m;

	file_cache = slab_create("file", sizeof(struct file), 64);
	if (!file_cache)
		panic("no memory for open files");
	mem_totals(&m);
	file_max = max((m.total << (PAGE_SHIFT - 10)) / 10, 8192ul);
}

u64 files_open(void) { return (u64)READ_ONCE(nr_files); }

/* --- backing: struct file as mm maps it ------------------------------------------------ */
static struct file *file_of(struct backing *b) { return container_of(b, struct file, backing); }
static void backing_get(struct backing *b) { file_get(file_of(b)); }
static void backing_put(struct backing *b) { file_put(file_of(b)); }

static struct backing_id backing_id(struct backing *b)
{
	struct inode *i = file_of(b)->inode;

	return (struct backing_id){ i->sb ? mkdev(0, i->sb->dev) : 0, i->ino };
}

static int backing_path(struct backing *b, char *buf, size_t size)
{
	char *s = path_to_string(&file_of(b)->path, buf, size);
	int n;

	if (IS_ERR(s))
		return (int)PTR_ERR(s);
	n = (int)strlen(s);
	memmove(buf, s, (size_t)n + 1);
	return n;
}

static int backing_mmap(struct backing *b, struct vma *vma)
{
	struct file *f = file_of(b);

	if (f->ops && f->ops->mmap)
		return f->ops->mmap(f, vma);
	if (!b->mapping)
		return -ENODEV;
	file_accessed(f);
	return 0;
}

const struct backing_ops file_backing_ops = {
	.get = backing_get,
	.put = backing_put,
	.id = backing_id,
	.path = backing_path,
	.mmap = backing_mmap,
};

/* --- life
 * ----------------------------------------------------------------------------------------------------------
 */
struct file *file_alloc(int flags)
{
	const struct cred *c = current_cred();
	struct file *f;

	if (unlikely((u64)READ_ONCE(nr_files) >= READ_ONCE(file_max)) && !capable(CAP_SYS_ADMIN))
		return ERR_PTR(-ENFILE);
	f = slab_zalloc(file_cache);
	if (unlikely(!f))
		return ERR_PTR(-ENOMEM);
	ref_init(&f->ref);
	f->flags = (u32)flags & ~(u32)(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC | O_CLOEXEC);
	f->mode = (u32)(flags + 1) & 3; /* O_RDONLY, O_WRONLY, O_RDWR to FMODE_READ | FMODE_WRITE */
	if ((flags & O_ACCMODE) == 3)
		f->mode = 0;
	f->backing.ops = &file_backing_ops;
	mutex_init(&f->pos_lock);
	spin_init(&f->ep_lock);
	list_init(&f->epolls);
	if (c) {
		ref_get((ref_t *)&c->ref);
		f->cred = c;
	}
	__atomic_add_fetch(&nr_files, 1, __ATOMIC_RELAXED);
	return f;
}

static void file_free(struct file *f)
{
	if (f->cred)
		cred_put(f->cred);
	__atomic_sub_fetch(&nr_files, 1, __ATOMIC_RELAXED);
	slab_free(file_cache, f);
}

/* Its path is released too, if it has one; ops->release is not called. */
void file_free_unopened(struct file *f)
{
	if (f->path.dentry)
		path_put(&f->path);
	file_free(f);
}

static bool counts_as_writer(const struct file *f)
{
	return f->mode & FMODE_WRITE && S_ISREG(f->inode->mode);
}

static void drop_writer(struct file *f)
{
	atomic_dec(&f->inode->writers);
	mount_write_end(f->path.mnt);
}

static void __noinline file_last_put(struct file *f)
{
	if (f->watched)
		file_epoll_gone(f);
	if (f->ops && f->ops->release && !(f->mode & FMODE_PATH))
		f->ops->release(f);
	if (counts_as_writer(f))
		drop_writer(f);
	if (f->mode & FMODE_EXEC)	/* set by execve, which denied them */
		file_allow_write(f);
	file_free_unopened(f);
}

void file_put(struct file *f)
{
	if (ref_put(&f->ref))
		file_last_put(f);
}

/* --- opening
 * ----------------------------------------------------------------------------------------------------------
 */
/* Ends of which other parts of the kernel are in charge. */
static const struct file_ops *ops_by_type(const struct inode *i)
{
	return S_ISFIFO(i->mode) ? &fifo_file_ops : i->fops;
}

int file_take_writer(struct file *f)
{
	struct inode *i = f->inode;
	i32 n = atomic_read(&i->writers);
	int err = mount_write_begin(f->path.mnt);

	if (err)
		return err;
	do {
		if (n < 0) {
			mount_write_end(f->path.mnt);
			return -ETXTBSY;
		}
	} while (!__atomic_compare_exchange_n(&i->writers.v, &n, n + 1, true, __ATOMIC_ACQ_REL,
					      __ATOMIC_RELAXED));
	return 0;
}

static int open_by_type(struct file *f)
{
	struct inode *i = f->inode;

	switch (i->mode & S_IFMT) {
	case S_IFCHR:
		if (f->path.mnt->flags & MS_NODEV)
			return -EACCES;
		if (!i->fops)
			return chrdev_open(i, f);
		break;
	case S_IFBLK:
		return f->path.mnt->flags & MS_NODEV ? -EACCES : -ENXIO;
	case S_IFSOCK:
		return -ENXIO;
	case S_IFREG:
		f->backing.mapping = i->fops == &tmpfs_file_ops ? &i->mapping : NULL;
		break;
	default:
		break;
	}
	f->ops = ops_by_type(i);
	if (!f->ops)		/* eventfd and its like by way of /proc/PID/fd: they are no names */
		return -ENXIO;
	return f->ops->open ? f->ops->open(i, f) : 0;
}

static void set_modes(struct file *f)
{
	const struct file_ops *ops = f->ops;

	f->backing.may_write = f->mode & FMODE_WRITE;
	f->backing.may_exec = !(f->path.mnt->flags & MS_NOEXEC);
	if (f->mode & FMODE_STREAM)
		return;
	if (ops && (ops->seek || S_ISREG(f->inode->mode) || is_dir(f->inode)))
		f->mode |= FMODE_SEEK;
	if (S_ISREG(f->inode->mode) || is_dir(f->inode))
		f->mode |= FMODE_LOCKED_POS;
}

int file_bind(struct file *f)
{
	bool writer;
	int err = 0;

	f->inode = f->path.dentry->inode;
	if (unlikely(f->flags & O_PATH)) {
		f->mode = FMODE_PATH;
		f->flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
		f->ops = NULL;
		return 0;
	}
	f->flags |= O_LARGEFILE;
	writer = counts_as_writer(f);
	if (writer)
		err = file_take_writer(f);
	if (err)
		return err;
	err = open_by_type(f);
	if (err) {
		if (writer)
			drop_writer(f);
		return err;
	}
	set_modes(f);
	return 0;
}

/* What an open with these flags needs of the inode; may is 0 for O_PATH. */
static u32 may_of(int flags)
{
	u32 may = (u32)(flags + 1) & 3;		/* 1 read, 2 write */

	if (flags & O_PATH)
		return 0;
	may = (may & 1 ? MAY_READ : 0) | (may & 2 ? MAY_WRITE : 0);
	if ((flags & O_ACCMODE) == 3)
		may = MAY_READ | MAY_WRITE;
	if (flags & O_TRUNC)
		may |= MAY_WRITE;
	return flags & OPEN_EXEC ? MAY_EXEC : may;
}

/* Checks on the object a path led to. */
static int may_open(const struct path *p, int flags)
{
	struct inode *i = p->dentry->inode;
	u32 may = may_of(flags);

	if (flags & O_PATH)
		return 0;
	if (S_ISLNK(i->mode))
		return -ELOOP;
	if (is_dir(i) && (may & MAY_WRITE || flags & O_CREAT))
		return -EISDIR;
	if (flags & OPEN_EXEC && (!S_ISREG(i->mode) || p->mnt->flags & MS_NOEXEC))
		return -EACCES;
	if (may & MAY_WRITE && mount_readonly(p->mnt) && (S_ISREG(i->mode) || is_dir(i)))
		return -EROFS;
	if (flags & O_NOATIME && !inode_owner_or_capable(i))
		return -EPERM;
	return may ? inode_permission(i, may) : 0;
}

/* f takes over p's references; on failure f is gone with them. */
static struct file *finish_open(struct file *f, const struct path *p, int flags, bool created)
{
	int err = created ? 0 : may_open(p, flags);

	f->path = *p;
	if (!err)
		err = file_bind(f);
	if (err) {
		file_free_unopened(f);
		return ERR_PTR(err);
	}
	if (flags & O_TRUNC && !created && S_ISREG(f->inode->mode)) {
		struct iattr a = { .valid = ATTR_SIZE };

		err = atomic_read(&f->inode->writers) < 0 ? -ETXTBSY	/* opened for reading */
							  : inode_setattr(f->inode, &a);
		if (err) {
			file_put(f);
			return ERR_PTR(err);
		}
	}
	return f;
}

struct file *file_open_path(const struct path *p, int flags)
{
	struct file *f = file_alloc(flags);

	if (IS_ERR(f))
		return f;
	path_get(p);
	return finish_open(f, p, flags, false);
}

/* --- O_CREAT
 * ----------------------------------------------------------------------------------------------------------------
 */
struct create { struct walk w; int flags; u32 mode; bool created; };

/* The last component, with its directory's lock held: found, or made. ERR_PTR. */
static struct dentry *find_or_make(struct create *c)
{
	struct dentry *dir = c->w.cur.dentry, *d = lookup_one(dir, c->w.last, c->w.last_len);
	int err;

	if (IS_ERR(d))
		return d;
	if (d && d->inode)
		return d;
	if (d) {
		dentry_unhash(d);
		dput(d);
	}
	if (c->w.trailing)
		return ERR_PTR(-EISDIR);
	err = may_create(c->w.cur.mnt, dir);
	if (err)
		return ERR_PTR(err);
	c->created = true;
	return create_locked(dir, c->w.last, c->w.last_len, S_IFREG | (c->mode & 07777), 0);
}

/* One try at the last component. *again: it was a symlink, now followed. */
static int create_last(struct create *c, bool *again)
{
	struct inode *di = c->w.cur.dentry->inode;
	struct dentry *d;
	struct path p;
	int err = 0;

	write_lock(&di->lock);
	d = find_or_make(c);
	write_unlock(&di->lock);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	*again = false;
	if (!c->created && c->flags & O_EXCL)
		err = -EEXIST;
	else if (c->w.trailing)
		err = -EISDIR;
	else if (d->flags & DF_SYMLINK)
		err = c->flags & O_NOFOLLOW ? -ELOOP : 0;
	else if (!c->created && !may_open_for_create(di, d->inode))
		err = -EACCES;
	if (!err && d->flags & DF_SYMLINK) {
		*again = true;
		err = walk_follow(&c->w, d, c->w.last + c->w.last_len);
		dput(d);
		return err;
	}
	if (err) {
		dput(d);
		return err;
	}
	mount_get(c->w.cur.mnt);
	p = (struct path){ c->w.cur.mnt, d };
	walk_set(&c->w, &p);
	return walk_cross(&c->w);
}

static int create_walk(struct create *c)
{
	for (;;) {
		bool again;
		int err = walk_to_last(&c->w);

		if (err)
			return err;
		if (c->w.type != LAST_NORM)
			return c->w.type == LAST_NONE && !(c->w.cur.dentry->flags & DF_DIR)
				       ? 0
				       : -EISDIR;
		err = create_last(c, &again);
		if (err || !again)
			return err;
	}
}

static struct file *open_create(int dirfd, const char *name, int flags, u32 mode, u32 lflags,
				struct file *f)
{
	struct create c = { .flags = flags, .mode = mode };
	int err = walk_begin(&c.w, dirfd, name, lflags);
	struct path p;

	if (!err) {
		err = create_walk(&c);
		if (!err) {
			p = c.w.cur;
			path_get(&p);
		}
		walk_end(&c.w);
	}
	if (err) {
		file_free_unopened(f);
		return ERR_PTR(err);
	}
	return finish_open(f, &p, flags, c.created);
}

/* --- O_TMPFILE
 * ----------------------------------------------------------------------------------------------------------------
 */
static int make_tmpfile(const struct path *dir, int flags, u32 mode, struct path *out)
{
	struct inode *di = dir->dentry->inode, *i;
	char name[24];
	struct dentry *d;
	int err = mount_readonly(dir->mnt) ? -EROFS : inode_permission(di, MAY_WRITE | MAY_EXEC);

	if (err)
		return err;
	if (!di->ops || !di->ops->tmpfile)
		return -EOPNOTSUPP;
	i = di->ops->tmpfile(di, S_IFREG | (mode & 07777));
	if (IS_ERR(i))
		return (int)PTR_ERR(i);
	snprintf(name, sizeof(name), "#%llu", (unsigned long long)i->ino);
	d = dentry_new(dir->dentry, name, (u32)strlen(name));
	if (!d) {
		inode_put(i);
		return -ENOMEM;
	}
	if (!(flags & O_EXCL))
		i->flags |= IF_LINKABLE;
	dentry_attach_hidden(d, i);
	mount_get(dir->mnt);
	*out = (struct path){ dir->mnt, d };
	return 0;
}

static struct file *open_tmpfile(int dirfd, const char *name, int flags, u32 mode, u32 lflags,
				 struct file *f)
{
	struct path dir, p;
	int err = path_lookup(dirfd, name, lflags | LOOKUP_DIRECTORY, &dir);

	if (!err) {
		err = make_tmpfile(&dir, flags, mode, &p);
		path_put(&dir);
	}
	if (err) {
		file_free_unopened(f);
		return ERR_PTR(err);
	}
	return finish_open(f, &p, flags, true);
}

struct file *file_open_lookup(int dirfd, const char *name, int flags, u32 mode, u32 lflags)
{
	struct file *f = file_alloc(flags);
	struct path p;
	int err;

	if (IS_ERR(f))
		return f;
	if (!(flags & O_NOFOLLOW))
		lflags |= LOOKUP_FOLLOW;
	if (flags & O_PATH)
		flags &= ~(O_CREAT | O_TRUNC | O_EXCL | O_ACCMODE);
	if ((flags & O_TMPFILE) == O_TMPFILE)
		return open_tmpfile(dirfd, name, flags, mode, lflags, f);
	if (flags & O_CREAT) {
		if (flags & O_EXCL)
			lflags &= ~(u32)LOOKUP_FOLLOW;
		return open_create(dirfd, name, flags, mode, lflags, f);
	}
	if (flags & O_DIRECTORY)
		lflags |= LOOKUP_DIRECTORY;
	err = path_lookup(dirfd, name, lflags, &p);
	if (unlikely(err)) {
		file_free_unopened(f);
		return ERR_PTR(err);
	}
	return finish_open(f, &p, flags, false);
}

struct file *file_open(int dirfd, const char *name, int flags, u32 mode)
{
	return file_open_lookup(dirfd, name, flags, mode, 0);
}

/* --- programs being run
 * -------------------------------------------------------------------------------------------------------
 */
int file_deny_write(struct file *f)
{
	i32 n = atomic_read(&f->inode->writers);

	do {
		if (n > 0)
			return -ETXTBSY;
	} while (!__atomic_compare_exchange_n(&f->inode->writers.v, &n, n - 1, true,
					      __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
	return 0;
}

void file_allow_write(struct file *f) { atomic_inc(&f->inode->writers); }
