/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>
#include <bpf/simplify.h>
#include "native.h"

#define GUARD	0x5a17c0deu	/* behind the image: the JIT must not write there */
/* Within 128 MiB of this program's own text, so that helpers can be called directly. */
#define NEAR	((void *)0x4000000)

static const struct native *running;

static void on_fault(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	u64 at = uc->uc_mcontext.pc - (u64)(running ? running->image : NULL);

	for (u32 k = 0; running && k < running->jit.n_fixups; k++) {
		const struct bpf_jit_fixup *f = &running->fixups[k];

		if (f->at != at)
			continue;
		if (f->reg < 31)
			uc->uc_mcontext.regs[f->reg] = 0;
		uc->uc_mcontext.pc += f->resume - f->at;
		return;
	}
	fprintf(stderr, "signal %d at image + 0x%llx, address %p\n", sig, (unsigned long long)at,
		info->si_addr);
	_exit(3);
}

static void catch_faults(void)
{
	static bool done;
	struct sigaction sa = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };

	if (done)
		return;
	done = true;
	sigaction(SIGSEGV, &sa, NULL);
	sigaction(SIGBUS, &sa, NULL);
	sigaction(SIGILL, &sa, NULL);
	sigaction(SIGTRAP, &sa, NULL);
}

static int build(struct native *n, struct bpf_jit_opts *opts)
{
	int err = bpf_jit_layout(&n->jit);

	if (err)
		return err;
	n->mapped = (n->jit.size + 4 + 4095) & ~4095ul;
	n->image =
		mmap(NEAR, n->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (n->image == MAP_FAILED)
		return -ENOMEM;
	n->fixups = calloc(n->jit.n_fixups + 1, sizeof(*n->fixups));
	opts->base = (u64)n->image;
	n->image[n->jit.size / 4] = GUARD;
	err = bpf_jit_emit(&n->jit, n->image, n->fixups);
	if (!err && n->image[n->jit.size / 4] != GUARD) {
		fprintf(stderr, "the JIT wrote behind the image\n");
		exit(3);
	}
	__builtin___clear_cache((char *)n->image, (char *)n->image + n->jit.size);
	mprotect(n->image, n->mapped, PROT_READ | PROT_EXEC);
	return err;
}

bool native_simplify;
const u16 *native_depth;

static void simplify(struct native *n)
{
	u32 count = n->jit.n;
	struct bpf_insn *copy = malloc((count + 1) * sizeof(*copy));
	struct bpf_simplify_work *work = calloc(count + 1, sizeof(*work));
	u8 *mark = n->scratch[0], *again = malloc(count + 1);
	u32 at;

	memcpy(copy, n->jit.insns, count * sizeof(*copy));
	n->scratch[2] = copy;
	n->jit.insns = copy;
	n->jit.n = bpf_simplify(copy, count, mark, work);
	if (n->jit.n > count || bpf_isa_check(copy, n->jit.n, true, again, &at)) {
		fprintf(stderr, "simplified to something else\n");
		exit(3);
	}
	free(work);
	free(again);
}

int native_make(struct native *n, const struct bpf_insn *insns, u32 count,
		struct bpf_jit_opts *opts)
{
	u32 at;
	int err;

	catch_faults();
	memset(n, 0, sizeof(*n));
	n->scratch[0] = malloc(count + 1);
	n->scratch[1] = calloc(count + 1, sizeof(struct bpf_jit_place));
	n->jit = (struct bpf_jit){ .insns = insns, .n = count, .mark = n->scratch[0], .opts = opts,
				   .depth = native_depth, .place = n->scratch[1] };
	err = bpf_isa_check(insns, count, true, n->scratch[0], &at);
	if (!err && native_simplify)
		simplify(n);
	if (!err)
		err = build(n, opts);
	if (err)
		native_free(n);
	return err;
}

void native_free(struct native *n)
{
	if (n->image && n->image != MAP_FAILED)
		munmap(n->image, n->mapped);
	free(n->fixups);
	free(n->scratch[0]);
	free(n->scratch[1]);
	free(n->scratch[2]);
	memset(n, 0, sizeof(*n));
}

u64 native_run(const struct native *n, u64 r1, u64 r2)
{
	const struct native *before = running;
	u64 r0;

	running = n;
	r0 = ((u64 (*)(u64, u64))n->image)(r1, r2);
	running = before;
	return r0;
}
