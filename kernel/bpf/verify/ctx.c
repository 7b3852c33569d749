/* SPDX-License-Identifier: BSD-2-Clause */
/* What programs see of their context, and where the kernel keeps it. */
#include <bpf/ctx.h>
#include "verify_internal.h"

#define FIELD(user, kernel, name, t, w, nar) { \
	offsetof(struct user, name), sizeof(((struct user *)0)->name), \
	offsetof(struct kernel, name), sizeof(((struct kernel *)0)->name), t, w, nar }
#define SKB(name)	FIELD(__sk_buff, bpf_skb, name, V_SCALAR, false, true)

static const struct ctx_field skb_fields[] = {
	SKB(len), SKB(pkt_type), SKB(mark), SKB(queue_mapping), SKB(protocol), SKB(vlan_present),
	SKB(vlan_tci), SKB(vlan_proto), SKB(priority), SKB(ingress_ifindex), SKB(ifindex),
	SKB(tc_index), FIELD(__sk_buff, bpf_skb, cb, V_SCALAR, true, true), SKB(hash),
	SKB(napi_id), SKB(gso_segs), SKB(gso_size)
};

#define XDP(name, type)	FIELD(xdp_md, bpf_xdp, name, type, false, false)
static const struct ctx_field xdp_fields[] = {
	XDP(data, V_PACKET), XDP(data_end, V_PACKET_END), XDP(data_meta, V_META),
	XDP(ingress_ifindex, V_SCALAR), XDP(rx_queue_index, V_SCALAR)
};

static const struct ctx_field *search(const struct ctx_field *f, u32 n, i64 off, u32 size)
{
	for (; n--; f++)
		if (off >= f->off && off + size <= f->off + f->size)
			return f->narrow || (off == f->off && size == f->size) ? f : NULL;
	return NULL;
}

const struct ctx_field *ctx_field(u32 prog_type, i64 off, u32 size, enum access how)
{
	const struct ctx_field *f = NULL;

	if (off < 0 || off & (size - 1))
		return NULL;
	if (prog_type == BPF_PROG_TYPE_SOCKET_FILTER)
		f = search(skb_fields, ARRAY_SIZE(skb_fields), off, size);
	else if (prog_type == BPF_PROG_TYPE_XDP)
		f = search(xdp_fields, ARRAY_SIZE(xdp_fields), off, size);
	return f && (how == READ || f->writable) ? f : NULL;
}
