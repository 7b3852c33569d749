/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs that sockets have as filters (SO_ATTACH_BPF), and the settings of BPF in /proc/sys. */
#include "bpf.h"
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <bpf/prog.h>
#include <fs/pseudo.h>
#include <fs/sysctl.h>
#include <hal/exec.h>
#include <net/socket.h>

struct attached {
	struct socket_filter f;
	struct bpf_prog *prog;
	struct rcu_head rcu;
};

static u32 run(struct socket_filter *f, const void *data, u32 n)
{
	const struct attached *a = container_of(f, struct attached, f);
	struct bpf_skb skb = { .len = n };

	return bpf_filter_run(a->prog, data, n, &skb);
}

static void end_attached(struct rcu_head *r)
{
	struct attached *a = container_of(r, struct attached, rcu);

	bpf_prog_put(a->prog);
	kfree(a);
}

static void end(struct socket_filter *f)
{
	call_rcu(&container_of(f, struct attached, f)->rcu, end_attached);
}

static struct socket_filter *from_fd(u32 fd)
{
	struct bpf_prog *p = bpf_prog_from_fd(fd, BPF_PROG_TYPE_SOCKET_FILTER);
	struct attached *a;

	if (IS_ERR(p))
		return (struct socket_filter *)p;
	a = kmalloc(sizeof(*a));
	if (!a) {
		bpf_prog_put(p);
		return ERR_PTR(-ENOMEM);
	}
	*a = (struct attached){ .f = { run, end }, .prog = p };
	return &a->f;
}

/* --- settings (Documentation/admin-guide/sysctl/net.rst, kernel.rst of Linux) ----------------- */

static u32 always_on = 1;

static int show_limit(struct seq *s, void *arg)
{
	seq_printf(s, "%lu\n", READ_ONCE(bpf_tenant.limit));
	return 0;
}
static ssize_t store_limit(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (sysctl_parse(buf, &v) || !v || v > EXEC_END - EXEC_BASE)
		return -EINVAL;
	WRITE_ONCE(bpf_tenant.limit, v);
	return (ssize_t)n;
}
static const struct pseudo_ops limit_ops = { .show = show_limit, .store = store_limit };

static int show_unprivileged(struct seq *s, void *arg)
{
	seq_printf(s, "%u\n", READ_ONCE(bpf_unprivileged_disabled));
	return 0;
}
/* 1 stays. */
static ssize_t store_unprivileged(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (sysctl_parse(buf, &v) || v > 2)
		return -EINVAL;
	if (bpf_unprivileged_disabled == 1 && v != 1)
		return -EPERM;
	WRITE_ONCE(bpf_unprivileged_disabled, (u32)v);
	return (ssize_t)n;
}
static const struct pseudo_ops unprivileged_ops = { .show = show_unprivileged,
						    .store = store_unprivileged };

static int filter_start(void)
{
	static const struct sysctl values[] = {
		{ "net/core/bpf_jit_enable", &always_on, 1, 1 },
		{ "net/core/bpf_jit_kallsyms", &always_on, 1, 1 },
		{ "net/core/bpf_jit_harden", &bpf_jit_harden, 0, 2 },
	};

	socket_filter_from_fd = from_fd;
	sysctl_register(values, ARRAY_SIZE(values));
	pseudo_file(proc_root, "sys/net/core/bpf_jit_limit", 0600, &limit_ops, NULL);
	pseudo_file(proc_root, "sys/kernel/unprivileged_bpf_disabled", 0644, &unprivileged_ops,
		    NULL);
	return 0;
}
INITCALL(late, filter_start);
