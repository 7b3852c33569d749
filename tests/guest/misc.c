/* SPDX-License-Identifier: BSD-2-Clause */
/* uname, sysinfo, getrandom, unknown calls, what the CPU shows, and the rest. */
#include "check.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/utsname.h>

TEST(uname_call)
{
	struct utsname u;

	OK(uname(&u));
	CHECK_STR(u.machine, "aarch64");
	CHECK_STR(u.sysname, "Linux");		/* programs look for it */
	CHECK(u.release[0] >= '4' && u.release[0] <= '9');
	CHECK(u.version[0] == '#');
	ERR(syscall(SYS_uname, BAD_PTR), EFAULT);
}

TEST(hostname)
{
	struct utsname u;
	char big[100] = "";

	OK(sethostname("tester", 6));
	OK(uname(&u));
	CHECK_STR(u.nodename, "tester");
	OK(setdomainname("dom", 3));
	OK(uname(&u));
	CHECK_STR(u.domainname, "dom");
	ERR(sethostname(big, 65), EINVAL);
	ERR(syscall(SYS_sethostname, BAD_PTR, 5), EFAULT);
	ERR(syscall(SYS_sethostname, big, -1), EINVAL);
}

TEST(sysinfo_call)
{
	struct sysinfo si;

	memset(&si, 0, sizeof si);
	OK(sysinfo(&si));
	CHECK(si.totalram * si.mem_unit > 8 << 20);
	CHECK(si.freeram <= si.totalram);
	CHECK_EQ(si.totalswap, 0);
	CHECK_GE(si.procs, 1);
	ERR(syscall(SYS_sysinfo, BAD_PTR), EFAULT);
}

TEST(getrandom_call)
{
	unsigned char a[256], b[256];
	int same = 0;

	CHECK_EQ(getrandom(a, 256, 0), 256);
	CHECK_EQ(getrandom(b, 256, GRND_NONBLOCK), 256);
	for (int i = 0; i < 256; i++)
		same += a[i] == b[i];
	CHECK_LE(same, 20);
	CHECK_EQ(getrandom(a, 0, 0), 0);
	CHECK_EQ(getrandom(a, 16, GRND_INSECURE), 16);
	ERR(getrandom(a, 16, GRND_RANDOM | GRND_INSECURE), EINVAL);
	ERR(getrandom(a, 16, 0x1000), EINVAL);
	ERR(syscall(SYS_getrandom, BAD_PTR, 16, 0), EFAULT);
	char *big = check_anon(1 << 20);
	size_t n = 0;
	while (n < 1 << 20)
		n += OK(getrandom(big + n, (1 << 20) - n, 0));
}

TEST(random_differs_after_fork)
{
	unsigned char *a = check_shared(PAGE);

	CHILD_OK(CHECK_EQ(getrandom(a, 32, 0), 32););
	CHILD_OK(CHECK_EQ(getrandom(a + 32, 32, 0), 32););
	CHECK_NE(memcmp(a, a + 32, 32), 0);
}

TEST(unknown_system_calls)
{
	static const long nrs[] = { 600, 1000, 65535, 0x7fffffff, -1, -2, 244, 259, 1L << 32 };

	for (size_t i = 0; i < sizeof nrs / sizeof *nrs; i++)
		if (i != 8)
			ERR(syscall(nrs[i], 1, 2, 3, 4, 5, 6), ENOSYS);
}

TEST(unknown_system_calls_are_counted)
{
	char buf[8192];
	const char *line;
	long before = 0, after = 0;

	if (access("/sys/kernel/debug/tine/syscalls", R_OK))
		SKIP("not this kernel");
	for (int i = 0; i < 2; i++) {
		check_read_file("/sys/kernel/debug/tine/syscalls", buf, sizeof buf);
		line = strstr(buf, "250 ");	/* a number that no call has */
		*(i ? &after : &before) = line ? atol(strchr(line + 4, ' ')) : 0;
		if (!i)
			for (int j = 0; j < 3; j++)
				ERR(syscall(250), ENOSYS);
	}
	CHECK_EQ(after - before, 3);
}

TEST(svc_immediate_ignored)
{
	register long x8 __asm__("x8") = SYS_getpid;
	register long x0 __asm__("x0");

	__asm__ volatile("svc #0x123" : "=r"(x0) : "r"(x8) : "memory");
	CHECK_EQ(x0, getpid());
}

TEST(registers_survive_syscall)
{
	unsigned long x[4], d;

	__asm__ volatile(
		"mov x9, #9\n mov x15, #15\n mov x18, #18\n mov x28, #28\n movi v8.16b, #8\n"
		"mov x8, #172\n svc #0\n"
		"stp x9, x15, [%1]\n stp x18, x28, [%1, #16]\n fmov %0, d8\n"
		: "=r"(d) : "r"(x) : "x0", "x8", "x9", "x15", "x18", "x28", "v8", "memory");
	CHECK_EQ(x[0], 9);
	CHECK_EQ(x[1], 15);
	CHECK_EQ(x[2], 18);
	CHECK_EQ(x[3], 28);
	CHECK_EQ(d, 0x0808080808080808);
}

TEST(flags_survive_syscall)
{
	unsigned long a, b;

	__asm__ volatile("mov x8, #172\n cmp xzr, xzr\n mrs %0, nzcv\n svc #0\n mrs %1, nzcv"
			 : "=&r"(a), "=&r"(b) :: "x0", "x8", "cc", "memory");
	CHECK_EQ(a, b);
}

TEST(hwcap)
{
	unsigned long h = getauxval(AT_HWCAP);

	CHECK(h & 1);			/* fp */
	CHECK(h & 2);			/* asimd */
	CHECK(h & 1 << 11);		/* cpuid: ID registers may be read */
}

static uint64_t id_aa64pfr0(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, s3_0_c0_c4_0" : "=r"(v));
	return v;
}

static uint64_t id_aa64pfr1(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, s3_0_c0_c4_1" : "=r"(v));
	return v;
}

static uint64_t id_aa64isar1(void)
{
	uint64_t v;

	__asm__ volatile("mrs %0, s3_0_c0_c6_1" : "=r"(v));
	return v;
}

TEST(id_registers_readable)
{
	uint64_t midr, zfr;

	__asm__ volatile("mrs %0, midr_el1" : "=r"(midr));
	CHECK_NE(midr, 0);
	CHECK_NE(id_aa64pfr0() & 0xff, 0);
	(void)id_aa64pfr1();
	(void)id_aa64isar1();
	__asm__ volatile("mrs %0, s3_0_c0_c4_4" : "=r"(zfr));	/* may be zero */
	__asm__ volatile("mrs %0, s3_0_c0_c7_7" : "=r"(zfr));	/* an unallocated one: zero */
	CHECK_EQ(zfr, 0);
}

TEST(ctr_and_counter)
{
	uint64_t ctr, t, u, freq, dczid;

	__asm__ volatile(
		"mrs %0, ctr_el0\n mrs %1, cntvct_el0\n mrs %2, cntfrq_el0\n mrs %3, dczid_el0"
		: "=r"(ctr), "=r"(t), "=r"(freq), "=r"(dczid));
	CHECK(freq > 1000000);
	CHECK(ctr & 0x80000000);
	for (int i = 0; i < 1000; i++) {
		__asm__ volatile("isb\n mrs %0, cntvct_el0" : "=r"(u));
		CHECK(u >= t);
		t = u;
	}
	if (!(dczid & 16)) {
		size_t len = 4UL << (dczid & 15);
		char *p = check_anon(PAGE);

		memset(p, 1, PAGE);
		__asm__ volatile("dc zva, %0" :: "r"(p + len) : "memory");
		CHECK_EQ(p[len - 1], 1);
		CHECK_EQ(p[len], 0);
		CHECK_EQ(p[2 * len - 1], 0);
		CHECK_EQ(p[2 * len], 1);
	}
}

/* Features that this kernel does not switch are not shown; Linux shows what the CPU has. */
TEST(hidden_features)
{
	if (!check_on_tine())
		SKIP("not this kernel");
	CHECK_EQ(id_aa64pfr0() >> 32 & 0xf, 0);		/* SVE */
	CHECK_EQ(id_aa64pfr1() >> 8 & 0xf, 0);		/* MTE */
	CHECK_EQ(id_aa64pfr1() >> 24 & 0xf, 0);		/* SME */
	CHECK_EQ(id_aa64isar1() >> 4 & 0xff, 0);	/* APA, API */
	CHECK_EQ(id_aa64isar1() >> 24 & 0xff, 0);	/* GPA, GPI */
	CHECK_EQ(getauxval(AT_HWCAP) & (1UL << 22 | 1UL << 30 | 1UL << 31),
		 0); /* SVE, PACA, PACG */
	CHECK_EQ(getauxval(AT_HWCAP2) & (1UL << 1 | 1UL << 18 | 1UL << 23), 0);	/* SVE2, MTE, SME */
}

TEST(hidden_instructions_fault)
{
	uint32_t *p = check_anon(PAGE);
	struct check_fault f;

	if (!check_on_tine())
		SKIP("not this kernel");
	p[0] = 0x04bf5020;		/* rdvl x0, #1 (SVE) */
	p[1] = 0xd65f03c0;
	OK(mprotect(p, PAGE, PROT_READ | PROT_EXEC));
	__builtin___clear_cache((char *)p, (char *)p + 8);
	f = check_exec(p);
	CHECK_EQ(f.sig, SIGILL);
}

TEST(cache_maintenance_allowed)
{
	char *p = check_anon(PAGE);

	p[0] = 1;
	__asm__ volatile("dc cvau, %0\n dc civac, %0\n dc cvac, %0\n dsb ish\n ic ivau, %0\n dsb "
			 "ish\n isb" ::"r"(p)
			 : "memory");
	CHECK_EQ(p[0], 1);
}

TEST(unaligned_access)
{
	char *p = check_anon(2 * PAGE);
	uint64_t v = 0x1122334455667788, w;

	for (size_t off = PAGE - 9; off < PAGE + 3; off++) {
		memcpy(p + off, &v, 8);
		__asm__ volatile("ldr %0, [%1]" : "=r"(w) : "r"(p + off) : "memory");
		CHECK_EQ(w, v);
	}
	/* an exclusive access must be aligned */
	CHILD_OK(int st = IN_CHILD(__asm__ volatile("ldxr x9, [%0]" ::"r"(p + 1)
						    : "x9", "memory"););
		 CHECK_EQ(st & 0x7f, SIGBUS););
}

TEST(atomics)
{
	uint64_t *p = check_shared(PAGE);
	pid_t pid[4];

	for (int i = 0; i < 4; i++)
		pid[i] = SPAWN(for (int j = 0; j < 20000; j++)
			__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST));
	for (int i = 0; i < 4; i++)
		CHECK_EQ(check_wait(pid[i]), 0);
	CHECK_EQ(*p, 80000);
}

TEST_TIMEOUT(wild_arguments, 120)
{
	/* every system call with hostile arguments: an errno, a signal, but the kernel lives */
	/* not those that would end the test, stop others or change the machine for the next tests
	 */
	static const int skip[] = {
		SYS_exit,
		SYS_exit_group,
		SYS_rt_sigreturn,
		SYS_clone,
		SYS_clone3,
		SYS_kill,
		SYS_tkill,
		SYS_tgkill,
		SYS_rt_sigqueueinfo,
		SYS_rt_tgsigqueueinfo,
		SYS_pidfd_send_signal,
		SYS_ptrace,
		SYS_reboot,
		SYS_vhangup,
		SYS_settimeofday,
		SYS_clock_settime,
		SYS_adjtimex,
		SYS_clock_adjtime,
		SYS_setpriority,
		SYS_sched_setaffinity,
		SYS_sched_setscheduler,
		SYS_sched_setparam,
		SYS_sched_setattr,
		SYS_fchmod,
		SYS_fchown,
		SYS_ioctl,
		SYS_syslog,
		SYS_sethostname,
		SYS_setdomainname,
		SYS_shmget,
		SYS_semget,
		SYS_msgget,
	};
	static const unsigned long wild[] = { 0, 1, -1UL, 16, 0xffff000000081000, 0x7fffffffffff,
		1UL << 63, 4096 };
	unsigned int seed;

	for (int nr = 0; nr < 460; nr++) {
		bool skipped = false;

		for (size_t i = 0; i < sizeof skip / sizeof *skip; i++)
			skipped |= skip[i] == nr;
		if (skipped)
			continue;
		int st = IN_CHILD(
			struct itimerval it = { .it_value.tv_usec = 300000 };

			seed = nr;
			setsid();
			setitimer(ITIMER_REAL, &it, NULL);
			for (int i = 0; i < 32; i++)
				syscall(nr, wild[rand_r(&seed) % 8], wild[rand_r(&seed) % 8],
					wild[rand_r(&seed) % 8], wild[rand_r(&seed) % 8],
					wild[rand_r(&seed) % 8], wild[rand_r(&seed) % 8]);
		);
		(void)st;
	}
	CHECK_EQ(getpid(), syscall(SYS_getpid));
}
