/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The audit: every layer recounts what it keeps from the objects themselves and compares with its
 * counters. Run by reading debugfs's tine/audit when the system is quiet; what runs meanwhile can
 * make a recount differ, so an audit that finds a difference looks again before it says BAD.
 */
#ifndef MM_AUDIT_H
#define MM_AUDIT_H
#include <base/types.h>

struct audit_report {
	void (*line)(void *arg, const char *text); /* gets each finished line, without newline */
	void *arg;
	u32 bad;					/* lines that said BAD */
};
/* Adds a line `ok NAME detail` or `BAD NAME detail`. */
void audit_say(struct audit_report *r, bool ok, const char *name, const char *fmt, ...)
	__printf(4, 5);
/*
 * fn recounts and says what it found; it may sleep. Returns 0, or a negative errno if it could not
 * look (reported as BAD). name lives for ever. At most 32; from INITCALLs or mm_init, not
 * concurrently.
 */
void audit_register(const char *name, int (*fn)(struct audit_report *r));
/* Runs all of them. Returns the number of BAD lines. Sleeps. */
u32 audit_run(struct audit_report *r);
#endif
