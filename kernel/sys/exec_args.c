/* SPDX-License-Identifier: BSD-2-Clause */
/* Gathering execve's strings. Limits: execve(2), "Limits on size of arguments and environment". */
#include <base/alloc.h>
#include <base/string.h>
#include <hal/uaccess.h>
#include "exec.h"

#define MAX_STRING (32 * PAGE_SIZE)

void strings_init(struct exec_strings *s)
{
	u64 limit = min(rlimit(RLIMIT_STACK) / 4, 6 * MIB);

	memset(s, 0, sizeof(*s));
	s->pages = s->few;
	s->max_pages = ARRAY_SIZE(s->few);
	s->limit = max(limit, 128 * KIB);
}

void strings_free(struct exec_strings *s)
{
	for (u32 i = 0; i < s->nr_pages; i++)
		page_free(s->pages[i]);
	if (s->pages != s->few)
		kfree(s->pages);
	s->nr_pages = 0;
	s->pages = s->few;
}

static int more_pages(struct exec_strings *s)
{
	char **bigger = kcalloc(s->max_pages * 4, sizeof(char *));

	if (!bigger)
		return -ENOMEM;
	memcpy(bigger, s->pages, s->nr_pages * sizeof(char *));
	if (s->pages != s->few)
		kfree(s->pages);
	s->pages = bigger;
	s->max_pages *= 4;
	return 0;
}

/* Where the next byte goes, and how many may follow it there. */
static char *room(struct exec_strings *s, size_t *n)
{
	u32 page = (u32)(s->len / PAGE_SIZE);

	if (page == s->nr_pages) {
		if (page == s->max_pages && more_pages(s))
			return NULL;
		s->pages[page] = page_alloc(0);
		if (!s->pages[page])
			return NULL;
		s->nr_pages++;
	}
	*n = PAGE_SIZE - s->len % PAGE_SIZE;
	return s->pages[page] + s->len % PAGE_SIZE;
}

static bool too_long(const struct exec_strings *s, size_t n)
{
	return s->len + n + ((size_t)s->argc + s->envc + 1) * sizeof(u64) > s->limit;
}

/* n bytes with the NUL, from the kernel or from user space. */
static int add(struct exec_strings *s, const char *from, bool user, size_t n)
{
	if (too_long(s, n))
		return -E2BIG;
	while (n) {
		size_t part;
		char *to = room(s, &part);

		if (!to)
			return -ENOMEM;
		part = min(part, n);
		if (!user)
			memcpy(to, from, part);
		else if (copy_from_user(to, (const void __user *)from, part))
			return -EFAULT;
		if (part == n)
			to[n - 1] = 0;	/* whatever another thread has put there meanwhile */
		s->len += part;
		from += part;
		n -= part;
		if (user && signal_fatal_pending(current))
			return -EINTR;
	}
	return 0;
}

int strings_add_kernel(struct exec_strings *s, const char *str)
{
	return add(s, str, false, strlen(str) + 1);
}

static int strings_add_user(struct exec_strings *s, u64 ustr)
{
	ssize_t n = strnlen_user((const char __user *)ustr, MAX_STRING);

	if (n < 0)
		return n == -ENAMETOOLONG ? -E2BIG : (int)n;
	return add(s, (const char *)ustr, true, (size_t)n + 1);
}

int strings_add_user_array(struct exec_strings *s, u64 array, u32 skip, u32 *n)
{
	u64 __user *p = (u64 __user *)array;

	if (!array)		/* Linux takes NULL for an empty list */
		return 0;
	for (u32 i = 0; ; i++) {
		u64 str;
		int err = get_user(str, p + i);

		if (err)
			return err;
		if (!str)
			return 0;
		if (i < skip)
			continue;
		err = strings_add_user(s, str);
		if (err)
			return err;
		++*n;
		if (too_long(s, 0))
			return -E2BIG;
	}
}
