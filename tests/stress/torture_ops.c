/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The operations of the memory torture, and what they make of the model. A call that fails for want
 * of memory or of address space may have done a part: what it was about is then unmapped.
 */
#include "torture.h"

#include <fcntl.h>
#include <setjmp.h>
#include <sys/mman.h>
#include <sys/uio.h>

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25
#endif

enum { MARKS = 6 };

static volatile uint64_t *page_at(unsigned int i) { return (void *)(WINDOW + i * PAGE); }

/* --- contents -------------------------------------------------------------------------------- */
static unsigned int mark_place(unsigned int k)
{
	static const unsigned int place[MARKS] = { 0, 100, 201, 310, 404, 511 };

	return place[k];
}

void mark(volatile uint64_t *page, uint64_t value)
{
	for (unsigned int k = 0; k < MARKS; k++)
		page[mark_place(k)] = value ? value + k : 0;
}

/* What a private page holds before it is written. */
static uint64_t under(const struct page *m)
{
	return m->kind == PRIVATE_FILE ? file_value(m->off) : 0;
}

static void must_hold(unsigned int i)
{
	const struct page *m = &model[i];
	bool zeros = true, right = true;

	if ((m->kind != ANON && m->kind != PRIVATE_FILE) || m->prot == PROT_NONE)
		return;
	for (unsigned int k = 0; k < MARKS; k++) {
		uint64_t v = page_at(i)[mark_place(k)];

		right &= v == (m->value ? m->value + k : 0);
		zeros &= !v;
	}
	if (right || (m->lazy && zeros))
		return;
	printf("# stress: process %d, thread %u: page %u (kind %u, prot %u, lazy %u, grain %u, depth %u) is not %#lx but", getpid(),
	       self, i, m->kind, m->prot, m->lazy, family.grain, depth, (long)m->value);
	for (unsigned int k = 0; k < MARKS; k++)	/* once more: it may have changed */
		printf(" %#lx", (long)page_at(i)[mark_place(k)]);
	printf("\n");
	DIE("a page holds something else");
}

/* --- accesses that fault --------------------------------------------------------------------- */
static __thread sigjmp_buf fault_env;
static __thread volatile sig_atomic_t fault_expected;

static void on_fault(int sig)
{
	if (fault_expected)
		siglongjmp(fault_env, 1);
	signal(sig, SIG_DFL);
}

static void must_fault(unsigned int i, bool write)
{
	static bool ready;

	if (!ready) {
		signal(SIGSEGV, on_fault);
		ready = true;
	}
	if (!sigsetjmp(fault_env, 1)) {
		fault_expected = 1;
		if (write)
			*page_at(i) = 1;
		else
			(void)*page_at(i);
		fault_expected = 0;
		printf("# stress: page %u (kind %u, prot %u): an access passes\n", i, model[i].kind,
		       model[i].prot);
		DIE("an access that is forbidden");
	}
	fault_expected = 0;
}

/* --- ranges ---------------------------------------------------------------------------------- */
struct range { unsigned int i, n; };

static bool owned(unsigned int i) { return i / family.grain % family.team == self; }

/* Of pages that follow each other and are ours; rather often a whole block, or up to its edge. */
static struct range some_range(unsigned int *seed)
{
	static const unsigned int blocks[] = { 4, 16, BLOCK };
	unsigned int b = blocks[pick_of(seed, 3)], most;
	struct range r = { .i = pick_of(seed, PAGES) };

	if (!pick_of(seed, 3))
		r.i -= r.i % b;
	while (!owned(r.i))
		r.i = (r.i + 1) % PAGES;
	for (most = 1; most < 2 * BLOCK && r.i + most < PAGES && owned(r.i + most);)
		most++;
	switch (pick_of(seed, 4)) {
	case 0: r.n = b; break;
	case 1: r.n = b - r.i % b; break;
	case 2: r.n = 1; break;
	default: r.n = 1 + pick_of(seed, 24);
	}
	if (r.n > most)
		r.n = most;
	return r;
}

static void *start_of(struct range r) { return WINDOW + r.i * PAGE; }

static void set_range(struct range r, struct page p)
{
	for (unsigned int k = r.i; k < r.i + r.n; k++)
		model[k] = p;
}

static bool all_of(struct range r, bool (*is)(const struct page *))
{
	for (unsigned int k = r.i; k < r.i + r.n; k++)
		if (!is(&model[k]))
			return false;
	return true;
}
static bool is_mapped(const struct page *m) { return m->kind == ANON || m->kind == PRIVATE_FILE; }
static bool is_anon(const struct page *m) { return m->kind == ANON; }
static bool is_readable(const struct page *m) { return is_mapped(m) && m->prot != PROT_NONE; }
static bool is_writable(const struct page *m) { return is_mapped(m) && (m->prot & PROT_WRITE); }

static bool short_of(int err) { return err == ENOMEM || err == EAGAIN; }

/* After a failure that may have done a part: all of it goes. */
static void give_up(struct range r)
{
	bool gone = !munmap(start_of(r), r.n * PAGE);

	MUST(gone || errno == ENOMEM);
	set_range(r, (struct page){ .kind = gone ? NONE : UNKNOWN });
}

/* --- operations: each on pages of the calling thread ------------------------------------------- */
static void op_map(struct range r, unsigned int *seed)
{
	struct page p = { .kind = pick_of(seed, 4) ? ANON : PRIVATE_FILE };
	int flags = MAP_PRIVATE | MAP_FIXED | (pick_of(seed, 6) ? 0 : MAP_POPULATE);
	unsigned int first = pick_of(seed, FILE_PAGES);
	void *at;

	if (pick_of(seed, 2))	/* aligned in the file as here: the file's blocks fit */
		first = (first & ~(BLOCK - 1)) | (r.i & (BLOCK - 1));

	p.prot = pick_of(seed, 5) ? PROT_READ | PROT_WRITE : PROT_READ;
	if (p.kind == ANON)
		flags |= MAP_ANONYMOUS;
	else if (r.n > FILE_PAGES - first)
		r.n = FILE_PAGES - first;
	at = mmap(start_of(r), r.n * PAGE, p.prot, flags, p.kind == ANON ? -1 : family.file,
		  p.kind == ANON ? 0 : (off_t)(first * PAGE));
	if (at == MAP_FAILED) {
		MUST(short_of(errno));
		give_up(r);	/* Linux unmaps first */
		return;
	}
	MUST(at == start_of(r));
	for (unsigned int k = 0; k < r.n; k++) {
		p.off = p.kind == ANON ? 0 : (uint16_t)(first + k);
		p.value = under(&p);
		model[r.i + k] = p;
	}
}

static void op_unmap(struct range r, unsigned int *seed)
{
	if (munmap(start_of(r), r.n * PAGE)) {
		MUST(errno == ENOMEM);
		give_up(r);
		return;
	}
	set_range(r, (struct page){ .kind = NONE });
	must_fault(r.i + pick_of(seed, r.n), pick_of(seed, 2));
}

static void write_page(unsigned int i, unsigned int *seed)
{
	static __thread uint64_t count;
	struct page *m = &model[i];

	must_hold(i);
	m->value = ((uint64_t)getpid() << 40) + ((uint64_t)(self + 1) << 32) + ++count * 8;
	m->lazy = 0;
	if (pick_of(seed, 8)) {
		mark(page_at(i), m->value);
	} else {	/* by the kernel's hand */
		uint64_t words[PAGE / 8] = { 0 };
		struct iovec from = { words, PAGE }, to = { (void *)page_at(i), PAGE };
		ssize_t n;

		mark(words, m->value);
		n = process_vm_writev(getpid(), &from, 1, &to, 1, 0);
		if (n != (ssize_t)PAGE)	/* what is not there yet, and memory is short */
			mark(page_at(i), m->value);
	}
}

static void op_write(struct range r, unsigned int *seed)
{
	for (unsigned int k = r.i, n = 0; k < r.i + r.n && n < 40; k += 1 + pick_of(seed, 3), n++) {
		if (is_writable(&model[k]))
			write_page(k, seed);
		else if (model[k].kind != UNKNOWN && !pick_of(seed, 4))
			must_fault(k, true);
	}
}

static void op_read(struct range r, unsigned int *seed)
{
	for (unsigned int k = r.i; k < r.i + r.n; k += 1 + pick_of(seed, 3))
		must_hold(k);
}

static void op_protect(struct range r, unsigned int *seed)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ | PROT_WRITE, PROT_READ,
		PROT_NONE };
	int prot = prots[pick_of(seed, 4)];

	if (!all_of(r, is_mapped))
		return;
	if (mprotect(start_of(r), r.n * PAGE, prot)) {
		MUST(errno == ENOMEM);
		give_up(r);
		return;
	}
	for (unsigned int k = r.i; k < r.i + r.n; k++)
		model[k].prot = (uint8_t)prot;
}

static void op_drop(struct range r, unsigned int *seed)
{
	bool lazily = pick_of(seed, 3) == 0;

	if (!all_of(r, lazily ? is_anon : is_mapped))
		return;
	for (unsigned int k = r.i; lazily && k < r.i + r.n; k++)
		model[k].lazy = 1;	/* before: another may fork meanwhile */
	if (madvise(start_of(r), r.n * PAGE, lazily ? MADV_FREE : MADV_DONTNEED)) {
		MUST(short_of(errno));
		give_up(r);
		return;
	}
	for (unsigned int k = r.i; k < r.i + r.n; k++) {
		model[k].lazy = lazily;
		model[k].value = lazily ? model[k].value : under(&model[k]);
	}
}

/* Advice that changes nothing that a program can see. */
static void op_advise(struct range r, unsigned int *seed)
{
	static const int advice[] = { MADV_HUGEPAGE, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_COLD,
		MADV_PAGEOUT, MADV_WILLNEED, MADV_POPULATE_READ, MADV_POPULATE_WRITE, MADV_COLLAPSE,
		MADV_SEQUENTIAL, MADV_NORMAL };
	int a = advice[pick_of(seed, 11)];

	if (!all_of(r, a == MADV_POPULATE_WRITE ? is_writable : is_readable))
		return;
	if (a == MADV_COLLAPSE && !all_of(r, is_anon))
		return;
	if (madvise(start_of(r), r.n * PAGE, a))
		MUST(short_of(errno) || a == MADV_COLLAPSE || (errno == EINVAL && a <= MADV_NOHUGEPAGE));
}

static void op_move(struct range r, unsigned int *seed)
{
	struct range to = some_range(seed);
	bool stays = pick_of(seed, 3) == 0;
	struct page p;

	to.n = r.n = to.n < r.n ? to.n : r.n;
	if ((to.i < r.i + r.n && r.i < to.i + to.n) || !all_of(r, is_mapped) ||
	    (stays && !all_of(r, is_anon)))
		return;
	if (mremap(start_of(r), r.n * PAGE, r.n * PAGE,
		   MREMAP_MAYMOVE | MREMAP_FIXED | (stays ? MREMAP_DONTUNMAP : 0),
		   start_of(to)) == MAP_FAILED) {
		/* EFAULT: several mappings at once, before Linux 6.17 */
		MUST(short_of(errno) || (errno == EFAULT && r.n > 1));
		give_up(r);
		give_up(to);
		return;
	}
	for (unsigned int k = 0; k < r.n; k++) {
		p = model[r.i + k];
		model[to.i + k] = p;
		p.value = p.lazy = 0;
		model[r.i + k] = stays ? p : (struct page){ .kind = NONE };
	}
}

static void op_lock(struct range r, unsigned int *seed)
{
	if (!all_of(r, is_readable) || r.n > 64)
		return;
	if (mlock(start_of(r), r.n * PAGE))
		MUST(short_of(errno) || errno == EPERM);
	op_read(r, seed);
	while (munlock(start_of(r), r.n * PAGE)) {
		MUST(errno == ENOMEM);
		usleep(1000);
	}
}

static void op_fork_advice(struct range r, unsigned int *seed)
{
	static const int advice[] = { MADV_DONTFORK, MADV_WIPEONFORK, MADV_DOFORK, MADV_KEEPONFORK };
	static const uint8_t set[] = { DONT_FORK, WIPE_ON_FORK, 0, 0 };
	static const uint8_t clear[] = { 0, 0, DONT_FORK, WIPE_ON_FORK };
	unsigned int a = pick_of(seed, 4);

	if (!all_of(r, is_anon))
		return;
	if (madvise(start_of(r), r.n * PAGE, advice[a])) {
		MUST(short_of(errno));
		give_up(r);
		return;
	}
	for (unsigned int k = r.i; k < r.i + r.n; k++)
		model[k].fork = (uint8_t)((model[k].fork & ~clear[a]) | set[a]);
}

/* From outside: /proc/PID/mem, smaps and pagemap walk the tables meanwhile. */
static void op_look(struct range r, unsigned int *seed)
{
	static const char *const files[] = { "/proc/self/mem", "/proc/self/smaps", "/proc/self/pagemap" };
	unsigned int which = pick_of(seed, 3);
	uint64_t words[PAGE / 8];
	int fd = open(files[which], O_RDONLY | O_CLOEXEC);
	const struct page *m = &model[r.i];

	if (fd < 0)
		return;
	if (which == 1) {
		while (read(fd, words, sizeof words) > 0)
			;
	} else if (which == 2) {
		(void)!pread(fd, words, 64, (off_t)((uintptr_t)start_of(r) / PAGE * 8));
	} else if (is_readable(m) && !m->lazy &&
		   pread(fd, words, PAGE, (off_t)(uintptr_t)start_of(r)) == (ssize_t)PAGE) {
		for (unsigned int k = 0; k < MARKS; k++)
			MUST(words[mark_place(k)] == (m->value ? m->value + k : 0));
	}
	close(fd);
}

/* The kernel moves and splits what everybody has, while they work on it. */
static void op_disturb(struct range r, unsigned int *seed)
{
	static const struct { const char *path, *text; } all[] = {
		{ "/proc/sys/vm/compact_memory", "1" },
		{ "/sys/kernel/debug/split_huge_pages", "1" },
		{ "/proc/sys/vm/drop_caches", "1" },
	};
	unsigned int i = pick_of(seed, 3);

	(void)r;
	if (!pick_of(seed, 8))
		write_text(all[i].path, all[i].text);
}

/* Pages that all processes of the family write: nothing is lost, and what was seen stays so. */
static void op_common(struct range r, unsigned int *seed)
{
	static __thread uint64_t seen[COMMON];
	unsigned int i = pick_of(seed, COMMON), which = pick_of(seed, 16);
	uint64_t *word = family.common + i * PAGE / 8;
	uint64_t was = __atomic_fetch_add(word, 1, __ATOMIC_SEQ_CST);

	(void)r;
	MUST(was >= seen[i]);
	seen[i] = was + 1;
	if (which < 4)	/* EINVAL: somebody has locked it */
		MUST(!madvise(word, PAGE, which < 2 ? MADV_DONTNEED : MADV_PAGEOUT) ||
		     short_of(errno) || errno == EINVAL);
	else if (which < 6)
		MUST(!mlock(word, PAGE) || short_of(errno));
	else if (which < 8)
		MUST(!munlock(word, PAGE) || short_of(errno));
}

void torture_step(unsigned int *seed)
{
	static void (*const ops[])(struct range, unsigned int *) = {
		op_map,	   op_map,    op_map,  op_unmap, op_write, op_write,	   op_write,
		op_write,  op_write,  op_read, op_read,	 op_protect, op_protect,   op_drop,
		op_drop,   op_advise, op_move, op_move,	 op_lock,  op_fork_advice, op_look,
		op_common, op_advise, op_disturb,
	};

	ops[pick_of(seed, sizeof ops / sizeof *ops)](some_range(seed), seed);
}

void torture_check(void)
{
	for (unsigned int i = 0; i < PAGES; i++)
		if (owned(i))
			must_hold(i);
}
