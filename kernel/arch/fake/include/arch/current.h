/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_CURRENT_H
#define ARCH_CURRENT_H
struct thread_core;
extern struct thread_core *fake_current;	/* fake/sched.c */
static inline struct thread_core *current_core(void) { return fake_current; }
#endif
