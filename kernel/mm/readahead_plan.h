/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages are read in when one is missing, and in what sizes of folio: as functions of numbers
 * alone (tests/host/test_readahead.c).
 *
 * There is no waiting for a device that reading early would hide: what counts is that pages come in
 * few large pieces, and that those that nobody wants are not made. So a window is read only when the
 * reader arrives at its end; it doubles as long as the reader goes on from there, and so do the
 * folios.
 */
#ifndef MM_READAHEAD_PLAN_H
#define MM_READAHEAD_PLAN_H
#include <mm/backing.h>

#define RA_MAX_PAGES	128u	/* a window: 512 KiB; twice as much where sequential use is announced */
#define RA_MAX_ORDER	6u	/* 256 KiB */
#define RA_HUGE_ORDER	9u	/* 2 MiB, where a mapping asks for them */
#define RA_BLOCK_ORDER	4u	/* of text and around a page of a mapping: one contiguous block */

struct ra_ask {
	u64 index;	/* the page that is missing */
	u64 pages;	/* of the file; index is less */
	u32 want;	/* pages from index on that the reader asked for, at least 1 */
	u8 mode;	/* enum ra_mode */
	bool mapped;	/* a page fault asks */
	bool text;	/* by an executable mapping */
	bool block;	/* by one of which MADV_HUGEPAGE was said */
};
struct ra_plan {
	u64 first;	/* pages first..first+n-1, index among them, none beyond the file's end */
	u32 n;
	u32 order;	/* of the largest folios */
	u32 window;	/* for the next time; 0: the reader is not sequential */
};
struct ra_plan ra_plan(const struct readahead *ra, const struct ra_ask *a);
/*
 * The order of the folio at index, of left pages that are still to be read: the largest of at most
 * order that is aligned and fits.
 */
u32 ra_order(u64 index, u64 left, u32 order);
#endif
