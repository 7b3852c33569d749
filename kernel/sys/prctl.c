/* SPDX-License-Identifier: BSD-2-Clause */
/* prctl(2). What is not known, or belongs to hardware that is not there, is EINVAL as on Linux. */
#include <base/newer.h>
#include <base/string.h>
#include <hal/uaccess.h>
#include <linux/securebits.h>
#include <sys/syscall.h>
#include <sys/tine.h>
#include <task/task.h>

static bool none_of(const u64 *a, u32 from)
{
	for (u32 i = from; i < 5; i++)
		if (a[i])
			return false;
	return true;
}

static i64 set_name(u64 uname)
{
	struct task *t = current;
	char name[16] = "";
	ssize_t n = strncpy_from_user(name, (const char __user *)uname, sizeof(name));

	if (n == -ENAMETOOLONG) {
		if (copy_from_user(name, (void __user *)uname, sizeof(name) - 1))
			return -EFAULT;
	} else if (n < 0) {
		return n;
	}
	name[15] = 0;
	spin_lock(&t->task_lock);
	memcpy(t->comm, name, sizeof(t->comm));
	spin_unlock(&t->task_lock);
	return 0;
}

static i64 set_securebits(u64 bits)
{
	const struct cred *o = current_cred();
	struct cred *c;

	if ((((o->securebits & SECURE_ALL_LOCKS) >> 1) &
	     (o->securebits ^ bits)) || /* a locked bit changes */
	    (o->securebits & SECURE_ALL_LOCKS & ~bits) ||
	    (bits & ~(u64)(SECURE_ALL_LOCKS | SECURE_ALL_BITS)) || !capable(CAP_SETPCAP))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->securebits = (u32)bits;
	cred_commit(c);
	return 0;
}

static i64 set_keepcaps(u64 on)
{
	struct cred *c;

	if (on > 1)
		return -EINVAL;
	if (current_cred()->securebits & SECBIT_KEEP_CAPS_LOCKED)
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->securebits = (c->securebits & ~(u32)SECBIT_KEEP_CAPS) | (on ? SECBIT_KEEP_CAPS : 0);
	cred_commit(c);
	return 0;
}

static i64 drop_bounding(u64 cap)
{
	struct cred *c;

	if (!capable(CAP_SETPCAP))
		return -EPERM;
	if (cap > CAP_LAST_CAP)
		return -EINVAL;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->cap_bounding &= ~BIT(cap);
	cred_commit(c);
	return 0;
}

static i64 ambient(const u64 *a)
{
	const struct cred *o = current_cred();
	u64 cap = a[2];
	struct cred *c;

	if (a[3] || a[4] || (a[1] == PR_CAP_AMBIENT_CLEAR_ALL ? cap != 0 : cap > CAP_LAST_CAP))
		return -EINVAL;
	switch (a[1]) {
	case PR_CAP_AMBIENT_IS_SET:
		return !!(o->cap_ambient & BIT(cap));
	case PR_CAP_AMBIENT_RAISE:
		if (!(o->cap_permitted & o->cap_inheritable & BIT(cap)) ||
		    (o->securebits & SECBIT_NO_CAP_AMBIENT_RAISE))
			return -EPERM;
		break;
	case PR_CAP_AMBIENT_LOWER:
	case PR_CAP_AMBIENT_CLEAR_ALL:
		break;
	default:
		return -EINVAL;
	}
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (a[1] == PR_CAP_AMBIENT_CLEAR_ALL)
		c->cap_ambient = 0;
	else if (a[1] == PR_CAP_AMBIENT_RAISE)
		c->cap_ambient |= BIT(cap);
	else
		c->cap_ambient &= ~BIT(cap);
	cred_commit(c);
	return 0;
}

static i64 set_no_new_privs(void)
{
	struct cred *c;

	if (current_cred()->no_new_privs)
		return 0;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->no_new_privs = true;
	cred_commit(c);
	return 0;
}

static i64 set_thp(const u64 *a)
{
	if (!none_of(a, 3) || (a[2] & ~(u64)PR_THP_DISABLE_EXCEPT_ADVISED) || (!a[1] && a[2]))
		return -EINVAL;
	current_mm()->thp_disable = !a[1] ? THP_ENABLED
				    : a[2] ? THP_DISABLE_UNADVISED
					   : THP_DISABLE_ALL;
	return 0;
}

/* As it was set: 1, and the flag above it. */
static i64 get_thp(void)
{
	u8 how = current_mm()->thp_disable;

	if (how == THP_DISABLE_UNADVISED)
		return 1 | PR_THP_DISABLE_EXCEPT_ADVISED;
	return how;
}

/* Options about the address space. */
static i64 of_memory(const u64 *a)
{
	struct mm *mm = current_mm();

	switch ((int)a[0]) {
	case PR_GET_DUMPABLE:
		return mm->dumpable;
	case PR_SET_DUMPABLE:
		if (a[1] > 1)
			return -EINVAL;
		WRITE_ONCE(mm->dumpable, a[1]);
		return 0;
	case PR_SET_THP_DISABLE:
		return set_thp(a);
	case PR_GET_THP_DISABLE:
		return none_of(a, 1) ? get_thp() : -EINVAL;
	case PR_SET_COW_PAGE_TABLES:
		if (a[1] > 1 || !none_of(a, 2))
			return -EINVAL;
		WRITE_ONCE(mm->cow_tables, a[1]);
		return 0;
	case PR_GET_COW_PAGE_TABLES:
		return none_of(a, 1) ? mm->cow_tables : -EINVAL;
	case PR_SET_MDWE:
		return none_of(a, 2) ? mm_set_mdwe(mm, a[1]) : -EINVAL;
	case PR_GET_MDWE:
		return none_of(a, 1) ? mm->mdwe : -EINVAL;
	}
	return -EINVAL;
}

/* Options about credentials, or about the address space. */
static i64 of_cred(const u64 *a)
{
	const struct cred *c = current_cred();

	switch ((int)a[0]) {
	case PR_GET_KEEPCAPS:
		return !!(c->securebits & SECBIT_KEEP_CAPS);
	case PR_SET_KEEPCAPS:
		return set_keepcaps(a[1]);
	case PR_GET_SECUREBITS:
		return c->securebits;
	case PR_SET_SECUREBITS:
		return set_securebits(a[1]);
	case PR_CAPBSET_READ:
		return a[1] > CAP_LAST_CAP ? -EINVAL : !!(c->cap_bounding & BIT(a[1]));
	case PR_CAPBSET_DROP:
		return drop_bounding(a[1]);
	case PR_CAP_AMBIENT:
		return ambient(a);
	case PR_SET_NO_NEW_PRIVS:
		return a[1] == 1 && none_of(a, 2) ? set_no_new_privs() : -EINVAL;
	case PR_GET_NO_NEW_PRIVS:
		return none_of(a, 1) ? c->no_new_privs : -EINVAL;
	default:
		return of_memory(a);
	}
}

SYSCALL(prctl)
{
	struct task *t = current;
	struct process *p = t->proc;

	switch ((int)a[0]) {
	case PR_SET_NAME:
		return set_name(a[1]);
	case PR_GET_NAME:
		return copy_to_user((void __user *)a[1], t->comm, sizeof(t->comm)) ? -EFAULT : 0;
	case PR_SET_PDEATHSIG:
		if (a[1] > 64)
			return -EINVAL;
		t->pdeath_signal = (int)a[1];
		return 0;
	case PR_GET_PDEATHSIG:
		return put_user(t->pdeath_signal, (int __user *)a[1]);
	case PR_SET_CHILD_SUBREAPER:
		p->child_subreaper = a[1];
		return 0;
	case PR_GET_CHILD_SUBREAPER:
		return put_user((int)p->child_subreaper, (int __user *)a[1]);
	case PR_SET_TIMERSLACK:
		t->timer_slack = (i64)a[1] > 0 ? a[1] : 50000;
		return 0;
	case PR_GET_TIMERSLACK:
		return (i64)min(t->timer_slack, (u64)INT64_MAX);
	case PR_GET_TID_ADDRESS:
		return put_user((u64)t->clear_child_tid, (u64 __user *)a[1]);
	case PR_GET_TIMING:
		return 0;
	case PR_SET_TIMING:
		return a[1] == PR_TIMING_STATISTICAL ? 0 : -EINVAL;
	case PR_GET_SECCOMP:
		return 0;
	case PR_MCE_KILL_GET:
		return none_of(a, 1) ? PR_MCE_KILL_DEFAULT : -EINVAL;
	case PR_SET_TAGGED_ADDR_CTRL:
	case PR_GET_TAGGED_ADDR_CTRL:
		return none_of(a, 1) ? 0 : -EINVAL;
	default:
		return of_cred(a);
	}
}
