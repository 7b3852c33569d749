/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sleeping locks and wait queues on the scheduler (hal/sync.h).
 *
 * A wait entry is removed from its queue by its owner, except that the default wake function of an
 * exclusive or plain waiter leaves it queued: the owner's wait_finish removes it. A wake between
 * wait_prepare and schedule is not lost: it finds the entry queued, and the state set before the
 * condition was checked.
 */
#include <hal/sync.h>
#include <task/task.h>

/* --- wait queues
 * ------------------------------------------------------------------------------------ */

void wait_queue_init(struct wait_queue *q)
{
	spin_init(&q->lock);
	list_init(&q->waiters);
}

static bool wake_default(struct wait_entry *e, unsigned mode, u64 key)
{
	return wake_task(e->task, mode);
}

void wait_entry_init(struct wait_entry *e)
{
	list_init(&e->link);
	e->task = current;
	e->wake = wake_default;
	e->exclusive = false;
}

/* Exclusive waiters queue behind the others and are woken in order of arrival. */
static void add(struct wait_queue *q, struct wait_entry *e)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	if (e->exclusive)
		list_add_tail(&q->waiters, &e->link);
	else
		list_add(&q->waiters, &e->link);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_add(struct wait_queue *q, struct wait_entry *e)
{
	add(q, e);
	smp_mb();	/* pairs with that of wake_up_key */
}

void wait_remove(struct wait_queue *q, struct wait_entry *e)
{
	u64 flags = spin_lock_irqsave(&q->lock);

	list_del(&e->link);
	spin_unlock_irqrestore(&q->lock, flags);
}

void wait_prepare(struct wait_queue *q, struct wait_entry *e, enum task_sleep how)
{
	if (list_empty(&e->link))
		add(q, e);
	set_state((enum task_state)how);
}

void wait_finish(struct wait_queue *q, struct wait_entry *e)
{
	WRITE_ONCE(current->sched.state, TASK_RUNNING);
	/* Taken even if the entry looks removed: a waker may still be inside the queue with it. */
	wait_remove(q, e);
}

void wake_up_key(struct wait_queue *q, unsigned nr, u64 key)
{
	struct wait_entry *e, *tmp;
	u64 flags;

	smp_mb();	/* the change comes before the look for waiters: as in set_state, wait_add */
	if (!wait_queue_active(q))
		return;
	flags = spin_lock_irqsave(&q->lock);
	list_for_each_safe(e, tmp, &q->waiters, link) {
		bool exclusive = e->exclusive;

		if (e->wake(e, WAKE_NORMAL, key) && exclusive && nr && --nr == 0)
			break;
	}
	spin_unlock_irqrestore(&q->lock, flags);
}

bool sleep_interrupted(enum task_sleep how)
{
	if (!(READ_ONCE(current->core.work) & WORK_SIGNAL))
		return false;
	if (how == SLEEP_INTERRUPTIBLE)
		return signal_pending(current);
	return how != SLEEP_UNINTERRUPTIBLE && signal_fatal_pending(current);
}

/* --- timed sleep
 * -------------------------------------------------------------------------------------- */

struct sleeper { struct timer timer; struct task *task; };

static void sleeper_wake(struct timer *t)
{
	wake_task(container_of(t, struct sleeper, timer)->task, WAKE_NORMAL);
}

bool schedule_until(u64 deadline)
{
	struct sleeper s;
	bool in_time;

	if (deadline == ~0ull) {
		schedule();
		return true;
	}
	if (clock_ns() >= deadline) {
		WRITE_ONCE(current->sched.state, TASK_RUNNING);
		return false;
	}
	s.task = current;
	timer_init(&s.timer, sleeper_wake);
	timer_start(&s.timer, deadline);
	schedule();
	in_time = clock_ns() < deadline;
	timer_cancel_sync(&s.timer);
	return in_time;
}

/* --- mutex
 * ---------------------------------------------------------------------------------------------- */

void mutex_init(struct mutex *m)
{
	m->owner = NULL;
	wait_queue_init(&m->waiters);
}

bool mutex_trylock(struct mutex *m)
{
	return atomic_cas(&m->owner, NULL, current);
}

static int __noinline mutex_lock_slow(struct mutex *m, enum task_sleep how)
{
	struct wait_entry e;
	int err = 0;

	BUG_ON(m->owner == current);
	wait_entry_init(&e);
	e.exclusive = true;
	for (;;) {
		wait_prepare(&m->waiters, &e, how);
		if (mutex_trylock(m))
			break;
		if (sleep_interrupted(how)) {
			err = -ERESTARTSYS;
			break;
		}
		schedule();
	}
	wait_finish(&m->waiters, &e);
	if (err)
		wake_up(&m->waiters);	/* a wake may have been meant for the next one */
	return err;
}

void mutex_lock(struct mutex *m)
{
	if (unlikely(!mutex_trylock(m)))
		(void)mutex_lock_slow(m, SLEEP_UNINTERRUPTIBLE);
}

int mutex_lock_interruptible(struct mutex *m)
{
	return likely(mutex_trylock(m)) ? 0 : mutex_lock_slow(m, SLEEP_INTERRUPTIBLE);
}

void mutex_unlock(struct mutex *m)
{
	BUG_ON(m->owner != current);
	store_release(&m->owner, NULL);
	wake_up(&m->waiters);
}

bool mutex_held(const struct mutex *m) { return m->owner == current; }

/* --- completion
 * ---------------------------------------------------------------------------------------------- */

void completion_init(struct completion *c)
{
	c->done = false;
	wait_queue_init(&c->q);
}

/*
 * done is set under the queue's lock, and the waiter takes that lock before it returns: the
 * completion may live on the waiter's stack.
 */
void complete(struct completion *c)
{
	struct wait_entry *e, *tmp;
	u64 flags = spin_lock_irqsave(&c->q.lock);

	WRITE_ONCE(c->done, true);
	smp_mb();
	list_for_each_safe(e, tmp, &c->q.waiters, link)
		e->wake(e, WAKE_NORMAL, 0);
	spin_unlock_irqrestore(&c->q.lock, flags);
}

void completion_wait(struct completion *c)
{
	u64 flags;

	wait_event(&c->q, READ_ONCE(c->done));
	flags = spin_lock_irqsave(&c->q.lock);
	spin_unlock_irqrestore(&c->q.lock, flags);
}
