/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Making, linking and removing names. The directory's inode->lock is held for writing from the
 * look-up of the name to the change. What is removed or linked is locked after its directory. A
 * directory that was removed has DF_UNLINKED set under its own lock, and nothing can be made in it
 * from then on.
 */
#include "walk.h"
#include <linux/mount.h>

int may_create(struct mount *m, struct dentry *dir)
{
	if (dir->flags & DF_UNLINKED)
		return -ENOENT;
	if (mount_readonly(m))
		return -EROFS;
	return inode_permission(dir->inode, MAY_WRITE | MAY_EXEC);
}

/* The walk to name's directory, locked for writing. On 0 end with names_end. */
static int names_begin(struct walk *w, int dirfd, const char *name)
{
	int err = walk_begin(w, dirfd, name, 0);

	if (err)
		return err;
	err = walk_to_last(w);
	if (err) {
		walk_end(w);
		return err;
	}
	write_lock(&w->cur.dentry->inode->lock);
	return 0;
}

static void names_end(struct walk *w)
{
	write_unlock(&w->cur.dentry->inode->lock);
	walk_end(w);
}

static bool absent(const struct dentry *d) { return !d || !d->inode; }

/* A negative dentry must not be found any more once the name exists. */
static void drop_negative(struct dentry *d)
{
	if (!d)
		return;
	dentry_unhash(d);
	dput(d);
}

/* Checks that the walk's last name can be made. 0, or an error. */
static int want_absent(struct walk *w, bool dir)
{
	struct dentry *d;
	int err;

	if (w->type != LAST_NORM)
		return -EEXIST;
	if (w->cur.dentry->flags & DF_UNLINKED)
		return -ENOENT;
	d = lookup_one(w->cur.dentry, w->last, w->last_len);
	if (IS_ERR(d))
		return (int)PTR_ERR(d);
	if (!absent(d)) {
		dput(d);
		return -EEXIST;
	}
	err = w->trailing && !dir ? -ENOENT : may_create(w->cur.mnt, w->cur.dentry);
	if (err && d)
		dput(d);
	else
		drop_negative(d);
	return err;
}

/* What is to be made. */
struct node {
	u32 mode;		/* with its type */
	u32 rdev;
	const char *target;	/* of a symlink */
	void *pin;		/* of vfs_pin, else NULL */
};

static int do_create(struct inode *di, struct dentry *d, const struct node *n, struct inode **out)
{
	static const struct inode_ops none;
	const struct inode_ops *ops = di->ops ?: &none;

	if (n->pin)
		return ops->pin ? ops->pin(di, d, n->mode, n->pin, out) : -EPERM;
	switch (n->mode & S_IFMT) {
	case S_IFREG:
		return ops->create ? ops->create(di, d, n->mode, out) : -EACCES;
	case S_IFDIR:
		return ops->mkdir ? ops->mkdir(di, d, n->mode, out) : -EPERM;
	case S_IFLNK:
		return ops->symlink ? ops->symlink(di, d, n->target, out) : -EPERM;
	default:
		return ops->mknod ? ops->mknod(di, d, n->mode, n->rdev, out) : -EPERM;
	}
}

static struct dentry *make_locked(struct dentry *dir, const char *name, u32 len,
				  const struct node *n)
{
	struct dentry *d = dentry_new(dir, name, len);
	struct inode *i = NULL;
	int err;

	if (!d)
		return ERR_PTR(-ENOMEM);
	err = do_create(dir->inode, d, n, &i);
	if (err) {
		dput(d);
		return ERR_PTR(err);
	}
	dentry_attach(d, i);
	return d;
}

struct dentry *create_locked(struct dentry *dir, const char *name, u32 len, u32 mode, u32 rdev)
{
	return make_locked(dir, name, len, &(struct node){ mode, rdev, NULL, NULL });
}

/* made: where it is, referenced; may be NULL. */
static int make(int dirfd, const char *name, const struct node *n, struct path *made)
{
	struct walk w;
	struct dentry *d;
	int err = names_begin(&w, dirfd, name);

	if (err)
		return err;
	err = want_absent(&w, S_ISDIR(n->mode));
	if (!err) {
		d = make_locked(w.cur.dentry, w.last, w.last_len, n);
		if (IS_ERR(d)) {
			err = (int)PTR_ERR(d);
		} else if (made) {
			*made = (struct path){ w.cur.mnt, d };
			mount_get(made->mnt);
		} else {
			dput(d);
		}
	}
	names_end(&w);
	return err;
}

int vfs_mkdir(int dirfd, const char *name, u32 mode)
{
	return make(dirfd, name, &(struct node){ .mode = S_IFDIR | (mode & 01777) }, NULL);
}

int vfs_pin(int dirfd, const char *name, u32 mode, void *pin)
{
	return make(dirfd, name, &(struct node){ .mode = S_IFREG | (mode & 0777), .pin = pin }, NULL);
}

int vfs_symlink(const char *target, int dirfd, const char *name)
{
	if (!*target)
		return -ENOENT;
	return make(dirfd, name, &(struct node){ .mode = S_IFLNK | 0777, .target = target }, NULL);
}

int vfs_mknod(int dirfd, const char *name, u32 mode, u32 rdev)
{
	switch (mode & S_IFMT) {
	case 0:
		mode |= S_IFREG;
		break;
	case S_IFREG: case S_IFIFO: case S_IFSOCK:
		break;
	case S_IFCHR: case S_IFBLK:
		if (!capable(CAP_MKNOD))
			return -EPERM;
		break;
	case S_IFDIR:
		return -EPERM;
	default:
		return -EINVAL;
	}
	return make(dirfd, name, &(struct node){ .mode = mode & (S_IFMT | 07777), .rdev = rdev }, NULL);
}

int vfs_make_socket(const char *name, u32 mode, struct path *made)
{
	return make(AT_FDCWD, name, &(struct node){ .mode = S_IFSOCK | (mode & 07777) }, made);
}

/* --- link
 * ------------------------------------------------------------------------------------------------------
 */
/* di is locked. i becomes d's inode, one link more. */
static int link_locked(struct inode *di, struct dentry *d, struct inode *i)
{
	int err;

	if (is_dir(i) || !di->ops || !di->ops->link)
		return -EPERM;
	write_lock(&i->lock);
	if (!i->nlink && !(i->flags & IF_LINKABLE)) {
		write_unlock(&i->lock);
		return -ENOENT;
	}
	err = di->ops->link(di, d, i);
	write_unlock(&i->lock);
	if (!err)
		dentry_attach(d, inode_get(i));
	return err;
}

int vfs_link(const struct path *old, int dirfd, const char *name)
{
	struct walk w;
	struct dentry *d;
	int err = names_begin(&w, dirfd, name);

	if (err)
		return err;
	err = want_absent(&w, false);
	if (!err && old->mnt != w.cur.mnt)
		err = -EXDEV;
	if (!err && !may_make_link(old->dentry->inode))
		err = -EPERM;
	if (!err) {
		d = dentry_new(w.cur.dentry, w.last, w.last_len);
		err = d ? link_locked(w.cur.dentry->inode, d, old->dentry->inode) : -ENOMEM;
		if (d)
			dput(d);
	}
	names_end(&w);
	return err;
}

/* --- unlink, rmdir
 * ------------------------------------------------------------------------------------------------
 */
/* Write permission on the directory, and in a sticky one ownership of it or the victim. */
static int may_delete(struct mount *m, struct dentry *dir, struct inode *victim)
{
	int err = may_create(m, dir);
	u32 uid = current_cred()->fsuid;

	if (err)
		return err;
	if (dir->inode->mode & S_ISVTX && victim->uid != uid && dir->inode->uid != uid &&
	    !capable(CAP_FOWNER))
		return -EPERM;
	return 0;
}

/* The existing child the walk ends at. */
static struct dentry *want_present(struct walk *w)
{
	struct dentry *d = lookup_one(w->cur.dentry, w->last, w->last_len);

	if (IS_ERR(d))
		return d;
	if (!absent(d))
		return d;
	if (d)
		dput(d);
	return ERR_PTR(-ENOENT);
}

static int unlink_locked(struct walk *w, struct dentry *d)
{
	struct inode *di = w->cur.dentry->inode, *i = d->inode;
	int err = may_delete(w->cur.mnt, w->cur.dentry, i);

	if (err)
		return err;
	if (is_dir(i))
		return -EISDIR;
	if (w->trailing)
		return -ENOTDIR;
	if (dentry_is_mountpoint(d))
		return -EBUSY;
	if (!di->ops || !di->ops->unlink)
		return -EPERM;
	write_lock(&i->lock);
	err = di->ops->unlink(di, d);
	write_unlock(&i->lock);
	if (!err)
		dentry_unhash(d);
	return err;
}

static int rmdir_locked(struct walk *w, struct dentry *d)
{
	struct inode *di = w->cur.dentry->inode, *i = d->inode;
	int err = may_delete(w->cur.mnt, w->cur.dentry, i);

	if (err)
		return err;
	if (!is_dir(i))
		return -ENOTDIR;
	if (dentry_is_mountpoint(d))
		return -EBUSY;
	if (!di->ops || !di->ops->rmdir)
		return -EPERM;
	write_lock(&i->lock);
	err = di->ops->rmdir(di, d);
	if (!err)
		atomic_or(&d->flags, DF_UNLINKED);
	write_unlock(&i->lock);
	if (!err)
		dentry_unhash(d);
	return err;
}

static int remove_name(int dirfd, const char *name, bool dir)
{
	struct walk w;
	struct dentry *d;
	int err = names_begin(&w, dirfd, name);

	if (err)
		return err;
	if (w.type != LAST_NORM) {
		err = !dir		      ? -EISDIR
		      : w.type == LAST_DOT    ? -EINVAL
		      : w.type == LAST_DOTDOT ? -ENOTEMPTY
					      : -EBUSY;
		names_end(&w);
		return err;
	}
	d = want_present(&w);
	if (IS_ERR(d)) {
		names_end(&w);
		return (int)PTR_ERR(d);
	}
	err = dir ? rmdir_locked(&w, d) : unlink_locked(&w, d);
	write_unlock(&w.cur.dentry->inode->lock);
	dput(d);		/* the last user's work is done without the directory's lock */
	walk_end(&w);
	return err;
}

int vfs_unlink(int dirfd, const char *name) { return remove_name(dirfd, name, false); }
int vfs_rmdir(int dirfd, const char *name) { return remove_name(dirfd, name, true); }
