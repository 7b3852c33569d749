/* SPDX-License-Identifier: BSD-2-Clause */
/* cpio: what comes out does not depend on how the bytes were cut, and keeps the promises of
 * lib/cpio.h. */
#include <stdlib.h>
#include <string.h>
#include <base/assert.h>
#include <base/errno.h>
#include <lib/cpio.h>

__noreturn void panic(const char *fmt, ...) { abort(); }
size_t strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src);

	if (size) {
		memcpy(dst, src, n < size ? n : size - 1);
		dst[n < size ? n : size - 1] = 0;
	}
	return n;
}

struct seen { u64 hash, entries, left, pos; };

static void mix(struct seen *s, const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ ((const u8 *)p)[i]) * 0x100000001b3ull;
}

static int entry(void *arg, const struct cpio_entry *e)
{
	struct seen *s = arg;

	BUG_ON(!e->name || !e->name[0] || e->name[0] == '/' || strlen(e->name) >= CPIO_NAME_MAX);
	BUG_ON(e->target && strlen(e->target) >= CPIO_NAME_MAX);
	mix(s, e->name, strlen(e->name));
	if (e->target)
		mix(s, e->target, strlen(e->target));
	mix(s, &e->mode, sizeof(e->mode));
	mix(s, &e->size, sizeof(e->size));
	s->entries++;
	s->pos = 0;
	s->left = e->target ? 0 : e->size;
	return s->entries > 5000 ? -ENOSPC : 0;
}

static int data(void *arg, const struct cpio_entry *e, u64 pos, const void *p, size_t n)
{
	struct seen *s = arg;

	BUG_ON(pos != s->pos || n > s->left || !n || e->target);
	s->pos += n;
	s->left -= n;
	mix(s, p, n);
	return 0;
}

static const struct cpio_ops ops = { entry, data };

/* Feeds all of it in pieces of the given size (0: at once). Returns what the last feed did. */
static int feed(const u8 *p, size_t n, size_t piece, struct seen *s, size_t *eaten)
{
	static struct cpio c;
	int err = 0;

	*s = (struct seen){ .hash = 14695981039346656037ull };
	*eaten = 0;
	cpio_init(&c, &ops, s);
	while (*eaten < n && !err) {
		size_t part = piece && piece < n - *eaten ? piece : n - *eaten, used = 0;
		u8 *copy = malloc(part);	/* exact, so that reading beyond it is seen */

		memcpy(copy, p + *eaten, part);
		err = cpio_feed(&c, copy, part, &used);
		free(copy);
		BUG_ON(used > part);
		BUG_ON(err == -EINVAL && !c.problem);
		*eaten += used;
		if (used < part)
			break;
	}
	return err;
}

int LLVMFuzzerTestOneInput(const u8 *p, size_t n)
{
	struct seen whole, cut;
	size_t a, b;
	int err = feed(p, n, 0, &whole, &a);

	BUG_ON(feed(p, n, 1 + (n ? p[0] % 200 : 0), &cut, &b) != err);
	BUG_ON(whole.entries != cut.entries || whole.hash != cut.hash || (!err && a != b));
	return 0;
}
