/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file to test the page cache with, larger than memory and without a disk:
 * /sys/kernel/debug/tine/pattern/data. Its pages are made when they are read in: each aligned
 * 8-byte word holds its own offset in the file, little endian, so whoever reads can check. The
 * pages are clean and can be dropped and made again, like those of a file on a disk; ./reads counts
 * the pages made since boot, so a test can tell which were dropped.
 *
 * The file has its size (64 GiB, or what ftruncate made of it) and its pages as long as somebody
 * has it open or mapped. What is written through a shared mapping makes pages dirty for good:
 * there is nowhere to write them to.
 */
#include <base/init.h>
#include <base/string.h>
#include <fs/pseudo.h>
#include <fs/rw.h>
#include "internal.h"

#define PATTERN_SIZE	(64ull << 30)

static atomic64_t pages_made;

static int pattern_read_folio(struct mapping *m, struct folio *f)
{
	u64 *w = folio_address(f), at = f->page.index << PAGE_SHIFT;
	u64 *end = w + (PAGE_SIZE / sizeof(*w) << folio_order(f));

	for (; w < end; at += sizeof(*w))
		*w++ = at;
	__atomic_fetch_add(&pages_made.v, folio_nr_pages(f), __ATOMIC_RELAXED);
	return 0;
}
static const struct mapping_ops pattern_mapping_ops = { .read_folio = pattern_read_folio };

static int pattern_open(struct inode *i, struct file *f)
{
	write_lock(&i->lock);
	if (!i->mapping.ops) {
		i->mapping.ops = &pattern_mapping_ops;
		WRITE_ONCE(i->mapping.size, PATTERN_SIZE);
	}
	write_unlock(&i->lock);
	f->backing.mapping = &i->mapping;
	return 0;
}

static ssize_t pattern_read(struct file *f, struct uio *u, u64 *pos)
{
	ssize_t n = mapping_read(&f->inode->mapping, &f->backing.ra, u, *pos);

	if (n > 0)
		*pos += (u64)n;
	return n;
}
static const struct file_ops pattern_fops = { .open = pattern_open, .read = pattern_read };

static int show_reads(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\n", (u64)atomic_read(&pages_made));
	return 0;
}
static const struct pseudo_ops reads_ops = { .show = show_reads };

static int pattern_init(void)
{
	pseudo_special(debugfs_root, "tine/pattern/data", 0600, &pattern_fops, NULL, 0);
	pseudo_file(debugfs_root, "tine/pattern/reads", 0400, &reads_ops, NULL);
	return 0;
}
INITCALL(late, pattern_init);
