/* SPDX-License-Identifier: BSD-2-Clause */
/* No exceptions on the host: a frame has nothing in it. */
#ifndef ARCH_REGS_H
#define ARCH_REGS_H
#include <base/types.h>
struct regs { u64 pc, sp; };
#endif
