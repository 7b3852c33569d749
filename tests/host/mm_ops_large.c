/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The flat model's operations that have large folios in mind. Programs see nothing of them, so the
 * model has none: what is added is a policy that changes, places where a whole block goes, and
 * operations that end just beside a block's edge.
 */
#include "mm_model_in.h"

static const u32 block_pages[] = { 4, 16, 512, 512 };

/* An aligned block of the window: its first page and its pages. false: the window has none. */
static bool choose_block(u32 *i, u32 *n)
{
	u32 b = block_pages[choose(ARRAY_SIZE(block_pages))];
	u32 first = (u32)(-(base >> PAGE_SHIFT) & (b - 1)), count;

	if (first + b > window)
		return false;
	count = (window - first) / b;
	*i = first + choose(count) * b;
	*n = b;
	return true;
}

/* What /sys/kernel/mm/transparent_hugepage and prctl(PR_SET_THP_DISABLE) set. */
bool op_policy(struct proc *p)
{
	u32 order = THP_MIN_ORDER + choose(THP_PMD_ORDER - THP_MIN_ORDER + 1);

	switch (choose(6)) {
	case 0:
		thp_policy.all = (u8)choose(THP_INHERIT);
		break;
	case 1:
		p->mm->thp_disable = (u8)(choose(3) ? THP_ENABLED : choose(3));
		break;
	case 2:
		shmem_policy.all = (u8)choose(NR_SHMEM_MODES);
		if (shmem_policy.all == SHMEM_INHERIT)
			shmem_policy.all = SHMEM_ALWAYS;
		break;
	case 3:
		shmem_policy.order[order] = (u8)choose(SHMEM_INHERIT + 1);
		break;
	case 4:
		thp_policy.order[order] = THP_ALWAYS;
		break;
	default:
		thp_policy.order[order] = (u8)choose(4);
	}
	thp_policy_update(&thp_policy);
	shmem_policy_update(&shmem_policy);
	trace("%u: policy %x, advised %x, disabled %u, shmem %u, always %x\n", number(p),
	      thp_policy.orders[0], thp_policy.orders[1], p->mm->thp_disable, shmem_policy.all,
	      shmem_policy.orders[SHMEM_ALWAYS]);
	return true;
}

/* The mapping is to be of an aligned block of a file, which is made long enough. */
static bool choose_file_block(struct choice *c)
{
	c->obj = choose(2) ? FILE_MEMORY : FILE_DISK;
	c->kind = choose(3) ? FILE_SHARED : FILE_PRIVATE;
	c->off = c->n * choose(file_pages / c->n);
	if (!choose(8))
		c->off += choose(8);	/* no block fits */
	if (c->off + c->n > file_pages)
		return false;
	c->r.backing = &files[c->obj].b;
	c->r.offset = size_of(c->off);
	c->r.flags = c->kind == FILE_SHARED ? MAP_SHARED : MAP_PRIVATE;
	if (objects[c->obj].size < size_of(c->off + c->n)) {
		trace("longer(file %u, %u)\n", c->obj, c->off + c->n);
		BUG_ON(mapping_truncate(&files[c->obj].m, size_of(c->off + c->n)));
		objects[c->obj].size = size_of(c->off + c->n);
	}
	return true;
}

/* A mapping just for a block, of the size that the program asks for, and a write into it. */
bool op_block(struct proc *p)
{
	struct choice c = { .kind = ANON, .flags = p->def_flags | VM_MAYWRITE };
	bool file = choose(2);

	if (!choose_block(&c.i, &c.n))
		return false;
	c.r = (struct mmap_req){.addr = va_of(c.i),
				.len = size_of(c.n),
				.prot = PROT_READ | PROT_WRITE,
				.flags = MAP_PRIVATE | MAP_ANONYMOUS};
	if (file && !choose_file_block(&c))
		return false;
	if (!map_chosen(p, &c, false))
		return false;
	if (choose(4) && !failed(mm_madvise(p->mm, c.r.addr, c.r.len, MADV_HUGEPAGE)))
		for (u32 k = 0; k < c.n; k++)
			p->page[c.i + k].flags |= VM_HUGEPAGE;
	check_access(p, c.i + choose(c.n), choose(2) ? FAKE_READ : FAKE_WRITE);
	check_access(p, c.i + choose(c.n), choose(2) ? FAKE_WRITE : FAKE_READ);
	return page_at(p, c.i) && !folio_is_zeros(page_folio(page_at(p, c.i))) &&
	       folio_order(page_folio(page_at(p, c.i)));
}

/* Accesses on both sides of a block's edges, and of one page inside. */
bool op_block_edge(struct proc *p)
{
	u32 i, n;

	if (!choose_block(&i, &n))
		return false;
	for (u32 k = 0; k < 6; k++) {
		u32 places[] = { i ? i - 1 : i, i, i + 1, i + n - 1, min(i + n, window - 1),
			i + choose(n) };

		check_access(p, places[choose(ARRAY_SIZE(places))], choose(2) ? FAKE_WRITE : FAKE_READ);
	}
	return true;
}
