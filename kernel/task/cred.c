/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Credentials. A published struct cred never changes; a task replaces its own as a whole. Others
 * read it under RCU (task_cred_get), so an old one is freed after a grace period. Rules of
 * capabilities: capabilities(7).
 */
#include <base/alloc.h>
#include <base/string.h>
#include "internal.h"

#define ALL_CAPS (BIT(CAP_LAST_CAP + 1) - 1)

struct cred init_cred = {
	.ref = { 1 },
	.user = &root_user,
	.cap_effective = ALL_CAPS, .cap_permitted = ALL_CAPS, .cap_bounding = ALL_CAPS,
};

static void cred_free(struct rcu_head *h)
{
	struct cred *c = container_of(h, struct cred, rcu);

	cred_abort(c);
}

void cred_put(const struct cred *c)
{
	struct cred *m = (struct cred *)c;

	if (c && ref_put(&m->ref))
		call_rcu(&m->rcu, cred_free);
}

struct cred *cred_prepare(void)
{
	struct cred *c = kmemdup(current_cred(), sizeof(*c));

	if (!c)
		return NULL;
	ref_init(&c->ref);
	if (c->ngroups) {
		c->groups = kmemdup(c->groups, c->ngroups * sizeof(u32));
		if (!c->groups) {
			kfree(c);
			return NULL;
		}
	} else {
		c->groups = NULL;
	}
	user_get(c->user);
	return c;
}

void cred_commit(struct cred *c)
{
	const struct cred *old = current->cred;

	/* Whoever gains or loses an identity is not to be looked into by those who could before. */
	if (c->euid != old->euid || c->egid != old->egid || c->fsuid != old->fsuid ||
	    c->fsgid != old->fsgid || (c->cap_permitted & ~old->cap_permitted)) {
		if (current->mm)
			WRITE_ONCE(current->mm->dumpable, false);
		current->pdeath_signal = 0;
	}
	rcu_assign(current->cred, c);
	cred_put(old);
}

int cred_set_user(struct cred *c)
{
	struct user *u;

	if (c->uid == c->user->uid)
		return 0;
	u = user_get_uid(c->uid);
	if (!u)
		return -EAGAIN;
	user_put(c->user);
	c->user = u;
	return 0;
}

void cred_abort(struct cred *c)
{
	user_put(c->user);
	kfree(c->groups);
	kfree(c);
}

const struct cred *task_cred_get(struct task *t)
{
	const struct cred *c;

	rcu_read_lock();
	do
		c = rcu_dereference(t->cred);
	while (!ref_get_unless_zero(&((struct cred *)c)->ref));
	rcu_read_unlock();
	return c;
}

bool task_dumpable(struct task *t)
{
	bool yes;

	spin_lock(&t->task_lock);
	yes = t->mm ? READ_ONCE(t->mm->dumpable) : !t->undumpable;
	spin_unlock(&t->task_lock);
	return yes;
}

static bool own_or_capable(const struct task *t)
{
	return t->proc == current->proc || capable(CAP_SYS_PTRACE);
}

/* Read before whether t is dumpable: who takes on our identity becomes undumpable first. */
static bool same_identity(struct task *t)
{
	const struct cred *me = current_cred(), *c = task_cred_get(t);
	bool same = me->fsuid == c->euid && me->fsuid == c->suid && me->fsuid == c->uid &&
		    me->fsgid == c->egid && me->fsgid == c->sgid && me->fsgid == c->gid &&
		    !(c->cap_permitted & ~me->cap_permitted);

	cred_put(c);
	return same;
}

bool task_may_inspect(struct task *t)
{
	return own_or_capable(t) || (same_identity(t) && task_dumpable(t));
}

bool task_may_inspect_mm(struct task *t, const struct mm *mm)
{
	return own_or_capable(t) || (same_identity(t) && READ_ONCE(mm->dumpable));
}

bool capable(int cap)
{
	if (!(current_cred()->cap_effective & BIT(cap)))
		return false;
	current->flags |= TF_SUPERPRIV;
	return true;
}

bool in_group(u32 gid)
{
	const struct cred *c = current_cred();
	u32 lo = 0, hi = c->ngroups;

	if (gid == c->fsgid)
		return true;
	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (c->groups[mid] == gid)
			return true;
		if (c->groups[mid] < gid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

#define SECURE_KEEP_CAPS		BIT(4)
#define SECURE_NO_SETUID_FIXUP		BIT(2)

void cred_fix_caps(struct cred *c, const struct cred *old)
{
	bool was_root = old->uid == 0 || old->euid == 0 || old->suid == 0;
	bool is_root = c->uid == 0 || c->euid == 0 || c->suid == 0;

	if (c->securebits & SECURE_NO_SETUID_FIXUP)
		return;
	if (was_root && !is_root) {
		if (!(c->securebits & SECURE_KEEP_CAPS))
			c->cap_permitted = c->cap_effective = 0;
		c->cap_ambient = 0;
	}
	if (old->euid == 0 && c->euid != 0)
		c->cap_effective = 0;
	if (old->euid != 0 && c->euid == 0)
		c->cap_effective = c->cap_permitted;
}
