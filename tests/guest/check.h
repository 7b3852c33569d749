/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The harness of the guest tests.  A program is a list of TEST()s; check.c has main().  Each test
 * runs in a child process of its own with a timeout, so that a crash or a hang fails one test.
 * The expectations are Linux's: the same binary runs on both kernels.
 *
 *   PROGRAM [-l] [TEST...]     -l lists
 *
 * Output: `ok PROGRAM.TEST`, `not ok PROGRAM.TEST: why`, `skip PROGRAM.TEST: why`.
 */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE 4096UL
#define MSEC 1000000LL			/* nanoseconds */
#define SEC 1000000000LL
#define BAD_PTR check_hide(16)		/* an address that is never mapped */
#define KERNEL_PTR check_hide(0xffff000000081000UL)

/* A pointer that the compiler knows nothing about. */
static inline void *check_hide(uintptr_t addr)
{
	__asm__("" : "+r"(addr));
	return (void *)addr;
}

struct check_test {
	const char *name;
	void (*fn)(void);
	int timeout;			/* seconds */
	struct check_test *next;
};

void check_register(struct check_test *t);

#define TEST_TIMEOUT(id, seconds)						\
	static void test_##id(void);						\
	static struct check_test check_##id = { #id, test_##id, seconds, 0 };	\
	__attribute__((constructor)) static void check_reg_##id(void)		\
	{									\
		check_register(&check_##id);					\
	}									\
	static void test_##id(void)
#define TEST(id) TEST_TIMEOUT(id, 60)

/* Ends the test (from any of its processes or threads) as failed or skipped. */
void check_fail(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));
void check_skip(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

#define FAIL(...) check_fail(__FILE__, __LINE__, __VA_ARGS__)
#define SKIP(...) check_skip(__VA_ARGS__)

#define CHECK(cond)								\
	do {									\
		if (!(cond))							\
			FAIL("%s (errno %d)", #cond, errno);			\
	} while (0)

#define CHECK_CMP(a, op, b)							\
	do {									\
		long long a_ = (long long)(a), b_ = (long long)(b);		\
		if (!(a_ op b_))						\
			FAIL("%s " #op " %s: %lld, %lld (errno %d)", #a, #b,	\
			     a_, b_, errno);					\
	} while (0)
#define CHECK_EQ(a, b) CHECK_CMP(a, ==, b)
#define CHECK_NE(a, b) CHECK_CMP(a, !=, b)
#define CHECK_GE(a, b) CHECK_CMP(a, >=, b)
#define CHECK_LE(a, b) CHECK_CMP(a, <=, b)
#define CHECK_STR(a, b)								\
	do {									\
		const char *a_ = (a), *b_ = (b);				\
		if (strcmp(a_, b_))						\
			FAIL("%s: \"%s\", not \"%s\"", #a, a_, b_);		\
	} while (0)

/* The value of a call that must not return -1. */
#define OK(call)								\
	({									\
		long ok_ = (long)(call);					\
		if (ok_ == -1)							\
			FAIL("%s: %s", #call, strerror(errno));			\
		ok_;								\
	})

/* The call must return -1 with errno `want`. */
#define ERR(call, want)								\
	do {									\
		errno = 0;							\
		long err_ = (long)(call);					\
		if (err_ != -1)							\
			FAIL("%s: %ld, not " #want, #call, err_);		\
		if (errno != (want))						\
			FAIL("%s: %s, not " #want, #call, strerror(errno));	\
	} while (0)

/* Runs the statements in a child and gives its wait status; the child exits with 0 at the end. */
#define IN_CHILD(...)								\
	({									\
		pid_t child_ = check_fork();					\
		if (!child_) {							\
			{ __VA_ARGS__; }					\
			_exit(0);						\
		}								\
		check_wait(child_);						\
	})

/* The same, but the child must succeed. */
#define CHILD_OK(...)								\
	do {									\
		int st_ = IN_CHILD(__VA_ARGS__);				\
		if (st_)							\
			FAIL("child: wait status %#x", st_);			\
	} while (0)

/* Starts the statements in a child and gives its pid. */
#define SPAWN(...)								\
	({									\
		pid_t child_ = check_fork();					\
		if (!child_) {							\
			{ __VA_ARGS__; }					\
			_exit(0);						\
		}								\
		child_;								\
	})

pid_t check_fork(void);			/* fork that must work */
int check_wait(pid_t pid);		/* wait status of a child that has to end */
bool check_on_tine(void);		/* by the release in uname */
const char *check_tmpdir(void); /* makes an empty directory and enters it; removed afterwards */
void check_write_file(const char *path, const char *text);
/* Reads a whole file as a string into buf; returns its length. */
size_t check_read_file(const char *path, char *buf, size_t size);
long long check_now(void);		/* CLOCK_MONOTONIC in nanoseconds */
void check_sleep_ms(long ms);
/* Waits (up to 10 s) until /proc/PID/stat shows one of these states; fails otherwise. */
void check_wait_state(pid_t pid, const char *states);
/* Waits until *flag has this value, or fails. */
void check_wait_flag(volatile int *flag, int value);
/* Anonymous memory, private or (shared) kept across fork. */
void *check_anon(size_t len);
void *check_shared(size_t len);
/* Drops to this uid and gid for good, all capabilities gone. */
void check_become(uid_t uid, gid_t gid);
/* Private anonymous memory at a multiple of align (a power of two); what lies around it stays free. */
void *check_aligned(size_t len, size_t align);
/* The number behind "NAME:" or "NAME " at the beginning of a line of the file, which must have one;
   name NULL: the number that the file begins with. */
long check_number(const char *path, const char *name);
/* Sum of field NAME in smaps, in kB or what it is in, of the VMAs that have a part of [p, p + len);
   -1: none has the field. */
long check_smaps(const void *p, size_t len, const char *name);
/* Writes the text at once into a file that is there. Returns 0 or what errno is then. */
int check_put(const char *path, const char *text);
/* The word in brackets of a file of words to choose from, in buf. */
const char *check_chosen(const char *path, char *buf, size_t size);

/* A fault that check_touch() caught; sig is 0 if there was none. */
struct check_fault {
	int sig, code;
	uintptr_t addr;
};

struct check_fault check_read(const volatile void *p);
struct check_fault check_write(volatile void *p);	/* stores 1 */
struct check_fault check_exec(const void *p);		/* calls it as a function */

#define CHECK_FAULT(expr, want_sig, want_code, want_addr)			\
	do {									\
		struct check_fault f_ = (expr);					\
		if (f_.sig != (want_sig) || f_.code != (want_code) ||		\
		    f_.addr != (uintptr_t)(want_addr))				\
			FAIL("%s: signal %d code %d addr %#lx, not "		\
			     #want_sig " " #want_code " %#lx", #expr, f_.sig,	\
			     f_.code, (long)f_.addr, (long)(want_addr));	\
	} while (0)
#define NO_FAULT(expr)								\
	do {									\
		struct check_fault f_ = (expr);					\
		if (f_.sig)							\
			FAIL("%s: signal %d code %d addr %#lx", #expr, f_.sig,	\
			     f_.code, (long)f_.addr);				\
	} while (0)

#endif
