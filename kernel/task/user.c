/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Users: what is counted by real user id and not by process. Credentials keep their user, and so
 * does whatever is charged to one; the last to let go frees it. A user that others can find under
 * the lock has a count above 0 or is about to leave the table, and is then not found any more.
 */
#include <base/alloc.h>
#include <hal/spinlock.h>
#include <task/user.h>

#define BUCKETS 64u

struct user root_user = { .ref = { 1 } };		/* init_cred's; not in the table */
static struct hlist buckets[BUCKETS];			/* lock */
static struct spinlock lock = SPINLOCK_INIT;		/* irq: signals are freed anywhere */

static struct user *find(u32 uid)
{
	struct user *u;

	hlist_for_each(u, &buckets[uid % BUCKETS], hash)
		if (u->uid == uid && ref_get_unless_zero(&u->ref))
			return u;
	return NULL;
}

struct user *user_get_uid(u32 uid)
{
	struct user *fresh, *u;
	u64 flags;

	if (uid == 0) {
		ref_get(&root_user.ref);
		return &root_user;
	}
	fresh = kzalloc(sizeof(*fresh));
	flags = spin_lock_irqsave(&lock);
	u = find(uid);
	if (!u && fresh) {
		u = fresh;
		fresh = NULL;
		u->uid = uid;
		ref_init(&u->ref);
		hlist_add(&buckets[uid % BUCKETS], &u->hash);
	}
	spin_unlock_irqrestore(&lock, flags);
	kfree(fresh);
	return u;
}

void user_put(struct user *u)
{
	u64 flags;

	if (!ref_put(&u->ref))
		return;
	flags = spin_lock_irqsave(&lock);
	hlist_del(&u->hash);
	spin_unlock_irqrestore(&lock, flags);
	kfree(u);
}
