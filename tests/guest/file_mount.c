/* SPDX-License-Identifier: BSD-2-Clause */
/* Mounts: tmpfs and its options, read-only and remounted ones, chroot. */
#include "check.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

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
	struct statfs before, after;
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
	OK(statfs("m", &before));
	ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, "size=64k"), EBUSY);
	OK(statfs("m", &after));
	CHECK_EQ(after.f_blocks, before.f_blocks);	/* all or nothing */
	OK(munmap(p, PAGE));
	ERR(mount(NULL, "m", NULL, MS_REMOUNT | MS_RDONLY, "nonsense=1"), EINVAL);
	close(OK(open("m/f", O_RDWR)));
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
