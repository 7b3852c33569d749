/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Generated text files (proc, sysfs, debugfs). A file's text is made whole by a read at position 0
 * and kept for the reads that follow, so that one pass over the file sees one moment, unless memory
 * is short. The writers of text may sleep (memory grows). Where they may not wait for memory
 * (mm_borrow) the text fails early; then it is made once more from its beginning, with room got
 * before.
 */
#ifndef FS_SEQ_H
#define FS_SEQ_H
#include <base/types.h>

struct seq {
	char *buf;
	size_t len, size;
	bool failed;	/* out of memory; what follows is dropped */
};
/* Append to the text, which grows; without memory they set failed and do nothing. */
void seq_printf(struct seq *s, const char *fmt, ...) __printf(2, 3);
void seq_write(struct seq *s, const void *data, size_t n);
void seq_puts(struct seq *s, const char *str);
void seq_putc(struct seq *s, char c);
/* The bytes of str, those in esc (and the backslash) as \ooo. */
void seq_escape(struct seq *s, const char *str, const char *esc);
/* Spaces up to column col of the current line (one at least). */
void seq_pad(struct seq *s, size_t line_start, size_t col);
/* Memory for n bytes more now, so that writing them allocates nothing. false: failed. */
bool seq_reserve(struct seq *s, size_t n);

/* --- open files with generated text (fs/seq.c): f->private is theirs -------------------------- */
struct file;
struct uio;
typedef int (*text_make_fn)(struct file *f, struct seq *s);	/* 0 or -errno for the read */
/* A file's open, read, seek and release: make writes the text, once for all reads from the start on.
 */
int text_open(struct file *f, text_make_fn make);
ssize_t text_read(struct file *f, struct uio *u, u64 *pos);
off64 text_seek(struct file *f, off64 off, int whence);
void text_release(struct file *f);
/* The next read makes the text anew. */
void text_stale(struct file *f);
/* A short write as a NUL-terminated string on the heap; ERR_PTR(-EINVAL: too long, -EFAULT,
 * -ENOMEM). kfree it. */
char *text_take(struct uio *u, size_t max);
#endif
