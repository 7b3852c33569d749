/* SPDX-License-Identifier: BSD-2-Clause */
/* Runs the JIT's code in this process, which must be an arm64 one (qemu-aarch64 will do). */
#ifndef BPF_NATIVE_H
#define BPF_NATIVE_H
#include <bpf/jit.h>

/* A compiled program. Its image is read-only and executable. */
struct native {
	u32 *image;
	size_t mapped;
	struct bpf_jit jit;
	struct bpf_jit_fixup *fixups;
	void *scratch[3];
};
/* native_make makes programs shorter before it compiles them. */
extern bool native_simplify;
/* How deep each function reaches into its stack, as the verifier has it; NULL: not known. */
extern const u16 *native_depth;

/* Compiles a program that has the right form; opts->base is set here. 0 or negative errno. Also
 * checks what the JIT promises of its two passes. */
int native_make(struct native *n, const struct bpf_insn *insns, u32 count,
		struct bpf_jit_opts *opts);
void native_free(struct native *n);
/* Runs it; a fault at one of its fixups is mended, another one ends the process. */
u64 native_run(const struct native *n, u64 r1, u64 r2);
#endif
