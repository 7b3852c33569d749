/* SPDX-License-Identifier: BSD-2-Clause */
/* User copies: range check here, the copy itself in uaccess.S. */
#include <hal/uaccess.h>
#include <hal/page.h>
#include <linux/futex.h>

size_t user_copy(void *dst, const void *src, size_t n);
size_t user_clear(void *dst, size_t n);
int user_cas_once(u32 *p, u32 *old, u32 new);

size_t copy_from_user(void *dst, const void __user *src, size_t n)
{
	return likely(user_range_ok(src, n)) ? user_copy(dst, src, n) : n;
}

int copy_from_kernel(void *dst, const void *src, size_t n)
{
	u64 left = -(u64)src;	/* up to the end of the address space */

	if ((u64)src >> 48 != 0xffff || n > left)
		return -EFAULT;
	return user_copy(dst, src, n) ? -EFAULT : 0;
}

size_t copy_to_user(void __user *dst, const void *src, size_t n)
{
	return likely(user_range_ok(dst, n)) ? user_copy(dst, src, n) : n;
}

size_t clear_user(void __user *dst, size_t n)
{
	return likely(user_range_ok(dst, n)) ? user_clear(dst, n) : n;
}

#define ONES	0x0101010101010101ul
#define HIGHS	0x8080808080808080ul
/* Not 0 if v has a zero byte; its lowest set bit belongs to the first one. */
static inline u64 zero_byte(u64 v) { return (v - ONES) & ~v & HIGHS; }

/* A word may be read where it stays in one page: what lies behind the string's end cannot make it
 * fault. */
static inline bool word_in_page(u64 a) { return (a & (PAGE_SIZE - 1)) <= PAGE_SIZE - 8; }

ssize_t strncpy_from_user(char *dst, const char __user *src, size_t max)
{
	size_t n = 0;

	while (n < max) {
		u64 v, z;

		if (word_in_page((u64)src + n) && max - n >= 8) {
			if (arch_get_user(&v, src + n, 8))
				return -EFAULT;
			__builtin_memcpy(dst + n, &v, 8);
			z = zero_byte(v);
			if (z)
				return (ssize_t)(n + (size_t)__builtin_ctzl(z) / 8);
			n += 8;
		} else {
			if (arch_get_user(&v, src + n, 1))
				return -EFAULT;
			dst[n] = (char)v;
			if (!v)
				return (ssize_t)n;
			n++;
		}
	}
	return -ENAMETOOLONG;
}

ssize_t strnlen_user(const char __user *src, size_t max)
{
	size_t n = 0;

	while (n < max) {
		u64 v, z;

		if (word_in_page((u64)src + n)) {
			if (arch_get_user(&v, src + n, 8))
				return -EFAULT;
			z = zero_byte(v);
			if (z) {
				n += (size_t)__builtin_ctzl(z) / 8;
				return n < max ? (ssize_t)n : -ENAMETOOLONG;
			}
			n += 8;
		} else {
			if (arch_get_user(&v, src + n, 1))
				return -EFAULT;
			if (!v)
				return (ssize_t)n;
			n++;
		}
	}
	return -ENAMETOOLONG;
}

int user_cas32(u32 __user *p, u32 *old, u32 new)
{
	if (!user_range_ok(p, 4) || (u64)p & 3)
		return -EFAULT;
	return user_cas_once(p, old, new);
}

int user_xchg_op32(u32 __user *p, int op, u32 arg, u32 *old)
{
	u32 was, new;

	if (get_user(was, p))
		return -EFAULT;
	for (u32 tries = 0; tries < 128; tries++) {
		int err;

		switch (op) {
		case FUTEX_OP_SET: new = arg; break;
		case FUTEX_OP_ADD: new = was + arg; break;
		case FUTEX_OP_OR: new = was | arg; break;
		case FUTEX_OP_ANDN: new = was & ~arg; break;
		case FUTEX_OP_XOR: new = was ^ arg; break;
		default: return -ENOSYS;
		}
		err = user_cas32(p, &was, new);
		if (err != -EAGAIN) {
			*old = was;
			return err;
		}
	}
	return -EAGAIN;
}
