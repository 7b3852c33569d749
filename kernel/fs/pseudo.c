/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Trees of generated files. The nodes are the file system: inodes are made from them at lookup and
 * go when unused. pseudo_lock guards the shape of all trees; a node removed stays readable for
 * those who have it open.
 */
#include <base/alloc.h>
#include <base/string.h>
#include <task/task.h>
#include "pseudo_tree.h"
#include <linux/magic.h>
#include <linux/fcntl.h>

#define STORE_MAX	4096u
static struct mutex pseudo_lock = MUTEX_INIT(pseudo_lock);
static u64 next_ino = 0x40000000;	/* above every number that proc makes of a pid */

/* --- nodes ------------------------------------------------------------------------------------ */

static void node_put(struct pseudo_node *n)
{
	if (!ref_put(&n->ref))
		return;
	kfree(n->name);
	kfree(n->target);
	kfree(n);
}

static struct pseudo_node *find_child(struct pseudo_node *dir, const char *name, u32 len)
{
	struct pseudo_node *n;

	list_for_each(n, &dir->children, sibling)
		if (n->len == len && !memcmp(n->name, name, len))
			return n;
	return NULL;
}

static struct pseudo_node *add_child(struct pseudo_node *dir, const char *name, u32 len, u32 mode)
{
	struct pseudo_node *n = kzalloc(sizeof(*n));
	char *copy = kmalloc(len + 1);

	if (!n || !copy) {
		kfree(n);
		kfree(copy);
		return NULL;
	}
	memcpy(copy, name, len);
	copy[len] = 0;
	ref_init(&n->ref);
	n->mode = mode;
	n->name = copy;
	n->len = len;
	n->ino = next_ino++;
	n->parent = dir;
	list_init(&n->children);
	list_add_tail(&dir->children, &n->sibling);
	return n;
}

/* Makes what is missing of path; the last component gets mode. The same path again gives the same
 * node. */
static struct pseudo_node *make(struct pseudo_node *at, const char *path, u32 mode)
{
	const char *end;
	struct pseudo_node *n;

	mutex_lock(&pseudo_lock);
	for (; at && *path; path = *end ? end + 1 : end) {
		end = strchr(path, '/');
		if (!end)
			end = path + strlen(path);
		n = find_child(at, path, (u32)(end - path));
		at = n ? n : add_child(at, path, (u32)(end - path), *end ? S_IFDIR | 0555 : mode);
	}
	mutex_unlock(&pseudo_lock);
	return at;
}

struct pseudo_node *pseudo_dir(struct pseudo_node *parent, const char *path)
{
	return make(parent, path, S_IFDIR | 0555);
}

struct pseudo_node *pseudo_file(struct pseudo_node *parent, const char *path, u32 mode,
				const struct pseudo_ops *ops, void *arg)
{
	struct pseudo_node *n = make(parent, path, S_IFREG | mode);

	if (n) {
		n->arg = arg;
		store_release(&n->ops, ops);
	}
	return n;
}

struct pseudo_node *pseudo_link(struct pseudo_node *parent, const char *path, const char *target)
{
	char *text = kstrdup(target);
	struct pseudo_node *n = text ? make(parent, path, S_IFLNK | 0777) : NULL;

	if (n)
		n->target = text;
	else
		kfree(text);
	return n;
}

struct pseudo_node *pseudo_special(struct pseudo_node *parent, const char *path, u32 mode,
				   const struct file_ops *ops, void *arg, u64 size)
{
	struct pseudo_node *n = make(parent, path, S_IFREG | mode);

	if (n) {
		n->arg = arg;
		n->size = size;
		store_release(&n->fops, ops);
	}
	return n;
}

void pseudo_remove(struct pseudo_node *n)
{
	struct pseudo_node *c, *tmp;

	if (!n)
		return;
	list_for_each_safe(c, tmp, &n->children, sibling)
		pseudo_remove(c);
	mutex_lock(&pseudo_lock);
	list_del(&n->sibling);
	n->removed = true;
	mutex_unlock(&pseudo_lock);
	node_put(n);
}

/* --- files ------------------------------------------------------------------------------------ */

static int pseudo_make(struct file *f, struct seq *s)
{
	struct pseudo_node *n = f->inode->private;
	const struct pseudo_ops *ops = load_acquire(&n->ops);

	return ops && ops->show ? ops->show(s, n->arg) : -EIO;
}

static int pseudo_open(struct inode *i, struct file *f)
{
	return text_open(f, pseudo_make);
}

static ssize_t pseudo_write(struct file *f, struct uio *u, u64 *pos)
{
	struct pseudo_node *n = f->inode->private;
	const struct pseudo_ops *ops = load_acquire(&n->ops);
	size_t len = u->left;
	ssize_t ret;
	char *buf;

	if (!ops || !ops->store)
		return -EIO;
	buf = text_take(u, STORE_MAX);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	ret = ops->store(buf, len, n->arg);
	kfree(buf);
	if (ret > 0)
		*pos += (u64)ret;
	text_stale(f);
	return ret;
}

static const struct file_ops pseudo_text_fops = {
	.open = pseudo_open,
	.read = text_read,
	.write = pseudo_write,
	.seek = text_seek,
	.release = text_release,
};

bool pseudo_emit(struct file *f, struct pseudo_node *dir, struct dir_context *ctx)
{
	struct pseudo_node *n;
	bool room = true;
	u64 at = 2;

	if (ctx->pos == 0) {
		if (!ctx->emit(ctx, ".", 1, dir->ino, 4 /* DT_DIR */))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		if (!ctx->emit(ctx, "..", 2, dir->parent->ino, 4))
			return false;
		ctx->pos = 2;
	}
	/* Numbers only grow along the list, so that removal and addition disturb nobody's position.
	 */
	mutex_lock(&pseudo_lock);
	list_for_each(n, &dir->children, sibling) {
		at = n->ino - 0x40000000 + 2;
		if (at < ctx->pos)
			continue;
		room = ctx->emit(ctx, n->name, n->len, n->ino, (n->mode & S_IFMT) >> 12);
		if (!room) {
			ctx->pos = at;
			break;
		}
		ctx->pos = at + 1;
	}
	mutex_unlock(&pseudo_lock);
	return room;
}

static int pseudo_readdir(struct file *f, struct dir_context *ctx)
{
	pseudo_emit(f, f->inode->private, ctx);
	return 0;
}

static const struct file_ops pseudo_dir_fops = { .readdir = pseudo_readdir };

/* --- inodes ----------------------------------------------------------------------------------- */

void pseudo_evict(struct inode *i)
{
	if (i->private)
		node_put(i->private);
	i->private = NULL;
}

static const char *pseudo_readlink(struct inode *i, char *buf, size_t size)
{
	struct pseudo_node *n = i->private;

	return n->target;
}

static bool pseudo_revalidate(struct dentry *d)
{
	struct pseudo_node *n = d->inode ? d->inode->private : NULL;

	return n && !READ_ONCE(n->removed);
}

static const struct inode_ops pseudo_dir_iops = {
	.lookup = pseudo_lookup, .evict = pseudo_evict, .revalidate = pseudo_revalidate,
};
static const struct inode_ops pseudo_file_iops = {.evict = pseudo_evict,
						  .revalidate = pseudo_revalidate};
static const struct inode_ops pseudo_link_iops = {
	.readlink = pseudo_readlink, .evict = pseudo_evict, .revalidate = pseudo_revalidate,
};

static struct inode *pseudo_inode(struct super *sb, struct pseudo_node *n)
{
	struct inode *i = inode_new(sb, n->mode);

	if (!i)
		return ERR_PTR(-ENOMEM);
	i->ino = n->ino;
	i->uid = i->gid = 0;
	i->private = n;
	if (S_ISDIR(n->mode)) {
		i->nlink = 2;
		i->ops = &pseudo_dir_iops;
		i->fops = &pseudo_dir_fops;
	} else if (S_ISLNK(n->mode)) {
		i->ops = &pseudo_link_iops;
	} else {
		i->ops = &pseudo_file_iops;
		i->fops = n->fops ? n->fops : &pseudo_text_fops;
		i->mapping.size = n->size;
	}
	return i;
}

struct inode *pseudo_lookup(struct inode *dir, const char *name, u32 len)
{
	struct pseudo_node *n;
	struct inode *i;

	mutex_lock(&pseudo_lock);
	n = find_child(dir->private, name, len);
	if (n)
		ref_get(&n->ref);
	mutex_unlock(&pseudo_lock);
	if (!n)
		return NULL;
	i = pseudo_inode(dir->sb, n);
	if (IS_ERR(i))
		node_put(n);
	return i;
}

/* --- supers ----------------------------------------------------------------------------------- */

static void pseudo_statfs(struct super *sb, struct statfs64 *st)
{
	/* All zero but what the caller has filled in: type, name length, block size. */
}
const struct super_ops pseudo_super_ops = { .statfs = pseudo_statfs };

struct super *pseudo_mount(const struct fs_type *type, u64 magic, struct pseudo_node *node,
			   const struct inode_ops *iops, const struct file_ops *fops)
{
	struct super *sb = super_new(type, magic, &pseudo_super_ops, SB_NOCACHE);
	struct inode *i;
	int err;

	if (!sb)
		return ERR_PTR(-ENOMEM);
	i = pseudo_inode(sb, node);
	if (IS_ERR(i)) {
		super_put(sb);
		return (void *)i;
	}
	ref_get(&node->ref);
	if (iops)
		i->ops = iops;
	if (fops)
		i->fops = fops;
	err = super_set_root(sb, i);
	if (err) {
		super_put(sb);
		return ERR_PTR(err);
	}
	return sb;
}
