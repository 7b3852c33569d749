/* SPDX-License-Identifier: BSD-2-Clause */
/* The ABI's clocks, interval timers and POSIX timers (task/clock.c, itimer.c, posix_timer.c). Times
 * are ns. */
#ifndef TASK_CLOCK_H
#define TASK_CLOCK_H
#include <base/types.h>

struct process;
struct task;

/* What the clock reads now. -EINVAL: no such clock (or no such process for a CPU clock made of a
 * pid). */
int clock_read(int clock, u64 *ns);
/* The clock can be slept on or armed; *offset: what to take from its time to get clock_ns(). CPU
 * clocks: -EOPNOTSUPP. */
int clock_sleep_base(int clock, u64 *offset);
u64 process_cpu_ns(struct process *p);
/* User and system time of all live and dead threads of p. */
void process_times(struct process *p, u64 *user, u64 *system);

/* ITIMER_*: value and interval; old ones through the pointers if not NULL. */
void itimer_get(struct process *p, int which, u64 *value, u64 *interval);
void itimer_set(struct process *p, int which, u64 value, u64 interval);
/* SIGALRM was taken off a queue of p: the next of its interval. sighand->lock held. */
void itimer_alarm_taken(struct process *p);
/* From the tick: sends SIGVTALRM, SIGPROF, SIGXCPU as they fall due. */
void cpu_timers_tick(struct task *t);
/* exec: the timers of timer_create go, interval timers stay; exit: all go. Sleep. */
void posix_timers_exit(struct process *p);
void process_timers_exit(struct process *p);
#endif
