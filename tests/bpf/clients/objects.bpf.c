/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs and maps for the clients of this folder: what bpftool loads, shows and runs, and what
 * client.c attaches. Every kind of map that takes elements, all sections of global data, calls
 * (static and global), tail calls, a ring buffer.
 */
#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_endian.h>

struct packet {
	__u32 len;
	__u32 number;
	char text[8];
};

struct flow {
	__u64 packets;
	__u64 bytes;
};

#define MAP(name, kind, Key, Value, n)                                                             \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_##kind);                                                 \
		__uint(max_entries, n);                                                            \
		__type(key, Key);                                                                  \
		__type(value, Value);                                                              \
	} name SEC(".maps")

MAP(lengths, ARRAY, __u32, struct flow, 4);
MAP(flows, HASH, __u32, struct flow, 16);
MAP(per_cpu, PERCPU_ARRAY, __u32, __u64, 2);
MAP(per_cpu_flows, PERCPU_HASH, __u32, __u64, 16);
MAP(recent, LRU_HASH, __u32, __u64, 16);

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} packets SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 8);
	__uint(value_size, 4);
} queue SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_STACK);
	__uint(max_entries, 8);
	__uint(value_size, 4);
} stack SEC(".maps");

struct prefix {
	__u32 bits;
	__u8 address[4];
};
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix);
	__type(value, __u32);
} routes SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 4);
	__uint(key_size, 4);
	__array(values, int(void *));
} jumps SEC(".maps");

struct inner {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} inner0 SEC(".maps"), inner1 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer SEC(".maps") = {
	.values = { &inner0, &inner1 },
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH_OF_MAPS);
	__uint(max_entries, 2);
	__type(key, __u32);
	__array(values, struct inner);
} outer_hash SEC(".maps") = {
	.values = { [1] = &inner1 },
};

const volatile __u32 at_most = 1;	/* .rodata: set before loading */
__u32 seen;				/* .bss */
__u32 start = 100;			/* .data */
__u64 sum_of_all;

static __attribute__((noinline)) __u32 cut(__u32 len) { return len > at_most ? at_most : len; }

/* Verified by itself. */
__attribute__((noinline)) int add(__u32 a, __u32 b) { return (int)(a + b); }

static void count(__u32 len)
{
	__u32 slot = len & 3;
	struct flow fresh = { 1, len }, *f = bpf_map_lookup_elem(&lengths, &slot);
	__u64 *n, one = 1;

	if (f) {
		f->packets++;
		f->bytes += len;
	}
	f = bpf_map_lookup_elem(&flows, &len);
	if (f) {
		__sync_fetch_and_add(&f->packets, 1);
		__sync_fetch_and_add(&f->bytes, len);
	} else {
		bpf_map_update_elem(&flows, &len, &fresh, BPF_NOEXIST);
	}
	slot = 0;
	n = bpf_map_lookup_elem(&per_cpu, &slot);
	if (n)
		*n += 1;
	n = bpf_map_lookup_elem(&per_cpu_flows, &len);
	if (n)
		*n += 1;
	else
		bpf_map_update_elem(&per_cpu_flows, &len, &one, BPF_ANY);
	bpf_map_update_elem(&recent, &len, &one, BPF_ANY);
}

/* Passes at most at_most bytes of a packet on, and notes what it saw everywhere. */
SEC("socket")
int watch(struct __sk_buff *skb)
{
	struct packet *p;
	__u32 len = skb->len;

	seen = add(seen, 1);
	sum_of_all += len;
	count(len);
	bpf_map_push_elem(&queue, &len, BPF_EXIST);
	bpf_map_push_elem(&stack, &len, BPF_EXIST);
	p = bpf_ringbuf_reserve(&packets, sizeof(*p), 0);
	if (p) {
		p->len = len;
		p->number = add(start, seen);
		__builtin_memset(p->text, 0, sizeof(p->text));
		bpf_skb_load_bytes(skb, 0, p->text, 4);
		bpf_ringbuf_submit(p, 0);
	}
	return cut(len);
}

SEC("socket")
int hop(struct __sk_buff *skb)
{
	bpf_tail_call(skb, &jumps, 1);
	return 1;			/* nobody there */
}

SEC("socket")
int landing(struct __sk_buff *skb) { return skb->len + 7; }

SEC("xdp")
int first_byte(struct xdp_md *ctx)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct prefix p = { 32, { 10, 0, 0, 0 } };
	__u32 *route, zero = 0;
	void *map;

	if (data + 14 > end)
		return XDP_ABORTED;
	p.address[1] = data[0];
	route = bpf_map_lookup_elem(&routes, &p);
	if (route)
		return *route;
	map = bpf_map_lookup_elem(&outer, &zero);
	route = map ? bpf_map_lookup_elem(map, &zero) : NULL;
	if (route && *route)
		return *route;
	data[0] = 0xaa;
	return XDP_PASS;
}

struct request {
	__u32 a, b, sum;
};

SEC("syscall")
int adder(struct request *r)
{
	r->sum = r->a + r->b;
	return 0;
}

char LICENSE[] SEC("license") = "GPL";
