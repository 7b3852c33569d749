/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/fd and fdinfo. */
#include <base/alloc.h>
#include <fs/fd.h>
#include <linux/fcntl.h>
#include "proc.h"

static struct file *file_of(struct inode *i)
{
	struct task *t = proc_task(i);
	struct file *f = t ? task_fd_get(t, proc_of(i)->fd) : NULL;

	if (t)
		task_put(t);
	return f;
}

/* --- links ------------------------------------------------------------------------------------ */

static int fd_follow(struct inode *i, struct path *to)
{
	struct task *t = proc_task(i);
	struct file *f;
	int err = -ENOENT;

	if (!t)
		return err;
	f = task_fd_get(t, proc_of(i)->fd);
	if (f)		/* asked after it was got: an exec may be under way */
		err = task_may_inspect(t) ? 0 : -EACCES;
	task_put(t);
	if (!err) {
		*to = f->path;
		path_get(to);
	}
	if (f)
		file_put(f);
	return err;
}

static bool fd_revalidate(struct dentry *d)
{
	struct file *f = d->inode ? file_of(d->inode) : NULL;

	if (!f)
		return false;
	d->inode->mode =
		S_IFLNK | (f->mode & FMODE_READ ? 0500 : 0) | (f->mode & FMODE_WRITE ? 0300 : 0);
	file_put(f);
	return true;
}

static void fd_evict(struct inode *i) { proc_text_iops.evict(i); }
static const struct inode_ops fd_link_iops = {
	.follow = fd_follow, .revalidate = fd_revalidate, .evict = fd_evict};

/* --- fdinfo files ----------------------------------------------------------------------------- */

static int info_make(struct file *self, struct seq *s)
{
	struct file *f = file_of(self->inode);
	struct task *t = proc_task(self->inode);
	bool allowed = t && task_may_inspect(t);
	u32 flags;

	if (t)
		task_put(t);
	if (f && !allowed) {	/* opened before the process became another user's */
		file_put(f);
		return -EACCES;
	}
	if (!f)
		return -ENOENT;
	flags = f->flags;
	if (proc_of(self->inode)->proc == current_proc() &&
	    fd_cloexec(proc_of(self->inode)->fd, -1) > 0)
		flags |= O_CLOEXEC;
	seq_printf(s, "pos:\t%li\nflags:\t0%o\nmnt_id:\t%i\nino:\t%lu\n", (long)f->pos, flags,
		   f->path.mnt ? (int)f->path.mnt->id : 0, f->inode->ino);
	if (f->ops && f->ops->fdinfo)
		f->ops->fdinfo(f, s);
	file_put(f);
	return 0;
}

static int info_open(struct inode *i, struct file *f)
{
	struct task *t = proc_task(i);
	bool allowed;

	if (!t)
		return -ESRCH;
	allowed = task_may_inspect(t);
	task_put(t);
	return allowed ? text_open(f, info_make) : -EACCES;
}
static const struct file_ops info_fops = {
	.open = info_open, .read = text_read, .seek = text_seek, .release = text_release,
};

/* --- directories ------------------------------------------------------------------------------ */

static i32 nr_of(const struct proc_inode *pi) { return pi->task ? pi->task->tid : pi->proc->pid; }

static struct inode *lookup(struct inode *dir, const char *name, u32 len, bool info)
{
	struct proc_inode of = *proc_of(dir);
	u32 mode = S_IFREG | 0444;
	struct task *t;
	struct file *f;
	struct inode *i;

	of.entry = NULL;
	if (!proc_parse(name, len, &of.fd))
		return NULL;
	t = proc_task(dir);
	f = t ? task_fd_get(t, of.fd) : NULL;
	if (t)
		task_put(t);
	if (!f)
		return NULL;
	if (!info)
		mode = S_IFLNK | (f->mode & FMODE_READ ? 0500 : 0) |
		       (f->mode & FMODE_WRITE ? 0300 : 0);
	file_put(f);
	i = proc_new_inode(dir->sb, &of, mode,
			   0x30000000 + ((u64)nr_of(&of) << 12) + (u64)of.fd * 2 + info);
	if (IS_ERR(i))
		return i;
	i->ops = info ? &proc_text_iops : &fd_link_iops;
	i->fops = info ? &info_fops : NULL;
	i->mapping.size = info ? 0 : 64;	/* what Linux says of these links */
	return i;
}
static struct inode *fd_lookup(struct inode *dir, const char *name, u32 len)
{
	return lookup(dir, name, len, false);
}
static struct inode *info_lookup(struct inode *dir, const char *name, u32 len)
{
	return lookup(dir, name, len, true);
}

static int readdir(struct file *self, struct dir_context *ctx, u32 type)
{
	struct proc_inode *pi = proc_of(self->inode);
	struct task *t;
	int fd;

	for (; ctx->pos < 2; ctx->pos++)
		if (!ctx->emit(ctx, "..", (u32)ctx->pos + 1,
			       ctx->pos ? proc_ino(nr_of(pi), 0) : self->inode->ino, 4))
			return 0;
	t = proc_task(self->inode);
	if (!t)
		return -ENOENT;
	while ((fd = task_fd_next(t, (int)ctx->pos - 2)) >= 0) {
		u64 ino = 0x30000000 + ((u64)nr_of(pi) << 12) + (u64)fd * 2 + (type == 8);

		if (!proc_emit_nr(ctx, fd, ino, type)) {
			ctx->pos = (u64)fd + 2;
			break;
		}
		ctx->pos = (u64)fd + 3;
	}
	task_put(t);
	return 0;
}
static int fd_readdir(struct file *f, struct dir_context *ctx)
{
	return readdir(f, ctx, 10 /* DT_LNK */);
}
static int info_readdir(struct file *f, struct dir_context *ctx)
{
	return readdir(f, ctx, 8 /* DT_REG */);
}

/* A process may always look at its own, whatever its user ids have become. */
static int fd_permission(struct inode *i, u32 may)
{
	const struct cred *c = current_cred();
	u32 bits = i->mode & 0777;

	if (proc_of(i)->proc == current_proc())
		return 0;
	bits = c->fsuid == i->uid ? bits >> 6 : in_group(i->gid) ? bits >> 3 : bits;
	if ((bits & may) == may || capable(CAP_DAC_OVERRIDE))
		return 0;
	return !(may & MAY_WRITE) && capable(CAP_DAC_READ_SEARCH) ? 0 : -EACCES;
}

/* Which descriptors a process has is for those who may look into it. */
static int fdinfo_permission(struct inode *i, u32 may)
{
	struct task *t = proc_task(i);
	bool allowed = t && task_may_inspect(t);

	if (!t)
		return -ESRCH;
	task_put(t);
	return allowed && !(may & MAY_WRITE) ? 0 : -EACCES;
}

static bool dir_revalidate(struct dentry *d) { return proc_text_iops.revalidate(d); }
const struct inode_ops proc_fd_iops = {
	.lookup = fd_lookup,
	.permission = fd_permission,
	.revalidate = dir_revalidate,
	.evict = fd_evict,
};
const struct inode_ops proc_fdinfo_iops = {
	.lookup = info_lookup,
	.permission = fdinfo_permission,
	.revalidate = dir_revalidate,
	.evict = fd_evict,
};
const struct file_ops proc_fd_fops = { .readdir = fd_readdir };
const struct file_ops proc_fdinfo_fops = { .readdir = info_readdir };
