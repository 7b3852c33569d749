/* SPDX-License-Identifier: BSD-2-Clause */
/* What reclaim learns of a folio through the leaves that map it. */
#include "lru.h"
#include "rmap.h"

struct ageing { struct lru_age *a; const struct vma *counted; };

/* Runs of one VMA come one after the other; what it did counts once, however much of f it maps. */
static bool age_run(const struct rmap_run *r, void *arg)
{
	struct ageing *g = arg;

	g->a->locked |= !!(r->v->vm_flags & VM_LOCKED);
	if (!r->any_young || !clear_young_ptes(r->pte, r->n))
		return true;
	rmap_invalidate(r);
	if (g->counted != r->v)
		g->a->young++;
	g->counted = r->v;
	g->a->exec |= !!(r->v->vm_flags & VM_EXEC);
	return true;
}

void folio_age(struct folio *f, struct lru_age *a)
{
	struct ageing g = { .a = a };

	/* each owner's way to a shared table: any one of them may have locked what it maps */
	rmap_walk(f, RMAP_TRY | RMAP_WAYS, age_run, &g);
}

bool folio_unmap(struct folio *f, bool clean)
{
	return rmap_unmap(f, UNMAP_TRY | (clean ? UNMAP_CLEAN : 0));
}

static bool find_dirty(const struct rmap_run *r, void *arg)
{
	bool kept = r->any_dirty && !(r->v->vm_flags & VM_DROPPABLE);

	*(bool *)arg |= kept;
	return !kept;
}

bool folio_written(struct folio *f)
{
	bool dirty = page_test(&f->page, PG_DIRTY);

	if (!dirty)
		rmap_walk(f, RMAP_TRY | RMAP_LOOK, find_dirty, &dirty);
	return dirty;
}
