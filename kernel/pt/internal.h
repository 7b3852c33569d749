/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef PT_INTERNAL_H
#define PT_INTERNAL_H
#include <pt/pt.h>

/* Frees the gathered tables; the TLB has been invalidated (pt/walk.c). */
void pt_gather_free_tables(struct pt_gather *g);
#endif
