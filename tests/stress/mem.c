/* SPDX-License-Identifier: BSD-2-Clause */
/* Stress of memory: mappings against a flat model, copy-on-write, advice, files. */
#include "stress.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

/* One reserved window; the model says for each page what is mapped and what it holds. */
enum { WINDOW = 128 };
enum kind { NONE, RW, RO };
static struct { enum kind kind; uint32_t value; } model[WINDOW];
static char *window;

static void check_window(void)
{
	for (int i = 0; i < WINDOW; i++)
		if (model[i].kind != NONE)
			MUST(*(uint32_t *)(window + i * PAGE) == model[i].value);
}

static void map_range(unsigned int at, unsigned int n)
{
	void *p = mmap(window + at * PAGE, n * PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	MUST(p == window + at * PAGE);
	for (unsigned int i = at; i < at + n; i++) {
		model[i].kind = RW;
		model[i].value = 0;
	}
}

static void unmap_range(unsigned int at, unsigned int n)
{
	/* the window stays reserved, so that nobody else's mapping comes to lie in it */
	void *p = mmap(window + at * PAGE, n * PAGE, PROT_NONE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);

	MUST(p == window + at * PAGE);
	for (unsigned int i = at; i < at + n; i++)
		model[i].kind = NONE;
}

static void write_range(unsigned int at, unsigned int n)
{
	for (unsigned int i = at; i < at + n; i++) {
		if (model[i].kind != RW)
			continue;
		model[i].value = rnd(1U << 30);
		*(volatile uint32_t *)(window + i * PAGE) = model[i].value;
	}
}

static void protect_range(unsigned int at, unsigned int n)
{
	enum kind to = rnd(2) ? RO : RW;

	for (unsigned int i = at; i < at + n; i++) {
		if (model[i].kind == NONE)
			continue;
		MUST(!mprotect(window + i * PAGE, PAGE,
			       to == RO ? PROT_READ : PROT_READ | PROT_WRITE));
		model[i].kind = to;
	}
}

static void drop_range(unsigned int at, unsigned int n)
{
	for (unsigned int i = at; i < at + n; i++) {
		if (model[i].kind == NONE)
			continue;
		MUST(!madvise(window + i * PAGE, PAGE, MADV_DONTNEED));
		model[i].value = 0;
	}
}

static void move_range(unsigned int at, unsigned int n)
{
	unsigned int to = rnd(WINDOW - n);
	void *p;

	if ((to < at + n && at < to + n) || model[at].kind != RW)
		return;
	for (unsigned int i = at; i < at + n; i++)
		if (model[i].kind != RW)
			return;
	/* one page at a time: a range may consist of several mappings */
	for (unsigned int i = 0; i < n; i++) {
		p = mremap(window + (at + i) * PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED,
			   window + (to + i) * PAGE);
		MUST(p == window + (to + i) * PAGE);
		model[to + i] = model[at + i];
	}
	unmap_range(at, n);
}

static void fork_and_check(unsigned int at, unsigned int n)
{
	pid_t pid = must_fork();

	if (!pid) {
		check_window();
		write_range(at, n);
		check_window();
		_exit(0);
	}
	if (rnd(2))
		write_range(at, n);
	must_exit(pid, 0);
}

static void mappings(void)
{
	static void (*const ops[])(unsigned int, unsigned int) = {
		map_range,   map_range,	    unmap_range, write_range, write_range,
		write_range, protect_range, drop_range,	 move_range,  fork_and_check};

	window = mmap(NULL, WINDOW * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
		      -1, 0);
	MUST(window != MAP_FAILED);
	memset(model, 0, sizeof model);
	for (int i = 0; i < 60; i++) {
		unsigned int n = 1 + rnd(rnd(4) ? 8 : WINDOW / 2), at = rnd(WINDOW - n);

		ops[rnd(sizeof ops / sizeof *ops)](at, n);
	}
	check_window();
	MUST(!munmap(window, WINDOW * PAGE));
}

static void cow_tree(void)
{
	enum { PAGES = 64 };
	uint32_t *p = must_map(PAGES * PAGE, MAP_PRIVATE), mark = rnd(1U << 30);
	pid_t pid[4];

	for (int i = 0; i < PAGES; i++)
		p[i * PAGE / 4] = mark + i;
	for (int c = 0; c < 4; c++) {
		pid[c] = must_fork();
		if (pid[c])
			continue;
		for (int i = 0; i < PAGES; i += 1 + c)
			p[i * PAGE / 4] = c;
		for (int i = 0; i < PAGES; i++)
			MUST(p[i * PAGE / 4] == (i % (1 + c) ? mark + i : (uint32_t)c));
		_exit(c);
	}
	p[0] = mark;
	for (int c = 0; c < 4; c++)
		must_exit(pid[c], c << 8);
	for (int i = 0; i < PAGES; i++)
		MUST(p[i * PAGE / 4] == mark + i);
	MUST(!munmap(p, PAGES * PAGE));
}

static void *fault_pages(void *arg)
{
	for (int i = 0; i < 256; i++)
		__atomic_add_fetch((uint32_t *)((char *)arg + i * PAGE), 1, __ATOMIC_RELAXED);
	return NULL;
}

static void thread_faults(void)
{
	pthread_t t[3];
	char *p = must_map(256 * PAGE, MAP_PRIVATE);
	int n = 0;

	for (; n < 3; n++)
		if (pthread_create(&t[n], NULL, fault_pages, p))
			break;
	for (int i = 0; i < 20; i++) {		/* unrelated changes meanwhile */
		void *q = must_map(3 * PAGE, MAP_PRIVATE);

		*(volatile char *)q = 1;
		MUST(!munmap(q, 3 * PAGE));
	}
	for (int i = 0; i < n; i++)
		pthread_join(t[i], NULL);
	for (int i = 0; i < 256; i++)
		MUST(*(int *)(p + i * PAGE) == n);
	MUST(!munmap(p, 256 * PAGE));
}

static void mapped_file(void)
{
	int fd = open("mapped", O_RDWR | O_CREAT | O_TRUNC, 0600);
	size_t pages = 1 + rnd(64);
	uint32_t *p, v = rnd(1U << 30), w;

	MUST(fd >= 0 && !ftruncate(fd, pages * PAGE));
	p = mmap(NULL, pages * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(p != MAP_FAILED);
	for (size_t i = 0; i < pages; i++)
		p[i * PAGE / 4] = v + i;
	for (size_t i = 0; i < pages; i++)
		MUST(pread(fd, &w, 4, i * PAGE) == 4 && w == v + i);
	MUST(!ftruncate(fd, pages / 2 * PAGE) && !ftruncate(fd, pages * PAGE));
	for (size_t i = 0; i < pages; i++)
		MUST(p[i * PAGE / 4] == (i < pages / 2 ? v + i : 0));
	MUST(!unlink("mapped") && !close(fd));
	p[0] = 1;
	MUST(!munmap(p, pages * PAGE));
}

static void shared_counter(void)
{
	uint32_t *p = must_map(PAGE, MAP_SHARED);
	pid_t pid[3];

	for (int c = 0; c < 3; c++) {
		pid[c] = must_fork();
		if (!pid[c]) {
			for (int i = 0; i < 1000; i++)
				__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
			_exit(0);
		}
	}
	for (int c = 0; c < 3; c++)
		must_exit(pid[c], 0);
	MUST(*p == 3000);
	MUST(!munmap(p, PAGE));
}

const struct action mem_actions[] = {
	{ "mappings", mappings }, { "cow-tree", cow_tree }, { "thread-faults", thread_faults },
	{ "mapped-file", mapped_file }, { "shared-counter", shared_counter }, { NULL, NULL },
};
