/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/sys: the tunables of memory, files and tasks. */
#include <base/init.h>
#include <base/string.h>
#include <fs/fd.h>
#include <fs/pipe.h>
#include <fs/sysctl.h>
#include <lib/format.h>
#include <mm/mm.h>
#include <mm/reclaim.h>
#include <mm/stat.h>
#include <task/task.h>
#include "internal.h"

int sysctl_parse(const char *text, u64 *v)
{
	u64 n = 0;

	while (*text == ' ' || *text == '\t')
		text++;
	if (*text < '0' || *text > '9')
		return -EINVAL;
	for (; *text >= '0' && *text <= '9'; text++) {
		if (n > (~0ull - 9) / 10)
			return -EINVAL;
		n = n * 10 + (u64)(*text - '0');
	}
	while (*text == ' ' || *text == '\t' || *text == '\n')
		text++;
	*v = n;
	return *text ? -EINVAL : 0;
}

static int show_value(struct seq *s, void *arg)
{
	const struct sysctl *t = arg;

	seq_printf(s, "%u\n", READ_ONCE(*t->value));
	return 0;
}

static ssize_t store_value(const char *buf, size_t n, void *arg)
{
	const struct sysctl *t = arg;
	u64 v;

	if (sysctl_parse(buf, &v) || v < t->min || v > t->max)
		return -EINVAL;
	WRITE_ONCE(*t->value, (u32)v);
	return (ssize_t)n;
}
static const struct pseudo_ops value_ops = { .show = show_value, .store = store_value };
static const struct pseudo_ops fixed_ops = { .show = show_value };

void sysctl_register(const struct sysctl *t, u32 n)
{
	struct pseudo_node *sys = pseudo_dir(proc_root, "sys");

	for (; n; n--, t++)
		pseudo_file(sys, t->path, t->max ? 0644 : 0444, t->max ? &value_ops : &fixed_ops,
			    (void *)t);
}

/* --- values that are computed ----------------------------------------------------------------- */

static int show_text(struct seq *s, void *arg)
{
	seq_puts(s, arg);
	return 0;
}
static int show_file_nr(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\t0\t%lu\n", files_open(), (u64)(~0ull >> 1));
	return 0;
}
/* proc_sys_fs(5); the age limit and the pages wanted have no effect, there as here. */
static int show_dentry_state(struct seq *s, void *arg)
{
	struct dcache_state d;

	dcache_state(&d);
	seq_printf(s, "%lu\t%lu\t45\t0\t%lu\t0\n", d.total, d.unused, d.negative);
	return 0;
}
static int show_inode_nr(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\t0\n", inodes_count());
	return 0;
}
static int show_file_max(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\n", READ_ONCE(file_max));
	return 0;
}
static ssize_t store_file_max(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (sysctl_parse(buf, &v))
		return -EINVAL;
	WRITE_ONCE(file_max, v);
	return (ssize_t)n;
}

static ssize_t store_drop_caches(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (sysctl_parse(buf, &v) || v < 1 || v > 7)
		return -EINVAL;
	if (v & 1)
		drop_page_cache();
	if (v & 2) {
		while (shrink_slabs(0))
			cond_resched();
		mem_stat_add(STAT_DROP_SLAB, 1);
	}
	return (ssize_t)n;
}

static ssize_t store_compact(const char *buf, size_t n, void *arg)
{
	u64 v;
	int err;

	if (sysctl_parse(buf, &v) || v != 1)
		return -EINVAL;
	err = compact_memory();
	return err ? err : (ssize_t)n;
}

static int show_min_free(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\n", watermarks_min_kbytes());
	return 0;
}
static ssize_t store_min_free(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (sysctl_parse(buf, &v) || v > INT32_MAX)
		return -EINVAL;
	watermarks_set_min_kbytes(v);
	return (ssize_t)n;
}
static int show_scale(struct seq *s, void *arg)
{
	seq_printf(s, "%u\n", watermark_scale);
	return 0;
}
static ssize_t store_scale(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (sysctl_parse(buf, &v) || v < 1 || v > 3000)
		return -EINVAL;
	watermarks_set_scale((u32)v);
	return (ssize_t)n;
}

/* The limit is a share of RAM or so many KiB: the one that was written last. arg: which. */
static ssize_t store_overcommit(const char *buf, size_t n, void *arg)
{
	u32 *which = arg;
	u64 v;

	if (sysctl_parse(buf, &v) || v > 0x7fffffff)
		return -EINVAL;
	mm_overcommit_ratio = mm_overcommit_kbytes = 0;
	*which = (u32)v;
	return (ssize_t)n;
}
static int show_u32(struct seq *s, void *arg)
{
	seq_printf(s, "%u\n", READ_ONCE(*(u32 *)arg));
	return 0;
}

static const struct pseudo_ops overcommit_ops = {.show = show_u32, .store = store_overcommit};
static const struct pseudo_ops text_ops = { .show = show_text };
static const struct pseudo_ops file_nr_ops = { .show = show_file_nr };
static const struct pseudo_ops dentry_state_ops = { .show = show_dentry_state };
static const struct pseudo_ops inode_nr_ops = { .show = show_inode_nr };
static const struct pseudo_ops file_max_ops = { .show = show_file_max, .store = store_file_max };
static const struct pseudo_ops compact_ops = { .store = store_compact };
static const struct pseudo_ops drop_caches_ops = { .store = store_drop_caches };
static const struct pseudo_ops min_free_ops = { .show = show_min_free, .store = store_min_free };
static const struct pseudo_ops scale_ops = { .show = show_scale, .store = store_scale };

static u32 nr_open = 1048576, ngroups_max = 65536, cap_last_cap = CAP_LAST_CAP,
	   randomize = 2;
static u32 somaxconn = 4096, zero;
static const struct sysctl values[] = {
	{ "vm/overcommit_memory", &mm_overcommit_memory, 0, 2 },
	{ "vm/max_map_count", &mm_max_map_count, 1, 0x7fffffff },
	{ "vm/mmap_min_addr", &mm_min_addr, 0, 0x7fffffff },
	{ "vm/admin_reserve_kbytes", &mm_admin_reserve_kbytes, 0, 0x7fffffff },
	{ "vm/user_reserve_kbytes", &mm_user_reserve_kbytes, 0, 0x7fffffff },
	{ "vm/swappiness", &zero, 0, 0 },
	{ "vm/panic_on_oom", &zero, 0, 0 },
	{ "kernel/pid_max", &pid_max, 301, 32768 },
	{ "kernel/threads-max", &threads_max, 20, 0x3fffffff },
	{ "kernel/ngroups_max", &ngroups_max, 0, 0 },
	{ "kernel/cap_last_cap", &cap_last_cap, 0, 0 },
	{ "kernel/randomize_va_space", &randomize, 0, 0 },
	{ "kernel/tainted", &zero, 0, 0 },
	{ "fs/nr_open", &nr_open, 0, 0 },
	{ "fs/pipe-max-size", &pipe_max_size, 4096, 1u << 31 },
	{ "fs/pipe-user-pages-soft", &pipe_user_pages_soft, 0, 0x7fffffff },
	{ "fs/pipe-user-pages-hard", &pipe_user_pages_hard, 0, 0x7fffffff },
	{ "net/core/somaxconn", &somaxconn, 0, 0 },
};

static int sysctl_init(void)
{
	struct pseudo_node *sys = pseudo_dir(proc_root, "sys");

	struct mem_totals m;

	mem_totals(&m);
	mm_admin_reserve_kbytes = (u32)min(m.free / 32 << (PAGE_SHIFT - 10), 8192ul);
	mm_user_reserve_kbytes = (u32)min(m.free / 32 << (PAGE_SHIFT - 10), 131072ul);
	sysctl_register(values, ARRAY_SIZE(values));
	pseudo_file(sys, "vm/overcommit_ratio", 0644, &overcommit_ops, &mm_overcommit_ratio);
	pseudo_file(sys, "vm/overcommit_kbytes", 0644, &overcommit_ops, &mm_overcommit_kbytes);
	pseudo_file(sys, "fs/file-nr", 0444, &file_nr_ops, NULL);
	pseudo_file(sys, "fs/dentry-state", 0444, &dentry_state_ops, NULL);
	pseudo_file(sys, "fs/inode-nr", 0444, &inode_nr_ops, NULL);
	pseudo_file(sys, "fs/file-max", 0644, &file_max_ops, NULL);
	pseudo_file(sys, "kernel/core_pattern", 0444, &text_ops, "core\n");
	pseudo_file(sys, "vm/drop_caches", 0200, &drop_caches_ops, NULL);
	pseudo_file(sys, "vm/compact_memory", 0200, &compact_ops, NULL);
	pseudo_file(sys, "vm/min_free_kbytes", 0644, &min_free_ops, NULL);
	pseudo_file(sys, "vm/watermark_scale_factor", 0644, &scale_ops, NULL);
	return 0;
}
INITCALL(late, sysctl_init);
