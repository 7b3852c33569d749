/* SPDX-License-Identifier: BSD-2-Clause */
/* Cases of a selftest whose own main() would end with the first that fails: each in a child, with a line of TAP. */
#pragma once
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Runs run() in a child for at most 'seconds'; the case's name is 'name' and 'variant' (may be empty). */
static inline void run_case(const char *name, const char *variant, unsigned int seconds, void (*run)(void))
{
	static int number;
	int status = 0;

	fflush(stdout);
	pid_t child = fork();
	if (!child) {
		setpgid(0, 0);
		alarm(seconds);
		run();
		fflush(stdout);
		_exit(0);
	}
	waitpid(child, &status, 0);
	kill(-child, SIGKILL);	/* its own children */
	printf("\n%s %d %s%s%s", status ? "not ok" : "ok", ++number, name, *variant ? " " : "", variant);
	printf(WIFSIGNALED(status) ? " # signal %d\n" : status ? " # status %d\n" : "\n",
	       WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}
