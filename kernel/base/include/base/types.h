/* SPDX-License-Identifier: BSD-2-Clause */
/* Fixed-width integers, pointer tricks and small arithmetic that every folder uses. */
#ifndef BASE_TYPES_H
#define BASE_TYPES_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef u64 paddr_t;		/* a physical address */
#ifndef __ssize_t_defined
typedef long ssize_t;
#define __ssize_t_defined
#endif
typedef i64 off64;		/* a byte position in a file */

#define __user			/* a pointer into the user half; only uaccess may follow it */
#define __printf(f, a)	__attribute__((format(printf, f, a)))
#define __noreturn	__attribute__((noreturn))
#define __must_check	__attribute__((warn_unused_result))
#define __aligned(n)	__attribute__((aligned(n)))
#define __packed	__attribute__((packed))
#undef __always_inline		/* linux/stddef.h has a weaker one */
#define __always_inline	inline __attribute__((always_inline))
#define __noinline	__attribute__((noinline))
#define __section(s)	__attribute__((section(s)))
#define __used		__attribute__((used))
#define __weak_symbol	__attribute__((weak))

#define likely(x)	__builtin_expect(!!(x), 1)
#define unlikely(x)	__builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))
#define container_of(p, type, member) \
	((type *)((char *)(p) - offsetof(type, member)))

#define min(a, b) ({ __auto_type _a = (a); __auto_type _b = (b); _a < _b ? _a : _b; })
#define max(a, b) ({ __auto_type _a = (a); __auto_type _b = (b); _a > _b ? _a : _b; })
#define clamp(v, lo, hi) min(max(v, lo), hi)

/* a is a power of two */
#define align_down(x, a)	((x) & ~((__typeof__(x))(a) - 1))
#define align_up(x, a)		align_down((x) + ((__typeof__(x))(a) - 1), a)
#define is_aligned(x, a)	(((x) & ((__typeof__(x))(a) - 1)) == 0)
#define is_pow2(x)		((x) && !((x) & ((x) - 1)))
#define div_round_up(n, d)	(((n) + (d) - 1) / (d))
#define BIT(n)			(1ull << (n))
#define KIB			1024ull
#define MIB			(1024ull * KIB)
#define GIB			(1024ull * MIB)

/* A single access that the compiler may not tear, repeat or invent. */
#define READ_ONCE(x)		(*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, v)	(*(volatile __typeof__(x) *)&(x) = (v))
#define barrier()		asm volatile("" ::: "memory")

/* A pointer that may carry a negative errno instead. */
#define MAX_ERRNO	4095
static inline void *ERR_PTR(long err) { return (void *)err; }
static inline long PTR_ERR(const void *p) { return (long)p; }
static inline bool IS_ERR(const void *p) { return (unsigned long)p >= (unsigned long)-MAX_ERRNO; }

/* floor(log2(x)), x > 0 */
static inline unsigned ilog2(u64 x) { return 63u - (unsigned)__builtin_clzll(x); }
#endif
