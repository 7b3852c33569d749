/* SPDX-License-Identifier: BSD-2-Clause */
/* devpts: a directory of the open pseudo-terminals' slaves, and ptmx. One instance, whoever mounts
 * it. */
#include <base/init.h>
#include <base/string.h>
#include <lib/format.h>
#include <linux/magic.h>
#include <task/task.h>
#include "pty.h"

static struct super *instance; /* made at boot: ptys can be opened before devpts is mounted */
static struct inode *ptmx_inode;

/* Mount options apply to slaves made afterwards. */
static u32 slave_mode = 0600, slave_gid, ptmx_mode;
static bool has_gid;

static void evict(struct inode *i)
{
	if (i->private)
		tty_put(i->private);
}


static bool revalidate(struct dentry *d);
static const struct inode_ops slave_iops = { .evict = evict, .revalidate = revalidate };

struct inode *devpts_new_inode(struct pty *p)
{
	struct inode *i = instance ? inode_new(instance, S_IFCHR | slave_mode) : NULL;

	if (!i)
		return NULL;
	i->rdev = p->tty->dev;
	i->fops = &pts_fops;
	i->ops = &slave_iops;
	if (has_gid)
		i->gid = slave_gid;
	ref_get(&p->tty->ref);
	i->private = p->tty;
	return i;
}

void devpts_remove(struct pty *p)
{
	mutex_lock(&devpts_lock);
	ptys[p->index] = NULL;
	mutex_unlock(&devpts_lock);
}

static struct inode *lookup(struct inode *dir, const char *name, u32 len)
{
	struct inode *found = NULL;
	char text[8], canonical[8];
	const char *end;
	u64 n;

	if (len == 4 && !memcmp(name, "ptmx", 4))
		return inode_get(ptmx_inode);
	if (len >= sizeof(text))
		return NULL;
	memcpy(text, name, len);
	text[len] = 0;
	if (!parse_u64(text, &end, 10, &n) || *end || n >= MAX_PTYS)
		return NULL;
	snprintf(canonical, sizeof(canonical), "%lu", n);
	if (strcmp(text, canonical))
		return NULL;
	mutex_lock(&devpts_lock);
	if (ptys[n] && ptys[n]->inode)
		found = inode_get(ptys[n]->inode);
	mutex_unlock(&devpts_lock);
	return found;
}

/* A cached name is good while its inode is the one that the number has now. */
static bool revalidate(struct dentry *d)
{
	struct inode *now = lookup(NULL, d->name, d->len);
	bool same = now == d->inode;

	if (now)
		inode_put(now);
	return same;
}

static int readdir(struct file *f, struct dir_context *ctx)
{
	u64 root = f->inode->ino;

	if (ctx->pos == 0) {
		if (!ctx->emit(ctx, ".", 1, root, 4))
			return 0;
		ctx->pos++;
	}
	if (ctx->pos == 1) {
		struct dentry *up = f->path.mnt->at ? f->path.mnt->at->parent : f->path.dentry;

		if (!ctx->emit(ctx, "..", 2, up->inode->ino, 4))
			return 0;
		ctx->pos++;
	}
	if (ctx->pos == 2) {
		if (!ctx->emit(ctx, "ptmx", 4, ptmx_inode->ino, 2))
			return 0;
		ctx->pos++;
	}
	mutex_lock(&devpts_lock);
	for (; ctx->pos - 3 < MAX_PTYS; ctx->pos++) {
		struct pty *p = ptys[ctx->pos - 3];
		char name[8];
		u32 len;

		if (!p || !p->inode)
			continue;
		len = (u32)snprintf(name, sizeof(name), "%u", p->index);
		if (!ctx->emit(ctx, name, len, p->inode->ino, 2))
			break;
	}
	mutex_unlock(&devpts_lock);
	return 0;
}

static const struct inode_ops dir_iops = { .lookup = lookup };
static const struct file_ops dir_fops = { .readdir = readdir };
static const struct inode_ops ptmx_iops = { 0 };

static bool number_option(const char *opt, const char *name, unsigned base, u32 *v)
{
	size_t n = strlen(name);
	u64 x;

	if (strncmp(opt, name, n) || opt[n] != '=' || !parse_u64(opt + n + 1, NULL, base, &x))
		return false;
	*v = (u32)x;
	return true;
}

/* gid=, mode=, ptmxmode= are obeyed; newinstance, uid= and max= accepted where they change nothing.
 */
static void options(const char *data)
{
	while (data && *data) {
		if (number_option(data, "gid", 10, &slave_gid))
			has_gid = true;
		number_option(data, "mode", 8, &slave_mode);
		if (number_option(data, "ptmxmode", 8, &ptmx_mode))
			ptmx_inode->mode = S_IFCHR | (ptmx_mode & 0777);
		data = strchr(data, ',');
		data = data ? data + 1 : NULL;
	}
}

static struct super *mount(const struct fs_type *t, const char *source, const char *data)
{
	if (!instance)
		return ERR_PTR(-ENODEV);
	options(data);
	ref_get(&instance->ref);
	return instance;
}

static struct fs_type devpts_type = { .name = "devpts", .mount = mount, .nodev = true };

static int devpts_start(void)
{
	struct inode *root;
	struct super *sb = super_new(&devpts_type, DEVPTS_SUPER_MAGIC, NULL, SB_NOCACHE);

	if (!sb)
		return -ENOMEM;
	root = inode_new(sb, S_IFDIR | 0755);
	ptmx_inode = inode_new(sb, S_IFCHR | 0000);
	if (!root || !ptmx_inode)
		return -ENOMEM;
	root->ops = &dir_iops;
	root->fops = &dir_fops;
	root->nlink = 2;
	ptmx_inode->ops = &ptmx_iops;
	ptmx_inode->rdev = mkdev(5, 2);
	ptmx_inode->fops = &ptmx_fops;
	if (super_set_root(sb, root))
		return -ENOMEM;
	instance = sb;
	fs_register(&devpts_type);
	return 0;
}
INITCALL(fs, devpts_start);
