/* SPDX-License-Identifier: BSD-2-Clause */
/* kernel/bpf/btf: blobs that are right and wrong (btf_cases.h), questions to them, depth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <base/errno.h>
#include <bpf/btf.h>
#include <cmocka.h>
#include "../bpf/btf_cases.h"

static char said[16384];
static u8 *blob;		/* exactly as long as what is in it, so that reading beyond is seen */
static void *index_memory;

static void forget(void)
{
	free(blob);
	free(index_memory);
	blob = index_memory = NULL;
}

static int open_types(struct btf_types *b, const void *data, u32 size, bool loud)
{
	struct bpf_log log = { .level = loud, .buf = said, .size = sizeof(said) };
	int n, err;
	u32 true_size;

	forget();
	blob = malloc(size);
	memcpy(blob, data, size);
	n = btf_count(blob, size, &log);
	err = min(n, 0);
	if (!err) {
		index_memory = malloc(btf_index_size((u32)n));
		err = btf_check(b, blob, size, index_memory, &log);
		assert_true(err || b->n == (u32)n);
	}
	bpf_log_end(&log, &true_size);
	return err;
}

static int open_case(struct btf_types *b, const struct btf_case *k)
{
	u8 data[4096];
	u32 size = btf_case_blob(k, data, sizeof(data));

	assert_true(size);
	return open_types(b, data, size, true);
}

static void cases(void **state)
{
	struct btf_types b;

	(void)state;
	for (u32 k = 0; k < ARRAY_SIZE(btf_cases); k++) {
		const struct btf_case *c = &btf_cases[k];
		int err = open_case(&b, c);

		if (err != -c->err || !strstr(said, c->why))
			fail_msg("%s: %d, not %d; the log: %s", c->name, err, -c->err, said);
	}
	forget();
}

/* A header that goes on with something we do not know. */
static void longer_header(void **state)
{
	const struct btf_case longer = { "", GOOD, 0, "", .hdr_len = 8, .extra = 8 };
	struct btf_types b;
	u8 data[1024];
	u32 size = btf_case_blob(&longer, data, sizeof(data));

	(void)state;
	data[sizeof(struct btf_header) + 7] = 1;
	assert_int_equal(open_types(&b, data, size, true), -E2BIG);
	assert_non_null(strstr(said, "Unsupported btf_header"));
	forget();
}

static const struct btf_case world = { "", WORDS(
	INT32(NAME('i')),						/* 1 */
	TYPEDEF(NAME('t'), 1), MODIFIER(BTF_KIND_CONST, 2),		/* 2 3 */
	ARRAY(3, 1, 7), ARRAY(4, 1, 3),					/* 4 5 */
	STRUCT(NAME_LOCK, 1, 4), MEMBER(NAME('v'), 1, 0),		/* 6 */
	STRUCT(NAME_TIMER, 0, 16),					/* 7 */
	STRUCT(NAME('s'), 3, 40), MEMBER(NAME('a'), 1, 0), MEMBER(NAME('b'), 6, 32),
		MEMBER(NAME('c'), 7, 64),				/* 8 */
	STRUCT(NAME('o'), 2, 48), MEMBER(NAME('a'), 1, 0), MEMBER(NAME('b'), 8, 64), /* 9 */
	STRUCT(NAME('p'), 2, 80), MEMBER(NAME('a'), 8, 0), MEMBER(NAME('b'), 8, 320), /* 10 */
	ARRAY(8, 1, 2),							/* 11 */
	STRUCT(NAME('q'), 1, 80), MEMBER(NAME('a'), 11, 0),		/* 12 */
	STRUCT(NAME('r'), 1, 46), MEMBER(NAME('a'), 8, 16),		/* 13 */
	VAR(NAME('x'), 1, 1), VAR(NAME('y'), 6, 1),			/* 14 15 */
	SECTION(NAME_MAPS, 2, 16), 14, 0, 4, 15, 8, 4,			/* 16 */
	PTR(8), TYPE(NAME('f'), BTF_KIND_FWD, 0, 0, 0), PTR(18),	/* 17 18 19 */
	INT_OF(NAME('w'), 8, 64), INT_OF(NAME('n'), 4, 31),		/* 20 21 */
	STRUCT(NAME_SKB, 0, 192), PTR(22),				/* 22 23 */
	PROTO(1, 3), NAME('a'), 23, NAME('b'), 17, NAME('c'), 20, FUNC(NAME('g'), 1, 24), /* 24 25 */
	PROTO(0, 1), NAME('a'), 19, FUNC(NAME('h'), 1, 26), FUNC(NAME('k'), 0, 26), /* 26 27 28 */
	PROTO(17, 0), FUNC(NAME('l'), 1, 29),				/* 29 30 */
	PROTO(0, 1), NAME('a'), 33, FUNC(NAME('m'), 1, 31),		/* 31 32 */
	PTR(0), TYPE(NAME_ARG_CTX, BTF_KIND_DECL_TAG, 0, 0, 32), 0),	/* 33 34 */
	0, "" };

static void questions(void **state)
{
	struct btf_types b;

	(void)state;
	assert_int_equal(open_case(&b, &world), 0);
	assert_int_equal(b.n, 35);
	assert_null(btf_type(&b, 0));
	assert_null(btf_type(&b, 35));
	assert_string_equal(btf_type_name(&b, 2), "t");
	assert_string_equal(btf_type_name(&b, 0), "");
	assert_int_equal(btf_skip_modifiers(&b, 3), 1);
	assert_int_equal(btf_find(&b, BTF_KIND_STRUCT, "o"), 9);
	assert_int_equal(btf_find(&b, BTF_KIND_UNION, "o"), 0);
	assert_int_equal(btf_type_size(&b, 5), 84);
	assert_int_equal(btf_type_size(&b, 8), 40);
	assert_int_equal(btf_type_size(&b, 17), 8);
	assert_int_equal(btf_type_size(&b, 15), 4);
	assert_int_equal(btf_type_size(&b, 16), 16);
	assert_int_equal(btf_type_size(&b, 18), -EINVAL);
	assert_int_equal(btf_type_size(&b, 0), -EINVAL);
	assert_int_equal(btf_type_size(&b, 25), -EINVAL);
	assert_int_equal(btf_type_size(&b, 1000000), -EINVAL);
	assert_true(btf_is_u32(&b, 1) && btf_is_u32(&b, 3));
	assert_false(btf_is_u32(&b, 20) || btf_is_u32(&b, 21) || btf_is_u32(&b, 8) || btf_is_u32(&b, 0));
	forget();
}

static i64 lock_in(const struct btf_types *b, u32 id) { return btf_find_field(b, id, "bpf_spin_lock", 4, 4); }

static void fields(void **state)
{
	struct btf_types b;

	(void)state;
	assert_int_equal(open_case(&b, &world), 0);
	assert_int_equal(lock_in(&b, 8), 4);
	assert_int_equal(lock_in(&b, 9), 12);		/* a struct in a struct */
	assert_int_equal(lock_in(&b, 10), -E2BIG);	/* two */
	assert_int_equal(lock_in(&b, 12), -E2BIG);	/* an array of two */
	assert_int_equal(lock_in(&b, 13), -EINVAL);	/* at byte 2 */
	assert_int_equal(lock_in(&b, 16), 8);		/* a section's variable */
	assert_int_equal(lock_in(&b, 6), -ENOENT);	/* it is one, it has none */
	assert_int_equal(lock_in(&b, 1), -ENOENT);
	assert_int_equal(lock_in(&b, 17), -ENOENT);	/* behind a pointer is elsewhere */
	assert_int_equal(lock_in(&b, 0), -ENOENT);
	assert_int_equal(btf_find_field(&b, 9, "bpf_timer", 16, 8), 16);
	assert_int_equal(btf_find_field(&b, 9, "bpf_timer", 24, 8), -EINVAL);
	forget();
}

/* A lock in a timer, and a lock over a timer. */
static const struct btf_case mixed = { "", WORDS(
	INT32(NAME('i')),						/* 1 */
	STRUCT(NAME_LOCK, 1, 4), MEMBER(NAME('v'), 1, 0),		/* 2 */
	STRUCT(NAME_TIMER, 1, 16), MEMBER(NAME('v'), 2, 64),		/* 3 */
	STRUCT(NAME('a'), 1, 16), MEMBER(NAME('a'), 3, 0),		/* 4 */
	STRUCT(NAME_TIMER, 0, 16),					/* 5 */
	STRUCT(NAME('b'), 2, 16), MEMBER(NAME('a'), 5, 0), MEMBER(NAME('b'), 2, 96), /* 6 */
	STRUCT(NAME('c'), 2, 20), MEMBER(NAME('a'), 5, 0), MEMBER(NAME('b'), 2, 128)), /* 7 */
	0, "" };
static void fields_apart(void **state)
{
	static const struct { u32 id; i32 lock, timer; } want[] = { { 3, 8, -1 }, { 4, -1, 0 }, { 6, -1, -1 },
								    { 7, 16, 0 }, { 1, -1, -1 }, { 0, -1, -1 } };
	struct btf_types b;

	(void)state;
	assert_int_equal(open_case(&b, &mixed), 0);
	for (u32 k = 0; k < ARRAY_SIZE(want); k++) {
		i32 lock, timer;

		btf_value_fields(&b, want[k].id, &lock, &timer);
		assert_int_equal(lock, want[k].lock);
		assert_int_equal(timer, want[k].timer);
	}
	forget();
}

static int describe(const struct btf_types *b, u32 id, struct bpf_func_desc *d)
{
	d->insn = 77;
	return btf_describe_func(b, id, BPF_PROG_TYPE_SOCKET_FILTER, d, NULL);
}

static void functions(void **state)
{
	struct bpf_func_desc d;
	struct btf_types b;

	(void)state;
	assert_int_equal(open_case(&b, &world), 0);
	assert_int_equal(describe(&b, 25, &d), 0);
	assert_true(d.global && !d.returns_void && d.n_args == 3 && d.insn == 77);
	assert_int_equal(d.arg[0].kind, BPF_FARG_CTX);
	assert_int_equal(d.arg[1].kind, BPF_FARG_MEM);
	assert_int_equal(d.arg[1].size, 40);
	assert_int_equal(d.arg[2].kind, BPF_FARG_SCALAR);
	assert_int_equal(describe(&b, 27, &d), -EINVAL);	/* what it points to has no size */
	assert_int_equal(describe(&b, 28, &d), 0);		/* ... but it is static */
	assert_true(!d.global && d.returns_void);
	assert_int_equal(describe(&b, 30, &d), -EINVAL);	/* gives a pointer */
	assert_int_equal(describe(&b, 32, &d), 0);		/* void *, tagged */
	assert_int_equal(d.arg[0].kind, BPF_FARG_CTX);
	assert_int_equal(describe(&b, 1, &d), -EINVAL);
	assert_int_equal(describe(&b, 0, &d), -EINVAL);
	/* Another type of program: its context is another, the skb is memory. */
	assert_int_equal(btf_describe_func(&b, 25, BPF_PROG_TYPE_XDP, &d, NULL), 0);
	assert_int_equal(d.arg[0].kind, BPF_FARG_MEM);
	forget();
}

/* --- what is read by a pointer ------------------------------------------------------------------ */

static const struct btf_case objects = { "", WORDS(
	INT32(NAME('i')), INT_OF(NAME('l'), 8, 64),			/* 1 2 */
	PTR(5), MODIFIER(BTF_KIND_CONST, 3),				/* 3 4 */
	/* s: an int, a pointer to s, bits a:3 and b:7 in an int, t in it, two pointers to t, a union */
	BITS(NAME('s'), 8, 96), MEMBER(NAME('i'), 1, 0), MEMBER(NAME('p'), 4, 64),
		MEMBER(NAME('a'), 1, 128 | 3 << 24), MEMBER(NAME('b'), 1, 131 | 7 << 24),
		MEMBER(NAME('t'), 6, 192), MEMBER(NAME('q'), 9, 384), MEMBER(NAME('u'), 10, 512),
		MEMBER(NAME('v'), 12, 640),				/* 5 */
	STRUCT(NAME('t'), 2, 24), MEMBER(NAME('l'), 2, 0), MEMBER(NAME('x'), 7, 64), /* 6 */
	ARRAY(1, 1, 3), PTR(6), ARRAY(8, 1, 2),				/* 7 8 9 */
	UNION(NAME('u'), 3, 16), MEMBER(NAME('p'), 3, 0), MEMBER(NAME('i'), 1, 0),
		MEMBER(NAME('w'), 11, 0),				/* 10 */
	STRUCT(NAME('w'), 1, 16), MEMBER(NAME('p'), 8, 64),		/* 11 */
	ARRAY(13, 1, 2), STRUCT(NAME('e'), 2, 8), MEMBER(NAME('i'), 1, 0), MEMBER(NAME('j'), 1, 32), /* 12 13 */
	STRUCT(NAME('f'), 2, 8), MEMBER(NAME('n'), 1, 0), MEMBER(NAME('e'), 15, 64), ARRAY(6, 1, 0), /* 14 15 */
	STRUCT(NAME('g'), 2, 8), MEMBER(NAME('n'), 1, 0), MEMBER(NAME('e'), 17, 64), ARRAY(1, 1, 0), /* 16 17 */
	PTR(0), TYPE(NAME('z'), BTF_KIND_FWD, 0, 0, 0), PTR(19), TYPEDEF(NAME('y'), 5), PTR(21), /* 18-22 */
	PROTO(8, 4), NAME('a'), 22, NAME('b'), 1, NAME('c'), 18, NAME('d'), 5), 0, "" }; /* 23 */

static void walks(void **state)
{
	static const struct {
		u32 id, off, size;
		int err;
		u32 target;
		const char *says;
	} all[] = {
		{ 5, 0, 4, 0, 0, "" }, { 5, 1, 1, 0, 0, "" }, { 5, 2, 2, 0, 0, "" },
		{ 5, 0, 8, -EACCES, 0, "access beyond the end of member i (mend:4) in struct s with off 0 size 8" },
		{ 5, 4, 4, -EINVAL, 0, "struct s doesn't have field at offset 4" },
		{ 5, 8, 8, 0, 5, "" },
		{ 5, 8, 4, -EACCES, 0, "cannot access ptr member p with moff 8 in struct s with off 8 size 4" },
		{ 5, 12, 4, -EACCES, 0, "cannot access ptr member p with moff 8 in struct s with off 12 size 4" },
		{ 5, 16, 1, 0, 0, "" }, { 5, 16, 4, 0, 0, "" }, { 5, 17, 1, 0, 0, "" },
		{ 5, 18, 1, -EINVAL, 0, "doesn't have field at offset 18" },
		{ 5, 24, 8, 0, 0, "" }, { 5, 32, 4, 0, 0, "" }, { 5, 32, 8, 0, 0, "" },
		{ 5, 40, 8, -EACCES, 0, "access beyond the end of member x (mend:20) in struct t with off 16 size 8" }, { 5, 40, 4, 0, 0, "" },
		{ 5, 44, 4, -EINVAL, 0, "struct t doesn't have field at offset 20" },
		{ 5, 48, 8, 0, 6, "" }, { 5, 56, 8, 0, 6, "" },
		{ 5, 52, 8, -EACCES, 0, "cannot access ptr member q with moff 48 in struct s with off 52 size 8" },
		{ 5, 64, 8, 0, 5, "" }, { 5, 64, 4, 0, 0, "" }, { 5, 72, 8, 0, 6, "" },
		{ 5, 66, 8, -EINVAL, 0, "struct w doesn't have field at offset 2" },
		{ 5, 80, 4, 0, 0, "" }, { 5, 84, 4, 0, 0, "" }, { 5, 92, 4, 0, 0, "" },
		{ 5, 88, 8, -EACCES, 0, "access beyond the end of member i (mend:4) in struct e with off 0 size 8" },
		{ 5, 92, 8, -EACCES, 0, "access beyond struct s at off 92 size 8" },
		{ 5, 96, 1, -EACCES, 0, "access beyond struct s at off 96 size 1" },
		{ 5, 0x7fffffff, 8, -EACCES, 0, "access beyond struct s" },
		{ 21, 8, 8, 0, 5, "" },
		{ 14, 8, 8, 0, 0, "" }, { 14, 8 + 24 * 100 + 12, 4, 0, 0, "" },
		{ 14, 8 + 24 + 20, 4, -EINVAL, 0, "struct t doesn't have field at offset 20" },
		{ 14, 4, 8, -EACCES, 0, "access beyond struct f at off 4 size 8" },
		{ 16, 8, 4, -EACCES, 0, "access beyond struct g at off 8 size 4" },
		{ 1, 0, 4, -EACCES, 0, "access beyond struct i at off 0 size 4" },
		{ 0, 0, 4, -EACCES, 0, "access beyond struct" },
	};
	struct btf_types b;
	u32 target, size;

	(void)state;
	assert_int_equal(open_case(&b, &objects), 0);
	for (u32 k = 0; k < ARRAY_SIZE(all); k++) {
		struct bpf_log log = { .level = 1, .buf = said, .size = sizeof(said) };
		int err = btf_walk(&b, all[k].id, all[k].off, all[k].size, &target, &log);

		bpf_log_end(&log, &size);
		if (err != all[k].err || (!err && target != all[k].target) || !strstr(said, all[k].says) ||
		    (!err && *said))
			fail_msg("%u at %u, %u bytes: %d, %u; the log: %s", all[k].id, all[k].off, all[k].size, err,
				 target, said);
	}
	forget();
}

static int arg(const struct btf_types *b, bool value, u32 off, u32 size)
{
	u32 target;

	return btf_walk_args(b, 23, value, off, size, &target, NULL) ?: (int)target;
}

static void arguments(void **state)
{
	struct btf_types b;

	(void)state;
	assert_int_equal(open_case(&b, &objects), 0);
	assert_int_equal(arg(&b, false, 0, 8), 5);		/* by a typedef */
	assert_int_equal(arg(&b, false, 0, 4), -EACCES);
	assert_int_equal(arg(&b, false, 8, 8), 0);
	assert_int_equal(arg(&b, false, 9, 8), -EACCES);
	assert_int_equal(arg(&b, false, 16, 8), 0);		/* void * is a number */
	assert_int_equal(arg(&b, false, 24, 8), -EACCES);	/* a struct by value */
	assert_int_equal(arg(&b, false, 32, 8), -EACCES);
	assert_int_equal(arg(&b, true, 32, 8), 6);		/* what it gives */
	assert_int_equal(arg(&b, true, 40, 8), -EACCES);
	assert_int_equal(btf_pointed_struct(&b, 20), 0);	/* only named */
	assert_int_equal(btf_pointed_struct(&b, 4), 5);
	assert_int_equal(btf_pointed_struct(&b, 0), 0);
	forget();
}

/* Structs in one another: BTF_MAX_DEPTH types are a way, one more is too long, in any order. */
static void depth(void **state)
{
	u32 words[4 + 6 * 64];
	struct btf_types b;

	(void)state;
	for (u32 n = BTF_MAX_DEPTH - 2; n < BTF_MAX_DEPTH + 3; n++)
		for (u32 up = 0; up < 2; up++) {
			struct btf_case c = { "", words, (4 + 6 * n) * 4, 0, "" };
			const u32 first[] = { INT32(NAME('i')) };

			memcpy(words, first, sizeof(first));
			for (u32 k = 0; k < n; k++) {
				u32 in = up ? (k ? k + 1 : 1) : (k + 1 < n ? k + 3 : 1);
				const u32 s[] = { STRUCT(0, 1, 4), MEMBER(NAME('m'), in, 0) };

				memcpy(words + 4 + 6 * k, s, sizeof(s));
			}
			/* the int is one of them */
			assert_int_equal(open_case(&b, &c), n + 1 > BTF_MAX_DEPTH ? -E2BIG : 0);
		}
	forget();
}

/* Many ways to the same few types: the search for a field ends. */
static void many_ways(void **state)
{
	static u32 words[14 * (3 + 3 * 200)];
	struct btf_case c = { "", words, sizeof(words), 0, "" };
	struct btf_types b;
	u32 at = 0;

	(void)state;
	for (u32 k = 0; k < 14; k++) {
		u32 n = k < 13 ? 200 : 0;
		const u32 s[] = { STRUCT(0, n, 0) };

		memcpy(words + at, s, sizeof(s));
		at += 3;
		for (u32 m = 0; m < n; m++, at += 3) {
			words[at] = NAME('m');
			words[at + 1] = k + 2;
			words[at + 2] = 0;
		}
	}
	c.types_len = at * 4;
	u8 *data = malloc(sizeof(words) + 1024);
	u32 size = btf_case_blob(&c, data, sizeof(words) + 1024);

	assert_int_equal(open_types(&b, data, size, false), 0);
	free(data);
	assert_int_equal(lock_in(&b, 1), -E2BIG);
	forget();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cases),     cmocka_unit_test(longer_header),
		cmocka_unit_test(questions), cmocka_unit_test(fields), cmocka_unit_test(fields_apart),
		cmocka_unit_test(functions), cmocka_unit_test(walks), cmocka_unit_test(arguments),
		cmocka_unit_test(depth),
		cmocka_unit_test(many_ways),
	};

	return cmocka_run_group_tests_name("btf", tests, NULL, NULL);
}
