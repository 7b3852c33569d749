/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel log's readers: /dev/kmsg and syslog(2). */
#ifndef DRV_KLOG_H
#define DRV_KLOG_H
#include <base/printk.h>
#include <hal/sync.h>

struct klog_record { u64 seq, ns; u8 level; u16 len; char text[240]; };
/* The first record with seq >= *seq (the oldest if that is gone); false if there is none yet. */
bool klog_get(u64 seq, struct klog_record *r);
u64 klog_next_seq(void);
/* This CPU is in the middle of a record: no function here may be called but printk. */
bool klog_writing(void);
u64 klog_first_seq(void);
/* A record as consoles show it: fills text, KLOG_LINE bytes, and returns its length. */
#define KLOG_LINE 300
size_t klog_line(const struct klog_record *r, char *text);
/* Woken after records were added, from an interrupt. */
extern struct wait_queue klog_wait;
void klog_wake(void);			/* that interrupt */
/* Records up to this level go to the console (exclusive): 8 all, 4 with "quiet". */
extern int klog_console_level;
/* Messages go to the serial line; emergencies do in any case. */
extern bool klog_serial;
#endif
