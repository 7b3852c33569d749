/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads as coroutines, each on a CPU of its own; they change places at locks and page-table
 * accesses, by the seed. Locks, sleeping locks and RCU of the hal on top: whoever has to wait lets
 * others run; if nobody can, that is a deadlock.
 */
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <fake/fake.h>
#include <hal/rcu.h>
#include <hal/sync.h>
#if defined(__SANITIZE_ADDRESS__)
#define FAKE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define FAKE_ASAN 1
#endif
#endif
#ifdef FAKE_ASAN
void __sanitizer_start_switch_fiber(void **save, const void *bottom, size_t size);
void __sanitizer_finish_switch_fiber(void *save, const void **bottom, size_t *size);
void __asan_unpoison_memory_region(const volatile void *p, size_t size);
#endif

#define STACK_SIZE (512 * 1024ul)
#define DEADLOCK 2000000u
#define MOST_LOCKS 16u

struct fake_task {
	struct thread_core core;	/* first */
	ucontext_t ctx;		/* it starts here, and goes on where it left: no calls of the */
	void *left[5];		/* host's kernel for the signal mask at each switch */
	char *stack;
	const void *stack_bottom;
	size_t stack_size;
	void *fake_stack;
	void (*fn)(void *);
	void *arg;
	bool started, done, irqs_off;
	const struct spinlock *locks[MOST_LOCKS];	/* that it holds, or waits for */
	u32 nr_locks;
};

static struct fake_task boot_task = { .started = true }, tasks[MAX_CPUS];
static u32 nr_tasks, waiting;
struct thread_core *fake_current = &boot_task.core;
u32 nr_cpus = 1;
u64 online_cpus = 1;
u64 percpu_offset[MAX_CPUS];
u32 fake_switch_rate = 4;
void (*fake_before_unlock)(struct spinlock *l);
bool fake_kill_pending;
static u64 rng = 1;
/* the host build renames the sections */
extern int (*__start_initcall_core[])(void), (*__stop_initcall_core[])(void);
static bool initialised;
extern char __start_percpu[], __stop_percpu[];

u32 fake_random(u32 below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return below ? (u32)((rng * 0x2545f4914f6cdd1dull) >> 33) % below : 0;
}

void fake_set_cpu(u32 cpu)
{
	BUG_ON(fake_current != &boot_task.core);
	boot_task.core.cpu = cpu;
	boot_task.core.percpu_off = percpu_offset[cpu];
}

static void rcu_run(void);
void fake_sched_init(u64 seed);
void fake_sched_init(u64 seed)
{
	size_t size = (size_t)(__stop_percpu - __start_percpu);

	rng = seed * 0x9e3779b97f4a7c15ull + 1;
	nr_cpus = MAX_CPUS;
	online_cpus = BIT(MAX_CPUS) - 1;
	for (u32 i = 1; i < MAX_CPUS; i++) {
		static char *copies[MAX_CPUS];

		if (!copies[i])
			copies[i] = malloc(size);
		memset(copies[i], 0, size);
		percpu_offset[i] = (u64)(copies[i] - __start_percpu);
	}
	memset(__start_percpu, 0, size);
	fake_set_cpu(0);
	if (!initialised)
		for (int (**fn)(void) = __start_initcall_core; fn < __stop_initcall_core; fn++)
			BUG_ON(*fn && (*fn)());
	initialised = true;
}

/* The compiler's, in a function without AddressSanitizer, of which the caller cannot know that it does
 * not return: before such calls the host's kernel would be asked for the signal stack, each time. */
__attribute__((noinline, no_sanitize_address)) static void long_jump(struct fake_task *to)
{
	__builtin_longjmp(to->left, 1);
}
static void (*volatile jump)(struct fake_task *to) = long_jump;

static void switch_to(struct fake_task *to)
{
	struct fake_task *from = (struct fake_task *)fake_current;

	if (from == to)
		return;
	fake_current = &to->core;
#ifdef FAKE_ASAN
	__sanitizer_start_switch_fiber(from->done ? NULL : &from->fake_stack, to->stack_bottom,
				       to->stack_size);
#endif
	if (!__builtin_setjmp(from->left)) {
		if (to->started)
			jump(to);
		to->started = true;
		setcontext(&to->ctx);
	}
#ifdef FAKE_ASAN
	{
		const void *bottom;
		size_t size;

		__sanitizer_finish_switch_fiber(from->fake_stack, &bottom, &size);
	}
#endif
}

static struct fake_task *pick(void)
{
	u32 start = fake_random(nr_tasks);

	for (u32 i = 0; i < nr_tasks; i++) {
		struct fake_task *t = &tasks[(start + i) % nr_tasks];

		if (!t->done)
			return t;
	}
	return &boot_task;
}

void fake_switch_point(void)
{
	waiting = 0;
	if (fake_current != &boot_task.core && fake_switch_rate && !fake_random(fake_switch_rate))
		switch_to(pick());
}

/* The current thread cannot go on. */
static void wait_for_others(void)
{
	if (fake_current == &boot_task.core || ++waiting > DEADLOCK)
		panic("deadlock");
	switch_to(pick());
}

static void trampoline(void)
{
	struct fake_task *t = (struct fake_task *)fake_current;

#ifdef FAKE_ASAN
	const void *bottom;
	size_t size;

	__sanitizer_finish_switch_fiber(NULL, &bottom, &size);
	if (!boot_task.stack_size) {
		boot_task.stack_bottom = bottom;
		boot_task.stack_size = size;
	}
#endif
	t->fn(t->arg);
	BUG_ON(t->core.preempt_count != 0);
	t->done = true;
	switch_to(pick());
	abort();
}

void fake_run(u32 n, void (*fn)(void *arg), void **arg)
{
	BUG_ON(n > MAX_CPUS);
	for (u32 i = 0; i < n; i++) {
		struct fake_task *t = &tasks[i];
		char *stack = t->stack ? t->stack : malloc(STACK_SIZE);

		*t = (struct fake_task){ .stack = stack, .fn = fn, .arg = arg[i],
					 .stack_bottom = stack, .stack_size = STACK_SIZE };
#ifdef FAKE_ASAN
		/* Who had it before never returned from its first function. */
		__asan_unpoison_memory_region(stack, STACK_SIZE);
#endif
		t->core.cpu = i;
		t->core.percpu_off = percpu_offset[i];
		getcontext(&t->ctx);
		t->ctx.uc_stack.ss_sp = stack;
		t->ctx.uc_stack.ss_size = STACK_SIZE;
		makecontext(&t->ctx, trampoline, 0);
	}
	nr_tasks = n;
	waiting = 0;
	switch_to(&tasks[fake_random(n)]);
	nr_tasks = 0;
	rcu_run();
}

/* --- interrupts, preemption ------------------------------------------------------------------ */
static struct fake_task *me(void) { return (struct fake_task *)fake_current; }
u64 irq_save(void)
{
	u64 was = me()->irqs_off;

	me()->irqs_off = true;
	return was;
}
void irq_restore(u64 flags) { me()->irqs_off = flags; }
void irq_disable(void) { me()->irqs_off = true; }
void irq_enable(void) { me()->irqs_off = false; }
bool irqs_disabled(void) { return me()->irqs_off; }
void preempt_schedule(void) { }
void might_sleep(void) { BUG_ON(fake_current->preempt_count || me()->irqs_off); }
void cond_resched(void) { might_sleep(); fake_switch_point(); }
bool sleep_interrupted(enum task_sleep how) { return how == SLEEP_KILLABLE && fake_kill_pending; }

static void note_lock(const struct spinlock *l)
{
	BUG_ON(me()->nr_locks == MOST_LOCKS);
	me()->locks[me()->nr_locks++] = l;
}

static void forget_lock(const struct spinlock *l)
{
	struct fake_task *t = me();
	u32 i = 0;

	while (t->locks[i] != l)
		i++;
	t->locks[i] = t->locks[--t->nr_locks];
}

int fake_locked_within(const void *lo, const void *hi)
{
	for (u32 t = 0; t < nr_tasks; t++)
		for (u32 i = 0; i < tasks[t].nr_locks; i++)
			if ((const char *)tasks[t].locks[i] >= (const char *)lo &&
			    (const char *)tasks[t].locks[i] < (const char *)hi)
				return (int)tasks[t].core.cpu;
	return -1;
}

void arch_spin_lock(struct spinlock *l)
{
	note_lock(l);
	fake_switch_point();
	BUG_ON(l->held == 1 + fake_current->cpu);
	while (l->held)
		wait_for_others();
	waiting = 0;
	l->held = 1 + fake_current->cpu;
}

bool arch_spin_trylock(struct spinlock *l)
{
	if (l->held)
		return false;
	note_lock(l);
	l->held = 1 + fake_current->cpu;
	return true;
}

void arch_spin_unlock(struct spinlock *l)
{
	BUG_ON(l->held != 1 + fake_current->cpu);
	if (fake_before_unlock)
		fake_before_unlock(l);
	forget_lock(l);
	l->held = 0;
	fake_switch_point();
}

bool arch_spin_is_locked(const struct spinlock *l) { return l->held; }

/* --- sleeping locks -------------------------------------------------------------------------- */
void rwsem_init(struct rwsem *s) { memset(s, 0, sizeof(*s)); }

void read_lock(struct rwsem *s)
{
	might_sleep();
	fake_switch_point();
	while (s->writer)
		wait_for_others();
	waiting = 0;
	s->count++;
}

bool read_trylock(struct rwsem *s)
{
	if (s->writer)
		return false;
	s->count++;
	return true;
}

bool write_trylock(struct rwsem *s)
{
	if (s->writer || s->count)
		return false;
	s->writer = current;
	return true;
}

void read_unlock(struct rwsem *s)
{
	BUG_ON(s->count <= 0 || s->writer);
	s->count--;
	fake_switch_point();
}

void write_lock(struct rwsem *s)
{
	might_sleep();
	fake_switch_point();
	BUG_ON(s->writer == current);
	while (s->writer || s->count)
		wait_for_others();
	waiting = 0;
	s->writer = current;
}

int write_lock_killable(struct rwsem *s)
{
	if (fake_kill_pending)
		return -EINTR;
	write_lock(s);
	return 0;
}

void write_unlock(struct rwsem *s)
{
	BUG_ON(s->writer != current);
	s->writer = NULL;
	fake_switch_point();
}

void write_downgrade(struct rwsem *s)
{
	BUG_ON(s->writer != current);
	s->writer = NULL;
	s->count++;
}

bool rwsem_held(const struct rwsem *s) { return s->writer || s->count; }
bool rwsem_held_write(const struct rwsem *s) { return s->writer == current; }

void mutex_init(struct mutex *m) { memset(m, 0, sizeof(*m)); }
bool mutex_trylock(struct mutex *m)
{
	if (m->owner)
		return false;
	m->owner = current;
	return true;
}
void mutex_lock(struct mutex *m)
{
	might_sleep();
	fake_switch_point();
	while (!mutex_trylock(m))
		wait_for_others();
	waiting = 0;
}
void mutex_unlock(struct mutex *m)
{
	BUG_ON(m->owner != current);
	m->owner = NULL;
	fake_switch_point();
}
bool mutex_held(const struct mutex *m) { return m->owner == current; }

/* --- wait queues: waiting lets others run and looks again ------------------------------------ */
void wait_queue_init(struct wait_queue *q)
{
	spin_init(&q->lock);
	list_init(&q->waiters);
}
void wait_entry_init(struct wait_entry *e)
{
	memset(e, 0, sizeof(*e));
	list_init(&e->link);
}
void wait_add(struct wait_queue *q, struct wait_entry *e) { list_add_tail(&q->waiters, &e->link); }
void wait_remove(struct wait_queue *q, struct wait_entry *e) { list_del(&e->link); }
void wait_prepare(struct wait_queue *q, struct wait_entry *e, enum task_sleep how)
{
	if (list_empty(&e->link))
		wait_add(q, e);
}
void wait_finish(struct wait_queue *q, struct wait_entry *e) { list_del(&e->link); }
void wake_up_key(struct wait_queue *q, unsigned nr, u64 key) { waiting = 0; }
void schedule(void) { wait_for_others(); }
bool schedule_until(u64 deadline)
{
	wait_for_others();
	return true;
}

/* --- RCU: a grace period is a moment when no thread is inside a reader --------------------------
 */
static struct rcu_head *rcu_queue;

static void rcu_run(void)
{
	struct rcu_head *h = rcu_queue, *next;

	for (u32 i = 0; i < nr_tasks; i++)
		if (!tasks[i].done && &tasks[i].core != fake_current && tasks[i].core.preempt_count)
			return;
	for (rcu_queue = NULL; h; h = next) {
		next = h->next;
		h->fn(h);
	}
}

void call_rcu(struct rcu_head *head, void (*fn)(struct rcu_head *))
{
	head->fn = fn;
	head->next = rcu_queue;
	rcu_queue = head;
	rcu_run();
}
void synchronize_rcu(void) { might_sleep(); }
void rcu_barrier(void) { might_sleep(); }
