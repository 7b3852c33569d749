/* SPDX-License-Identifier: BSD-2-Clause */
/* A program that the verifier refuses: it reads a map's value without asking whether there is one. */
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} map SEC(".maps");

SEC("socket")
int bad(struct __sk_buff *skb)
{
	__u32 key = skb->len;
	__u64 *value = bpf_map_lookup_elem(&map, &key);

	return *value;
}

char LICENSE[] SEC("license") = "GPL";
