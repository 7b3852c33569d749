/* SPDX-License-Identifier: BSD-2-Clause */
/* Scheduling calls: sched(7), setpriority(2), sched_setaffinity(2). */
#include <linux/sched.h>
#include <linux/sched/types.h>
#include <base/string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <task/task.h>

SYSCALL(sched_yield)
{
	sched_yield_current();
	return 0;
}

/* The task tid (0: the caller), referenced. */
static struct task *target(i32 tid)
{
	if (tid < 0)
		return ERR_PTR(-EINVAL);
	if (tid == 0) {
		task_get(current);
		return current;
	}
	return task_by_tid(tid) ?: ERR_PTR(-ESRCH);
}

static bool may_change(const struct task *t)
{
	const struct cred *c = current_cred();
	bool same;

	rcu_read_lock();
	same = c->euid == t->cred->uid || c->euid == t->cred->euid;
	rcu_read_unlock();
	return same || capable(CAP_SYS_NICE);
}

static bool rt_policy(int policy) { return policy == SCHED_FIFO || policy == SCHED_RR; }

/* What to set; keep_*: as the task has it (sched_setattr(2), SCHED_FLAG_KEEP_*). */
struct sched_change {
	int policy, nice, prio;
	bool reset_on_fork, keep_policy, keep_nice, keep_prio;
};

/* sched(7): raising needs CAP_SYS_NICE, or room under RLIMIT_RTPRIO or RLIMIT_NICE. */
static int check_policy(struct task *t, const struct sched_change *c)
{
	int policy = c->policy, prio = c->prio, nice = c->nice;

	if (policy != SCHED_NORMAL && policy != SCHED_BATCH && policy != SCHED_IDLE &&
	    !rt_policy(policy))
		return -EINVAL;
	if (rt_policy(policy) ? prio < 1 || prio > 99 : prio != 0)
		return -EINVAL;
	if (!may_change(t))
		return -EPERM;
	if (capable(CAP_SYS_NICE))
		return 0;
	if (rt_policy(policy) && (u64)prio > rlimit(RLIMIT_RTPRIO) && prio > t->sched.rt_prio)
		return -EPERM;
	if (!rt_policy(policy) && nice < t->sched.nice && (u64)(20 - nice) > rlimit(RLIMIT_NICE))
		return -EPERM;
	return t->sched.reset_on_fork && !c->reset_on_fork ? -EPERM : 0;
}

static i64 set_policy(i32 tid, struct sched_change c)
{
	struct task *t = target(tid);
	i64 err;

	if (IS_ERR(t))
		return PTR_ERR(t);
	if (c.keep_policy) {
		c.policy = t->sched.policy;
		c.reset_on_fork = t->sched.reset_on_fork;
	}
	if (c.keep_nice)
		c.nice = t->sched.nice;
	if (c.keep_prio)
		c.prio = t->sched.rt_prio;
	err = check_policy(t, &c);
	if (!err)
		err = sched_set_policy(t, c.policy, c.nice, c.prio, c.reset_on_fork);
	task_put(t);
	return err;
}

SYSCALL(sched_setscheduler)
{
	struct sched_change c = {.policy = (int)a[1] & ~SCHED_RESET_ON_FORK,
				 .reset_on_fork = a[1] & SCHED_RESET_ON_FORK,
				 .keep_nice = true};

	if (!a[2] || (i32)a[1] < 0)
		return -EINVAL;
	if (get_user(c.prio, (int __user *)a[2]))
		return -EFAULT;
	return set_policy((i32)a[0], c);
}

SYSCALL(sched_setparam)
{
	struct sched_change c = { .keep_policy = true, .keep_nice = true };

	if (!a[1])
		return -EINVAL;
	if (get_user(c.prio, (int __user *)a[1]))
		return -EFAULT;
	return set_policy((i32)a[0], c);
}

SYSCALL(sched_getscheduler)
{
	struct task *t = target((i32)a[0]);
	i64 policy;

	if (IS_ERR(t))
		return PTR_ERR(t);
	policy = t->sched.policy | (t->sched.reset_on_fork ? SCHED_RESET_ON_FORK : 0);
	task_put(t);
	return policy;
}

SYSCALL(sched_getparam)
{
	struct task *t = target((i32)a[0]);
	int prio;

	if (IS_ERR(t))
		return PTR_ERR(t);
	prio = t->sched.rt_prio;
	task_put(t);
	return !a[1] ? -EINVAL : put_user(prio, (int __user *)a[1]);
}

SYSCALL(sched_setattr)
{
	struct sched_attr at = { 0 };
	u32 size;

	if (!a[1] || a[2] || (i32)a[0] < 0)
		return -EINVAL;
	if (get_user(size, (u32 __user *)a[1]))
		return -EFAULT;
	size = size ?: SCHED_ATTR_SIZE_VER0;
	if (size < SCHED_ATTR_SIZE_VER0 || size > PAGE_SIZE)
		return -E2BIG;
	if (copy_from_user(&at, (void __user *)a[1], min((size_t)size, sizeof(at))))
		return -EFAULT;
	if ((i32)at.sched_policy < 0 || (at.sched_flags & ~(u64)SCHED_FLAG_ALL))
		return -EINVAL;
	if (at.sched_flags & SCHED_FLAG_UTIL_CLAMP)
		return -EOPNOTSUPP;
	return set_policy(
		(i32)a[0],
		(struct sched_change){.policy = (int)at.sched_policy,
				      .nice = clamp(at.sched_nice, -20, 19),
				      .prio = (int)at.sched_priority,
				      .reset_on_fork = at.sched_flags & SCHED_FLAG_RESET_ON_FORK,
				      .keep_policy = at.sched_flags & SCHED_FLAG_KEEP_POLICY,
				      .keep_nice = at.sched_flags & SCHED_FLAG_KEEP_PARAMS,
				      .keep_prio = at.sched_flags & SCHED_FLAG_KEEP_PARAMS});
}

SYSCALL(sched_getattr)
{
	struct sched_attr at = { .size = SCHED_ATTR_SIZE_VER0 };
	struct task *t;

	if (!a[1] || a[2] < SCHED_ATTR_SIZE_VER0 || a[2] > PAGE_SIZE || a[3] || (i32)a[0] < 0)
		return -EINVAL;
	t = target((i32)a[0]);
	if (IS_ERR(t))
		return PTR_ERR(t);
	at.sched_policy = t->sched.policy;
	at.sched_flags = t->sched.reset_on_fork ? SCHED_FLAG_RESET_ON_FORK : 0;
	at.sched_nice = t->sched.nice;
	at.sched_priority = t->sched.rt_prio;
	task_put(t);
	return copy_to_user((void __user *)a[1], &at, SCHED_ATTR_SIZE_VER0) ? -EFAULT : 0;
}

SYSCALL(sched_get_priority_max)
{
	int p = (int)a[0];

	return rt_policy(p)						  ? 99
	       : p == SCHED_NORMAL || p == SCHED_BATCH || p == SCHED_IDLE ? 0
									  : -EINVAL;
}

SYSCALL(sched_get_priority_min)
{
	int p = (int)a[0];

	return rt_policy(p)						  ? 1
	       : p == SCHED_NORMAL || p == SCHED_BATCH || p == SCHED_IDLE ? 0
									  : -EINVAL;
}

SYSCALL(sched_rr_get_interval)
{
	struct task *t = target((i32)a[0]);
	u64 ns;

	if (IS_ERR(t))
		return PTR_ERR(t);
	ns = t->sched.policy == SCHED_RR ? 100000000 : t->sched.policy == SCHED_FIFO ? 0 : 3000000;
	task_put(t);
	return timespec_to_user((void __user *)a[1], ns);
}

SYSCALL(sched_setaffinity)
{
	u64 mask = 0, len = min(a[1], (u64)sizeof(mask));
	struct task *t;
	i64 err;

	if (copy_from_user(&mask, (void __user *)a[2], len))
		return -EFAULT;
	t = target((i32)a[0]);
	if (IS_ERR(t))
		return PTR_ERR(t);
	err = may_change(t) ? sched_set_affinity(t, mask) : -EPERM;
	task_put(t);
	return err;
}

SYSCALL(sched_getaffinity)
{
	struct task *t;
	u64 mask;

	if (a[1] < sizeof(mask) || a[1] % sizeof(mask))
		return -EINVAL;
	t = target((i32)a[0]);
	if (IS_ERR(t))
		return PTR_ERR(t);
	mask = t->sched.affinity & (BIT(nr_cpus) - 1);
	task_put(t);
	return copy_to_user((void __user *)a[2], &mask, sizeof(mask)) ? -EFAULT : (i64)sizeof(mask);
}

/* --- nice values over sets of processes
 * ------------------------------------------------------------------- */

/* leader: of p. */
static bool selected(const struct process *p, struct task *leader, int which, u32 who)
{
	const struct cred *c;
	bool same;

	if (which == PRIO_PGRP)
		return p->pgid == (i32)(who ?: (u32)current_proc()->pgid);
	c = task_cred_get(leader);
	same = c->uid == (who ?: current_cred()->uid);
	cred_put(c);
	return same;
}

/* The first selected process from *pid on: its leader, referenced, or NULL; *pid goes on behind it. An
 * exec may change the leader, and free the old one, at any time. */
static struct task *next_selected(i32 *pid, int which, u32 who)
{
	struct process *p;

	while ((p = process_next(*pid))) {
		struct task *t = process_leader(p);
		bool yes = t && selected(p, t, which, who);

		*pid = p->pid + 1;
		process_put(p);
		if (yes)
			return t;
		if (t)
			task_put(t);
	}
	return NULL;
}

static i64 set_nice(struct task *t, int nice)
{
	if (!may_change(t))
		return -EPERM;
	if (nice < t->sched.nice && (u64)(20 - nice) > rlimit(RLIMIT_NICE) &&
	    !capable(CAP_SYS_NICE))
		return -EACCES;
	return sched_set_policy(t, t->sched.policy, nice, t->sched.rt_prio,
				t->sched.reset_on_fork);
}

/* Calls with a thread id too, as Linux does for PRIO_PROCESS. */
SYSCALL(setpriority)
{
	int which = (int)a[0], nice = clamp((int)a[2], -20, 19);
	i32 pid = 1;
	struct task *t;
	i64 err = -ESRCH;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which == PRIO_PROCESS) {
		t = target((i32)a[1]);
		if (IS_ERR(t))
			return PTR_ERR(t);
		err = set_nice(t, nice);
		task_put(t);
		return err;
	}
	while ((t = next_selected(&pid, which, (u32)a[1]))) {
		err = set_nice(t, nice);
		task_put(t);
	}
	return err;
}

/* Returns 20 - nice: 1..40, so that it cannot look like an error (getpriority(2), "C library/kernel
 * differences"). */
SYSCALL(getpriority)
{
	int which = (int)a[0], best = 20;
	i32 pid = 1;
	struct task *t;

	if (which < PRIO_PROCESS || which > PRIO_USER)
		return -EINVAL;
	if (which == PRIO_PROCESS) {
		t = target((i32)a[1]);
		if (IS_ERR(t))
			return PTR_ERR(t) == -EINVAL ? -ESRCH : PTR_ERR(t);
		best = t->sched.nice;
		task_put(t);
		return 20 - best;
	}
	while ((t = next_selected(&pid, which, (u32)a[1]))) {
		best = min(best, (int)t->sched.nice);
		task_put(t);
	}
	return best == 20 ? -ESRCH : 20 - best;
}
