/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Single user values by LDTR and STTR: they run with EL0's permissions, so they need no PAN
 * switching. A fault that cannot be served continues at the fixup that the exception table names
 * for the instruction.
 */
#ifndef ARCH_UACCESS_H
#define ARCH_UACCESS_H
#include <base/types.h>
#include <base/errno.h>

/* Entry: instruction, fixup, both relative to the word's own address. */
#define EXTABLE(insn, fixup)                                                                       \
	".pushsection .extable, \"a\"\n\t.balign 4\n\t.long " insn " - .\n\t.long " fixup          \
	" - .\n\t.popsection\n"

#define USER_ACCESS_OK(p, n) ((u64)(p) <= (1ul << 48) - (n))
#define arch_get_one(insn, reg, v, p, err)                                                         \
	asm volatile("1:	" insn " %" reg "0, [%2]\n2:\n"                                    \
		     ".pushsection .text.fixup, \"ax\"\n3:	mov %w1, %3\n	mov %0, #0\n	"            \
		     "b 2b\n.popsection\n" EXTABLE("1b", "3b")                                     \
		     : "=&r"(v), "+r"(err)                                                         \
		     : "r"(p), "i"(-EFAULT)                                                        \
		     : "memory")
#define arch_put_one(insn, reg, v, p, err) \
	asm volatile("1:	" insn " %" reg "1, [%2]\n2:\n" \
		".pushsection .text.fixup, \"ax\"\n3:	mov %w0, %3\n	b 2b\n.popsection\n" \
		EXTABLE("1b", "3b") : "+r"(err) : "r"(v), "r"(p), "i"(-EFAULT) : "memory")

static __always_inline int arch_get_user(u64 *val, const void __user *p, size_t size)
{
	u64 v;
	int err = 0;

	if (unlikely(!USER_ACCESS_OK(p, size)))
		return -EFAULT;
	switch (size) {
	case 1: arch_get_one("ldtrb", "w", v, p, err); break;
	case 2: arch_get_one("ldtrh", "w", v, p, err); break;
	case 4: arch_get_one("ldtr", "w", v, p, err); break;
	case 8: arch_get_one("ldtr", "x", v, p, err); break;
	default: return -EFAULT;
	}
	*val = v;
	return err;
}
static __always_inline int arch_put_user(u64 v, void __user *p, size_t size)
{
	int err = 0;

	if (unlikely(!USER_ACCESS_OK(p, size)))
		return -EFAULT;
	switch (size) {
	case 1: arch_put_one("sttrb", "w", v, p, err); break;
	case 2: arch_put_one("sttrh", "w", v, p, err); break;
	case 4: arch_put_one("sttr", "w", v, p, err); break;
	case 8: arch_put_one("sttr", "x", v, p, err); break;
	default: return -EFAULT;
	}
	return err;
}
#endif
