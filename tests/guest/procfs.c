/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc of processes: the files that programs parse, and that they agree with one another. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char buf[1 << 18];

static const char *slurp(const char *path)
{
	check_read_file(path, buf, sizeof buf);
	return buf;
}

/* The number after a line's "name:" in buf, or a failure. */
static long long field(const char *name)
{
	const char *p = buf;
	size_t len = strlen(name);

	for (; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (!strncmp(p, name, len) && p[len] == ':')
			return strtoll(p + len + 1, NULL, 10);
	FAIL("no %s", name);
}

static bool has_field(const char *name)
{
	char key[64];

	snprintf(key, sizeof key, "\n%s:", name);
	return strstr(buf, key) || !strncmp(buf, key + 1, strlen(key) - 1);
}

TEST(self_links)
{
	char link[256] = "", want[32];
	ssize_t n;

	snprintf(want, sizeof want, "%d", getpid());
	OK(readlink("/proc/self", link, sizeof link));
	CHECK_STR(link, want);
	n = OK(readlink("/proc/self/exe", link, sizeof link - 1));
	link[n] = 0;
	CHECK(strstr(link, "/procfs"));
	n = OK(readlink("/proc/thread-self", link, sizeof link - 1));
	link[n] = 0;
	snprintf(want, sizeof want, "%d/task/%d", getpid(), getpid());
	CHECK_STR(link, want);
	check_tmpdir();
	n = OK(readlink("/proc/self/cwd", link, sizeof link - 1));
	link[n] = 0;
	CHECK(strstr(link, "/tmp/check-"));
	OK(readlink("/proc/self/root", link, sizeof link));
	CHECK_EQ(link[0], '/');
	OK(open("/proc/self/cwd/.", O_RDONLY));
	OK(open("/proc/self/root/proc/self/exe", O_RDONLY));
}

TEST(fd_links)
{
	char link[256] = "", path[64];
	int fd, p[2];
	ssize_t n;
	DIR *d;
	int seen = 0;

	check_tmpdir();
	check_write_file("f", "x");
	fd = OK(open("f", O_RDONLY));
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	n = OK(readlink(path, link, sizeof link - 1));
	link[n] = 0;
	CHECK(strstr(link, "/f"));
	OK(unlink("f"));
	n = OK(readlink(path, link, sizeof link - 1));
	link[n] = 0;
	CHECK(strstr(link, "/f (deleted)"));
	close(OK(open(path, O_RDONLY))); /* the file itself, though the name is gone */
	OK(pipe(p));
	snprintf(path, sizeof path, "/proc/self/fd/%d", p[0]);
	n = OK(readlink(path, link, sizeof link - 1));
	link[n] = 0;
	CHECK_EQ(strncmp(link, "pipe:[", 6), 0);
	d = opendir("/proc/self/fd");
	CHECK(d);
	for (struct dirent *e; (e = readdir(d));)
		if (e->d_name[0] != '.' && (atoi(e->d_name) == fd || atoi(e->d_name) == p[1]))
			seen++;
	CHECK_EQ(seen, 2);
	ERR(readlink("/proc/self/fd/999", link, sizeof link), ENOENT);
	ERR(open("/proc/self/fd/x", O_RDONLY), ENOENT);
}

TEST(fdinfo)
{
	char path[64];
	int fd;

	check_tmpdir();
	check_write_file("f", "0123456789");
	fd = OK(open("f", O_RDWR | O_CLOEXEC));
	OK(lseek(fd, 7, SEEK_SET));
	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", fd);
	slurp(path);
	CHECK_EQ(field("pos"), 7);
	CHECK(has_field("flags"));
	const char *f = strstr(buf, "flags:");
	CHECK_EQ(strtol(f + 6, NULL, 8) & (O_ACCMODE | O_CLOEXEC), O_RDWR | O_CLOEXEC);
}

TEST(pid_stat)
{
	char comm[32], state;
	int pid, ppid, pgrp, sid;
	long nice = -1, threads = 0, v[60];
	const char *p;
	int n = 0;

	slurp("/proc/self/stat");
	CHECK_EQ(sscanf(buf, "%d (%31[^)]) %c %d %d %d", &pid, comm, &state, &ppid, &pgrp, &sid),
		 6);
	CHECK_EQ(pid, getpid());
	CHECK_STR(comm, "procfs");
	CHECK_EQ(state, 'R');
	CHECK_EQ(ppid, getppid());
	CHECK_EQ(pgrp, getpgrp());
	CHECK_EQ(sid, getsid(0));
	for (p = strrchr(buf, ')') + 4; *p && n < 60; n++) {
		v[n] = strtol(p, (char **)&p, 10);
		while (*p == ' ' || *p == '\n')
			p++;
	}
	CHECK_EQ(n, 49);			/* 52 fields in all */
	nice = v[15];
	threads = v[16];
	CHECK_EQ(nice, 0);
	CHECK_EQ(threads, 1);
	CHECK_GE(v[19], 4096 * 50);		/* vsize, in bytes */
	CHECK_GE(v[20], 10);			/* rss, in pages */
}

TEST(stat_of_odd_name)
{
	/* the name may hold anything: readers look for the last parenthesis */
	pid_t pid = SPAWN(
		check_write_file("/proc/self/comm", "a) R (b c");
		raise(SIGSTOP);
	);
	char path[40];
	int st;

	CHECK_EQ(waitpid(pid, &st, WUNTRACED), pid);
	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	slurp(path);
	CHECK(strstr(buf, "(a) R (b c) T "));
	snprintf(path, sizeof path, "/proc/%d/comm", pid);
	CHECK_STR(slurp(path), "a) R (b c\n");
	kill(pid, SIGKILL);
	check_wait(pid);
}

TEST(pid_statm)
{
	long v[7];
	char *big = check_anon(256 * PAGE);
	long before;

	CHECK_EQ(sscanf(slurp("/proc/self/statm"), "%ld %ld %ld %ld %ld %ld %ld", v, v + 1, v + 2,
			v + 3, v + 4, v + 5, v + 6), 7);
	before = v[1];
	CHECK(v[0] >= v[1] && v[1] >= v[2] && v[3] > 0);
	memset(big, 1, 256 * PAGE);
	CHECK_EQ(sscanf(slurp("/proc/self/statm"), "%ld %ld", v, v + 1), 2);
	CHECK_GE(v[1] - before, 150);		/* the counters may lag a little on many CPUs */
}

TEST(pid_status)
{
	char name[32] = "";

	slurp("/proc/self/status");
	CHECK_EQ(sscanf(buf, "Name:\t%31s", name), 1);
	CHECK_STR(name, "procfs");
	CHECK_EQ(field("Pid"), getpid());
	CHECK_EQ(field("Tgid"), getpid());
	CHECK_EQ(field("PPid"), getppid());
	CHECK_EQ(field("Threads"), 1);
	CHECK_EQ(field("Uid"), 0);
	CHECK_GE(field("VmSize"), 100);
	CHECK_GE(field("VmRSS"), 10);
	static const char *const want[] = {"Umask",
					   "State",
					   "TracerPid",
					   "Gid",
					   "FDSize",
					   "Groups",
					   "VmPeak",
					   "VmHWM",
					   "VmData",
					   "VmStk",
					   "VmExe",
					   "SigQ",
					   "SigPnd",
					   "ShdPnd",
					   "SigBlk",
					   "SigIgn",
					   "SigCgt",
					   "CapInh",
					   "CapPrm",
					   "CapEff",
					   "CapBnd",
					   "NoNewPrivs",
					   "Cpus_allowed",
					   "Cpus_allowed_list",
					   "voluntary_ctxt_switches",
					   "nonvoluntary_ctxt_switches"};
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!has_field(want[i]))
			FAIL("no %s", want[i]);
}

TEST(status_signals)
{
	sigset_t s;
	const char *p;

	sigemptyset(&s);
	sigaddset(&s, SIGUSR1);
	signal(SIGUSR2, SIG_IGN);
	OK(sigprocmask(SIG_BLOCK, &s, NULL));
	kill(getpid(), SIGUSR1);
	slurp("/proc/self/status");
	p = strstr(buf, "SigBlk:");
	CHECK(p && strtoul(p + 7, NULL, 16) & 1UL << (SIGUSR1 - 1));
	p = strstr(buf, "SigIgn:");
	CHECK(p && strtoul(p + 7, NULL, 16) & 1UL << (SIGUSR2 - 1));
	p = strstr(buf, "ShdPnd:");
	CHECK(p && strtoul(p + 7, NULL, 16) & 1UL << (SIGUSR1 - 1));
}

struct map {
	unsigned long start, end, off, ino;
	char perm[5], path[256];
	unsigned int maj, min;
};

static const char *next_map(const char *p, struct map *m)
{
	const char *nl = strchr(p, '\n');
	int n = 0;

	if (!nl)
		return NULL;
	m->path[0] = 0;
	if (sscanf(p, "%lx-%lx %4s %lx %x:%x %lu%n", &m->start, &m->end, m->perm, &m->off, &m->maj,
		   &m->min, &m->ino, &n) != 7)
		FAIL("maps: bad line %.60s", p);
	p += n;
	while (*p == ' ')
		p++;
	if (p < nl)
		snprintf(m->path, sizeof m->path, "%.*s", (int)(nl - p), p);
	return nl + 1;
}

static bool find_map(const void *addr, struct map *m)
{
	const char *p = slurp("/proc/self/maps");

	while (p && *p && (p = next_map(p, m)))
		if (m->start <= (uintptr_t)addr && (uintptr_t)addr < m->end)
			return true;
	return false;
}

TEST(maps)
{
	struct map m;
	unsigned long last = 0;
	bool stack = false, vdso = false, exe = false, heap = false;
	char *volatile h = sbrk(PAGE);

	CHECK(h);
	for (const char *p = slurp("/proc/self/maps"); *p && (p = next_map(p, &m));) {
		CHECK(m.start < m.end && m.start >= last);
		CHECK_EQ((m.start | m.end | m.off) % PAGE, 0);
		last = m.end;
		stack |= !strcmp(m.path, "[stack]") && !strcmp(m.perm, "rw-p");
		vdso |= !strcmp(m.path, "[vdso]") && !strcmp(m.perm, "r-xp");
		heap |= !strcmp(m.path, "[heap]");
		exe |= strstr(m.path, "/procfs") && !strcmp(m.perm, "r-xp");
	}
	CHECK(stack);
	CHECK(vdso);
	CHECK(exe);
	CHECK(heap);
}

TEST(maps_follow_mmap)
{
	struct map m;
	char *p = check_anon(8 * PAGE);
	int fd;

	CHECK(find_map(p, &m));
	CHECK_STR(m.perm, "rw-p");
	OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ));
	CHECK(find_map(p + 2 * PAGE, &m));
	CHECK_STR(m.perm, "r--p");
	CHECK_EQ(m.end - m.start, PAGE);
	OK(mprotect(p + 2 * PAGE, PAGE, PROT_READ | PROT_WRITE));	/* merged again */
	CHECK(find_map(p + 2 * PAGE, &m));
	CHECK(m.start <= (uintptr_t)p && m.end >= (uintptr_t)p + 8 * PAGE);
	OK(munmap(p, 8 * PAGE));
	CHECK(!find_map(p, &m));
	check_tmpdir();
	fd = OK(open("file with space", O_RDWR | O_CREAT, 0644));
	OK(ftruncate(fd, 4 * PAGE));
	p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, PAGE);
	CHECK(p != MAP_FAILED);
	CHECK(find_map(p, &m));
	CHECK_STR(m.perm, "rw-s");
	CHECK_EQ(m.off, PAGE);
	CHECK(strstr(m.path, "/file with space"));
	struct stat st;
	OK(fstat(fd, &st));
	CHECK_EQ(m.ino, st.st_ino);
}

TEST(smaps_agrees_with_maps)
{
	size_t maps = 0, smaps = 0;
	char *p = check_anon(64 * PAGE);
	char key[40];
	const char *s;
	long rss = -1, anon = -1;

	memset(p, 1, 16 * PAGE);
	for (s = slurp("/proc/self/maps"); (s = strchr(s, '\n')); s++)
		maps++;
	slurp("/proc/self/smaps");
	for (s = buf; (s = strstr(s, "\nVmFlags:")); s++)
		smaps++;
	CHECK_EQ(smaps, maps);
	/* our region may have merged with a neighbour: at least our pages are in it */
	struct map m;
	CHECK(find_map(p, &m));
	slurp("/proc/self/smaps");
	snprintf(key, sizeof key, "%lx-%lx ", m.start, m.end);
	s = strstr(buf, key);
	CHECK(s);
	CHECK(sscanf(strstr(s, "\nRss:"), "\nRss: %ld kB", &rss) == 1);
	CHECK(sscanf(strstr(s, "\nAnonymous:"), "\nAnonymous: %ld kB", &anon) == 1);
	CHECK_GE(rss, 64);
	CHECK_GE(anon, 64);
	CHECK_LE(rss, (long)(m.end - m.start) / 1024);
	static const char *const want[] = { "Size", "KernelPageSize", "MMUPageSize", "Pss",
		"Shared_Clean", "Shared_Dirty", "Private_Clean", "Private_Dirty", "Referenced",
		"AnonHugePages", "Swap", "Locked" };
	for (size_t i = 0; i < sizeof want / sizeof *want; i++)
		if (!has_field(want[i]))
			FAIL("smaps: no %s", want[i]);
}

TEST(smaps_sharing)
{
	char *p = check_anon(256 * PAGE), key[40];
	struct map m;
	const char *s;
	long pss = -1, rss = -1, dirty = -1;

	memset(p, 1, 256 * PAGE);
	CHECK(find_map(p, &m));
	pid_t pid = SPAWN(for (;;) pause());	/* shares every page */
	slurp("/proc/self/smaps");
	snprintf(key, sizeof key, "%lx-%lx ", m.start, m.end);
	s = strstr(buf, key);
	CHECK(s);
	CHECK(sscanf(strstr(s, "\nRss:"), "\nRss: %ld kB", &rss) == 1);
	CHECK(sscanf(strstr(s, "\nPss:"), "\nPss: %ld kB", &pss) == 1);
	CHECK(sscanf(strstr(s, "\nShared_Dirty:"), "\nShared_Dirty: %ld kB", &dirty) == 1);
	kill(pid, SIGKILL);
	check_wait(pid);
	CHECK_GE(rss, 1024);
	CHECK_GE(dirty, 1024);
	CHECK(pss >= rss / 2 - 64 && pss <= rss / 2 + 64);
}

TEST(pagemap)
{
	char *p = check_anon(4 * PAGE);
	uint64_t e[4];
	int fd = OK(open("/proc/self/pagemap", O_RDONLY));

	p[0] = 1;
	p[2 * PAGE] = 1;
	CHECK_EQ(pread(fd, e, 32, (uintptr_t)p / PAGE * 8), 32);
	CHECK_EQ(e[0] >> 63, 1);
	CHECK_EQ(e[1] >> 63, 0);
	CHECK_EQ(e[2] >> 63, 1);
	CHECK_EQ(e[3], 0);
	CHECK_NE(e[0] & ((1UL << 55) - 1), 0);		/* root sees the frame number */
	CHECK_NE(e[0] & ((1UL << 55) - 1), e[2] & ((1UL << 55) - 1));
	CHECK_EQ(e[0] >> 61 & 1, 0);			/* not a file page */
	CHECK_EQ(e[0] >> 56 & 1, 1);			/* exclusively mapped */
	ERR(pread(fd, e, 7, 0), EINVAL);
	ERR(pread(fd, e, 8, 4), EINVAL);
	int pm = fd;
	CHILD_OK(
		check_become(1000, 1000);
		fd = open("/proc/self/pagemap", O_RDONLY);
		/* others see presence but no frame numbers */
		if (fd >= 0 && pread(fd, e, 8, (uintptr_t)p / PAGE * 8) == 8)
			CHECK_EQ(e[0] & ((1UL << 55) - 1), 0);
		(void)pm;
	);
}

TEST(cmdline_and_environ)
{
	char path[64];
	size_t n;
	pid_t pid = SPAWN(
		execve("/proc/self/exe", (char *[]){ "name", "arg one", "", "last", NULL },
		       (char *[]){ "A=b", "PROCFS_WAIT=1", NULL });
	);

	for (int i = 0; i < 2000; i++) {
		snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
		n = check_read_file(path, buf, sizeof buf);
		if (n && !memcmp(buf, "name", 4))
			break;
		check_sleep_ms(2);
	}
	CHECK_EQ(n, 19);
	CHECK_EQ(memcmp(buf, "name\0arg one\0\0last\0", 19), 0);
	snprintf(path, sizeof path, "/proc/%d/environ", pid);
	n = check_read_file(path, buf, sizeof buf);
	CHECK_EQ(n, 18);
	CHECK_EQ(memcmp(buf, "A=b\0PROCFS_WAIT=1\0", 18), 0);
	kill(pid, SIGKILL);
	check_wait(pid);
}

/* What the program above becomes: it waits to be looked at. */
__attribute__((constructor(101))) static void wait_here(void)
{
	if (getenv("PROCFS_WAIT"))
		for (;;)
			pause();
}

static volatile int thread_tid, stop;

static void *sleeper(void *arg)
{
	thread_tid = gettid();
	while (!stop)
		check_sleep_ms(1);
	return arg;
}

TEST(task_directory)
{
	pthread_t t;
	char path[64];
	int n = 0;
	DIR *d;

	CHECK_EQ(pthread_create(&t, NULL, sleeper, NULL), 0);
	while (!thread_tid)
		check_sleep_ms(1);
	d = opendir("/proc/self/task");
	CHECK(d);
	for (struct dirent *e; (e = readdir(d));)
		n += atoi(e->d_name) == getpid() || atoi(e->d_name) == thread_tid;
	CHECK_EQ(n, 2);
	snprintf(path, sizeof path, "/proc/self/task/%d/status", thread_tid);
	slurp(path);
	CHECK_EQ(field("Pid"), thread_tid);
	CHECK_EQ(field("Tgid"), getpid());
	CHECK_EQ(field("Threads"), 2);
	snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_tid);
	CHECK_EQ(atoi(slurp(path)), thread_tid);
	stop = 1;
	pthread_join(t, NULL);
}

TEST(limits)
{
	struct rlimit rl = { 123, 456 };
	const char *p;
	char soft[32], hard[32];

	OK(setrlimit(RLIMIT_NOFILE, &rl));
	slurp("/proc/self/limits");
	CHECK_EQ(
		strncmp(buf,
			"Limit                     Soft Limit           Hard Limit           Units",
			70),
		0);
	p = strstr(buf, "\nMax open files ");
	CHECK(p);
	CHECK_EQ(sscanf(p + 16, "%31s %31s", soft, hard), 2);
	CHECK_STR(soft, "123");
	CHECK_STR(hard, "456");
	CHECK(strstr(buf, "\nMax core file size "));
	CHECK(strstr(buf, "\nMax stack size "));
}

TEST(mounts)
{
	bool root = false, proc = false, tmp = false;
	char dev[64], dir[256], type[32], opts[256];
	int a, b, n;

	slurp("/proc/self/mounts");
	for (const char *p = buf; *p; p = strchr(p, '\n') + 1) {
		CHECK_EQ(sscanf(p, "%63s %255s %31s %255s %d %d%n", dev, dir, type, opts, &a, &b,
				&n),
			 6);
		CHECK_EQ(p[n], '\n');
		root |= !strcmp(dir, "/");
		proc |= !strcmp(dir, "/proc") && !strcmp(type, "proc");
		tmp |= !strcmp(dir, "/tmp") && !strcmp(type, "tmpfs") && !strncmp(opts, "rw", 2);
	}
	CHECK(root);
	CHECK(proc);
	CHECK(tmp);
	CHECK_EQ(slurp("/proc/mounts")[0] != 0, 1);
}

TEST(auxv_file)
{
	uint64_t *v = (void *)buf;
	size_t n = check_read_file("/proc/self/auxv", buf, sizeof buf);
	bool pagesz = false, end = false;

	CHECK_EQ(n % 16, 0);
	for (size_t i = 0; i < n / 8; i += 2) {
		pagesz |= v[i] == 6 && v[i + 1] == 4096;
		end |= v[i] == 0;
	}
	CHECK(pagesz && end);
}

TEST(oom_score_adj)
{
	CHECK_EQ(atoi(slurp("/proc/self/oom_score_adj")), 0);
	check_write_file("/proc/self/oom_score_adj", "500\n");
	CHECK_EQ(atoi(slurp("/proc/self/oom_score_adj")), 500);
	CHILD_OK(CHECK_EQ(atoi(slurp("/proc/self/oom_score_adj")), 500););
	int fd = OK(open("/proc/self/oom_score_adj", O_WRONLY));
	ERR(write(fd, "2000", 4), EINVAL);
	ERR(write(fd, "xyz", 3), EINVAL);
}

TEST(readdir_lists_processes)
{
	pid_t pid = SPAWN(for (;;) pause());
	DIR *d = opendir("/proc");
	int found = 0;

	CHECK(d);
	for (struct dirent *e; (e = readdir(d));)
		found += atoi(e->d_name) == pid || atoi(e->d_name) == 1 ||
			 !strcmp(e->d_name, "self") || !strcmp(e->d_name, "meminfo");
	CHECK_EQ(found, 4);
	closedir(d);
	kill(pid, SIGKILL);
	check_wait(pid);
}

TEST(gone_process)
{
	char path[64];
	int fd, dir;
	pid_t pid = SPAWN(for (;;) pause());

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	fd = OK(open(path, O_RDONLY));
	snprintf(path, sizeof path, "/proc/%d", pid);
	dir = OK(open(path, O_RDONLY | O_DIRECTORY));
	kill(pid, SIGKILL);
	check_wait(pid);
	ERR(read(fd, buf, 10), ESRCH);
	CHECK_EQ(openat(dir, "status", O_RDONLY), -1);
	CHECK(errno == ESRCH || errno == ENOENT);
	ERR(open(path, O_RDONLY), ENOENT);
}

TEST(zombie_files)
{
	char path[64];
	pid_t pid = SPAWN(_exit(0));

	check_wait_state(pid, "Z");
	snprintf(path, sizeof path, "/proc/%d/maps", pid);
	CHECK_STR(slurp(path), "");
	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	CHECK_STR(slurp(path), "");
	snprintf(path, sizeof path, "/proc/%d/exe", pid);
	ERR(readlink(path, buf, sizeof buf), ENOENT);
	check_wait(pid);
}

TEST(other_users_files)
{
	CHILD_OK(
		check_become(1000, 1000);
		ERR(readlink("/proc/1/exe", buf, sizeof buf), EACCES);
		ERR(open("/proc/1/environ", O_RDONLY), EACCES);
		OK(open("/proc/1/stat", O_RDONLY));
		OK(open("/proc/1/cmdline", O_RDONLY));
	);
}

TEST(small_reads)
{
	int fd = OK(open("/proc/self/status", O_RDONLY));
	char whole[4096], piece;
	size_t n = check_read_file("/proc/self/status", whole, sizeof whole), i = 0;

	CHECK(n > 100);
	/* byte by byte the beginning is the same (later lines are counters) */
	while (i < 60 && read(fd, &piece, 1) == 1)
		CHECK_EQ(piece, whole[i++]);
	CHECK_EQ(i, 60);
	OK(lseek(fd, 0, SEEK_SET));
	CHECK_EQ(read(fd, &piece, 1), 1);
	CHECK_EQ(piece, 'N');
	ERR(read(fd, BAD_PTR, 10), EFAULT);
}

static long io_of(const char *dir, const char *name)
{
	char path[64], *p;

	snprintf(path, sizeof path, "/proc/%s/io", dir);
	slurp(path);
	p = strstr(buf, name);
	CHECK(p);
	return atol(p + strlen(name) + 1);
}

static void *io_thread(void *arg)
{
	int fd = OK(open("/dev/zero", O_RDWR));

	for (int i = 0; i < 10; i++)
		CHECK_EQ(read(fd, arg, 1000), 1000);
	CHECK_EQ(io_of("thread-self", "rchar") / 1000, 10);
	close(fd);
	return NULL;
}

TEST(io_counts)
{
	static char data[1000];
	long rchar = io_of("self", "rchar"), wchar = io_of("self", "wchar"), more;
	long syscw = io_of("self", "syscw");
	int fd = OK(open("/dev/null", O_WRONLY));
	pthread_t th;

	for (int i = 0; i < 7; i++)
		CHECK_EQ(write(fd, data, 1000), 1000);
	CHECK_EQ(io_of("self", "wchar"), wchar + 7000);
	CHECK_EQ(io_of("self", "syscw"), syscw + 7);
	CHECK_EQ(pthread_create(&th, NULL, io_thread, data), 0);
	CHECK_EQ(pthread_join(th, NULL), 0);
	more = io_of("self", "rchar") - rchar;		/* with what reading these files took */
	CHECK(more >= 10000 && more < 13000);
	rchar = io_of("self", "rchar");
	CHILD_OK(io_thread(data));
	more = io_of("self", "rchar") - rchar;
	CHECK(more >= 10000 && more < 13000);
	CHECK_EQ(io_of("self", "read_bytes"), 0);
}

TEST(wchan)
{
	pid_t pid = SPAWN(for (;;) pause());
	char path[64];

	check_wait_state(pid, "S");
	snprintf(path, sizeof path, "/proc/%d/wchan", pid);
	slurp(path);
	CHECK(strlen(buf) > 3);
	CHECK_EQ(strspn(buf, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.0123456789"),
		 strlen(buf));
	CHECK(!strstr(buf, "__schedule") && strcmp(buf, "schedule"));
	CHILD_OK(check_become(4321, 4321); slurp(path); CHECK_STR(buf, "0"));
	slurp("/proc/self/wchan");
	CHECK_STR(buf, "0");
	kill(pid, SIGKILL);
	check_wait(pid);
}

TEST(fd_link_size)
{
	struct stat st;

	OK(lstat("/proc/self/fd/0", &st));
	CHECK_EQ(st.st_size, 64);
	OK(lstat("/proc/self/exe", &st));
	CHECK_EQ(st.st_size, 0);
}
