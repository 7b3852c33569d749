/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How pipes come to be: by name (fifo(7): an open waits for the other side) and without.
 * inode->private is the pipe, made by the first open and kept until the inode goes.
 */
#include <base/alloc.h>
#include <base/init.h>
#include <fs/pipe.h>
#include <fs/vfs.h>
#include <lib/format.h>
#include <linux/fcntl.h>
#include <linux/magic.h>
#include <task/task.h>
#include "pipe_ring.h"

static struct super *pipefs;

void fifo_evict(struct inode *i)
{
	if (i->private)
		pipe_free(i->private);
	i->private = NULL;
}

static struct pipe *inode_pipe(struct inode *i)
{
	struct pipe *p = load_acquire(&i->private), *fresh;

	if (p)
		return p;
	fresh = pipe_new();
	if (!fresh)
		return NULL;
	if (atomic_cas(&i->private, NULL, (void *)fresh))
		return fresh;
	pipe_free(fresh);
	return load_acquire(&i->private);
}

/* Until the other side has come, even if it is gone again. */
static int wait_opened(struct pipe *p, u32 *counter, u32 seen)
{
	return (int)wait_event_interruptible(&p->open_wait, READ_ONCE(*counter) != seen);
}

static int open_reader(struct pipe *p, struct file *f)
{
	u32 seen = p->w_opened;

	if (p->writers)
		return 0;
	if (f->flags & O_NONBLOCK) {
		f->version = seen;	/* no hang-up before a writer has been there */
		return 0;
	}
	mutex_unlock(&p->lock);
	return wait_opened(p, &p->w_opened, seen) ?: 1;
}

static int open_writer(struct pipe *p, struct file *f)
{
	u32 seen = p->r_opened;

	if (p->readers)
		return 0;
	mutex_unlock(&p->lock);
	return wait_opened(p, &p->r_opened, seen) ?: 1;
}

int fifo_open(struct inode *i, struct file *f)
{
	u32 mode = f->mode & (FMODE_READ | FMODE_WRITE);
	struct pipe *p = inode_pipe(i);
	/* A nameless pipe opened again through /proc: its data may have outlived its writers. */
	bool waits = i->sb != pipefs;
	int err = 0;

	if (!p)
		return -ENOMEM;
	f->private = p;
	f->version = ~0ull;
	f->mode = (f->mode & ~(u32)FMODE_SEEK) | FMODE_STREAM;
	mutex_lock(&p->lock);
	if (mode == FMODE_WRITE && (f->flags & O_NONBLOCK) && !p->readers && waits) {
		mutex_unlock(&p->lock);
		return -ENXIO;
	}
	if (mode & FMODE_READ) {
		WRITE_ONCE(p->readers, p->readers + 1);
		WRITE_ONCE(p->r_opened, p->r_opened + 1);
	}
	if (mode & FMODE_WRITE) {
		WRITE_ONCE(p->writers, p->writers + 1);
		WRITE_ONCE(p->w_opened, p->w_opened + 1);
	}
	wake_up_all(&p->open_wait);
	if (!waits)
		err = 0;
	else if (mode == FMODE_READ)
		err = open_reader(p, f);
	else if (mode == FMODE_WRITE)
		err = open_writer(p, f);
	if (!err)
		mutex_unlock(&p->lock);
	if (err >= 0)
		return 0;
	pipe_leave(p, mode);
	return err;
}

/* --- pipes without a name --------------------------------------------------------------------- */

static const struct inode_ops pipefs_iops = { .evict = fifo_evict };
static struct fs_type pipefs_type = { .name = "pipefs", .nodev = true };
static int pipefs_init(void)
{
	pipefs = super_new(&pipefs_type, PIPEFS_MAGIC, NULL, SB_NOCACHE);
	return pipefs ? 0 : -ENOMEM;
}
INITCALL(fs, pipefs_init);

static struct inode *pipe_inode(void)
{
	struct inode *i = inode_new(pipefs, S_IFIFO | 0600);
	struct pipe *p;

	if (!i)
		return NULL;
	i->ops = &pipefs_iops;
	i->fops = &fifo_file_ops;
	p = pipe_new();
	if (!p) {
		inode_put(i);
		return NULL;
	}
	p->readers = p->writers = p->r_opened = p->w_opened = 1;
	i->private = p;
	return i;
}

static struct file *pipe_end(struct inode *i, int flags)
{
	char name[32];
	struct file *f;

	snprintf(name, sizeof(name), "pipe:[%lu]", i->ino);
	f = anon_file_inode(inode_get(i), name, &fifo_file_ops, i->private, flags);
	if (!IS_ERR(f)) {
		f->version =
			~0ull; /* never what w_opened was: a pipe without writers always hangs up */
		f->mode |= FMODE_NOWAIT;
	}
	return f;
}

int pipe_create(struct file *out[2], int flags)
{
	struct inode *i = pipe_inode();
	struct pipe *p;
	int err = 0;

	if (!i)
		return -ENFILE;
	p = i->private;
	out[0] = pipe_end(i, O_RDONLY | (flags & O_NONBLOCK));
	if (IS_ERR(out[0])) {
		err = (int)PTR_ERR(out[0]);
		goto put;
	}
	out[1] = pipe_end(i, O_WRONLY | (flags & (O_NONBLOCK | O_DIRECT)));
	if (IS_ERR(out[1])) {
		err = (int)PTR_ERR(out[1]);
		p->writers = 0;
		file_put(out[0]);
	}
put:
	inode_put(i);
	return err;
}
