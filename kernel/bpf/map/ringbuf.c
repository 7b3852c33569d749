/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Ring buffer: records from programs to one reader in user space, which maps it: page 0 holds the
 * reader's position, page 1 the writers', then come the data, twice, so that a record that wraps is
 * in one piece. Both positions only grow. The kernel maps the same behind a page of its own.
 *
 * A record's header is 8 bytes: its length with BUSY while it is written and DISCARD if it is to be
 * skipped; its distance, in pages, from the kernel's page, so that a commit finds the map. A writer
 * takes its place under the lock, which sets BUSY before the position moves; commit stores the
 * length without BUSY. The reader stops at the first record that is BUSY.
 *
 * The reader's page is user space's: its position is believed only as far as it cannot do harm (a
 * wrong one loses records).
 */
#include "map_internal.h"
#include <mm/page.h>

#define HDR		8u
#define BUSY		(1u << 31)
#define DISCARD		(1u << 30)
#define LEN_MAX		(DISCARD - 1)

struct ringbuf;
struct rb_pages {
	struct ringbuf *owner;
	u64 consumer __aligned(4096);	/* written by user space */
	u64 producer __aligned(4096);	/* read by user space */
	char data[] __aligned(4096);	/* size bytes, twice */
};

struct ringbuf {
	struct bpf_map map;
	struct spinlock lock;		/* irq; taking places */
	struct rb_pages *pages;
	u64 size;			/* a power of two */
	struct page **page;		/* 3 + size / PAGE_SIZE of them */
	struct area *mapped;
	u64 pending;			/* lock: the oldest record that may be BUSY */
	struct wait_queue wait;
};
struct rb_header { u32 len, page; };

static struct ringbuf *ringbuf_of(struct bpf_map *m)
{
	return container_of(m, struct ringbuf, map);
}
static struct rb_header *header_at(struct ringbuf *r, u64 pos)
{
	return (struct rb_header *)(r->pages->data + (pos & (r->size - 1)));
}
static u64 record_size(u32 len) { return align_up((u64)(len & ~(BUSY | DISCARD)) + HDR, 8ul); }

/* --- writing ---------------------------------------------------------------------------------- */

void *bpf_ringbuf_reserve(struct bpf_map *m, u64 size)
{
	struct ringbuf *r = ringbuf_of(m);
	u64 len = align_up(size + HDR, 8ul), pos, consumer, irq;
	struct rb_header *h = NULL;

	if (size > LEN_MAX || len > r->size)
		return NULL;
	irq = spin_lock_irqsave(&r->lock);
	pos = r->pages->producer;
	consumer = load_acquire(&r->pages->consumer);
	/* What is still written must not be overrun either, whatever the reader says. */
	while (r->pending != pos) {
		u32 first = load_acquire(&header_at(r, r->pending)->len);

		if (first & BUSY)
			break;
		r->pending += record_size(first);
	}
	/* never quite full, as on Linux */
	if (pos + len - consumer < r->size && pos + len - r->pending < r->size) {
		h = header_at(r, pos);
		h->page = (u32)(((char *)h - (char *)r->pages) >> PAGE_SHIFT);
		WRITE_ONCE(h->len, (u32)size | BUSY);
		store_release(&r->pages->producer, pos + len);
	}
	spin_unlock_irqrestore(&r->lock, irq);
	return h ? h + 1 : NULL;
}

static struct ringbuf *ringbuf_of_record(const struct rb_header *h)
{
	u64 first = align_down((u64)h, PAGE_SIZE) - ((u64)h->page << PAGE_SHIFT);

	return ((struct rb_pages *)first)->owner;
}

void bpf_ringbuf_commit(void *record, u64 flags, bool discard)
{
	struct rb_header *h = (struct rb_header *)record - 1;
	struct ringbuf *r = ringbuf_of_record(h);
	u64 at = (u64)((char *)h - r->pages->data) & (r->size - 1), consumer;
	u32 len = h->len & ~BUSY;

	store_release(&h->len, discard ? len | DISCARD : len);
	smp_mb();			/* the record before the look at the reader */
	consumer = READ_ONCE(r->pages->consumer) & (r->size - 1);
	if (flags & BPF_RB_FORCE_WAKEUP)
		wake_up_all(&r->wait);
	else if (consumer == at && !(flags & BPF_RB_NO_WAKEUP))
		wake_up_all(&r->wait);
}

u64 bpf_ringbuf_query(struct bpf_map *m, u64 what)
{
	struct ringbuf *r = ringbuf_of(m);
	u64 consumer = load_acquire(&r->pages->consumer);
	u64 producer = load_acquire(&r->pages->producer);

	switch (what) {
	case BPF_RB_AVAIL_DATA:
		return producer - consumer;
	case BPF_RB_RING_SIZE:
		return r->size;
	case BPF_RB_CONS_POS:
		return consumer;
	case BPF_RB_PROD_POS:
		return producer;
	default:
		return 0;
	}
}

/* --- as a map --------------------------------------------------------------------------------- */

struct wait_queue *bpf_map_wait(struct bpf_map *m)
{
	return m->desc.type == BPF_MAP_TYPE_RINGBUF ? &ringbuf_of(m)->wait : NULL;
}

bool bpf_map_readable(struct bpf_map *m)
{
	return bpf_ringbuf_query(m, BPF_RB_AVAIL_DATA) != 0;
}

static void *no_lookup(struct bpf_map *m, const void *key) { return NULL; }
static long no_update(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return -ENOTSUPP;
}
static long no_remove(struct bpf_map *m, const void *key) { return -ENOTSUPP; }
static int no_copy_out(struct bpf_map *m, const void *key, void *value) { return -ENOTSUPP; }
static int no_copy_in(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return -ENOTSUPP;
}
static int no_next_key(struct bpf_map *m, const void *key, void *next) { return -ENOTSUPP; }

static u64 n_pages(const struct ringbuf *r) { return 3 + (r->size >> PAGE_SHIFT); }

/* User space may write its own page only. */
static u64 ringbuf_frame(struct bpf_map *m, u64 page, bool write)
{
	struct ringbuf *r = ringbuf_of(m);
	u64 n = r->size >> PAGE_SHIFT;

	if (page >= 2 + 2 * n || (write && page))
		return ~0ull;
	return page_to_pfn(r->page[1 + (page < 2 + n ? page : page - n)]);
}

static void free_pages(struct ringbuf *r)
{
	for (u64 i = 0; i < n_pages(r); i++)
		if (r->page[i])
			folio_put((struct folio *)r->page[i]);
	bpf_area_free(r->page, n_pages(r) * sizeof(*r->page), false);
}

static void ringbuf_destroy(struct bpf_map *m)
{
	struct ringbuf *r = ringbuf_of(m);

	kvm_unmap_pages(r->mapped);
	free_pages(r);
}

static const struct bpf_map_ops ringbuf_ops = {
	.lookup = no_lookup,
	.update = no_update,
	.remove = no_remove,
	.copy_out = no_copy_out,
	.copy_in = no_copy_in,
	.next_key = no_next_key,
	.destroy = ringbuf_destroy,
	.frame = ringbuf_frame,
};

static i64 check_ringbuf(const struct bpf_map_attr *a)
{
	if (a->key_size || a->value_size || !is_pow2(a->max_entries) ||
	    !is_aligned(a->max_entries, (u32)PAGE_SIZE))
		return -EINVAL;
	return sizeof(struct ringbuf);
}

static int get_pages(struct ringbuf *r)
{
	struct mem_totals t;

	mem_totals(&t);
	if (n_pages(r) >= t.available)
		return -ENOMEM;
	r->page = bpf_area_alloc(n_pages(r) * sizeof(*r->page), false);
	if (!r->page)
		return -ENOMEM;
	for (u64 i = 0; i < n_pages(r); i++) {
		struct folio *f = folio_alloc(0, ALLOC_ZERO);

		if (!f) {
			free_pages(r);
			return -ENOMEM;
		}
		r->page[i] = &f->page;
	}
	return 0;
}

static int ringbuf_init(struct bpf_map *m)
{
	struct ringbuf *r = ringbuf_of(m);

	spin_init(&r->lock);
	wait_queue_init(&r->wait);
	r->size = m->desc.max_entries;
	m->ops = &ringbuf_ops;
	if (get_pages(r))
		return -ENOMEM;
	r->mapped = kvm_map_pages(r->page, (u32)n_pages(r), (u32)(r->size >> PAGE_SHIFT),
				  (void **)&r->pages);
	if (!r->mapped) {
		free_pages(r);
		return -ENOMEM;
	}
	r->pages->owner = r;
	m->bytes += n_pages(r) << PAGE_SHIFT;
	return 0;
}

const struct bpf_map_kind bpf_ringbuf_type = { BPF_F_NUMA_NODE, check_ringbuf, ringbuf_init };
