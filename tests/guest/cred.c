/* SPDX-License-Identifier: BSD-2-Clause */
/* Users, groups, capabilities, prctl, rlimits. */
#include "check.h"

#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static void ids(uid_t r, uid_t e, uid_t s)
{
	uid_t a, b, c;

	OK(getresuid(&a, &b, &c));
	if (a != r || b != e || c != s)
		FAIL("uids %d %d %d, not %d %d %d", a, b, c, r, e, s);
}

static struct __user_cap_data_struct caps[2];

static int capget_(pid_t pid)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, pid };

	return syscall(SYS_capget, &h, caps);
}

static int capset_(void)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };

	return syscall(SYS_capset, &h, caps);
}

TEST(root_setuid)
{
	CHILD_OK(
		OK(setuid(1000));
		ids(1000, 1000, 1000);
		ERR(setuid(0), EPERM);
		ERR(setuid(1001), EPERM);
		OK(setuid(1000));
	);
	CHILD_OK(
		OK(setgid(2000));
		CHECK_EQ(getgid(), 2000);
		CHECK_EQ(getegid(), 2000);
		CHECK_EQ(getuid(), 0);
	);
}

TEST(seteuid_and_back)
{
	OK(seteuid(1000));
	ids(0, 1000, 0);
	ERR(seteuid(1001), EPERM);
	ERR(setresuid(5, 5, 5), EPERM);
	OK(seteuid(0));
	ids(0, 0, 0);
}

TEST(setresuid_calls)
{
	OK(setresuid(10, 20, 30));
	ids(10, 20, 30);
	OK(setresuid(-1, 30, -1));
	ids(10, 30, 30);
	OK(setresuid(30, 10, 10));
	ids(30, 10, 10);
	ERR(setresuid(40, -1, -1), EPERM);
	ids(30, 10, 10);
}

TEST(setreuid_rule)
{
	/* the saved id follows the effective one when the real one is set */
	OK(setresuid(10, 20, 20));
	OK(setreuid(20, 10));
	ids(20, 10, 10);
}

TEST(groups)
{
	gid_t g[3] = { 5, 77, 9 }, got[32];
	int n;

	OK(setgroups(3, g));
	CHECK_EQ(getgroups(0, NULL), 3);
	CHECK_EQ(getgroups(32, got), 3);
	n = (got[0] == 5 || got[1] == 5 || got[2] == 5) +
	    (got[0] == 9 || got[1] == 9 || got[2] == 9);
	CHECK_EQ(n, 2);
	ERR(getgroups(1, got), EINVAL);
	ERR(setgroups(100000, got), EINVAL);
	ERR(syscall(SYS_setgroups, 3, BAD_PTR), EFAULT);
	CHILD_OK(
		OK(setuid(1000));
		ERR(setgroups(0, NULL), EPERM);
		CHECK_EQ(getgroups(0, NULL), 3);	/* they stay */
	);
}

TEST(supplementary_group_grants)
{
	gid_t g = 4242;

	check_tmpdir();
	check_write_file("f", "x");
	OK(chown("f", 0, 4242));
	OK(chmod("f", 0060));
	CHILD_OK(
		OK(setgroups(1, &g));
		OK(setresgid(1, 1, 1));
		OK(setresuid(1, 1, 1));
		OK(open("f", O_RDWR));
	);
	CHILD_OK(check_become(1, 1); ERR(open("f", O_RDONLY), EACCES););
}

TEST(fsuid)
{
	check_tmpdir();
	check_write_file("f", "x");
	OK(chmod("f", 0600));
	CHECK_EQ(syscall(SYS_setfsuid, 1000), 0);	/* gives the old one */
	CHECK_EQ(syscall(SYS_setfsuid, -1), 1000);
	ERR(open("f", O_RDONLY), EACCES);
	CHECK_EQ(syscall(SYS_setfsuid, 0), 1000);
	OK(open("f", O_RDONLY));
	CHECK_EQ(syscall(SYS_setfsgid, -1), 0);
}

TEST(capabilities_follow_uid)
{
	OK(capget_(0));
	CHECK_NE(caps[0].effective, 0);
	CHECK_EQ(caps[0].effective, caps[0].permitted);
	OK(seteuid(1000));
	OK(capget_(0));
	CHECK_EQ(caps[0].effective, 0);
	CHECK_NE(caps[0].permitted, 0);
	OK(seteuid(0));
	OK(capget_(0));
	CHECK_NE(caps[0].effective, 0);
	CHILD_OK(
		OK(setuid(1000));
		OK(capget_(0));
		CHECK_EQ(caps[0].effective | caps[0].permitted, 0);
	);
	CHILD_OK(
		OK(prctl(PR_SET_KEEPCAPS, 1));
		CHECK_EQ(prctl(PR_GET_KEEPCAPS), 1);
		OK(setuid(1000));
		OK(capget_(0));
		CHECK_EQ(caps[0].effective, 0);
		CHECK_NE(caps[0].permitted, 0);
	);
}

TEST(capset_calls)
{
	OK(capget_(0));
	caps[0].effective &= ~(1U << CAP_SYS_ADMIN | 1U << CAP_DAC_OVERRIDE);
	OK(capset_());
	OK(capget_(0));
	CHECK_EQ(caps[0].effective >> CAP_SYS_ADMIN & 1, 0);
	CHECK_EQ(caps[0].permitted >> CAP_SYS_ADMIN & 1, 1);
	ERR(sethostname("x", 1), EPERM);
	caps[0].effective |= 1U << CAP_SYS_ADMIN;
	OK(capset_());
	caps[0].effective = caps[0].permitted = 1U << CAP_KILL;
	caps[1].effective = caps[1].permitted = 0;
	OK(capset_());
	caps[0].permitted |= 1U << CAP_CHOWN;
	ERR(capset_(), EPERM);			/* never more than before */
	ERR(setuid(5), EPERM);			/* root's number without the capability */
}

TEST(capability_is_what_counts)
{
	/* an ordinary user with one capability */
	check_tmpdir();
	check_write_file("f", "x");
	OK(prctl(PR_SET_KEEPCAPS, 1));
	OK(setresuid(1000, 1000, 1000));
	OK(capget_(0));
	caps[0].permitted = caps[0].effective = 1U << CAP_CHOWN;
	caps[1].permitted = caps[1].effective = 0;
	OK(capset_());
	OK(chown("f", 1000, 1000));
	ERR(setuid(0), EPERM);
	ERR(setpriority(PRIO_PROCESS, 0, -5), EACCES);
}

TEST(cap_errors)
{
	struct __user_cap_header_struct h = { 0x12345, 0 };

	ERR(syscall(SYS_capget, &h, caps), EINVAL);
	CHECK_EQ(h.version, _LINUX_CAPABILITY_VERSION_3);	/* tells what it knows */
	h.version = 0x12345;
	OK(syscall(SYS_capget, &h, NULL));
	ERR(syscall(SYS_capget, BAD_PTR, caps), EFAULT);
	h = (struct __user_cap_header_struct){ _LINUX_CAPABILITY_VERSION_3, 4000000 };
	ERR(syscall(SYS_capget, &h, caps), ESRCH);
	h.pid = 1;
	ERR(syscall(SYS_capset, &h, caps), EPERM);	/* only oneself */
}

TEST(bounding_set)
{
	CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 1);
	OK(prctl(PR_CAPBSET_DROP, CAP_CHOWN));
	CHECK_EQ(prctl(PR_CAPBSET_READ, CAP_CHOWN), 0);
	ERR(prctl(PR_CAPBSET_READ, 99), EINVAL);
	ERR(prctl(PR_CAPBSET_DROP, 99), EINVAL);
}

TEST(prctl_calls)
{
	char name[17] = "";
	int sig = -1;

	OK(prctl(PR_SET_NAME, "a-long-name-for-a-task"));
	OK(prctl(PR_GET_NAME, name));
	CHECK_STR(name, "a-long-name-for");
	ERR(prctl(PR_SET_NAME, BAD_PTR), EFAULT);
	OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
	OK(prctl(PR_GET_PDEATHSIG, &sig));
	CHECK_EQ(sig, SIGUSR1);
	ERR(prctl(PR_SET_PDEATHSIG, 100), EINVAL);
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 1);
	OK(prctl(PR_SET_DUMPABLE, 0));
	CHECK_EQ(prctl(PR_GET_DUMPABLE), 0);
	ERR(prctl(PR_SET_DUMPABLE, 77), EINVAL);
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 0);
	OK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
	CHECK_EQ(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0), 1);
	ERR(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0), EINVAL);
	OK(prctl(PR_SET_TIMERSLACK, 1000));
	CHECK_EQ(prctl(PR_GET_TIMERSLACK), 1000);
	ERR(prctl(123456), EINVAL);
}

TEST(parent_death_signal)
{
	volatile int *got = check_shared(PAGE);

	CHILD_OK(
		SPAWN(
			sigset_t s;
			int sig;

			sigemptyset(&s);
			sigaddset(&s, SIGUSR1);
			sigprocmask(SIG_BLOCK, &s, NULL);
			OK(prctl(PR_SET_PDEATHSIG, SIGUSR1));
			got[0] = 1;
			sigwait(&s, &sig);
			got[1] = sig;
		);
		check_wait_flag(got, 1);
	);
	check_wait_flag(got + 1, SIGUSR1);
}

TEST(subreaper)
{
	volatile int *ppid = check_shared(PAGE);

	OK(prctl(PR_SET_CHILD_SUBREAPER, 1));
	CHILD_OK(
		pid_t parent = getpid();

		SPAWN(
			while (getppid() == parent)
				check_sleep_ms(1);
			*ppid = getppid();
		);
	);
	check_wait_flag(ppid, getpid());
	CHECK_GE(wait(NULL), 1);
}

TEST(rlimits)
{
	struct rlimit rl, old;

	for (int r = 0; r < 16; r++) {
		OK(getrlimit(r, &rl));
		CHECK(rl.rlim_cur <= rl.rlim_max);
	}
	ERR(getrlimit(16, &rl), EINVAL);
	ERR(syscall(SYS_prlimit64, 0, RLIMIT_CORE, NULL, BAD_PTR), EFAULT);
	ERR(syscall(SYS_prlimit64, 0, RLIMIT_CORE, BAD_PTR, NULL), EFAULT);
	ERR(syscall(SYS_prlimit64, 4000000, RLIMIT_CORE, NULL, &rl), ESRCH);
	rl = (struct rlimit){ 100, 50 };
	ERR(setrlimit(RLIMIT_CORE, &rl), EINVAL);
	rl = (struct rlimit){ 50, 100 };
	OK(prlimit(0, RLIMIT_CORE, &rl, &old));
	OK(getrlimit(RLIMIT_CORE, &rl));
	CHECK_EQ(rl.rlim_cur, 50);
	CHILD_OK(
		OK(getrlimit(RLIMIT_CORE, &rl));	/* inherited */
		CHECK_EQ(rl.rlim_max, 100);
		check_become(1000, 1000);
		rl = (struct rlimit){ 100, 100 };
		OK(setrlimit(RLIMIT_CORE, &rl));
		rl = (struct rlimit){ 10, 200 };
		ERR(setrlimit(RLIMIT_CORE, &rl), EPERM);
		ERR(prlimit(1, RLIMIT_CORE, NULL, &rl), EPERM);
	);
	pid_t pid = SPAWN(for (;;) pause());
	OK(prlimit(pid, RLIMIT_NOFILE, &(struct rlimit){ 9, 9 }, NULL));
	OK(prlimit(pid, RLIMIT_NOFILE, NULL, &rl));
	CHECK_EQ(rl.rlim_cur, 9);
	kill(pid, SIGKILL);
	check_wait(pid);
}

TEST(unprivileged_cannot)
{
	check_tmpdir();
	CHILD_OK(
		check_become(1000, 1000);
		ERR(sethostname("x", 1), EPERM);
		ERR(setpriority(PRIO_PROCESS, 0, -1), EACCES);
		ERR(chroot("/"), EPERM);
		ERR(syscall(SYS_reboot, 0xfee1dead, 672274793, 0x4321fedc, NULL), EPERM);
		ERR(kill(1, SIGKILL), EPERM);
		ERR(setgroups(0, NULL), EPERM);
	);
	ERR(syscall(SYS_reboot, 1, 2, 3, NULL), EINVAL);	/* the magic numbers guard it */
}
