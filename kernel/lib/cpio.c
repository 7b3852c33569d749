/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The archive as a state machine over bytes, so that it can be fed from a decompressor. Header (110
 * characters), name, contents; name and contents are padded to multiples of 4. "TRAILER!!!" ends an
 * archive; zeros, then another archive or something else, may follow.
 */
#include <base/errno.h>
#include <base/string.h>
#include <lib/cpio.h>

static bool is_link(u32 mode) { return (mode & 0170000) == 0120000; }	/* S_IFLNK of inode(7) */

void cpio_init(struct cpio *c, const struct cpio_ops *ops, void *arg)
{
	c->ops = ops;
	c->arg = arg;
	c->problem = NULL;
	c->state = CPIO_BETWEEN;
	c->at = c->left = c->done = 0;
	c->trailer = false;
}

static int damaged(struct cpio *c, const char *problem)
{
	c->problem = problem;
	return -EINVAL;
}

static void go(struct cpio *c, enum cpio_state s, u64 left)
{
	c->state = s;
	c->left = left;
	c->done = 0;
}

static bool hex8(const char *s, u32 *v)
{
	*v = 0;
	for (int i = 0; i < 8; i++) {
		char ch = s[i];
		u32 digit;

		if (ch >= '0' && ch <= '9')
			digit = (u32)(ch - '0');
		else if ((ch | 32) >= 'a' && (ch | 32) <= 'f')
			digit = (u32)((ch | 32) - 'a') + 10;
		else
			return false;
		*v = *v << 4 | digit;
	}
	return true;
}

static int header_read(struct cpio *c)
{
	struct cpio_entry *e = &c->e;
	u32 v[13];

	if (memcmp(c->header, "070701", 6) && memcmp(c->header, "070702", 6))
		return damaged(c, "bad magic number");
	for (u32 i = 0; i < ARRAY_SIZE(v); i++)
		if (!hex8(c->header + 6 + 8 * i, &v[i]))
			return damaged(c, "bad number in a header");
	*e = (struct cpio_entry){
		.ino = v[0],
		.mode = v[1],
		.uid = v[2],
		.gid = v[3],
		.nlink = v[4],
		.mtime = v[5],
		.size = v[6],
		.dev_major = v[7],
		.dev_minor = v[8],
		.rdev_major = v[9],
		.rdev_minor = v[10],
	};
	c->name_size = v[11];
	if (!c->name_size || c->name_size > CPIO_NAME_MAX)
		return damaged(c, "bad name length");
	if (is_link(e->mode) && (!e->size || e->size >= CPIO_NAME_MAX))
		return damaged(c, "bad symlink length");
	go(c, CPIO_IN_NAME, c->name_size);
	return 0;
}

static u64 padding(const struct cpio *c) { return -c->at & 3; }

static int begin_entry(struct cpio *c)
{
	struct cpio_entry *e = &c->e;

	e->name = c->name;
	while (*e->name == '/')
		e->name++;
	if (!*e->name)
		e->name = ".";
	e->target = NULL;
	return is_link(e->mode) ? 0 : c->ops->entry(c->arg, e);
}

/* The name is whole; padding, then contents. left of the padding state tells where to go by done.
 */
static int name_read(struct cpio *c)
{
	if (c->name[c->name_size - 1])
		return damaged(c, "name without end");
	if (strlen(c->name) + 1 != c->name_size)
		return damaged(c, "NUL in a name");
	c->trailer = !strcmp(c->name, "TRAILER!!!");
	go(c, CPIO_IN_PAD, padding(c));
	c->done = 1;			/* contents follow */
	return c->trailer ? 0 : begin_entry(c);
}

static int data_read(struct cpio *c)
{
	int err = 0;

	if (is_link(c->e.mode)) {
		c->target[c->e.size] = 0;
		c->e.target = c->target;
		err = strlen(c->target) == c->e.size ? c->ops->entry(c->arg, &c->e)
						     : damaged(c, "NUL in a symlink");
	}
	go(c, CPIO_IN_PAD, padding(c));
	return err;
}

/* The current part is complete. */
static int part_done(struct cpio *c)
{
	switch (c->state) {
	case CPIO_IN_HEADER:
		return header_read(c);
	case CPIO_IN_NAME:
		return name_read(c);
	case CPIO_IN_PAD:
		if (c->done && !c->trailer && c->e.size)
			go(c, CPIO_IN_DATA, c->e.size);
		else if (c->trailer)
			go(c, CPIO_BETWEEN, 0);
		else
			go(c, CPIO_IN_HEADER, CPIO_HEADER);
		return 0;
	case CPIO_IN_DATA:
		return data_read(c);
	default:
		return 0;
	}
}

static int take(struct cpio *c, const char *p, size_t n)
{
	switch (c->state) {
	case CPIO_IN_HEADER:
		memcpy(c->header + c->done, p, n);
		break;
	case CPIO_IN_NAME:
		memcpy(c->name + c->done, p, n);
		break;
	case CPIO_IN_DATA:
		if (is_link(c->e.mode))
			memcpy(c->target + c->done, p, n);
		else
			return c->ops->data(c->arg, &c->e, c->done, p, n);
		break;
	default:
		break;
	}
	return 0;
}

/* Between archives: zeros are skipped; an archive begins with '0'. Returns false where something
 * else is. */
static bool between(struct cpio *c, const char *p, size_t n, size_t *i)
{
	while (*i < n && !p[*i]) {
		(*i)++;
		c->at++;
	}
	if (*i == n)
		return true;
	if (p[*i] != '0')
		return false;
	c->at = 0;		/* padding counts from the archive's start */
	go(c, CPIO_IN_HEADER, CPIO_HEADER);
	return true;
}

int cpio_feed(struct cpio *c, const void *data, size_t n, size_t *used)
{
	const char *p = data;
	size_t i = 0;
	int err = 0;

	while (!err && (i < n || (c->state != CPIO_BETWEEN && !c->left))) {
		size_t part;

		if (c->state == CPIO_BETWEEN) {
			if (!between(c, p, n, &i))
				break;
			continue;
		}
		part = (size_t)min((u64)(n - i), c->left);
		err = part ? take(c, p + i, part) : 0;
		if (err)
			break;
		i += part;
		c->at += part;
		c->left -= part;
		if (c->state != CPIO_IN_PAD)
			c->done += part;
		if (!c->left)
			err = part_done(c);
	}
	*used = i;
	return err;
}
