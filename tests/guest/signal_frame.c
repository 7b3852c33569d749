/* SPDX-License-Identifier: BSD-2-Clause */
/* The arm64 signal frame: registers, FP/SIMD, alternate stack, edits by the handler, bad frames. */
#include "check.h"

#include <asm/sigcontext.h>
#include <sys/mman.h>
#include <sys/ucontext.h>
#include <ucontext.h>

static volatile int hits;
static volatile uintptr_t handler_sp;

static void catch(int sig, void (*fn)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa = { .sa_sigaction = fn, .sa_flags = SA_SIGINFO | flags };

	OK(sigaction(sig, &sa, NULL));
}

static void clobber(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	(void)ctx;
	hits++;
	/* everything that a signal frame has to bring back */
	__asm__ volatile(
		"movi v0.16b, #1\n movi v1.16b, #1\n movi v7.16b, #1\n movi v8.16b, #1\n"
		"movi v15.16b, #1\n movi v16.16b, #1\n movi v31.16b, #1\n"
		"mov x9, #-1\n mov x10, #-1\n mov x15, #-1\n mov x16, #-1\n mov x17, #-1\n"
		"cmp xzr, xzr\n msr fpsr, xzr\n"
		::: "v0", "v1", "v7", "v8", "v15", "v16", "v31", "x9", "x10", "x15", "x16", "x17",
		"cc", "memory");
}

TEST(registers_preserved)
{
	uint64_t x[6], pid = getpid();

	catch(SIGUSR1, clobber, 0);
	register uint64_t x8 __asm__("x8") = 129;	/* kill */
	register uint64_t x0 __asm__("x0") = pid;
	register uint64_t x1 __asm__("x1") = SIGUSR1;
	__asm__ volatile(
		"mov x9, #109\n mov x10, #110\n mov x15, #115\n mov x16, #116\n mov x17, #117\n"
		"svc #0\n"
		"stp x9, x10, [%3]\n stp x15, x16, [%3, #16]\n stp x17, x8, [%3, #32]\n"
		: "+r"(x0), "+r"(x1), "+r"(x8) : "r"(x)
		: "x9", "x10", "x15", "x16", "x17", "memory");
	CHECK_EQ(hits, 1);
	CHECK_EQ(x0, 0);
	CHECK_EQ(x[0], 109);
	CHECK_EQ(x[1], 110);
	CHECK_EQ(x[2], 115);
	CHECK_EQ(x[3], 116);
	CHECK_EQ(x[4], 117);
	CHECK_EQ(x[5], 129);
}

TEST(simd_preserved)
{
	static unsigned char in[32][16], out[32][16];
	uint64_t pid = getpid(), fpcr = 1UL << 24, fpcr2, fpsr = 0x1f, fpsr2;

	catch(SIGUSR1, clobber, 0);
	for (int i = 0; i < 32; i++)
		memset(in[i], 0x40 + i, 16);
	register uint64_t x8 __asm__("x8") = 129;
	register uint64_t x0 __asm__("x0") = pid;
	register uint64_t x1 __asm__("x1") = SIGUSR1;
	__asm__ volatile(
		"msr fpcr, %5\n msr fpsr, %6\n"
		"ldp q0, q1, [%3]\n ldp q7, q8, [%3, #112]\n ldp q15, q16, [%3, #240]\n"
		"ldr q31, [%3, #496]\n"
		"svc #0\n"
		"stp q0, q1, [%4]\n stp q7, q8, [%4, #112]\n stp q15, q16, [%4, #240]\n"
		"str q31, [%4, #496]\n"
		: "+r"(x0), "+r"(x1), "+r"(x8) : "r"(in), "r"(out), "r"(fpcr), "r"(fpsr)
		: "v0", "v1", "v7", "v8", "v15", "v16", "v31", "memory");
	__asm__ volatile("mrs %0, fpcr\n mrs %1, fpsr\n msr fpcr, xzr" : "=r"(fpcr2), "=r"(fpsr2));
	CHECK_EQ(hits, 1);
	for (int i = 0; i < 32; i++)
		if (i < 2 || i == 7 || i == 8 || i == 15 || i == 16 || i == 31)
			CHECK_EQ(memcmp(in[i], out[i], 16), 0);
	CHECK_EQ(fpcr2, fpcr);
	CHECK_EQ(fpsr2 & 0x1f, fpsr);
}

static void look(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	(void)ctx;
	hits++;
	handler_sp = (uintptr_t)__builtin_frame_address(0);
}

TEST(altstack)
{
	size_t len = 65536;
	char *p = check_anon(len);
	stack_t ss = { .ss_sp = p, .ss_size = len }, old;

	OK(sigaltstack(&ss, NULL));
	OK(sigaltstack(NULL, &old));
	CHECK(old.ss_sp == p && old.ss_size == len && old.ss_flags == 0);
	catch(SIGUSR1, look, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(handler_sp > (uintptr_t)p && handler_sp < (uintptr_t)p + len);
	catch(SIGUSR1, look, 0);
	raise(SIGUSR1);
	CHECK(!(handler_sp > (uintptr_t)p && handler_sp < (uintptr_t)p + len));
	ss.ss_flags = SS_DISABLE;
	OK(sigaltstack(&ss, NULL));
	catch(SIGUSR1, look, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK_EQ(hits, 3);
	CHECK(!(handler_sp > (uintptr_t)p && handler_sp < (uintptr_t)p + len));
}

TEST(altstack_errors)
{
	stack_t ss = { .ss_sp = check_anon(65536), .ss_size = 100 };

	ERR(sigaltstack(&ss, NULL), ENOMEM);
	ss.ss_size = 65536;
	ss.ss_flags = 0x1234;
	ERR(sigaltstack(&ss, NULL), EINVAL);
	ERR(sigaltstack(BAD_PTR, NULL), EFAULT);
	ERR(sigaltstack(NULL, BAD_PTR), EFAULT);
}

static void change_altstack(int sig, siginfo_t *si, void *ctx)
{
	stack_t ss = { .ss_sp = check_anon(65536), .ss_size = 65536 }, old;

	(void)sig;
	(void)si;
	(void)ctx;
	ERR(sigaltstack(&ss, NULL), EPERM);	/* in use */
	OK(sigaltstack(NULL, &old));
	CHECK_EQ(old.ss_flags, SS_ONSTACK);
	hits++;
}

TEST(altstack_in_use)
{
	stack_t ss = { .ss_sp = check_anon(65536), .ss_size = 65536 };

	OK(sigaltstack(&ss, NULL));
	catch(SIGUSR1, change_altstack, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK_EQ(hits, 1);
}

static volatile char *fault_addr;

static void on_overflow(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)ctx;
	fault_addr = si->si_addr;
	_exit(44);
}

static __attribute__((noinline)) int overflow(int n)
{
	volatile char frame[2000];

	frame[0] = n;
	return n == -1 ? 0 : overflow(n + 1) + frame[0];
}

TEST(stack_overflow_on_altstack)
{
	int st = IN_CHILD(
		stack_t ss = { .ss_sp = check_anon(65536), .ss_size = 65536 };

		OK(sigaltstack(&ss, NULL));
		catch(SIGSEGV, on_overflow, SA_ONSTACK);
		overflow(0);
	);

	CHECK_EQ(st, 44 << 8);
	st = IN_CHILD(
		catch(SIGSEGV, on_overflow, 0);		/* no room for the frame */
		overflow(0);
	);
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
}

static void skip_instruction(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	CHECK_EQ(uc->uc_mcontext.fault_address, (uintptr_t)si->si_addr);
	uc->uc_mcontext.pc += 4;
	uc->uc_mcontext.regs[0] = 0x1234;
	hits++;
}

TEST(edit_pc_and_registers)
{
	register uint64_t x0 __asm__("x0") = (uintptr_t)BAD_PTR;

	catch(SIGSEGV, skip_instruction, 0);
	__asm__ volatile("ldr x0, [x0]" : "+r"(x0) :: "memory");
	CHECK_EQ(x0, 0x1234);
	CHECK_EQ(hits, 1);
}

static void edit_mask(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	sigaddset(&((ucontext_t *)ctx)->uc_sigmask, SIGHUP);
}

TEST(edit_mask_in_frame)
{
	sigset_t now;

	catch(SIGUSR1, edit_mask, 0);
	raise(SIGUSR1);
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(sigismember(&now, SIGHUP));
	CHECK(!sigismember(&now, SIGUSR1));
}

static struct fpsimd_context *find_fpsimd(ucontext_t *uc)
{
	struct _aarch64_ctx *h = (void *)uc->uc_mcontext.__reserved;

	while (h->magic && h->magic != FPSIMD_MAGIC)
		h = (void *)((char *)h + h->size);
	return h->magic ? (void *)h : NULL;
}

static void edit_fp(int sig, siginfo_t *si, void *ctx)
{
	struct fpsimd_context *fp = find_fpsimd(ctx);

	(void)sig;
	(void)si;
	CHECK(fp);
	CHECK_EQ(fp->head.size, sizeof *fp);
	CHECK((uint64_t)fp->vregs[9] == 0x0909090909090909);
	fp->vregs[9] = 77;
}

TEST(edit_fp_in_frame)
{
	uint64_t out = 0, pid = getpid();

	catch(SIGUSR1, edit_fp, 0);
	register uint64_t x8 __asm__("x8") = 129;
	register uint64_t x0 __asm__("x0") = pid;
	register uint64_t x1 __asm__("x1") = SIGUSR1;
	__asm__ volatile("movi v9.16b, #9\n svc #0\n fmov %3, d9"
			 : "+r"(x0), "+r"(x1), "+r"(x8), "=r"(out) :: "v9", "memory");
	CHECK_EQ(out, 77);
}

/* An edited frame must not give a program what it may not have. */
static void edit_pstate(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	((ucontext_t *)ctx)->uc_mcontext.pstate = 0x3c5;	/* EL1h, interrupts masked */
}

TEST(edit_pstate_refused)
{
	int st = IN_CHILD(
		catch(SIGUSR1, edit_pstate, 0);
		raise(SIGUSR1);
	);

	CHECK(st == 0 || WTERMSIG(st) == SIGSEGV);
}

static void edit_pc_kernel(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	((ucontext_t *)ctx)->uc_mcontext.pc = (uintptr_t)KERNEL_PTR;
}

static void edit_sp(int sig, siginfo_t *si, void *ctx)
{
	(void)sig;
	(void)si;
	((ucontext_t *)ctx)->uc_mcontext.sp = 0x18;
}

static void edit_context_size(int sig, siginfo_t *si, void *ctx)
{
	struct _aarch64_ctx *h = (void *)((ucontext_t *)ctx)->uc_mcontext.__reserved;

	(void)sig;
	(void)si;
	h->size = 0xfffffff0;
}

TEST(hostile_frames)
{
	int st;

	st = IN_CHILD(catch(SIGUSR1, edit_pc_kernel, 0); raise(SIGUSR1););
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
	st = IN_CHILD(catch(SIGUSR1, edit_sp, 0); raise(SIGUSR1););
	CHECK(WIFSIGNALED(st));
	st = IN_CHILD(catch(SIGUSR1, edit_context_size, 0); raise(SIGUSR1););
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
	/* sigreturn to a frame of zeros, and on a wild stack */
	st = IN_CHILD(
		char *zeros = check_anon(16 * PAGE);

		__asm__ volatile("mov sp, %0\n mov x8, #139\n svc #0"
				 :: "r"(zeros) : "x8", "memory");
	);
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
	st = IN_CHILD(
		__asm__ volatile("mov x9, xzr\n mov sp, x9\n mov x8, #139\n svc #0"
				 ::: "x8", "x9", "memory");
	);
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
	/* no stack to put the frame on */
	st = IN_CHILD(
		uint64_t pid = getpid();

		catch(SIGUSR1, look, 0);
		register uint64_t x8 __asm__("x8") = 129;
		register uint64_t x0 __asm__("x0") = pid;
		register uint64_t x1 __asm__("x1") = SIGUSR1;
		__asm__ volatile("mov x9, xzr\n mov sp, x9\n svc #0\n"
				 :: "r"(x0), "r"(x1), "r"(x8) : "x9", "memory");
	);
	CHECK_EQ(WTERMSIG(st), SIGSEGV);
}

static void check_layout(int sig, siginfo_t *si, void *ctx)
{
	ucontext_t *uc = ctx;

	(void)sig;
	CHECK_EQ((uintptr_t)si % 16, 0);
	CHECK_EQ((uintptr_t)uc, (uintptr_t)si + 128);
	CHECK_EQ((uintptr_t)&uc->uc_mcontext % 16, 0);
	CHECK(find_fpsimd(uc));
	CHECK_EQ(uc->uc_link == NULL, 1);
	hits++;
}

TEST(frame_layout)
{
	catch(SIGUSR1, check_layout, 0);
	raise(SIGUSR1);
	CHECK_EQ(hits, 1);
}

/* FP state belongs to the thread: processes that use it heavily do not disturb one another. */
TEST(fp_across_switches)
{
	enum { N = 4 };
	pid_t pid[N];

	for (int i = 0; i < N; i++) {
		pid[i] = SPAWN(
			long long end = check_now() + 300 * MSEC;

			while (check_now() < end) {
				uint64_t a, b;

				__asm__ volatile(
					"dup v8.2d, %2\n dup v30.2d, %2\n"
					"mov x9, #20000\n 1: subs x9, x9, #1\n b.ne 1b\n"
					"fmov %0, d8\n mov %1, v30.d[1]\n"
					: "=&r"(a), "=&r"(b) : "r"((uint64_t)i * 0x1111 + 1)
					: "v8", "v30", "x9", "cc");
				CHECK_EQ(a, i * 0x1111 + 1);
				CHECK_EQ(b, i * 0x1111 + 1);
			}
		);
	}
	for (int i = 0; i < N; i++)
		CHECK_EQ(check_wait(pid[i]), 0);
}

TEST(fp_inherited_by_fork)
{
	register double d __asm__("d8") = 3.25;
	pid_t pid;

	__asm__ volatile("" : "+w"(d));
	/* many times: the child may be preempted before it has been in user mode */
	for (int i = 0; i < 500; i++) {
		pid = fork();
		__asm__ volatile("" : "+w"(d));
		if (!pid)
			_exit(d == 3.25 ? 0 : 1);
		CHECK_EQ(check_wait(pid), 0);
	}
}

TEST(fp_clean_after_exec_of_thread)
{
	uint64_t v;

	/* a new program starts with clear FPCR; looked at here because we are one */
	__asm__ volatile("mrs %0, fpcr" : "=r"(v));
	CHECK_EQ(v, 0);
}
