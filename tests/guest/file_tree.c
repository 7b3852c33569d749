/* SPDX-License-Identifier: BSD-2-Clause */
/* The tree: links, rename, unlink, directories, symbolic links, paths; many at once. */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/syscall.h>

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
