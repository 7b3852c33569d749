/* SPDX-License-Identifier: BSD-2-Clause */
/* Timers in nanoseconds of clock_ns, per-CPU queues, no tick (task/timer.c); wall clock. */
#ifndef TASK_TIMER_H
#define TASK_TIMER_H
#include <base/types.h>
#include <lib/tree.h>
#include <hal/sync.h>

struct timer {
	u64 when;			/* clock_ns; valid while armed */
	void (*fn)(struct timer *t);	/* interrupt context, interrupts off */
	struct tree_node node;
	i32 cpu;			/* whose queue; -1: not armed */
	bool running;
};
/* Not armed. */
void timer_init(struct timer *t, void (*fn)(struct timer *));
void timer_start(struct timer *t, u64 when);	/* re-arms if armed; any context */
/* ns between ticks of a CPU that is not idle */
#define TICK_NS 4000000ull
bool timer_cancel(
	struct timer *t); /* true if it was armed; fn may still be running on another CPU */
/* The same without waiting: false if fn is running, or was about to; for holders of a lock that fn
 * takes. */
bool timer_try_cancel(struct timer *t) __must_check;
void timer_cancel_sync(struct timer *t);	/* and waits until fn is not running; not from fn */

/* CLOCK_REALTIME = clock_ns() + offset. */
u64 realtime_ns(void);
/* Woken when the wall clock is set (timerfd). */
struct wait_queue *clock_set_queue(void);
/* The data page of the vDSO (arch): CLOCK_REALTIME minus CLOCK_MONOTONIC, ns. */
void vdso_set_realtime_offset(u64 ns);
void realtime_set(u64 ns); /* settimeofday: updates vDSO data, wakes TFD_TIMER_CANCEL_ON_SET */
#endif
