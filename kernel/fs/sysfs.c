/* SPDX-License-Identifier: BSD-2-Clause */
/* /sys, /sys/kernel/debug and /sys/kernel/tracing: the file systems, and the files that belong to no driver. */
#include <base/init.h>
#include <base/string.h>
#include <hal/preempt.h>
#include <lib/format.h>
#include <linux/magic.h>
#include "pseudo_tree.h"

static struct pseudo_node sysfs_node = PSEUDO_ROOT(sysfs_node),
			  debugfs_node = PSEUDO_ROOT(debugfs_node),
			  tracefs_node = PSEUDO_ROOT(tracefs_node);
struct pseudo_node *sysfs_root = &sysfs_node, *debugfs_root = &debugfs_node,
		   *tracefs_root = &tracefs_node;

static struct super *sysfs_mount(const struct fs_type *t, const char *source, const char *data)
{
	return pseudo_mount(t, SYSFS_MAGIC, &sysfs_node, NULL, NULL);
}
static struct super *debugfs_mount(const struct fs_type *t, const char *source, const char *data)
{
	return pseudo_mount(t, DEBUGFS_MAGIC, &debugfs_node, NULL, NULL);
}
static struct super *tracefs_mount(const struct fs_type *t, const char *source, const char *data)
{
	return pseudo_mount(t, TRACEFS_MAGIC, &tracefs_node, NULL, NULL);
}
static struct fs_type tracefs_type = { .name = "tracefs", .mount = tracefs_mount, .nodev = true };
static struct fs_type sysfs_type = { .name = "sysfs", .mount = sysfs_mount, .nodev = true };
static struct fs_type debugfs_type = { .name = "debugfs", .mount = debugfs_mount, .nodev = true };

static int sysfs_register(void)
{
	debugfs_node.mode = S_IFDIR | 0700;
	fs_register(&sysfs_type);
	fs_register(&debugfs_type);
	tracefs_node.mode = S_IFDIR | 0700;
	fs_register(&tracefs_type);
	return 0;
}
INITCALL(fs, sysfs_register);

/* --- processors ------------------------------------------------------------------------------- */

/* A bit mask as ranges: 0-3,5. */
static void show_ranges(struct seq *s, u64 mask)
{
	const char *sep = "";

	for (u32 n = 0; n < MAX_CPUS; n++) {
		u32 first = n;

		if (!(mask & BIT(n)))
			continue;
		while (n + 1 < MAX_CPUS && (mask & BIT(n + 1)))
			n++;
		seq_printf(s, n > first ? "%s%u-%u" : "%s%u", sep, first, n);
		sep = ",";
	}
	seq_putc(s, '\n');
}
static int show_online(struct seq *s, void *arg)
{
	show_ranges(s, online_cpus);
	return 0;
}
static int show_possible(struct seq *s, void *arg)
{
	show_ranges(s, BIT(nr_cpus) - 1);
	return 0;
}
static int show_none(struct seq *s, void *arg)
{
	seq_putc(s, '\n');
	return 0;
}
static int show_kernel_max(struct seq *s, void *arg)
{
	seq_printf(s, "%d\n", MAX_CPUS - 1);
	return 0;
}
static int show_cpu_online(struct seq *s, void *arg)
{
	seq_printf(s, "%d\n", !!(online_cpus & BIT((u64)arg)));
	return 0;
}
static int show_number(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\n", (u64)arg);
	return 0;
}
static int show_core_cpus(struct seq *s, void *arg)
{
	show_ranges(s, BIT((u64)arg));
	return 0;
}
/* The same as hexadecimal masks. */
static int show_core_mask(struct seq *s, void *arg)
{
	seq_printf(s, "%02lx\n", (u64)BIT((u64)arg));
	return 0;
}
static int show_all_mask(struct seq *s, void *arg)
{
	seq_printf(s, "%02lx\n", (u64)BIT(nr_cpus) - 1);
	return 0;
}
static int show_text(struct seq *s, void *arg)
{
	seq_puts(s, arg);
	return 0;
}

static const struct pseudo_ops online_ops = { .show = show_online };
static const struct pseudo_ops possible_ops = { .show = show_possible };
static const struct pseudo_ops none_ops = { .show = show_none };
static const struct pseudo_ops kernel_max_ops = { .show = show_kernel_max };
static const struct pseudo_ops cpu_online_ops = { .show = show_cpu_online };
static const struct pseudo_ops number_ops = { .show = show_number };
static const struct pseudo_ops core_cpus_ops = { .show = show_core_cpus };
static const struct pseudo_ops core_mask_ops = { .show = show_core_mask };
static const struct pseudo_ops all_mask_ops = { .show = show_all_mask };
static const struct pseudo_ops text_ops = { .show = show_text };

/* One core to a CPU, all in one package. Older names and newer ones say the same. */
static const struct { const char *name; const struct pseudo_ops *ops; } topology[] = {
	{ "core_id", &number_ops }, { "thread_siblings", &core_mask_ops },
	{ "thread_siblings_list", &core_cpus_ops }, { "core_cpus", &core_mask_ops },
	{ "core_cpus_list", &core_cpus_ops }, { "core_siblings", &all_mask_ops },
	{ "core_siblings_list", &possible_ops }, { "package_cpus", &all_mask_ops },
	{ "package_cpus_list", &possible_ops },
};

static void add_cpu(struct pseudo_node *cpus, u32 n)
{
	char name[16];
	struct pseudo_node *d;

	snprintf(name, sizeof(name), "cpu%u", n);
	d = pseudo_dir(cpus, name);
	if (!d)
		return;
	pseudo_file(d, "online", 0444, &cpu_online_ops, (void *)(u64)n);
	d = pseudo_dir(d, "topology");
	for (u32 i = 0; i < ARRAY_SIZE(topology); i++)
		pseudo_file(d, topology[i].name, 0444, topology[i].ops, (void *)(u64)n);
	pseudo_file(d, "physical_package_id", 0444, &number_ops, NULL);
}

static int sysfs_fill(void)
{
	struct pseudo_node *cpus = pseudo_dir(sysfs_root, "devices/system/cpu");

	pseudo_file(cpus, "online", 0444, &online_ops, NULL);
	pseudo_file(cpus, "possible", 0444, &possible_ops, NULL);
	pseudo_file(cpus, "present", 0444, &possible_ops, NULL);
	pseudo_file(cpus, "offline", 0444, &none_ops, NULL);
	pseudo_file(cpus, "kernel_max", 0444, &kernel_max_ops, NULL);
	for (u32 n = 0; n < nr_cpus; n++)
		add_cpu(cpus, n);
	pseudo_file(sysfs_root, "devices/system/node/online", 0444, &text_ops, "0\n");
	pseudo_file(sysfs_root, "devices/system/node/possible", 0444, &text_ops, "0\n");
	pseudo_dir(sysfs_root, "block");
	pseudo_dir(sysfs_root, "bus");
	pseudo_dir(sysfs_root, "class/tty");
	pseudo_dir(sysfs_root, "class/net");
	pseudo_dir(sysfs_root, "dev/char");
	pseudo_dir(sysfs_root, "dev/block");
	pseudo_dir(sysfs_root, "devices/virtual");
	pseudo_dir(sysfs_root, "firmware");
	pseudo_dir(sysfs_root, "fs");
	pseudo_dir(sysfs_root, "kernel/debug");
	pseudo_dir(sysfs_root, "kernel/mm");
	pseudo_dir(sysfs_root, "module");
	pseudo_dir(sysfs_root, "power");
	return 0;
}
INITCALL(late, sysfs_fill);
