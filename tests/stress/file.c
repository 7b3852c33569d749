/* SPDX-License-Identifier: BSD-2-Clause */
/* Stress of files: a worker's own tree, and names that all workers fight for. */
#include "stress.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

static void own_files(void)
{
	enum { N = 30 };
	char name[32], to[32];
	bool there[N] = { false };

	for (int i = 0; i < 120; i++) {
		unsigned int k = rnd(N), j = rnd(N);
		int fd;

		snprintf(name, sizeof name, "f%u", k);
		snprintf(to, sizeof to, "f%u", j);
		switch (rnd(4)) {
		case 0:
			fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
			MUST(there[k] ? fd < 0 && errno == EEXIST : fd >= 0);
			there[k] = true;
			if (fd >= 0)
				close(fd);
			break;
		case 1:
			MUST(unlink(name) == (there[k] ? 0 : -1));
			there[k] = false;
			break;
		case 2:
			MUST(rename(name, to) == (there[k] ? 0 : -1));
			if (there[k] && j != k) {
				there[k] = false;
				there[j] = true;
			}
			break;
		default:
			MUST(access(name, F_OK) == (there[k] ? 0 : -1));
		}
	}
	for (int k = 0; k < N; k++) {
		snprintf(name, sizeof name, "f%d", k);
		MUST(unlink(name) == (there[k] ? 0 : -1));
	}
}

static void contents(void)
{
	static char model[60000], buf[3000];
	int fd = open("contents", O_RDWR | O_CREAT | O_TRUNC, 0600);

	MUST(fd >= 0);
	memset(model, 0, sizeof model);
	MUST(!ftruncate(fd, sizeof model));
	for (int i = 0; i < 60; i++) {
		size_t n = rnd(sizeof buf), at = rnd(sizeof model - sizeof buf);

		if (rnd(2)) {
			memset(buf, rnd(256), n);
			memcpy(model + at, buf, n);
			MUST(pwrite(fd, buf, n, at) == (ssize_t)n);
		} else {
			MUST(pread(fd, buf, n, at) == (ssize_t)n);
			MUST(!memcmp(buf, model + at, n));
		}
	}
	MUST(!unlink("contents") && !close(fd));
}

static void directories(void)
{
	char path[200] = "";
	int depth = 1 + rnd(8);

	for (int i = 0; i < depth; i++) {
		strcat(path, i ? "/directory" : "directory");
		MUST(!mkdir(path, 0755));
	}
	MUST(rmdir("directory") == (depth == 1 ? 0 : -1));
	if (depth == 1)
		return;
	MUST(errno == ENOTEMPTY);
	MUST(!rename("directory", "moved"));
	for (int i = depth; i--;) {
		strcpy(path, "moved");
		for (int j = 0; j < i; j++)
			strcat(path, "/directory");
		MUST(!rmdir(path));
	}
}

/* Names that belong to everybody: any outcome that makes sense is right. */
static void contended(void)
{
	static const char a[] = "/tmp/stress-x", b[] = "/tmp/stress-y";
	struct stat st;
	int fd;

	for (int i = 0; i < 20; i++) {
		switch (rnd(6)) {
		case 0:
			fd = open(rnd(2) ? a : b, O_RDWR | O_CREAT, 0600);
			MUST(fd >= 0 || errno == EISDIR);
			if (fd >= 0) {
				MUST(write(fd, "x", 1) == 1 && !fstat(fd, &st) && st.st_size >= 1);
				close(fd);
			}
			break;
		case 1:
			MUST(!rename(a, b) || errno == ENOENT || errno == EISDIR ||
			     errno == ENOTDIR);
			break;
		case 2:
			MUST(!link(b, a) || errno == ENOENT || errno == EEXIST || errno == EPERM);
			break;
		case 3:
			MUST(!mkdir(a, 0700) || errno == EEXIST);
			break;
		case 4:
			MUST(!rmdir(a) || errno == ENOENT || errno == ENOTDIR);
			break;
		default:
			MUST(!stat(a, &st) || errno == ENOENT);
		}
	}
	/* whoever comes last cleans up: each worker does, every time */
	for (int i = 0; i < 2; i++)
		if (unlink(i ? a : b) && errno == EISDIR)
			rmdir(i ? a : b);
}

static void list_proc(void)
{
	char path[300], buf[4096];
	struct dirent *e;
	DIR *d = opendir("/proc");

	MUST(d);
	while ((e = readdir(d))) {
		static const char *const files[] = { "stat", "status", "maps", "cmdline", "statm" };
		int fd;

		if (e->d_name[0] < '1' || e->d_name[0] > '9')
			continue;
		/* processes end while we look: only crashes count */
		snprintf(path, sizeof path, "/proc/%s/%s", e->d_name, files[rnd(5)]);
		fd = open(path, O_RDONLY);
		if (fd < 0)
			continue;
		while (read(fd, buf, sizeof buf) > 0)
			;
		close(fd);
	}
	closedir(d);
}

static void memfd(void)
{
	int fd = memfd_create("stress", MFD_CLOEXEC);
	size_t len = (1 + rnd(100)) * PAGE;
	char *p;

	MUST(fd >= 0 && !ftruncate(fd, len));
	p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(p != MAP_FAILED);
	memset(p, 1, len);
	MUST(!fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, PAGE));
	MUST(p[0] == 0);
	close(fd);
	MUST(!munmap(p, len));
}

const struct action file_actions[] = {
	{ "own-files", own_files }, { "contents", contents }, { "directories", directories },
	{ "contended", contended }, { "list-proc", list_proc }, { "memfd", memfd }, { NULL, NULL },
};
