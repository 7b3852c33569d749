/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The page-table entry codec: bit positions against the Arm ARM's figure of VMSAv8-64 stage 1
 * descriptors (D8.3), written here a second time as plain numbers; every leaf goes there and back;
 * each edit changes what it says and nothing else.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <hal/pte.h>

#define PA 0x0000123456789000ull

static pte_t leaf(struct leaf l)
{
	if (!l.level)
		l.level = 3;
	return pte_make_leaf(&l);
}

static void architecture_bits(void **state)
{
	struct leaf l = { .pa = PA, .level = 3, .read = true, .user = true };
	u64 v;

	/* user, read-only, old: valid page, AP = 11, inner shareable, nG, PXN and UXN */
	assert_int_equal(pte_make_leaf(&l).v,
			 PA | 3 | 1 << 6 | 1 << 7 | 3 << 8 | 1 << 11 | 1ull << 53 | 1ull << 54);
	l.young = l.exec = true;
	v = pte_make_leaf(&l).v;
	assert_true(v & 1 << 10);
	assert_false(v & 1ull << 54);
	assert_true(v & 1ull << 53);
	/* writable: DBM, and AP[2] until it is dirty */
	l.write = true;
	v = pte_make_leaf(&l).v;
	assert_true(v & 1ull << 51 && v & 1 << 7);
	l.dirty = true;
	v = pte_make_leaf(&l).v;
	assert_true(v & 1ull << 51 && !(v & 1 << 7));
	l.cont = true;
	assert_true(pte_make_leaf(&l).v & 1ull << 52);
	l.level = 2;
	assert_int_equal(pte_make_leaf(&l).v & 3, 1);
	/* kernel, global: AP[1] and nG clear */
	l = (struct leaf){.pa = PA,
			  .level = 3,
			  .read = true,
			  .write = true,
			  .dirty = true,
			  .global = true,
			  .young = true};
	v = pte_make_leaf(&l).v;
	assert_false(v & (1 << 6 | 1 << 7 | 1 << 11));
	assert_true(v & 1ull << 53 && v & 1ull << 54);
	l.type = MEM_DEVICE;
	assert_int_equal(pte_make_leaf(&l).v >> 2 & 7, 2);
	/* tables: type 3, PXNTable, APTable[1] when read-only */
	assert_int_equal(pte_make_table(PA).v, PA | 3 | 1ull << 59);
	assert_int_equal(pte_table_set_ro(pte_make_table(PA), true).v,
			 PA | 3 | 1ull << 59 | 1ull << 62);
	/* no access: not valid for hardware, present for us */
	v = leaf((struct leaf){ .pa = PA, .user = true }).v;
	assert_false(v & 1);
	assert_true(pte_present((pte_t){ v }));
	assert_int_equal(pte_kind((pte_t){ v }, 3), PTE_LEAF);
}

static bool bit(u32 n, u32 i) { return n >> i & 1; }

static struct leaf numbered(u32 n)
{
	struct leaf l = {
		.pa = PA & ~(PMD_SIZE - 1),
		.level = bit(n, 0) ? 2 : 3,
		.type = bit(n, 1) ? MEM_DEVICE : MEM_NORMAL,
		.write = bit(n, 2),
		.exec = bit(n, 3),
		.user = bit(n, 4),
		.dirty = bit(n, 5),
		.young = bit(n, 6),
		.exclusive = bit(n, 7),
		.special = bit(n, 8),
		.cont = bit(n, 9),
		.global = bit(n, 10),
		.read = bit(n, 11),
	};

	/* What hardware cannot say apart: without any other right a kernel leaf is readable, with
	 * one any leaf is. */
	l.read |= !l.user || l.write || l.exec;
	return l;
}

static void same(struct leaf a, struct leaf b)
{
	assert_int_equal(a.pa, b.pa);
	assert_int_equal(a.level, b.level);
	assert_int_equal(a.type, b.type);
	assert_int_equal(a.read, b.read);
	assert_int_equal(a.write, b.write);
	assert_int_equal(a.exec, b.exec);
	assert_int_equal(a.user, b.user);
	assert_int_equal(a.dirty, b.dirty);
	assert_int_equal(a.young, b.young);
	assert_int_equal(a.exclusive, b.exclusive);
	assert_int_equal(a.special, b.special);
	assert_int_equal(a.cont, b.cont);
	assert_int_equal(a.global, b.global);
}

static void there_and_back(void **state)
{
	for (u32 n = 0; n < 1 << 12; n++) {
		struct leaf l = numbered(n);
		pte_t p = pte_make_leaf(&l);

		assert_int_equal(pte_kind(p, l.level), PTE_LEAF);
		same(pte_leaf(p, l.level), l);
		assert_int_equal(pte_young(p), l.young);
		assert_int_equal(pte_dirty(p), l.dirty);
		assert_int_equal(pte_write(p), l.write);
		assert_int_equal(pte_cont(p), l.cont);
		assert_int_equal(pte_exclusive(p), l.exclusive);
		assert_int_equal(pte_pfn(p), l.pa >> PAGE_SHIFT);
	}
}

static void edits(void **state)
{
	for (u32 n = 0; n < 1 << 12; n++) {
		struct leaf l = numbered(n), e;
		pte_t p = pte_make_leaf(&l);

#define EDIT(op, change) do { \
		e = l; \
		change; \
		same(pte_leaf(op, l.level), e); \
	} while (0)
		EDIT(pte_mkold(p), e.young = false);
		EDIT(pte_mkyoung(p), e.young = true);
		EDIT(pte_mkdirty(p), e.dirty = true);
		EDIT(pte_mkclean(p), e.dirty = false);
		EDIT(pte_wrprotect(p), e.write = false);	/* dirtiness stays */
		EDIT(pte_mkexclusive(p), e.exclusive = true);
		EDIT(pte_clear_exclusive(p), e.exclusive = false);
		EDIT(pte_mkcont(p), e.cont = true);
		EDIT(pte_clear_cont(p), e.cont = false);
		EDIT(pte_advance(p, 5), e.pa += 5 * PAGE_SIZE);
		EDIT(pte_at_frame(p, (l.pa >> PAGE_SHIFT) - 512), e.pa -= 512 * PAGE_SIZE);
		assert_true(pte_well_formed(pte_at_frame(p, 0)));
		assert_false(pte_well_formed(pte_advance(p, ~0ull)));	/* not backwards */
		if (l.read)
			EDIT(pte_mkwrite(p), e.write = true);
		e = l;
		e.write = e.read =
			true; /* taken away and given back, with everything else as it was */
		same(pte_leaf(pte_mkwrite(pte_wrprotect(pte_make_leaf(&e))), l.level), e);
	}
}

/* What a CPU with hardware management does to a leaf is what the predicates read. */
static void hardware_bits(void **state)
{
	pte_t p = leaf((struct leaf){ .pa = PA, .user = true, .read = true, .write = true });

	assert_false(pte_dirty(p));
	p.v &= ~(1ull << 7);		/* a write through DBM clears AP[2] */
	assert_true(pte_dirty(p));
	assert_true(pte_dirty(pte_wrprotect(p)));
	assert_false(pte_young(p));
	p.v |= 1 << 10;
	assert_true(pte_young(p));
	p = pte_wrprotect(leaf((struct leaf){.pa = PA, .user = true, .read = true, .write = true}));
	assert_false(pte_dirty(p));
	assert_true(p.v & 1 << 7);
}

static void kinds(void **state)
{
	assert_int_equal(pte_kind(pte_none(), 0), PTE_NONE);
	assert_true(pte_is_none(pte_none()));
	for (int level = 0; level < 3; level++)
		assert_int_equal(pte_kind(pte_make_table(PA), level), PTE_TABLE);
	assert_int_equal(pte_kind(pte_table_set_ro(pte_make_table(PA), true), 1), PTE_TABLE);
	assert_int_equal(pte_table(pte_table_set_ro(pte_make_table(PA), true)), PA);
	assert_true(pte_table_ro(pte_table_set_ro(pte_make_table(PA), true)));
	assert_int_equal(pte_table_set_ro(pte_table_set_ro(pte_make_table(PA), true), false).v,
			 pte_make_table(PA).v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(architecture_bits),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(edits),
		cmocka_unit_test(hardware_bits),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests_name("pte", tests, NULL, NULL);
}
