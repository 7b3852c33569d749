/* SPDX-License-Identifier: BSD-2-Clause */
/* The order of boot (sys/main.c) and what it learns from the device tree (sys/boot.c). */
#ifndef SYS_BOOT_H
#define SYS_BOOT_H
#include <base/types.h>
#include <hal/boot.h>

struct initrd { paddr_t start, end; };

/* Banks, reserved ranges, command line, CPUs and initrd from the device tree; panics if there is
 * none. Before mm_init. */
void boot_read_machine(const struct boot_info *bi);
extern struct initrd boot_initrd;
/* Per-CPU areas of the CPUs but the first; after mm_init. */
void boot_percpu_init(void);
/* Starts the other CPUs and waits for them. */
void boot_start_cpus(void);
/* The command line taken apart: init's arguments and environment are the words that the kernel does
 * not know. */
#define BOOT_MAX_WORDS 32
struct boot_words {
	const char *init;
	bool ramdisk_init;
	const char *argv[BOOT_MAX_WORDS + 2], *envp[BOOT_MAX_WORDS + 3];
};
void boot_parse_cmdline(struct boot_words *w);
/* sys/exec.c: starts process 1 from path with the current task's files. 0 or negative errno. */
int kernel_exec(const char *path, const char *const argv[], const char *const envp[]);
#endif
