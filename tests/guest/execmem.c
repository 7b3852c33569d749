/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executable memory of Tine's kernel, by its files in debugfs: what is executable is writable
 * nowhere, also while CPUs write and run code; what was taken comes back. /proc/kallsyms (proc(5)).
 */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>

#define DIR "/sys/kernel/debug/tine/"

static void need_tine(void)
{
	if (access(DIR "execmem", R_OK))
		SKIP("no " DIR "execmem");
}

static long number(const char *name)
{
	char buf[4096], *p;
	long v;

	check_read_file(DIR "execmem", buf, sizeof(buf));
	p = strstr(buf, name);
	if (!p || sscanf(p + strlen(name), "%ld", &v) != 1)
		FAIL("no %s in %s", name, buf);
	return v;
}

static bool exercise(long size, int count)
{
	char line[64];
	int fd = open(DIR "execmem_test", O_WRONLY), n;
	bool ok;

	n = snprintf(line, sizeof(line), "%ld %d", size, count);
	ok = fd >= 0 && write(fd, line, (size_t)n) == n;
	close(fd);
	return ok;
}

/* What tine/wx says; fails where it found something. Returns the windows that were open. */
static long look(void)
{
	char buf[8192];
	long bad, windows;

	check_read_file(DIR "wx", buf, sizeof(buf));
	if (sscanf(buf, "ok %ld violations, %ld windows", &bad, &windows) != 2 || bad)
		FAIL("%s", buf);
	return windows;
}

TEST(nothing_is_writable_and_executable)
{
	char buf[8192];
	long leaves, exec, bytes;

	need_tine();
	CHECK_EQ(look(), 0);
	check_read_file(DIR "wx", buf, sizeof(buf));
	CHECK_EQ(sscanf(strstr(buf, "open, "), "open, %ld leaves, %ld executable of %ld", &leaves,
			&exec, &bytes),
		 3);
	CHECK_GE(leaves, 100);
	/* the kernel's text and the page that CPUs start on, 2 MiB each */
	CHECK_EQ(exec, 2);
	CHECK_EQ(bytes, 4 << 20);
}

TEST(small_pieces_come_from_the_tail_of_the_text)
{
	long used;

	need_tine();
	used = number("used ");		/* the dispatcher keeps its code */
	CHECK_EQ(number("blocks "), 1);
	CHECK(exercise(192, 3));
	CHECK_EQ(number("blocks "), 1);
	CHECK_EQ(number("used "), used);
}

/* More than the tail, more than a block, and all there is. */
TEST(large_pieces_bring_blocks_that_go_again)
{
	long fills, used;

	need_tine();
	used = number("used ");
	fills = number("fills ");
	CHECK(exercise(2 << 20, 1));
	CHECK(exercise((7 << 20) + 4, 1));
	CHECK_EQ(number("blocks "), 1);
	CHECK_EQ(number("used "), used);
	CHECK_EQ(number("fills "), fills + 2);
	CHECK(!exercise(1l << 30, 1));
	CHECK_EQ(number("blocks "), 1);
	look();
}

static volatile int stop;
static long sizes[] = { 64, 4096, 200 << 10, 3 << 20 };

static void *exerciser(void *arg)
{
	while (!stop)
		if (!exercise(*(long *)arg, 1))
			return (void *)1;
	return NULL;
}

TEST_TIMEOUT(also_while_cpus_write_and_run_code, 120)
{
	pthread_t t[4];
	void *failed;
	long long until;
	long windows = 0, looks = 0, used;

	need_tine();
	used = number("used ");
	for (int i = 0; i < 4; i++)
		CHECK(!pthread_create(&t[i], NULL, exerciser, &sizes[i]));
	for (until = check_now() + 2 * SEC; check_now() < until; looks++)
		windows += look();
	stop = 1;
	for (int i = 0; i < 4; i++) {
		CHECK(!pthread_join(t[i], &failed));
		CHECK(!failed);
	}
	printf("# execmem: %ld looks, %ld open windows seen\n", looks, windows);
	CHECK_EQ(look(), 0);
	CHECK_EQ(number("used "), used);
	CHECK_EQ(number("blocks "), 1);
}

TEST(kallsyms_shows_addresses_to_root_only)
{
	FILE *f = fopen("/proc/kallsyms", "r");
	char line[512], name[256], type;
	unsigned long addr;
	int n = 0;

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		CHECK_EQ(sscanf(line, "%lx %c %255s", &addr, &type, name), 3);
		CHECK(addr);
		n++;
	}
	fclose(f);
	CHECK_GE(n, 1000);
	CHILD_OK(
		check_become(1000, 1000);
		f = fopen("/proc/kallsyms", "r");
		CHECK(f && fgets(line, sizeof(line), f));
		CHECK_EQ(sscanf(line, "%lx %c %255s", &addr, &type, name), 3);
		CHECK_EQ(addr, 0);
	);
}
