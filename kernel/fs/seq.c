/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that grows, and the files that show it. */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/seq.h>
#include <fs/vfs.h>
#include <lib/format.h>

#define SEQ_FIRST	1024u
#define SEQ_HEAP_MAX	(256 * KIB)	/* beyond it contiguous pages are not to be hoped for */
#define SEQ_MAX		(256 * MIB)

static void *seq_alloc(size_t n) { return n > SEQ_HEAP_MAX ? vmalloc(n, PAGE_SIZE) : kmalloc(n); }
static void seq_release(struct seq *s)
{
	if (s->size > SEQ_HEAP_MAX)
		vfree(s->buf);
	else
		kfree(s->buf);
}

/* Room for n more bytes and a NUL. */
static bool seq_room(struct seq *s, size_t n)
{
	size_t size = s->size ? s->size : SEQ_FIRST;
	char *buf;

	if (s->failed)
		return false;
	if (s->len + n + 1 <= s->size)
		return true;
	while (size < s->len + n + 1)
		size *= 2;
	buf = size <= SEQ_MAX ? seq_alloc(size) : NULL;
	if (!buf) {
		s->failed = true;
		return false;
	}
	if (s->len)
		memcpy(buf, s->buf, s->len);
	seq_release(s);
	s->buf = buf;
	s->size = size;
	return true;
}

void seq_free(struct seq *s)
{
	seq_release(s);
	*s = (struct seq){ 0 };
}

void seq_write(struct seq *s, const void *data, size_t n)
{
	if (!seq_room(s, n))
		return;
	memcpy(s->buf + s->len, data, n);
	s->len += n;
}

void seq_reserve(struct seq *s, size_t n) { seq_room(s, n); }
void seq_puts(struct seq *s, const char *str) { seq_write(s, str, strlen(str)); }
void seq_putc(struct seq *s, char c) { seq_write(s, &c, 1); }

void seq_printf(struct seq *s, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (!seq_room(s, 80))
		return;
	va_start(ap, fmt);
	n = vsnprintf(s->buf + s->len, s->size - s->len, fmt, ap);
	va_end(ap);
	if (n < 0)
		return;
	if ((size_t)n >= s->size - s->len) {
		if (!seq_room(s, (size_t)n))
			return;
		va_start(ap, fmt);
		vsnprintf(s->buf + s->len, s->size - s->len, fmt, ap);
		va_end(ap);
	}
	s->len += (size_t)n;
}

void seq_escape(struct seq *s, const char *str, const char *esc)
{
	for (; *str; str++) {
		u8 c = (u8)*str;

		if (c == '\\' || strchr(esc, c))
			seq_printf(s, "\\%d%d%d", c >> 6, (c >> 3) & 7, c & 7);
		else
			seq_putc(s, (char)c);
	}
}

void seq_pad(struct seq *s, size_t line_start, size_t col)
{
	do
		seq_putc(s, ' ');
	while (!s->failed && s->len - line_start < col);
}

/* --- files ------------------------------------------------------------------------------------ */

struct text { struct mutex lock; struct seq s; bool made; text_make_fn make; };

int text_open(struct file *f, text_make_fn make)
{
	struct text *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	mutex_init(&t->lock);
	t->make = make;
	f->private = t;
	return 0;
}

static int text_remake(struct text *t, struct file *f)
{
	int err;

	t->s.len = 0;
	t->s.failed = false;
	err = t->make(f, &t->s);
	if (!err && t->s.failed)
		err = -ENOMEM;
	t->made = !err;
	return err;
}

ssize_t text_read(struct file *f, struct uio *u, u64 *pos)
{
	struct text *t = f->private;
	ssize_t ret = 0;
	size_t n;

	mutex_lock(&t->lock);
	if (!t->made || *pos == 0)
		ret = text_remake(t, f);
	if (!ret && *pos < t->s.len && u->left) {
		n = min(u->left, t->s.len - (size_t)*pos);
		ret = (ssize_t)uio_write(u, t->s.buf + *pos, n);
		if (!ret)
			ret = -EFAULT;
		else
			*pos += (u64)ret;
	}
	mutex_unlock(&t->lock);
	return ret;
}

void text_stale(struct file *f)
{
	struct text *t = f->private;

	mutex_lock(&t->lock);
	t->made = false;
	mutex_unlock(&t->lock);
}

/* There is no end to seek from: the text does not exist before it is read. */
off64 text_seek(struct file *f, off64 off, int whence)
{
	if (whence == 1 /* SEEK_CUR */)
		off += (off64)f->pos;
	else if (whence != 0 /* SEEK_SET */)
		return -EINVAL;
	if (off < 0)
		return -EINVAL;
	f->pos = (u64)off;
	return off;
}

void text_release(struct file *f)
{
	struct text *t = f->private;

	seq_free(&t->s);
	kfree(t);
}

char *text_take(struct uio *u, size_t max)
{
	size_t n = u->left;
	char *buf;

	if (n > max)
		return ERR_PTR(-EINVAL);
	buf = kmalloc(n + 1);
	if (!buf)
		return ERR_PTR(-ENOMEM);
	if (uio_read(u, buf, n) != n) {
		kfree(buf);
		return ERR_PTR(-EFAULT);
	}
	buf[n] = 0;
	return buf;
}
