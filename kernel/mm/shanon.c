/* SPDX-License-Identifier: BSD-2-Clause */
/* Shared anonymous memory: a page cache without a file, which lives as long as somebody maps it. */
#include <base/alloc.h>
#include <base/string.h>
#include <linux/mman.h>
#include "internal.h"

struct shared_anon {
	struct backing backing;
	ref_t ref;
	u64 ino;
	u64 promised;			/* pages */
	struct mapping mapping;
	struct rcu_head rcu;
};

static u64 next_ino;
static const struct mapping_ops shared_anon_mapping = { .keep = true };

static struct shared_anon *of(struct backing *b)
{
	return container_of(b, struct shared_anon, backing);
}
static void get(struct backing *b) { ref_get(&of(b)->ref); }

static void free_it(struct rcu_head *head) { kfree(container_of(head, struct shared_anon, rcu)); }

static void put(struct backing *b)
{
	if (!ref_put(&of(b)->ref))
		return;
	mapping_destroy(&of(b)->mapping);
	mem_stat_add(STAT_COMMITTED, -(i64)of(b)->promised);
	call_rcu(&of(b)->rcu, free_it);	/* the reverse map may look in for a moment */
}

static struct backing_id id(struct backing *b) { return (struct backing_id){ 1, of(b)->ino }; }
static int path(struct backing *b, char *buf, size_t size)
{
	return (int)strlcpy(buf, "/dev/zero (deleted)", size);
}

static const struct backing_ops shared_anon_ops = {.get = get, .put = put, .id = id, .path = path};

struct backing *shared_anon_backing(u64 size, bool noreserve)
{
	u64 pages = size >> PAGE_SHIFT;
	struct shared_anon *s;

	if (noreserve && mm_overcommit_memory != OVERCOMMIT_NEVER)
		pages = 0;
	if (overcommits(NULL, pages))
		return NULL;
	s = kzalloc(sizeof(*s));
	if (!s)
		return NULL;
	s->promised = pages;
	mem_stat_add(STAT_COMMITTED, (i64)pages);
	ref_init(&s->ref);
	s->ino = __atomic_add_fetch(&next_ino, 1, __ATOMIC_RELAXED);
	mapping_init(&s->mapping, &shared_anon_mapping, NULL);
	s->mapping.size = size;
	s->backing = (struct backing){
		.ops = &shared_anon_ops,
		.mapping = &s->mapping,
		.may_write = true,
		.may_exec = true,
	};
	return &s->backing;
}

int vma_make_anon(struct vma *v)
{
	struct backing *own = NULL, *was = v->backing;

	if (v->vm_flags & VM_SHARED) {
		own = shared_anon_backing(v->end - v->start, v->vm_flags & VM_NORESERVE);
		if (!own)
			return -ENOMEM;
	}
	v->backing = own;
	v->pgoff = own ? 0 : v->start >> PAGE_SHIFT;
	if (was && was->ops->put)
		was->ops->put(was);
	return 0;
}
