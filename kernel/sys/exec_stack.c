/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stack of a new program. From the top: eight zero bytes, the file's name, environment and
 * argument strings (the arguments lowest), the platform's name, 16 random bytes; then, aligned to
 * 16, the auxiliary vector, the environment's pointers, the arguments' pointers, and at SP their
 * number. (ELF for the Arm 64-bit architecture, getauxval(3))
 */
#include <base/string.h>
#include <drv/random.h>
#include <asm/auxvec.h>
#include <linux/auxvec.h>
#include <linux/mman.h>
#include "exec.h"

#define STACK_EXTRA	(128 * KIB)	/* mapped at once below what is used */
#define MINSIGSTKSZ_AUX                                                                            \
	4720 /* the signal frame of Linux with FP/SIMD only: glibc sizes stacks by it */

/* Words on their way to the new stack, gathered so that they are stored in large pieces. */
struct words { struct mm *mm; u64 addr; u32 n; bool failed; u64 buf[128]; };

static void words_flush(struct words *w)
{
	size_t n = w->n * sizeof(u64);

	if (n && mm_access(w->mm, w->addr, w->buf, n, true) != (ssize_t)n)
		w->failed = true;
	w->addr += n;
	w->n = 0;
}

static void put_word(struct words *w, u64 v)
{
	if (w->n == ARRAY_SIZE(w->buf))
		words_flush(w);
	w->buf[w->n++] = v;
}

static int put_bytes(struct mm *mm, u64 addr, const void *p, size_t n)
{
	return mm_access(mm, addr, (void *)p, n, true) == (ssize_t)n ? 0 : -EFAULT;
}

static int put_strings(struct exec *x, u64 at)
{
	struct exec_strings *s = &x->strings;

	for (size_t off = 0; off < s->len; off += PAGE_SIZE) {
		size_t n = min(s->len - off, PAGE_SIZE);
		int err = put_bytes(x->mm, at + off, s->pages[off / PAGE_SIZE], n);

		if (err)
			return err;
	}
	return 0;
}

/* Addresses of n strings from offset *off on, and a NULL. */
static void put_pointers(struct words *w, const struct exec_strings *s, u64 base, size_t *off,
			 u32 n)
{
	for (; n && *off < s->len; n--) {
		put_word(w, base + *off);
		for (;;) {		/* to the end of the string, which may cross pages */
			size_t left = min(s->len - *off, PAGE_SIZE - *off % PAGE_SIZE);
			const char *p = s->pages[*off / PAGE_SIZE] + *off % PAGE_SIZE,
				   *nul = memchr(p, 0, left);

			*off += nul ? (size_t)(nul - p) + 1 : left;
			if (nul || *off >= s->len)
				break;
		}
	}
	put_word(w, 0);
}

static void make_auxv(struct exec *x, u64 random, u64 platform, u64 execfn)
{
	struct mm *mm = x->mm;
	const struct elf_plan *p = &x->plan;
	u64 *v = mm->auxv;

#define AUX(type, value) (*v++ = (type), *v++ = (u64)(value))
	if (mm->vdso)
		AUX(AT_SYSINFO_EHDR, mm->vdso);
	AUX(AT_MINSIGSTKSZ, MINSIGSTKSZ_AUX);
	AUX(AT_HWCAP, arch_hwcap());
	AUX(AT_PAGESZ, PAGE_SIZE);
	AUX(AT_CLKTCK, 100);
	AUX(AT_PHDR, p->phdr ? p->phdr + x->bias : 0);
	AUX(AT_PHENT, 56);
	AUX(AT_PHNUM, p->phnum);
	AUX(AT_BASE, x->interp ? x->interp_bias + x->interp_plan.low : 0);
	AUX(AT_FLAGS, 0);
	AUX(AT_ENTRY, p->entry + x->bias);
	AUX(AT_UID, x->uid);
	AUX(AT_EUID, x->euid);
	AUX(AT_GID, x->gid);
	AUX(AT_EGID, x->egid);
	AUX(AT_SECURE, x->secure);
	AUX(AT_RANDOM, random);
	AUX(AT_HWCAP2, arch_hwcap2());
	AUX(AT_EXECFN, execfn);
	AUX(AT_PLATFORM, platform);
	AUX(AT_NULL, 0);
#undef AUX
	mm->nr_auxv = (u32)(v - mm->auxv);
}

static int map_stack(struct exec *x, u64 low)
{
	u64 start = align_down(low - STACK_EXTRA, PAGE_SIZE);
	struct mmap_req r = {
		.addr = start,
		.len = x->stack_top - start,
		.prot = PROT_READ | PROT_WRITE | (x->plan.exec_stack ? PROT_EXEC : 0),
		.flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_GROWSDOWN,
		.extra_vm_flags = VM_STACK,
		.name = "[stack]",
	};
	i64 at = mm_mmap(x->mm, &r);

	return at < 0 ? (int)at : 0;
}

int exec_stack(struct exec *x)
{
	struct exec_strings *s = &x->strings;
	struct { char platform[8]; u8 random[16]; } tail = { .platform = "aarch64" };
	size_t fn_len = strlen(x->filename) + 1, off = 0;
	u64 strings, tail_at, sp, skew = 0;
	struct words w = { .mm = x->mm };
	int err;

	get_random_bytes(tail.random, sizeof(tail.random));
	if (x->randomize) {
		get_random_bytes(&skew, sizeof(skew));
		skew = (skew & 0x1ff) << 4;
	}
	strings = x->stack_top - 8 - s->len;
	tail_at = align_down(strings - sizeof(tail) - skew, 16ul);
	make_auxv(x, tail_at + offsetof(__typeof__(tail), random), tail_at,
		  strings + s->len - fn_len);
	sp = align_down(tail_at - 8 * ((u64)s->argc + s->envc + 3 + x->mm->nr_auxv), 16ul);
	err = map_stack(x, sp);
	if (!err)
		err = put_strings(x, strings);
	if (!err)
		err = put_bytes(x->mm, tail_at, &tail, sizeof(tail));
	if (err)
		return err;
	w.addr = sp;
	put_word(&w, s->argc);
	put_pointers(&w, s, strings, &off, s->argc);
	x->mm->arg_start = strings;
	x->mm->arg_end = x->mm->env_start = strings + off;
	put_pointers(&w, s, strings, &off, s->envc);
	x->mm->env_end = strings + off;
	for (u32 i = 0; i < x->mm->nr_auxv; i++)
		put_word(&w, x->mm->auxv[i]);
	words_flush(&w);
	x->sp = sp;
	x->mm->stack_top = sp;
	return w.failed ? -EFAULT : 0;
}
