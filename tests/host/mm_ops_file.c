/* SPDX-License-Identifier: BSD-2-Clause */
/* The flat model's operations on files, beside their mappings. */
#include <mm/uio.h>
#include "alloc.h"
#include "lru.h"
#include "mm_model_in.h"

void object_zero(u32 obj, u32 page)
{
	objects[obj].val[page] = 0;
	if (obj < FILES && page < file_pages)
		files[obj].disk[page] = 0;
}

bool op_truncate(struct proc *p)
{
	u32 f = choose(FILES), pages = choose(choose(2) ? 32 : file_pages + 1);
	struct object *o = &objects[f];
	bool shrinks = size_of(pages) < o->size;

	trace("truncate(file %u, %u)\n", f, pages);
	BUG_ON(mapping_truncate(&files[f].m, size_of(pages)));
	for (u32 i = pages; shrinks && i < OBJ_PAGES; i++)
		object_zero(f, i);
	for (p = procs; p < procs + PROCS; p++)	/* private copies beyond the end go, too */
		for (u32 i = 0; i < window; i++)
			if (p->page[i].kind == FILE_PRIVATE && p->page[i].obj == f &&
			    p->page[i].off >= pages)
				p->page[i].copied = false;
	o->size = size_of(pages);
	return shrinks;
}

bool op_punch(struct proc *p)
{
	u32 f = choose(FILES), first = choose(file_pages), n = 1 + choose(file_pages - first);

	trace("punch(file %u, %u +%u)\n", f, first, n);
	/* The file system forgets first: a page read in meanwhile is a hole's. */
	for (u32 i = first; i < first + n; i++)
		object_zero(f, i);
	BUG_ON(mapping_punch(&files[f].m, size_of(first), size_of(first + n)));
	return true;
}

bool op_file_write(struct proc *p)
{
	static u64 data[8][PAGE_SIZE / sizeof(u64)];
	u32 f = choose(FILES), n = 1 + choose(8), first = choose(file_pages - n + 1), done;
	struct uio_seg seg;
	struct uio u;
	ssize_t r;

	for (u32 i = 0; i < n; i++)
		fill_page(data[i], stamp + 1 + i);
	uio_kernel(&u, &seg, data, n * PAGE_SIZE);
	r = mapping_write(&files[f].m, &u, size_of(first));
	trace("write(file %u, %u +%u) = %ld\n", f, first, n, r);
	if (failed(r))
		return false;
	BUG_ON(r < 0 || (r & ~PAGE_MASK) || (!may_fail && r != (ssize_t)size_of(n)));
	done = (u32)(r >> PAGE_SHIFT);
	for (u32 i = 0; i < done; i++)
		objects[f].val[first + i] = stamp + 1 + i;
	objects[f].size = max(objects[f].size, size_of(first + done));
	stamp += n;
	return true;
}

bool op_file_read(struct proc *p)
{
	static u64 data[PAGE_SIZE / sizeof(u64)];
	u32 f = choose(FILES), page = choose(file_pages);
	struct uio_seg seg;
	struct uio u;
	ssize_t r;

	uio_kernel(&u, &seg, data, PAGE_SIZE);
	r = mapping_read(&files[f].m, &files[f].b.ra, &u, size_of(page));
	trace("read(file %u, %u) = %ld\n", f, page, r);
	if (failed(r))
		return false;
	if (size_of(page) >= objects[f].size) {
		BUG_ON(r);
		return false;
	}
	BUG_ON(r != (ssize_t)PAGE_SIZE || word_of(data) != objects[f].val[page]);
	return true;
}

/* Clean pages are dropped, mapped or not; who wants them reads them in again. */
/* Which pages are mapped and locked, by process. */
struct held { u64 page[PROCS][(MAX_PAGES + 63) / 64]; };

static bool is_held(struct proc *p, u32 i)
{
	return (p->page[i].flags & VM_LOCKED) && page_at(p, i);
}

static void note_held(struct held *h)
{
	memset(h, 0, sizeof(*h));
	for (u32 k = 0; k < PROCS; k++)
		for (u32 i = 0; procs[k].mm && i < window; i++)
			h->page[k][i / 64] |= (u64)is_held(&procs[k], i) << (i % 64);
}

bool op_reclaim(struct proc *p)
{
	u32 priority = choose(4);	/* at 0 accesses protect nothing */
	static struct held before, after;
	u64 n;

	note_held(&before);
	n = lru_shrink(1 + choose(32), priority, false) + fake_shrink(choose(8));
	note_held(&after);
	trace("reclaim(priority %u) = %lu\n", priority, n);
	if (memcmp(&before, &after, sizeof(before)))
		panic("reclaim has taken what mlock holds");
	return n;
}
