/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID and /proc/PID/task/TID: one table of entries for both. An inode keeps its process (and
 * thread) structures alive, not the process: each use asks whether it is still there (ESRCH).
 */
#include <base/alloc.h>
#include <base/string.h>
#include "proc.h"

#define DIR_MODE	(S_IFDIR | 0555)

/* --- who -------------------------------------------------------------------------------------- */

struct task *proc_task(const struct inode *i)
{
	struct proc_inode *pi = proc_of(i);

	if (!pi->task)
		return process_leader(pi->proc);
	if (READ_ONCE(pi->task->dead))
		return NULL;
	task_get(pi->task);
	return pi->task;
}

struct mm *proc_mm(struct task *t)
{
	struct mm *mm;

	spin_lock(&t->task_lock);
	mm = t->mm;
	if (mm)
		mm_borrow(mm);
	spin_unlock(&t->task_lock);
	return mm;
}

struct mm *proc_mm_inspect(struct task *t)
{
	struct mm *mm = proc_mm(t);

	if (!mm || task_may_inspect_mm(t, mm))
		return mm;
	mm_return(mm);
	return ERR_PTR(-EACCES);
}

bool proc_parse(const char *name, u32 len, i32 *nr)
{
	i64 v = 0;

	if (!len || len > 9 || (len > 1 && name[0] == '0'))
		return false;
	for (u32 i = 0; i < len; i++) {
		if (name[i] < '0' || name[i] > '9')
			return false;
		v = v * 10 + name[i] - '0';
	}
	*nr = (i32)v;
	return true;
}

/* --- inodes ----------------------------------------------------------------------------------- */

static void proc_evict(struct inode *i)
{
	struct proc_inode *pi = proc_of(i);

	if (!pi)
		return;
	process_put(pi->proc);
	if (pi->task)
		task_put(pi->task);
	kfree(pi);
	i->private = NULL;
}

/* Files belong to the effective user of a process that may be looked into, else to root. */
static void set_owner(struct inode *i, struct task *t)
{
	const struct cred *c = task_cred_get(t);
	bool open_dir = S_ISDIR(i->mode) && (i->mode & 0777) == 0555;

	i->uid = i->gid = 0;
	if (open_dir || task_dumpable(t)) {
		i->uid = c->euid;
		i->gid = c->egid;
	}
	cred_put(c);
}

static bool proc_revalidate(struct dentry *d)
{
	struct task *t = d->inode ? proc_task(d->inode) : NULL;

	if (!t)
		return false;
	set_owner(d->inode, t);
	task_put(t);
	return true;
}

struct inode *proc_new_inode(struct super *sb, const struct proc_inode *of, u32 mode, u64 ino)
{
	struct proc_inode *pi = kmemdup(of, sizeof(*of));
	struct inode *i = pi ? inode_new(sb, mode) : NULL;
	struct task *t;

	if (!i) {
		kfree(pi);
		return ERR_PTR(-ENOMEM);
	}
	ref_get(&pi->proc->ref);
	if (pi->task)
		task_get(pi->task);
	i->private = pi;
	i->ino = ino;
	if (S_ISDIR(mode))
		i->nlink = 2;
	t = proc_task(i);
	if (t) {
		set_owner(i, t);
		task_put(t);
	}
	return i;
}

/* --- text files ------------------------------------------------------------------------------- */

/* Whoever opened it keeps what it was allowed then; a process that has changed its credentials
 * since is asked again. */
static int entry_make(struct file *f, struct seq *s)
{
	const struct proc_entry *e = proc_of(f->inode)->entry;
	struct task *t = proc_task(f->inode);
	int err;

	if (!t)
		return -ESRCH;
	err = e->guarded && !task_may_inspect(t) ? -EACCES : e->show(s, t, proc_of(f->inode)->thread);
	task_put(t);
	return err;
}

static int entry_open(struct inode *i, struct file *f)
{
	const struct proc_entry *e = proc_of(i)->entry;
	struct task *t = proc_task(i);
	bool allowed;

	if (!t)
		return -ESRCH;
	allowed = !e->guarded || task_may_inspect(t);
	task_put(t);
	if (!allowed)
		return -EACCES;
	return text_open(f, entry_make);
}

static ssize_t entry_write(struct file *f, struct uio *u, u64 *pos)
{
	const struct proc_entry *e = proc_of(f->inode)->entry;
	size_t n = u->left;
	struct task *t;
	ssize_t ret;
	char *text;

	if (!e->store)
		return -EINVAL;
	text = text_take(u, 4096);
	if (IS_ERR(text))
		return PTR_ERR(text);
	t = proc_task(f->inode);
	ret = t ? e->store(t, text, n) : -ESRCH;
	if (t)
		task_put(t);
	kfree(text);
	text_stale(f);
	return ret;
}

static const struct file_ops entry_fops = {
	.open = entry_open,
	.read = text_read,
	.write = entry_write,
	.seek = text_seek,
	.release = text_release,
};
const struct inode_ops proc_text_iops = { .evict = proc_evict, .revalidate = proc_revalidate };

/* --- links: exe, cwd, root -------------------------------------------------------------------- */

static int entry_follow(struct inode *i, struct path *to)
{
	const struct proc_entry *e = proc_of(i)->entry;
	struct task *t = proc_task(i);
	int err;

	if (!t)
		return -ENOENT;
	err = e->follow(t, to);
	if (!err && !task_may_inspect(t)) {	/* in this order: an exec may be under way */
		path_put(to);
		err = -EACCES;
	}
	task_put(t);
	return err;
}
static const struct inode_ops proc_link_iops = {
	.follow = entry_follow, .evict = proc_evict, .revalidate = proc_revalidate,
};

static int follow_exe(struct task *t, struct path *to)
{
	struct mm *mm = proc_mm(t);
	int err = -ENOENT;

	if (!mm)
		return err;
	read_lock(&mm->lock);
	if (mm->exe) {
		*to = container_of(mm->exe, struct file, backing)->path;
		path_get(to);
		err = 0;
	}
	read_unlock(&mm->lock);
	mm_return(mm);
	return err;
}
static int follow_cwd(struct task *t, struct path *to) { return task_cwd(t, to) ? -ENOENT : 0; }
static int follow_root(struct task *t, struct path *to) { return task_root(t, to) ? -ENOENT : 0; }

/* --- small files ------------------------------------------------------------------------------ */

static int show_mounts(struct seq *s, struct task *t, bool thread)
{
	mounts_show(s, false);
	return 0;
}
static int show_mountinfo(struct seq *s, struct task *t, bool thread)
{
	mounts_show(s, true);
	return 0;
}
static int show_nothing(struct seq *s, struct task *t, bool thread) { return 0; }
static int show_loginuid(struct seq *s, struct task *t, bool thread)
{
	seq_puts(s, "4294967295");
	return 0;
}

static ssize_t store_comm(struct task *t, const char *text, size_t n)
{
	char name[sizeof(t->comm)] = "";

	if (t->proc != current_proc())
		return -EINVAL;
	strlcpy(name, text, sizeof(name));
	if (strchr(name, '\n'))
		*strchr(name, '\n') = 0;
	spin_lock(&t->task_lock);
	memcpy(t->comm, name, sizeof(name));
	spin_unlock(&t->task_lock);
	return (ssize_t)n;
}

/* A number in [lo, hi], perhaps with white space around. */
static int parse_int(const char *s, int lo, int hi, int *out)
{
	bool minus = *s == '-';
	i64 v = 0;

	s += minus;
	if (*s < '0' || *s > '9')
		return -EINVAL;
	while (*s >= '0' && *s <= '9' && v < 1000000)
		v = v * 10 + *s++ - '0';
	while (*s == '\n' || *s == ' ')
		s++;
	if (minus)
		v = -v;
	if (*s || v < lo || v > hi)
		return -EINVAL;
	*out = (int)v;
	return 0;
}

static ssize_t store_oom_score_adj(struct task *t, const char *text, size_t n)
{
	int v, err = parse_int(text, -1000, 1000, &v);

	if (err)
		return err;
	if (v < t->proc->oom_score_adj && !capable(CAP_SYS_RESOURCE))
		return -EACCES;
	WRITE_ONCE(t->proc->oom_score_adj, v);
	return (ssize_t)n;
}

/* --- the table -------------------------------------------------------------------------------- */

#define TEXT(n, m, i, fn)	{ .name = n, .mode = S_IFREG | (m), .in = i, .show = fn }
#define GUARDED(n, m, i, fn)                                                                       \
	{                                                                                          \
		.name = n, .mode = S_IFREG | (m), .in = i, .show = fn, .guarded = true             \
	}
#define LINK(n, i, fn)                                                                             \
	{                                                                                          \
		.name = n, .mode = S_IFLNK | 0777, .in = i, .follow = fn, .guarded = true          \
	}
#define DIRECTORY(n, m, i, io, fo)                                                                 \
	{                                                                                          \
		.name = n, .mode = S_IFDIR | (m), .in = i, .iops = io, .fops = fo                  \
	}
const struct proc_entry proc_entries[] = {
	DIRECTORY("task", 0555, IN_PID, &proc_task_iops, &proc_task_fops),
	DIRECTORY("fd", 0500, IN_BOTH, &proc_fd_iops, &proc_fd_fops),
	DIRECTORY("fdinfo", 0555, IN_BOTH, &proc_fdinfo_iops, &proc_fdinfo_fops),
	DIRECTORY("map_files", 0500, IN_PID, &proc_map_files_iops, &proc_map_files_fops),
	GUARDED("environ", 0400, IN_BOTH, proc_show_environ),
	GUARDED("auxv", 0400, IN_BOTH, proc_show_auxv),
	TEXT("status", 0444, IN_BOTH, proc_show_status),
	GUARDED("personality", 0400, IN_BOTH, proc_show_personality),
	TEXT("limits", 0444, IN_BOTH, proc_show_limits),
	{.name = "comm",
	 .mode = S_IFREG | 0644,
	 .in = IN_BOTH,
	 .show = proc_show_comm,
	 .store = store_comm},
	GUARDED("syscall", 0400, IN_BOTH, proc_show_syscall),
	TEXT("cmdline", 0444, IN_BOTH, proc_show_cmdline),
	TEXT("stat", 0444, IN_BOTH, proc_show_stat),
	TEXT("statm", 0444, IN_BOTH, proc_show_statm),
	GUARDED("maps", 0444, IN_BOTH, proc_show_maps),
	{.name = "mem",
	 .mode = S_IFREG | 0600,
	 .in = IN_BOTH,
	 .guarded = true,
	 .fops = &proc_mem_fops},
	LINK("cwd", IN_BOTH, follow_cwd),
	LINK("root", IN_BOTH, follow_root),
	LINK("exe", IN_BOTH, follow_exe),
	TEXT("mounts", 0444, IN_BOTH, show_mounts),
	TEXT("mountinfo", 0444, IN_BOTH, show_mountinfo),
	GUARDED("smaps", 0444, IN_BOTH, proc_show_smaps),
	GUARDED("cow_tables", 0444, IN_BOTH, proc_show_cow_tables),
	GUARDED("smaps_rollup", 0444, IN_BOTH, proc_show_smaps_rollup),
	{.name = "pagemap",
	 .mode = S_IFREG | 0400,
	 .in = IN_BOTH,
	 .guarded = true,
	 .fops = &proc_pagemap_fops},
	TEXT("wchan", 0444, IN_BOTH, proc_show_wchan),
	TEXT("schedstat", 0444, IN_BOTH, proc_show_schedstat),
	TEXT("cgroup", 0444, IN_BOTH, show_nothing),
	TEXT("oom_score", 0444, IN_BOTH, proc_show_oom_score),
	{.name = "oom_score_adj",
	 .mode = S_IFREG | 0644,
	 .in = IN_BOTH,
	 .show = proc_show_oom_score_adj,
	 .store = store_oom_score_adj},
	TEXT("loginuid", 0444, IN_BOTH, show_loginuid),
	GUARDED("io", 0400, IN_BOTH, proc_show_io),
};
const u32 nr_proc_entries = ARRAY_SIZE(proc_entries);

/* --- the directory ---------------------------------------------------------------------------- */

static i32 dir_nr(const struct proc_inode *pi) { return pi->task ? pi->task->tid : pi->proc->pid; }

static struct inode *entry_inode(struct inode *dir, u32 n)
{
	const struct proc_entry *e = &proc_entries[n];
	struct proc_inode of = *proc_of(dir);
	struct inode *i;

	of.entry = e;
	i = proc_new_inode(dir->sb, &of, e->mode, proc_ino(dir_nr(&of), n + 1));
	if (IS_ERR(i))
		return i;
	i->ops = e->iops ? e->iops : e->follow ? &proc_link_iops : &proc_text_iops;
	i->fops = e->fops ? e->fops : &entry_fops;
	return i;
}

static struct inode *dir_lookup(struct inode *dir, const char *name, u32 len)
{
	u8 in = proc_of(dir)->thread ? IN_TASK : IN_PID;
	struct task *t = proc_task(dir);

	if (!t)
		return NULL;
	task_put(t);
	for (u32 n = 0; n < nr_proc_entries; n++)
		if (proc_entries[n].in & in && strlen(proc_entries[n].name) == len &&
		    !memcmp(proc_entries[n].name, name, len))
			return entry_inode(dir, n);
	return NULL;
}

static int dir_readdir(struct file *f, struct dir_context *ctx)
{
	struct proc_inode *pi = proc_of(f->inode);
	u8 in = pi->thread ? IN_TASK : IN_PID;

	for (; ctx->pos < 2; ctx->pos++)
		if (!ctx->emit(ctx, "..", (u32)ctx->pos + 1, ctx->pos ? 1 : f->inode->ino, 4))
			return 0;
	for (; ctx->pos - 2 < nr_proc_entries; ctx->pos++) {
		const struct proc_entry *e = &proc_entries[ctx->pos - 2];

		if (e->in & in &&
		    !ctx->emit(ctx, e->name, (u32)strlen(e->name),
			       proc_ino(dir_nr(pi), (u32)ctx->pos - 1), (e->mode & S_IFMT) >> 12))
			return 0;
	}
	return 0;
}

static const struct inode_ops dir_iops = {
	.lookup = dir_lookup, .evict = proc_evict, .revalidate = proc_revalidate};
static const struct file_ops dir_fops = { .readdir = dir_readdir };

static struct inode *dir_inode(struct super *sb, const struct proc_inode *of)
{
	struct inode *i = proc_new_inode(sb, of, DIR_MODE, proc_ino(dir_nr(of), 0));

	if (!IS_ERR(i)) {
		i->ops = &dir_iops;
		i->fops = &dir_fops;
	}
	return i;
}

struct inode *proc_pid_inode(struct super *sb, const char *name, u32 len)
{
	struct proc_inode of = { 0 };
	struct inode *i = NULL;
	struct task *t;
	i32 pid;

	if (!proc_parse(name, len, &pid))
		return NULL;
	t = task_by_tid(
		pid); /* a thread's number finds its directory too, though it is not listed */
	if (!t)
		return NULL;
	of.proc = t->proc;
	of.task = t->tid == t->proc->pid ? NULL : t;
	i = dir_inode(sb, &of);
	task_put(t);
	return i;
}

/* --- task/ ------------------------------------------------------------------------------------ */

static struct inode *task_lookup(struct inode *dir, const char *name, u32 len)
{
	struct proc_inode *pi = proc_of(dir), of = { .proc = pi->proc, .thread = true };
	struct inode *i = NULL;
	struct task *t;
	i32 tid;

	if (!proc_parse(name, len, &tid))
		return NULL;
	t = task_by_tid(tid);
	if (!t)
		return NULL;
	if (t->proc == pi->proc) {
		of.task = t->tid == t->proc->pid ? NULL : t;
		i = dir_inode(dir->sb, &of);
		if (!IS_ERR(i))
			i->ino += 0x20000000;	/* not the process's own directory */
	}
	task_put(t);
	return i;
}

static int task_readdir(struct file *f, struct dir_context *ctx)
{
	struct proc_inode *pi = proc_of(f->inode);
	struct task *t;

	for (; ctx->pos < 2; ctx->pos++)
		if (!ctx->emit(ctx, "..", (u32)ctx->pos + 1,
			       ctx->pos ? proc_ino(pi->proc->pid, 0) : f->inode->ino, 4))
			return 0;
	while ((t = thread_next(pi->proc, (i32)ctx->pos - 2))) {
		i32 tid = t->tid;
		bool room;

		task_put(t);
		room = proc_emit_nr(ctx, tid, proc_ino(tid, 0) + 0x20000000, 4);
		ctx->pos = (u64)tid + 2 + room;
		if (!room)
			return 0;
	}
	return 0;
}

const struct inode_ops proc_task_iops = {
	.lookup = task_lookup, .evict = proc_evict, .revalidate = proc_revalidate};
const struct file_ops proc_task_fops = { .readdir = task_readdir };
