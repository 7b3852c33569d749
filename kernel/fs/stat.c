/* SPDX-License-Identifier: BSD-2-Clause */
/* What stat shows of a name or an open file. A cached name needs no reference: the inode is read
 * under RCU. */
#include "internal.h"
#include <fs/stat.h>

static enum fast_result stat_fast(int dirfd, const char *name, u32 lflags, struct kstat *st)
{
	enum fast_result got;
	struct mount *m;
	struct dentry *d;

	rcu_read_lock();
	got = lookup_fast(dirfd, name, lflags, &m, &d);
	if (got == FAST_FOUND && unlikely(d->flags & DF_SLOW))
		got = FAST_UNKNOWN;
	if (likely(got == FAST_FOUND)) {
		inode_stat(d->inode, st);
		st->mnt_id = m->id;
	}
	rcu_read_unlock();
	return got;
}

int path_stat(int dirfd, const char *name, u32 lflags, struct kstat *st)
{
	enum fast_result fast = stat_fast(dirfd, name, lflags, st);
	struct path p;
	int err;

	if (likely(fast != FAST_UNKNOWN))
		return fast == FAST_FOUND ? 0 : -ENOENT;
	err = path_lookup(dirfd, name, lflags, &p);
	if (err)
		return err;
	inode_stat(p.dentry->inode, st);
	st->mnt_id = p.mnt->id;
	path_put(&p);
	return 0;
}

void file_stat(struct file *f, struct kstat *st)
{
	inode_stat(f->inode, st);
	st->mnt_id = f->path.mnt ? f->path.mnt->id : 0;
}

/* --- access(2)
 * -----------------------------------------------------------------------------------------------
 */
int path_access(const struct path *p, u32 may)
{
	struct inode *i = p->dentry->inode;

	if (may & MAY_WRITE && mount_readonly(p->mnt) &&
	    (S_ISREG(i->mode) || is_dir(i) || S_ISLNK(i->mode)))
		return -EROFS;
	if (may & MAY_EXEC && S_ISREG(i->mode) && p->mnt->flags & 8 /* MS_NOEXEC */)
		return -EACCES;
	return may ? inode_permission(i, may) : 0;
}

/* What a link of /proc leads to now. */
static const char *magic_text(struct inode *i, char *buf, size_t size)
{
	const char *text;
	struct path to;
	int err = i->ops->follow(i, &to);

	if (err)
		return ERR_PTR(err);
	text = path_to_string(&to, buf, size);
	path_put(&to);
	return text;
}

ssize_t path_readlink(const struct path *p, char *buf, size_t size, const char **text)
{
	struct inode *i = p->dentry->inode;

	if (!S_ISLNK(i->mode))
		return -EINVAL;
	if (i->flags & IF_LINKTEXT)
		*text = i->private;
	else if (i->ops && i->ops->readlink)
		*text = i->ops->readlink(i, buf, size);
	else if (i->ops && i->ops->follow)
		*text = magic_text(i, buf, size);
	else
		return -EINVAL;
	return IS_ERR(*text) ? PTR_ERR(*text) : (ssize_t)strlen(*text);
}

/* --- chmod, chown, utimes -------------------------------------------------------------- */
/* The lock is held over question and change: else a chmod by the owner could land on a file that has
 * become root's in between. */
static int chmod_locked(struct inode *i, u32 mode)
{
	struct iattr a = { .valid = ATTR_MODE, .mode = mode & 07777 };

	if (!inode_owner_or_capable(i))
		return -EPERM;
	if (a.mode & S_ISGID && !in_group(i->gid) && !capable(CAP_FSETID))
		a.mode &= ~(u32)S_ISGID;
	return inode_setattr_locked(i, &a);
}

int path_chmod(const struct path *p, u32 mode)
{
	struct inode *i = p->dentry->inode;
	int err;

	if (mount_readonly(p->mnt))
		return -EROFS;
	if (S_ISLNK(i->mode))
		return -EOPNOTSUPP;
	write_lock(&i->lock);
	err = chmod_locked(i, mode);
	write_unlock(&i->lock);
	return err;
}

static int chown_locked(struct inode *i, u32 uid, u32 gid)
{
	struct iattr a = { .uid = uid, .gid = gid };
	bool owner = current_cred()->fsuid == i->uid;

	if (uid != ~0u) {
		a.valid |= ATTR_UID;
		if (!(owner && uid == i->uid) && !capable(CAP_CHOWN))
			return -EPERM;
	}
	if (gid != ~0u) {
		a.valid |= ATTR_GID;
		if (!(owner && (gid == i->gid || in_group(gid))) && !capable(CAP_CHOWN))
			return -EPERM;
	}
	return a.valid ? inode_setattr_locked(i, &a) : 0;
}

int path_chown(const struct path *p, u32 uid, u32 gid)
{
	struct inode *i = p->dentry->inode;
	int err;

	if (mount_readonly(p->mnt))
		return -EROFS;
	write_lock(&i->lock);
	err = chown_locked(i, uid, gid);
	write_unlock(&i->lock);
	return err;
}

int path_utimes(const struct path *p, struct iattr *a)
{
	struct inode *i = p->dentry->inode;
	u32 both_now = ATTR_ATIME | ATTR_MTIME | ATTR_ATIME_NOW | ATTR_MTIME_NOW;

	if (mount_readonly(p->mnt))
		return -EROFS;
	if (!a->valid)
		return 0;
	if (!inode_owner_or_capable(i)) {
		if ((a->valid & both_now) != both_now)
			return -EPERM;
		if (inode_permission(i, MAY_WRITE))
			return -EACCES;
	}
	return inode_setattr(i, a);
}

int path_truncate(const struct path *p, u64 size)
{
	struct inode *i = p->dentry->inode;
	struct iattr a = { .valid = ATTR_SIZE, .size = size };
	int err;

	if (is_dir(i))
		return -EISDIR;
	if (!S_ISREG(i->mode))
		return -EINVAL;
	if (mount_readonly(p->mnt))
		return -EROFS;
	err = inode_permission(i, MAY_WRITE);
	if (!err && atomic_read(&i->writers) < 0)
		err = -ETXTBSY;
	return err ? err : inode_resize(i, &a);
}

/* --- chdir, chroot
 * ----------------------------------------------------------------------------------------------------
 */
static int may_enter(const struct path *p)
{
	if (!is_dir(p->dentry->inode))
		return -ENOTDIR;
	return inode_permission(p->dentry->inode, MAY_EXEC);
}

int path_chdir(const struct path *p)
{
	int err = may_enter(p);

	if (err)
		return err;
	path_get(p);
	fs_set_cwd(p);
	return 0;
}

int path_chroot(const struct path *p)
{
	int err = may_enter(p);

	if (!err && !capable(CAP_SYS_CHROOT))
		err = -EPERM;
	if (err)
		return err;
	path_get(p);
	fs_set_root(p);
	return 0;
}

/* The working directory as the root sees it; -ENOENT once it was removed. */
char *cwd_string(char *buf, size_t size)
{
	struct path p;
	char *s;

	fs_get_cwd(&p);
	s = p.dentry->flags & DF_UNLINKED ? ERR_PTR(-ENOENT) : path_to_string(&p, buf, size);
	path_put(&p);
	return s;
}
