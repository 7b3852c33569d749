/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page cache and reclaim. What needs a file that can be dropped and read again, larger than memory,
 * uses the pattern file of Tine's debugfs (docs/debugging.md) and is skipped elsewhere.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>

#define PATTERN "/sys/kernel/debug/tine/pattern/"
#define MIB (1UL << 20)
#define GIB (1UL << 30)

static int pattern_open(int flags)
{
	int fd = open(PATTERN "data", flags);

	if (fd < 0 && !check_on_tine())
		SKIP("no pattern file");
	return (int)OK(fd);
}

static unsigned long pages_made(void)
{
	char buf[32];

	check_read_file(PATTERN "reads", buf, sizeof(buf));
	return strtoul(buf, NULL, 10);
}

/* p holds len bytes of the pattern file from off on; both multiples of 8. */
static void check_pattern(const void *p, unsigned long off, unsigned long len)
{
	const uint64_t *w = p;

	for (unsigned long i = 0; i < len / 8; i++)
		if (w[i] != off + 8 * i)
			FAIL("word at %#lx: %#lx", off + 8 * i, (unsigned long)w[i]);
}

TEST(pattern_read)
{
	static char buf[3 * PAGE];
	int fd = pattern_open(O_RDONLY);
	unsigned long made = pages_made();
	struct stat st;

	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 64 * GIB);
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 40)), sizeof(buf));
	check_pattern(buf, 40, sizeof(buf));
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 64 * (long)GIB - 8)), 8);
	check_pattern(buf, 64 * GIB - 8, 8);
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 64 * (long)GIB)), 0);
	CHECK_GE(pages_made(), made + 5);
	made = pages_made();
	CHECK_EQ(OK(pread(fd, buf, sizeof(buf), 0)), sizeof(buf));
	CHECK_EQ(pages_made(), made);	/* from memory */
}

TEST(pattern_map)
{
	unsigned long off = 7 * GIB;
	int fd = pattern_open(O_RDWR);
	char *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, (off_t)off), *q;

	CHECK(p != MAP_FAILED);
	check_pattern(p, off, MIB);
	q = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, (off_t)off);
	CHECK(q != MAP_FAILED);
	memset(q, 1, PAGE);
	check_pattern(p, off, PAGE);
	OK(ftruncate(fd, (off_t)(off + PAGE)));
	check_pattern(p, off, PAGE);
	CHECK_EQ(q[5], 1);
	CHECK_FAULT(check_read(p + PAGE), SIGBUS, BUS_ADRERR, p + PAGE);
	OK(ftruncate(fd, (off_t)(off + 3 * PAGE)));
	check_pattern(p, off, 3 * PAGE);
}

/* --- more than fits -------------------------------------------------------------------------- */

static unsigned long ram_bytes(void)
{
	struct sysinfo si;

	OK(sysinfo(&si));
	return si.totalram * si.mem_unit;
}

static unsigned long vmstat(const char *name)
{
	return (unsigned long)check_number("/proc/vmstat", name);
}

/* Reads [off, off + len) in large pieces; the first word of each page is checked. */
static void read_through(int fd, unsigned long off, unsigned long len)
{
	static char buf[64 * 1024];

	for (unsigned long at = off; at < off + len; at += sizeof(buf)) {
		CHECK_EQ(OK(pread(fd, buf, sizeof(buf), (off_t)at)), sizeof(buf));
		for (unsigned long i = 0; i < sizeof(buf); i += PAGE)
			CHECK_EQ(*(uint64_t *)(buf + i), at + i);
	}
}

/* The same through a mapping. */
static void touch_through(const char *map, unsigned long off, unsigned long len)
{
	for (unsigned long i = 0; i < len; i += PAGE)
		CHECK_EQ(*(volatile uint64_t *)(map + i), off + i);
}

static unsigned long small_ram(void)
{
	unsigned long ram = ram_bytes();

	if (ram > GIB)
		SKIP("too much memory to fill in a test");
	return ram;
}

TEST_TIMEOUT(scan_read, 120)
{
	int fd = pattern_open(O_RDONLY);
	unsigned long ram = small_ram(), kills = vmstat("oom_kill");
	unsigned long runs = vmstat("pageoutrun"), steal = vmstat("pgsteal_kswapd");

	read_through(fd, 0, ram / MIB * MIB * 3 / 2);
	CHECK_EQ(vmstat("oom_kill"), kills);
	CHECK_GE(vmstat("pageoutrun"), runs + 1);
	CHECK_GE(vmstat("pgsteal_kswapd"), steal + 1);
}

TEST_TIMEOUT(scan_mapped, 120)
{
	unsigned long ram = small_ram(), len = ram / MIB * MIB * 3 / 2, kills = vmstat("oom_kill");
	int fd = pattern_open(O_RDONLY);
	char *p = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	touch_through(p, 0, len);
	CHECK_EQ(vmstat("oom_kill"), kills);
	touch_through(p, 0, len / 4);
}

/* What is used again and again stays while a file is read that is larger than memory. */
static void hot_set(bool mapped)
{
	unsigned long ram = small_ram(), hot = ram / 5 / MIB * MIB, made, lost = 0;
	int fd = pattern_open(O_RDONLY), other = pattern_open(O_RDONLY);
	char *p = mmap(NULL, hot, PROT_READ, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	for (int i = 0; i < 3; i++)
		mapped ? touch_through(p, 0, hot) : read_through(fd, 0, hot);
	for (unsigned long at = 0; at < 3 * ram; at += ram / 8) {
		read_through(other, 8 * GIB + at / MIB * MIB, ram / 8 / MIB * MIB);
		made = pages_made();
		mapped ? touch_through(p, 0, hot) : read_through(fd, 0, hot);
		lost += pages_made() - made;
	}
	printf("# hot set of %lu pages: %lu read again beside %lu of a scan\n", hot / PAGE, lost,
	       3 * ram / PAGE);
	CHECK_LE(lost, hot / PAGE / 2);		/* of 24 times hot */
}

TEST_TIMEOUT(hot_set_read, 200)
{
	hot_set(false);
}

TEST_TIMEOUT(hot_set_mapped, 200)
{
	hot_set(true);
}

/* A hot set that comes back takes the place of one that is not used any more. */
TEST_TIMEOUT(new_hot_set, 200)
{
	unsigned long ram = small_ram(), hot = ram / 3 / MIB * MIB, made = 0;
	unsigned long refaults = vmstat("workingset_refault_file");
	unsigned long activated = vmstat("workingset_activate_file");
	int fd = pattern_open(O_RDONLY);

	for (int i = 0; i < 4; i++)
		read_through(fd, 0, hot);
	for (int i = 0; i < 12; i++) {
		made = pages_made();
		read_through(fd, GIB, 2 * hot);
		made = pages_made() - made;
	}
	printf("# new set of %lu pages: %lu read in the last round; %lu came back, %lu of them hot\n",
	       2 * hot / PAGE, made, vmstat("workingset_refault_file") - refaults,
	       vmstat("workingset_activate_file") - activated);
	CHECK_LE(made, 2 * hot / PAGE / 4);
}

TEST_TIMEOUT(anon_pushes_cache_out, 120)
{
	unsigned long ram = small_ram(), len = ram / 2 / MIB * MIB, kills = vmstat("oom_kill");
	int fd = pattern_open(O_RDONLY);
	char *p;

	read_through(fd, 0, ram / MIB * MIB);
	p = check_anon(len);
	for (unsigned long i = 0; i < len; i += PAGE)
		*(unsigned long *)(p + i) = i;
	read_through(fd, 0, ram / MIB * MIB);
	for (unsigned long i = 0; i < len; i += PAGE)
		CHECK_EQ(*(unsigned long *)(p + i), i);
	CHECK_EQ(vmstat("oom_kill"), kills);
}

TEST_TIMEOUT(locked_stays, 120)
{
	unsigned long ram = small_ram(), made;
	int fd = pattern_open(O_RDONLY);
	char *p = mmap(NULL, 4 * MIB, PROT_READ, MAP_SHARED, fd, (off_t)GIB);

	CHECK(p != MAP_FAILED);
	OK(mlock(p, 4 * MIB));
	read_through(fd, 2 * GIB, ram / MIB * MIB * 3 / 2);
	made = pages_made();
	touch_through(p, GIB, 4 * MIB);
	CHECK_EQ(pages_made(), made);
}

TEST_TIMEOUT(several_scan, 200)
{
	unsigned long ram = small_ram(), kills = vmstat("oom_kill");
	pid_t pids[4];

	for (int i = 0; i < 4; i++)
		pids[i] = SPAWN({
			int fd = pattern_open(O_RDONLY);
			unsigned long off = 4 * GIB * (unsigned long)i, len = ram / 4 / MIB * MIB;
			char *p = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, (off_t)off);
			char *a = check_anon(ram / 16);

			CHECK(p != MAP_FAILED);
			memset(a, i + 1, ram / 16);
			touch_through(p, off, len);
			read_through(fd, off + GIB, len);
			for (unsigned long n = 0; n < ram / 16; n += PAGE)
				CHECK_EQ(a[n], i + 1);
		});
	for (int i = 0; i < 4; i++)
		CHECK_EQ(check_wait(pids[i]), 0);
	CHECK_EQ(vmstat("oom_kill"), kills);
}

TEST(drop_caches)
{
	int fd = pattern_open(O_RDONLY), ctl = (int)OK(open("/proc/sys/vm/drop_caches", O_WRONLY));
	unsigned long made;

	read_through(fd, 0, MIB);
	made = pages_made();
	CHECK_EQ(OK(write(ctl, "1\n", 2)), 2);
	read_through(fd, 0, MIB);
	CHECK_GE(pages_made(), made + MIB / PAGE);
	ERR(write(ctl, "0", 1), EINVAL);
	ERR(write(ctl, "8", 1), EINVAL);
}

/* --- advice ---------------------------------------------------------------------------------- */
TEST(free_is_lazy)
{
	unsigned long n = 256, kept = 0;
	char *p = check_anon(n * PAGE);

	memset(p, 1, n * PAGE);
	OK(madvise(p, n * PAGE, MADV_FREE));
	for (unsigned long i = 0; i < n; i++)
		kept += p[i * PAGE] == 1;
	CHECK_GE(kept, n / 2);	/* nobody wanted the memory */
	CHECK_GE(check_smaps(p, PAGE, "LazyFree"), n / 2 * PAGE / 1024);
	memset(p, 2, n * PAGE);
	CHECK_EQ(check_smaps(p, PAGE, "LazyFree"), 0);
	for (unsigned long i = 0; i < n; i++)
		CHECK_EQ(p[i * PAGE], 2);
}

/* What others map too they have not given up; what is written before or after is kept. */
TEST(free_and_fork)
{
	char *p = check_anon(3 * PAGE);

	memset(p, 1, 3 * PAGE);
	CHILD_OK(
		OK(madvise(p, 3 * PAGE, MADV_FREE));
		OK(madvise(p, 3 * PAGE, MADV_PAGEOUT));
	);
	CHECK_EQ(p[0], 1);
	CHECK_EQ(p[2 * PAGE], 1);
	OK(madvise(p, 3 * PAGE, MADV_FREE));
	p[PAGE] = 7;
	CHILD_OK(
		OK(madvise(p, 3 * PAGE, MADV_PAGEOUT));
		CHECK_EQ(p[PAGE], 7);
	);
	CHECK_EQ(p[PAGE], 7);
}

TEST_TIMEOUT(free_is_taken, 120)
{
	unsigned long ram = small_ram(), n = ram / 8 / PAGE, taken = 0, kept = 0, old;
	int fd = pattern_open(O_RDONLY);
	unsigned long *p = (void *)check_anon(n * PAGE);

	for (unsigned long i = 0; i < n; i++)
		p[i * PAGE / 8] = i + 1;
	old = vmstat("pglazyfreed");
	OK(madvise(p, n * PAGE, MADV_FREE));
	for (unsigned long i = 0; i < n; i += 64)
		p[i * PAGE / 8 + 1] = i;
	read_through(fd, 0, ram / MIB * MIB * 3 / 2);
	for (unsigned long i = 0; i < n; i++) {
		unsigned long w = p[i * PAGE / 8];

		if (i % 64 == 0)
			CHECK_EQ(w, i + 1);
		else
			CHECK(!w || w == i + 1);
		taken += !w;
		kept += w != 0;
	}
	printf("# %lu of %lu pages given up were taken\n", taken, n - n / 64);
	CHECK_GE(taken, n / 2);
	CHECK_GE(vmstat("pglazyfreed") - old, taken);
}

TEST(pageout)
{
	int fd = pattern_open(O_RDONLY);
	char *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, 5 * (off_t)GIB), *a = check_anon(MIB);
	unsigned long made;
	unsigned char in[MIB / PAGE];

	CHECK(p != MAP_FAILED);
	touch_through(p, 5 * GIB, MIB);
	made = pages_made();
	OK(madvise(p, MIB, MADV_COLD));
	touch_through(p, 5 * GIB, MIB);
	CHECK_EQ(pages_made(), made);
	OK(madvise(p, MIB / 2, MADV_PAGEOUT));
	OK(mincore(p, MIB, in));
	CHECK(!(in[0] & 1) && !(in[127] & 1) && (in[128] & 1));
	touch_through(p, 5 * GIB, MIB);
	CHECK_EQ(pages_made(), made + MIB / 2 / PAGE);
	memset(a, 1, MIB);
	OK(madvise(a, MIB, MADV_PAGEOUT));	/* no swap: stays */
	CHECK_EQ(a[MIB - 1], 1);
	OK(madvise(a, MIB / 2, MADV_FREE));
	OK(madvise(a, MIB, MADV_PAGEOUT));
	CHECK_EQ(a[0], 0);
	CHECK_EQ(a[MIB - 1], 1);
	OK(mlock(p, PAGE));
	ERR(madvise(p, MIB, MADV_PAGEOUT), EINVAL);
}

/* Each kind of advice brings its pages in, and the bytes are read without any more being made. */
static void check_ahead(int fd, unsigned long off, unsigned long made)
{
	CHECK_GE(pages_made(), made + MIB / PAGE);
	made = pages_made();
	read_through(fd, off, MIB);
	CHECK_EQ(pages_made(), made);
}

TEST(read_ahead)
{
	int fd = pattern_open(O_RDONLY);
	unsigned long made = pages_made(), off = 40 * GIB;
	char *p = mmap(NULL, MIB, PROT_READ, MAP_SHARED, fd, (off_t)off);

	CHECK(p != MAP_FAILED);
	OK(madvise(p, MIB, MADV_WILLNEED));
	check_ahead(fd, off, made);
	made = pages_made();
	OK(posix_fadvise(fd, (off_t)(off + GIB), MIB, POSIX_FADV_WILLNEED));
	check_ahead(fd, off + GIB, made);
	made = pages_made();
	OK(readahead(fd, (off_t)(off + 2 * GIB), MIB));
	check_ahead(fd, off + 2 * GIB, made);
	made = pages_made();
	OK(posix_fadvise(fd, (off_t)(off + GIB), MIB - 8, POSIX_FADV_DONTNEED));
	read_through(fd, off + GIB, MIB);
	CHECK_GE(pages_made(), made + MIB / PAGE - 64);	/* the last folio stays, if it is large */
	CHECK_LE(pages_made(), made + MIB / PAGE);
}

TEST(read_ahead_grows)
{
	int fd = pattern_open(O_RDONLY), other = pattern_open(O_RDONLY);
	unsigned long made = pages_made(), off = 50 * GIB;
	char buf[64];

	for (unsigned long i = 0; i < 8; i++)	/* here and there: a page each */
		CHECK_EQ(OK(pread(fd, buf, 64, (off_t)(off + i * MIB + PAGE))), 64);
	CHECK_EQ(pages_made(), made + 8);
	made = pages_made();
	OK(lseek(fd, (off_t)(off + GIB), SEEK_SET));
	for (unsigned long i = 0; i < 300; i++)	/* one after the other: ever more, but bounded */
		CHECK_EQ(OK(read(fd, buf, 64)), 64);
	CHECK_GE(pages_made(), made + 5);
	CHECK_LE(pages_made(), made + 40);
	OK(posix_fadvise(other, 0, 0, POSIX_FADV_RANDOM));
	made = pages_made();
	for (unsigned long i = 0; i < 100; i++)
		CHECK_EQ(OK(pread(other, buf, 64, (off_t)(off + 2 * GIB + i * PAGE))), 64);
	CHECK_EQ(pages_made(), made + 100);
	made = pages_made();
	OK(posix_fadvise(other, 0, 0, POSIX_FADV_SEQUENTIAL));
	CHECK_EQ(OK(pread(other, buf, 64, (off_t)(off + 2 * GIB + 100 * PAGE))), 64);
	CHECK_EQ(pages_made(), made + 64);
}

/* p is mapped where it lies to blocks as the file does; a page of it has been touched. */
static char *map_block(int fd, unsigned long off, int prot, unsigned long len)
{
	char *p = check_anon(len + 2 * MIB), *at = (char *)(((unsigned long)p + 2 * MIB) & ~(2 * MIB - 1));

	CHECK(mmap(at, len, prot, MAP_SHARED | MAP_FIXED, fd, (off_t)off) == at);
	return at;
}

TEST(large_folios_of_a_file)
{
	int fd = pattern_open(O_RDWR);
	unsigned long off = 55 * GIB, made = pages_made();
	char *p = map_block(fd, off, PROT_READ | PROT_EXEC, MIB);

	CHECK_EQ(*(volatile uint64_t *)(p + 5 * PAGE), off + 5 * PAGE);
	CHECK_EQ(pages_made(), made + 16);	/* text: the block around it */
	CHECK_EQ(check_smaps(p, PAGE, "Rss"), 64);
	CHECK_EQ(check_smaps(p, PAGE, "ContPte"), 64);
	touch_through(p, off, MIB);
	CHECK_EQ(check_smaps(p, PAGE, "ContPte"), 1024);
	OK(mprotect(p + 20 * PAGE, PAGE, PROT_NONE));
	check_pattern(p, off, 20 * PAGE);
	CHECK_FAULT(check_read(p + 20 * PAGE), SIGSEGV, SEGV_ACCERR, p + 20 * PAGE);
	OK(mprotect(p + 20 * PAGE, PAGE, PROT_READ));
	check_pattern(p, off, MIB);
}

/* A part of a large folio goes, the rest stays: what was written, and what was only read. */
TEST(truncate_in_a_folio)
{
	int fd = pattern_open(O_RDWR);
	unsigned long off = 56 * GIB, made;
	char *p = map_block(fd, off, PROT_READ | PROT_WRITE, MIB);

	touch_through(p, off, MIB);
	*(uint64_t *)(p + 2 * PAGE) = 77;	/* its folio is dirty */
	made = pages_made();
	OK(ftruncate(fd, (off_t)(off + 200 * PAGE + 100)));
	CHECK_FAULT(check_read(p + 201 * PAGE), SIGBUS, BUS_ADRERR, p + 201 * PAGE);
	check_pattern(p + 3 * PAGE, off + 3 * PAGE, 197 * PAGE);
	OK(ftruncate(fd, (off_t)(off + 5 * PAGE)));
	CHECK_FAULT(check_read(p + 5 * PAGE), SIGBUS, BUS_ADRERR, p + 5 * PAGE);
	CHECK_EQ(*(uint64_t *)(p + 2 * PAGE), 77);
	check_pattern(p + 3 * PAGE, off + 3 * PAGE, 2 * PAGE);
	CHECK_GE(pages_made(), made);
	OK(ftruncate(fd, (off_t)(off + MIB)));
	CHECK_EQ(*(uint64_t *)(p + 2 * PAGE), 77);
	check_pattern(p + 3 * PAGE, off + 3 * PAGE, MIB - 3 * PAGE);
}

/* --- names ----------------------------------------------------------------------------------- */
struct dentries { unsigned long all, unused, negative; };

static struct dentries dentries(void)
{
	struct dentries d;
	char buf[128];

	check_read_file("/proc/sys/fs/dentry-state", buf, sizeof(buf));
	CHECK_EQ(sscanf(buf, "%lu %lu %*u %*u %lu", &d.all, &d.unused, &d.negative), 3);
	return d;
}

static unsigned long meminfo(const char *name)
{
	return (unsigned long)check_number("/proc/meminfo", name);
}

/* Looks n names up that are there and n that are not: what can be dropped again. */
static void look_for(unsigned long n)
{
	char name[64];
	struct stat st;

	check_tmpdir();
	OK(mkdir("names", 0755));
	if (mount("none", "names", "tinenames", 0, NULL) && !check_on_tine())
		SKIP("no file system to look names up in");
	for (unsigned long i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "names/%lu", i + 2);
		OK(stat(name, &st));
		CHECK_EQ(st.st_ino, i + 2);
		snprintf(name, sizeof(name), "names/a name that is not there %lu", i);
		ERR(access(name, F_OK), ENOENT);
	}
}

static unsigned long inodes(void)
{
	char buf[64];

	check_read_file("/proc/sys/fs/inode-nr", buf, sizeof(buf));
	return strtoul(buf, NULL, 10);
}

TEST_TIMEOUT(names_are_dropped, 60)
{
	unsigned long n = 20000, slab, was = inodes();
	int ctl = (int)OK(open("/proc/sys/vm/drop_caches", O_WRONLY));
	struct dentries d;

	CHECK_EQ(OK(write(ctl, "2", 1)), 1);
	slab = meminfo("SReclaimable");
	look_for(n);
	d = dentries();
	CHECK_GE(d.all, d.unused);
	CHECK_GE(d.unused, 2 * n);
	CHECK_GE(d.negative, n);
	CHECK_GE(inodes(), was + n);
	CHECK_GE(meminfo("SReclaimable"), slab + 2 * n * 128 / 1024);
	CHECK_EQ(OK(write(ctl, "2", 1)), 1);
	CHECK_LE(dentries().unused, 200);
	for (int i = 0; i < 100 && (meminfo("SReclaimable") > slab + 200 || inodes() > was + 200); i++)
		usleep(20000);		/* until nobody can be looking at them */
	CHECK_LE(meminfo("SReclaimable"), slab + 200);
	CHECK_LE(inodes(), was + 200);
}

/* Memory that is wanted is taken from names too, and nobody dies for it. */
TEST_TIMEOUT(names_make_room, 120)
{
	unsigned long ram = small_ram(), n = ram / 16 / 1024, kills = vmstat("oom_kill"), len;
	unsigned long scanned = vmstat("slabs_scanned");
	struct dentries before, after;
	char *p;

	look_for(n);
	check_write_file("/proc/sys/vm/drop_caches", "1");	/* what is wanted comes from names */
	before = dentries();
	CHECK_GE(before.unused, 2 * n);
	len = (meminfo("MemFree") + meminfo("SReclaimable") / 2) * 1024;
	p = check_anon(len);
	for (unsigned long i = 0; i < len; i += PAGE)
		p[i] = 1;
	after = dentries();
	printf("# %lu names unused, %lu after %lu MiB were filled\n", before.unused, after.unused,
	       len / MIB);
	CHECK_GE(vmstat("slabs_scanned"), scanned + 1);
	CHECK_EQ(vmstat("oom_kill"), kills);
	CHECK_LE(after.unused, before.unused / 4 * 3);
}
