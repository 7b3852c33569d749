/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping synchronisation: a platform service like the rest of hal: implemented by task/sync.c on
 * the scheduler and by arch/fake on the host (seeded switching). None may be used from an interrupt
 * except wake_*.
 */
#ifndef HAL_SYNC_H
#define HAL_SYNC_H
#include <base/errno.h>
#include <base/list.h>
#include <base/atomic.h>
#include <hal/spinlock.h>

struct task;

/* --- wait queues --------------------------------------------------------------------------- */
struct wait_queue { struct spinlock lock; struct list waiters; };
#define WAIT_QUEUE_INIT(q) { .lock = SPINLOCK_INIT, .waiters = LIST_INIT((q).waiters) }

struct wait_entry;
/*
 * Called with q->lock held, interrupts off; key is what the waker passed (poll: the ready events).
 * Returns true if it woke an exclusive waiter. The default wakes entry->task.
 */
typedef bool (*wait_fn)(struct wait_entry *e, unsigned mode, u64 key);
struct wait_entry {
	struct list link;
	struct task *task;
	wait_fn wake;
	bool exclusive;
};

/* Nobody waits. */
void wait_queue_init(struct wait_queue *q);
/* Somebody is queued; without the lock. A waker that asks orders its change before (smp_mb). */
static inline bool wait_queue_active(const struct wait_queue *q)
{
	return !list_empty(&q->waiters);
}
void wait_entry_init(struct wait_entry *e);	/* the current task, default wake */
/* What the caller reads afterwards is no older than its being queued: no wake-up falls between. */
void wait_add(struct wait_queue *q, struct wait_entry *e);
void wait_remove(struct wait_queue *q, struct wait_entry *e);	/* also if it is not queued */

enum task_sleep { SLEEP_RUNNING, SLEEP_INTERRUPTIBLE, SLEEP_UNINTERRUPTIBLE, SLEEP_KILLABLE };
/* Queues e if it is not, and marks the current task asleep; the caller then checks its condition
 * and calls schedule(). */
void wait_prepare(struct wait_queue *q, struct wait_entry *e, enum task_sleep how);
void wait_finish(struct wait_queue *q, struct wait_entry *e);
/* Wakes all non-exclusive and up to nr exclusive waiters (nr 0: all). Any context. Orders before
 * the wake what the caller wrote. */
void wake_up_key(struct wait_queue *q, unsigned nr, u64 key);
static inline void wake_up(struct wait_queue *q) { wake_up_key(q, 1, 0); }
static inline void wake_up_all(struct wait_queue *q) { wake_up_key(q, 0, 0); }

/* Gives up the CPU; returns at once if a wake-up came since the task was marked asleep. */
void schedule(void);
/* As schedule(), but wakes at the latest at deadline (ns, monotonic; ~0 never). Returns false if
 * the deadline passed. */
bool schedule_until(u64 deadline);
/* A signal is pending that how should be interrupted by. */
bool sleep_interrupted(enum task_sleep how);

/* Sleeps until cond; evaluates to 0, or -ERESTARTSYS if a signal came, or -ETIMEDOUT. */
#define wait_event_full(q, cond, how, deadline) ({ \
	long _ret = 0; \
	if (!(cond)) { \
		struct wait_entry _e; \
		wait_entry_init(&_e); \
		for (;;) { \
			wait_prepare(q, &_e, how); \
			if (cond) \
				break; \
			if (sleep_interrupted(how)) { \
				_ret = -ERESTARTSYS; \
				break; \
			} \
			if (!schedule_until(deadline)) { \
				_ret = (cond) ? 0 : -ETIMEDOUT; \
				break; \
			} \
		} \
		wait_finish(q, &_e); \
	} \
	_ret; \
})
#define wait_event(q, cond) ((void)wait_event_full(q, cond, SLEEP_UNINTERRUPTIBLE, ~0ull))
#define wait_event_interruptible(q, cond) wait_event_full(q, cond, SLEEP_INTERRUPTIBLE, ~0ull)
#define wait_event_killable(q, cond) wait_event_full(q, cond, SLEEP_KILLABLE, ~0ull)

/* --- mutex: one holder, sleeps, the holder releases ------------------------------------------ */
struct mutex { struct task *owner; struct wait_queue waiters; };
#define MUTEX_INIT(m) { .waiters = WAIT_QUEUE_INIT((m).waiters) }
/* Free. */
void mutex_init(struct mutex *m);
/* Sleep until it is free; acquire and release. Not recursive. Thread context, no spinlock held. */
void mutex_lock(struct mutex *m);
int mutex_lock_interruptible(struct mutex *m) __must_check;	/* 0 or -ERESTARTSYS: a signal */
/* Without sleeping; false: another has it. */
bool mutex_trylock(struct mutex *m);
void mutex_unlock(struct mutex *m);
bool mutex_held(const struct mutex *m);		/* by the current task */

/* --- rwsem: many readers or one writer; waiting writers hold off new readers ------------------ */
struct rwsem { i64 count; struct task *writer; struct spinlock lock; struct list waiters; };
/* Free. */
void rwsem_init(struct rwsem *s);
/* Sleep; acquire and release. Not recursive, neither way. Thread context, no spinlock held. */
void read_lock(struct rwsem *s);
bool read_trylock(struct rwsem *s);
void read_unlock(struct rwsem *s);
void write_lock(struct rwsem *s);
bool write_trylock(struct rwsem *s);
int write_lock_killable(struct rwsem *s) __must_check;	/* 0 or -EINTR */
void write_unlock(struct rwsem *s);
/* From writing to reading, without a writer in between. */
void write_downgrade(struct rwsem *s);
/* By anybody, in any way; by the current task for writing. For assertions. */
bool rwsem_held(const struct rwsem *s);
bool rwsem_held_write(const struct rwsem *s);

/* --- completion: one event, many waiters ------------------------------------------------------ */
struct completion { bool done; struct wait_queue q; };
/* Not complete, nobody waits. */
void completion_init(struct completion *c);
void complete(struct completion *c);		/* stays complete */
/* Sleeps, not interruptibly, until it is complete; sees what was written before complete(). */
void completion_wait(struct completion *c);

/* Lets others run if the time slice is used up; might sleep. Long loops call it. */
void cond_resched(void);
#endif
