/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree: links, rename, unlink, directories, symbolic links, times, modes, statx, paths. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <time.h>

static long ino(const char *path)
{
	struct stat st;

	OK(lstat(path, &st));
	return st.st_ino;
}

static int nlink_of(const char *path)
{
	struct stat st;

	OK(lstat(path, &st));
	return st.st_nlink;
}

TEST(hard_links)
{
	check_tmpdir();
	check_write_file("a", "data");
	OK(link("a", "b"));
	CHECK_EQ(ino("a"), ino("b"));
	CHECK_EQ(nlink_of("a"), 2);
	OK(unlink("a"));
	CHECK_EQ(nlink_of("b"), 1);
	ERR(link("a", "c"), ENOENT);
	check_write_file("c", "");
	ERR(link("b", "c"), EEXIST);
	OK(mkdir("d", 0755));
	ERR(link("d", "e"), EPERM);
	OK(symlink("b", "s"));
	OK(link("s", "s2"));			/* the link itself */
	CHECK_EQ(ino("s"), ino("s2"));
	OK(linkat(AT_FDCWD, "s", AT_FDCWD, "s3", AT_SYMLINK_FOLLOW));
	CHECK_EQ(ino("b"), ino("s3"));
	ERR(linkat(AT_FDCWD, "s", AT_FDCWD, "s4", 0x80000), EINVAL);
	ERR(link("b", "nodir/x"), ENOENT);
	ERR(link("b", "/dev/shm/x"), EXDEV);
}

TEST(unlink_while_open)
{
	struct stat st;
	char buf[8] = "";
	int fd;

	check_tmpdir();
	check_write_file("f", "abc");
	fd = OK(open("f", O_RDWR));
	OK(unlink("f"));
	ERR(open("f", O_RDONLY), ENOENT);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_nlink, 0);
	CHECK_EQ(read(fd, buf, 8), 3);
	CHECK_EQ(write(fd, "def", 3), 3);
	OK(fstat(fd, &st));
	CHECK_EQ(st.st_size, 6);
	check_write_file("f", "new");		/* another file */
	CHECK_NE(st.st_ino, ino("f"));
}

TEST(unlink_errors)
{
	check_tmpdir();
	OK(mkdir("d", 0755));
	check_write_file("f", "");
	ERR(unlink("d"), EISDIR);
	ERR(unlink("nothing"), ENOENT);
	ERR(unlink("f/x"), ENOTDIR);
	ERR(unlink("f/"), ENOTDIR);
	ERR(rmdir("f"), ENOTDIR);
	ERR(rmdir("nothing"), ENOENT);
	ERR(rmdir("."), EINVAL);
	ERR(rmdir("d/.."), ENOTEMPTY);
	ERR(rmdir("/"), EBUSY);
	check_write_file("d/x", "");
	ERR(rmdir("d"), ENOTEMPTY);
	OK(unlink("d/x"));
	ERR(unlinkat(AT_FDCWD, "d", 0x40), EINVAL);
	OK(unlinkat(AT_FDCWD, "d", AT_REMOVEDIR));
	ERR(unlink(BAD_PTR), EFAULT);
}

TEST(mkdir_calls)
{
	struct stat st;

	check_tmpdir();
	OK(mkdir("a", 0777));
	OK(stat("a", &st));
	CHECK_EQ(st.st_mode, S_IFDIR | 0755);	/* umask */
	CHECK_EQ(st.st_nlink, 2);
	OK(mkdir("a/b", 0700));
	CHECK_EQ(nlink_of("a"), 3);
	ERR(mkdir("a", 0777), EEXIST);
	ERR(mkdir("x/y", 0777), ENOENT);
	ERR(mkdir("", 0777), ENOENT);
	ERR(mkdir("/", 0777), EEXIST);
	ERR(mkdir(".", 0777), EEXIST);
	OK(mkdir("c/", 0755));
	OK(rmdir("a/b"));
	CHECK_EQ(nlink_of("a"), 2);
}

TEST(rename_files)
{
	char buf[16];
	long i;

	check_tmpdir();
	check_write_file("a", "1");
	i = ino("a");
	OK(rename("a", "b"));
	CHECK_EQ(ino("b"), i);
	ERR(rename("a", "c"), ENOENT);
	check_write_file("c", "2");
	OK(rename("b", "c"));			/* replaces */
	CHECK_EQ(ino("c"), i);
	check_read_file("c", buf, sizeof buf);
	CHECK_STR(buf, "1");
	OK(link("c", "d"));
	OK(rename("c", "d"));			/* one file by two names: nothing happens */
	CHECK_EQ(ino("c"), ino("d"));
	OK(rename("c", "c"));
	OK(mkdir("dir", 0755));
	ERR(rename("c", "dir"), EISDIR);
	ERR(rename("dir", "c"), ENOTDIR);
	OK(rename("c", "dir/c"));
	ERR(rename("dir/c", "/proc/c"), EXDEV);
	ERR(rename(BAD_PTR, "x"), EFAULT);
}

TEST(rename_directories)
{
	check_tmpdir();
	OK(mkdir("a", 0755));
	OK(mkdir("a/b", 0755));
	OK(mkdir("x", 0755));
	ERR(rename("a", "a/b/c"), EINVAL);	/* into itself */
	ERR(rename("a/b", "a"), ENOTEMPTY);
	OK(rename("a/b", "x"));			/* an empty one is replaced */
	CHECK_EQ(nlink_of("a"), 2);
	OK(mkdir("x/in", 0755));
	ERR(rename("a", "x"), ENOTEMPTY);
	OK(rename("x", "a/x"));
	CHECK_EQ(nlink_of("a"), 3);
	OK(access("a/x/in", F_OK));
	OK(chdir("a/x/in"));
	OK(rename("../../../a", "../../../z"));	/* above the working directory */
	char cwd[PATH_MAX];
	CHECK(getcwd(cwd, sizeof cwd));
	CHECK(strstr(cwd, "/z/x/in"));
	ERR(rename(".", "y"), EBUSY);
	ERR(rename("..", "y"), EBUSY);
	struct stat a, b;
	OK(stat("..", &a));
	OK(stat("../../x", &b));
	CHECK_EQ(a.st_ino, b.st_ino);
}

TEST(renameat2_flags)
{
	char buf[8];

	check_tmpdir();
	check_write_file("a", "A");
	check_write_file("b", "B");
	ERR(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE), EEXIST);
	OK(renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
	OK(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE));
	check_read_file("b", buf, sizeof buf);
	CHECK_STR(buf, "A");
	ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "nothing", RENAME_EXCHANGE), ENOENT);
	ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", RENAME_EXCHANGE | RENAME_NOREPLACE), EINVAL);
	ERR(renameat2(AT_FDCWD, "b", AT_FDCWD, "c", 0x100), EINVAL);
}

TEST(symlinks)
{
	char buf[PATH_MAX], name[16], to[16];
	struct stat st;

	check_tmpdir();
	check_write_file("f", "x");
	OK(symlink("f", "l"));
	CHECK_EQ(readlink("l", buf, sizeof buf), 1);
	CHECK_EQ(readlink("l", buf, 0 + 1), 1);
	OK(lstat("l", &st));
	CHECK_EQ(st.st_size, 1);
	CHECK_EQ(st.st_mode, S_IFLNK | 0777);
	OK(stat("l", &st));
	CHECK(S_ISREG(st.st_mode));
	ERR(symlink("f", "l"), EEXIST);
	ERR(symlink("", "e"), ENOENT);
	ERR(readlink("f", buf, sizeof buf), EINVAL);
	ERR(syscall(SYS_readlinkat, AT_FDCWD, "l", buf, 0), EINVAL);
	ERR(syscall(SYS_readlinkat, AT_FDCWD, "l", BAD_PTR, 5), EFAULT);
	OK(symlink("loop2", "loop1"));
	OK(symlink("loop1", "loop2"));
	ERR(open("loop1", O_RDONLY), ELOOP);
	ERR(stat("loop1/x", &st), ELOOP);
	OK(symlink("nowhere", "dangling"));
	ERR(open("dangling", O_RDONLY), ENOENT);
	OK(open("dangling", O_RDWR | O_CREAT, 0644));	/* creates the target */
	OK(access("nowhere", F_OK));
	ERR(open("dangling", O_RDWR | O_CREAT | O_EXCL, 0644), EEXIST);
	OK(symlink(".", "here"));
	OK(stat("here/here/here/f", &st));
	for (int i = 0; i < 45; i++) {
		snprintf(name, sizeof name, "n%d", i);
		snprintf(to, sizeof to, i ? "n%d" : "f", i - 1);
		OK(symlink(to, name));
	}
	OK(stat("n39", &st));			/* 40 links are the limit */
	ERR(stat("n40", &st), ELOOP);
}

TEST(path_limits)
{
	char name[NAME_MAX + 2], path[PATH_MAX + 16];
	struct stat st;

	check_tmpdir();
	memset(name, 'n', NAME_MAX + 1);
	name[NAME_MAX + 1] = 0;
	ERR(open(name, O_RDWR | O_CREAT, 0644), ENAMETOOLONG);
	name[NAME_MAX] = 0;
	OK(open(name, O_RDWR | O_CREAT, 0644));
	OK(stat(name, &st));
	memset(path, '/', sizeof path);
	strcpy(path + PATH_MAX - 5, "tmp");		/* 4094 characters */
	OK(stat(path, &st));
	memset(path, '/', sizeof path);
	strcpy(path + PATH_MAX - 3, "tmp");		/* 4096 */
	ERR(stat(path, &st), ENAMETOOLONG);
	OK(stat("//tmp/.//../tmp/", &st));
	OK(stat("/../..", &st));
}

TEST(deep_tree)
{
	char cwd[PATH_MAX];
	int depth = 300;

	check_tmpdir();
	for (int i = 0; i < depth; i++) {
		OK(mkdir("dddddddddd", 0755));
		OK(chdir("dddddddddd"));
	}
	CHECK(getcwd(cwd, sizeof cwd));
	CHECK_GE(strlen(cwd), 11 * depth);
	ERR(syscall(SYS_getcwd, cwd, 100), ERANGE);
	ERR(syscall(SYS_getcwd, BAD_PTR, PATH_MAX), EFAULT);
	for (int i = 0; i < depth; i++) {
		OK(chdir(".."));
		OK(rmdir("dddddddddd"));
	}
}

TEST(getcwd_removed)
{
	char cwd[PATH_MAX];
	struct stat st;

	check_tmpdir();
	OK(mkdir("gone", 0755));
	OK(chdir("gone"));
	OK(rmdir("../gone"));
	ERR(syscall(SYS_getcwd, cwd, sizeof cwd), ENOENT);
	ERR(open("x", O_RDWR | O_CREAT, 0644), ENOENT);
	ERR(mkdir("x", 0755), ENOENT);
	OK(stat(".", &st));
	CHECK_EQ(st.st_nlink, 0);
	OK(chdir(".."));
}

struct linux_dirent64 {
	uint64_t d_ino;
	int64_t d_off;
	unsigned short d_reclen;
	unsigned char d_type;
	char d_name[];
};

TEST(getdents)
{
	enum { N = 300 };
	static char seen[N + 2];
	char buf[1024], name[16];
	int fd, total = 0;
	long n;

	check_tmpdir();
	for (int i = 0; i < N; i++) {
		snprintf(name, sizeof name, "e%d", i);
		check_write_file(name, "");
	}
	fd = OK(open(".", O_RDONLY | O_DIRECTORY));
	while ((n = OK(syscall(SYS_getdents64, fd, buf, sizeof buf))) > 0) {
		for (long o = 0; o < n;) {
			struct linux_dirent64 *d = (void *)(buf + o);

			CHECK_EQ(d->d_reclen % 8, 0);
			CHECK(strlen(d->d_name) + offsetof(struct linux_dirent64, d_name) <
			      d->d_reclen);
			if (d->d_name[0] == 'e') {
				CHECK_EQ(d->d_type, DT_REG);
				CHECK_EQ(d->d_ino, ino(d->d_name));
				CHECK_EQ(seen[atoi(d->d_name + 1)]++, 0);
			} else {
				CHECK_EQ(d->d_type, DT_DIR);
				CHECK(!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."));
			}
			total++;
			o += d->d_reclen;
		}
	}
	CHECK_EQ(total, N + 2);
	CHECK_EQ(syscall(SYS_getdents64, fd, buf, sizeof buf), 0);
	OK(lseek(fd, 0, SEEK_SET));
	CHECK_GE(syscall(SYS_getdents64, fd, buf, sizeof buf), 1);
	OK(lseek(fd, 0, SEEK_SET));
	ERR(syscall(SYS_getdents64, fd, buf, 8), EINVAL);
	ERR(syscall(SYS_getdents64, fd, BAD_PTR, 1024), EFAULT);
	fd = OK(open("e0", O_RDONLY));
	ERR(syscall(SYS_getdents64, fd, buf, sizeof buf), ENOTDIR);
}

TEST(readdir_while_removing)
{
	DIR *d;
	struct dirent *e;
	char name[16];
	int removed = 0;

	check_tmpdir();
	for (int i = 0; i < 500; i++) {
		snprintf(name, sizeof name, "e%d", i);
		check_write_file(name, "");
	}
	d = opendir(".");
	while ((e = readdir(d)))
		if (e->d_name[0] == 'e') {
			OK(unlink(e->d_name));
			removed++;
		}
	CHECK_EQ(removed, 500);
	rewinddir(d);
	while ((e = readdir(d)))
		CHECK_EQ(e->d_name[0], '.');
}

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
	int fd;

	check_tmpdir();
	check_write_file("f", "abc");
	OK(symlink("f", "l"));
	memset(&sx, 0xff, sizeof sx);
	OK(statx(AT_FDCWD, "f", 0, STATX_BASIC_STATS | STATX_BTIME, &sx));
	CHECK_EQ(sx.stx_mask & STATX_BASIC_STATS, STATX_BASIC_STATS);
	CHECK_EQ(sx.stx_size, 3);
	CHECK_EQ(sx.stx_mode, S_IFREG | 0644);
	CHECK_EQ(sx.stx_ino, ino("f"));
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

TEST(at_directory)
{
	int dir;

	check_tmpdir();
	OK(mkdir("d", 0755));
	check_write_file("d/f", "x");
	dir = OK(open("d", O_RDONLY | O_DIRECTORY));
	OK(openat(dir, "f", O_RDONLY));
	OK(mkdirat(dir, "sub", 0755));
	OK(symlinkat("f", dir, "l"));
	OK(renameat(dir, "f", AT_FDCWD, "moved"));
	OK(access("moved", F_OK));
	ERR(openat(dir, "f", O_RDONLY), ENOENT);
	OK(openat(dir, "../moved", O_RDONLY));
	OK(openat(dir, "/dev/null", O_RDONLY));
	OK(rename("d", "e"));			/* the descriptor follows */
	OK(faccessat(dir, "sub", F_OK, 0));
	OK(fchdir(dir));
	OK(access("sub", F_OK));
	ERR(fchdir(999), EBADF);
	ERR(fchdir(OK(open("../moved", O_RDONLY))), ENOTDIR);
	ERR(chdir("../moved"), ENOTDIR);
	ERR(chdir("nothing"), ENOENT);
}

TEST(chroot_call)
{
	check_tmpdir();
	OK(mkdir("root", 0755));
	check_write_file("root/inside", "x");
	CHILD_OK(
		OK(chroot("root"));
		OK(chdir("/"));
		OK(access("/inside", F_OK));
		OK(access("/../../inside", F_OK));
		ERR(access("/proc", F_OK), ENOENT);
	);
	ERR(chroot("nothing"), ENOENT);
	ERR(chroot("root/inside"), ENOTDIR);
	OK(access("/proc", F_OK));
}

TEST(mount_tmpfs)
{
	struct stat a, b;
	struct statfs fs;

	check_tmpdir();
	OK(mkdir("m", 0755));
	OK(stat("m", &a));
	OK(mount("tmpfs", "m", "tmpfs", 0, "mode=0700"));
	OK(stat("m", &b));
	CHECK_NE(a.st_dev, b.st_dev);
	CHECK_EQ(b.st_mode & 0777, 0700);
	check_write_file("m/f", "x");
	ERR(rmdir("m"), EBUSY);
	ERR(link("m/f", "f"), EXDEV);
	ERR(rename("m/f", "f"), EXDEV);
	OK(statfs("m", &fs));
	CHECK_EQ(fs.f_type, 0x01021994);
	CHECK_EQ(fs.f_namelen, 255);
	OK(stat("m/..", &b));
	CHECK_EQ(b.st_dev, a.st_dev);
	int fd = OK(open("m/f", O_RDONLY));
	ERR(umount2("m", 0), EBUSY);
	close(fd);
	OK(umount2("m", 0));
	ERR(access("m/f", F_OK), ENOENT);
	ERR(umount2("m", 0), EINVAL);
	ERR(mount("x", "m", "nosuchfs", 0, NULL), ENODEV);
	ERR(mount("tmpfs", "nothing", "tmpfs", 0, NULL), ENOENT);
	ERR(umount2("m", 0x100), EINVAL);
}

TEST(mount_readonly)
{
	check_tmpdir();
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", MS_RDONLY, NULL));
	ERR(open("m/f", O_RDWR | O_CREAT, 0644), EROFS);
	ERR(mkdir("m/d", 0755), EROFS);
	OK(mount("tmpfs", "m", "tmpfs", MS_REMOUNT, NULL));
	check_write_file("m/f", "x");
	OK(umount("m"));
}

/* What is open for writing keeps a mount writable. */
TEST(remount_readonly_busy)
{
	char *p;
	int fd;

	check_tmpdir();
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
	fd = OK(open("m/f", O_RDWR | O_CREAT, 0644));
	OK(ftruncate(fd, PAGE));
	ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	CHECK_EQ(write(fd, "x", 1), 1);
	p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL), EBUSY);
	ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL), EBUSY);
	OK(munmap(p, PAGE));
	fd = OK(open("m/f", O_RDONLY));
	OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL));
	ERR(open("m/f", O_RDWR), EROFS);
	OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
	close(OK(open("m/f", O_RDWR)));
	close(fd);
	OK(umount("m"));
}

static volatile int race_on = 1;

static void *open_and_close(void *arg)
{
	while (race_on) {
		int fd = open("m/f", O_WRONLY);

		if (fd < 0)
			CHECK_EQ(errno, EROFS);
		else if (write(fd, arg, 1) != 1)	/* it was opened: nothing may refuse it */
			FAIL("a file open for writing on a read-only mount");
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

TEST(remount_races_open)
{
	struct statfs fs;
	pthread_t th;
	int done = 0;

	check_tmpdir();
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", 0, NULL));
	check_write_file("m/f", "x");
	CHECK_EQ(pthread_create(&th, NULL, open_and_close, "y"), 0);
	for (int i = 0; i < 2000; i++) {
		int err = mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, NULL);

		CHECK(!err || errno == EBUSY);
		OK(statfs("m", &fs));
		CHECK_EQ(!!(fs.f_flags & MS_RDONLY), !err);
		done += !err;
		OK(mount(NULL, "m", NULL, MS_REMOUNT, NULL));
	}
	race_on = 0;
	CHECK_EQ(pthread_join(th, NULL), 0);
	CHECK_GE(done, 1);
	OK(umount("m"));
}

TEST(tmpfs_remount_options)
{
	char buf[PAGE] = "";
	struct statfs fs;
	struct stat st;
	int fd;

	check_tmpdir();
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", MS_NOATIME, "size=64k,nr_inodes=100,mode=700"));
	fd = OK(open("m/f", O_RDWR | O_CREAT, 0644));
	for (int i = 0; i < 16; i++)
		CHECK_EQ(write(fd, buf, PAGE), (ssize_t)PAGE);
	ERR(write(fd, buf, PAGE), ENOSPC);
	OK(mount(NULL, "m", NULL, MS_REMOUNT, "size=128k"));
	CHECK_EQ(write(fd, buf, PAGE), (ssize_t)PAGE);
	OK(statfs("m", &fs));
	CHECK_EQ(fs.f_blocks, 32);
	CHECK_EQ(fs.f_files, 100);
	CHECK(fs.f_flags & MS_NOATIME);		/* as it was */
	ERR(mount(NULL, "m", NULL, MS_REMOUNT, "size=4k"), EINVAL);	/* more is in use */
	ERR(mount(NULL, "m", NULL, MS_REMOUNT, "size=banana"), EINVAL);
	ERR(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=1"), EINVAL);
	OK(mount(NULL, "m", NULL, MS_REMOUNT, "nr_inodes=50,mode=755"));
	OK(statfs("m", &fs));
	CHECK_EQ(fs.f_files, 50);
	CHECK_EQ(fs.f_blocks, 32);
	OK(stat("m", &st));
	CHECK_EQ(st.st_mode & 0777, 0700);	/* the root's, made once */
	OK(mount(NULL, "m", NULL, MS_REMOUNT | MS_BIND, "size=4k"));	/* the mount's flags only */
	OK(statfs("m", &fs));
	CHECK_EQ(fs.f_blocks, 32);
	OK(mount(NULL, "m", NULL, MS_REMOUNT, "size=0"));
	ERR(mount(NULL, "m", NULL, MS_REMOUNT, "size=1m"), EINVAL);	/* no limit, for good */
	close(fd);
	OK(umount("m"));
}

/* Sets fs.protected_NAME; returns what it was. */
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

TEST(tmpfs_size_limit)
{
	char buf[PAGE] = "";
	int fd, n = 0;

	check_tmpdir();
	OK(mkdir("m", 0755));
	OK(mount("tmpfs", "m", "tmpfs", 0, "size=64k"));
	fd = OK(open("m/f", O_RDWR | O_CREAT, 0644));
	while (n < 100 && write(fd, buf, PAGE) == PAGE)
		n++;
	CHECK_EQ(errno, ENOSPC);
	CHECK_EQ(n, 16);
	close(fd);
	OK(unlink("m/f"));
	check_write_file("m/g", "there is room again");
	OK(umount("m"));
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

TEST(many_files)
{
	char name[32];

	check_tmpdir();
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		close(OK(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644)));
	}
	for (int i = 0; i < 3000; i += 2) {
		snprintf(name, sizeof name, "file-%d", i);
		OK(unlink(name));
	}
	for (int i = 0; i < 3000; i++) {
		snprintf(name, sizeof name, "file-%d", i);
		CHECK_EQ(access(name, F_OK), i % 2 ? 0 : -1);
	}
}

TEST(concurrent_create_unlink)
{
	pid_t pid[4];

	check_tmpdir();
	for (int c = 0; c < 4; c++) {
		pid[c] = SPAWN(
			for (int i = 0; i < 200; i++) {
				int fd = open("contended", O_RDWR | O_CREAT, 0644);

				CHECK(fd >= 0);
				CHECK(!unlink("contended") || errno == ENOENT);
				CHECK(!rename("nothing", "contended") || errno == ENOENT);
				close(fd);
				CHECK(!mkdir("dir", 0755) || errno == EEXIST);
				CHECK(!rmdir("dir") || errno == ENOENT);
			}
		);
	}
	for (int c = 0; c < 4; c++)
		CHECK_EQ(check_wait(pid[c]), 0);
}

TEST(sync_calls)
{
	int fd = OK(open("/tmp", O_RDONLY));

	sync();
	OK(syncfs(fd));
	OK(fsync(fd));
	ERR(fsync(999), EBADF);
	ERR(syncfs(999), EBADF);
}
