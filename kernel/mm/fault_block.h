/* SPDX-License-Identifier: BSD-2-Clause */
/* Faults that 2 MiB blocks answer (mm/fault_block.c). mm->lock held for reading. */
#ifndef MM_FAULT_BLOCK_H
#define MM_FAULT_BLOCK_H
#include "internal.h"

/*
 * Nothing is mapped at addr, page aligned, in v, a file's, and no leaf table is there. Maps a block
 * of the file, if there can be one; false: there is none. *major: something was read in. Sleeps.
 */
bool fault_file_block(struct vma *v, u64 addr, bool write, bool *major);
/*
 * The same of v, private memory, that is to be read: maps the 2 MiB of zeros, if v may have 2 MiB
 * there.
 */
bool fault_zero_block(struct vma *v, u64 addr);
/* v may have 2 MiB of private memory around addr. */
bool fault_allows_block(const struct vma *v, u64 addr);
/*
 * The folio of page index of v's mapping m, up to date and referenced, made or read in if absent;
 * ERR_PTR. invalidate_lock held for reading. Sleeps. (mm/fault.c)
 */
struct folio *fault_find_page(const struct vma *v, struct mapping *m, u64 index, bool *major);
#endif
