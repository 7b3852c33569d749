/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Large folios as Linux shows them: /sys/kernel/mm/transparent_hugepage (Documentation/admin-guide/
 * mm/transhuge of Linux), and their lines of /proc/vmstat.
 *
 * A word that would have no effect is refused (EINVAL), and not shown as one that can be chosen:
 * nothing moves pages in the background (defrag: defer).
 */
#include <base/init.h>
#include <base/string.h>
#include <fs/sysctl.h>
#include <lib/format.h>
#include <mm/stat.h>
#include <mm/thp.h>
#include "internal.h"
#include "proc.h"

#define THP_DIR "kernel/mm/transparent_hugepage"

/* buf is word, with or without the newline of echo. */
static bool is_word(const char *buf, const char *word)
{
	size_t n = strlen(word);

	return !strncmp(buf, word, n) && (!buf[n] || !strcmp(buf + n, "\n"));
}

/* --- the words of the policy ------------------------------------------------------------------ */

/* Words to choose from, name[mode[]], as Linux orders them. */
struct words { const char *const *name; const u8 *mode; u32 n; };

#define WORDS(name, ...)							\
	{ name, (const u8[]){ __VA_ARGS__ }, sizeof((const u8[]){ __VA_ARGS__ }) }

/* Of the whole, of each size. */
static const struct words thp_words[] = {
	WORDS(thp_mode_name, THP_ALWAYS, THP_MADVISE, THP_NEVER),
	WORDS(thp_mode_name, THP_ALWAYS, THP_INHERIT, THP_MADVISE, THP_NEVER),
};
static const struct words shmem_words[] = {
	WORDS(shmem_mode_name, SHMEM_ALWAYS, SHMEM_WITHIN, SHMEM_ADVISE, SHMEM_NEVER, SHMEM_DENY,
	      SHMEM_FORCE),
	WORDS(shmem_mode_name, SHMEM_ALWAYS, SHMEM_INHERIT, SHMEM_WITHIN, SHMEM_ADVISE,
	      SHMEM_NEVER),
};

static void show_words(struct seq *s, const struct words *w, u8 now)
{
	for (u32 i = 0; i < w->n; i++)
		seq_printf(s, w->mode[i] == now ? "%s[%s]" : "%s%s", i ? " " : "",
			   w->name[w->mode[i]]);
	seq_putc(s, '\n');
}

/* The mode that buf names, or -EINVAL. */
static int mode_of(const char *buf, const struct words *w)
{
	for (u32 i = 0; i < w->n; i++)
		if (is_word(buf, w->name[w->mode[i]]))
			return w->mode[i];
	return -EINVAL;
}

/* arg: the order, 0: the word of the whole. */
static int show_enabled(struct seq *s, void *arg)
{
	u64 order = (u64)arg;

	show_words(s, &thp_words[order > 0],
		   order ? READ_ONCE(thp_policy.order[order]) : READ_ONCE(thp_policy.all));
	return 0;
}

static ssize_t store_enabled(const char *buf, size_t len, void *arg)
{
	u64 order = (u64)arg;
	int mode = mode_of(buf, &thp_words[order > 0]);

	if (mode < 0)
		return mode;
	thp_policy_set((u32)order, (enum thp_mode)mode);
	return (ssize_t)len;
}

static int show_defrag(struct seq *s, void *arg)
{
	show_words(s, &thp_words[0], READ_ONCE(thp_defrag));
	return 0;
}

static ssize_t store_defrag(const char *buf, size_t len, void *arg)
{
	int mode = mode_of(buf, &thp_words[0]);

	if (mode < 0)
		return mode;
	WRITE_ONCE(thp_defrag, (u8)mode);
	return (ssize_t)len;
}

static int show_shmem(struct seq *s, void *arg)
{
	u64 order = (u64)arg;

	show_words(s, &shmem_words[order > 0],
		   order ? READ_ONCE(shmem_policy.order[order]) : READ_ONCE(shmem_policy.all));
	return 0;
}

static ssize_t store_shmem(const char *buf, size_t len, void *arg)
{
	u64 order = (u64)arg;
	int mode = mode_of(buf, &shmem_words[order > 0]);

	if (mode < 0)
		return mode;
	shmem_policy_set((u32)order, (enum shmem_mode)mode);
	return (ssize_t)len;
}

/* --- others ----------------------------------------------------------------------------------- */

static int show_zero(struct seq *s, void *arg)
{
	seq_printf(s, "%u\n", READ_ONCE(thp_use_zero_page));
	return 0;
}
static ssize_t store_zero(const char *buf, size_t len, void *arg)
{
	u64 v;

	if (sysctl_parse(buf, &v) || v > 1)
		return -EINVAL;
	WRITE_ONCE(thp_use_zero_page, (u8)v);
	return (ssize_t)len;
}
static int show_pmd_size(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\n", (u64)PMD_SIZE);
	return 0;
}

/* --- statistics ------------------------------------------------------------------------------- */

static const struct { const char *name; u8 event; } stats[] = {
	{ "anon_fault_alloc", THP_ALLOC },   { "anon_fault_fallback", THP_FALLBACK },
	{ "anon_cow_alloc", THP_COW_COPY },  { "split", THP_SPLIT },
	{ "split_deferred", THP_DEFERRED },  { "nr_anon", THP_NR_ANON },
	{ "shmem_alloc", THP_SHMEM_ALLOC },  { "shmem_fallback", THP_SHMEM_FALLBACK },
	{ "shmem_fallback_charge", THP_SHMEM_FALLBACK_CHARGE },
};

static u64 event_count(u32 order, u32 event)
{
	return (u64)max(atomic_read(&thp_events[order][event]), (i64)0);
}

/* arg: order and event. */
static int show_stat(struct seq *s, void *arg)
{
	u64 which = (u64)arg;

	seq_printf(s, "%lu\n", event_count((u32)which / NR_THP_EVENT, (u32)which % NR_THP_EVENT));
	return 0;
}

static const struct pseudo_ops enabled_ops = { .show = show_enabled, .store = store_enabled };
static const struct pseudo_ops shmem_ops = { .show = show_shmem, .store = store_shmem };
static const struct pseudo_ops defrag_ops = { .show = show_defrag, .store = store_defrag };
static const struct pseudo_ops zero_ops = { .show = show_zero, .store = store_zero };
static const struct pseudo_ops pmd_size_ops = { .show = show_pmd_size };
static const struct pseudo_ops stat_ops = { .show = show_stat };

static void add_order(struct pseudo_node *thp, u32 order)
{
	char name[24];
	struct pseudo_node *d;

	snprintf(name, sizeof(name), "hugepages-%lukB", (u64)(PAGE_SIZE >> 10) << order);
	d = pseudo_dir(thp, name);
	pseudo_file(d, "enabled", 0644, &enabled_ops, (void *)(u64)order);
	pseudo_file(d, "shmem_enabled", 0644, &shmem_ops, (void *)(u64)order);
	d = pseudo_dir(d, "stats");
	for (u32 i = 0; i < ARRAY_SIZE(stats); i++)
		pseudo_file(d, stats[i].name, 0444, &stat_ops,
			    (void *)(u64)(order * NR_THP_EVENT + stats[i].event));
}

static int thp_files(void)
{
	struct pseudo_node *d = pseudo_dir(sysfs_root, THP_DIR);

	pseudo_file(d, "enabled", 0644, &enabled_ops, NULL);
	pseudo_file(d, "defrag", 0644, &defrag_ops, NULL);
	pseudo_file(d, "shmem_enabled", 0644, &shmem_ops, NULL);
	pseudo_file(d, "use_zero_page", 0644, &zero_ops, NULL);
	pseudo_file(d, "hpage_pmd_size", 0444, &pmd_size_ops, NULL);
	for (u32 order = THP_MIN_ORDER; order <= THP_PMD_ORDER; order++)
		add_order(d, order);
	return 0;
}
INITCALL(late, thp_files);

/* --- /proc/vmstat ----------------------------------------------------------------------------- */

/* kind_made, kind_kept, and kind_apart_CAUSE for each cause; their counters follow one another. */
static void show_blocks(struct seq *s, const char *kind, u32 made)
{
	static const char *const cause[NR_PT_CAUSE] = {
		[PT_UNMAP] = "unmap",	[PT_PROTECT] = "protect", [PT_COW] = "cow",
		[PT_FORK] = "fork",	[PT_MOVE] = "move",	  [PT_ADVISE] = "advise",
		[PT_MIGRATE] = "migrate", [PT_CUT] = "cut",
	};

	seq_printf(s, "%s_made %lu\n%s_kept %lu\n", kind, mem_stat_read(made), kind,
		   mem_stat_read(made + 1));
	for (u32 i = 0; i < NR_PT_CAUSE; i++)
		seq_printf(s, "%s_apart_%s %lu\n", kind, cause[i], mem_stat_read(made + 2 + i));
}

void thp_show_vmstat(struct seq *s)
{
	u64 apart = 0;

	for (u32 i = 0; i < NR_PT_CAUSE; i++)
		apart += mem_stat_read(STAT_BLOCK_APART + i);
	seq_printf(s, "nr_anon_transparent_hugepages %lu\nthp_fault_alloc %lu\n"
		      "thp_fault_fallback %lu\nthp_split_page %lu\nthp_deferred_split_page %lu\n"
		      "thp_split_pmd %lu\n",
		   event_count(THP_PMD_ORDER, THP_NR_ANON), event_count(THP_PMD_ORDER, THP_ALLOC),
		   event_count(THP_PMD_ORDER, THP_FALLBACK), event_count(THP_PMD_ORDER, THP_SPLIT),
		   event_count(THP_PMD_ORDER, THP_DEFERRED), apart);
	seq_printf(s, "nr_shmem_hugepages %lu\nnr_shmem_pmdmapped %lu\nnr_file_hugepages %lu\n"
		      "nr_file_pmdmapped %lu\nthp_file_alloc %lu\nthp_file_fallback %lu\n"
		      "thp_file_fallback_charge %lu\nthp_file_mapped %lu\n"
		      "thp_zero_page_alloc %lu\nthp_zero_page_alloc_failed %lu\n",
		   mem_stat_read(STAT_SHMEM_HUGE) >> THP_PMD_ORDER,
		   mem_stat_read(STAT_SHMEM_BLOCKS) >> THP_PMD_ORDER,
		   mem_stat_read(STAT_CACHE_HUGE) >> THP_PMD_ORDER,
		   mem_stat_read(STAT_CACHE_BLOCKS) >> THP_PMD_ORDER,
		   event_count(THP_PMD_ORDER, THP_SHMEM_ALLOC),
		   event_count(THP_PMD_ORDER, THP_SHMEM_FALLBACK),
		   event_count(THP_PMD_ORDER, THP_SHMEM_FALLBACK_CHARGE),
		   mem_stat_read(STAT_FILE_BLOCK), mem_stat_read(STAT_ZERO_BLOCK),
		   mem_stat_read(STAT_ZERO_BLOCK_FAILED));
	show_blocks(s, "cont_pte", STAT_CONT_MADE);
	show_blocks(s, "pmd_block", STAT_BLOCK_MADE);
}

u64 thp_anon_pages(void) { return event_count(THP_PMD_ORDER, THP_NR_ANON) << THP_PMD_ORDER; }
