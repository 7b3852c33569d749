/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps that tests make up, and what bpf_verify asks its caller for. */
#ifndef TEST_BPF_MAPS_H
#define TEST_BPF_MAPS_H
#include <bpf/verify.h>

enum { M_ARRAY = 1, M_HASH, M_LOCK, M_RINGBUF, M_PROGS, M_CONST, M_TIMER, M_MAPS, M_QUEUE,
       M_READ, M_WRITE, M_GLOBAL, M_LOOSE, M_RINGS, M_MAX };
extern struct bpf_map_desc test_maps[M_MAX];
/* array, hash, lock, ringbuf, progs, const, timer, maps, queue, read, write, global, loose (its elements are freed),
 * rings (of ring buffers). */
int test_map_named(const char *name);
/*
 * The kernel's types: 1, struct thing (48 bytes): u64 a; struct other *o; u32 b, c; struct thing *t;
 * u8 d[16]. 2, struct other (16 bytes): struct thing *t; u32 n; and 4 bytes of nothing. A task is a
 * thing. 3, a function: int f(struct thing *, u64 number).
 */
#define TEST_PROTO	3u
#define TEST_THING	48u
extern struct bpf_verify_ops test_ops;	/* counts what is allocated; ctx: &test_alloc */
struct test_alloc {
	i64 fail_at;		/* this allocation from now fails, < 0: none */
	i64 live, bytes, peak;
};
extern struct test_alloc test_alloc;
void test_maps_init(void);
#endif
