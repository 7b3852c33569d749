/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What r1 points to, by program type: the structures that the kernel fills. Programs are written
 * against the user ABI's (struct __sk_buff, struct xdp_md); the verifier turns each access into one
 * of these, by the tables of ctx.c. Where both have a field of one size, a 4-byte field may be read
 * by bytes and halves as well.
 */
#ifndef BPF_CTX_H
#define BPF_CTX_H
#include <base/types.h>

/* BPF_PROG_TYPE_SOCKET_FILTER. Programs get at the packet by BPF_ABS, BPF_IND and helpers only:
 * data and data_end are for those. */
struct bpf_skb {
	u64 data, data_end;
	u32 len, pkt_type, mark, queue_mapping, protocol;
	u32 vlan_present, vlan_tci, vlan_proto;
	u32 priority, ingress_ifindex, ifindex, tc_index;
	u32 cb[5];		/* the program may write it; 8-byte accesses at cb[0] and cb[2] */
	u32 hash, napi_id, gso_segs, gso_size;
};

/* BPF_PROG_TYPE_XDP. data_meta <= data <= data_end; without metadata data_meta = data. */
struct bpf_xdp {
	u64 data, data_end, data_meta;
	u64 hard_start, hard_end;	/* how far bpf_xdp_adjust_* may go */
	u32 ingress_ifindex, rx_queue_index, egress_ifindex;
};

/* BPF_PROG_TYPE_SYSCALL: r1 is the address of what BPF_PROG_TEST_RUN's ctx_in held, ctx_size_in
 * bytes, which must be at least bpf_verified.max_ctx_offset. */
#endif
