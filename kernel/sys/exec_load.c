/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mapping a program into a new address space. It is nobody's yet, so whatever fails here leaves the
 * caller as it was. Layout, from the top: stack, gap, mappings (interpreter, vDSO) downwards;
 * position-independent programs at two thirds of the address space; the heap behind the program.
 */
#include <base/alloc.h>
#include <base/string.h>
#include <drv/random.h>
#include <linux/mman.h>
#include <sys/vdso.h>
#include "exec.h"

#define STACK_RND_PAGES	0x3ffffu	/* 1 GiB */
#define MMAP_RND_BITS	18
#define BRK_RND		GIB
#define PIE_BASE	align_down(USER_VA_END / 3 * 2, PMD_SIZE)
#define MIN_GAP		(128 * MIB)
#define MAX_GAP		(USER_VA_END / 6 * 5)

static u64 random_pages(const struct exec *x, u64 mask)
{
	u64 r = 0;

	if (x->randomize)
		get_random_bytes(&r, sizeof(r));
	return (r & mask) << PAGE_SHIFT;
}

static int read_phdrs(struct file *f, const char *head, size_t n, struct elf_plan *plan, void **buf,
		      const void **phdrs)
{
	size_t size = plan->phnum * 56ul;
	ssize_t got;

	*buf = NULL;
	if (plan->phoff <= n && size <= n - plan->phoff) {
		*phdrs = head + plan->phoff;
		return 0;
	}
	*buf = kmalloc(size);
	if (!*buf)
		return -ENOMEM;
	got = file_read_kernel(f, *buf, size, plan->phoff);
	*phdrs = *buf;
	return got == (ssize_t)size ? 0 : got < 0 ? (int)got : -ENOEXEC;
}

int exec_plan(struct file *f, const char *head, size_t n, struct elf_plan *plan, int bad)
{
	int err = elf_header(head, n, plan);
	const void *phdrs;
	void *buf = NULL;

	if (!err)
		err = read_phdrs(f, head, n, plan, &buf, &phdrs);
	if (!err)
		err = elf_segments(phdrs, USER_VA_END, plan);
	kfree(buf);
	return err == -ENOEXEC ? bad : err;
}

static int map_file(struct mm *mm, struct file *f, const struct elf_segment *s, u64 start, int prot)
{
	u64 skew = s->vaddr & ~PAGE_MASK;
	struct mmap_req r = {
		.addr = start,
		.len = s->filesz + skew,
		.prot = prot,
		.flags = MAP_PRIVATE | MAP_FIXED,
		.backing = &f->backing,
		.offset = s->offset - skew,
	};
	i64 at = mm_mmap(mm, &r);

	return at < 0 ? (int)at : 0;
}

static int map_zeros(struct mm *mm, u64 start, u64 end, int prot, int flags)
{
	struct mmap_req r = { .addr = start, .len = end - start, .prot = prot,
			      .flags = MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | flags };
	i64 at = mm_mmap(mm, &r);

	return at < 0 ? (int)at : 0;
}

static int map_segment(struct mm *mm, struct file *f, const struct elf_segment *s, u64 bias)
{
	int prot = (s->read ? PROT_READ : 0) | (s->write ? PROT_WRITE : 0) |
		   (s->exec ? PROT_EXEC : 0),
	    err;
	u64 start = align_down(bias + s->vaddr, PAGE_SIZE),
	    end = align_up(bias + s->vaddr + s->memsz, PAGE_SIZE);
	u64 data_end = bias + s->vaddr + s->filesz,
	    file_end = s->filesz ? align_up(data_end, PAGE_SIZE) : start;

	if (s->filesz) {
		err = map_file(mm, f, s, start, prot);
		if (err)
			return err;
	}
	if (s->write && s->memsz > s->filesz && file_end > data_end) {
		size_t n = file_end - data_end;

		if (mm_access(mm, data_end, folio_address(zero_folio), n, true) != (ssize_t)n)
			return -EFAULT;
	}
	return end > file_end ? map_zeros(mm, file_end, end, prot, 0) : 0;
}

static int map_program(struct mm *mm, struct file *f, const struct elf_plan *p, u64 bias)
{
	for (u32 i = 0; i < p->nr_segments; i++) {
		int err = map_segment(mm, f, &p->segment[i], bias);

		if (err)
			return err;
	}
	return 0;
}

static void note_layout(struct mm *mm, const struct elf_plan *p, u64 bias)
{
	mm->code_start = ~0ull;
	for (u32 i = 0; i < p->nr_segments; i++) {
		const struct elf_segment *s = &p->segment[i];
		u64 start = bias + s->vaddr, end = start + s->filesz;

		mm->code_start = min(mm->code_start, start);
		mm->data_start = max(mm->data_start, start);
		if (s->exec)
			mm->code_end = max(mm->code_end, end);
		mm->data_end = max(mm->data_end, end);
	}
}

/* The mappings' top leaves room for the stack to grow to its limit. */
static void choose_layout(struct exec *x)
{
	u64 gap = clamp(rlimit(RLIMIT_STACK), MIN_GAP, MAX_GAP);

	gap += (STACK_RND_PAGES << PAGE_SHIFT) + 256 * PAGE_SIZE;
	x->stack_top = USER_VA_END - random_pages(x, STACK_RND_PAGES);
	x->mm->mmap_top = align_down(USER_VA_END - min(gap, MAX_GAP) -
					     random_pages(x, BIT(MMAP_RND_BITS) - 1),
				     PAGE_SIZE);
}

static int place_program(struct exec *x)
{
	u64 base = PIE_BASE + random_pages(x, BIT(MMAP_RND_BITS) - 1);

	if (!x->plan.pie)
		return 0;
	base = align_down(base, x->plan.align);
	if (x->plan.high - x->plan.low > x->mm->mmap_top - base)
		return -ENOMEM;
	x->bias = base - x->plan.low;
	return 0;
}

static int place_interp(struct exec *x)
{
	u64 size = x->interp_plan.high - x->interp_plan.low;

	if (!x->interp_plan.pie)
		return 0;
	if (size > x->mm->mmap_top / 2)
		return -ENOMEM;
	x->interp_bias =
		align_down(x->mm->mmap_top - size, x->interp_plan.align) - x->interp_plan.low;
	return 0;
}

static int load_interp(struct exec *x)
{
	int err = place_interp(x);

	if (!err)
		err = map_program(x->mm, x->interp, &x->interp_plan, x->interp_bias);
	x->entry = x->interp_plan.entry + x->interp_bias;
	return err;
}

/* Its memory can be looked at by its user: not that of a program with more rights, or of a file that
 * the user may run but not read. */
static bool dumpable(const struct exec *x)
{
	return !x->secure && inode_permission(x->file->inode, MAY_READ) == 0 &&
	       (!x->interp || inode_permission(x->interp->inode, MAY_READ) == 0);
}

int exec_load(struct exec *x)
{
	struct mm *mm = x->mm = mm_create();
	int err;

	if (!mm)
		return -ENOMEM;
	mm->dumpable = dumpable(x);
	if (current_mm())
		mm_inherit(mm, current_mm());
	choose_layout(x);
	err = place_program(x);
	if (!err)
		err = map_program(mm, x->file, &x->plan, x->bias);
	if (err)
		return err;
	note_layout(mm, &x->plan, x->bias);
	x->entry = x->plan.entry + x->bias;
	mm->brk_start = mm->brk = x->plan.high + x->bias + random_pages(x, BRK_RND / PAGE_SIZE - 1);
	mm->exe = &x->file->backing;
	mm->exe->ops->get(mm->exe);
	mm->oom_score_adj = (u32)current_proc()->oom_score_adj;
	if (x->interp)
		err = load_interp(x);
	if (!err)
		err = vdso_map(mm);
	return err;
}
