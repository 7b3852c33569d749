/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpio and gunzip against archives made here: whole, in pieces of every size, cut off at every
 * byte, and with random bytes changed. Whatever comes in, the pieces must not change the result and
 * nothing may be read or written outside.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <base/alloc.h>
#include <lib/cpio.h>
#include <lib/gunzip.h>

#define SEEN_MAX 65536

/* gunzip's allocator; fail_at counts down to an allocation that fails. */
static int fail_at;
void *kmalloc(size_t n) { return fail_at && --fail_at == 0 ? NULL : malloc(n); }
void *kcalloc(size_t n, size_t size) { return fail_at && --fail_at == 0 ? NULL : calloc(n, size); }
void kfree(const void *p) { free((void *)p); }

/* --- an archive and what was read of one, as text -------------------------------------- */
struct bytes { unsigned char *p; size_t n; };
struct seen {
	char text[SEEN_MAX];
	size_t n;
	int err;
	const char *problem;
	bool complete;
	size_t used;
};

static void put(struct bytes *b, const void *p, size_t n)
{
	b->p = realloc(b->p, b->n + n);
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

static void pad(struct bytes *b)
{
	while (b->n & 3)
		put(b, "", 1);
}

static void add(struct bytes *b, const char *name, unsigned mode, const void *data, size_t n)
{
	char head[CPIO_HEADER + 40];

	snprintf(head, sizeof(head), "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
		 7, mode, 1, 2, 1, 99, n, 0, 3, 4, 5, strlen(name) + 1, 0);
	put(b, head, CPIO_HEADER);
	put(b, name, strlen(name) + 1);
	pad(b);
	put(b, data, n);
	pad(b);
}

static struct bytes sample(void)
{
	struct bytes b = { 0 };
	char zeros[512] = { 0 };

	add(&b, "dir", 040755, "", 0);
	add(&b, "/dir/empty", 0100644, "", 0);
	add(&b, "dir/file", 0100644, "some text", 9);
	add(&b, "link", 0120777, "dir/file", 8);
	add(&b, "dev", 020600, "", 0);
	add(&b, "TRAILER!!!", 0, "", 0);
	put(&b, zeros, 100);
	add(&b, "second", 0100755, zeros, 333);
	add(&b, "TRAILER!!!", 0, "", 0);
	put(&b, zeros, 17);
	return b;
}

static void say(struct seen *s, const void *p, size_t n)
{
	n = n < SEEN_MAX - s->n ? n : SEEN_MAX - s->n;
	memcpy(s->text + s->n, p, n);
	s->n += n;
}

static int on_entry(void *arg, const struct cpio_entry *e)
{
	char line[9000];

	say(arg, line,
	    (size_t)snprintf(line, sizeof(line), "\n%s %o %u %u>%s:", e->name, e->mode, e->uid,
			     e->rdev_minor, e->target ? e->target : ""));
	return 0;
}

static int on_data(void *arg, const struct cpio_entry *e, u64 pos, const void *p, size_t n)
{
	assert_true(pos + n <= e->size);
	say(arg, p, n);
	return 0;
}

static const struct cpio_ops ops = { on_entry, on_data };

/* Each piece is in memory of its exact size, so that reading past it is seen. */
static void read_in_pieces(const void *data, size_t n, size_t piece, struct seen *s)
{
	struct cpio *c = malloc(sizeof(*c));
	const char *p = data;

	memset(s, 0, sizeof(*s));
	cpio_init(c, &ops, s);
	while (s->used < n && !s->err) {
		size_t part = piece < n - s->used ? piece : n - s->used, used;
		void *copy = malloc(part);

		memcpy(copy, p + s->used, part);
		s->err = cpio_feed(c, copy, part, &used);
		free(copy);
		s->used += used;
		if (used < part)
			break;
	}
	s->problem = c->problem;
	s->complete = cpio_complete(c);
	free(c);
}

static void same(const struct seen *a, const struct seen *b)
{
	assert_int_equal(a->err, b->err);
	assert_int_equal(a->n, b->n);
	assert_memory_equal(a->text, b->text, a->n);
	assert_int_equal(a->complete, b->complete);
	assert_ptr_equal(a->problem, b->problem);
}

static struct seen one, two;

/* --- cpio
 * ------------------------------------------------------------------------------------------------------
 */
static void reads_all(void **state)
{
	struct bytes b = sample();
	char expect[600] =
		"\ndir 40755 1 5>:\ndir/empty 100644 1 5>:\ndir/file 100644 1 5>:some text"
		"\nlink 120777 1 5>dir/file:\ndev 20600 1 5>:\nsecond 100755 1 5>:";
	size_t n = strlen(expect);

	read_in_pieces(b.p, b.n, b.n, &one);
	assert_int_equal(one.err, 0);
	assert_true(one.complete);
	assert_int_equal(one.used, b.n);
	assert_int_equal(one.n, n + 333);
	assert_memory_equal(one.text, expect, n);
	for (size_t piece = 1; piece < 300; piece++) {
		read_in_pieces(b.p, b.n, piece, &two);
		same(&one, &two);
	}
	free(b.p);
}

static void cut_off(void **state)
{
	struct bytes b = sample();

	for (size_t n = 0; n < b.n; n++) {
		read_in_pieces(b.p, n, n ? n : 1, &one);
		assert_int_equal(one.err, 0);
		read_in_pieces(b.p, n, 5, &two);
		same(&one, &two);
	}
	read_in_pieces(b.p, 200, 200, &one);
	assert_false(one.complete);
	free(b.p);
}

static void changed_bytes(void **state)
{
	struct bytes b = sample();
	unsigned char *m = malloc(b.n);
	unsigned refused = 0;

	srand(1);
	for (int i = 0; i < 20000; i++) {
		memcpy(m, b.p, b.n);
		for (int k = rand() % 4; k >= 0; k--)
			m[rand() % (int)b.n] =
				(unsigned char)(rand() % 3 ? "0f7\0/"[rand() % 5] : rand());
		read_in_pieces(m, b.n, b.n, &one);
		read_in_pieces(m, b.n, (size_t)(rand() % 130) + 1, &two);
		assert_int_equal(one.err, two.err);
		assert_int_equal(one.n, two.n);
		refused += one.err != 0;
	}
	assert_true(refused > 1000);
	free(m);
	free(b.p);
}

static void stops_between_archives(void **state)
{
	struct bytes b = sample();
	size_t n = b.n;

	put(&b, "\x1f\x8b\x08 more", 8);
	read_in_pieces(b.p, b.n, b.n, &one);
	assert_int_equal(one.err, 0);
	assert_int_equal(one.used, n);
	free(b.p);
}

static void refuses(void **state)
{
	struct bytes b = { 0 };
	char big[CPIO_NAME_MAX + 10];

	memset(big, 'n', sizeof(big));
	big[sizeof(big) - 1] = 0;
	add(&b, big, 0100644, "", 0);
	read_in_pieces(b.p, b.n, b.n, &one);
	assert_int_equal(one.err, -22);
	b.n = 0;
	add(&b, "link", 0120777, big, CPIO_NAME_MAX);
	read_in_pieces(b.p, b.n, b.n, &one);
	assert_int_equal(one.err, -22);
	b.n = 0;
	add(&b, "link", 0120777, "a\0b", 3);
	read_in_pieces(b.p, b.n, b.n, &one);
	assert_int_equal(one.err, -22);
	free(b.p);
}

/* --- gzip
 * ---------------------------------------------------------------------------------------------------------
 */
static unsigned char gz_file[4096];
static size_t gz_len;

static int collect(void *arg, const void *p, size_t n)
{
	say(arg, p, n);
	return 0;
}

static int unzip(const void *p, size_t n, size_t *used, struct seen *s)
{
	void *copy = malloc(n ? n : 1);
	int err;

	memcpy(copy, p, n);
	memset(s, 0, sizeof(*s));
	err = gunzip(copy, n, used, collect, s);
	free(copy);
	return err;
}

/* Made by the gzip program, since checksums are tedious by hand. */
static int make_gz(void **state)
{
	FILE *f = popen("(seq 1 900; head -c 300 /dev/zero) | gzip -n9", "r");

	if (!f)
		return -1;
	gz_len = fread(gz_file, 1, sizeof(gz_file), f);
	pclose(f);
	return gz_len > 100 && gz_len < sizeof(gz_file) ? 0 : -1;
}

static void unzips(void **state)
{
	size_t used;

	assert_true(is_gzip(gz_file, gz_len));
	assert_int_equal(unzip(gz_file, gz_len, &used, &one), 0);
	assert_int_equal(used, gz_len);
	assert_int_equal(one.n, 9 * 2 + 90 * 3 + 801 * 4 + 300);
	assert_memory_equal(one.text, "1\n2\n3\n", 6);
}

static void unzip_damaged(void **state)
{
	unsigned char m[sizeof(gz_file)];
	size_t used;

	for (size_t n = 0; n < gz_len; n++)
		assert_int_not_equal(unzip(gz_file, n, &used, &one), 0);
	srand(2);
	for (int i = 0; i < 3000; i++) {
		memcpy(m, gz_file, gz_len);
		m[(size_t)rand() % gz_len] ^= (unsigned char)(1 + rand() % 255);
		unzip(m, gz_len, &used, &one);
		assert_true(used <= gz_len);
	}
	memcpy(m, gz_file, gz_len);
	m[gz_len - 7] ^= 1;		/* the checksum */
	assert_int_equal(unzip(m, gz_len, &used, &one), -22);
}

static void unzip_without_memory(void **state)
{
	size_t used;
	int n;

	for (n = 1; n < 20; n++) {
		fail_at = n;
		if (unzip(gz_file, gz_len, &used, &one) == 0)
			break;
	}
	fail_at = 0;
	assert_in_range(n, 3, 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_all),	 cmocka_unit_test(cut_off),
		cmocka_unit_test(changed_bytes), cmocka_unit_test(stops_between_archives),
		cmocka_unit_test(refuses),	 cmocka_unit_test_setup(unzips, make_gz),
		cmocka_unit_test(unzip_damaged), cmocka_unit_test(unzip_without_memory),
	};

	return cmocka_run_group_tests_name("initrd", tests, NULL, NULL);
}
