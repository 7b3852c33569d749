/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Access to user memory of the current address space. Every routine checks that the range lies in
 * the user half; a fault that mm cannot serve ends the access (exception table). May sleep, so no
 * spinlock is held, unless the caller is in a pagefault_disable section, where an absent page
 * counts as bad at once.
 */
#ifndef HAL_UACCESS_H
#define HAL_UACCESS_H
#include <base/types.h>
#include <base/errno.h>

/* Bytes NOT copied: 0 is success. */
size_t copy_from_user(void *dst, const void __user *src, size_t n) __must_check;
size_t copy_to_user(void __user *dst, const void *src, size_t n) __must_check;
size_t clear_user(void __user *dst, size_t n) __must_check;
/* Length without NUL, or -EFAULT, or -ENAMETOOLONG when there is none in max bytes. dst gets the
 * NUL. */
ssize_t strncpy_from_user(char *dst, const char __user *src, size_t max) __must_check;
ssize_t strnlen_user(const char __user *src, size_t max) __must_check;

/* One naturally aligned or unaligned value of 1, 2, 4 or 8 bytes; 0 or -EFAULT (arch/uaccess.h). */
#include <arch/uaccess.h>
#define get_user(var, uptr) ({ \
	u64 _v = 0; \
	int _e = arch_get_user(&_v, (uptr), sizeof(*(uptr))); \
	(var) = (__typeof__(var))_v; \
	_e; \
})
#define put_user(val, uptr) arch_put_user((u64)(val), (uptr), sizeof(*(uptr)))

/* Atomic on a 4-byte aligned user word, for futexes. 0, -EFAULT, -EAGAIN (cas: *old holds what was
 * there). */
int user_cas32(u32 __user *p, u32 *old, u32 new);
int user_xchg_op32(u32 __user *p, int op, u32 arg, u32 *old); /* op: FUTEX_OP_SET ADD OR ANDN XOR */

/* From an address in the kernel's half, at which there may be nothing: 0, or -EFAULT and dst holds
 * some of it. Any context. */
int copy_from_kernel(void *dst, const void *src, size_t n) __must_check;

/* Between these a copy fails where it would fault, rather than sleep. Nest. */
void pagefault_disable(void);
void pagefault_enable(void);
/* [p, p + n) lies in the user half; says nothing of what is mapped there. */
static inline bool user_range_ok(const void __user *p, size_t n)
{
	return n <= (1ul << 48) && (u64)p <= (1ul << 48) - n;
}
#endif
