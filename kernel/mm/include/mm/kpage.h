/* SPDX-License-Identifier: BSD-2-Clause */
/* Frames by their number: /proc/kpageflags, /proc/kpagecount (mm/kpage.c). */
#ifndef MM_KPAGE_H
#define MM_KPAGE_H
#include <mm/page.h>

/*
 * The folio of private memory or of a file that the frame belongs to now, with a reference; NULL:
 * none of those. It may be split or taken out of its file as soon as the caller knows.
 */
struct folio *folio_of_frame(pfn_t pfn);
/* The word of /proc/kpageflags: linux/kernel-page-flags.h. Nothing is held still meanwhile. */
u64 frame_flags(pfn_t pfn);
/* How many leaves map the frame, found by a walk of the reverse map. Sleeps. */
u64 frame_mapcount(pfn_t pfn);
/* One past the last frame that there may be. */
pfn_t frames_end(void);
#endif
