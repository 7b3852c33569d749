/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Tine's system calls have beyond Linux's ABI. Programs may copy these definitions; on Linux
 * they are EINVAL.
 */
#ifndef SYS_TINE_H
#define SYS_TINE_H

/*
 * prctl: arg2 1: fork shares this process's page tables with the child (the default); 0: it copies
 * them. Inherited by fork and kept by execve. The other arguments are 0. GET returns 0 or 1.
 */
#define PR_SET_COW_PAGE_TABLES	0x54494e01
#define PR_GET_COW_PAGE_TABLES	0x54494e02
#endif
