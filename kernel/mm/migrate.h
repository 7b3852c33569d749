/* SPDX-License-Identifier: BSD-2-Clause */
/* Moving memory to other frames: private memory (mm/migrate.c), page cache (mm/migrate_cache.c). */
#ifndef MM_MIGRATE_H
#define MM_MIGRATE_H
#include <mm/page.h>

struct mm;

/*
 * What maps f's page i maps the page of the same contents in to[i >> order] afterwards; an entry is
 * NULL where no leaf maps f. f is private memory, its pages' new folios are of order and new, the
 * caller has one reference to each and keeps it. false: some leaf maps f still, or all (somebody
 * uses it, a 2 MiB block maps it and order is less). Sleeps.
 */
bool folio_migrate(struct folio *f, struct folio **to, u32 order) __must_check;
/*
 * As above, to new folios of order, as many as pages of f are mapped in; the caller's one reference
 * to f stays. 2 MiB blocks of other address spaces than held (whose lock is held) are taken apart if
 * their locks are free. 0, -EBUSY, -ENOMEM.
 */
int folio_move_out(struct folio *f, u32 order, struct mm *held) __must_check;
/*
 * The same of a folio of a file, whose place in it the new folio to, of the same size, takes; whoever
 * maps it faults again. The caller has one reference to each and keeps it. false: somebody uses f,
 * mlock holds it, or it is no file's. Does not sleep.
 */
bool folio_move_cache(struct folio *f, struct folio *to) __must_check;
#endif
