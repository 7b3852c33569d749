/* SPDX-License-Identifier: BSD-2-Clause */
/* Mount options of tmpfs, by tmpfs(5). */
#include "internal.h"
#include "tmpfs.h"
#include <fs/seq.h>
#include <mm/thp.h>

/* A number with base 8 or 10; *end is where it stops. False: none there, or too large. */
static bool number(const char *s, u32 base, u64 *v, const char **end)
{
	const char *p = s;

	for (*v = 0; *p >= '0' && *p < (char)('0' + base); p++) {
		if (*v > (~0ull >> 8) / base)
			return false;
		*v = *v * base + (u64)(*p - '0');
	}
	*end = p;
	return p != s;
}

/* Bytes with suffix k, m, g, or percent of RAM; result in pages. */
static bool size_in_pages(const char *s, const char *end, u64 *pages)
{
	struct mem_totals t;
	const char *p;
	u32 shift = 0;
	u64 v;

	if (!number(s, 10, &v, &p))
		return false;
	if (p < end && *p == '%') {
		mem_totals(&t);
		*pages = t.total * min(v, (u64)100000) / 100;
		return p + 1 == end;
	}
	if (p < end)
		shift = *p == 'k' || *p == 'K'	 ? 10
			: *p == 'm' || *p == 'M' ? 20
			: *p == 'g' || *p == 'G' ? 30
						 : 0;
	if (p < end && (!shift || ++p != end))
		return false;
	if (v > (~0ull >> 1) >> shift)
		return false;
	*pages = div_round_up(v << shift, PAGE_SIZE);
	return true;
}

static bool count_of(const char *s, const char *end, u64 *n)
{
	const char *p;

	if (!number(s, 10, n, &p))
		return false;
	if (p < end && (*p == 'k' || *p == 'K'))
		*n <<= 10, p++;
	else if (p < end && (*p == 'm' || *p == 'M'))
		*n <<= 20, p++;
	return p == end;
}

static bool small(const char *s, const char *end, u32 base, u64 max, u32 *out)
{
	const char *p;
	u64 v;

	if (!number(s, base, &v, &p) || p != end || v > max)
		return false;
	*out = (u32)v;
	return true;
}

static bool is(const char *opt, const char *eq, const char *key)
{
	size_t n = strlen(key);

	return eq && (size_t)(eq - opt) == n && !memcmp(opt, key, n);
}

static bool huge_word(const char *s, const char *end, u8 *huge)
{
	for (u8 i = SHMEM_NEVER; i <= SHMEM_ALWAYS; i++) {
		size_t n = strlen(shmem_mode_name[i]);

		if ((size_t)(end - s) == n && !memcmp(s, shmem_mode_name[i], n)) {
			*huge = i;
			return true;
		}
	}
	return false;
}

static bool one_option(struct tmpfs_sb *t, const char *opt, const char *end)
{
	const char *eq = memchr(opt, '=', (size_t)(end - opt));
	const char *v = eq ? eq + 1 : end;
	u64 n;

	if (is(opt, eq, "size")) {
		if (!size_in_pages(v, end, &n))
			return false;
		t->asked_blocks = n;
		t->max_blocks = n ? n : ~0ull;
		return true;
	}
	if (is(opt, eq, "nr_blocks") || is(opt, eq, "nr_inodes")) {
		bool blocks = opt[3] == 'b';

		if (!count_of(v, end, &n))
			return false;
		*(blocks ? &t->asked_blocks : &t->asked_inodes) = n;
		*(blocks ? &t->max_blocks : &t->max_inodes) = n ? n : ~0ull;
		return true;
	}
	if (is(opt, eq, "mode"))
		return small(v, end, 8, 07777, &t->mode);
	if (is(opt, eq, "uid")) {
		t->set_owner |= TMPFS_UID;
		return small(v, end, 10, 0xfffffffe, &t->uid);
	}
	if (is(opt, eq, "gid")) {
		t->set_owner |= TMPFS_GID;
		return small(v, end, 10, 0xfffffffe, &t->gid);
	}
	if (is(opt, eq, "huge"))
		return huge_word(v, end, &t->huge);
	/* Accepted without effect here: there are no NUMA nodes to choose, and inode numbers have
	 * 64 bits. */
	return is(opt, eq, "mpol") ||
	       (end - opt == 7 && !memcmp(opt, "inode64", 7));
}

int tmpfs_parse_options(struct tmpfs_sb *t, const char *data)
{
	while (*data) {
		const char *end = strchr(data, ',');

		if (!end)
			end = data + strlen(data);
		if (end > data && !one_option(t, data, end))
			return -EINVAL;
		data = *end ? end + 1 : end;
	}
	return 0;
}

/* max: what is asked for, 0: nothing; now: what holds. ~0 is no limit. */
static bool may_limit(u64 max, u64 now, const atomic64_t *used)
{
	return !max || max == ~0ull || (now != ~0ull && max >= (u64)atomic_read(used));
}

/* mode, uid and gid are of the root as it was made: accepted and ignored (tmpfs(5)). */
int tmpfs_remount(struct super *s, const char *data)
{
	struct tmpfs_sb *t = s->private,
			n = {.asked_blocks = t->asked_blocks, .asked_inodes = t->asked_inodes,
			     .huge = t->huge};
	int err = tmpfs_parse_options(&n, data);

	if (err)
		return err;
	if (!may_limit(n.max_blocks, t->max_blocks, &t->used_blocks) ||
	    !may_limit(n.max_inodes, t->max_inodes, &t->used_inodes))
		return -EINVAL;
	if (n.max_blocks)
		WRITE_ONCE(t->max_blocks, n.max_blocks);
	if (n.max_inodes)
		WRITE_ONCE(t->max_inodes, n.max_inodes);
	t->asked_blocks = n.asked_blocks;
	t->asked_inodes = n.asked_inodes;
	WRITE_ONCE(t->huge, n.huge);
	return 0;
}

void tmpfs_defaults(struct tmpfs_sb *t, bool unlimited)
{
	struct mem_totals m;

	mem_totals(&m);
	t->max_blocks = unlimited ? ~0ull : m.total / 2;
	t->max_inodes = t->max_blocks;
	t->mode = unlimited ? 0755 : 01777;
}

int tmpfs_show_options(struct super *s, char *buf, size_t n)
{
	struct tmpfs_sb *t = s->private;
	int at = 0;

	buf[0] = 0;
	if (t->asked_blocks)
		at += snprintf(buf, n, ",size=%lluk", (unsigned long long)t->asked_blocks << 2);
	if (t->asked_inodes)
		at += snprintf(buf + at, n - (size_t)at, ",nr_inodes=%llu",
			       (unsigned long long)t->asked_inodes);
	if (t->mode != 01777)
		at += snprintf(buf + at, n - (size_t)at, ",mode=%o", t->mode);
	if (t->huge)
		at += snprintf(buf + at, n - (size_t)at, ",huge=%s", shmem_mode_name[t->huge]);
	return at;
}
