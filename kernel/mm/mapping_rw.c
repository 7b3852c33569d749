/* SPDX-License-Identifier: BSD-2-Clause */
/* Reading, writing, truncating and punching files through the page cache. */
#include <base/errno.h>
#include <base/string.h>
#include <mm/mapping.h>
#include <mm/thp.h>
#include <mm/uio.h>
#include "alloc.h"
#include "mapping_internal.h"

#define MAX_WANT (1ul << 20)	/* bytes; a reader's wish beyond that is not heard */

static inline size_t part_of_page(u64 pos, u64 left)
{
	return min(PAGE_SIZE - (pos & ~PAGE_MASK), left);
}

static inline char *byte_address(struct folio *f, u64 pos)
{
	return (char *)folio_index_address(f, pos >> PAGE_SHIFT) + (pos & ~PAGE_MASK);
}

/*
 * The page for reading or for changing a part of it: NULL is a hole of a memory file. bytes: wanted
 * from its start on.
 */
static struct folio *page_for(struct mapping *m, struct readahead *ra, u64 index, u64 bytes)
{
	struct folio *f = mapping_find(m, index);

	if (likely(f) || mapping_is_memory(m))
		return f;
	read_lock(&m->invalidate_lock);
	f = mapping_read_page(m, ra, index, (u32)div_round_up(min(bytes, MAX_WANT), PAGE_SIZE), 0);
	read_unlock(&m->invalidate_lock);
	return f;
}

/* Bytes of f from pos on, at most left. */
static inline size_t part_of_folio(const struct folio *f, u64 pos, u64 left)
{
	u64 end = (f->page.index << PAGE_SHIFT) + (PAGE_SIZE << folio_order(f));

	return min(end - pos, left);
}

/* --- reading
 * ---------------------------------------------------------------------------------------- */

/* Pages first..last of f are read. The next piece of the folio that was read last is no new use. */
static void read_accessed(struct readahead *ra, struct folio *f, u64 first, u64 last)
{
	bool goes_on = ra && ra->prev > f->page.index && ra->prev <= first + 1;

	if (ra)
		ra->prev = last + 1;
	if (!goes_on)
		folio_mark_accessed(f);
}

ssize_t mapping_read(struct mapping *m, struct readahead *ra, struct uio *u, u64 pos)
{
	u64 size = READ_ONCE(m->size);
	size_t n, done = 0;

	if (pos >= size)
		return 0;
	n = min(u->left, size - pos);
	while (done < n) {
		u64 at = pos + done, index = at >> PAGE_SHIFT;
		struct folio *f = page_for(m, ra, index, (at & ~PAGE_MASK) + n - done);
		size_t part, moved;

		if (unlikely(IS_ERR(f)))
			return done ? (ssize_t)done : PTR_ERR(f);
		part = f ? part_of_folio(f, at, n - done) : part_of_page(at, n - done);
		if (f) {
			moved = uio_write(u, byte_address(f, at), part);
			if (!mapping_is_memory(m))
				read_accessed(ra, f, index, (at + part - 1) >> PAGE_SHIFT);
			folio_put(f);
		} else {
			moved = uio_zero(u, part);
		}
		done += moved;
		if (unlikely(moved < part))
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

/* --- writing
 * ------------------------------------------------------------------------------------------ */

/* Moves up to n bytes to a page that is there. */
static size_t write_present(struct mapping *m, struct folio *f, struct uio *u, u64 pos, size_t n)
{
	size_t moved = uio_read(u, byte_address(f, pos), n);

	if (moved && !mapping_is_memory(m) && !page_test(&f->page, PG_DIRTY))
		page_set(&f->page, PG_DIRTY);
	folio_put(f);
	return moved;
}

/*
 * A page that a memory file has not got: filled before anybody can see it, so that nothing is
 * zeroed that is written and no lock is held over the copy. Bytes moved, or an errno.
 */
static ssize_t write_new(struct mapping *m, struct uio *u, u64 pos, size_t n)
{
	struct folio *f = folio_alloc(0, ALLOC_USER), *in;
	size_t off = pos & ~PAGE_MASK, moved;
	char *page;

	if (!f)
		return -ENOMEM;
	page = folio_address(f);
	moved = uio_read(u, page + off, n);
	if (unlikely(!moved)) {
		folio_put(f);
		return 0;
	}
	if (off)
		memset(page, 0, off);
	if (off + moved < PAGE_SIZE)
		memset(page + off + moved, 0, PAGE_SIZE - off - moved);
	page_set(&f->page, PG_UPTODATE);
	in = mapping_add(m, f, pos >> PAGE_SHIFT);
	if (unlikely(in != f)) {
		if (!IS_ERR(in)) {	/* somebody faulted it in meanwhile */
			memcpy(byte_address(in, pos), page + off, moved);
			folio_put(in);
		}
		folio_put(f);
		return IS_ERR(in) ? PTR_ERR(in) : (ssize_t)moved;
	}
	folio_put(f);
	return (ssize_t)moved;
}

static ssize_t write_pages(struct mapping *m, struct uio *u, u64 pos, u32 orders);

/* The largest of orders whose folio begins at pos and is filled by left bytes; 0: none. */
static u32 order_filled(u64 pos, size_t left, u32 orders)
{
	while (orders) {
		u32 order = ilog2(orders);

		if (left >= PAGE_SIZE << order && !(pos & ((PAGE_SIZE << order) - 1)))
			return order;
		orders &= ~(1u << order);
	}
	return 0;
}

/*
 * Fills a new folio of a memory file, as write_new does a page; what cannot be moved is zeros. Bytes
 * moved, 0 (perhaps a page can be), or an errno.
 */
static ssize_t write_large(struct mapping *m, struct uio *u, u64 pos, u32 order)
{
	struct folio *f = folio_alloc(order, ALLOC_USER | ALLOC_NORECLAIM), *in;
	size_t size = PAGE_SIZE << order, moved;
	ssize_t r;

	thp_count_shmem(order, f ? f : ERR_PTR(-ENOMEM));
	if (!f)
		return 0;
	moved = uio_read(u, folio_address(f), size);
	memset((char *)folio_address(f) + moved, 0, size - moved);
	page_set(&f->page, PG_UPTODATE);
	in = moved ? mapping_add(m, f, pos >> PAGE_SHIFT) : f;
	r = (ssize_t)moved;
	if (IS_ERR(in)) {	/* pages are there, or there is no room for so many */
		struct uio_seg seg;
		struct uio copy;

		uio_kernel(&copy, &seg, folio_address(f), moved);
		r = write_pages(m, &copy, pos, 0);
	}
	folio_put(f);
	return r;
}

/* What mmap wrote behind the end of the file in its last page must not show when the file grows. */
static void clear_tail(struct mapping *m, u64 size)
{
	struct folio *f;

	if (!(size & ~PAGE_MASK) || list_empty(&m->vmas))
		return;
	f = mapping_find(m, size >> PAGE_SHIFT);
	if (!f)
		return;
	memset(byte_address(f, size), 0, part_of_page(size, PAGE_SIZE));
	folio_put(f);
}

/* Orders of folio that left bytes at pos of a memory file go to though they do not fill them. */
static u32 large_anyway(struct mapping *m, u64 pos, size_t left)
{
	return shmem_write_orders(m, pos >> PAGE_SHIFT,
				  div_round_up(max(m->size, pos + left), PAGE_SIZE));
}

/* Moves a piece to pos: what one folio holds of it. Bytes, or an errno; *part: what it should have been. */
static ssize_t write_piece(struct mapping *m, struct uio *u, u64 pos, u32 orders, size_t *part)
{
	struct folio *f = page_for(m, NULL, pos >> PAGE_SHIFT, 1);
	u32 order = f ? 0 : order_filled(pos, u->left, orders), more;
	ssize_t moved;

	if (order) {
		*part = PAGE_SIZE << order;
		moved = write_large(m, u, pos, order);
		if (moved)
			return moved;
	}
	if (!f && orders && (more = large_anyway(m, pos, u->left)))
		f = mapping_get_large(m, pos >> PAGE_SHIFT, more);
	*part = part_of_page(pos, u->left);
	if (IS_ERR(f))
		return PTR_ERR(f);
	return f ? (ssize_t)write_present(m, f, u, pos, *part) : write_new(m, u, pos, *part);
}

/* orders: of folios that may be made where nothing is; 0: single pages only. */
static ssize_t write_pages(struct mapping *m, struct uio *u, u64 pos, u32 orders)
{
	size_t done = 0, part;

	while (u->left) {
		ssize_t moved = write_piece(m, u, pos, orders, &part);

		if (unlikely(moved < 0))
			return done ? (ssize_t)done : moved;
		done += (size_t)moved;
		pos += (u64)moved;
		if (pos > m->size)
			WRITE_ONCE(m->size, pos);
		if (unlikely((size_t)moved < part))
			return done ? (ssize_t)done : -EFAULT;
	}
	return (ssize_t)done;
}

ssize_t mapping_write(struct mapping *m, struct uio *u, u64 pos)
{
	if (pos > m->size)
		clear_tail(m, m->size);
	return write_pages(m, u, pos, mapping_is_memory(m) ? shmem_fill_orders(m) : 0);
}

int mapping_fill(struct mapping *m, u64 pos, const void *data, size_t n)
{
	struct uio_seg seg;
	struct uio u;
	ssize_t done;

	uio_kernel(&u, &seg, (void *)data, n);
	done = mapping_write(m, &u, pos);
	if (done < 0)
		return (int)done;
	return (size_t)done == n ? 0 : -ENOSPC;
}

/* --- truncating and punching
 * ------------------------------------------------------------------------------ */

/* Zeroes bytes [start, end) of one page. 0 or an errno of reading it in. */
static int zero_part(struct mapping *m, u64 start, u64 end)
{
	struct folio *f;

	if (start >= end)
		return 0;
	f = mapping_is_memory(m) ? mapping_find(m, start >> PAGE_SHIFT)
				 : mapping_get(m, start >> PAGE_SHIFT);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	if (!f)
		return 0;
	memset(byte_address(f, start), 0, end - start);
	if (!mapping_is_memory(m))
		page_set(&f->page, PG_DIRTY);
	folio_put(f);
	return 0;
}

int mapping_truncate(struct mapping *m, u64 size)
{
	u64 first = div_round_up(size, PAGE_SIZE);
	int err = 0;

	write_lock(&m->invalidate_lock);
	if (size > m->size)
		clear_tail(m, m->size);
	else
		err = zero_part(m, size, min(align_up(size, PAGE_SIZE), m->size));
	if (!err) {
		WRITE_ONCE(m->size, size);
		/* Private copies stay mapped when the tree has let go of the file's own pages. */
		mapping_unmap_range(m, first, ~0ull - first, true);
		if (!radix_empty(&m->tree)) {
			mapping_cut_pages(m, first, ~0ull);
			mapping_remove_pages(m, first, ~0ull);
		}
	}
	write_unlock(&m->invalidate_lock);
	return err;
}

int mapping_punch(struct mapping *m, u64 start, u64 end)
{
	u64 first = div_round_up(start, PAGE_SIZE), last = end >> PAGE_SHIFT;
	int err;

	if (start >= end)
		return 0;
	write_lock(&m->invalidate_lock);
	err = zero_part(m, start, min(first << PAGE_SHIFT, end));
	if (!err && last >= first)
		err = zero_part(m, last << PAGE_SHIFT, end);
	if (!err && last > first) {
		mapping_unmap_range(m, first, last - first, false);
		mapping_cut_pages(m, first, last - 1);
		mapping_remove_pages(m, first, last - 1);
	}
	write_unlock(&m->invalidate_lock);
	return err;
}

off64 mapping_seek(struct mapping *m, u64 pos, bool data)
{
	u64 size = READ_ONCE(m->size), index = pos >> PAGE_SHIFT;
	void *found = NULL;

	if (pos >= size)
		return -ENXIO;
	if (!mapping_is_memory(m))
		return (off64)(data ? pos : size);
	spin_lock(&m->lock);
	if (data)
		found = radix_next(&m->tree, &index);
	else
		index = radix_next_hole(&m->tree, index);
	spin_unlock(&m->lock);
	if (data && (!found || index << PAGE_SHIFT >= size))
		return -ENXIO;
	return (off64)min(max(pos, index << PAGE_SHIFT), size);
}
