/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The allocator interface (port: mm/slab.c; on the host arch/fake, with failure injected).
 * May sleep for reclaim unless the name says atomic; never from an interrupt unless atomic.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H
#include <base/types.h>

struct slab_cache;

/* size 1 B..4 MiB. NULL when memory is out. Aligned to 16 bytes (to size where size is a power of
 * two <= 4096). */
void *kmalloc(size_t size) __must_check;
void *kzalloc(size_t size) __must_check;
void *kmalloc_atomic(size_t size) __must_check;	/* never sleeps, may dip into reserves */
void *kmalloc_noreclaim(size_t size) __must_check;	/* NULL if that much is not free: for tries */
void kfree(const void *p);				/* NULL is allowed; any context but NMI */
/* n * size with overflow checked, zeroed. */
void *kcalloc(size_t n, size_t size) __must_check;
char *kstrdup(const char *s) __must_check;
void *kmemdup(const void *p, size_t size) __must_check;

/* A cache of objects of one size; counted by name in /proc/slabinfo and by the audit. ctor may be
 * NULL; it runs at each allocation. */
struct slab_cache *slab_create(const char *name, size_t size, size_t align);
/* Its objects can be freed when memory is short (a shrinker does): to be called before the first. */
void slab_reclaimable(struct slab_cache *c);
void *slab_alloc(struct slab_cache *c) __must_check;		/* not zeroed */
void *slab_zalloc(struct slab_cache *c) __must_check;
void slab_free(struct slab_cache *c, void *obj);
#endif
