/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stress program: workers that do random work and check every result.  An action is one
 * function; it must leave nothing behind and call DIE() when the kernel did something wrong.
 */
#ifndef STRESS_H
#define STRESS_H

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

struct action {
	const char *name;
	void (*run)(void);
};

extern const struct action mem_actions[], proc_actions[], ipc_actions[], file_actions[],
	torture_actions[];

void die(const char *file, int line, const char *what) __attribute__((noreturn));
#define DIE(what) die(__FILE__, __LINE__, what)
#define MUST(cond)								\
	do {									\
		if (!(cond))							\
			DIE(#cond);						\
	} while (0)

/* This worker's random numbers: repeatable for a seed. 0 <= rnd(n) < n. */
unsigned int rnd(unsigned int n);
pid_t must_fork(void);		/* fork; waits and tries again while the kernel says EAGAIN */
void must_exit(pid_t pid, int status);	/* reaps it and checks its wait status */
void *must_map(size_t len, int flags);
long now_ms(void);
volatile int *stress_stop(void);	/* becomes true when all has to come to its end */
/* How long to wait for what must come: a host that has other work may stop a CPU for seconds. */
#define PATIENCE_MS 60000

#endif
