/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pins in the flat model: as long as the process keeps what it has at a pinned page, forks or not,
 * the pinned page is the one that it reads and writes there, and nobody else does.
 */
#include <mm/gup.h>
#include "mm_model_in.h"

static struct page *pins[MM_PINS];

void check_pin(const struct proc *p, u32 i)
{
	const struct mpage *m = &p->page[i];

	if (m->pin && word_of(page_address(pins[m->pin - 1])) != m->val)
		panic("page %u of process %u holds %lx, its pinned page does not", i, number(p), m->val);
}

bool op_pin(struct proc *p)
{
	u32 i = choose(window), n = 0, flags = choose(2) ? GUP_WRITE : 0;
	struct mpage *m = &p->page[i];
	struct page *page;
	ssize_t r, want;

	while (n < MM_PINS && pins[n])
		n++;
	if (n == MM_PINS || m->pin)
		return false;
	want = expected(m, flags ? FAKE_WRITE : FAKE_READ) == FAULT_OK ? 1 : -EFAULT;
	r = gup_pin(p->mm, va_of(i), 1, flags, &page);
	trace("%u: pin(%u, %u) = %ld\n", number(p), i, flags, r);
	if (failed(r))
		return false;
	BUG_ON(r != want);
	if (r < 0)
		return false;
	if (flags && m->kind == FILE_PRIVATE)
		own_page(m);
	BUG_ON(!may_hold(m, word_of(page_address(page))));
	if (m->kind != ANON) {	/* a file's page may go from its place */
		gup_unpin(page, flags);
		return true;
	}
	pins[n] = page;
	m->pin = (u8)(n + 1);
	return true;
}

static void unpin(u32 n)
{
	gup_unpin(pins[n], choose(2));
	pins[n] = NULL;
	for (u32 k = 0; k < PROCS; k++)
		for (u32 i = 0; i < window; i++)
			if (procs[k].page[i].pin == n + 1)
				procs[k].page[i].pin = 0;
}

bool op_unpin(struct proc *p)
{
	u32 n = choose(MM_PINS);

	if (!pins[n])
		return false;
	trace("unpin %u\n", n);
	unpin(n);
	return true;
}

void unpin_all(void)
{
	for (u32 n = 0; n < MM_PINS; n++)
		if (pins[n])
			unpin(n);
}
