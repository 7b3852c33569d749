/* SPDX-License-Identifier: BSD-2-Clause */
/* What a file has beside its contents: stat, statx, times, modes, owners and what they allow. */
#include "check.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

TEST(stat_fields)
{
	struct stat st, ds;
	struct timespec now;

	check_tmpdir();
	umask(027);
	clock_gettime(CLOCK_REALTIME, &now);
	check_write_file("f", "abcde");
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode, S_IFREG | 0640);
	CHECK_EQ(st.st_size, 5);
	CHECK_EQ(st.st_nlink, 1);
	CHECK_EQ(st.st_uid, 0);
	CHECK_EQ(st.st_gid, 0);
	CHECK_EQ(st.st_blksize, 4096);
	CHECK_EQ(st.st_blocks, 8);
	CHECK(llabs(st.st_mtime - now.tv_sec) < 100);
	OK(stat(".", &ds));
	CHECK_EQ(st.st_dev, ds.st_dev);
	OK(stat("/dev/null", &st));
	CHECK(S_ISCHR(st.st_mode));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	ERR(stat("nothing", &st), ENOENT);
	ERR(stat("f/x", &st), ENOTDIR);
	ERR(syscall(SYS_newfstatat, AT_FDCWD, "f", BAD_PTR, 0), EFAULT);
	ERR(syscall(SYS_newfstatat, AT_FDCWD, "f", &st, 0x40000000), EINVAL);
	ERR(syscall(SYS_newfstatat, AT_FDCWD, "", &st, 0), ENOENT);
	OK(syscall(SYS_newfstatat, AT_FDCWD, "", &st, AT_EMPTY_PATH));
	CHECK(S_ISDIR(st.st_mode));
	ERR(fstat(999, &st), EBADF);
}

TEST(statx_call)
{
	struct statx sx;
	struct stat st;
	int fd;

	check_tmpdir();
	check_write_file("f", "abc");
	OK(symlink("f", "l"));
	memset(&sx, 0xff, sizeof sx);
	OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &sx));
	CHECK_EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	CHECK_EQ(sx.stx_size, 3);
	CHECK_EQ(sx.stx_mode, S_IFREG | 0644);
	OK(lstat("f", &st));
	CHECK_EQ(sx.stx_ino, st.st_ino);
	CHECK_EQ(sx.stx_nlink, 1);
	OK(statx(AT_FDCWD, "l", AT_SYMLINK_NOFOLLOW, STATX_ALL, &sx));
	CHECK(S_ISLNK(sx.stx_mode));
	fd = OK(open("f", O_RDONLY));
	OK(statx(fd, "", AT_EMPTY_PATH, STATX_SIZE, &sx));
	CHECK_EQ(sx.stx_size, 3);
	ERR(statx(AT_FDCWD, "f", 0x40000000, STATX_ALL, &sx), EINVAL);
	ERR(statx(AT_FDCWD, "f", 0, 0x80000000U, &sx), EINVAL);
	ERR(statx(AT_FDCWD, "f", 0, STATX_ALL, BAD_PTR), EFAULT);
	ERR(statx(AT_FDCWD, "nothing", 0, STATX_ALL, &sx), ENOENT);
}

TEST(utimens)
{
	struct timespec ts[2] = { { 1000, 111 }, { 2000, 222 } };
	struct stat st;
	int fd;

	check_tmpdir();
	check_write_file("f", "");
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	OK(stat("f", &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_EQ(st.st_atim.tv_nsec, 111);
	CHECK_EQ(st.st_mtim.tv_sec, 2000);
	CHECK_EQ(st.st_mtim.tv_nsec, 222);
	CHECK_GE(st.st_ctim.tv_sec, 3000);
	ts[0].tv_nsec = UTIME_OMIT;
	ts[1].tv_nsec = UTIME_NOW;
	OK(utimensat(AT_FDCWD, "f", ts, 0));
	OK(stat("f", &st));
	CHECK_EQ(st.st_atim.tv_sec, 1000);
	CHECK_GE(st.st_mtim.tv_sec, 3000);
	fd = OK(open("f", O_RDONLY));
	OK(futimens(fd, NULL));
	OK(stat("f", &st));
	CHECK_GE(st.st_atim.tv_sec, 3000);
	ts[0].tv_nsec = SEC;
	ERR(utimensat(AT_FDCWD, "f", ts, 0), EINVAL);
	ERR(utimensat(AT_FDCWD, "nothing", NULL, 0), ENOENT);
	ERR(syscall(SYS_utimensat, AT_FDCWD, "f", BAD_PTR, 0), EFAULT);
	ERR(utimensat(AT_FDCWD, "f", NULL, 0x40000000), EINVAL);
}

TEST(times_change)
{
	struct timespec old[2] = { { 1000, 0 }, { 1000, 0 } };
	struct stat st;
	int fd;

	check_tmpdir();
	check_write_file("f", "abc");
	OK(utimensat(AT_FDCWD, "f", old, 0));
	fd = OK(open("f", O_RDWR));
	CHECK_EQ(write(fd, "x", 1), 1);
	OK(stat("f", &st));
	CHECK_GE(st.st_mtime, 2000);
	OK(mkdir("d", 0755));
	OK(utimensat(AT_FDCWD, "d", old, 0));
	check_write_file("d/x", "");
	OK(stat("d", &st));
	CHECK_GE(st.st_mtime, 2000);
	OK(utimensat(AT_FDCWD, "f", old, 0));
	OK(ftruncate(fd, 1));
	OK(stat("f", &st));
	CHECK_GE(st.st_mtime, 2000);
}

TEST(chmod_chown)
{
	struct stat st;
	int fd;

	check_tmpdir();
	check_write_file("f", "");
	OK(chmod("f", 07777));
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 07777, 07777);
	OK(chown("f", 10, 20));			/* takes the set-id bits away */
	OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 10);
	CHECK_EQ(st.st_gid, 20);
	CHECK_EQ(st.st_mode & 06000, 0);
	OK(chown("f", -1, 30));
	OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 10);
	CHECK_EQ(st.st_gid, 30);
	fd = OK(open("f", O_RDONLY));
	OK(fchmod(fd, 0600));
	OK(fchown(fd, 0, 0));
	OK(symlink("f", "l"));
	OK(fchownat(AT_FDCWD, "l", 5, 5, AT_SYMLINK_NOFOLLOW));
	OK(lstat("l", &st));
	CHECK_EQ(st.st_uid, 5);
	OK(stat("f", &st));
	CHECK_EQ(st.st_uid, 0);
	ERR(chmod("nothing", 0600), ENOENT);
	ERR(chown("nothing", 0, 0), ENOENT);
	ERR(fchmod(999, 0), EBADF);
}

TEST(permission_checks)
{
	check_tmpdir();
	check_write_file("secret", "x");
	OK(chmod("secret", 0600));
	check_write_file("readable", "x");
	OK(chmod("readable", 0444));
	OK(mkdir("closed", 0700));
	check_write_file("closed/f", "x");
	OK(mkdir("mine", 0755));
	OK(chown("mine", 1000, 1000));
	OK(mkdir("sticky", 01777));
	OK(chmod("sticky", 01777));
	check_write_file("sticky/root", "x");
	check_write_file("group", "x");
	OK(chown("group", 0, 1000));
	OK(chmod("group", 0620));
	CHILD_OK(
		check_become(1000, 1000);
		ERR(open("secret", O_RDONLY), EACCES);
		OK(open("readable", O_RDONLY));
		ERR(open("readable", O_WRONLY), EACCES);
		ERR(open("closed/f", O_RDONLY), EACCES);
		ERR(access("closed/f", F_OK), EACCES);
		ERR(open("closed", O_RDONLY | O_DIRECTORY), EACCES);
		ERR(open("mine/../closed/new", O_RDWR | O_CREAT, 0644), EACCES);
		ERR(mkdir("/new", 0755), EACCES);
		check_write_file("mine/f", "x");
		ERR(chmod("readable", 0666), EPERM);
		ERR(chown("mine/f", 0, 0), EPERM);
		ERR(chown("mine/f", 1000, 2000), EPERM);
		OK(chown("mine/f", 1000, 1000));
		OK(chmod("mine/f", 0644));
		ERR(unlink("sticky/root"), EPERM);
		ERR(rename("sticky/root", "sticky/x"), EPERM);
		OK(open("group", O_WRONLY));
		ERR(open("group", O_RDONLY), EACCES);
		ERR(access("secret", R_OK), EACCES);
		OK(access("readable", R_OK));
		ERR(access("readable", W_OK), EACCES);
		ERR(access("readable", X_OK), EACCES);
		ERR(utimensat(AT_FDCWD, "readable", NULL, 0), EACCES);
		ERR(chroot("/"), EPERM);
		ERR(mknod("mine/dev", S_IFCHR | 0600, makedev(1, 3)), EPERM);
		ERR(mount("tmpfs", "mine", "tmpfs", 0, NULL), EPERM);
	);
	/* root needs no permission, but an x bit to execute */
	OK(open("secret", O_RDWR));
	ERR(access("secret", X_OK), EACCES);
	ERR(access("secret", 0x40), EINVAL);
}

TEST(access_uses_real_ids)
{
	check_tmpdir();
	check_write_file("f", "x");
	OK(chmod("f", 0600));
	CHILD_OK(
		OK(setresuid(1000, 0, 0));
		ERR(access("f", R_OK), EACCES);
		OK(faccessat(AT_FDCWD, "f", R_OK, AT_EACCESS));
		OK(open("f", O_RDONLY));
	);
}

TEST(setgid_directory)
{
	struct stat st;

	check_tmpdir();
	OK(mkdir("d", 0755));
	OK(chown("d", 0, 77));
	OK(chmod("d", 02755));
	check_write_file("d/f", "");
	OK(mkdir("d/s", 0755));
	OK(stat("d/f", &st));
	CHECK_EQ(st.st_gid, 77);
	OK(stat("d/s", &st));
	CHECK_EQ(st.st_gid, 77);
	CHECK_EQ(st.st_mode & 02000, 02000);
}

TEST(mknod_calls)
{
	struct stat st;

	check_tmpdir();
	OK(mknod("reg", S_IFREG | 0600, 0));
	OK(mknod("fifo", S_IFIFO | 0600, 0));
	OK(mknod("sock", S_IFSOCK | 0600, 0));
	OK(mknod("null", S_IFCHR | 0666, makedev(1, 3)));
	OK(stat("fifo", &st));
	CHECK(S_ISFIFO(st.st_mode));
	OK(stat("null", &st));
	CHECK_EQ(st.st_rdev, makedev(1, 3));
	int fd = OK(open("null", O_WRONLY));
	CHECK_EQ(write(fd, "x", 1), 1);
	ERR(open("sock", O_RDWR), ENXIO);
	OK(mknod("nodev", S_IFCHR | 0666, makedev(240, 77)));
	ERR(open("nodev", O_RDWR), ENXIO);
	ERR(mknod("dir", S_IFDIR | 0755, 0), EPERM);
	ERR(mknod("what", 0110000 | 0755, 0), EINVAL);
	ERR(mknod("reg", S_IFREG | 0600, 0), EEXIST);
}

static int protect(const char *name, int value)
{
	char path[64], text[8];
	int old;

	snprintf(path, sizeof path, "/proc/sys/fs/protected_%s", name);
	check_read_file(path, text, sizeof text);
	old = atoi(text);
	snprintf(text, sizeof text, "%d", value);
	check_write_file(path, text);
	return old;
}

/* A directory for everybody with things of user 4001 in it. */
static void lay_traps(void)
{
	check_tmpdir();
	OK(chmod(".", 0755));
	check_write_file("target", "t");
	OK(chmod("target", 0644));
	OK(mkdir("sub", 0755));
	OK(mkdir("t", 0755));
	OK(chmod("t", 01777));
	CHILD_OK(
		umask(0);
		check_become(4001, 4001);
		OK(symlink("../target", "t/link"));
		OK(symlink("../sub", "t/dirlink"));
		check_write_file("t/file", "x");
		OK(chmod("t/file", 0666));
		check_write_file("t/readable", "x");
		OK(chmod("t/readable", 0644));
		OK(mkfifo("t/fifo", 0666));
	);
	check_write_file("sub/f", "x");
	OK(chmod("sub/f", 0644));
}

TEST(protected_symlinks)
{
	int old;
	struct stat st;

	lay_traps();
	old = protect("symlinks", 1);
	CHILD_OK(
		check_become(4002, 4002);
		ERR(open("t/link", O_RDONLY), EACCES);
		ERR(stat("t/link", &st), EACCES);
		ERR(stat("t/dirlink/", &st), EACCES);
		OK(lstat("t/link", &st));
		OK(stat("t/dirlink/f", &st));		/* on the way only */
		OK(stat("t/dirlink/.", &st));
	);
	CHILD_OK(check_become(4001, 4001); close(OK(open("t/link", O_RDONLY))));
	ERR(open("t/link", O_RDONLY), EACCES);		/* for root, too */
	ERR(open("t/link", O_RDONLY | O_CREAT, 0644), EACCES);
	OK(chmod("t", 0777));
	close(OK(open("t/link", O_RDONLY)));
	OK(chmod("t", 01777));
	OK(chown("t", 4001, 4001));			/* the directory's owner made it */
	CHILD_OK(check_become(4002, 4002); close(OK(open("t/link", O_RDONLY))));
	protect("symlinks", 0);
	OK(chown("t", 0, 0));
	CHILD_OK(check_become(4002, 4002); close(OK(open("t/link", O_RDONLY))));
	protect("symlinks", old);
}

TEST(protected_hardlinks)
{
	int old;

	lay_traps();
	old = protect("hardlinks", 1);
	CHILD_OK(
		check_become(4002, 4002);
		ERR(link("t/readable", "t/mine"), EPERM);	/* cannot be written */
		ERR(link("t/fifo", "t/mine"), EPERM);
		OK(link("t/file", "t/mine"));
	);
	CHILD_OK(check_become(4001, 4001); OK(link("t/readable", "t/theirs")));
	OK(link("t/readable", "t/roots"));
	OK(chmod("t/file", 04666));
	CHILD_OK(check_become(4002, 4002); ERR(link("t/file", "t/suid"), EPERM));
	protect("hardlinks", 0);
	CHILD_OK(check_become(4002, 4002); OK(link("t/readable", "t/now")));
	protect("hardlinks", old);
}

TEST(protected_regular_and_fifos)
{
	int old_r;
	int old_f;

	lay_traps();
	old_r = protect("regular", 1);
	old_f = protect("fifos", 1);
	ERR(open("t/file", O_RDWR | O_CREAT, 0644), EACCES);	/* for root, too */
	CHILD_OK(
		check_become(4002, 4002);
		ERR(open("t/file", O_RDWR | O_CREAT, 0644), EACCES);
		close(OK(open("t/file", O_RDWR)));
		ERR(open("t/fifo", O_RDWR | O_CREAT | O_NONBLOCK, 0644), EACCES);
		close(OK(open("t/fifo", O_RDWR | O_NONBLOCK)));
		close(OK(open("t/new", O_RDWR | O_CREAT, 0644)));
		close(OK(open("t/new", O_RDWR | O_CREAT, 0644)));
	);
	OK(chown("t", 0, 4002));
	OK(chmod("t", 01775));			/* a group's: guarded by 2 only */
	CHILD_OK(check_become(4002, 4002); close(OK(open("t/file", O_RDWR | O_CREAT, 0644))));
	protect("regular", 2);
	protect("fifos", 2);
	CHILD_OK(
		check_become(4002, 4002);
		ERR(open("t/file", O_RDWR | O_CREAT, 0644), EACCES);
		ERR(open("t/fifo", O_RDWR | O_CREAT | O_NONBLOCK, 0644), EACCES);
	);
	protect("regular", old_r);
	protect("fifos", old_f);
}

/* The archive's times, though files were made in the directories after they were. */
TEST(initrd_directory_times)
{
	struct timespec now, up;
	struct stat st;

	if (stat("/tests", &st))
		SKIP("the root is not the tests' archive");
	OK(clock_gettime(CLOCK_REALTIME, &now));
	OK(clock_gettime(CLOCK_BOOTTIME, &up));
	CHECK_LE(st.st_mtime, now.tv_sec - up.tv_sec);
}

TEST(xattr_absent)
{
	char buf[16];
	int fd;

	/* user attributes: kept, or refused with the errno for not supported */
	check_tmpdir();
	check_write_file("f", "");
	fd = OK(open("f", O_RDWR));
	if (setxattr("f", "user.x", "1", 1, 0)) {
		CHECK_EQ(errno, EOPNOTSUPP);
		CHECK_EQ(getxattr("f", "user.x", buf, 16), -1);
		CHECK(errno == EOPNOTSUPP || errno == ENODATA);
	} else {
		CHECK_EQ(getxattr("f", "user.x", buf, 16), 1);
		OK(fremovexattr(fd, "user.x"));
	}
	CHECK_EQ(getxattr("f", "user.none", buf, 16), -1);
	CHECK(errno == EOPNOTSUPP || errno == ENODATA);
	ERR(getxattr("nothing", "user.x", buf, 16), ENOENT);
}

TEST(umask_call)
{
	struct stat st;

	check_tmpdir();
	CHECK_EQ(umask(0777), 022);
	CHECK_EQ(umask(0), 0777);
	OK(open("f", O_RDWR | O_CREAT, 0666));
	OK(stat("f", &st));
	CHECK_EQ(st.st_mode & 0777, 0666);
	CHECK_EQ(umask(01777), 0);
	CHECK_EQ(umask(0), 0777);
}
