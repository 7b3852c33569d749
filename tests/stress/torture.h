/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory torture: a *family* of processes and threads that share a window of address space. Every
 * page of the window has one owner, a thread, which alone changes it and knows what it holds; a
 * child owns what the thread that forked it did, and leaves the others' pages alone.
 */
#ifndef TORTURE_H
#define TORTURE_H
#include "stress.h"

#define WINDOW ((char *)0x1000000000)	/* 2 MiB aligned, far from where mmap places things */
enum { PAGES = 4096, FILE_PAGES = 1024, TEAM = 4, COMMON = 1024 };
#define BLOCK 512u			/* pages of 2 MiB */

/*
 * MAPPED: what lies under private writes is zeros (ANON) or page `off` of the file. UNKNOWN: a call
 * failed half-way, so nobody knows; it is not looked at until it is mapped anew.
 */
enum kind { NONE, ANON, PRIVATE_FILE, UNKNOWN };
enum { DONT_FORK = 1, WIPE_ON_FORK = 2 };
struct page {
	uint64_t value;			/* 0: zeros; else what mark() makes of it */
	uint16_t off;
	uint8_t kind, prot, fork;	/* enum kind; PROT_*; DONT_FORK, WIPE_ON_FORK */
	uint8_t lazy;			/* MADV_FREE: it may hold zeros in place of value */
};

struct family {
	int file;			/* memfd of FILE_PAGES, page n marked file_value(n) */
	uint64_t *common;		/* COMMON shared pages: their first words only grow */
	unsigned int grain;		/* so many pages in a row have one owner */
	unsigned int team;		/* threads */
	volatile int *stop;
	long end;			/* now_ms(): nothing new is begun after it */
};
extern struct family family;
extern struct page model[PAGES];
extern __thread unsigned int self;	/* which of the team's threads this is */
extern unsigned int depth;		/* forks between the first of the family and this process */

/* One operation of the calling thread on pages that it owns. */
void torture_step(unsigned int *seed);
/* All of the calling thread's pages hold what they should. */
void torture_check(void);
/* A child of the calling thread: forks, tests, and returns when the child is gone. */
void torture_fork(unsigned int *seed);
uint64_t file_value(unsigned int page);
/* Writes text into a file of the kernel, if there is such and it takes it. */
void write_text(const char *path, const char *text);
/* Writes value's marks into a page. */
void mark(volatile uint64_t *page, uint64_t value);
/* This thread's random numbers, 0 <= pick_of(s, n) < n. */
unsigned int pick_of(unsigned int *seed, unsigned int n);
#endif
