/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rename. Two directories are locked in one order for everybody: an ancestor before what is below
 * it, else by address; that relation cannot change meanwhile because renames between directories
 * hold rename_mutex.
 */
#include "walk.h"
#include <linux/fs.h>

static struct mutex rename_mutex = MUTEX_INIT(rename_mutex);

struct rename {
	struct walk o, n;	/* walks to both last names */
	struct dentry *od, *nd;	/* directories */
	struct dentry *from, *to;	/* to: NULL or negative where there is none */
	u32 flags;
};

static void lock_dirs(struct dentry *a, struct dentry *b)
{
	if (a == b) {
		write_lock(&a->inode->lock);
		return;
	}
	mutex_lock(&rename_mutex);
	if (dentry_is_below(a, b) || (!dentry_is_below(b, a) && b < a)) {
		struct dentry *t = a;

		a = b;
		b = t;
	}
	write_lock(&a->inode->lock);
	write_lock(&b->inode->lock);
}

static void unlock_dirs(struct dentry *a, struct dentry *b)
{
	write_unlock(&a->inode->lock);
	if (a == b)
		return;
	write_unlock(&b->inode->lock);
	mutex_unlock(&rename_mutex);
}

static bool sticky_forbids(const struct inode *dir, const struct inode *i)
{
	u32 uid = current_cred()->fsuid;

	return dir->mode & S_ISVTX && i->uid != uid && dir->uid != uid && !capable(CAP_FOWNER);
}

static bool present(const struct dentry *d) { return d && d->inode; }

static int check_target(struct rename *r)
{
	struct inode *f = r->from->inode, *t = r->to->inode;

	if (r->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (sticky_forbids(r->nd->inode, t))
		return -EPERM;
	if (r->od != r->nd && dentry_is_below(r->od, r->to))	/* the target holds the source */
		return r->flags & RENAME_EXCHANGE ? -EINVAL : -ENOTEMPTY;
	if (dentry_is_mountpoint(r->to))
		return -EBUSY;
	if (r->flags & RENAME_EXCHANGE)
		return 0;
	if (is_dir(f) && !is_dir(t))
		return -ENOTDIR;
	return !is_dir(f) && is_dir(t) ? -EISDIR : 0;
}

/* Everything that can be wrong, before anything changes. Both directories are locked. */
static int check(struct rename *r)
{
	struct inode *f = r->from->inode;
	bool exchange = r->flags & RENAME_EXCHANGE;
	int err = 0;

	if (exchange && !present(r->to))
		return -ENOENT;
	if (r->od != r->nd && dentry_is_below(r->nd, r->from))	/* into itself */
		return -EINVAL;
	if (present(r->to) && r->flags & RENAME_NOREPLACE)
		return -EEXIST;
	if (!is_dir(f) && (r->o.trailing || (!exchange && r->n.trailing)))
		return -ENOTDIR;
	if (exchange && r->n.trailing && !is_dir(r->to->inode))
		return -ENOTDIR;
	err = may_create(r->o.cur.mnt, r->od);
	if (!err)
		err = may_create(r->n.cur.mnt, r->nd);
	if (!err && sticky_forbids(r->od->inode, f))
		err = -EPERM;
	if (!err && dentry_is_mountpoint(r->from))
		err = -EBUSY;
	if (!err && present(r->to))
		err = check_target(r);
	if (!err && r->od != r->nd && is_dir(f))
		err = inode_permission(f, MAY_WRITE);	/* its ".." changes */
	if (!err && r->od != r->nd && exchange && is_dir(r->to->inode))
		err = inode_permission(r->to->inode, MAY_WRITE);
	return err;
}

/* The file system's part, with what is replaced locked. n: the dentry whose name from gets. */
static int perform(struct rename *r, struct dentry *n)
{
	struct inode *od = r->od->inode, *nd = r->nd->inode, *victim = NULL;
	bool exchange = r->flags & RENAME_EXCHANGE;
	struct dname_prep prep;
	int err;

	if (!od->ops || !od->ops->rename)
		return -EPERM;
	err = dentry_move_prepare(&prep, r->from, n, exchange);
	if (err)
		return err;
	if (n->inode && !exchange)
		victim = n->inode;
	if (victim)
		write_lock(&victim->lock);
	err = od->ops->rename(od, r->from, nd, n, r->flags);
	if (!err && victim)
		atomic_or(&n->flags, DF_UNLINKED);
	if (victim)
		write_unlock(&victim->lock);
	if (err)
		dentry_move_abort(&prep);
	else
		dentry_move(&prep, r->from, n, exchange);
	return err;
}

static int rename_locked(struct rename *r)
{
	struct dentry *n = r->to;
	int err;

	if (r->to == r->from ||
	    (present(r->to) && r->to->inode == r->from->inode && !(r->flags & RENAME_EXCHANGE)))
		return r->flags & RENAME_NOREPLACE ? -EEXIST
						   : 0; /* two links to one file: nothing to do */
	err = check(r);
	if (err)
		return err;
	if (present(n))
		return perform(r, n);
	if (n)
		dentry_unhash(n);	/* negative: must not be found once the name exists */
	n = dentry_new(r->nd, r->n.last, r->n.last_len);
	if (!n)
		return -ENOMEM;
	err = perform(r, n);
	dput(n);
	return err;
}

static int lookup_both(struct rename *r)
{
	r->from = lookup_one(r->od, r->o.last, r->o.last_len);
	if (IS_ERR(r->from))
		return (int)PTR_ERR(r->from);
	if (!present(r->from)) {
		if (r->from)
			dput(r->from);
		return -ENOENT;
	}
	r->to = lookup_one(r->nd, r->n.last, r->n.last_len);
	if (IS_ERR(r->to)) {
		dput(r->from);
		return (int)PTR_ERR(r->to);
	}
	return 0;
}

static int rename_walked(struct rename *r)
{
	int err;

	if (r->o.cur.mnt != r->n.cur.mnt)
		return -EXDEV;
	if (r->o.type != LAST_NORM)
		return -EBUSY;
	if (r->n.type != LAST_NORM)
		return r->flags & RENAME_NOREPLACE ? -EEXIST : -EBUSY;
	r->od = r->o.cur.dentry;
	r->nd = r->n.cur.dentry;
	lock_dirs(r->od, r->nd);
	err = lookup_both(r);
	if (err) {
		unlock_dirs(r->od, r->nd);
		return err;
	}
	err = rename_locked(r);
	unlock_dirs(r->od, r->nd);
	dput(r->from);
	if (r->to)
		dput(r->to);
	return err;
}

int vfs_rename(int odirfd, const char *oname, int ndirfd, const char *nname, u32 flags)
{
	struct rename r = { .flags = flags };
	int err;

	if (flags & ~(u32)(RENAME_NOREPLACE | RENAME_EXCHANGE))
		return -EINVAL;
	if ((flags & RENAME_NOREPLACE) && (flags & RENAME_EXCHANGE))
		return -EINVAL;
	err = walk_begin(&r.o, odirfd, oname, 0);
	if (err)
		return err;
	err = walk_begin(&r.n, ndirfd, nname, 0);
	if (!err) {
		err = walk_to_last(&r.o);
		if (!err)
			err = walk_to_last(&r.n);
		if (!err)
			err = rename_walked(&r);
		walk_end(&r.n);
	}
	walk_end(&r.o);
	return err;
}
