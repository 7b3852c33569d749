/* SPDX-License-Identifier: BSD-2-Clause */
/* System calls of memory management: decode, check what needs no lock, hand over to mm. */
#include <fs/vfs.h>
#include <mm/mm.h>
#include <sys/syscall.h>
#include <task/task.h>
#include <linux/mman.h>

u64 mm_rlimit(int which) { return current->proc ? rlimit(which) : ~0ull; }

static i64 mmap_file(struct mmap_req *r, int fd)
{
	struct fdref f = fdref_get(fd);
	i64 ret;

	if (!f.file)
		return -EBADF;
	if (!(f.file->mode & FMODE_READ)) {
		ret = -EACCES;
	} else {
		r->backing = &f.file->backing;
		ret = mm_mmap(current_mm(), r);
	}
	fdref_put(f);
	return ret;
}

SYSCALL(mmap)
{
	struct mmap_req r = {
		.addr = a[0], .len = a[1], .prot = (int)a[2], .flags = (int)a[3], .offset = a[5],
	};

	if (a[5] & ~PAGE_MASK)
		return -EINVAL;
	if (current->proc->personality & 0x0400000 /* READ_IMPLIES_EXEC */ && (r.prot & PROT_READ))
		r.prot |= PROT_EXEC;
	if (r.flags & MAP_ANONYMOUS) {
		r.offset = 0;
		return mm_mmap(current_mm(), &r);
	}
	return mmap_file(&r, (int)a[4]);
}

SYSCALL(munmap) { return mm_munmap(current_mm(), a[0], a[1]); }
SYSCALL(brk) { return (i64)mm_brk(current_mm(), a[0]); }
SYSCALL(mprotect) { return mm_mprotect(current_mm(), a[0], a[1], (int)a[2]); }
SYSCALL(mremap) { return mm_mremap(current_mm(), a[0], a[1], a[2], (int)a[3], a[4]); }
SYSCALL(madvise) { return mm_madvise(current_mm(), a[0], a[1], (int)a[2]); }
SYSCALL(msync) { return mm_msync(current_mm(), a[0], a[1], (int)a[2]); }
SYSCALL(mincore) { return mm_mincore(current_mm(), a[0], a[1], (u8 __user *)a[2]); }
SYSCALL(mlock) { return mm_mlock(current_mm(), a[0], a[1], false); }
SYSCALL(munlock) { return mm_munlock(current_mm(), a[0], a[1]); }
SYSCALL(mlockall) { return mm_mlockall(current_mm(), (int)a[0]); }
SYSCALL(munlockall) { return mm_munlockall(current_mm()); }

SYSCALL(mseal) { return mm_mseal(current_mm(), a[0], a[1], a[2]); }

SYSCALL(mlock2)
{
	if (a[2] & ~(u64)MLOCK_ONFAULT)
		return -EINVAL;
	return mm_mlock(current_mm(), a[0], a[1], a[2] & MLOCK_ONFAULT);
}
