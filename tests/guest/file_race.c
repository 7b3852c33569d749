/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files under many hands: names made, moved and removed by several processes and threads at once,
 * listings while the directory changes, descriptor tables that threads share and that grow, mounts
 * in use.
 */
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <linux/close_range.h>
#include <linux/openat2.h>


static unsigned rnd(unsigned *s) { return (*s = *s * 1103515245 + 12345) >> 8; }

/* One of some forty paths of up to three components, few enough that all meet on the same ones. */
static char *any_name(char *b, unsigned *s)
{
	int n = 0;

	for (int depth = (int)(rnd(s) % 3), i = 0; i <= depth; i++)
		n += sprintf(b + n, "%s%c", i ? "/" : "", "abcd"[rnd(s) % 4]);
	if (rnd(s) % 8 == 0)
		strcat(b, "_with_a_name_that_is_longer_than_most_names_are");
	return b;
}

static void write_some(const char *name, unsigned *s)
{
	static const char data[5000];
	char back[100];
	int fd = open(name, O_CREAT | O_RDWR, 0666);

	if (fd < 0)
		return;
	if (pwrite(fd, data, rnd(s) % 5000, rnd(s) % 20000) < 0 ||
	    pread(fd, back, 100, rnd(s) % 20000) < 0)
		FAIL("file that was just opened: errno %d", errno);
	if (rnd(s) % 4 == 0)
		OK(ftruncate(fd, rnd(s) % 9000));
	OK(close(fd));
}

static void list(const char *name)
{
	DIR *d = opendir(name);

	while (d && readdir(d))
		;
	if (d)
		closedir(d);
}

static void nameless(const char *name, unsigned *s)
{
	char proc[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0600);

	if (fd < 0)
		return;
	CHECK_EQ(write(fd, "x", 1), 1);
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	if (rnd(s) & 1 && linkat(AT_FDCWD, proc, AT_FDCWD, name, AT_SYMLINK_FOLLOW) &&
	    errno == EFAULT)
		FAIL("linkat");
	OK(close(fd));
}

static void one_op(unsigned *s)
{
	char a[300], b[300], buf[300];
	struct stat st;
	int fd;

	any_name(a, s);
	any_name(b, s);
	switch (rnd(s) % 16) {
	case 0: case 1: mkdir(a, 0777); break;
	case 2: rmdir(a); break;
	case 3: unlink(a); break;
	case 4: case 5: rename(a, b); break;
	case 6: syscall(SYS_renameat2, AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE); break;
	case 7: if (symlink(b, a)) { } break;
	case 8: if (link(a, b)) { } break;
	case 9: if (!stat(a, &st)) CHECK(st.st_mode & S_IFMT); break;
	case 10: case 11: write_some(a, s); break;
	case 12: list(a); break;
	case 13: nameless(a, s); break;
	case 14:
		fd = open(a, O_RDONLY);
		unlink(a);
		if (fd >= 0) {
			OK(fstat(fd, &st));
			OK(close(fd));
		}
		break;
	case 15: if (readlink(a, buf, sizeof buf) < 0) chmod(a, rnd(s) & 0777); break;
	}
}

static void *hand(void *arg)
{
	unsigned seed = (unsigned)(uintptr_t)arg;
	long long end = check_now() + 3 * SEC / 2;

	while (check_now() < end)
		for (int i = 0; i < 50; i++)
			one_op(&seed);
	return NULL;
}

/* Link counts of directories and files, counted again; then everything goes. Returns the
 * subdirectories. */
static int count_and_remove(const char *path)
{
	char sub[4096];
	struct dirent *e;
	struct stat st;
	int dirs = 0;
	DIR *d = opendir(path);

	CHECK(d);
	while ((e = readdir(d))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		CHECK((size_t)snprintf(sub, sizeof sub, "%s/%s", path, e->d_name) < sizeof sub);
		OK(lstat(sub, &st));
		CHECK_EQ(st.st_ino, e->d_ino);
		CHECK_EQ(st.st_mode >> 12, e->d_type);
		if (!S_ISDIR(st.st_mode)) {
			OK(unlink(sub));
			continue;
		}
		dirs++;
		CHECK_EQ(st.st_nlink, 2 + count_and_remove(sub));
		OK(rmdir(sub));
	}
	closedir(d);
	return dirs;
}

TEST_TIMEOUT(many_hands, 60)
{
	pid_t pid[3];

	check_tmpdir();
	OK(mkdir("work", 0777));
	for (int i = 0; i < 3; i++)
		pid[i] = SPAWN(
			pthread_t t; OK(chdir("work"));
			CHECK_EQ(pthread_create(&t, NULL, hand, (void *)(uintptr_t)(i * 7 + 100)),
				 0);
			hand((void *)(uintptr_t)(i + 1)); CHECK_EQ(pthread_join(t, NULL), 0););
	for (int i = 0; i < 3; i++)
		CHECK_EQ(check_wait(pid[i]), 0);
	count_and_remove("work");
	OK(rmdir("work"));
}

/* What was there before a listing began and stays is seen once; the rest may come and go. */
TEST(listing_while_changing)
{
	enum { STAY = 300 };
	char name[32];
	pid_t pid;

	check_tmpdir();
	OK(mkdir("d", 0777));
	for (int i = 0; i < STAY; i++) {
		snprintf(name, sizeof name, "d/stay%d", i);
		OK(close(OK(open(name, O_CREAT | O_WRONLY, 0666))));
		snprintf(name, sizeof name, "d/go%d", i);
		OK(close(OK(open(name, O_CREAT | O_WRONLY, 0666))));
	}
	pid = SPAWN(
		for (int i = 0; ; i++) {
			snprintf(name, sizeof name, "d/go%d", i % STAY);
			unlink(name);
			snprintf(name, sizeof name, "d/new%d", i % 50);
			if (!access(name, F_OK))
				unlink(name);
			else
				close(open(name, O_CREAT | O_WRONLY, 0666));
		}
	);
	for (int round = 0; round < 20; round++) {
		char seen[STAY] = { 0 }, buf[1024];
		int fd = OK(open("d", O_RDONLY | O_DIRECTORY)), total = 0;
		long n;

		while ((n = OK(syscall(SYS_getdents64, fd, buf, sizeof buf))) > 0)
			for (long at = 0; at < n;) {
				struct dirent64 *e = (void *)(buf + at);

				at += e->d_reclen;
				if (strncmp(e->d_name, "stay", 4))
					continue;
				CHECK_EQ(seen[atoi(e->d_name + 4)]++, 0);
				total++;
			}
		CHECK_EQ(total, STAY);
		OK(close(fd));
	}
	OK(kill(pid, SIGKILL));
	check_wait(pid);
}

static void *opener(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2000; i++) {
		int fd = OK(open("/dev/null", O_RDWR)), fd2 = OK(dup(fd));

		CHECK_EQ(write(fd, "x", 1), 1);
		OK(close(fd));
		CHECK_EQ(write(fd2, "x", 1), 1);
		OK(close(fd2));
	}
	return NULL;
}

TEST(threads_share_descriptors)
{
	pthread_t t[4];

	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_create(&t[i], NULL, opener, NULL), 0);
	for (int i = 0; i < 4; i++)
		CHECK_EQ(pthread_join(t[i], NULL), 0);
	for (int fd = 3; fd < 20; fd++)
		ERR(fcntl(fd, F_GETFD), EBADF);
}

TEST(table_grows)
{
	struct rlimit r;
	int top = 0;

	OK(getrlimit(RLIMIT_NOFILE, &r));
	r.rlim_cur = r.rlim_max < 3000 ? r.rlim_max : 3000;
	OK(setrlimit(RLIMIT_NOFILE, &r));
	for (int fd; (fd = dup(0)) >= 0; top = fd)
		CHECK_LE(fd, (int)r.rlim_cur - 1);
	CHECK_EQ(errno, EMFILE);
	CHECK_EQ(top, (int)r.rlim_cur - 1);
	CHILD_OK(OK(fcntl(top, F_GETFD)); OK(close(top)); CHECK_EQ(dup(0), top));
	ERR(fcntl(0, F_DUPFD, (int)r.rlim_cur), EINVAL);
	ERR(dup2(0, (int)r.rlim_cur), EBADF);
	OK(syscall(SYS_close_range, 100, ~0u, CLOSE_RANGE_CLOEXEC));
	CHECK_EQ(fcntl(top, F_GETFD), FD_CLOEXEC);
	CHECK_EQ(fcntl(99, F_GETFD), 0);
	OK(syscall(SYS_close_range, 5, ~0u, 0));
	ERR(fcntl(top, F_GETFD), EBADF);
	CHECK_EQ(dup(0), 5);
	ERR(syscall(SYS_close_range, 9, 8, 0), EINVAL);
	ERR(syscall(SYS_close_range, 0, 1, 64), EINVAL);
}

static long open2(int dir, const char *name, unsigned long long resolve)
{
	struct open_how how = { .flags = O_RDONLY, .resolve = resolve };

	return syscall(SYS_openat2, dir, name, &how, sizeof how);
}

TEST(openat2_scopes)
{
	int d;

	check_tmpdir();
	OK(mkdir("top", 0777));
	OK(mkdir("top/sub", 0777));
	check_write_file("outside", "o");
	check_write_file("top/inside", "i");
	OK(symlink("../outside", "top/up"));
	OK(symlink("/inside", "top/root"));
	OK(symlink("inside", "top/here"));
	d = OK(open("top", O_PATH | O_DIRECTORY));
	OK(close(OK(open2(d, "here", RESOLVE_BENEATH))));
	OK(close(OK(open2(d, "sub/../inside", RESOLVE_BENEATH))));
	ERR(open2(d, "up", RESOLVE_BENEATH), EXDEV);
	ERR(open2(d, "root", RESOLVE_BENEATH), EXDEV);
	ERR(open2(d, "../outside", RESOLVE_BENEATH), EXDEV);
	ERR(open2(d, "/etc", RESOLVE_BENEATH), EXDEV);
	OK(close(OK(open2(d, "root", RESOLVE_IN_ROOT))));
	OK(close(OK(open2(d, "/../../inside", RESOLVE_IN_ROOT))));
	ERR(open2(d, "up", RESOLVE_IN_ROOT), ENOENT);
	ERR(open2(d, "here", RESOLVE_NO_SYMLINKS), ELOOP);
	ERR(open2(AT_FDCWD, "/proc/self/exe", RESOLVE_NO_MAGICLINKS), ELOOP);
	ERR(open2(AT_FDCWD, "/proc/version", RESOLVE_NO_XDEV), EXDEV);
	ERR(open2(d, "here", 1ull << 40), EINVAL);
	ERR(open2(d, "here", RESOLVE_BENEATH | RESOLVE_IN_ROOT), EINVAL);
}

/* Through /proc a pipe can be opened again without waiting, and read after its last writer went. */
TEST(pipe_opened_again)
{
	char name[64], c;
	int p[2], fd;

	OK(pipe(p));
	snprintf(name, sizeof name, "/proc/self/fd/%d", p[0]);
	CHECK_EQ(write(p[1], "ab", 2), 2);
	OK(close(p[1]));
	fd = OK(open(name, O_RDONLY));
	CHECK_EQ(read(fd, &c, 1), 1);
	CHECK_EQ(c, 'a');
	CHECK_EQ(read(p[0], &c, 1), 1);
	CHECK_EQ(read(fd, &c, 1), 0);
	p[1] = OK(open(name, O_WRONLY));
	CHECK_EQ(write(p[1], "c", 1), 1);
	CHECK_EQ(read(p[0], &c, 1), 1);
}

TEST(mounts_in_use)
{
	struct stat in, out;
	int fd;

	if (geteuid())
		SKIP("needs root");
	check_tmpdir();
	OK(mkdir("m", 0777));
	OK(stat("m", &out));
	OK(mount("tmpfs", "m", "tmpfs", 0, "size=1m,mode=700"));
	OK(stat("m", &in));
	CHECK_NE(in.st_dev, out.st_dev);
	CHECK_EQ(in.st_mode & 0777, 0700);
	OK(mkdir("m/n", 0777));
	OK(mount("tmpfs", "m/n", "tmpfs", MS_RDONLY, NULL));
	ERR(open("m/n/x", O_CREAT | O_WRONLY, 0666), EROFS);
	ERR(umount("m"), EBUSY);
	ERR(rmdir("m/n"), EBUSY);
	ERR(rename("m/n", "m/o"), EBUSY);
	ERR(rename("m/n/x", "y"), EXDEV);
	OK(umount("m/n"));
	fd = OK(open("m/f", O_CREAT | O_RDWR, 0666));
	ERR(rename("m/f", "f"), EXDEV);
	ERR(link("m/f", "f"), EXDEV);
	ERR(umount("m"), EBUSY);
	OK(umount2("m", MNT_DETACH));
	CHECK_EQ(write(fd, "still", 5), 5);
	OK(close(fd));
	OK(stat("m", &in));
	CHECK_EQ(in.st_ino, out.st_ino);
	ERR(umount("m"), EINVAL);
	ERR(mount("x", "m", "nosuchfs", 0, NULL), ENODEV);
	ERR(mount("x", "m", "tmpfs", 0, "size=banana"), EINVAL);
	OK(rmdir("m"));
}

TEST(inode_limit)
{
	char name[32];
	int n = 0;

	if (geteuid())
		SKIP("needs root");
	check_tmpdir();
	OK(mkdir("m", 0777));
	OK(mount("tmpfs", "m", "tmpfs", 0, "nr_inodes=20"));
	for (;; n++) {
		snprintf(name, sizeof name, "m/%d", n);
		if (mknod(name, S_IFREG | 0600, 0))
			break;
	}
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, 19);
	OK(unlink("m/3"));
	OK(mknod("m/again", S_IFREG | 0600, 0));
	OK(umount("m"));
}
