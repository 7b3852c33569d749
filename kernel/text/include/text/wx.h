/* SPDX-License-Identifier: BSD-2-Clause */
/* The checker of executable memory (text/wx.c): nothing is writable and executable, anywhere. */
#ifndef TEXT_WX_H
#define TEXT_WX_H
#include <hal/exec.h>

enum wx_what {
	WX_BOTH,	/* one leaf is writable and executable */
	WX_ALIAS,	/* it is writable what another leaf executes */
	WX_WINDOW,	/* a window of a fill, which may write there: no violation */
};
struct wx_report {
	/* Gets each finding. Called with execmem held still: it may allocate, but no text. */
	void (*found)(void *arg, enum wx_what what, const struct exec_leaf *l);
	void *arg;
	u64 leaves, exec_leaves, exec_bytes;	/* out: how much was looked at */
	bool full; /* out: more executable leaves than can be compared */
};
/* Walks every table of the kernel half and of all windows. Sleeps. */
void wx_check(struct wx_report *r);
#endif
