/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Other processes' memory. process_vm_readv(2), process_vm_writev(2): a page at a time through a
 * buffer of ours, so that neither side's memory has to be held while the other's is faulted in.
 * process_madvise(2).
 */
#include <base/newer.h>
#include <linux/capability.h>
#include <mm/mm.h>
#include <sys/pidfd.h>
#include <sys/syscall.h>
#include <task/task.h>
#include "rw.h"

/*
 * The address space of t (NULL: -ESRCH), which the caller may look into: mm_drop.
 * ERR_PTR(-ESRCH, refused). Takes over the reference on t.
 */
static struct mm *mm_of(struct task *t, int refused)
{
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
		err = task_may_inspect_mm(t, mm) ? 0 : refused;
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
		mm = mm_of(task_by_tid((i32)a[0]), -EPERM);
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

/* --- process_madvise -------------------------------------------------------------------------- */
/* The address space that a pidfd is about: mm_drop. ERR_PTR. */
static struct mm *mm_of_pidfd(int fd)
{
	struct pidfd_target to;
	struct task *t;
	int err;

	if (fd == PIDFD_SELF_THREAD || fd == PIDFD_SELF_PROCESS) {
		mm_hold(current_mm());
		return current_mm();
	}
	err = pidfd_get(fd, &to);
	if (err)
		return ERR_PTR(err);
	t = task_by_tid(to.tid ?: to.proc->pid);
	if (t && t->proc != to.proc) {	/* the number is another's now */
		task_put(t);
		t = NULL;
	}
	process_put(to.proc);
	return mm_of(t, -EACCES);
}

/* What may be said of another's memory: nothing that takes contents away. */
static int may_advise(const struct mm *mm, int advice)
{
	if (mm == current_mm())
		return 0;
	if (advice != MADV_COLD && advice != MADV_PAGEOUT && advice != MADV_WILLNEED)
		return -EINVAL;
	return capable(CAP_SYS_NICE) ? 0 : -EPERM;
}

/* Bytes advised, up to the first range that is refused; -errno if that is the first one. */
static i64 advise_ranges(struct mm *mm, const struct uio_vec *v, u32 nr, int advice)
{
	int err = may_advise(mm, advice) ?: mm_madvise(mm, 0, 0, advice);
	i64 done = 0;

	for (u32 i = 0; i < nr && !err; i++) {
		err = mm_madvise(mm, (u64)v->segs[i].base, v->segs[i].len, advice);
		if (!err)
			done += (i64)v->segs[i].len;
	}
	return done ?: err;
}

SYSCALL(process_madvise)
{
	struct uio_vec ranges;
	struct mm *mm;
	i64 ret;

	if (a[4])
		return -EINVAL;
	ret = uio_vec_get(&ranges, (const void __user *)a[1], a[2]);
	if (ret)
		return ret;
	mm = mm_of_pidfd((int)a[0]);
	ret = PTR_ERR(mm);
	if (!IS_ERR(mm)) {
		ret = -ESRCH;
		if (mm == current_mm()) {
			ret = advise_ranges(mm, &ranges, (u32)a[2], (int)a[3]);
		} else if (mm_borrow_live(mm)) {
			ret = advise_ranges(mm, &ranges, (u32)a[2], (int)a[3]);
			mm_return(mm);
		}
		mm_drop(mm);
	}
	uio_vec_free(&ranges);
	return ret;
}
