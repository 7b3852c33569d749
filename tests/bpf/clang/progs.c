/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs as people write them, to be compiled by clang for BPF: the verifier has to accept what a
 * compiler makes of them (tests/host/test_bpf_clang.c). One program per section TYPE/NAME, whose
 * functions stand behind its first.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef long long i64;
#include <linux/bpf.h>

#define P(type, name)	__attribute__((section(#type "/" #name), used))
#define SUB(type, name)	static __attribute__((section(#type "/" #name), noinline))
#define inline_		static inline __attribute__((always_inline))
#define HELPER(ret, name, args)	static ret (*const name) args = (ret (*) args)(long)BPF_FUNC_ ## name

HELPER(void *, map_lookup_elem, (void *map, const void *key));
HELPER(long, map_update_elem, (void *map, const void *key, const void *value, u64 flags));
HELPER(long, map_delete_elem, (void *map, const void *key));
HELPER(u64, ktime_get_ns, (void));
HELPER(u32, get_prandom_u32, (void));
HELPER(long, tail_call, (void *ctx, void *map, u32 index));
HELPER(long, skb_load_bytes, (const void *ctx, u32 off, void *to, u32 len));
HELPER(long, xdp_adjust_head, (struct xdp_md *ctx, int delta));
HELPER(long, map_push_elem, (void *map, const void *value, u64 flags));
HELPER(long, map_pop_elem, (void *map, void *value));
HELPER(long, spin_lock, (struct bpf_spin_lock *lock));
HELPER(long, spin_unlock, (struct bpf_spin_lock *lock));
HELPER(void *, ringbuf_reserve, (void *ring, u64 size, u64 flags));
HELPER(void, ringbuf_submit, (void *data, u64 flags));
HELPER(void, ringbuf_discard, (void *data, u64 flags));
HELPER(long, for_each_map_elem, (void *map, void *fn, void *ctx, u64 flags));
HELPER(long, loop, (u32 n, void *fn, void *ctx, u64 flags));
HELPER(long, timer_init, (struct bpf_timer *t, void *map, u64 flags));
HELPER(long, timer_set_callback, (struct bpf_timer *t, void *fn));
HELPER(long, timer_start, (struct bpf_timer *t, u64 ns, u64 flags));
HELPER(long, strncmp, (const char *a, u32 n, const char *b));

/* The maps of tests/host/bpf_maps.c. */
#define MAP(name)	struct { int x; } name __attribute__((section(".maps"), used))
MAP(array);	/* u32 to 48 bytes */
MAP(hash);	/* u64 to 16 bytes */
MAP(lock);	/* u32 to { u32; lock; u64 } */
MAP(ringbuf);
MAP(progs);
MAP(timer);	/* u32 to { u64; timer; u64 } */
MAP(maps);
MAP(queue);	/* of u64 */

struct counters {
	u64 packets, bytes, tcp, udp, other, errors;
};
struct flow {
	u64 packets, bytes;
};
struct locked {
	u32 count;
	struct bpf_spin_lock l;
	u64 sum;
};
struct timed {
	u64 fired;
	struct bpf_timer t;
	u64 last;
};

struct eth {
	u8 dst[6], src[6];
	u16 proto;
} __attribute__((packed));
struct vlan {
	u16 tci, proto;
};
struct ip4 {
	u8 ihl : 4, version : 4, tos;
	u16 len, id, frag;
	u8 ttl, proto;
	u16 sum;
	u32 src, dst;
};
struct ip6 {
	u32 first;
	u16 len;
	u8 next, hops, src[16], dst[16];
};
struct tcp {
	u16 src, dst;
	u32 seq, ack;
	u16 flags, window, sum, urgent;
};
#define DATA(ctx)	((void *)(long)(ctx)->data)
#define END(ctx)	((void *)(long)(ctx)->data_end)
#define swap16(v)	__builtin_bswap16(v)

P(xdp, pass) int pass(struct xdp_md *ctx) { return XDP_PASS; }

P(xdp, count) int count(struct xdp_md *ctx)
{
	struct eth *e = DATA(ctx);
	void *end = END(ctx);
	struct ip4 *ip = (void *)(e + 1);
	u32 key = 0;
	struct counters *c = map_lookup_elem(&array, &key);

	if (!c)
		return XDP_ABORTED;
	if ((void *)(ip + 1) > end || e->proto != swap16(0x800)) {
		c->errors++;
		return XDP_PASS;
	}
	c->packets++;
	c->bytes += end - (void *)e;
	if (ip->proto == 6)
		__sync_fetch_and_add(&c->tcp, 1);
	else if (ip->proto == 17)
		__sync_fetch_and_add(&c->udp, 1);
	else
		__sync_fetch_and_add(&c->other, 1);
	return XDP_PASS;
}

P(xdp, vlans) int vlans(struct xdp_md *ctx)
{
	void *p = DATA(ctx), *end = END(ctx);
	struct eth *e = p;
	u16 proto;

	if (p + sizeof(*e) > end)
		return XDP_DROP;
	proto = e->proto;
	p += sizeof(*e);
	for (int k = 0; k < 4; k++) {
		struct vlan *v = p;

		if (proto != swap16(0x8100) && proto != swap16(0x88a8))
			break;
		if (p + sizeof(*v) > end)
			return XDP_DROP;
		proto = v->proto;
		p += sizeof(*v);
	}
	if (proto == swap16(0x86dd)) {
		struct ip6 *ip = p;

		if ((void *)(ip + 1) > end)
			return XDP_DROP;
		return ip->hops > 1 ? XDP_PASS : XDP_DROP;
	}
	return XDP_PASS;
}

P(xdp, port) int port(struct xdp_md *ctx)
{
	struct eth *e = DATA(ctx);
	void *end = END(ctx);
	struct ip4 *ip = (void *)(e + 1);
	struct tcp *t;

	if ((void *)(ip + 1) > end || ip->version != 4 || ip->ihl < 5 || ip->proto != 6)
		return XDP_PASS;
	t = (void *)ip + ip->ihl * 4;
	if ((void *)(t + 1) > end)
		return XDP_PASS;
	return t->dst == swap16(22) ? XDP_DROP : XDP_PASS;
}

P(xdp, swap) int swap_addresses(struct xdp_md *ctx)
{
	u8 *p = DATA(ctx), t;

	if (p + 14 > (u8 *)END(ctx))
		return XDP_DROP;
#pragma unroll
	for (int k = 0; k < 6; k++) {
		t = p[k];
		p[k] = p[k + 6];
		p[k + 6] = t;
	}
	return XDP_TX;
}

P(xdp, checksum) int checksum(struct xdp_md *ctx)
{
	struct eth *e = DATA(ctx);
	void *end = END(ctx);
	struct ip4 *ip = (void *)(e + 1);
	u16 *w = (u16 *)ip;
	u32 sum = 0;

	if ((void *)(ip + 1) > end)
		return XDP_DROP;
	for (int k = 0; k < 10; k++)
		sum += w[k];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (u16)~sum ? XDP_DROP : XDP_PASS;
}

P(xdp, long_sum) int long_sum(struct xdp_md *ctx)
{
	u8 *p = DATA(ctx), *end = END(ctx);
	u32 sum = 0;

	for (int k = 0; k < 128; k++) {
		if (p + k + 1 > end)
			break;
		sum += p[k];
	}
	return sum & 1 ? XDP_DROP : XDP_PASS;
}

P(xdp, push) int push_header(struct xdp_md *ctx)
{
	struct eth *e;

	if (xdp_adjust_head(ctx, -(int)sizeof(*e)))
		return XDP_ABORTED;
	e = DATA(ctx);
	if ((void *)(e + 1) > END(ctx))
		return XDP_DROP;
	__builtin_memset(e, 0xff, sizeof(*e));
	e->proto = swap16(0x1234);
	return XDP_TX;
}

SUB(xdp, parse) int parse_ip(void *p, void *end, u8 *proto);
P(xdp, parse) int parse(struct xdp_md *ctx)
{
	void *p = DATA(ctx), *end = END(ctx);
	u8 proto = 0;

	if (parse_ip(p, end, &proto) < 0)
		return XDP_DROP;
	return proto == 1 ? XDP_DROP : XDP_PASS;
}
SUB(xdp, parse) int parse_ip(void *p, void *end, u8 *proto)
{
	struct ip4 *ip = p + 14;

	if ((void *)(ip + 1) > end)
		return -1;
	*proto = ip->proto;
	return 0;
}

P(socket, length) int length(struct __sk_buff *skb) { return skb->len > 64 ? skb->len : 0; }

P(socket, flows) int flows(struct __sk_buff *skb)
{
	u64 key = (u64)skb->protocol << 32 | skb->ifindex;
	struct flow *f = map_lookup_elem(&hash, &key), fresh = { 1, skb->len };

	if (f) {
		f->packets++;
		f->bytes += skb->len;
	} else {
		map_update_elem(&hash, &key, &fresh, BPF_NOEXIST);
	}
	return 0;
}

P(socket, copy) int copy(struct __sk_buff *skb)
{
	u8 buf[64] = { 0 };
	u32 len = skb->len & 63, sum = 0;

	if (!len || skb_load_bytes(skb, 0, buf, len))
		return 0;
	for (u32 k = 0; k < sizeof(buf); k++)
		sum = sum * 31 + buf[k];
	return (int)sum;
}

P(socket, index) int by_index(struct __sk_buff *skb)
{
	u32 key = skb->hash % 4, k = skb->mark, last = skb->priority;
	u64 *v = map_lookup_elem(&array, &key);

	if (!v)
		return 0;
	if (k < 6)
		v[k]++;
	return last < 6 ? (int)v[last] : 0;
}

P(socket, sort) int sort(struct __sk_buff *skb)
{
	u32 v[8];

	for (int k = 0; k < 8; k++)
		v[k] = get_prandom_u32();
	for (int a = 0; a < 8; a++)
		for (int b = 0; b + 1 < 8 - a; b++)
			if (v[b] > v[b + 1]) {
				u32 t = v[b];

				v[b] = v[b + 1];
				v[b + 1] = t;
			}
	return (int)v[skb->len & 7];
}

inline_ u32 rotate(u32 v, u32 by) { return v << by | v >> (32 - by); }
P(socket, hashing) int hashing(struct __sk_buff *skb)
{
	u8 key[24];
	u32 a = 0xdeadbeef, b = a, c = a;

	if (skb_load_bytes(skb, 0, key, sizeof(key)))
		return 0;
	for (int k = 0; k < 24; k += 12) {
		a += *(u32 *)(key + k);
		b += *(u32 *)(key + k + 4);
		c += *(u32 *)(key + k + 8);
		a -= c, a ^= rotate(c, 4), c += b;
		b -= a, b ^= rotate(a, 6), a += c;
		c -= b, c ^= rotate(b, 8), b += a;
	}
	return (int)(c % 1000);
}

P(socket, switching) int switching(struct __sk_buff *skb)
{
	switch (skb->protocol) {
	case 1: return 7;
	case 2: return skb->len;
	case 3: return skb->mark + 3;
	case 4: return skb->ifindex * 2;
	case 5: return skb->hash / 5;
	case 6: return skb->priority ^ 99;
	default: return -1;
	}
}

P(socket, dispatch) int dispatch(struct __sk_buff *skb)
{
	tail_call(skb, &progs, skb->protocol & 3);
	return 0;
}

P(xdp, lockit) int lockit(struct xdp_md *xdp)
{
	u32 key = 1;
	struct locked *v = map_lookup_elem(&lock, &key);
	u64 sum;

	if (!v)
		return 0;
	spin_lock(&v->l);
	v->sum += xdp->ingress_ifindex;
	sum = v->sum;
	spin_unlock(&v->l);
	return (int)sum;
}

P(socket, event) int event(struct __sk_buff *skb)
{
	struct flow *e = ringbuf_reserve(&ringbuf, sizeof(*e), 0);

	if (!e)
		return 0;
	e->packets = ktime_get_ns();
	e->bytes = skb->len;
	if (skb->len > 1000)
		ringbuf_discard(e, 0);
	else
		ringbuf_submit(e, 0);
	return 1;
}

struct walk {
	u64 sum;
	u32 left;
};
SUB(socket, each) long add_up(void *map, u64 *key, struct flow *f, struct walk *w);
P(socket, each) int each(struct __sk_buff *skb)
{
	struct walk w = { 0, 10 };

	for_each_map_elem(&hash, add_up, &w, 0);
	return (int)w.sum;
}
SUB(socket, each) long add_up(void *map, u64 *key, struct flow *f, struct walk *w)
{
	w->sum += f->bytes + *key;
	return --w->left == 0;
}

SUB(socket, loops) long step(u32 k, struct walk *w);
P(socket, loops) int loops(struct __sk_buff *skb)
{
	struct walk w = { 0, skb->len };

	loop(100, step, &w, 0);
	return (int)w.sum;
}
SUB(socket, loops) long step(u32 k, struct walk *w)
{
	u32 key = k & 3;
	u64 *v = map_lookup_elem(&array, &key);

	if (!v || k > w->left)
		return 1;
	w->sum += *v;
	return 0;
}

SUB(socket, timers) int fire(void *map, u32 *key, struct timed *v);
P(socket, timers) int timers(struct __sk_buff *skb)
{
	u32 key = 0;
	struct timed *v = map_lookup_elem(&timer, &key);

	if (!v)
		return 0;
	timer_init(&v->t, &timer, 1);
	timer_set_callback(&v->t, fire);
	timer_start(&v->t, 1000, 0);
	return 0;
}
SUB(socket, timers) int fire(void *map, u32 *key, struct timed *v)
{
	v->fired++;
	v->last = ktime_get_ns();
	timer_start(&v->t, 1000, 0);
	return 0;
}

P(socket, queueing) int queueing(struct __sk_buff *skb)
{
	u64 v = skb->len, was = 0;

	map_push_elem(&queue, &v, 0);
	map_pop_elem(&queue, &was);
	return (int)was;
}

P(socket, inner) int inner(struct __sk_buff *skb)
{
	u32 key = 0;
	void *map = map_lookup_elem(&maps, &key);
	u64 *v;

	if (!map)
		return 0;
	v = map_lookup_elem(map, &key);
	if (!v)
		return 0;
	return (int)++*v;
}

P(socket, atomics) int atomics(struct __sk_buff *skb)
{
	u32 key = 0;
	u64 *v = map_lookup_elem(&array, &key), old;

	if (!v)
		return 0;
	old = __sync_fetch_and_add(&v[0], 3);
	__sync_fetch_and_or(&v[1], old);
	__sync_fetch_and_and(&v[2], 0xff);
	__sync_fetch_and_xor(&v[3], 1);
	__sync_lock_test_and_set(&v[4], 9);
	return (int)__sync_val_compare_and_swap(&v[5], 1, 2);
}

P(socket, strings) int strings(struct __sk_buff *skb)
{
	char name[16];
	const char want[] = "hello, world";

	if (skb_load_bytes(skb, 0, name, sizeof(name)))
		return 0;
	for (int k = 0; k < (int)sizeof(want); k++)
		if (name[k] != want[k])
			return k;
	return 100;
}

SUB(socket, depth) int level3(u64 *v, u32 k);
SUB(socket, depth) int level2(u64 *v, u32 k);
SUB(socket, depth) int level1(u64 *v, u32 k);
P(socket, depth) int depth(struct __sk_buff *skb)
{
	u64 v[4] = { skb->len, skb->mark, 3, 4 };

	return level1(v, skb->len & 3) + (int)v[2];
}
SUB(socket, depth) int level1(u64 *v, u32 k) { return k < 3 ? level2(v, k + 1) : 7; }
SUB(socket, depth) int level2(u64 *v, u32 k) { v[2] += 5; return level3(v, k) * 2; }
SUB(socket, depth) int level3(u64 *v, u32 k) { return (int)v[k & 3]; }

struct request {
	u64 op, a, b, result;
	u32 n, pad;
	u64 v[16];
};
P(syscall, calculate) int calculate(struct request *r)
{
	i64 sum = 0;

	for (u32 k = 0; k < 16; k++)
		if (k < r->n)
			sum += r->v[k];
	switch (r->op) {
	case 0: r->result = r->a + r->b; break;
	case 1: r->result = r->b ? r->a / r->b : 0; break;
	case 2: r->result = r->b ? r->a % r->b : 0; break;
	case 3: r->result = sum; break;
	default: return -22;
	}
	return 0;
}

P(syscall, collatz) int collatz(struct request *r)
{
	u64 v = r->a;
	int k;

	for (k = 0; k < 200 && v > 1; k++)
		v = v & 1 ? 3 * v + 1 : v / 2;
	r->result = (u64)k;
	return 0;
}

P(syscall, bits) int bits(struct request *r)
{
	r->result = (u64)__builtin_popcountll(r->a) + (u64)__builtin_bswap32((u32)r->b) +
		    (u64)__builtin_bswap16((u16)r->n);
	return 0;
}

P(syscall, primes) int primes(struct request *r)
{
	u8 sieve[256] = { 0 };
	u32 found = 0;

	for (u32 k = 2; k < 256; k++) {
		if (sieve[k])
			continue;
		found++;
		for (u32 m = k * 2; m < 256; m += k)
			sieve[m] = 1;
	}
	r->result = found;
	return 0;
}

P(syscall, search) int search(struct request *r)
{
	u32 key = 0, low = 0, high = 6;
	u64 *v = map_lookup_elem(&array, &key);

	if (!v)
		return -1;
	for (int k = 0; k < 4 && low < high; k++) {
		u32 mid = (low + high) / 2;

		if (mid >= 6)
			break;
		if (v[mid] < r->a)
			low = mid + 1;
		else
			high = mid;
	}
	r->result = low;
	return 0;
}
