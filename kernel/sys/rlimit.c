/* SPDX-License-Identifier: BSD-2-Clause */
/* Resource limits: getrlimit(2). */
#include <hal/uaccess.h>
#include <linux/fs.h>
#include <sys/syscall.h>
#include <task/task.h>

/* Another process's limits may be touched by root or by who is the same user in every respect.
 * proc_lock held. */
static bool may_limit(const struct process *p)
{
	const struct cred *me = current_cred(), *c;
	bool ok;

	if (p == current->proc)
		return true;
	rcu_read_lock();
	c = rcu_dereference(p->leader->cred);
	ok = (me->uid == c->euid && me->uid == c->suid && me->uid == c->uid && me->gid == c->egid &&
	      me->gid == c->sgid && me->gid == c->gid) ||
	     capable(CAP_SYS_RESOURCE);
	rcu_read_unlock();
	return ok;
}

#define NR_OPEN (1024 * 1024u)		/* /proc/sys/fs/nr_open */

static int check_new(u32 which, const struct rlimit64 *new, const struct rlimit64 *old)
{
	if (new->rlim_cur > new->rlim_max)
		return -EINVAL;
	if (which == RLIMIT_NOFILE && new->rlim_max > NR_OPEN)
		return -EPERM;
	if (new->rlim_max > old->rlim_max && !capable(CAP_SYS_RESOURCE))
		return -EPERM;
	return 0;
}

/* Either of new and old may be NULL. */
static int change_limit(struct process *p, u32 which, const struct rlimit64 *new,
			struct rlimit64 *old)
{
	u64 flags;
	int err = 0;

	if (which >= RLIM_NLIMITS)
		return -EINVAL;
	flags = spin_lock_irqsave(&proc_lock);
	if (p->reaped)
		err = -ESRCH;
	else if (!may_limit(p))
		err = -EPERM;
	if (!err && new)
		err = check_new(which, new, &p->rlim[which]);
	if (!err && old)
		*old = p->rlim[which];
	if (!err && new)
		p->rlim[which] = *new;
	spin_unlock_irqrestore(&proc_lock, flags);
	return err;
}

SYSCALL(prlimit64)
{
	struct process *p = (i32)a[0] ? process_by_pid((i32)a[0]) : current_proc();
	struct rlimit64 new, old;
	int err = 0;

	if (!p)
		return -ESRCH;
	if (a[2] && copy_from_user(&new, (void __user *)a[2], sizeof(new)))
		err = -EFAULT;
	if (!err)
		err = change_limit(p, (u32)a[1], a[2] ? &new : NULL, &old);
	if ((i32)a[0])
		process_put(p);
	if (!err && a[3] && copy_to_user((void __user *)a[3], &old, sizeof(old)))
		err = -EFAULT;
	return err;
}

SYSCALL(getrlimit)
{
	struct rlimit64 old;
	int err = change_limit(current_proc(), (u32)a[0], NULL, &old);

	return err ?: copy_to_user((void __user *)a[1], &old, sizeof(old)) ? -EFAULT : 0;
}

SYSCALL(setrlimit)
{
	struct rlimit64 new;

	if (copy_from_user(&new, (void __user *)a[1], sizeof(new)))
		return -EFAULT;
	return change_limit(current_proc(), (u32)a[0], &new, NULL);
}
