/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/PID/map_files: a link to the file behind each mapping, named by its addresses as maps shows
 * them. It leads to the very file, whatever its name is now. No name is told while mm->lock is
 * held: telling it may fault.
 */
#include <base/string.h>
#include <lib/format.h>
#include "internal.h"
#include "proc.h"

static struct mm *mm_of(struct inode *i)
{
	struct task *t = proc_task(i);
	struct mm *mm = t ? proc_mm_inspect(t) : NULL;

	if (t)
		task_put(t);
	return IS_ERR(mm) ? NULL : mm;
}

/* Shared anonymous memory is backed too, but by no file. */
static bool of_file(const struct vma *v)
{
	return v->backing && v->backing->ops == &file_backing_ops;
}

/* mm->lock held. */
static struct vma *exact(struct mm *mm, u64 start, u64 end)
{
	struct vma *v = mm_find_vma(mm, start);

	return v && v->start == start && v->end == end && of_file(v) ? v : NULL;
}

static int map_follow(struct inode *i, struct path *to)
{
	struct mm *mm = mm_of(i);
	struct vma *v;

	if (!mm)
		return -ENOENT;
	read_lock(&mm->lock);
	v = exact(mm, proc_of(i)->start, proc_of(i)->end);
	if (v) {
		*to = container_of(v->backing, struct file, backing)->path;
		path_get(to);
	}
	read_unlock(&mm->lock);
	mm_return(mm);
	return v ? 0 : -ENOENT;
}

static void map_evict(struct inode *i) { proc_text_iops.evict(i); }
static bool map_revalidate(struct dentry *d) { return proc_text_iops.revalidate(d); }
static const struct inode_ops map_link_iops = {
	.follow = map_follow, .revalidate = map_revalidate, .evict = map_evict,
};

/* Hexadecimal up to stop; the rest of the name, or NULL. */
static const char *parse_hex(const char *s, const char *end, char stop, u64 *v)
{
	for (*v = 0; s < end && *s != stop; s++) {
		bool letter = *s >= 'a' && *s <= 'f';

		if ((!letter && (*s < '0' || *s > '9')) || *v >> 60)
			return NULL;
		*v = *v << 4 | (u64)(letter ? *s - 'a' + 10 : *s - '0');
	}
	return s;
}

static struct inode *map_lookup(struct inode *dir, const char *name, u32 len)
{
	struct proc_inode of = *proc_of(dir);
	const char *end = name + len, *dash = parse_hex(name, end, '-', &of.start);
	struct mm *mm;
	struct inode *i;
	struct vma *v;

	if (!dash || dash == end || parse_hex(dash + 1, end, '-', &of.end) != end)
		return NULL;
	mm = mm_of(dir);
	if (!mm)
		return NULL;
	read_lock(&mm->lock);
	v = exact(mm, of.start, of.end);
	read_unlock(&mm->lock);
	mm_return(mm);
	if (!v)
		return NULL;
	of.entry = NULL;
	i = proc_new_inode(dir->sb, &of, S_IFLNK | 0500,
			   0x38000000 + (of.start >> PAGE_SHIFT) % 0x7000000);
	if (!IS_ERR(i)) {
		i->ops = &map_link_iops;
		i->mapping.size = 64;
	}
	return i;
}

/* The first file mapping that ends above *start: its addresses. */
static bool next_map(struct inode *i, u64 *start, u64 *end)
{
	struct mm *mm = mm_of(i);
	struct vma *v;

	if (!mm)
		return false;
	read_lock(&mm->lock);
	v = mm_first_vma_from(mm, *start);
	while (v && !of_file(v))
		v = mm_first_vma_from(mm, v->end);
	if (v) {
		*start = v->start;
		*end = v->end;
	}
	read_unlock(&mm->lock);
	mm_return(mm);
	return v;
}

/* A position is 2 and the page number from which to go on. */
static int map_readdir(struct file *f, struct dir_context *ctx)
{
	u64 start, end;

	for (; ctx->pos < 2; ctx->pos++)
		if (!ctx->emit(ctx, "..", (u32)ctx->pos + 1, f->inode->ino, 4))
			return 0;
	for (;;) {
		char name[40];

		start = (ctx->pos - 2) << PAGE_SHIFT;
		if (!next_map(f->inode, &start, &end))
			break;
		snprintf(name, sizeof(name), "%lx-%lx", start, end);
		if (!ctx->emit(ctx, name, (u32)strlen(name),
			       0x38000000 + (start >> PAGE_SHIFT) % 0x7000000, 10))
			break;
		ctx->pos = (end >> PAGE_SHIFT) + 2;
	}
	return 0;
}

const struct inode_ops proc_map_files_iops = {
	.lookup = map_lookup, .revalidate = map_revalidate, .evict = map_evict,
};
const struct file_ops proc_map_files_fops = { .readdir = map_readdir };
