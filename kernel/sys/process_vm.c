/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process_vm_readv(2), process_vm_writev(2): a page at a time through a buffer of ours, so that
 * neither side's memory has to be held while the other's is faulted in.
 */
#include <mm/mm.h>
#include <sys/syscall.h>
#include <task/task.h>
#include "rw.h"

/* The task's address space, which the caller may look into: mm_drop. ERR_PTR(-ESRCH, -EPERM). */
static struct mm *mm_of(i32 tid)
{
	struct task *t = task_by_tid(tid);
	struct mm *mm;
	int err = -ESRCH;

	if (!t)
		return ERR_PTR(-ESRCH);
	spin_lock(&t->task_lock);
	mm = t->mm;
	if (mm)
		mm_hold(mm);
	spin_unlock(&t->task_lock);
	if (mm) {
		err = task_may_inspect_mm(t, mm) ? 0 : -EPERM;
		if (err)
			mm_drop(mm);
	}
	task_put(t);
	return err ? ERR_PTR(err) : mm;
}

/* One piece, within a page's size; bytes moved, fewer than n at a bad address of either side. */
static size_t move_piece(struct mm *mm, u64 addr, struct uio *u, void *buf, size_t n, bool write)
{
	ssize_t got;

	if (write) {
		n = uio_read(u, buf, n);
		got = mm_access_held(mm, addr, buf, n, true, true);
		return got > 0 ? (size_t)got : 0;
	}
	got = mm_access_held(mm, addr, buf, n, false, true);
	return got > 0 ? uio_write(u, buf, (size_t)got) : 0;
}

static i64 transfer(struct mm *mm, struct uio *local, const struct uio_vec *remote, u32 nr,
		    bool write)
{
	void *buf = page_alloc(0);
	i64 done = 0;

	if (!buf)
		return -ENOMEM;
	for (u32 i = 0; i < nr && local->left; i++) {
		u64 at = (u64)remote->segs[i].base, end = at + remote->segs[i].len;

		while (at < end && local->left) {
			size_t n = min(end - at, PAGE_SIZE - (at & ~PAGE_MASK)), moved;

			n = min(n, local->left);
			moved = move_piece(mm, at, local, buf, n, write);
			done += (i64)moved;
			at += moved;
			if (moved < n)
				goto out;
		}
	}
out:
	page_free(buf);
	return done ?: -EFAULT;
}

static i64 process_vm(const u64 *a, bool write)
{
	struct uio_vec local, remote;
	struct mm *mm;
	i64 ret;

	if (a[5])
		return -EINVAL;
	ret = uio_vec_get(&local, (const void __user *)a[1], a[2]);
	if (ret)
		return ret;
	if (local.u.left)
		ret = uio_vec_get(&remote, (const void __user *)a[3], a[4]);
	if (ret || !local.u.left)
		goto out;
	if (remote.u.left) {
		mm = mm_of((i32)a[0]);
		ret = PTR_ERR(mm);
		if (!IS_ERR(mm)) {
			ret = transfer(mm, &local.u, &remote, (u32)a[4], write);
			mm_drop(mm);
		}
	}
	uio_vec_free(&remote);
out:
	uio_vec_free(&local);
	return ret;
}

SYSCALL(process_vm_readv) { return process_vm(a, false); }
SYSCALL(process_vm_writev) { return process_vm(a, true); }
