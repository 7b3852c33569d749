/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What Linux's ABI has gained since the oldest headers that the kernel builds with (linux-libc-dev
 * 6.1), each with the version that brought it. Source: include/uapi/linux of that version.
 */
#ifndef BASE_NEWER_H
#define BASE_NEWER_H
#include <linux/fcntl.h>
#include <linux/fs.h>
#include <linux/mman.h>
#include <linux/prctl.h>

#ifndef PR_SET_MDWE				/* prctl.h, 6.3 */
#define PR_SET_MDWE 65
#define PR_GET_MDWE 66
#endif
#ifndef PR_THP_DISABLE_EXCEPT_ADVISED		/* prctl.h, 6.18 */
#define PR_THP_DISABLE_EXCEPT_ADVISED (1 << 1)
#endif
#ifndef MAP_DROPPABLE				/* mman.h, 6.11 */
#define MAP_DROPPABLE 0x08
#endif
#ifndef RWF_NOAPPEND				/* fs.h, 6.9 */
#define RWF_NOAPPEND 0x20
#endif
#ifndef PIDFD_THREAD				/* pidfd.h, 6.9 */
#define PIDFD_THREAD O_EXCL
#endif
#ifndef PIDFD_SELF_THREAD			/* pidfd.h, 6.14 */
#define PIDFD_SELF_THREAD (-10000)
#define PIDFD_SELF_PROCESS (-10001)
#endif
#endif
