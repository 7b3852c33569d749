/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PT_INTERNAL_H
#define PT_INTERNAL_H
#include <pt/pt.h>

/* A table of level that covers va, empty, its node set up; NULL: no memory. Sleeps. */
pte_t *pt_table_alloc(struct pt_tree *pt, int level, u64 va);
/* The same, counted by no tree; and its end, when nobody refers to it any more. */
pte_t *pt_table_new(int level, u64 va);
void pt_table_release(struct page *node);
/* Gives it back: nobody can reach it, no leaf is left in it. */
void pt_table_free(struct pt_tree *pt, struct page *node);
/* Frees the gathered tables; the TLB has been invalidated (pt/walk.c). */
void pt_gather_free_tables(struct pt_gather *g);
#endif
