/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /sys/kernel/debug/split_huge_pages, as on Linux (Documentation/admin-guide/mm/transhuge): "1"
 * splits all large folios of private memory; "PID,START,END[,ORDER[,PAGE]]" those of a range of a
 * process's addresses; "PATH,FIRST,END[,ORDER[,PAGE]]" those of a file's pages, always into single
 * pages. Written only; what came of it is in the kernel's log, level debug.
 */
#include <base/init.h>
#include <base/printk.h>
#include <base/string.h>
#include <fs/pseudo.h>
#include <fs/vfs.h>
#include <lib/format.h>
#include <linux/fcntl.h>
#include <mm/mapping.h>
#include <mm/thp.h>
#include "proc.h"

struct request { u64 start, end, order, only; };

/* Up to four numbers with commas before them, and nothing behind; at least two. */
static bool parse_numbers(const char *s, struct request *r)
{
	u64 v[4] = { 0, 0, 0, ~0ull };
	u32 n = 0;

	for (; *s == ',' && n < 4; n++)
		if (!parse_u64(s + 1, &s, 0, &v[n]))
			return false;
	while (*s == '\n' || *s == ' ')
		s++;
	*r = (struct request){ v[0], v[1], v[2], v[3] };
	return !*s && n >= 2;
}

static void report(const struct split_count *c)
{
	printk(LOG_DEBUG, "split_huge_pages: %lu of %lu folios\n", c->split, c->found);
}

static int split_of_process(u64 pid, const struct request *r)
{
	struct split_count c = { 0 };
	struct task *t = pid <= INT32_MAX ? task_by_tid((i32)pid) : NULL;
	struct mm *mm;

	if (!t)
		return -ESRCH;
	mm = proc_mm(t);
	task_put(t);
	if (!mm)
		return -EINVAL;
	if (r->order < THP_PMD_ORDER && r->order != 1)	/* else none is larger; none is so small */
		mm_split_folios(mm, r->start & PAGE_MASK, min(r->end, (u64)USER_VA_END),
				(u32)r->order,
				r->only < 1u << THP_PMD_ORDER ? (i32)r->only : -1, &c);
	mm_return(mm);
	report(&c);
	return 0;
}

static int split_of_file(const char *path, const struct request *r)
{
	struct file *f = file_open(AT_FDCWD, path, O_RDONLY, 0);
	struct split_count c = { 0 };

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	if (S_ISREG(f->inode->mode) && r->end > r->start)
		mapping_split_pages(&f->inode->mapping, r->start, r->end - 1, &c);
	file_put(f);
	report(&c);
	return 0;
}

static ssize_t split_path(const char *buf, size_t n)
{
	char path[128];
	struct request r;
	size_t len = 0;
	int err;

	while (buf[len] && buf[len] != ',')
		len++;
	if (len >= sizeof(path) || !parse_numbers(buf + len, &r))
		return -EINVAL;
	strlcpy(path, buf, len + 1);
	err = split_of_file(path, &r);
	return err ?: (ssize_t)n;
}

static ssize_t split_store(const char *buf, size_t n, void *arg)
{
	struct split_count c = { 0 };
	struct request r;
	const char *end;
	u64 pid;
	int err;

	if (!parse_u64(buf, &end, 0, &pid))
		return split_path(buf, n);
	if (pid == 1 && (!*end || *end == '\n')) {
		split_all_folios(&c);
		report(&c);
		return (ssize_t)n;
	}
	if (!parse_numbers(end, &r))
		return -EINVAL;
	err = split_of_process(pid, &r);
	return err ?: (ssize_t)n;
}

static const struct pseudo_ops split_ops = { .store = split_store };

static int split_file(void)
{
	pseudo_file(debugfs_root, "split_huge_pages", 0200, &split_ops, NULL);
	return 0;
}
INITCALL(late, split_file);
