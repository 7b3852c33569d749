/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page cache: a mapping holds the folios of one file by page index; mappings, read and write use
 * the same folios. Locks: mapping->lock (spin) guards the tree; a folio found is referenced under
 * it; PG_LOCKED serialises reading in, truncation and writing. Order: inode lock, mapping
 * invalidate (rwsem), folio lock, mapping->lock.
 */
#ifndef MM_MAPPING_H
#define MM_MAPPING_H
#include <hal/sync.h>
#include <lib/radix.h>
#include <mm/backing.h>
#include <mm/page.h>

struct vma;
struct uio;

struct mapping_ops {
	/*
	 * Fills all pages of the locked folio from the file (zeros beyond its end); 0, or -EIO and
	 * the like: the folio stays without contents and the next reader tries again. NULL: holes
	 * are zeros (tmpfs). Sleeps.
	 */
	int (*read_folio)(struct mapping *m, struct folio *f);
	/* The mapping's pages are memory themselves and must not be dropped when clean (tmpfs,
	 * memfd). */
	bool keep;
	/*
	 * Called before n pages are added to the mapping (n > 0: 0, or -ENOSPC refuses) and after
	 * they went (n < 0). NULL: no limit. Any lock may be held: must not sleep.
	 */
	int (*charge)(struct mapping *m, i64 n);
	/*
	 * Of a memory file: the word of its mount, enum shmem_mode (mm/thp.h). NULL: SHMEM_INHERIT.
	 */
	u8 (*huge)(const struct mapping *m);
};

struct mapping {
	const struct mapping_ops *ops;
	struct spinlock lock;
	struct radix tree;		/* index -> struct folio * */
	u64 nr_pages;
	u64 size; /* bytes; faults beyond: SIGBUS. Shrinks under invalidate_lock for writing */
	struct rwsem invalidate_lock;	/* read: fault in or read; write: truncate, punch */
	struct list vmas; /* every VMA that maps it, linked by vma.share; under vma_lock */
	u64 nr_vmas;		/* of those; changed under vma_lock */
	struct spinlock vma_lock;
	void *host;			/* the inode */
};

/*
 * Not more VMAs map one file, or twice as many with CAP_SYS_ADMIN. Each maps a page of it once, with a
 * reference, so a folio of 2 MiB is far from the 2^31 that refcount and mapcount can say.
 */
extern u64 mapping_max_vmas;

/* Empty, of size 0. ops and host live as long as it does. */
void mapping_init(struct mapping *m, const struct mapping_ops *ops, void *host);
void mapping_destroy(struct mapping *m);	/* no VMAs left; frees every folio */
/* The folio that holds page index, up to date, referenced and unlocked, or NULL if absent. */
struct folio *mapping_find(struct mapping *m, u64 index);
/*
 * As mapping_find for pages first..first+n-1 at once, out[i] NULL where absent. Looks at the pages
 * up to the next multiple of 64 only; returns how many it looked at.
 */
u32 mapping_find_run(struct mapping *m, u64 first, u32 n, struct folio **out);
/* The address of page index in the folio of its mapping. */
static inline void *folio_index_address(struct folio *f, u64 index)
{
	return (char *)folio_address(f) + ((index - f->page.index) << PAGE_SHIFT);
}
/* As above, made and read in if absent; ERR_PTR(-ENOMEM, -EIO). Up to date. */
struct folio *mapping_get(struct mapping *m, u64 index);
/*
 * The same of a memory file: one that is absent is made in a folio of the largest of orders (a bit
 * mask) for which there is memory and no page yet.
 */
struct folio *mapping_get_large(struct mapping *m, u64 index, u32 orders);
/*
 * As mapping_get for a page that mapping_find has not found: reads in what follows it, too, as ra (or
 * NULL) and how let expect. want: pages that are wanted from there on, at least 1. invalidate_lock
 * held for reading.
 */
enum { READ_MAPPED = 1, READ_TEXT = 2, READ_RANDOM = 4, READ_SEQUENTIAL = 8, READ_BLOCK = 16 };
struct folio *mapping_read_page(struct mapping *m, struct readahead *ra, u64 index, u32 want, u32 how);
/*
 * read(2) and write(2) through the cache; pos and the copied count follow the ABI. ra is the open
 * file's, NULL where nothing is read in. write extends size; its caller holds the inode lock.
 */
ssize_t mapping_read(struct mapping *m, struct readahead *ra, struct uio *u, u64 pos);
ssize_t mapping_write(struct mapping *m, struct uio *u, u64 pos);
/* New size; on shrink, pages beyond are unmapped everywhere, freed, and the tail of the last one
 * zeroed. */
int mapping_truncate(struct mapping *m, u64 size);
/* Frees whole pages in [start, end), zeroes the parts; unmaps them first. */
int mapping_punch(struct mapping *m, u64 start, u64 end);
/* First offset >= pos with data (or without), or -ENXIO. */
off64 mapping_seek(struct mapping *m, u64 pos, bool data);
/* Takes page-cache pages of a kernel buffer's worth: used by the initrd to adopt file contents. */
int mapping_fill(struct mapping *m, u64 pos, const void *data, size_t n);

/*
 * Reads in what is missing of pages first..first+n-1, as far as there is memory for it. Errors show
 * when the pages are used. Sleeps.
 */
void mapping_read_ahead(struct mapping *m, u64 first, u64 n);
/*
 * Makes the large folios that have pages of first..last folios of a page each, if nobody uses them
 * just then; adds to c. They are unmapped meanwhile. Sleeps.
 */
struct split_count;
void mapping_split_pages(struct mapping *m, u64 first, u64 last, struct split_count *c);
/*
 * Drops what is clean and that nobody uses of pages first..last (posix_fadvise, drop_caches); pages
 * of memory files stay. Returns the number of pages freed. Sleeps.
 */
u64 mapping_drop_clean(struct mapping *m, u64 first, u64 last);
/*
 * A page found by mapping_find or mapping_get is used: the second use makes it active. Not for
 * every byte of a page that is read in small pieces.
 */
void folio_mark_accessed(struct folio *f);
/* The opposite: it goes before others that were used since. */
void folio_deactivate(struct folio *f);

/* mm/rmap.c: unmaps pages [first, first + n) of the mapping from every VMA (private copies stay
 * unless even_cow). */
void mapping_unmap_range(struct mapping *m, u64 first, u64 n, bool even_cow);
#endif
