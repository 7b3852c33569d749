/* SPDX-License-Identifier: BSD-2-Clause */
/* Common helpers of the kernel-anchor bench suite (arm64 Linux ABI, static). */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>

typedef uint64_t u64;
#define PG 4096ul
#define MB (1ul << 20)

/* CNTVCT_EL0, the only clock used.  Under `-icount shift=0` and a 1 GHz CNTFRQ
 * (-cpu max) one tick is exactly one guest instruction. */
static inline u64 now(void)
{
	u64 v;
	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(v) : : "memory");
	return v;
}
static inline u64 freq(void)
{
	u64 v;
	asm volatile("mrs %0, cntfrq_el0" : "=r"(v));
	return v;
}
static inline double ns(u64 ticks) { return (double)ticks * 1e9 / (double)freq(); }

enum mode { M4K, M64K, M2M };
extern const char *mode_name[];

void out(double v, const char *unit, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void na(const char *why, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int  mode_parse(const char *s);
void mode_set(int mode);                 /* sysfs THP knobs, errors ignored */
char *region(size_t sz, int mode);       /* 2 MiB aligned private anonymous */
void touch(char *p, size_t sz);          /* write 1 byte of every 4K page   */
long minflt(void);
long pte_kib(pid_t pid);                 /* VmPTE of pid (0 = self), -1 if unknown */
long meminfo_kib(const char *key);
double median(double *v, int n);
double vmin(const double *v, int n);
double vmax(const double *v, int n);
void *shared_page(void);
int  reap(pid_t pid);                    /* waitpid, returns exit code or -1 */
void xpipe(int *fd);

int t_env(int c, char **v);
int t_fork(int c, char **v);
int t_bpf(int c, char **v);
int t_storm(int c, char **v);
int t_split(int c, char **v);
int t_vmas(int c, char **v);
int t_ptbytes(int c, char **v);
int t_exec(int c, char **v);
int t_afl(int c, char **v);
int t_prof(int c, char **v);
int t_basic(int c, char **v);
int t_kv(int c, char **v);
