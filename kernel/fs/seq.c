/* SPDX-License-Identifier: BSD-2-Clause */
/* Text that grows, and the files that show it. */
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <fs/seq.h>
#include <fs/vfs.h>
#include <hal/sync.h>
#include <lib/format.h>
#include <mm/reclaim.h>

#define SEQ_FIRST	1024u
#define SEQ_HEAP_MAX	(32 * KIB)	/* beyond it contiguous pages are not to be hoped for */
#define SEQ_MAX		(256 * MIB)

static void *seq_alloc(size_t n) { return n > SEQ_HEAP_MAX ? vmalloc(n, PAGE_SIZE) : kmalloc(n); }
static void seq_release(struct seq *s)
{
	if (s->size > SEQ_HEAP_MAX)
		vfree(s->buf);
	else
		kfree(s->buf);
}

static bool seq_resize(struct seq *s, size_t size)
{
	char *buf = size <= SEQ_MAX ? seq_alloc(size) : NULL;

	if (!buf)
		return false;
	if (s->len)
		memcpy(buf, s->buf, s->len);
	seq_release(s);
	s->buf = buf;
	s->size = size;
	return true;
}

/* Room for n more bytes and a NUL. */
static bool seq_room(struct seq *s, size_t n)
{
	size_t size = s->size ? s->size : SEQ_FIRST;

	if (s->failed)
		return false;
	if (s->len + n + 1 <= s->size)
		return true;
	while (size < s->len + n + 1)
		size *= 2;
	s->failed = !seq_resize(s, size);
	return !s->failed;
}

static void seq_free(struct seq *s)
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

bool seq_reserve(struct seq *s, size_t n) { return seq_room(s, n); }
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

/*
 * The text of an open file is a cache: it can be as large as a process has mappings or arguments,
 * and there can be as many as descriptors, so it goes when memory is short, and the next read makes
 * it anew. The shrinker takes texts whose lock is free, holding texts_lock from the look at the list
 * to the unlock: a file that has left the list is seen by nobody else.
 */
struct text {
	struct mutex lock;	/* what follows */
	struct seq s;
	bool made;
	text_make_fn make;
	struct list link;	/* texts_lock */
};
static struct list texts = LIST_INIT(texts);	/* the open ones; those looked at last at the end */
static struct spinlock texts_lock = SPINLOCK_INIT;
static u64 texts_kept;				/* buffers they have; atomic */

/* A buffer on its way out; lies in it. */
struct spent { struct spent *next; size_t size; };

static void note_buffers(bool had, bool has)
{
	if (had != has)
		__atomic_add_fetch(&texts_kept, has ? 1ull : ~0ull, __ATOMIC_RELAXED);
}

static u64 texts_count(void) { return READ_ONCE(texts_kept); }

/* Takes t's buffer away if nobody reads from it just now. texts_lock held. */
static struct spent *take_text(struct text *t)
{
	struct spent *p = NULL;

	if (!mutex_trylock(&t->lock))
		return NULL;
	if (t->s.buf) {
		p = (struct spent *)t->s.buf;
		p->size = t->s.size;
		t->s = (struct seq){ 0 };
		t->made = false;
		note_buffers(true, false);
	}
	mutex_unlock(&t->lock);
	return p;
}

static u64 texts_shrink(u64 nr)
{
	struct spent *spent = NULL, *p;
	struct list seen = LIST_INIT(seen);
	u64 freed = 0;

	spin_lock(&texts_lock);
	for (u32 looked = 0; freed < nr && looked < 1024 && !list_empty(&texts); looked++) {
		struct text *t = list_first(&texts, struct text, link);

		list_del(&t->link);
		list_add_tail(&seen, &t->link);
		p = take_text(t);
		if (!p)
			continue;
		p->next = spent;
		spent = p;
		freed++;
	}
	list_splice_tail(&texts, &seen);
	spin_unlock(&texts_lock);
	while ((p = spent)) {
		struct seq s = { .buf = (char *)p, .size = p->size };

		spent = p->next;
		seq_release(&s);
	}
	return freed;
}

static struct shrinker texts_shrinker = {
	.name = "texts", .count = texts_count, .shrink = texts_shrink,
};

static int texts_init(void)
{
	shrinker_register(&texts_shrinker);
	return 0;
}
INITCALL(fs, texts_init);

int text_open(struct file *f, text_make_fn make)
{
	struct text *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	mutex_init(&t->lock);
	t->make = make;
	f->private = t;
	spin_lock(&texts_lock);
	list_add_tail(&texts, &t->link);
	spin_unlock(&texts_lock);
	return 0;
}

/* Twice the room each time that it fails: as often as it takes, but not for ever. */
static int text_remake(struct text *t, struct file *f)
{
	bool had = t->s.buf;
	int err;

	for (;;) {
		t->s.len = 0;
		t->s.failed = false;
		err = t->make(f, &t->s);
		if (err || !t->s.failed)
			break;
		t->s.len = 0;
		if (!seq_resize(&t->s, max(2 * t->s.size, (size_t)SEQ_FIRST))) {
			err = -ENOMEM;
			break;
		}
	}
	note_buffers(had, t->s.buf);
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

	spin_lock(&texts_lock);
	list_del(&t->link);
	spin_unlock(&texts_lock);
	note_buffers(t->s.buf, false);
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
