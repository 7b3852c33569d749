/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc's hooks for layers above fs (fs/proc.c). */
#ifndef FS_PROC_H
#define FS_PROC_H
#include <base/types.h>

struct process;
struct seq;
/* Device number of the controlling terminal (0: none) and its foreground group (-1). Set by sys;
 * NULL until then. */
extern void (*proc_tty_info)(struct process *p, u32 *dev, i32 *pgid);
/* /proc/stat's line of interrupts: their sum, then each number's. As above. */
extern void (*proc_intr_line)(struct seq *s);
#endif
