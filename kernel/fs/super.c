/* SPDX-License-Identifier: BSD-2-Clause */
/* File system types and their instances (supers). */
#include "internal.h"
#include <fs/mount.h>
#include <fs/seq.h>

static struct list types = LIST_INIT(types);
static struct list supers = LIST_INIT(supers);
static struct mutex super_lock = MUTEX_INIT(super_lock);	/* both lists */
static u64 dev_used[16];		/* minors of anonymous devices in use; super_lock */

void fs_register(struct fs_type *t)
{
	mutex_lock(&super_lock);
	list_add_tail(&types, &t->link);
	mutex_unlock(&super_lock);
}

const struct fs_type *fs_find(const char *name)
{
	struct fs_type *t, *found = NULL;

	mutex_lock(&super_lock);
	list_for_each(t, &types, link)
		if (!strcmp(t->name, name)) {
			found = t;
			break;
		}
	mutex_unlock(&super_lock);
	return found;
}

void filesystems_show(struct seq *s)
{
	struct fs_type *t;

	mutex_lock(&super_lock);
	list_for_each(t, &types, link)
		seq_printf(s, "%s\t%s\n", t->nodev ? "nodev" : "", t->name);
	mutex_unlock(&super_lock);
}

/* super_lock held. 0: none left. */
static u32 dev_take(void)
{
	for (u32 n = 1; n < ARRAY_SIZE(dev_used) * 64; n++)
		if (!(dev_used[n / 64] & BIT(n % 64))) {
			dev_used[n / 64] |= BIT(n % 64);
			return n;
		}
	return 0;
}

struct super *super_new(const struct fs_type *t, u64 magic, const struct super_ops *ops, u32 flags)
{
	struct super *sb = kzalloc(sizeof(*sb));

	if (!sb)
		return NULL;
	sb->type = t;
	sb->magic = magic;
	sb->ops = ops;
	sb->flags = flags;
	sb->max_bytes = ~0ull >> 1;
	ref_init(&sb->ref);
	mutex_lock(&super_lock);
	sb->dev = dev_take();
	list_add_tail(&supers, &sb->link);
	mutex_unlock(&super_lock);
	if (!sb->dev) {
		super_put(sb);
		return NULL;
	}
	return sb;
}

int super_set_root(struct super *sb, struct inode *root)
{
	sb->root = dentry_new_root(sb, root);
	if (sb->root)
		return 0;
	inode_put(root);
	return -ENOMEM;
}

static void super_free_rcu(struct rcu_head *h)
{
	kfree(container_of(h, struct super, rcu));
}

void super_put(struct super *sb)
{
	if (!ref_put(&sb->ref))
		return;
	if (sb->root)
		dcache_drop_super(sb);
	if (sb->ops && sb->ops->kill)
		sb->ops->kill(sb);
	mutex_lock(&super_lock);
	list_del(&sb->link);
	dev_used[sb->dev / 64] &= ~BIT(sb->dev % 64);
	mutex_unlock(&super_lock);
	call_rcu(&sb->rcu, super_free_rcu);
}

void supers_for_each(u32 flags, void (*fn)(struct super *sb, void *arg), void *arg)
{
	struct super *sb;

	mutex_lock(&super_lock);
	list_for_each(sb, &supers, link)
		if (sb->root && (sb->flags & flags) == flags)
			fn(sb, arg);
	mutex_unlock(&super_lock);
}
