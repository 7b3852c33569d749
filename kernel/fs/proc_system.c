/* SPDX-License-Identifier: BSD-2-Clause */
/* The files of /proc that tell of the whole system: memory, processors' time, load, file systems
 * (proc(5)). */
#include <base/init.h>
#include <base/string.h>
#include <fs/mount.h>
#include <fs/pseudo.h>
#include <hal/cpu.h>
#include <mm/mm.h>
#include <mm/reclaim.h>
#include <mm/slab.h>
#include <mm/stat.h>
#include <task/task.h>
#include "proc.h"

#define KB(pages)	((pages) << (PAGE_SHIFT - 10))
#define TICKS(ns)	((ns) / 10000000)

/* --- memory ----------------------------------------------------------------------------------- */

static void kb(struct seq *s, const char *name, u64 kilobytes)
{
	size_t line = s->len;

	seq_puts(s, name);
	seq_pad(s, line, 16);
	seq_printf(s, "%8lu kB\n", kilobytes);
}

static int show_meminfo(struct seq *s, void *arg)
{
	struct mem_totals m;
	u64 cached;

	mem_totals(&m);
	cached = m.page_cache;
	kb(s, "MemTotal:", KB(m.total));
	kb(s, "MemFree:", KB(m.free));
	kb(s, "MemAvailable:", KB(m.available));
	kb(s, "Buffers:", 0);
	kb(s, "Cached:", KB(cached));
	kb(s, "SwapCached:", 0);
	kb(s, "Active:", KB(m.anon + m.shmem + m.active_file));
	kb(s, "Inactive:", KB(m.inactive_file));
	kb(s, "Active(anon):", KB(m.anon + m.shmem));
	kb(s, "Inactive(anon):", 0);
	kb(s, "Active(file):", KB(m.active_file));
	kb(s, "Inactive(file):", KB(m.inactive_file));
	kb(s, "Unevictable:", 0);
	kb(s, "Mlocked:", 0);
	kb(s, "SwapTotal:", 0);
	kb(s, "SwapFree:", 0);
	kb(s, "Dirty:", KB(m.dirty));
	kb(s, "Writeback:", 0);
	kb(s, "AnonPages:", KB(m.anon));
	kb(s, "Mapped:", KB(m.mapped));
	kb(s, "Shmem:", KB(m.shmem));
	kb(s, "KReclaimable:", KB(m.slab_reclaimable));
	kb(s, "Slab:", KB(m.slab));
	kb(s, "SReclaimable:", KB(m.slab_reclaimable));
	kb(s, "SUnreclaim:", KB(m.slab - m.slab_reclaimable));
	kb(s, "KernelStack:", KB(m.kstack));
	kb(s, "PageTables:", KB(m.tables));
	kb(s, "SecPageTables:", 0);
	kb(s, "NFS_Unstable:", 0);
	kb(s, "Bounce:", 0);
	kb(s, "WritebackTmp:", 0);
	kb(s, "CommitLimit:", KB(mm_commit_limit()));
	kb(s, "Committed_AS:", KB(mm_committed()));
	kb(s, "VmallocTotal:", (VMALLOC_END - VMALLOC_BASE) >> 10);
	kb(s, "VmallocUsed:", KB(mem_stat_read(STAT_KVM)));
	kb(s, "VmallocChunk:", 0);
	kb(s, "AnonHugePages:", KB(thp_anon_pages()));
	kb(s, "ShmemHugePages:", KB(mem_stat_read(STAT_SHMEM_HUGE)));
	kb(s, "ShmemPmdMapped:", KB(mem_stat_read(STAT_SHMEM_BLOCKS)));
	kb(s, "FileHugePages:", KB(mem_stat_read(STAT_CACHE_HUGE)));
	kb(s, "FilePmdMapped:", KB(mem_stat_read(STAT_CACHE_BLOCKS)));
	return 0;
}

/* Names as Linux has them; what distinguishes kinds that are not there is left out or 0. */
static void show_reclaim_events(struct seq *s)
{
	static const struct { const char *name; u8 stat; } events[] = {
		{ "pgactivate", STAT_PGACTIVATE }, { "pgdeactivate", STAT_PGDEACTIVATE },
		{ "pglazyfree", STAT_PGLAZYFREE }, { "pglazyfreed", STAT_PGLAZYFREED },
		{ "pgrefill", STAT_PGREFILL }, { "pgsteal_kswapd", STAT_PGSTEAL_KSWAPD },
		{ "pgsteal_direct", STAT_PGSTEAL_DIRECT },
		{ "pgscan_kswapd", STAT_PGSCAN_KSWAPD }, { "pgscan_direct", STAT_PGSCAN_DIRECT },
		{ "allocstall_normal", STAT_ALLOCSTALL }, { "pageoutrun", STAT_PAGEOUTRUN },
		{ "slabs_scanned", STAT_SLABS_SCANNED },
		{ "pgmigrate_success", STAT_MIGRATED }, { "pgmigrate_fail", STAT_MIGRATE_FAILED },
		{ "compact_migrate_scanned", STAT_COMPACT_SCANNED },
		{ "compact_isolated", STAT_COMPACT_ISOLATED },
		{ "compact_stall", STAT_COMPACT_STALL }, { "compact_fail", STAT_COMPACT_FAIL },
		{ "compact_success", STAT_COMPACT_SUCCESS },
		{ "drop_pagecache", STAT_DROP_PAGECACHE }, { "drop_slab", STAT_DROP_SLAB },
		{ "workingset_refault_file", STAT_REFAULT },
		{ "workingset_activate_file", STAT_REFAULT_ACTIVATE },
		{ "workingset_restore_file", STAT_REFAULT_RESTORE },
	};

	for (u32 i = 0; i < ARRAY_SIZE(events); i++)
		seq_printf(s, "%s %lu\n", events[i].name, mem_stat_read(events[i].stat));
	seq_puts(s, "workingset_refault_anon 0\nworkingset_activate_anon 0\n"
		    "workingset_restore_anon 0\nworkingset_nodereclaim 0\n");
}

/* Tine's own: shared page tables (docs/cow-tables.md). */
static void show_cow_tables(struct seq *s)
{
	static const char *const cause[NR_OWN_CAUSE] = {
		[OWN_WRITE] = "write",	 [OWN_FILL] = "fill", [OWN_UNMAP] = "unmap",
		[OWN_PROTECT] = "protect", [OWN_MOVE] = "move", [OWN_ADVISE] = "advise",
		[OWN_LOCK] = "lock",	 [OWN_PIN] = "pin",   [OWN_FORK] = "fork",
	};

	seq_printf(s, "cow_tables_fork %lu\ncow_tables_pinned_copied %lu\ncow_tables_taken_back %lu\n",
		   mem_stat_read(STAT_COW_FORK), mem_stat_read(STAT_COW_PIN),
		   mem_stat_read(STAT_COW_TABLE_TAKEN));
	seq_printf(s, "cow_tables_given_up %lu\n", mem_stat_read(STAT_COW_TABLE_LEFT));
	for (u32 i = 0; i < 3; i++)
		seq_printf(s, "cow_tables_copied_level%u %lu\n", i + 1,
			   mem_stat_read(STAT_COW_TABLE_COPIED + i));
	for (u32 i = 0; i < NR_OWN_CAUSE; i++)
		seq_printf(s, "cow_tables_leaf_%s %lu\n", cause[i], mem_stat_read(STAT_COW_CAUSE + i));
}

static int show_vmstat(struct seq *s, void *arg)
{
	struct mem_totals m;

	mem_totals(&m);
	seq_printf(s, "nr_free_pages %lu\nnr_anon_pages %lu\nnr_mapped %lu\n"
		      "nr_file_pages %lu\nnr_dirty %lu\nnr_shmem %lu\n",
		   m.free, m.anon, m.mapped, m.page_cache, m.dirty, m.shmem);
	seq_printf(s, "nr_inactive_file %lu\nnr_active_file %lu\n", m.inactive_file,
		   m.active_file);
	seq_printf(s, "nr_slab_unreclaimable %lu\nnr_page_table_pages %lu\nnr_kernel_stack %lu\n",
		   m.slab, m.tables, KB(m.kstack));
	seq_printf(s,
		   "pgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault %lu\npgmajfault "
		   "%lu\noom_kill %lu\n",
		   mem_stat_read(STAT_FAULT), mem_stat_read(STAT_MAJFAULT),
		   mem_stat_read(STAT_OOM));
	show_reclaim_events(s);
	thp_show_vmstat(s);
	show_cow_tables(s);
	return 0;
}

/* One zone, as far as programs that read the file want it. */
static int show_zoneinfo(struct seq *s, void *arg)
{
	struct zone_info z;

	zone_info(&z);
	seq_printf(s, "Node 0, zone   Normal\n  pages free     %lu\n        boost    0\n"
		      "        min      %lu\n        low      %lu\n        high     %lu\n"
		      "        spanned  %lu\n        present  %lu\n        managed  %lu\n",
		   z.free, z.min, z.low, z.high, z.pages, z.pages, z.pages);
	return 0;
}

/* The slabs of a cache differ in size; they are shown as if each were a page. */
static int show_slabinfo(struct seq *s, void *arg)
{
	struct slab_stat st;

	seq_puts(s, "slabinfo - version: 2.1\n# name            <active_objs> <num_objs> <objsize> "
		    "<objperslab> "
		    "<pagesperslab> : tunables <limit> <batchcount> <sharedfactor> : slabdata "
		    "<active_slabs> "
		    "<num_slabs> <sharedavail>\n");
	for (u32 n = 0; slab_stat(n, &st); n++)
		seq_printf(s,
			   "%-17s %6lu %6lu %6u %4lu %4d : tunables    0    0    0 : slabdata %6lu "
			   "%6lu      0\n",
			   st.name, st.in_use, st.total, st.size,
			   st.pages ? st.total / st.pages : 0, 1, st.pages, st.pages);
	return 0;
}

/* --- time and load ---------------------------------------------------------------------------- */

static void cpu_line(struct seq *s, u64 user, u64 system, u64 idle)
{
	seq_printf(s, " %lu 0 %lu %lu 0 0 0 0 0 0\n", TICKS(user), TICKS(system), TICKS(idle));
}

static int show_stat(struct seq *s, void *arg)
{
	u64 user[MAX_CPUS], system[MAX_CPUS], idle[MAX_CPUS], u = 0, sy = 0, i = 0;

	for_each_cpu(n) {
		sched_cpu_times(n, &user[n], &system[n], &idle[n]);
		u += user[n];
		sy += system[n];
		i += idle[n];
	}
	seq_puts(s, "cpu ");
	cpu_line(s, u, sy, i);
	for_each_cpu(n) {
		seq_printf(s, "cpu%u", n);
		cpu_line(s, user[n], system[n], idle[n]);
	}
	if (proc_intr_line)
		proc_intr_line(s);
	seq_printf(s,
		   "ctxt %lu\nbtime %lu\nprocesses %u\nprocs_running %u\nprocs_blocked 0\n"
		   "softirq 0 0 0 0 0 0 0 0 0 0 0\n",
		   sched_switches(), (realtime_ns() - clock_ns()) / 1000000000, (u32)last_pid(),
		   max(sched_nr_running(), 1u));
	return 0;
}

static int show_loadavg(struct seq *s, void *arg)
{
	u64 avg[3];
	u32 running;

	sched_loadavg(avg);
	for (u32 i = 0; i < 3; i++) {
		u64 v = avg[i] + 2048 / 200;	/* rounded */

		seq_printf(s, "%lu.%02lu ", v >> 11, (v & 2047) * 100 >> 11);
	}
	running = max(sched_nr_running(), 1u); /* kernel threads too, which nr_tasks leaves out */
	seq_printf(s, "%u/%u %d\n", running, max(nr_tasks(), running), last_pid());
	return 0;
}

static int show_uptime(struct seq *s, void *arg)
{
	u64 idle = 0, up = clock_ns(), user, system, i;

	for_each_cpu(n) {
		sched_cpu_times(n, &user, &system, &i);
		idle += i;
	}
	seq_printf(s, "%lu.%02lu %lu.%02lu\n", up / 1000000000, up / 10000000 % 100,
		   idle / 1000000000, idle / 10000000 % 100);
	return 0;
}

/* --- lists ------------------------------------------------------------------------------------ */

static int show_filesystems(struct seq *s, void *arg)
{
	filesystems_show(s);
	return 0;
}
static int show_text(struct seq *s, void *arg)
{
	seq_puts(s, arg);
	return 0;
}

static const struct { const char *name; struct pseudo_ops ops; } files[] = {
	{ "meminfo", { .show = show_meminfo } }, { "vmstat", { .show = show_vmstat } },
	{ "stat", { .show = show_stat } },	 { "loadavg", { .show = show_loadavg } },
	{ "zoneinfo", { .show = show_zoneinfo } },
	{ "uptime", { .show = show_uptime } },	 { "filesystems", { .show = show_filesystems } },
};
static const struct pseudo_ops text_ops = { .show = show_text };
static const struct pseudo_ops slabinfo_ops = { .show = show_slabinfo };

static int proc_fill(void)
{
	for (u32 i = 0; i < ARRAY_SIZE(files); i++)
		pseudo_file(proc_root, files[i].name, 0444, &files[i].ops, NULL);
	pseudo_file(proc_root, "swaps", 0444, &text_ops,
		    "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n");
	pseudo_file(proc_root, "partitions", 0444, &text_ops, "major minor  #blocks  name\n\n");
	pseudo_file(proc_root, "devices", 0444, &text_ops,
		    "Character devices:\n  1 mem\n  5 /dev/tty\n  5 /dev/console\n"
		    "  5 /dev/ptmx\n 10 misc\n136 pts\n204 ttyAMA\n229 hvc\n\nBlock devices:\n");
	pseudo_file(proc_root, "slabinfo", 0400, &slabinfo_ops, NULL);
	pseudo_file(proc_root, "diskstats", 0444, &text_ops, "");
	pseudo_file(proc_root, "locks", 0444, &text_ops, "");
	pseudo_file(proc_root, "modules", 0444, &text_ops, "");
	pseudo_link(proc_root, "mounts", "self/mounts");
	return 0;
}
INITCALL(late, proc_fill);
