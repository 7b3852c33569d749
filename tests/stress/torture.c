/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Families of the memory torture: a process with a team of threads, each of which works on its own
 * pages and forks; then all of it is checked and goes. A member may be killed for want of memory;
 * any other end but success is a failure.
 */
#include "torture.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

struct family family;
struct page model[PAGES];
__thread unsigned int self;
unsigned int depth;

enum { STEPS = 400, LIFE_MS = 4000 };

unsigned int pick_of(unsigned int *seed, unsigned int n) { return (unsigned int)rand_r(seed) % n; }
uint64_t file_value(unsigned int page) { return 0xf11e000000000000 + page * 64; }

/* --- members --------------------------------------------------------------------------------- */
void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		errno = 0;	/* not every kernel has every size */
	close(fd);
}

/* Other sizes of folio from now on, for everybody. */
static void change_policy(unsigned int *seed)
{
	static const char *const words[] = { "always", "inherit", "madvise", "never" };
	static const char *const shmem_words[] = { "always", "within_size", "advise", "never", "always" };
	static const int sizes[] = { 16, 32, 64, 128, 256, 512, 1024, 2048 };
	char path[100];

	snprintf(path, sizeof path, "/sys/kernel/mm/transparent_hugepage/hugepages-%dkB/enabled",
		 sizes[pick_of(seed, 8)]);
	write_text(path, words[pick_of(seed, 4)]);
	snprintf(path, sizeof path,
		 "/sys/kernel/mm/transparent_hugepage/hugepages-%dkB/shmem_enabled",
		 pick_of(seed, 2) ? 2048 : sizes[pick_of(seed, 8)]);
	write_text(path, shmem_words[pick_of(seed, 5)]);
	write_text("/sys/kernel/mm/transparent_hugepage/shmem_enabled", shmem_words[pick_of(seed, 5)]);
	if (!pick_of(seed, 4))
		write_text("/sys/kernel/mm/transparent_hugepage/enabled", words[pick_of(seed, 2) * 2]);
}

static bool is_over(void) { return *family.stop || now_ms() > family.end; }

static void work(unsigned int *seed, unsigned int steps)
{
	for (unsigned int i = 0; i < steps && !is_over(); i++)
		torture_step(seed);
	torture_check();
}

struct member { pthread_t thread; unsigned int nr, seed; };

static void *member(void *arg)
{
	struct member *m = arg;

	self = m->nr;
	for (unsigned int i = 0; i < 6 && !is_over(); i++) {
		work(&m->seed, STEPS / 4);
		torture_fork(&m->seed);
	}
	torture_check();
	return NULL;
}

static void run_team(unsigned int seed)
{
	struct member m[TEAM];
	pthread_attr_t attr;
	unsigned int n;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	for (n = 0; n < family.team; n++) {
		m[n] = (struct member){ .nr = n, .seed = seed + n * 65537 };
		if (pthread_create(&m[n].thread, &attr, member, &m[n]))
			break;		/* nobody has the others' pages */
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(m[i].thread, NULL);
}

/* --- a child --------------------------------------------------------------------------------- */
enum { SAMPLES = 64 };

/* What others' pages hold at some places here: all that matters is that it does not change. */
static void sample(const unsigned int *place, uint64_t *word)
{
	int fd = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);

	for (int i = 0; i < SAMPLES; i++)
		if (fd < 0 || pread(fd, &word[i], 8, (off_t)(WINDOW + place[i] * PAGE)) != 8)
			word[i] = ~0ull;
	if (fd >= 0)
		close(fd);
}

/*
 * Another's page has become zeros, and had been given up (MADV_FREE) as far as we know: its owner may
 * have been in the middle of something when we were forked.
 */
static bool may_be_given_up(unsigned int place, uint64_t before, uint64_t after)
{
	return !after && (model[place].lazy || model[place].value != before);
}

static void child(unsigned int seed)
{
	unsigned int place[SAMPLES];
	uint64_t before[SAMPLES], after[SAMPLES];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	depth++;
	for (int i = 0; i < SAMPLES; i++) {
		place[i] = pick_of(&seed, PAGES);
		if (place[i] / family.grain % family.team == self)
			place[i] = PAGES;	/* our own: behind the window, not there */
	}
	for (int i = 0; i < PAGES; i++) {
		if (model[i].fork & DONT_FORK)
			model[i] = (struct page){ .kind = NONE };
		else if (model[i].fork & WIPE_ON_FORK)
			model[i].value = model[i].lazy = 0;
	}
	sample(place, before);
	torture_check();
	work(&seed, 1 + pick_of(&seed, STEPS / 4));
	if (depth < 3 && pick_of(&seed, 2))
		torture_fork(&seed);
	sample(place, after);
	for (int i = 0; i < SAMPLES; i++)
		if (before[i] != after[i] && before[i] != ~0ull && after[i] != ~0ull &&
		    !may_be_given_up(place[i], before[i], after[i])) {
			printf("# stress: page %u of the snapshot held %#llx, now %#llx\n", place[i],
			       (unsigned long long)before[i], (unsigned long long)after[i]);
			DIE("a page of the snapshot has changed");
		}
	_exit(0);
}

void torture_fork(unsigned int *seed)
{
	unsigned int child_seed = *seed * 31 + 1;
	bool at_once = pick_of(seed, 3);
	pid_t pid = fork(), r;
	int st;

	if (!pid)
		child(child_seed);
	if (pid < 0) {
		MUST(errno == ENOMEM || errno == EAGAIN);
		return;
	}
	if (at_once)
		work(seed, pick_of(seed, 60));
	while ((r = waitpid(pid, &st, 0)) < 0 && errno == EINTR)
		;
	MUST(r == pid);
	if (st && st != SIGKILL) {
		if (st != 99 << 8)	/* it has said why */
			printf("# stress: a child of the family: wait status %#x\n", st);
		DIE("a child failed");
	}
}

/* --- a family -------------------------------------------------------------------------------- */
static bool make_file(void)
{
	volatile uint64_t *p;

	family.file = memfd_create("torture", MFD_CLOEXEC);
	if (family.file < 0 || ftruncate(family.file, FILE_PAGES * PAGE))
		return false;
	p = mmap(NULL, FILE_PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, family.file, 0);
	if (p == MAP_FAILED)
		return false;
	for (unsigned int i = 0; i < FILE_PAGES; i++)
		mark(p + i * PAGE / 8, file_value(i));
	munmap((void *)p, FILE_PAGES * PAGE);
	return true;
}

/* Half of the families have little address space: their calls fail. */
static void limit(unsigned int *seed)
{
	struct rlimit r = { .rlim_cur = (PAGES / 2 + pick_of(seed, PAGES)) * PAGE };

	r.rlim_max = r.rlim_cur;
	if (!pick_of(seed, 2))
		MUST(!setrlimit(RLIMIT_AS, &r));
}

static void live(unsigned int seed)
{
	static const unsigned int grains[] = { 1, 4, 16, 24, BLOCK };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	family.grain = grains[pick_of(&seed, 5)];
	family.team = 1 + pick_of(&seed, TEAM);
	family.end = now_ms() + LIFE_MS;
	if (family.team == 1)
		family.grain = PAGES;
	write_text("/proc/self/oom_score_adj", pick_of(&seed, 3) ? "0" : "1000");
	if (!pick_of(&seed, 3))
		change_policy(&seed);
	if (!make_file())
		_exit(errno == ENOMEM || errno == ENFILE ? 0 : 99);
	limit(&seed);
	run_team(seed);
	_exit(0);
}

/* The family has its own model: what it wrote there is not to be seen here. */
static void must_be_untouched(void)
{
	for (unsigned int i = 0; i < PAGES; i++)
		if (model[i].kind != NONE || model[i].value) {
			printf("# stress: entry %u of the model (kind %u, value %#lx)\n", i,
			       model[i].kind, (long)model[i].value);
			DIE("a child's write is seen by its parent");
		}
}

static void one_family(void)
{
	unsigned int seed = rnd(1u << 30);
	pid_t pid, r;
	int st;

	write_text("/proc/sys/debug/exception-trace", "1");	/* what dies says of what */
	family.stop = stress_stop();
	family.common = mmap(NULL, COMMON * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
	MUST(family.common != MAP_FAILED);
	pid = must_fork();
	if (!pid)
		live(seed);
	while ((r = waitpid(pid, &st, 0)) < 0 && errno == EINTR)
		;
	MUST(r == pid);
	must_be_untouched();
	if (st && st != SIGKILL) {
		printf("# stress: family of seed %u: wait status %#x\n", seed, st);
		DIE("a family failed");
	}
	MUST(!munmap(family.common, COMMON * PAGE));
}

const struct action torture_actions[] = { { "family", one_family }, { NULL, NULL } };
