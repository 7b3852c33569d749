/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Timers in map values (bpf-helpers(7): bpf_timer_*). A value has 16 bytes for one, of which the
 * first 8 are the address of what is here, NULL before bpf_timer_init. Callbacks run in a thread of
 * the CPU on which the timer went off, with preemption off like every program.
 *
 *	   start            time            thread
 *	idle ────► armed ────────► queued ────────► running ────► idle, or what the callback made of it
 *	  ▲          │ cancel, start │ cancel, start    │
 *	  └──────────┴───────────────┴── (cancel waits) ┘
 *
 * A running timer may be armed or queued again; it is queued where it runs, so one timer's callbacks
 * never run at once. All of this is under timers_lock, but for the address in the value:
 *
 *  - Who takes the address out of the value (bpf_timer_free, by an exchange) ends the timer: marks
 *    it gone, disarms it, gives the program back. That happens when the element is removed or
 *    written anew, and when the map loses its last user (descriptor or name). It waits for nobody: a
 *    callback that runs goes on, and may be the one who removes its own element.
 *  - Everybody else who has the address, or the timer's element, is in a reader section: programs
 *    and callbacks have preemption off, interrupts are one. Timers and elements are freed after a
 *    grace period. The thread turns preemption off before it takes a timer from its queue, where
 *    timers that are gone are not; so the element that the callback sees is still there.
 *  - bpf_timer_init puts the address into the value and then looks whether the map has users; the
 *    last user goes and then all values are looked at. One of the two sees the other, so a map that
 *    has no users has no timers. (They would hold the program, which holds the map.)
 *  - A timer holds its map until it is gone: one that is found in an element which has left its map
 *    may go off when nothing else holds that any more. It holds its callback's program. The callback
 *    itself need hold neither: text and maps are freed after a grace period too.
 *  - The interrupt may come late, when the timer has been disarmed or armed anew: it acts only if
 *    the timer is armed and due.
 *  - bpf_timer_cancel waits, spinning, for a callback that runs on another CPU and so makes progress.
 *    A callback that waits for others' says for whom (`awaits`), and nobody begins to wait who would
 *    close a circle: -EDEADLK.
 */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/init.h>
#include <bpf/prog.h>
#include <hal/cpu.h>
#include <hal/rcu.h>
#include <hal/sync.h>
#include <linux/time.h>
#include <task/task.h>
#include <task/timer.h>

enum { TIMER_ABS = 1, TIMER_CPU_PIN = 2 };	/* BPF_F_*, newer than the installed headers */

struct map_timer {
	struct timer timer;
	struct rcu_head rcu;
	struct bpf_map *map;	/* referenced, until it is gone */
	char *value;		/* the element's */
	/* timers_lock: */
	u64 (*fn)(u64, u64, u64, u64, u64);
	struct bpf_prog *prog;	/* fn's, referenced; NULL with it */
	u64 when;		/* clock_ns, while it is armed */
	bool armed, queued, gone;
	i32 running;		/* on this CPU, -1: on none */
	u32 runs;		/* that have ended */
	struct list link;	/* in a worker's queue */
	struct map_timer *awaits;	/* its callback waits for the end of this one's */
};

struct worker {
	struct list queue;
	struct map_timer *running;	/* both: timers_lock */
	struct wait_queue wait;
	bool there;		/* the thread */
};
static DEFINE_PER_CPU(struct worker, workers);
static struct spinlock timers_lock = SPINLOCK_INIT;	/* irq */

static struct map_timer *timer_at(u64 slot) { return load_acquire((struct map_timer **)slot); }

static bool has_users(const struct map_timer *t)
{
	return READ_ONCE(t->map->users);
}

/* --- changes, with timers_lock ---------------------------------------------------------------- */

/* True if it would have gone off. */
static bool disarm(struct map_timer *t)
{
	bool was = t->armed || t->queued;

	if (t->armed)
		timer_cancel(&t->timer);
	if (t->queued)
		list_del(&t->link);
	t->armed = t->queued = false;
	return was;
}

/* What the caller puts when it has let go of the lock; NULL: nothing. */
static struct bpf_prog *set_fn(struct map_timer *t, u64 fn, struct bpf_prog *p)
{
	struct bpf_prog *old = t->prog;

	t->fn = (u64 (*)(u64, u64, u64, u64, u64))fn;
	t->prog = p;
	return old;
}

static void put_prog(struct bpf_prog *p)
{
	if (p)
		bpf_prog_put(p);
}

/* Would `who` wait for itself if it waited for t? */
static bool closes_circle(const struct map_timer *who, const struct map_timer *t)
{
	while (t && t != who)
		t = t->awaits;
	return t == who;
}

/* --- going off -------------------------------------------------------------------------------- */

static void due(struct timer *timer)
{
	struct map_timer *t = container_of(timer, struct map_timer, timer);
	u64 flags = spin_lock_irqsave(&timers_lock);
	struct worker *w = NULL;

	if (t->armed && clock_ns() >= t->when) {
		w = &per_cpu(workers, t->running >= 0 ? (u32)t->running : cpu_id());
		timer_cancel(timer);	/* it may be that this is an earlier arming's interrupt */
		t->armed = false;
		t->queued = true;
		list_add_tail(&w->queue, &t->link);
	}
	spin_unlock_irqrestore(&timers_lock, flags);
	if (w)
		wake_up(&w->wait);
}

/* The timer's place in the map as the callback is told. */
static u64 call(const struct map_timer *t, u64 (*fn)(u64, u64, u64, u64, u64))
{
	const struct bpf_map_desc *d = &t->map->desc;
	u64 key = (u64)t->value - align_up((u64)d->key_size, 8ul);
	u32 index;

	if (d->type == BPF_MAP_TYPE_ARRAY) {
		index = (u32)(((u64)t->value - d->values) / align_up((u64)d->value_size, 8ul));
		key = (u64)&index;
	}
	return fn((u64)t->map, key, (u64)t->value, 0, 0);
}

static void run_first(struct worker *w)
{
	u64 (*fn)(u64, u64, u64, u64, u64);
	struct map_timer *t;
	u64 flags;

	preempt_disable();
	flags = spin_lock_irqsave(&timers_lock);
	if (!list_empty(&w->queue)) {
		t = list_first(&w->queue, struct map_timer, link);
		list_del(&t->link);
		t->queued = false;
		t->running = (i32)cpu_id();
		w->running = t;
		fn = t->fn;
		spin_unlock_irqrestore(&timers_lock, flags);
		call(t, fn);
		flags = spin_lock_irqsave(&timers_lock);
		t->running = -1;
		t->runs++;
		w->running = NULL;
	}
	spin_unlock_irqrestore(&timers_lock, flags);
	preempt_enable();
}

static void worker_main(void *arg)
{
	struct worker *w = arg;

	for (;;) {
		wait_event(&w->wait, !list_empty(&w->queue));
		run_first(w);
	}
}

/* --- for programs ----------------------------------------------------------------------------- */

u64 bpf_timer_init(u64 slot, u64 map, u64 clock, u64 r4, u64 r5)
{
	struct bpf_map *m = (struct bpf_map *)map;
	struct map_timer *t, *none = NULL;

	if (clock != CLOCK_MONOTONIC && clock != CLOCK_REALTIME && clock != CLOCK_BOOTTIME)
		return (u64)-EINVAL;
	if (timer_at(slot))
		return (u64)-EBUSY;
	t = kmalloc_atomic(sizeof(*t));
	if (!t)
		return (u64)-ENOMEM;
	if (!ref_get_unless_zero(&m->ref)) {
		kfree(t);
		return (u64)-EPERM;
	}
	*t = (struct map_timer){ .map = m, .running = -1 };
	t->value = (char *)slot - m->desc.timer;
	timer_init(&t->timer, due);
	if (!__atomic_compare_exchange_n((struct map_timer **)slot, &none, t, false,
					 __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
		kfree(t);
		bpf_map_put(m);
		return (u64)-EBUSY;
	}
	smp_mb();
	if (has_users(t))
		return 0;
	bpf_timer_free((void *)slot);
	return (u64)-EPERM;
}

u64 bpf_timer_set_callback(u64 slot, u64 fn, u64 prog, u64 r4, u64 r5)
{
	struct map_timer *t = timer_at(slot);
	struct bpf_prog *p = (struct bpf_prog *)prog;
	u64 flags;
	int err = 0;

	if (!t)
		return (u64)-EINVAL;
	if (!has_users(t))
		return (u64)-EPERM;
	if (!ref_get_unless_zero(&p->ref))
		return (u64)-ENOENT;
	flags = spin_lock_irqsave(&timers_lock);
	if (t->gone)
		err = -EINVAL;
	else
		p = set_fn(t, fn, p);
	spin_unlock_irqrestore(&timers_lock, flags);
	put_prog(p);
	return (u64)(i64)err;
}

/* When that is on clock_ns, of which both clocks are: timers of CLOCK_REALTIME count on
 * CLOCK_MONOTONIC, absolute ones too, as on Linux. */
static u64 expiry(u64 ns, bool absolute)
{
	u64 now = absolute ? 0 : clock_ns();

	return ns > (u64)INT64_MAX - now ? (u64)INT64_MAX : now + ns;
}

u64 bpf_timer_start(u64 slot, u64 ns, u64 how, u64 r4, u64 r5)
{
	struct map_timer *t = timer_at(slot);
	u64 flags;
	int err = 0;

	/* Timers always go off where they were started, unless their callback runs elsewhere. */
	if (!t || (how & ~(u64)(TIMER_ABS | TIMER_CPU_PIN)))
		return (u64)-EINVAL;
	flags = spin_lock_irqsave(&timers_lock);
	if (t->gone || !t->fn) {
		err = -EINVAL;
	} else {
		disarm(t);
		t->armed = true;
		t->when = expiry(ns, how & TIMER_ABS);
		timer_start(&t->timer, t->when);
	}
	spin_unlock_irqrestore(&timers_lock, flags);
	return (u64)(i64)err;
}

u64 bpf_timer_cancel(u64 slot, u64 r2, u64 r3, u64 r4, u64 r5)
{
	struct map_timer *t = timer_at(slot), *self;
	struct bpf_prog *old;
	u64 flags;
	bool was;
	u32 runs;

	if (!t)
		return (u64)-EINVAL;
	flags = spin_lock_irqsave(&timers_lock);
	self = this_cpu(workers).running;	/* nothing else runs here meanwhile */
	if (self && t->running >= 0 && closes_circle(self, t)) {
		spin_unlock_irqrestore(&timers_lock, flags);
		return (u64)-EDEADLK;
	}
	was = disarm(t);
	old = set_fn(t, 0, NULL);
	if (self)
		self->awaits = t;
	for (runs = t->runs; t->running >= 0 && t->runs == runs;) {
		spin_unlock_irqrestore(&timers_lock, flags);
		cpu_relax();
		flags = spin_lock_irqsave(&timers_lock);
	}
	if (self)
		self->awaits = NULL;
	spin_unlock_irqrestore(&timers_lock, flags);
	put_prog(old);
	return was;
}

/* --- for maps --------------------------------------------------------------------------------- */

static void free_timer(struct rcu_head *head) { kfree(container_of(head, struct map_timer, rcu)); }

void bpf_timer_free(void *slot)
{
	struct map_timer *t;
	struct bpf_prog *old;
	u64 flags;

	if (!READ_ONCE(*(struct map_timer **)slot))
		return;
	t = atomic_xchg((struct map_timer **)slot, NULL);
	if (!t)
		return;
	flags = spin_lock_irqsave(&timers_lock);
	disarm(t);
	t->gone = true;
	old = set_fn(t, 0, NULL);
	spin_unlock_irqrestore(&timers_lock, flags);
	put_prog(old);
	bpf_map_put(t->map);
	call_rcu(&t->rcu, free_timer);
}

static int start_worker(u32 cpu)
{
	struct worker *w = &per_cpu(workers, cpu);
	struct task *t;

	if (w->there)	/* by an attempt that failed later */
		return 0;
	list_init(&w->queue);
	wait_queue_init(&w->wait);
	t = kthread_start(worker_main, w, "bpf_timer");
	if (IS_ERR(t))
		return (int)PTR_ERR(t);
	BUG_ON(sched_set_affinity(t, BIT(cpu)));	/* it is online */
	w->there = true;
	return 0;
}

int bpf_timers_start(void)
{
	static struct mutex starting = MUTEX_INIT(starting);
	static bool started;
	int err = 0;

	mutex_lock(&starting);
	for (u32 cpu = 0; cpu < nr_cpus && !err && !started; cpu++)
		if (online_cpus & BIT(cpu))
			err = start_worker(cpu);
	started |= !err;
	mutex_unlock(&starting);
	return err;
}

static int timers_hook(void)
{
	bpf_map_timer_free = bpf_timer_free;
	return 0;
}
INITCALL(subsys, timers_hook);
