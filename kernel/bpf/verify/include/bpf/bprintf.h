/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * printf for programs (bpf_snprintf, bpf_trace_printk, bpf_trace_vprintk in bpf-helpers(7)): every
 * argument is a u64. Of conversions: %d %i %u %x %X with l or ll, %c, %s (a text of the kernel's,
 * also %pks; %pus: of user space's), %p and %pK (hidden), %px, %ps %pS %pB (symbols), %pi4 %pI4
 * %pi6 %pI6 (addresses in memory), %%; flags 0 + - space and a width.
 */
#ifndef BPF_BPRINTF_H
#define BPF_BPRINTF_H
#include <base/types.h>

struct bpf_bprintf_ops {
	/* n bytes from a kernel address, zeros where there is nothing. */
	void (*read)(void *to, u64 from, u32 n);
	/* A text of up to n - 1 bytes, "" where there is none. */
	void (*read_text)(char *to, u64 from, u32 n, bool user);
	/* Its name, with the offset in it or without. */
	void (*symbol)(char *to, u32 n, u64 addr, bool offset);
	u64 (*hide)(u64 addr);		/* something that tells addresses apart, and no more */
};
#define BPF_BPRINTF_ARGS	12u

/* fmt, which ends with NUL, is right and takes n_args arguments at most. Pure. */
bool bpf_bprintf_valid(const char *fmt, u32 n_args);
/* As snprintf: the length of the whole text; -EINVAL: fmt, which nobody changes meanwhile, is not
 * right. */
i64 bpf_bprintf(char *out, size_t size, const char *fmt, const u64 *args, u32 n_args,
		const struct bpf_bprintf_ops *ops);
#endif
