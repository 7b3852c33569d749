/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Futexes. A waiter stands in the hash bucket of its key; a key is the word's place: address space
 * and address, or, in a shared mapping, the mapped object and the offset in it.
 *
 * No wake is lost: the waiter reads the word under the bucket's lock and queues before it lets go;
 * a waker changes the word first and takes the lock after, even if the bucket looks empty: a waiter
 * may have read the word and not be queued yet. The word is read with faults off there; if its page
 * is absent the lock is dropped, the page faulted in, and all begins anew. Two buckets are locked in
 * order of address.
 */
#include <base/init.h>
#include <hal/sync.h>
#include <hal/uaccess.h>
#include <linux/futex.h>
#include <mm/mapping.h>
#include <task/futex.h>
#include <task/task.h>

struct futex_key { const void *object; u64 offset; };
struct bucket { struct spinlock lock; struct list waiters; } __aligned(64);
struct futex_waiter {
	struct list link;
	struct task *task;
	struct futex_key key;
	u32 bitset;
	struct bucket *bucket; /* NULL once woken; changes under the lock of the bucket it names */
};

#define BUCKETS 256
static struct bucket buckets[BUCKETS];

static struct bucket *bucket_of(const struct futex_key *k)
{
	u64 h = ((u64)k->object ^ (k->offset >> 2)) * 0x9e3779b97f4a7c15ull;
	struct bucket *b = &buckets[h >> 56];

	return b;
}

static int futex_start(void)
{
	for (u32 i = 0; i < BUCKETS; i++) {
		spin_init(&buckets[i].lock);
		list_init(&buckets[i].waiters);
	}
	return 0;
}

/* Waiters keep neither object nor mapping: a key that outlives them can only cause a spurious wake.
 */
static int make_key(u32 __user *uaddr, bool shared, struct futex_key *k)
{
	struct mm *mm = current_mm();
	struct vma *v;
	int err = 0;

	if ((u64)uaddr & 3)
		return -EINVAL;
	if (!user_range_ok(uaddr, 4))
		return -EFAULT;
	*k = (struct futex_key){ mm, (u64)uaddr };
	if (!shared)
		return 0;
	read_lock(&mm->lock);
	v = mm_find_vma(mm, (u64)uaddr);
	if (!v)
		err = -EFAULT;
	else if ((v->vm_flags & VM_SHARED) && v->backing && v->backing->mapping)
		*k = (struct futex_key){ v->backing->mapping,
					 (v->pgoff << PAGE_SHIFT) + ((u64)uaddr - v->start) };
	read_unlock(&mm->lock);
	return err;
}

static bool same_key(const struct futex_key *a, const struct futex_key *b)
{
	return a->object == b->object && a->offset == b->offset;
}

/* 0, or -EFAULT if the page is not there right now. Under a spinlock. */
static int peek_user(u32 *val, u32 __user *uaddr)
{
	int err;

	pagefault_disable();
	err = get_user(*val, uaddr);
	pagefault_enable();
	return err;
}

static int fault_in(u32 __user *uaddr)
{
	u32 val;

	return get_user(val, uaddr);
}

/* Takes w off its queue. The wake function may still be about to run: the task's reference is held
 * by its being current. */
static struct task *dequeue(struct futex_waiter *w)
{
	struct task *t = w->task;

	list_del(&w->link);
	task_get(t);
	store_release(&w->bucket, NULL);	/* w may vanish from here on */
	return t;
}

static void wake_and_put(struct task *t)
{
	wake_task(t, WAKE_NORMAL);
	task_put(t);
}

/* Removes an unwoken waiter. True if it still was queued. */
static bool unqueue(struct futex_waiter *w)
{
	struct bucket *b;

	while ((b = load_acquire(&w->bucket))) {
		bool ours;

		spin_lock(&b->lock);
		ours = w->bucket == b;
		if (ours)
			list_del(&w->link);
		spin_unlock(&b->lock);
		if (ours)
			return true;
	}
	return false;
}

/* Queues w if the word still holds val. 0, -EAGAIN, -EFAULT, -EINVAL. */
static int queue_if_equal(struct futex_waiter *w, u32 __user *uaddr, u32 val, bool shared)
{
	for (;;) {
		int err = make_key(uaddr, shared, &w->key);
		struct bucket *b;
		u32 now;

		if (err)
			return err;
		b = bucket_of(&w->key);
		spin_lock(&b->lock);
		err = peek_user(&now, uaddr);
		if (!err && now == val) {
			w->bucket = b;
			list_add_tail(&b->waiters, &w->link);
			set_state(TASK_INTERRUPTIBLE);
			spin_unlock(&b->lock);
			return 0;
		}
		spin_unlock(&b->lock);
		if (!err)
			return -EAGAIN;
		err = fault_in(uaddr);
		if (err)
			return err;
	}
}

i64 futex_wait(u32 __user *uaddr, u32 val, bool shared, u32 bitset, u64 deadline)
{
	struct futex_waiter w = { .task = current, .bitset = bitset };
	bool in_time = true;
	int err;

	if (!bitset)
		return -EINVAL;
	err = queue_if_equal(&w, uaddr, val, shared);
	if (err)
		return err;
	while (load_acquire(&w.bucket) && in_time) {
		if (sleep_interrupted(SLEEP_INTERRUPTIBLE))
			break;
		in_time = schedule_until(deadline);
		if (in_time)
			set_state(TASK_INTERRUPTIBLE);
	}
	WRITE_ONCE(current->sched.state, TASK_RUNNING);
	if (!unqueue(&w))
		return 0;
	return in_time ? -ERESTARTSYS : -ETIMEDOUT;
}

i64 futex_wake(u32 __user *uaddr, u32 n, bool shared, u32 bitset)
{
	struct futex_waiter *w, *tmp;
	struct futex_key key;
	struct bucket *b;
	i64 woken = 0;
	int err;

	if (!bitset)
		return -EINVAL;
	err = make_key(uaddr, shared, &key);
	if (err)
		return err;
	b = bucket_of(&key);
	spin_lock(&b->lock);
	list_for_each_safe(w, tmp, &b->waiters, link) {
		if ((u64)woken >= n)
			break;
		if (!same_key(&w->key, &key) || !(w->bitset & bitset))
			continue;
		wake_and_put(dequeue(w));
		woken++;
	}
	spin_unlock(&b->lock);
	return woken;
}

static void lock_two(struct bucket *a, struct bucket *b)
{
	if (a > b) {
		struct bucket *t = a;

		a = b;
		b = t;
	}
	spin_lock(&a->lock);
	if (a != b)
		spin_lock(&b->lock);
}

static void unlock_two(struct bucket *a, struct bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

i64 futex_requeue(u32 __user *uaddr, u32 __user *uaddr2, bool shared, u32 wake, u32 move,
		  const u32 *cmp)
{
	struct futex_waiter *w, *tmp;
	struct futex_key k1, k2;
	struct bucket *b1, *b2;
	u32 val, woken = 0, moved = 0;
	int err;

retry:
	err = make_key(uaddr, shared, &k1);
	if (!err)
		err = make_key(uaddr2, shared, &k2);
	if (err)
		return err;
	b1 = bucket_of(&k1);
	b2 = bucket_of(&k2);
	lock_two(b1, b2);
	if (cmp && peek_user(&val, uaddr)) {
		unlock_two(b1, b2);
		err = fault_in(uaddr);
		if (err)
			return err;
		goto retry;
	}
	if (cmp && val != *cmp) {
		unlock_two(b1, b2);
		return -EAGAIN;
	}
	list_for_each_safe(w, tmp, &b1->waiters, link) {
		if (!same_key(&w->key, &k1))
			continue;
		if (woken < wake) {
			wake_and_put(dequeue(w));
			woken++;
		} else if (moved < move) {
			w->key = k2;
			if (b1 != b2) {
				list_del(&w->link);
				list_add_tail(&b2->waiters, &w->link);
				store_release(&w->bucket, b2);
			}
			moved++;
		} else {
			break;
		}
	}
	unlock_two(b1, b2);
	return woken + moved;
}

static bool wake_op_compare(u32 old, u32 op)
{
	i32 arg = (i32)(op << 20) >> 20, v = (i32)old;

	switch ((op >> 24) & 15) {
	case FUTEX_OP_CMP_EQ: return v == arg;
	case FUTEX_OP_CMP_NE: return v != arg;
	case FUTEX_OP_CMP_LT: return v < arg;
	case FUTEX_OP_CMP_LE: return v <= arg;
	case FUTEX_OP_CMP_GT: return v > arg;
	default: return v >= arg;
	}
}

i64 futex_wake_op(u32 __user *uaddr, u32 __user *uaddr2, bool shared, u32 n, u32 n2, u32 op)
{
	u32 arg = (u32)((i32)(op << 8) >> 20), old;
	i64 woken, more = 0;
	int err;

	if (((op >> 24) & 15) > FUTEX_OP_CMP_GE || ((op >> 28) & 7) > FUTEX_OP_XOR)
		return -ENOSYS;
	if ((u64)uaddr2 & 3)
		return -EINVAL;
	if (op & (FUTEX_OP_OPARG_SHIFT << 28))
		arg = 1u << (arg & 31);
	err = user_xchg_op32(uaddr2, (op >> 28) & 7, arg, &old);
	if (err)
		return err;
	/* The change is atomic by itself; the wakes follow it, which is all that a waiter can tell.
	 */
	woken = futex_wake(uaddr, n, shared, FUTEX_BITSET_MATCH_ANY);
	if (woken >= 0 && wake_op_compare(old, op))
		more = futex_wake(uaddr2, n2, shared, FUTEX_BITSET_MATCH_ANY);
	return woken < 0 ? woken : more < 0 ? more : woken + more;
}

/* --- robust lists: Documentation of the ABI: get_robust_list(2), "robust-futex-ABI"
 * ------------------------ */

static void owner_died(u32 __user *uaddr, struct task *t)
{
	u32 val, want;

	if ((u64)uaddr & 3 || get_user(val, uaddr))
		return;
	do {
		if ((val & FUTEX_TID_MASK) != (u32)t->tid)
			return;
		want = (val & FUTEX_WAITERS) | FUTEX_OWNER_DIED;
		switch (user_cas32(uaddr, &val, want)) {
		case 0: goto done;
		case -EAGAIN: continue;
		default: return;
		}
	} while (true);
done:
	if (val & FUTEX_WAITERS)
		futex_wake(uaddr, 1, true, FUTEX_BITSET_MATCH_ANY);
}

void futex_exit(struct task *t)
{
	struct robust_list_head __user *head = t->robust_list;
	u64 entry, pending, offset, next;

	if (!head)
		return;
	t->robust_list = NULL;
	if (get_user(entry, (u64 __user *)&head->list.next) ||
	    get_user(offset, (u64 __user *)&head->futex_offset) ||
	    get_user(pending, (u64 __user *)&head->list_op_pending))
		return;
	for (u32 limit = ROBUST_LIST_LIMIT; entry != (u64)head && limit; limit--, entry = next) {
		/* The next link first: the word's new owner may reuse the entry. Bit 0 marks a PI
		 * lock. */
		if (get_user(next, (u64 __user *)(entry & ~1ull)))
			break;
		if (entry != pending && !(entry & 1))
			owner_died((u32 __user *)(entry + offset), t);
		cond_resched();
	}
	if (pending && !(pending & 1))
		owner_died((u32 __user *)(pending + offset), t);
}

INITCALL(core, futex_start);
