/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc, /sys and /dev of the whole system: what programs parse, sysctls, the kernel's log. */
#include "check.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/klog.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

static char buf[1 << 18];

static const char *slurp(const char *path)
{
	check_read_file(path, buf, sizeof buf);
	return buf;
}

static long meminfo(const char *name) { return check_number("/proc/meminfo", name); }

TEST(meminfo)
{
	struct sysinfo si;
	long total, avail, freem;

	total = meminfo("MemTotal");
	freem = meminfo("MemFree");
	avail = meminfo("MemAvailable");
	CHECK(total > 8000 && avail > 0 && avail <= total && freem <= total);
	static const char *const want[] = { "Buffers", "Cached", "SwapTotal", "SwapFree", "Active",
		"Inactive", "Dirty", "AnonPages", "Mapped", "Shmem", "Slab", "PageTables",
		"KernelStack", "Committed_AS", "VmallocTotal" };
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		CHECK_GE(meminfo(want[i]), 0);
	OK(sysinfo(&si));
	CHECK_EQ(si.totalram * si.mem_unit / 1024, total);
}

/* Per-CPU lists of free pages do not count as free on Linux: hence a lot of memory, and slack. */
TEST(meminfo_follows_use)
{
	long before, during, kb;
	char *p;

	before = meminfo("MemFree");
	kb = before / 4 & ~3L;
	if (kb < 4 << 10)
		SKIP("too little free memory");
	if (kb > 256 << 10)
		kb = 256 << 10;
	p = check_anon(kb << 10);
	memset(p, 1, kb << 10);
	during = meminfo("MemFree");
	CHECK_GE(before - during, kb / 2);
	OK(munmap(p, kb << 10));
	for (int i = 0; i < 100; i++) {
		if (meminfo("MemFree") - during > kb / 2)
			return;
		check_sleep_ms(20);
	}
	FAIL("MemFree %ld before, %ld during, %ld after", before, during, meminfo("MemFree"));
}

TEST(cpuinfo)
{
	int n = 0;

	slurp("/proc/cpuinfo");
	for (const char *p = buf; (p = strstr(p, "processor\t:")); p++)
		n++;
	CHECK_EQ(n, get_nprocs());
	CHECK(strstr(buf, "\nBogoMIPS\t:") && strstr(buf, "\nFeatures\t: fp asimd"));
	CHECK(strstr(buf, "\nCPU implementer\t: 0x") && strstr(buf, "\nCPU part\t: 0x"));
}

TEST(proc_stat)
{
	int cpus = 0;
	long v[10];

	slurp("/proc/stat");
	CHECK_EQ(sscanf(buf, "cpu  %ld %ld %ld %ld %ld %ld %ld %ld %ld %ld", v, v + 1, v + 2, v + 3,
			v + 4, v + 5, v + 6, v + 7, v + 8, v + 9), 10);
	CHECK_GE(v[0] + v[2] + v[3], 1);
	for (const char *p = buf; (p = strstr(p, "\ncpu")); p++)
		cpus++;
	CHECK_EQ(cpus, get_nprocs());
	static const char *const want[] = { "\nctxt ", "\nbtime ", "\nprocesses ",
		"\nprocs_running ", "\nprocs_blocked ", "\nintr " };
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!strstr(buf, want[i]))
			FAIL("no%s", want[i]);
	long btime = atol(strstr(buf, "\nbtime ") + 7);
	CHECK_GE(btime, 1600000000);
}

TEST(loadavg_uptime_version)
{
	double a, b, c;
	int run, total, last;
	struct utsname u;

	CHECK_EQ(sscanf(slurp("/proc/loadavg"), "%lf %lf %lf %d/%d %d", &a, &b, &c, &run, &total,
			&last), 6);
	CHECK(run >= 1 && total >= run && last >= 1);
	CHECK_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &a, &b), 2);
	CHECK(a > 0 && a < 1e6);
	check_sleep_ms(30);
	CHECK_EQ(sscanf(slurp("/proc/uptime"), "%lf %lf", &c, &b), 2);
	CHECK(c > a);
	OK(uname(&u));
	CHECK(strstr(slurp("/proc/version"), u.release));
	CHECK_EQ(strncmp(buf, u.sysname, strlen(u.sysname)), 0);
}

TEST(sysctl_files)
{
	struct utsname u;
	static const char *const numbers[] = {
		"/proc/sys/kernel/pid_max",	"/proc/sys/vm/overcommit_memory",
		"/proc/sys/kernel/threads-max", "/proc/sys/kernel/ngroups_max",
		"/proc/sys/vm/max_map_count",	"/proc/sys/kernel/cap_last_cap"};

	OK(uname(&u));
	slurp("/proc/sys/kernel/osrelease");
	CHECK_EQ(strncmp(buf, u.release, strlen(u.release)), 0);
	CHECK_EQ(buf[strlen(u.release)], '\n');
	slurp("/proc/sys/kernel/hostname");
	CHECK_EQ(strncmp(buf, u.nodename, strlen(u.nodename)), 0);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
		slurp(numbers[i]);
		CHECK(buf[0] >= '0' && buf[0] <= '9');
	}
	slurp("/proc/sys/kernel/random/boot_id");
	CHECK_EQ(strlen(buf), 37);
}

TEST(proc_is_readonly)
{
	struct statfs fs;

	CHECK_EQ(open("/proc/new", O_RDWR | O_CREAT, 0644), -1);
	CHECK_EQ(mkdir("/proc/dir", 0755), -1);
	CHECK_EQ(unlink("/proc/meminfo"), -1);
	OK(statfs("/proc", &fs));
	CHECK_EQ(fs.f_type, 0x9fa0);
}

TEST(dev_nodes)
{
	static const struct { const char *path; mode_t type; } want[] = {
		{ "/dev/null", S_IFCHR }, { "/dev/zero", S_IFCHR }, { "/dev/full", S_IFCHR },
		{ "/dev/random", S_IFCHR }, { "/dev/urandom", S_IFCHR }, { "/dev/tty", S_IFCHR },
		{ "/dev/console", S_IFCHR }, { "/dev/kmsg", S_IFCHR }, { "/dev/ptmx", S_IFCHR },
		{ "/dev/pts", S_IFDIR }, { "/dev/shm", S_IFDIR },
	};
	struct stat st;

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		if (stat(want[i].path, &st))
			FAIL("%s: %s", want[i].path, strerror(errno));
		if ((st.st_mode & S_IFMT) != want[i].type)
			FAIL("%s: mode %o", want[i].path, st.st_mode);
	}
	OK(stat("/dev/null", &st));
	CHECK_EQ(st.st_mode & 0777, 0666);
}

TEST(kmsg)
{
	int fd = OK(open("/dev/kmsg", O_RDWR | O_NONBLOCK));
	int prio;
	unsigned long seq, usec;

	CHECK_EQ(write(fd, "<6>guest test says hello\n", 25), 25);
	for (;;) {
		ssize_t n = read(fd, buf, 8192);

		if (n < 0)
			FAIL("the message did not come back: %s", strerror(errno));
		buf[n] = 0;
		CHECK_EQ(sscanf(buf, "%d,%lu,%lu", &prio, &seq, &usec), 3);
		if (strstr(buf, "guest test says hello\n"))
			break;
	}
}

TEST(printk_level)
{
	int level[4];

	slurp("/proc/sys/kernel/printk");
	CHECK_EQ(sscanf(buf, "%d %d %d %d", &level[0], &level[1], &level[2], &level[3]), 4);
	check_write_file("/proc/sys/kernel/printk", "3");
	CHECK_EQ(atoi(slurp("/proc/sys/kernel/printk")), 3);
	OK(klogctl(8, NULL, 5));
	CHECK_EQ(atoi(slurp("/proc/sys/kernel/printk")), 5);
	snprintf(buf, sizeof buf, "%d", level[0]);
	check_write_file("/proc/sys/kernel/printk", buf);
	slurp("/proc/sys/kernel/printk");
	CHECK_EQ(atoi(buf), level[0]);
}

/* Readers that wait are woken by what is logged. */
TEST_TIMEOUT(log_readers_wake, 20)
{
	int fd = OK(open("/dev/kmsg", O_RDWR));
	struct pollfd p = {.fd = fd, .events = POLLIN};
	pid_t reader;

	OK(lseek(fd, 0, SEEK_END));
	SPAWN(check_sleep_ms(200); CHECK_EQ(write(fd, "<6>wake poll\n", 13), 13));
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK(p.revents & POLLIN);
	do
		buf[OK(read(fd, buf, 8192))] = 0;
	while (!strstr(buf, "wake poll"));
	SPAWN(check_sleep_ms(200); CHECK_EQ(write(fd, "<6>wake read\n", 13), 13));
	do
		buf[OK(read(fd, buf, 8192))] = 0;
	while (!strstr(buf, "wake read"));
	while (klogctl(9, NULL, 0) > 0)
		OK(klogctl(2, buf, 8192));
	reader = SPAWN(do buf[OK(klogctl(2, buf, 8192))] = 0; while (!strstr(buf, "wake taker")));
	check_wait_state(reader, "S");
	CHECK_EQ(write(fd, "<6>wake taker\n", 14), 14);
	CHECK_EQ(check_wait(reader), 0);
}

/* What a program died of is in the log when that is wanted (sysctl/debug.rst of Linux). */
TEST(exception_trace)
{
	char name[40];
	pid_t pid;

	OK(klogctl(5, NULL, 0));
	check_write_file("/proc/sys/debug/exception-trace", "1");
	pid = SPAWN(*(volatile int *)64 = 1);
	CHECK_EQ(check_wait(pid), SIGSEGV);
	check_write_file("/proc/sys/debug/exception-trace", "0");
	buf[OK(klogctl(3, buf, 8192))] = 0;
	snprintf(name, sizeof name, "[%d]: unhandled ", pid);
	CHECK(strstr(buf, name));
}

/* syslog(2) type 2 takes what it reads. */
TEST(syslog_read)
{
	int fd = OK(open("/dev/kmsg", O_WRONLY));
	char c;

	ERR(klogctl(2, NULL, 10), EINVAL);
	ERR(klogctl(2, buf, -1), EINVAL);
	CHECK_EQ(klogctl(2, buf, 0), 0);
	while (klogctl(9, NULL, 0) > 0)
		OK(klogctl(2, buf, 8192));
	CHECK_EQ(write(fd, "<6>taken but once\n", 18), 18);
	CHECK_GE(klogctl(9, NULL, 0), 18);
	OK(klogctl(2, &c, 1));			/* a line in two pieces */
	CHECK_EQ(c, '<');
	buf[OK(klogctl(2, buf, 8192))] = 0;
	CHECK(strstr(buf, ">["));
	CHECK(strstr(buf, "] taken but once\n"));
	CHECK_EQ(klogctl(9, NULL, 0), 0);
	CHECK_EQ(IN_CHILD(alarm(1); klogctl(2, buf, 8192)), SIGALRM);	/* waits */
	CHILD_OK(check_become(4321, 4321); ERR(klogctl(2, buf, 100), EPERM));
}

TEST(interrupt_counts)
{
	long total, sum = 0, before, n;
	char *p, *end;

	slurp("/proc/stat");
	p = strstr(buf, "\nintr ");
	before = total = strtol(p + 6, &p, 10);
	for (; *p != '\n'; p = end) {
		n = strtol(p, &end, 10);
		sum += n;
	}
	CHECK(sum >= total && sum < total + 1000);	/* the parts were read after their sum */
	CHECK_GE(total, 1);
	p = strstr(buf, "\nsoftirq ");
	CHECK(p);
	for (n = 0; *p != '\n' || !n; n++)
		strtol(p + (n ? 0 : 9), &p, 10);
	CHECK_EQ(n, 11);
	check_sleep_ms(50);
	slurp("/proc/stat");
	CHECK_GE(atol(strstr(buf, "\nintr ") + 6), before + 1);	/* the timer's, at least */
	CHECK_GE(atol(strstr(buf, "\nctxt ") + 6), 1);
}

/* File pages count as mapped while somebody maps them. */
TEST(meminfo_mapped)
{
	long size = 16L << 20, base;
	int fd = OK(memfd_create("m", 0));
	char *p;

	OK(ftruncate(fd, size));
	base = meminfo("Mapped");
	p = (char *)OK(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0));
	for (long i = 0; i < size; i += PAGE)
		p[i] = 1;
	CHECK_GE(meminfo("Mapped"), base + 16384 - 512);
	OK(munmap(p, size));
	CHECK_LE(meminfo("Mapped"), base + 1024);
}

/* The function of the kernel that a thread sleeps in. */

TEST(sysfs)
{
	struct statfs fs;

	OK(statfs("/sys", &fs));
	CHECK_EQ(fs.f_type, 0x62656572);
	slurp("/sys/devices/system/cpu/online");
	CHECK_EQ(buf[0], '0');
}
