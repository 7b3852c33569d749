/* SPDX-License-Identifier: BSD-2-Clause */
/* Generated text files (proc, sysfs, debugfs). A file's text is made whole at the first read at position 0 and kept until release. */
#ifndef FS_SEQ_H
#define FS_SEQ_H
#include <base/types.h>
struct seq { char *buf; size_t len, size; bool failed; };
void seq_printf(struct seq *s, const char *fmt, ...) __printf(2, 3);
void seq_write(struct seq *s, const void *data, size_t n);
void seq_free(struct seq *s);
#endif
