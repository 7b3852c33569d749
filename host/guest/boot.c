/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The init of the boot tests: says in one line what it sees of the machine, then ends it in the
 * way that the kernel's command line asks for: boot.restart, boot.exit, or power-off. boot.kmsg: it
 * leaves a word in the kernel's log before. boot.busy: it ends like boot.exit with children on all
 * CPUs that write a line again and again.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

static void log_a_word(void)
{
	int fd;

	mknod("/dev/kmsg", S_IFCHR | 0600, makedev(1, 11));
	fd = open("/dev/kmsg", O_WRONLY);
	if (fd < 0 || write(fd, "<3>boot-kmsg\n", 13) < 0)
		perror("/dev/kmsg");
	usleep(300000);		/* for consoles that take their time */
}

static void busy(int n)
{
	while (n--)
		if (fork() == 0)
			for (;;)
				if (write(1, "busy\n", 5) < 0)
					_exit(1);
	usleep(300000);
}

int main(int argc, char **argv)
{
	struct sysinfo info;
	cpu_set_t cpus;
	char line[2048] = "";
	int restart = 0, leave = 0, fd;

	mkdir("/proc", 0755);
	mount("proc", "/proc", "proc", 0, NULL);
	fd = open("/proc/cmdline", O_RDONLY);
	if (fd >= 0 && read(fd, line, sizeof(line) - 1) < 0)
		perror("/proc/cmdline");
	restart = strstr(line, "boot.restart") != NULL;
	leave = strstr(line, "boot.exit") || strstr(line, "boot.busy");
	for (int i = 1; i < argc; i++) {
		restart |= !strcmp(argv[i], "boot.restart");
		leave |= !strcmp(argv[i], "boot.exit");
	}
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	sysinfo(&info);
	printf("boot-ok cpus=%d mib=%lu date=%ld\n", CPU_COUNT(&cpus),
	       (unsigned long)info.totalram * info.mem_unit >> 20, (long)time(NULL));
	fflush(stdout);
	if (strstr(line, "boot.kmsg"))
		log_a_word();
	if (strstr(line, "boot.busy"))
		busy(CPU_COUNT(&cpus));
	if (leave)
		return 3;
	reboot(restart ? RB_AUTOBOOT : RB_POWER_OFF);
	for (;;)
		pause();
}
