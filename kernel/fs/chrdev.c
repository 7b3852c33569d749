/* SPDX-License-Identifier: BSD-2-Clause */
/* Character devices by number. An inode of type S_IFCHR finds its driver here when it is first
 * opened. */
#include "internal.h"

struct chrdev {
	u32 rdev, mode;
	const char *name;		/* in devtmpfs; the caller's, stays */
	const struct file_ops *ops;
	void *private;
	struct chrdev *next;
};

static struct chrdev *chrdevs;		/* never removed: read without a lock */
static struct spinlock chrdev_lock = SPINLOCK_INIT;

static struct chrdev *find(u32 rdev)
{
	struct chrdev *c;

	for (c = rcu_dereference(chrdevs); c; c = c->next)
		if (c->rdev == rdev)
			return c;
	return NULL;
}

int chrdev_register(u32 major, u32 minor, const char *name, u32 mode, const struct file_ops *ops,
		    void *private)
{
	struct chrdev *c = kzalloc(sizeof(*c));

	if (!c)
		return -ENOMEM;
	*c = (struct chrdev){.rdev = mkdev(major, minor),
			     .mode = mode,
			     .name = name,
			     .ops = ops,
			     .private = private};
	spin_lock(&chrdev_lock);
	if (find(c->rdev)) {
		spin_unlock(&chrdev_lock);
		kfree(c);
		return -EBUSY;
	}
	c->next = chrdevs;
	rcu_assign(chrdevs, c);
	spin_unlock(&chrdev_lock);
	return name ? devtmpfs_add(name, mode, c->rdev) : 0;
}

void chrdev_for_each(void (*fn)(const char *name, u32 mode, u32 rdev))
{
	for (struct chrdev *c = rcu_dereference(chrdevs); c; c = c->next)
		if (c->name)
			fn(c->name, c->mode, c->rdev);
}

int chrdev_open(struct inode *i, struct file *f)
{
	struct chrdev *c = rcu_dereference(i->private);

	if (unlikely(!c)) {
		c = find(i->rdev);
		if (!c)
			return -ENXIO;
		rcu_assign(i->private, (void *)c);
	}
	f->ops = c->ops;
	f->private = c->private;
	return c->ops->open ? c->ops->open(i, f) : 0;
}
