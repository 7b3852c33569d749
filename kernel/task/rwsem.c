/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reader-writer semaphore. count holds readers in steps of READER, the writer as WRITER, and QUEUED
 * while anyone waits. The fast paths succeed only when QUEUED is clear, so a waiting writer is not
 * starved. Waiters stand in order of arrival under lock; whoever releases with QUEUED set grants
 * the lock to the head of the queue: one writer, or all readers up to the next writer. A grant is
 * made by the releaser on the waiter's behalf, so it cannot be stolen.
 */
#include <hal/sync.h>
#include <task/task.h>

#define WRITER	1
#define QUEUED	2
#define READER	4

struct waiter { struct list link; struct task *task; bool write; bool granted; };

void rwsem_init(struct rwsem *s)
{
	s->count = 0;
	s->writer = NULL;
	spin_init(&s->lock);
	list_init(&s->waiters);
}

/* Lets the waiter go. It may return and its stack frame vanish as soon as granted is seen: task is
 * read first, and kept by a reference. */
static void grant(struct waiter *w)
{
	struct task *t = w->task;

	list_del(&w->link);
	task_get(t);
	store_release(&w->granted, true);
	wake_task(t, WAKE_NORMAL);
	task_put(t);
}

/* Grants what the state allows. s->lock held. */
static void grant_waiters(struct rwsem *s)
{
	while (!list_empty(&s->waiters)) {
		struct waiter *w = list_first(&s->waiters, struct waiter, link);
		i64 c = READ_ONCE(s->count), want;

		if (w->write ? c >= READER || (c & WRITER) : c & WRITER)
			break;
		want = w->write ? c + WRITER : c + READER;
		if (!atomic_cas(&s->count, c, want))
			continue;
		if (w->write)
			WRITE_ONCE(s->writer, w->task);
		grant(w);
	}
	if (list_empty(&s->waiters))
		atomic_and(&s->count, ~(i64)QUEUED);
}

static void release_slow(struct rwsem *s)
{
	u64 flags = spin_lock_irqsave(&s->lock);

	grant_waiters(s);
	spin_unlock_irqrestore(&s->lock, flags);
}

/* 0, or -EINTR if killable and a fatal signal came before the grant. */
static int __noinline wait_for_grant(struct rwsem *s, bool write, enum task_sleep how)
{
	struct waiter w = { .task = current, .write = write };
	u64 flags;

	might_sleep();
	flags = spin_lock_irqsave(&s->lock);
	list_add_tail(&s->waiters, &w.link);
	atomic_or(&s->count, QUEUED);
	grant_waiters(s);	/* the lock may have become free since */
	spin_unlock_irqrestore(&s->lock, flags);
	for (;;) {
		set_state((enum task_state)how);
		if (load_acquire(&w.granted))
			break;
		if (sleep_interrupted(how)) {
			flags = spin_lock_irqsave(&s->lock);
			if (!w.granted) {
				list_del(&w.link);
				grant_waiters(s);
				spin_unlock_irqrestore(&s->lock, flags);
				WRITE_ONCE(current->sched.state, TASK_RUNNING);
				return -EINTR;
			}
			spin_unlock_irqrestore(&s->lock, flags);
			break;
		}
		schedule();
	}
	WRITE_ONCE(current->sched.state, TASK_RUNNING);
	return 0;
}

bool read_trylock(struct rwsem *s)
{
	i64 c = READ_ONCE(s->count);

	while (!(c & (WRITER | QUEUED)))
		if (__atomic_compare_exchange_n(&s->count, &c, c + READER, true, __ATOMIC_ACQUIRE,
						__ATOMIC_RELAXED))
			return true;
	return false;
}

void read_lock(struct rwsem *s)
{
	if (unlikely(!read_trylock(s)))
		wait_for_grant(s, false, SLEEP_UNINTERRUPTIBLE);
}

void read_unlock(struct rwsem *s)
{
	i64 c = __atomic_sub_fetch(&s->count, READER, __ATOMIC_RELEASE);

	BUG_ON(c < 0);
	if (unlikely(c & QUEUED) && c < READER)
		release_slow(s);
}

bool write_trylock(struct rwsem *s)
{
	if (!atomic_cas(&s->count, 0, WRITER))
		return false;
	WRITE_ONCE(s->writer, current);
	return true;
}

void write_lock(struct rwsem *s)
{
	if (unlikely(!write_trylock(s)))
		wait_for_grant(s, true, SLEEP_UNINTERRUPTIBLE);
}

int write_lock_killable(struct rwsem *s)
{
	return write_trylock(s) ? 0 : wait_for_grant(s, true, SLEEP_KILLABLE);
}

void write_unlock(struct rwsem *s)
{
	BUG_ON(s->writer != current);
	WRITE_ONCE(s->writer, NULL);
	if (unlikely(__atomic_sub_fetch(&s->count, WRITER, __ATOMIC_RELEASE) & QUEUED))
		release_slow(s);
}

void write_downgrade(struct rwsem *s)
{
	BUG_ON(s->writer != current);
	WRITE_ONCE(s->writer, NULL);
	if (unlikely(__atomic_add_fetch(&s->count, READER - WRITER, __ATOMIC_RELEASE) & QUEUED))
		release_slow(s);
}

bool rwsem_held(const struct rwsem *s) { return READ_ONCE(s->count) & ~(i64)QUEUED; }
bool rwsem_held_write(const struct rwsem *s) { return READ_ONCE(s->writer) == current; }
