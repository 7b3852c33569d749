/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel and the vDSO agree on: the data page, and where the signal trampoline lies. */
#ifndef ARCH_VDSO_H
#define ARCH_VDSO_H

#define VDSO_SIGRETURN                                                                             \
	0x804 /* offset of __kernel_rt_sigreturn in the image; the word before is a NOP */
#define VDSO_DATA_SIZE	4096		/* the data page ends where the image starts */
#define VDSO_FRACTION	32

#ifndef __ASSEMBLY__
#include <stdint.h>
/* Monotonic ns = (CNTVCT - base) * mult >> VDSO_FRACTION; real time = that + realtime_offset. */
struct vdso_data {
	uint32_t seq;			/* odd while the rest changes */
	uint32_t pad;
	uint64_t base, mult, realtime_offset;
};
#endif
#endif
