/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel half's tables, private to arch/arm64. */
#ifndef ARM64_MMU_H
#define ARM64_MMU_H
#include <hal/pte.h>

extern pte_t kernel_root[512], boot_id_map[512];
extern u64 kimage_voffset;
#endif
