/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Root, working directory and umask of tasks. Tasks made with CLONE_FS share one fs_ctx. A task
 * without one (kernel threads, and init before it forks) uses init_fs. Under RCU a walk starts from
 * root and cwd without references: the old path is released only after a grace period.
 */
#include "internal.h"
#include "fs_ctx.h"
#include <fs/fd.h>
#include <linux/sched.h>

struct fs_ctx init_fs = { .users = { 1 }, .lock = SPINLOCK_INIT, .umask = 022 };

static struct fs_ctx *fs_copy(struct fs_ctx *from)
{
	struct fs_ctx *fs = kzalloc(sizeof(*fs));

	if (!fs)
		return NULL;
	ref_init(&fs->users);
	spin_init(&fs->lock);
	spin_lock(&from->lock);
	fs->umask = from->umask;
	fs->root = from->root;
	fs->cwd = from->cwd;
	path_get(&fs->root);
	path_get(&fs->cwd);
	spin_unlock(&from->lock);
	return fs;
}

int fs_ctx_clone(struct task *child, struct task *parent, u64 flags)
{
	child->fs = NULL;
	if (child->flags & TF_KTHREAD)
		return 0;
	if (flags & CLONE_FS && parent->fs) {
		ref_get(&parent->fs->users);
		child->fs = parent->fs;
		return 0;
	}
	child->fs = fs_copy(parent->fs ? parent->fs : &init_fs);
	return child->fs ? 0 : -ENOMEM;
}

static void fs_ctx_put(struct fs_ctx *fs)
{
	if (!ref_put(&fs->users))
		return;
	path_put(&fs->root);
	path_put(&fs->cwd);
	kfree(fs);
}

void fs_ctx_exit(struct task *t)
{
	struct fs_ctx *fs;

	spin_lock(&t->task_lock);
	fs = t->fs;
	t->fs = NULL;
	spin_unlock(&t->task_lock);
	if (fs)
		fs_ctx_put(fs);
}

static void get_path(struct fs_ctx *fs, const struct path *which, struct path *out)
{
	spin_lock(&fs->lock);
	*out = *which;
	path_get(out);
	spin_unlock(&fs->lock);
}

void fs_get_root(struct path *out) { get_path(current_fs(), &current_fs()->root, out); }
void fs_get_cwd(struct path *out) { get_path(current_fs(), &current_fs()->cwd, out); }

static void set_path(struct fs_ctx *fs, struct path *which, const struct path *p)
{
	struct path old;

	spin_lock(&fs->lock);
	old = *which;
	*which = *p;
	spin_unlock(&fs->lock);
	path_put(&old);
}

void fs_set_root(const struct path *p) { set_path(current_fs(), &current_fs()->root, p); }
void fs_set_cwd(const struct path *p) { set_path(current_fs(), &current_fs()->cwd, p); }
u32 current_umask(void) { return current_fs()->umask; }

u32 set_umask(u32 mask)
{
	return atomic_xchg(&current_fs()->umask, mask & 0777);
}

static int task_path(struct task *t, bool root, struct path *out)
{
	struct fs_ctx *fs;

	if (!t || t == current) {
		fs = current_fs();
		get_path(fs, root ? &fs->root : &fs->cwd, out);
		return 0;
	}
	spin_lock(&t->task_lock);
	fs = t->fs;
	if (!fs && t->mm && !(t->flags & TF_EXITING))
		fs = &init_fs;
	if (fs)
		get_path(fs, root ? &fs->root : &fs->cwd, out);
	spin_unlock(&t->task_lock);
	return fs ? 0 : -ESRCH;
}

int task_root(struct task *t, struct path *out) { return task_path(t, true, out); }
int task_cwd(struct task *t, struct path *out) { return task_path(t, false, out); }

u32 task_umask(struct task *t)
{
	u32 mask;

	spin_lock(&t->task_lock);
	mask = t->fs ? t->fs->umask : init_fs.umask;
	spin_unlock(&t->task_lock);
	return mask;
}

int fs_ctx_unshare(void)
{
	struct fs_ctx *old = current->fs, *fs;

	if (!old || ref_read(&old->users) == 1)
		return 0;
	fs = fs_copy(old);
	if (!fs)
		return -ENOMEM;
	spin_lock(&current->task_lock);
	current->fs = fs;
	spin_unlock(&current->task_lock);
	fs_ctx_put(old);
	return 0;
}
