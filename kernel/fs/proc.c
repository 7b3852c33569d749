/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc: the root directory: fixed files (fs/pseudo.c), self, and a directory for each process. */
#include <base/init.h>
#include <base/string.h>
#include <lib/format.h>
#include <linux/magic.h>
#include "proc.h"
#include "pseudo_tree.h"

#define FIRST_PID_POS	(1u << 24)	/* positions below are those of fixed entries */

static struct pseudo_node proc_node = PSEUDO_ROOT(proc_node);
struct pseudo_node *proc_root = &proc_node;
void (*proc_tty_info)(struct process *p, u32 *dev, i32 *pgid);
void (*proc_intr_line)(struct seq *s);

/* --- self and thread-self --------------------------------------------------------------------- */

static const char *self_readlink(struct inode *i, char *buf, size_t size)
{
	snprintf(buf, size, "%d", current_proc()->pid);
	return buf;
}
static const char *thread_self_readlink(struct inode *i, char *buf, size_t size)
{
	snprintf(buf, size, "%d/task/%d", current_proc()->pid, current->tid);
	return buf;
}
static const struct inode_ops self_iops = { .readlink = self_readlink };
static const struct inode_ops thread_self_iops = { .readlink = thread_self_readlink };
static const struct { const char *name; const struct inode_ops *ops; } links[] = {
	{ "self", &self_iops }, { "thread-self", &thread_self_iops },
};

static struct inode *link_inode(struct super *sb, u32 n)
{
	struct inode *i = inode_new(sb, S_IFLNK | 0777);

	if (!i)
		return ERR_PTR(-ENOMEM);
	i->ino = 2 + n;
	i->uid = i->gid = 0;
	i->ops = links[n].ops;
	return i;
}

/* --- the directory ---------------------------------------------------------------------------- */

static struct inode *root_lookup(struct inode *dir, const char *name, u32 len)
{
	if (name[0] >= '0' && name[0] <= '9')
		return proc_pid_inode(dir->sb, name, len);
	for (u32 n = 0; n < ARRAY_SIZE(links); n++)
		if (strlen(links[n].name) == len && !memcmp(links[n].name, name, len))
			return link_inode(dir->sb, n);
	return pseudo_lookup(dir, name, len);
}

bool proc_emit_nr(struct dir_context *ctx, i32 nr, u64 ino, u32 type)
{
	char name[16];
	int n = snprintf(name, sizeof(name), "%d", nr);

	return ctx->emit(ctx, name, (u32)n, ino, type);
}

static int root_readdir(struct file *f, struct dir_context *ctx)
{
	struct process *p;

	if (ctx->pos < FIRST_PID_POS) {
		if (!pseudo_emit(f, &proc_node, ctx))
			return 0;
		for (u32 n = 0; n < ARRAY_SIZE(links); n++)
			if (!ctx->emit(ctx, links[n].name, (u32)strlen(links[n].name), 2 + n,
				       10 /* DT_LNK */))
				return 0;	/* names twice rather than none */
		ctx->pos = FIRST_PID_POS + 1;
	}
	while ((p = process_next((i32)(ctx->pos - FIRST_PID_POS)))) {
		i32 pid = p->pid;
		bool room;

		process_put(p);
		room = proc_emit_nr(ctx, pid, proc_ino(pid, 0), 4 /* DT_DIR */);
		ctx->pos = FIRST_PID_POS + (u64)pid + room;
		if (!room)
			return 0;
	}
	return 0;
}

static const struct inode_ops root_iops = { .lookup = root_lookup, .evict = pseudo_evict };
static const struct file_ops root_fops = { .readdir = root_readdir };

static struct super *proc_mount(const struct fs_type *t, const char *source, const char *data)
{
	return pseudo_mount(t, PROC_SUPER_MAGIC, &proc_node, &root_iops, &root_fops);
}
static struct fs_type proc_type = { .name = "proc", .mount = proc_mount, .nodev = true };

static int proc_register(void)
{
	fs_register(&proc_type);
	return 0;
}
INITCALL(fs, proc_register);
