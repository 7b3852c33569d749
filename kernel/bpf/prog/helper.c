/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Helpers (bpf-helpers(7)). Their arguments are what the verifier made sure of: pointers are valid
 * and sizes true. All have the registers r1..r5 as arguments.
 */
#include <base/errno.h>
#include <base/string.h>
#include <bpf/prog.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <hal/uaccess.h>
#include <lib/format.h>
#include <linux/capability.h>
#include <task/clock.h>
#include <task/task.h>
#include <task/timer.h>

#define HELPER(name) static u64 name(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5)
typedef u64 (*helper_fn)(u64 r1, u64 r2, u64 r3, u64 r4, u64 r5);

/* --- maps ------------------------------------------------------------------------------------- */

static struct bpf_map *map_at(u64 r) { return (struct bpf_map *)r; }

HELPER(map_lookup_elem) { return (u64)map_at(r1)->ops->lookup(map_at(r1), (void *)r2); }
HELPER(map_update_elem)
{
	return (u64)map_at(r1)->ops->update(map_at(r1), (void *)r2, (void *)r3, r4);
}
HELPER(map_delete_elem) { return (u64)map_at(r1)->ops->remove(map_at(r1), (void *)r2); }
HELPER(map_push_elem) { return (u64)map_at(r1)->ops->push(map_at(r1), (void *)r2, r3); }
HELPER(map_pop_elem) { return (u64)map_at(r1)->ops->pop(map_at(r1), (void *)r2); }
HELPER(map_peek_elem) { return (u64)map_at(r1)->ops->peek(map_at(r1), (void *)r2); }

HELPER(map_lookup_percpu_elem)
{
	struct bpf_map *m = map_at(r1);
	char *v = (u32)r3 < nr_cpus ? m->ops->lookup(m, (void *)r2) : NULL;
	i64 step = align_up((i64)m->desc.value_size, 8l);

	return v ? (u64)(v + ((i64)(u32)r3 - (i64)cpu_id()) * step) : 0;
}

HELPER(for_each_map_elem)
{
	struct bpf_map *m = map_at(r1);

	if (r4)
		return (u64)-EINVAL;
	return (u64)m->ops->each(m, (u64 (*)(u64, u64, u64, u64, u64))r2, (void *)r3);
}

#define MAX_LOOPS (8u * 1024 * 1024)
HELPER(loop)
{
	u64 (*fn)(u64, u64) = (u64 (*)(u64, u64))r2;
	u32 n = (u32)r1;

	if (r4)
		return (u64)-EINVAL;
	if (n > MAX_LOOPS)
		return (u64)-E2BIG;
	for (u32 i = 0; i < n; i++)
		if (fn(i, r3))
			return i + 1;
	return n;
}

/* One at a time (the verifier), interrupts off meanwhile: what an interrupt runs may want it too.
 */
static DEFINE_PER_CPU(u64, lock_flags);

HELPER(spin_lock_)
{
	u64 flags = irq_save();

	spin_lock((struct spinlock *)r1);
	this_cpu(lock_flags) = flags;
	return 0;
}

HELPER(spin_unlock_)
{
	spin_unlock_irqrestore((struct spinlock *)r1, this_cpu(lock_flags));
	return 0;
}

HELPER(ringbuf_reserve) { return r3 ? 0 : (u64)bpf_ringbuf_reserve(map_at(r1), r2); }
HELPER(ringbuf_submit) { bpf_ringbuf_commit((void *)r1, r2, false); return 0; }
HELPER(ringbuf_discard) { bpf_ringbuf_commit((void *)r1, r2, true); return 0; }
HELPER(ringbuf_query) { return bpf_ringbuf_query(map_at(r1), r2); }
HELPER(ringbuf_output)
{
	void *record;

	if (r4 & ~(u64)(BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP))
		return (u64)-EINVAL;
	record = bpf_ringbuf_reserve(map_at(r1), r3);
	if (!record)
		return (u64)-EAGAIN;
	memcpy(record, (void *)r2, r3);
	bpf_ringbuf_commit(record, r4, false);
	return 0;
}

/* --- time, task ------------------------------------------------------------------------------- */

HELPER(ktime_get_ns) { return clock_ns(); }
HELPER(jiffies64) { return clock_ns() / 4000000; }	/* of 250 Hz, which times(2) knows too */
HELPER(get_prandom_u32) { return (u32)bpf_map_secret(); }
HELPER(get_smp_processor_id) { return cpu_id(); }
HELPER(ktime_get_tai_ns) { return realtime_ns(); }	/* nobody has told how many leap seconds */
HELPER(get_current_task) { return (u64)current; }
HELPER(get_numa_node_id) { return 0; }
HELPER(get_current_pid_tgid) { return (u64)current->proc->pid << 32 | (u32)current->tid; }
HELPER(get_current_uid_gid)
{
	const struct cred *c = current_cred();

	return (u64)c->gid << 32 | c->uid;
}
HELPER(get_current_comm)
{
	memset((void *)r1, 0, r2);
	strlcpy((char *)r1, current->comm, r2);
	return 0;
}

/* --- packets ---------------------------------------------------------------------------------- */

/* Where n bytes at offset begin, NULL: not all in the packet. */
static const u8 *in_packet(const struct bpf_skb *skb, u64 offset, u64 n)
{
	u64 len = skb->data_end - skb->data;

	return offset <= len && n <= len - offset ? (const u8 *)skb->data + offset : NULL;
}

HELPER(skb_load_bytes)
{
	const u8 *p = (u32)r2 <= 0x7fffffff ? in_packet((void *)r1, (u32)r2, (u32)r4) : NULL;

	if (!p) {
		memset((void *)r3, 0, (u32)r4);
		return (u64)-EFAULT;
	}
	memcpy((void *)r3, p, (u32)r4);
	return 0;
}

static i64 load(const struct bpf_skb *skb, i32 offset, u32 n)
{
	/* SKF_LL_OFF and SKF_NET_OFF (linux/filter.h): both begin where the data do here */
	const i32 net = -0x100000, link = -0x200000;
	const u8 *p;
	u32 v = 0;

	if (offset < 0 && offset >= net)
		offset -= net;
	else if (offset < 0 && offset >= link)
		offset -= link;
	p = offset < 0 ? NULL : in_packet(skb, (u32)offset, n);
	if (!p)
		return -EFAULT;
	for (u32 i = 0; i < n; i++)
		v = v << 8 | p[i];
	return v;
}
HELPER(load_8) { return (u64)load((void *)r1, (i32)r2, 1); }
HELPER(load_16) { return (u64)load((void *)r1, (i32)r2, 2); }
HELPER(load_32) { return (u64)load((void *)r1, (i32)r2, 4); }

#define ETH_HEADER 14

HELPER(xdp_adjust_head)
{
	struct bpf_xdp *x = (void *)r1;
	u64 data = x->data + (u64)(i64)(i32)r2, meta = x->data - x->data_meta;

	if (data < x->hard_start + meta || data + ETH_HEADER > x->data_end)
		return (u64)-EINVAL;
	if (meta)
		memmove((void *)(data - meta), (void *)x->data_meta, meta);
	x->data_meta = data - meta;
	x->data = data;
	return 0;
}

HELPER(xdp_adjust_meta)
{
	struct bpf_xdp *x = (void *)r1;
	u64 meta = x->data_meta + (u64)(i64)(i32)r2;

	if (meta < x->hard_start || meta > x->data)
		return (u64)-EINVAL;
	/* what is kept with a packet: words, 255 bytes at most */
	if ((x->data - meta) % 4 || x->data - meta > 255)
		return (u64)-EACCES;
	x->data_meta = meta;
	return 0;
}

HELPER(xdp_get_buff_len)
{
	const struct bpf_xdp *x = (void *)r1;

	return x->data_end - x->data;
}

HELPER(xdp_adjust_tail)
{
	struct bpf_xdp *x = (void *)r1;
	u64 end = x->data_end + (u64)(i64)(i32)r2;

	if (end > x->hard_end || end < x->data + ETH_HEADER)
		return (u64)-EINVAL;
	if (end > x->data_end)
		memset((void *)x->data_end, 0, end - x->data_end);
	x->data_end = end;
	return 0;
}

/* --- strings ---------------------------------------------------------------------------------- */

static u32 digit(char c)
{
	if (c >= '0' && c <= '9')
		return (u32)(c - '0');
	return (c | 32) >= 'a' && (c | 32) <= 'f' ? (u32)((c | 32) - 'a' + 10) : 99;
}

/* Digits of a text of n bytes; *used: how many bytes. flags: the base, 0 guesses. */
static int parse(const char *s, u64 n, u64 flags, bool *negative, u64 *v, u64 *used)
{
	u64 base = flags & 31, i = 0, first;

	if ((flags & ~31ull) || (base != 0 && base != 8 && base != 10 && base != 16))
		return -EINVAL;
	while (i < n && (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r')))
		i++;
	*negative = i < n && s[i] == '-';
	i += *negative;
	if (n - i > 1 && s[i] == '0' && (s[i + 1] | 32) == 'x' &&
	    (base == 16 || (!base && n - i > 2 && digit(s[i + 2]) < 16))) {
		base = 16;
		i += 2;
	} else if (!base) {
		base = i < n && s[i] == '0' ? 8 : 10;
	}
	for (first = i, *v = 0; i < n; i++) {
		u32 d = digit(s[i]);

		if (d >= base)
			break;
		if (*v > (~0ull - d) / base)
			return -ERANGE;
		*v = *v * base + d;
	}
	*used = i;
	return i == first ? -EINVAL : 0;
}

HELPER(strtoul)
{
	bool negative;
	u64 v, used;
	int err = parse((char *)r1, r2, r3, &negative, &v, &used);

	if (!err && negative)
		err = -EINVAL;
	*(u64 *)r4 = err ? 0 : v;
	return err ? (u64)(i64)err : used;
}

HELPER(strtol)
{
	bool negative;
	u64 v, used;
	int err = parse((char *)r1, r2, r3, &negative, &v, &used);

	if (!err && v > (u64)INT64_MAX + negative)
		err = -ERANGE;
	*(u64 *)r4 = err ? 0 : negative ? -v : v;
	return err ? (u64)(i64)err : used;
}

HELPER(compare)
{
	return (u64)(i64)strncmp((char *)r1, (char *)r3, (u32)r2);
}

/* --- memory of others ------------------------------------------------------------------------- */

HELPER(probe_read_kernel)
{
	if (!copy_from_kernel((void *)r1, (void *)r3, (u32)r2))
		return 0;
	memset((void *)r1, 0, (u32)r2);
	return (u64)-EFAULT;
}

/* Preemption is off, so what is not there is not fetched. */
HELPER(probe_read_user)
{
	if (!copy_from_user((void *)r1, (void __user *)r3, (u32)r2))
		return 0;
	memset((void *)r1, 0, (u32)r2);
	return (u64)-EFAULT;
}

i64 bpf_read_text(char *to, u64 from, u32 n, bool kernel)
{
	for (u32 i = 0; i < n; i++) {
		int err = kernel ? copy_from_kernel(to + i, (void *)(from + i), 1)
				 : copy_from_user(to + i, (void __user *)(from + i), 1) ? -EFAULT : 0;

		if (err) {
			memset(to, 0, n);
			return err;
		}
		if (i == n - 1)
			to[i] = 0;
		if (!to[i])
			return i + 1;
	}
	return 0;
}
HELPER(probe_read_kernel_str) { return (u64)bpf_read_text((char *)r1, r3, (u32)r2, true); }
HELPER(probe_read_user_str) { return (u64)bpf_read_text((char *)r1, r3, (u32)r2, false); }

/* The halves of the address space tell which is meant. */
HELPER(probe_read)
{
	return r3 >> 55 & 1 ? probe_read_kernel(r1, r2, r3, r4, r5)
			    : probe_read_user(r1, r2, r3, r4, r5);
}
HELPER(probe_read_str) { return (u64)bpf_read_text((char *)r1, r3, (u32)r2, r3 >> 55 & 1); }

/* --- syscall programs ------------------------------------------------------------------------- */

/*
 * Helpers that sleep turn preemption on meanwhile, so no reader section spans them: the verifier
 * has programs forget the pointers that would have needed one, and gives none to these helpers.
 */
const struct bpf_sys_ops *bpf_sys_ops;

HELPER(sys_bpf)
{
	i64 ret;

	preempt_enable();
	ret = bpf_sys_ops->command((u32)r1, (void *)r2, (u32)r3);
	preempt_disable();
	return (u64)ret;
}

HELPER(sys_close)
{
	i64 ret;

	preempt_enable();
	ret = bpf_sys_ops->close((int)r1);
	preempt_disable();
	return (u64)ret;
}

HELPER(copy_from_user_)
{
	size_t left;

	preempt_enable();
	left = copy_from_user((void *)r1, (void __user *)r3, (u32)r2);
	preempt_disable();
	if (!left)
		return 0;
	memset((void *)r1, 0, (u32)r2);
	return (u64)-EFAULT;
}

#define NAME_MOST 128u	/* bytes; none of the kernel's names is longer */

/*
 * A copy of the text of n bytes, as others may be writing what it lies in while it is looked for.
 * -EINVAL: its last byte is no NUL; -ENOENT: nothing has so long a name.
 */
static int take_name(char *to, u64 name, u32 n)
{
	if (n <= 1 || ((const char *)name)[n - 1])
		return -EINVAL;
	memcpy(to, (const char *)name, min(n, NAME_MOST));
	if (n <= NAME_MOST)
		to[n - 1] = 0;
	return memchr(to, 0, min(n, NAME_MOST)) ? 0 : -ENOENT;
}

HELPER(btf_find_by_name_kind)
{
	char name[NAME_MOST];
	i64 ret = r4 ? -EINVAL : take_name(name, r1, (u32)r2);

	if (ret)
		return (u64)ret;
	preempt_enable();
	ret = bpf_sys_ops->find_type(name, (u32)r3);
	preempt_disable();
	return (u64)ret;
}

HELPER(kallsyms_lookup_name)
{
	char wanted[NAME_MOST];
	const char *name;
	u64 addr = 0;
	int err;

	*(u64 *)r4 = 0;
	err = r3 ? -EINVAL : take_name(wanted, r1, (u32)r2);
	if (err)
		return (u64)err;
	if (!capable(CAP_SYSLOG))	/* as of /proc/kallsyms */
		return (u64)-EPERM;
	for (u32 n = 0; (name = arch_symbol_nth(n, &addr)); n++)
		if (!strcmp(name, wanted)) {
			*(u64 *)r4 = addr;
			return 0;
		}
	return (u64)-ENOENT;
}

/* --- the table -------------------------------------------------------------------------------- */

static const struct { u32 id; helper_fn fn; } helpers[] = {
	{ BPF_FUNC_map_lookup_elem, map_lookup_elem },
	{ BPF_FUNC_map_update_elem, map_update_elem },
	{ BPF_FUNC_map_delete_elem, map_delete_elem },
	{ BPF_FUNC_ktime_get_ns, ktime_get_ns },
	{ BPF_FUNC_trace_printk, bpf_trace_printk },
	{ BPF_FUNC_trace_vprintk, bpf_trace_vprintk },
	{ BPF_FUNC_snprintf, bpf_snprintf },
	{ BPF_FUNC_get_prandom_u32, get_prandom_u32 },
	{ BPF_FUNC_get_smp_processor_id, get_smp_processor_id },
	{ BPF_FUNC_get_current_pid_tgid, get_current_pid_tgid },
	{ BPF_FUNC_get_current_uid_gid, get_current_uid_gid },
	{ BPF_FUNC_get_current_comm, get_current_comm },
	{ BPF_FUNC_skb_load_bytes, skb_load_bytes },
	{ BPF_FUNC_get_current_task, get_current_task },
	{ BPF_FUNC_get_current_task_btf, get_current_task },
	{ BPF_FUNC_get_numa_node_id, get_numa_node_id },
	{ BPF_FUNC_xdp_adjust_head, xdp_adjust_head },
	{ BPF_FUNC_xdp_adjust_meta, xdp_adjust_meta },
	{ BPF_FUNC_xdp_adjust_tail, xdp_adjust_tail },
	{ BPF_FUNC_xdp_get_buff_len, xdp_get_buff_len },
	{ BPF_FUNC_map_push_elem, map_push_elem },
	{ BPF_FUNC_map_pop_elem, map_pop_elem },
	{ BPF_FUNC_map_peek_elem, map_peek_elem },
	{ BPF_FUNC_spin_lock, spin_lock_ },
	{ BPF_FUNC_spin_unlock, spin_unlock_ },
	{ BPF_FUNC_strtol, strtol },
	{ BPF_FUNC_strtoul, strtoul },
	{ BPF_FUNC_probe_read, probe_read },
	{ BPF_FUNC_probe_read_str, probe_read_str },
	{ BPF_FUNC_probe_read_user, probe_read_user },
	{ BPF_FUNC_probe_read_kernel, probe_read_kernel },
	{ BPF_FUNC_probe_read_user_str, probe_read_user_str },
	{ BPF_FUNC_probe_read_kernel_str, probe_read_kernel_str },
	{ BPF_FUNC_jiffies64, jiffies64 },
	{ BPF_FUNC_copy_from_user, copy_from_user_ },
	{ BPF_FUNC_sys_bpf, sys_bpf },
	{ BPF_FUNC_sys_close, sys_close },
	{ BPF_FUNC_btf_find_by_name_kind, btf_find_by_name_kind },
	{ BPF_FUNC_kallsyms_lookup_name, kallsyms_lookup_name },
	{ BPF_FUNC_ktime_get_boot_ns, ktime_get_ns },
	{ BPF_FUNC_ringbuf_output, ringbuf_output },
	{ BPF_FUNC_ringbuf_reserve, ringbuf_reserve },
	{ BPF_FUNC_ringbuf_submit, ringbuf_submit },
	{ BPF_FUNC_ringbuf_discard, ringbuf_discard },
	{ BPF_FUNC_ringbuf_query, ringbuf_query },
	{ BPF_FUNC_ktime_get_coarse_ns, ktime_get_ns },
	{ BPF_FUNC_ktime_get_tai_ns, ktime_get_tai_ns },
	{ BPF_FUNC_for_each_map_elem, for_each_map_elem },
	{ BPF_FUNC_timer_init, bpf_timer_init },
	{ BPF_FUNC_timer_set_callback, bpf_timer_set_callback },
	{ BPF_FUNC_timer_start, bpf_timer_start },
	{ BPF_FUNC_timer_cancel, bpf_timer_cancel },
	{ BPF_FUNC_loop, loop },
	{ BPF_FUNC_strncmp, compare },
	{ BPF_FUNC_map_lookup_percpu_elem, map_lookup_percpu_elem },
	{ BPF_FUNC_LOAD_8, load_8 },
	{ BPF_FUNC_LOAD_16, load_16 },
	{ BPF_FUNC_LOAD_32, load_32 },
};

u64 bpf_helper_address(u32 id)
{
	for (u32 i = 0; i < ARRAY_SIZE(helpers); i++)
		if (helpers[i].id == id)
			return (u64)helpers[i].fn;
	return 0;
}

bool bpf_helper_exists(u32 prog_type, u32 id)
{
	return bpf_helper_known(prog_type, id) &&
	       (id == BPF_FUNC_tail_call || (id < BPF_FUNC_LOAD_8 && bpf_helper_address(id)));
}
