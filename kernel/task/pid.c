/* SPDX-License-Identifier: BSD-2-Clause */
/* Process numbers: a bitmap of those in use, and a two-level table from number to struct pid. All
 * under proc_lock. */
#include <base/alloc.h>
#include <base/string.h>
#include <mm/page.h>
#include "internal.h"

#define PID_LIMIT	32768u
#define FIRST_AGAIN                                                                                \
	300 /* after the first round the low numbers stay with those who had them at boot */
#define PER_PAGE	(PAGE_SIZE / sizeof(struct pid *))

struct spinlock proc_lock = SPINLOCK_INIT;
u32 pid_max = PID_LIMIT;

static u64 used[PID_LIMIT / 64] = { 1 };		/* 0 is nobody's */
static struct pid **table[PID_LIMIT / PER_PAGE];
static struct slab_cache *pid_cache;
static i32 last;
/* Number 0 names no task; init starts in the group and session of that number. */
static struct pid nobody = { .uses = 1, .group = LIST_INIT(nobody.group) };
static u32 processes, tasks;

i32 last_pid(void) { return READ_ONCE(last); }
u32 nr_processes(void) { return READ_ONCE(processes); }
u32 nr_tasks(void) { return READ_ONCE(tasks); }

void pid_count(int new_processes, int new_tasks)
{
	processes += (u32)new_processes;
	tasks += (u32)new_tasks;
}

/* The first free number in [from, to), or -1. */
static i32 find_free(u32 from, u32 to)
{
	while (from < to) {
		u64 free = ~used[from / 64] & (~0ull << (from % 64));

		if (free) {
			from = (from & ~63u) + (u32)__builtin_ctzll(free);
			return from < to ? (i32)from : -1;
		}
		from = (from | 63) + 1;
	}
	return -1;
}

struct pid *pid_find(i32 nr)
{
	struct pid **page;

	if (nr == 0)
		return &nobody;
	if (nr < 0 || nr >= (i32)PID_LIMIT)
		return NULL;
	page = table[(u32)nr / PER_PAGE];
	return page ? page[(u32)nr % PER_PAGE] : NULL;
}

struct pid *pid_alloc_struct(void)
{
	struct pid *pid = slab_alloc(pid_cache);

	if (pid) {
		*pid = (struct pid){ .nr = 0 };
		list_init(&pid->group);
	}
	return pid;
}

void pid_free_struct(struct pid *pid)
{
	if (pid)
		slab_free(pid_cache, pid);
}

static i32 choose(i32 want)
{
	u32 limit = min(READ_ONCE(pid_max), PID_LIMIT);
	i32 nr;

	if (want) {
		if (want < 0 || want >= (i32)limit)
			return -EINVAL;
		return used[want / 64] & BIT(want % 64) ? -EEXIST : want;
	}
	nr = find_free((u32)last + 1, limit);
	if (nr < 0)
		nr = find_free(FIRST_AGAIN, limit);
	return nr < 0 ? -EAGAIN : nr;
}

int pid_enter(struct pid *pid, i32 want)
{
	i32 nr = choose(want);
	struct pid ***page;

	assert_spin_held(&proc_lock);
	if (nr < 0)
		return nr;
	page = &table[(u32)nr / PER_PAGE];
	if (!*page) {
		*page = page_alloc(ALLOC_ATOMIC | ALLOC_ZERO);
		if (!*page)
			return -ENOMEM;
	}
	(*page)[(u32)nr % PER_PAGE] = pid;
	used[nr / 64] |= BIT(nr % 64);
	pid->nr = nr;
	pid->uses = 1;
	if (!want)
		last = nr;
	return 0;
}

void pid_use(struct pid *pid) { pid->uses++; }

void pid_unuse(struct pid *pid)
{
	BUG_ON(pid->uses == 0);
	if (--pid->uses)
		return;
	used[pid->nr / 64] &= ~BIT(pid->nr % 64);
	table[(u32)pid->nr / PER_PAGE][(u32)pid->nr % PER_PAGE] = NULL;
	pid_free_struct(pid);
}

/* Recomputes each number's uses; *bad counts those that differ. */
u32 pid_numbers_in_use(u32 *bad)
{
	u32 n = 0;

	for (i32 nr = 1; nr < (i32)PID_LIMIT; nr++) {
		struct pid *pid = pid_find(nr);
		struct process *p;
		u32 uses;

		if (!(used[nr / 64] & BIT(nr % 64))) {
			*bad += pid != NULL;
			continue;
		}
		n++;
		uses = pid->task || pid->proc;	/* a leader's number is its process's */
		list_for_each(p, &all_processes, all_link)
			uses += (p->pgid == nr) + (p->sid == nr);
		*bad += uses != pid->uses;
	}
	return n;
}

struct task *task_by_tid(i32 tid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct pid *pid = pid_find(tid);
	struct task *t = pid ? pid->task : NULL;

	if (t)
		task_get(t);
	spin_unlock_irqrestore(&proc_lock, flags);
	return t;
}

struct process *process_by_pid(i32 nr)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct pid *pid = pid_find(nr);
	struct process *p = pid ? pid->proc : NULL;

	if (p)
		ref_get(&p->ref);
	spin_unlock_irqrestore(&proc_lock, flags);
	return p;
}

struct process *process_of_thread(i32 nr)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct pid *pid = pid_find(nr);
	struct process *p = !pid ? NULL : pid->proc ? pid->proc : pid->task ? pid->task->proc : NULL;

	if (p)
		ref_get(&p->ref);
	spin_unlock_irqrestore(&proc_lock, flags);
	return p;
}

struct process *process_next(i32 from)
{
	struct process *found = NULL;
	u64 flags = spin_lock_irqsave(&proc_lock);

	for (u32 n = (u32)max(from, 1); n < PID_LIMIT && !found; n++) {
		u64 bits = used[n / 64] >> (n % 64);
		struct pid *pid;

		if (!bits) {
			n |= 63;
			continue;
		}
		n += (u32)__builtin_ctzll(bits);
		pid = pid_find((i32)n);
		found = pid ? pid->proc : NULL;
	}
	if (found)
		ref_get(&found->ref);
	spin_unlock_irqrestore(&proc_lock, flags);
	return found;
}

struct task *thread_next(struct process *p, i32 from)
{
	struct task *t, *best = NULL;
	u64 flags = spin_lock_irqsave(&proc_lock);

	list_for_each(t, &p->threads, thread_link)
		if (t->tid >= from && (!best || t->tid < best->tid))
			best = t;
	if (best)
		task_get(best);
	spin_unlock_irqrestore(&proc_lock, flags);
	return best;
}

int pid_start(void)
{
	pid_cache = slab_create("pid", sizeof(struct pid), 8);
	return pid_cache ? 0 : -ENOMEM;
}
