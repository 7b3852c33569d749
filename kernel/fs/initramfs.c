/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The initrd becomes the root file system: concatenated newc archives, each plain or gzip. Parsing
 * is lib's; here entries become files. A damaged archive is refused where the damage begins; what
 * came before stays.
 */
#include "internal.h"
#include <base/printk.h>
#include <lib/cpio.h>
#include <lib/gunzip.h>

/* First name of each file with several: later entries of the same device and inode are links to it.
 */
struct hardlink { struct hardlink *next; u32 ino, major, minor; char name[]; };

/* Directories get their times when everything is in them. */
struct dir_time { struct dir_time *next; struct inode *dir; u32 mtime; };

struct unpack {
	struct cpio cpio;
	struct hardlink *links;
	struct dir_time *dirs;		/* each references its directory */
	struct inode *file;		/* whose contents come; referenced */
	u32 files;
	int failed;			/* the first error of making a file */
};

/* 1: the first of its kind, to be made; 0: linked. */
static int link_to_earlier(struct unpack *u, const struct cpio_entry *e)
{
	size_t n = strlen(e->name) + 1;
	struct hardlink *h;
	struct path p;
	int err;

	for (h = u->links; h; h = h->next)
		if (h->ino == e->ino && h->major == e->dev_major && h->minor == e->dev_minor)
			break;
	if (!h) {
		h = kmalloc(sizeof(*h) + n);
		if (!h)
			return -ENOMEM;
		*h = (struct hardlink){.next = u->links,
				       .ino = e->ino,
				       .major = e->dev_major,
				       .minor = e->dev_minor};
		memcpy(h->name, e->name, n);
		u->links = h;
		return 1;
	}
	err = path_lookup(AT_FDCWD, h->name, 0, &p);
	if (err)
		return err;
	err = vfs_link(&p, AT_FDCWD, e->name);
	path_put(&p);
	return err;
}

static int make_directory(const char *name, u32 mode)
{
	int err;

	if (!strcmp(name, "."))
		return 0;
	err = vfs_mkdir(AT_FDCWD, name, mode);
	return err == -EEXIST ? 0 : err;
}

/* A later archive replaces what an earlier one brought, except directories. */
static int make_node(struct unpack *u, const struct cpio_entry *e)
{
	int err;

	if (S_ISDIR(e->mode))
		return make_directory(e->name, e->mode);
	if (e->nlink > 1 && S_ISREG(e->mode)) {
		err = link_to_earlier(u, e);
		if (err <= 0)
			return err;
	}
	if (S_ISLNK(e->mode))
		err = vfs_symlink(e->target, AT_FDCWD, e->name);
	else
		err = vfs_mknod(AT_FDCWD, e->name, e->mode, mkdev(e->rdev_major, e->rdev_minor));
	return err;
}

static void set_attributes(struct inode *i, const struct cpio_entry *e)
{
	i->uid = e->uid;
	i->gid = e->gid;
	if (!S_ISLNK(i->mode))
		i->mode = (i->mode & S_IFMT) | (e->mode & 07777);
	i->mtime = (struct time64){ .sec = e->mtime };
}

static int note_dir(struct unpack *u, struct inode *dir, u32 mtime)
{
	struct dir_time *t = kmalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	*t = (struct dir_time){ u->dirs, inode_get(dir), mtime };
	u->dirs = t;
	return 0;
}

/* In the order they came: the last entry of a name holds. */
static void set_dir_times(struct unpack *u)
{
	struct dir_time *t, *in_order = NULL;

	while ((t = u->dirs)) {
		u->dirs = t->next;
		t->next = in_order;
		in_order = t;
	}
	while ((t = in_order)) {
		t->dir->mtime = (struct time64){ .sec = t->mtime };
		inode_put(t->dir);
		in_order = t->next;
		kfree(t);
	}
}

static void close_file(struct unpack *u)
{
	if (u->file)
		inode_put(u->file);
	u->file = NULL;
}

static int begin_file(struct unpack *u, const struct cpio_entry *e)
{
	struct path p;
	int err = make_node(u, e);

	if (err == -EEXIST) {
		vfs_unlink(AT_FDCWD, e->name);
		err = make_node(u, e);
	}
	if (!err)
		err = path_lookup(AT_FDCWD, e->name, 0, &p);
	if (err)
		return err;
	set_attributes(p.dentry->inode, e);
	if (S_ISREG(e->mode) && S_ISREG(p.dentry->inode->mode))
		u->file = inode_get(p.dentry->inode);
	if (is_dir(p.dentry->inode))
		err = note_dir(u, p.dentry->inode, e->mtime);
	path_put(&p);
	return err;
}

/* One file that cannot be made does not keep the others from being there; running out of memory
 * does. */
static int on_entry(void *arg, const struct cpio_entry *e)
{
	struct unpack *u = arg;
	int err;

	close_file(u);
	u->files++;
	err = begin_file(u, e);
	if (!err)
		return 0;
	pr_warn("initrd: %s: error %d\n", e->name, err);
	if (!u->failed)
		u->failed = err;
	return err == -ENOMEM || err == -ENOSPC ? err : 0;
}

static int on_data(void *arg, const struct cpio_entry *e, u64 pos, const void *p, size_t n)
{
	struct unpack *u = arg;
	struct mapping *m;
	int err;

	if (!u->file)
		return 0;
	m = &u->file->mapping;
	err = mapping_fill(m, pos, p, n);
	if (!err && m->size < pos + n)
		m->size = pos + n;
	cond_resched();
	return err;
}

static const struct cpio_ops unpack_ops = { .entry = on_entry, .data = on_data };

static int feed(void *arg, const void *data, size_t n)
{
	struct unpack *u = arg;
	size_t used;
	int err = cpio_feed(&u->cpio, data, n, &used);

	if (err || used == n)
		return err;
	u->cpio.problem = "no archive";
	return -EINVAL;
}

static int unpack_one(struct unpack *u, const u8 *data, size_t len, size_t *used)
{
	int err;

	if (!is_gzip(data, len))
		return cpio_feed(&u->cpio, data, len, used);
	err = gunzip(data, len, used, feed, u);
	if (!err && !cpio_complete(&u->cpio))
		err = -EINVAL;
	return err;
}

static int unpack_all(struct unpack *u, const u8 *data, size_t len)
{
	while (len) {
		size_t used = 0;
		int err;

		while (len && !*data) {
			data++;
			len--;
		}
		if (!len)
			break;
		err = unpack_one(u, data, len, &used);
		if (err)
			return err;
		if (!used) {
			u->cpio.problem = "neither a newc cpio archive nor gzip";
			return -EINVAL;
		}
		data += used;
		len -= used;
	}
	if (cpio_complete(&u->cpio))
		return 0;
	u->cpio.problem = "cut off";
	return -EINVAL;
}

int initramfs_unpack(const void *data, size_t len)
{
	struct unpack *u = kzalloc(sizeof(*u));
	struct hardlink *h;
	int err;

	if (!u)
		return -ENOMEM;
	cpio_init(&u->cpio, &unpack_ops, u);
	err = unpack_all(u, data, len);
	if (err && u->file && u->file->mapping.size < u->cpio.e.size) {
		pr_err("initrd: %s is not whole: removed\n", u->cpio.e.name);
		vfs_unlink(AT_FDCWD, u->cpio.e.name);
	}
	close_file(u);
	set_dir_times(u);
	while ((h = u->links)) {
		u->links = h->next;
		kfree(h);
	}
	if (err)
		pr_err("initrd: %s after %u files (error %d): the rest is ignored\n",
		       u->cpio.problem			  ? u->cpio.problem
		       : err == -ENOMEM || err == -ENOSPC ? "out of memory"
							  : "damaged gzip data",
		       u->files, err);
	else
		pr_info("initrd: %u files\n", u->files);
	kfree(u);
	return err;
}
