/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The init of the guest-test initrd: mounts what programs expect, runs every program of /tests,
 * prints the total and powers off.  Words of the kernel command line choose:
 *   tests=NAME,NAME    these programs only (NAME or NAME.TEST)
 *   stress=SECONDS[,SEED[,WORKERS[,EATERS]]]   /stress/stress in place of the tests (0: its default)
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RESULTS "/tmp/.results"
#define AUDIT "/sys/kernel/debug/tine/audit"
enum { PROGRAM_LIMIT = 600, MAX_PROGRAMS = 256 };

static int passed, failed, skipped;

static void mount_one(const char *type, const char *dir, const char *data)
{
	mkdir(dir, 0755);
	if (mount(type, dir, type, 0, data) && errno != EBUSY)
		printf("# init: mount %s on %s: %s\n", type, dir, strerror(errno));
}

static void open_console(void)
{
	int fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		return;
	for (int i = 0; i < 3; i++)
		if (fd != i)
			dup2(fd, i);
	if (fd > 2)
		close(fd);
}

static void setup(void)
{
	mkdir("/dev", 0755);
	if (mount("devtmpfs", "/dev", "devtmpfs", 0, NULL) && errno != EBUSY) {
		mknod("/dev/console", S_IFCHR | 0600, makedev(5, 1));
		mknod("/dev/null", S_IFCHR | 0666, makedev(1, 3));
		mknod("/dev/zero", S_IFCHR | 0666, makedev(1, 5));
	}
	open_console();
	setvbuf(stdout, NULL, _IOLBF, 0);
	mount_one("proc", "/proc", NULL);
	mount_one("sysfs", "/sys", NULL);
	if (!access("/sys/kernel/debug", F_OK))
		mount_one("debugfs", "/sys/kernel/debug", NULL);
	mount_one("devpts", "/dev/pts", "mode=0620,ptmxmode=0666");
	mount_one("tmpfs", "/dev/shm", NULL);
	mount_one("tmpfs", "/tmp", "mode=1777");
	setenv("CHECK_RESULTS", RESULTS, 1);
	setenv("PATH", "/bin:/usr/bin:/sbin:/usr/sbin", 1);
}

/* The value of WORD= on the kernel command line, or NULL. */
static char *boot_word(const char *word)
{
	static char line[4096];
	size_t len = strlen(word);
	int fd = open("/proc/cmdline", O_RDONLY);
	ssize_t n = fd < 0 ? -1 : read(fd, line, sizeof line - 1);

	if (fd >= 0)
		close(fd);
	if (n <= 0)
		return getenv(word);
	line[n] = 0;
	for (char *w = strtok(line, " \n"); w; w = strtok(NULL, " \n"))
		if (!strncmp(w, word, len) && w[len] == '=')
			return strdup(w + len + 1);
	return NULL;
}

static time_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);	/* tests set the other clock */
	return ts.tv_sec;
}

/* Runs a program to its end and then ends whatever it left; its wait status. limit: seconds. */
static int run(char *const argv[], long limit)
{
	time_t end = now() + limit;
	int st = -1;
	pid_t pid = fork(), r;

	if (pid < 0)
		return -1;
	if (!pid) {
		setsid();
		execv(argv[0], argv);
		printf("# init: %s: %s\n", argv[0], strerror(errno));
		_exit(127);
	}
	while ((r = waitpid(-1, &st, WNOHANG)) != pid) {
		if (r > 0)
			continue;	/* an orphan */
		if (now() > end) {
			printf("# init: %s: no end after %ld s\n", argv[0], limit);
			kill(-1, SIGKILL);
			end += limit;
		}
		nanosleep(&(struct timespec){ 0, 2000000 }, NULL);
	}
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
	return st;
}

/* Counts from the line that the program left, or one failure if it left none. */
static void count(const char *name, int st)
{
	char prog[64] = "";
	int p = 0, f = 0, s = 0;
	FILE *r = fopen(RESULTS, "r");

	if (r && fscanf(r, "%63s %d %d %d", prog, &p, &f, &s) == 4) {
		passed += p;
		failed += f;
		skipped += s;
	} else {
		printf("not ok %s: the program did not finish (wait status %#x)\n", name, st);
		failed++;
	}
	if (r)
		fclose(r);
	unlink(RESULTS);
}

static void audit(void)
{
	char buf[512];
	int fd = open(AUDIT, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return;
	printf("# audit\n");
	fflush(stdout);
	while ((n = read(fd, buf, sizeof buf)) > 0)
		if (write(1, buf, n) != n)
			break;
	close(fd);
}

static void run_program(char *name)
{
	char path[300], *test = strchr(name, '.');
	char *argv[3] = { path, NULL, NULL };

	if (test) {
		*test = 0;
		argv[1] = test + 1;
	}
	snprintf(path, sizeof path, "/tests/%s", name);
	count(name, run(argv, PROGRAM_LIMIT));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void run_all(void)
{
	static char *names[MAX_PROGRAMS];
	struct dirent *e;
	DIR *d = opendir("/tests");
	int n = 0;

	while (d && n < MAX_PROGRAMS && (e = readdir(d)))
		if (e->d_name[0] != '.')
			names[n++] = strdup(e->d_name);
	if (d)
		closedir(d);
	qsort(names, n, sizeof *names, by_name);
	for (int i = 0; i < n; i++)
		run_program(names[i]);
}

static void run_stress(char *words)
{
	char *argv[8] = { "/stress/stress" };
	int n = 1, st;

	for (char *w = strtok(words, ","); w && n < 7; w = strtok(NULL, ","))
		argv[n++] = w;
	st = run(argv, atol(argv[1]) + PROGRAM_LIMIT);
	if (WIFEXITED(st) && !WEXITSTATUS(st))
		passed++;
	else
		failed++;
}

int main(void)
{
	char *names, *stress;

	setup();
	names = boot_word("tests");
	stress = boot_word("stress");
	if (stress)
		run_stress(stress);
	else if (names)
		for (char *n = strtok(names, ","); n; n = strtok(NULL, ","))
			run_program(n);
	else
		run_all();
	audit();
	printf("guest tests: %d passed, %d failed, %d skipped\n", passed, failed, skipped);
	fflush(stdout);
	sync();
	reboot(RB_POWER_OFF);
	for (;;)
		pause();
}
