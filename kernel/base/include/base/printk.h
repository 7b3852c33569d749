/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel log (implementation: lib's formatter, drv/klog.c's ring and consoles). Any context. */
#ifndef BASE_PRINTK_H
#define BASE_PRINTK_H
#include <base/types.h>
#include <stdarg.h>

enum log_level {
	LOG_EMERG,
	LOG_ALERT,
	LOG_CRIT,
	LOG_ERR,
	LOG_WARN,
	LOG_NOTICE,
	LOG_INFO,
	LOG_DEBUG
};
/* Adds a record to the log: conversions of lib/format.h; newlines at its end are dropped, a long one
 * is cut. */
void printk(enum log_level level, const char *fmt, ...) __printf(2, 3);
void vprintk(enum log_level level, const char *fmt, va_list ap) __printf(2, 0);
#define pr_err(...)	printk(LOG_ERR, __VA_ARGS__)
#define pr_warn(...)	printk(LOG_WARN, __VA_ARGS__)
#define pr_info(...)	printk(LOG_INFO, __VA_ARGS__)
#endif
