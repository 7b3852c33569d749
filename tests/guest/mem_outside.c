/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc/PID/mem and process_vm_writev(2) write: where the process may, in its own memory only. */
#include "check.h"

#include <fcntl.h>
#include <sys/mman.h>

#define AT(p) ((off_t)(uintptr_t)(p))

static int mem_of(pid_t pid)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	return OK(open(path, O_RDWR));
}

static ssize_t poke(void *at, char c) { return pwrite(mem_of(getpid()), &c, 1, AT(at)); }

static char *private_pages(size_t n, int prot, int fd)
{
	char *m = mmap(NULL, n * PAGE, prot, MAP_PRIVATE | (fd < 0 ? MAP_ANONYMOUS : 0), fd, 0);

	CHECK(m != MAP_FAILED);
	return m;
}

/* A file of n pages of 'f'. */
static int file_of(size_t n)
{
	char page[PAGE];
	int fd = OK(memfd_create("file", 0));

	memset(page, 'f', sizeof(page));
	while (n--)
		CHECK_EQ(write(fd, page, PAGE), PAGE);
	return fd;
}

/* Who is not traced by the writer keeps what it may not write itself (Linux may be told otherwise). */
TEST(read_only_refuses)
{
	int fd = file_of(2);
	char *m = private_pages(2, PROT_READ, -1), *f = private_pages(2, PROT_READ, fd);
	char *none = private_pages(1, PROT_NONE, -1), c = 'x';

	CHECK_EQ(m[0], 0);
	ERR(poke(m, 'a'), EIO);
	ERR(poke(m + PAGE, 'a'), EIO);
	ERR(poke(f, 'a'), EIO);
	ERR(poke(none, 'a'), EIO);
	CHECK_EQ(m[0] + m[PAGE], 0);
	CHECK_EQ(f[0], 'f');
	CHECK_EQ(pread(mem_of(getpid()), &c, 1, AT(f)), 1);
	CHECK_EQ(c, 'f');
}

/* The process's own copy is written, neither the file nor who else maps it. */
TEST(private_file)
{
	int fd = file_of(32);
	char *m = private_pages(32, PROT_READ | PROT_WRITE, fd);
	char *other = private_pages(32, PROT_READ, fd);

	CHECK_EQ(m[5 * PAGE], 'f');
	CHECK_EQ(poke(m + 5 * PAGE, 'a'), 1);
	CHECK_EQ(poke(m + 17 * PAGE, 'b'), 1);
	CHECK_EQ(m[5 * PAGE], 'a');
	CHECK_EQ(m[5 * PAGE + 1], 'f');
	CHECK_EQ(m[17 * PAGE], 'b');
	CHECK_EQ(other[5 * PAGE], 'f');
	CHECK_EQ(other[17 * PAGE], 'f');
	OK(ftruncate(fd, 16 * PAGE));
	ERR(poke(m + 20 * PAGE, 'c'), EIO);	/* there is no page */
}

TEST(shared_refuses)
{
	int fd = file_of(1);
	char *m = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
	char *a = mmap(NULL, PAGE, PROT_READ, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(m != MAP_FAILED && a != MAP_FAILED);
	ERR(poke(m, 'a'), EIO);
	ERR(poke(a, 'a'), EIO);
	CHECK_EQ(m[0], 'f');
	CHECK_EQ(a[0], 0);
	OK(mprotect(m, PAGE, PROT_READ | PROT_WRITE));
	CHECK_EQ(poke(m, 'a'), 1);
	CHECK_EQ(m[0], 'a');
}

static int called(void *code) { return ((int (*)(void))code)(); }

/* Instructions that come from outside run, there and nowhere else. */
TEST(text)
{
	const uint32_t one[] = { 0x52800020, 0xd65f03c0 };	/* mov w0, #1; ret */
	const uint32_t two = 0x52800040;			/* mov w0, #2 */
	int fd = OK(memfd_create("text", 0));
	char *m, *other;

	CHECK_EQ(write(fd, one, sizeof(one)), sizeof(one));
	m = private_pages(1, PROT_READ | PROT_WRITE | PROT_EXEC, fd);
	other = private_pages(1, PROT_READ | PROT_EXEC, fd);
	CHECK_EQ(called(m), 1);
	for (int i = 0; i < 20; i++) {
		CHECK_EQ(pwrite(mem_of(getpid()), i & 1 ? one : &two, sizeof(two), AT(m)), sizeof(two));
		CHECK_EQ(called(m), i & 1 ? 1 : 2);
	}
	CHECK_EQ(called(other), 1);
}

/* After fork each sees what was written in its own memory only. */
TEST(forked)
{
	char *m = private_pages(600, PROT_READ | PROT_WRITE, -1);
	int go[2], done[2];
	pid_t child;
	char c;

	memset(m, 'p', 600 * PAGE);
	OK(pipe(go));
	OK(pipe(done));
	child = SPAWN(
		CHECK_EQ(write(done[1], "", 1), 1);
		CHECK_EQ(read(go[0], &c, 1), 1);
		CHECK_EQ(m[0], 'c');
		CHECK_EQ(m[300 * PAGE], 'p');
	);
	CHECK_EQ(read(done[0], &c, 1), 1);
	CHECK_EQ(poke(m + 300 * PAGE, 'q'), 1);
	CHECK_EQ(pwrite(mem_of(child), "c", 1, AT(m)), 1);
	CHECK_EQ(m[0], 'p');
	CHECK_EQ(m[300 * PAGE], 'q');
	CHECK_EQ(write(go[1], "", 1), 1);
	CHECK_EQ(check_wait(child), 0);
}

/* Memory that was given up and is written then is kept. */
TEST(given_up)
{
	char *m = private_pages(32, PROT_READ | PROT_WRITE, -1);

	memset(m, 'a', 32 * PAGE);
	OK(madvise(m, 32 * PAGE, MADV_FREE));
	CHECK_EQ(poke(m + PAGE, 'b'), 1);
	check_put("/proc/sys/vm/drop_caches", "1");
	CHECK_EQ(m[PAGE], 'b');
}
