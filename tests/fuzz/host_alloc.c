/* SPDX-License-Identifier: BSD-2-Clause */
/* The allocator of fuzz targets: the host's, which AddressSanitizer watches. One fails if asked. */
#include <stdlib.h>
#include <base/alloc.h>
#include "host_alloc.h"

u32 alloc_fail_at;

static bool fails(void) { return alloc_fail_at && !--alloc_fail_at; }
void *kmalloc(size_t size) { return fails() ? NULL : malloc(size); }
void *kzalloc(size_t size) { return fails() ? NULL : calloc(1, size); }
void *kcalloc(size_t n, size_t size) { return fails() ? NULL : calloc(n, size); }
void kfree(const void *p) { free((void *)p); }
