/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who wants runs of BPF programs to be counted (bpf_stats_users): open descriptors of
 * BPF_ENABLE_STATS and, while it is 1, /proc/sys/kernel/bpf_stats_enabled.
 */
#include "bpf.h"
#include <base/init.h>
#include <bpf/prog.h>
#include <fs/anon.h>
#include <fs/pseudo.h>
#include <fs/sysctl.h>
#include <linux/fcntl.h>

static void release(struct file *f) { atomic_sub(&bpf_stats_users, 1); }
static const struct file_ops stats_fops = { .release = release };

i64 bpf_enable_stats(const union bpf_args *x)
{
	struct file *f;

	if (!bpf_args_end(x, CMD_LAST(enable_stats.type)))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (x->a.enable_stats.type != BPF_STATS_RUN_TIME)
		return -EINVAL;
	f = anon_file("anon_inode:bpf-stats", &stats_fops, NULL, O_RDONLY);
	if (IS_ERR(f))
		return PTR_ERR(f);
	atomic_add(&bpf_stats_users, 1);
	return fd_publish(f, O_CLOEXEC);
}

static i32 by_setting;		/* 0, 1 */

static int show(struct seq *s, void *arg)
{
	seq_printf(s, "%d\n", READ_ONCE(by_setting));
	return 0;
}
static ssize_t store(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (sysctl_parse(buf, &v) || v > 1)
		return -EINVAL;
	atomic_add(&bpf_stats_users, (i32)v - atomic_xchg(&by_setting, (i32)v));
	return (ssize_t)n;
}
static const struct pseudo_ops setting_ops = { .show = show, .store = store };

static int stats_start(void)
{
	pseudo_file(proc_root, "sys/kernel/bpf_stats_enabled", 0644, &setting_ops, NULL);
	return 0;
}
INITCALL(late, stats_start);
