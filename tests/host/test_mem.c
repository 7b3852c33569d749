/* SPDX-License-Identifier: BSD-2-Clause */
/* Pages, slabs, kernel virtual memory and the page cache, each against a simpler model; one process
 * per test. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <base/alloc.h>
#include <base/errno.h>
#include <fake/fake.h>
#include <lib/chacha.h>
#include <lib/radix.h>
#include <mm/mapping.h>
#include <mm/reclaim.h>
#include <mm/slab.h>
#include <mm/uio.h>
#include "alloc.h"
#include "mem_machine.h"
#include <cmocka.h>

#define CHECK(x) BUG_ON(!(x))

static void in_child(void (*fn)(u64 seed), u64 seed)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		fn(seed);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (status)
		fail_msg("seed %llu: status %x", (unsigned long long)seed, status);
}

static void one_bank(u64 size)
{
	early_add_bank(FAKE_RAM_BASE, FAKE_RAM_BASE + size);
	early_reserve(FAKE_RAM_BASE + 2 * MIB, FAKE_RAM_BASE + 4 * MIB);
}

static u64 buddy_free(void) { return zone.nr_free + pcp_pages(); }

/* --- ChaCha20: RFC 8439, 2.3.2
 * ------------------------------------------------------------------------ */

static void chacha_vector(void **state)
{
	u32 key[8], out[16];
	const u32 nonce[3] = { 0x09000000, 0x4a000000, 0 };
	static const u32 want[16] = {
		0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
		0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
		0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2,
	};

	for (u32 i = 0; i < 32; i++)
		((u8 *)key)[i] = (u8)i;
	chacha20_block(key, 1, nonce, out);
	assert_memory_equal(out, want, sizeof(out));
}

/* --- radix tree against a sorted array
 * --------------------------------------------------------------------- */

#define MODEL_MAX 600
static struct { u64 index; u64 item; bool mark; } model[MODEL_MAX];
static u32 nr_model;

static u32 model_at(u64 index)	/* first entry >= index */
{
	u32 i = 0;

	while (i < nr_model && model[i].index < index)
		i++;
	return i;
}

static u64 random_index(void)
{
	u32 bits = fake_random(8);
	u64 r = (u64)fake_random(1u << 30) << 34 ^ (u64)fake_random(1u << 30) << 4 ^
		fake_random(16);

	return bits == 0 ? ~0ull - fake_random(3) : bits == 1 ? r : r & (BIT(bits * 2 + 2) - 1);
}

static void radix_step(struct radix *t)
{
	struct radix_pool pool = { 0 };
	u64 index = random_index(), next = index, hole = index;
	u32 at = model_at(index), m;
	bool there = at < nr_model && model[at].index == index;
	void *item;

	CHECK(radix_find(t, index) == (there ? (void *)model[at].item : NULL));
	switch (fake_random(6)) {
	case 0: case 1:
		if (there || nr_model == MODEL_MAX)
			break;
		CHECK(radix_need(t, index) <= RADIX_MAX_NODES);
		CHECK(radix_pool_fill(&pool, radix_need(t, index)));
		memmove(&model[at + 1], &model[at], (nr_model++ - at) * sizeof(model[0]));
		model[at].index = index;
		model[at].item = 8 + 8 * (u64)fake_random(1000000);
		model[at].mark = false;
		radix_insert(t, index, (void *)model[at].item, &pool);
		CHECK(!pool.nr);
		break;
	case 2:
		if (nr_model && fake_random(2)) {
			at = fake_random(nr_model);
			index = model[at].index;
			there = true;
		}
		CHECK(radix_remove(t, index) == (there ? (void *)model[at].item : NULL));
		if (there)
			memmove(&model[at], &model[at + 1], (--nr_model - at) * sizeof(model[0]));
		break;
	case 3:
		if (!nr_model)
			break;
		at = fake_random(nr_model);
		model[at].mark = fake_random(2);
		if (model[at].mark)
			radix_mark(t, model[at].index, 1);
		else
			radix_unmark(t, model[at].index, 1);
		CHECK(radix_marked(t, model[at].index, 1) == model[at].mark);
		break;
	case 4:
		item = radix_next(t, &next);
		CHECK(item == (at < nr_model ? (void *)model[at].item : NULL));
		CHECK(!item || next == model[at].index);
		for (m = at; m < nr_model && model[m].index == hole; m++)
			hole++;
		CHECK(radix_next_hole(t, index) == hole);
		break;
	default:
		item = radix_next_marked(t, &next, 1);
		for (m = at; m < nr_model && !model[m].mark; m++)
			;
		CHECK(item == (m < nr_model ? (void *)model[m].item : NULL));
		CHECK(!item || next == model[m].index);
	}
}

static void radix_child(u64 seed)
{
	struct radix t;

	one_bank(32 * MIB);
	machine_start(seed);
	radix_init(&t);
	for (u32 i = 0; i < 40000; i++)
		radix_step(&t);
	while (nr_model)
		radix_remove(&t, model[--nr_model].index);
	CHECK(radix_empty(&t));
	machine_drain();
	machine_audit();
}

/* --- start-up: banks and holes
 * ------------------------------------------------------------------------------- */

/* Every page that is not reserved can be had, once, and is RAM. */
static void take_all(void)
{
	u64 want = buddy_free() + vmemmap_deferred(), got = 0;
	struct list all = LIST_INIT(all);
	struct folio *f;
	struct page *p, *next;

	while ((f = folio_alloc(0, 0))) {
		bool ram = false;

		for (u32 i = 0; i < early_banks.nr; i++)
			ram |= page_to_phys(&f->page) >= early_banks.r[i].start &&
			       page_to_phys(&f->page) < early_banks.r[i].end;
		for (u32 i = 0; i < early_reserved.nr; i++)
			ram &= page_to_phys(&f->page) < early_reserved.r[i].start ||
			       page_to_phys(&f->page) >= early_reserved.r[i].end ||
			       page_to_phys(&f->page) <
				       FAKE_RAM_BASE + 4 * MIB; /* boot tables given back */
		CHECK(ram && pfn_valid(folio_pfn(f)));
		*(u64 *)folio_address(f) = folio_pfn(f);
		list_add(&all, &f->page.lru);
		got++;
	}
	CHECK(!folio_alloc(3, 0));
	while ((f = folio_alloc(0, ALLOC_ATOMIC))) {	/* the reserve */
		*(u64 *)folio_address(f) = folio_pfn(f);
		list_add(&all, &f->page.lru);
		got++;
	}
	CHECK(got <= want &&
	      got + got / 30 + 700 >= want); /* deferred RAM pays for its descriptors */
	list_for_each_safe(p, next, &all, lru) {
		CHECK(*(u64 *)page_address(p) == page_to_pfn(p));
		folio_put((struct folio *)p);
	}
	machine_drain();
	CHECK(buddy_free() >= got);
	machine_audit();
}

static void boot_child(u64 seed)
{
	paddr_t at = FAKE_RAM_BASE;
	u64 x = seed * 2654435761u;

	if (seed == 0)
		one_bank(16 * MIB);
	else if (seed == 1)
		one_bank(500 * MIB + 5 * PAGE_SIZE);
	else {
		early_add_bank(at, at + (8 + x % 400) * MIB + x % 7 * PAGE_SIZE);
		at += 500 * MIB + x % 1000 * PAGE_SIZE;
		early_add_bank(at + 0x123, at + (x >> 8) % 300 * MIB + 0x777);
		early_add_bank(at + 600 * MIB, at + 600 * MIB + 9 * PAGE_SIZE);
		early_reserve(FAKE_RAM_BASE + 2 * MIB, FAKE_RAM_BASE + 4 * MIB);
		for (u32 i = 0; i < 100 && seed > 6; i++) {
			x = x * 6364136223846793005ull + 1442695040888963407ull;
			early_reserve(FAKE_RAM_BASE + 5 * MIB + (x >> 33) % (600 * MIB),
				      FAKE_RAM_BASE + 5 * MIB + (x >> 33) % (600 * MIB) +
					      (x >> 20) % 20000);
		}
	}
	machine_start(seed);
	machine_audit();
	take_all();
}

/* --- folios and objects from several CPUs
 * ---------------------------------------------------------------------- */

struct held { char *p; u64 size; u32 order; u8 what, tag; };

static void fill(struct held *h, u64 cpu)
{
	h->tag = (u8)(fake_random(255) + 1);
	memset(h->p, h->tag, h->size);
}

static void verify(const struct held *h)
{
	for (u64 i = 0; i < h->size; i += h->size > 512 ? 61 : 1)
		CHECK((u8)h->p[i] == h->tag);
	CHECK((u8)h->p[h->size - 1] == h->tag);
}

static struct slab_cache *odd_cache;

static void get_one(struct held *h, u64 cpu)
{
	struct folio *f;

	h->what = (u8)fake_random(5);
	if (h->what == 0) {
		h->order = fake_random(8) ? fake_random(4) : fake_random(MAX_ORDER + 1);
		f = folio_alloc(h->order, fake_random(3) ? 0 : ALLOC_ATOMIC);
		h->p = f ? folio_address(f) : NULL;
		h->size = PAGE_SIZE << h->order;
		CHECK(!f || is_aligned((u64)folio_pfn(f), 1ul << h->order));
		for (u32 i = 0; f && i < 1u << h->order; i++)
			CHECK(page_folio(folio_page(f, i)) == f);
	} else if (h->what == 1) {
		h->size = 88;
		h->p = slab_alloc(odd_cache);
	} else if (h->what == 2 && !fake_random(4)) {
		h->size = 1 + fake_random(9 * PAGE_SIZE);
		h->p = vmalloc(h->size, PAGE_SIZE << fake_random(3));
		CHECK(!h->p || (!h->p[0] && !h->p[h->size - 1]));
	} else if (h->what == 3 && !fake_random(4)) {
		h->size = KSTACK_SIZE;
		h->p = kstack_alloc();
		CHECK(is_aligned((u64)h->p, 2 * KSTACK_SIZE));
	} else {
		h->what = 4;
		h->size = 1 + fake_random(fake_random(4) ? 600 : 30000);
		h->p = fake_random(2) ? kmalloc(h->size) : kzalloc(h->size);
		CHECK(is_aligned((u64)h->p, 16));
		CHECK(!is_pow2(h->size) || h->size > 4096 || is_aligned((u64)h->p, h->size));
	}
	if (h->p)
		fill(h, cpu);
}

static void put_one(struct held *h)
{
	verify(h);
	if (h->what == 0)
		folio_put((struct folio *)virt_to_page(h->p));
	else if (h->what == 1)
		slab_free(odd_cache, h->p);
	else if (h->what == 2)
		vfree(h->p);
	else if (h->what == 3)
		kstack_free(h->p);
	else
		kfree(h->p);
	h->p = NULL;
}

static void allocator_thread(void *arg)
{
	static struct held held[MAX_CPUS][200];
	u64 cpu = (u64)arg;

	for (u32 i = 0; i < 3000; i++) {
		struct held *h = &held[cpu][fake_random(200)];

		if (h->p)
			put_one(h);
		else
			get_one(h, cpu);
	}
	for (u32 i = 0; i < 200; i++)
		if (held[cpu][i].p)
			put_one(&held[cpu][i]);
}

static void allocators_child(u64 seed)
{
	void *arg[4] = { (void *)0, (void *)1, (void *)2, (void *)3 };
	u64 before;

	one_bank(seed & 1 ? 24 * MIB : 200 * MIB);
	slab_debug = seed & 2;
	machine_start(seed);
	odd_cache = slab_create("odd", 88, 8);
	machine_drain();
	before = buddy_free();
	fake_run(4, allocator_thread, arg);
	machine_drain();
	machine_audit();
	/* What stays: one empty slab and the descriptor of each cache, those of kernel addresses. */
	CHECK(buddy_free() + 200 >= before);
	for (u32 n = 0; n < 64; n++) {
		struct slab_stat s;

		if (slab_stat(n, &s) && strcmp(s.name, "kmalloc-48") &&
		    strcmp(s.name, "kmalloc-32"))
			CHECK(s.in_use <= 3);
	}
	take_all();
}

static void guard_child(u64 seed)
{
	char *p;

	one_bank(64 * MIB);
	machine_start(seed);
	p = seed == 2 ? kstack_alloc() : vmalloc(3 * PAGE_SIZE, PAGE_SIZE);
	p[seed == 1 ? 3 * PAGE_SIZE : -1] = 1;
}

static void guards(void **state)
{
	for (u64 seed = 0; seed < 3; seed++) {
		int status = 0;
		pid_t pid = fork();

		if (!pid) {
			signal(SIGSEGV, SIG_DFL); /* the framework's handler would go on with the
						     next test */
			guard_child(seed);
			_exit(0);
		}
		waitpid(pid, &status, 0);
		assert_int_not_equal(status, 0);
	}
}

/* --- the page cache against a flat file
 * --------------------------------------------------------------------- */

#define FILE_MAX (300 * 1024ul)
static char flat[FILE_MAX], buffer[FILE_MAX], disk[FILE_MAX];
static u64 flat_size, large_read;

static int read_page(struct mapping *m, struct folio *f)
{
	u64 size = PAGE_SIZE << folio_order(f);

	large_read += folio_order(f) > 0;
	memcpy(folio_address(f), disk + (f->page.index << PAGE_SHIFT), size);
	return 0;
}

static void random_range(u64 *start, u64 *len)
{
	*start = fake_random(FILE_MAX);
	*len = fake_random(3) ? fake_random(200) : fake_random(60000);
	if (!fake_random(4))
		*start &= PAGE_MASK;
	*len = min(*len, FILE_MAX - *start);
}

static void cache_write(struct mapping *m, u64 start, u64 len)
{
	struct uio_seg seg;
	struct uio u;

	for (u64 i = 0; i < len; i++)
		buffer[i] = (char)fake_random(256);
	uio_kernel(&u, &seg, buffer, len);
	CHECK(mapping_write(m, &u, start) == (ssize_t)len);
	memcpy(flat + start, buffer, len);
	if (len)
		flat_size = max(flat_size, start + len);
}

static void cache_read(struct mapping *m, u64 start, u64 len)
{
	struct uio_seg seg;
	struct uio u;
	u64 want = start < flat_size ? min(len, flat_size - start) : 0;

	uio_kernel(&u, &seg, buffer, len);
	CHECK(mapping_read(m, NULL, &u, start) == (ssize_t)want);
	CHECK(!memcmp(buffer, flat + start, want));
}

static void cache_step(struct mapping *m)
{
	u64 start, len;
	off64 at;
	struct folio *f;

	random_range(&start, &len);
	switch (fake_random(8)) {
	case 0: case 1:
		cache_write(m, start, len);
		break;
	case 2:
		CHECK(!mapping_truncate(m, start));
		if (start < flat_size)
			memset(flat + start, 0, FILE_MAX - start);
		flat_size = start;
		break;
	case 3:
		CHECK(!mapping_punch(m, start, start + len));
		memset(flat + start, 0, len);
		break;
	case 4:
		at = mapping_seek(m, start, true);
		for (u64 i = start; i < (at < 0 ? flat_size : (u64)at); i++)
			CHECK(!flat[i]);
		CHECK(at < 0 || (u64)at < flat_size);
		at = mapping_seek(m, start, false);
		CHECK(at == (start < flat_size ? at : -ENXIO) && at <= (off64)flat_size);
		break;
	case 5:
		f = mapping_get(m, start >> PAGE_SHIFT);
		CHECK(!memcmp(folio_index_address(f, start >> PAGE_SHIFT), flat + (start & PAGE_MASK), PAGE_SIZE));
		folio_put(f);
		break;
	default:
		cache_read(m, start, len);
	}
	CHECK(m->size == flat_size);
}

static void cache_child(u64 seed)
{
	static const struct mapping_ops memory = { .keep = true };
	struct mapping m;

	one_bank(32 * MIB);
	machine_start(seed);
	mapping_init(&m, &memory, NULL);
	for (u32 i = 0; i < 4000; i++)
		cache_step(&m);
	machine_audit();
	CHECK(m.nr_pages == mem_stat_read(STAT_SHMEM));
	mapping_destroy(&m);
	CHECK(!mem_stat_read(STAT_SHMEM) && !m.nr_pages);
	machine_drain();
	machine_audit();
}

/* Pages that can be read again make room for others, and still read the same. */
static void reclaim_child(u64 seed)
{
	static const struct mapping_ops file = { .read_folio = read_page };
	struct mapping m;
	struct list all = LIST_INIT(all);
	struct folio *f;
	struct page *p, *next;

	one_bank(16 * MIB);
	machine_start(seed);
	for (u64 i = 0; i < FILE_MAX; i++)
		disk[i] = flat[i] = (char)fake_random(256);
	mapping_init(&m, &file, NULL);
	m.size = flat_size = FILE_MAX;
	for (u32 round = 0; round < 3; round++) {
		cache_read(&m, 0, FILE_MAX);
		CHECK(m.nr_pages == FILE_MAX / PAGE_SIZE);
		while ((f = folio_alloc(0, 0)))
			list_add(&all, &f->page.lru);
		CHECK(m.nr_pages == 0);
		machine_audit();
		list_for_each_safe(p, next, &all, lru) {
			list_del(&p->lru);
			folio_put((struct folio *)p);
		}
	}
	cache_write(&m, 100, 50);	/* dirty: stays */
	cache_read(&m, 0, FILE_MAX);
	while ((f = folio_alloc(0, 0)))
		;
	CHECK(m.nr_pages && m.nr_pages <= 4);
	CHECK(large_read);
	mapping_destroy(&m);
	machine_audit();
}

static void radix_model(void **state) { for (u64 s = 0; s < 3; s++) in_child(radix_child, s); }
static void boot_layouts(void **state) { for (u64 s = 0; s < 4; s++) in_child(boot_child, s); }
static void allocators(void **state) { for (u64 s = 0; s < 4; s++) in_child(allocators_child, s); }
static void page_cache(void **state) { for (u64 s = 0; s < 3; s++) in_child(cache_child, s); }
static void reclaim(void **state) { in_child(reclaim_child, 1); }

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chacha_vector), cmocka_unit_test(radix_model),
		cmocka_unit_test(boot_layouts),	 cmocka_unit_test(allocators),
		cmocka_unit_test(guards),	 cmocka_unit_test(page_cache),
		cmocka_unit_test(reclaim),
	};

	return cmocka_run_group_tests_name("mem", tests, NULL, NULL);
}
