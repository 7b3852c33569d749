/* SPDX-License-Identifier: BSD-2-Clause */
/* What helpers take and give (bpf-helpers(7)), by number. */
#include "verify_internal.h"

static const struct proto protos[] = {
	{ BPF_FUNC_map_lookup_elem, R_VALUE_OR_NULL, 0, { A_MAP, A_KEY } },
	{ BPF_FUNC_map_update_elem, R_INT, 0, { A_MAP, A_KEY, A_VALUE, A_ANY } },
	{ BPF_FUNC_map_delete_elem, R_INT, 0, { A_MAP, A_KEY } },
	{ BPF_FUNC_probe_read, R_INT, H_SYSCALL | H_GPL | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_ANY } },
	{ BPF_FUNC_ktime_get_ns, R_INT, 0, { A_NONE } },
	{ BPF_FUNC_trace_printk, R_INT, H_PRIVILEGED | H_GPL | H_SHOWS, { A_MEM, A_SIZE, A_REST, A_REST, A_REST } },
	{ BPF_FUNC_get_prandom_u32, R_INT, 0, { A_NONE } },
	{ BPF_FUNC_get_smp_processor_id, R_INT, 0, { A_NONE } },
	{ BPF_FUNC_tail_call, R_VOID, 0, { A_CTX, A_MAP, A_ANY } },
	{ BPF_FUNC_get_current_pid_tgid, R_INT, H_PRIVILEGED, { A_NONE } },
	{ BPF_FUNC_get_current_uid_gid, R_INT, H_PRIVILEGED, { A_NONE } },
	{ BPF_FUNC_get_current_comm, R_INT, H_PRIVILEGED | H_SHOWS, { A_MEM_OUT, A_SIZE } },
	{ BPF_FUNC_skb_load_bytes, R_INT, H_SKB, { A_CTX, A_ANY, A_MEM_OUT, A_SIZE } },
	{ BPF_FUNC_get_current_task, R_INT, H_PRIVILEGED | H_GPL | H_SHOWS, { A_NONE } },
	{ BPF_FUNC_get_numa_node_id, R_INT, 0, { A_NONE } },
	{ BPF_FUNC_xdp_adjust_head, R_INT, H_XDP | H_PACKET, { A_CTX, A_ANY } },
	{ BPF_FUNC_probe_read_str, R_LENGTH, H_SYSCALL | H_GPL | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_ANY } },
	{ BPF_FUNC_xdp_adjust_meta, R_INT, H_XDP | H_PACKET, { A_CTX, A_ANY } },
	{ BPF_FUNC_xdp_adjust_tail, R_INT, H_XDP | H_PACKET, { A_CTX, A_ANY } },
	{ BPF_FUNC_skb_load_bytes_relative, R_INT, H_SKB,
	  { A_CTX, A_ANY, A_MEM_OUT, A_SIZE, A_ANY } },
	{ BPF_FUNC_map_push_elem, R_INT, 0, { A_MAP, A_VALUE, A_ANY } },
	{ BPF_FUNC_map_pop_elem, R_INT, 0, { A_MAP, A_VALUE_OUT } },
	{ BPF_FUNC_map_peek_elem, R_INT, 0, { A_MAP, A_VALUE_OUT } },
	{ BPF_FUNC_spin_lock, R_VOID, H_PRIVILEGED, { A_LOCK } },
	{ BPF_FUNC_spin_unlock, R_VOID, H_PRIVILEGED, { A_LOCK } },
	{ BPF_FUNC_strtol, R_INT, H_PRIVILEGED, { A_MEM, A_SIZE, A_ANY, A_LONG_OUT } },
	{ BPF_FUNC_strtoul, R_INT, H_PRIVILEGED, { A_MEM, A_SIZE, A_ANY, A_LONG_OUT } },
	{ BPF_FUNC_probe_read_user, R_INT, H_PRIVILEGED | H_GPL | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_ANY } },
	{ BPF_FUNC_probe_read_kernel, R_INT, H_PRIVILEGED | H_GPL | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_ANY } },
	{ BPF_FUNC_probe_read_user_str, R_LENGTH, H_PRIVILEGED | H_GPL | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_ANY } },
	{ BPF_FUNC_probe_read_kernel_str, R_LENGTH, H_PRIVILEGED | H_GPL | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_ANY } },
	{ BPF_FUNC_jiffies64, R_INT, H_PRIVILEGED, { A_NONE } },
	{ BPF_FUNC_ktime_get_boot_ns, R_INT, 0, { A_NONE } },
	{ BPF_FUNC_ringbuf_output, R_INT, 0, { A_MAP, A_MEM, A_SIZE0, A_ANY } },
	{ BPF_FUNC_ringbuf_reserve, R_MEM_OR_NULL, 0, { A_MAP, A_ALLOC_SIZE, A_ANY } },
	{ BPF_FUNC_ringbuf_submit, R_VOID, H_RELEASES, { A_RINGBUF, A_ANY } },
	{ BPF_FUNC_ringbuf_discard, R_VOID, H_RELEASES, { A_RINGBUF, A_ANY } },
	{ BPF_FUNC_ringbuf_query, R_INT, 0, { A_MAP, A_ANY } },
	{ BPF_FUNC_copy_from_user, R_INT, H_PRIVILEGED | H_SLEEPS | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_ANY } },
	{ BPF_FUNC_get_current_task_btf, R_TASK, H_PRIVILEGED | H_GPL | H_SHOWS, { A_NONE } },
	{ BPF_FUNC_ktime_get_coarse_ns, R_INT, H_SKB | H_XDP, { A_NONE } },
	{ BPF_FUNC_for_each_map_elem, R_INT, H_PRIVILEGED,
	  { A_MAP, A_CALLBACK, A_STACK_OR_NULL, A_ANY } },
	{ BPF_FUNC_snprintf, R_INT, H_PRIVILEGED | H_GPL | H_SHOWS, { A_MEM_OUT, A_SIZE0, A_STRING, A_MEM, A_SIZE0 } },
	{ BPF_FUNC_sys_bpf, R_INT, H_SYSCALL | H_SLEEPS | H_SHOWS, { A_ANY, A_MEM, A_SIZE } },
	{ BPF_FUNC_btf_find_by_name_kind, R_INT, H_SYSCALL | H_SLEEPS, { A_MEM, A_SIZE0, A_ANY, A_ANY } },
	{ BPF_FUNC_sys_close, R_INT, H_SYSCALL | H_SLEEPS, { A_ANY } },
	{ BPF_FUNC_timer_init, R_INT, H_PRIVILEGED | H_GPL, { A_TIMER, A_MAP, A_ANY } },
	{ BPF_FUNC_timer_set_callback, R_INT, H_PRIVILEGED | H_GPL, { A_TIMER, A_CALLBACK } },
	{ BPF_FUNC_timer_start, R_INT, H_PRIVILEGED | H_GPL, { A_TIMER, A_ANY, A_ANY } },
	{ BPF_FUNC_timer_cancel, R_INT, H_PRIVILEGED | H_GPL, { A_TIMER } },
	{ BPF_FUNC_trace_vprintk, R_INT, H_PRIVILEGED | H_GPL | H_SHOWS, { A_MEM, A_SIZE, A_MEM, A_SIZE0 } },
	{ BPF_FUNC_kallsyms_lookup_name, R_INT, H_SYSCALL,
	  { A_MEM, A_SIZE0, A_ANY, A_LONG_OUT } },
	{ BPF_FUNC_loop, R_INT, H_PRIVILEGED, { A_ANY, A_CALLBACK, A_STACK_OR_NULL, A_ANY } },
	{ BPF_FUNC_strncmp, R_INT, H_PRIVILEGED, { A_MEM, A_SIZE, A_STRING } },
	{ BPF_FUNC_xdp_get_buff_len, R_INT, H_XDP, { A_CTX } },
	{ BPF_FUNC_map_lookup_percpu_elem, R_VALUE_OR_NULL, H_PRIVILEGED, { A_MAP, A_KEY, A_ANY } },
	{ BPF_FUNC_ktime_get_tai_ns, R_INT, 0, { A_NONE } },
};

const struct proto *find_proto(u32 id)
{
	u32 lo = 0, hi = ARRAY_SIZE(protos);

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (protos[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ARRAY_SIZE(protos) && protos[lo].id == id ? &protos[lo] : NULL;
}

bool proto_fits(const struct proto *p, u32 prog_type)
{
	u8 types = p->flags & (H_SKB | H_XDP | H_SYSCALL);

	return !types || (types & H_SKB && prog_type == BPF_PROG_TYPE_SOCKET_FILTER) ||
	       (types & H_XDP && prog_type == BPF_PROG_TYPE_XDP) ||
	       (types & H_SYSCALL && prog_type == BPF_PROG_TYPE_SYSCALL);
}

bool bpf_helper_known(u32 prog_type, u32 id)
{
	const struct proto *p = find_proto(id);

	return p && proto_fits(p, prog_type);
}

bool map_fits(u32 type, u32 helper)
{
	bool ringbuf = type == BPF_MAP_TYPE_RINGBUF, progs = type == BPF_MAP_TYPE_PROG_ARRAY;
	bool queue = type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK;
	bool of_maps = type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
	bool percpu = type == BPF_MAP_TYPE_PERCPU_ARRAY || type == BPF_MAP_TYPE_PERCPU_HASH ||
		      type == BPF_MAP_TYPE_LRU_PERCPU_HASH;

	switch (helper) {
	case BPF_FUNC_tail_call:
		return progs;
	case BPF_FUNC_ringbuf_output:
	case BPF_FUNC_ringbuf_reserve:
	case BPF_FUNC_ringbuf_query:
		return ringbuf;
	case BPF_FUNC_map_push_elem:
	case BPF_FUNC_map_pop_elem:
	case BPF_FUNC_map_peek_elem:
		return queue;
	case BPF_FUNC_for_each_map_elem:
		return percpu || type == BPF_MAP_TYPE_ARRAY || type == BPF_MAP_TYPE_HASH ||
		       type == BPF_MAP_TYPE_LRU_HASH;
	case BPF_FUNC_map_lookup_percpu_elem:
		return percpu;
	case BPF_FUNC_map_update_elem:
	case BPF_FUNC_map_delete_elem:
		return !ringbuf && !progs && !queue && !of_maps;
	default:
		return !ringbuf && !progs && !queue;
	}
}
