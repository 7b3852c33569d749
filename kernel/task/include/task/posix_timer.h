/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX timers of a process (task/posix_timer.c; timer_create(2)). Times are ns. */
#ifndef TASK_POSIX_TIMER_H
#define TASK_POSIX_TIMER_H
#include <base/types.h>
#include <asm/siginfo.h>

/* ev NULL: SIGALRM with the id as value. Returns the id, -EINVAL, -EAGAIN, -ENOMEM, -EOPNOTSUPP
 * (CPU clocks). */
int ptimer_create(int clock, const struct sigevent *ev);
int ptimer_set(int id, bool absolute, u64 value, u64 interval, u64 *old_value, u64 *old_interval);
int ptimer_get(int id, u64 *value, u64 *interval);
int ptimer_overrun(int id);
int ptimer_delete(int id);
/* A signal with SI_TIMER was taken off the current process's queue: fills in its overruns. Sleeps.
 */
void ptimer_taken(siginfo_t *info);
/* The current process's timers on CPU clocks that are due go off: task.cpu_due. Sleeps. */
void ptimer_cpu_check(void);
/* sig is no longer ignored by the current process: its timers that waited for that go on. Sleeps. */
void ptimer_unignored(int sig);
#endif
