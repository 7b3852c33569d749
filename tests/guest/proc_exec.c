/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execve: what it keeps, what it drops, what it refuses.  The program executes itself under other
 * names of argv[0] to look from the inside.
 */
#include "check.h"

#include <elf.h>
#include <stdarg.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>

extern char **environ;

/* The inside: runs before main() when argv[0] is not our own path, and never returns. */
static int inside_argc, inside_fd;
static char **inside_argv;

static void report(const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof buf, fmt, ap);
	va_end(ap);
	if (write(inside_fd, buf, n) != n)
		_exit(101);
}

static void inside_args(void)
{
	report("%d", inside_argc);
	for (int i = 1; i < inside_argc; i++)
		report(" [%s]", inside_argv[i]);
	report(" env");
	for (char **e = environ; *e; e++)
		if (strncmp(*e, "OUT=", 4))
			report(" [%s]", *e);
}

static void inside_auxv(void)
{
	const unsigned char *rnd = (void *)getauxval(AT_RANDOM);
	int zero = 0;

	for (int i = 0; i < 16; i++)
		zero += !rnd[i];
	report("pagesz %ld clktck %ld phent %ld rnd %d secure %ld uid %ld,%ld gid %ld,%ld",
	       getauxval(AT_PAGESZ), getauxval(AT_CLKTCK), getauxval(AT_PHENT), zero < 8,
	       getauxval(AT_SECURE), getauxval(AT_UID), getauxval(AT_EUID), getauxval(AT_GID),
	       getauxval(AT_EGID));
	report(" execfn %s platform %s vdso %d phnum %d base %ld hwcap %d minsigstksz %d",
	       (char *)getauxval(AT_EXECFN), (char *)getauxval(AT_PLATFORM),
	       !memcmp((void *)getauxval(AT_SYSINFO_EHDR), ELFMAG, 4), getauxval(AT_PHNUM) > 2,
	       getauxval(AT_BASE), (getauxval(AT_HWCAP) & 3) == 3,
	       getauxval(AT_MINSIGSTKSZ) >= 4096);
}

static void inside_signals(void)
{
	struct sigaction sa;
	sigset_t blocked, pending;
	stack_t ss;

	sigaction(SIGUSR1, NULL, &sa);
	report("usr1 %s ", sa.sa_handler == SIG_DFL ? "default" : "other");
	sigaction(SIGUSR2, NULL, &sa);
	report("usr2 %s ", sa.sa_handler == SIG_IGN ? "ignored" : "other");
	sigprocmask(SIG_SETMASK, NULL, &blocked);
	sigpending(&pending);
	sigaltstack(NULL, &ss);
	report("blocked %d pending %d altstack %s", sigismember(&blocked, SIGHUP),
	       sigismember(&pending, SIGHUP), ss.ss_flags == SS_DISABLE ? "none" : "kept");
}

static void inside_fds(void)
{
	for (int i = 3; i < 20; i++)
		if (i != inside_fd && fcntl(i, F_GETFD) >= 0)
			report("%d ", i);
}

static void inside_timer(void)
{
	struct itimerval it;

	getitimer(ITIMER_REAL, &it);
	report("timer %d", it.it_value.tv_sec > 10);
}

static void inside_stack(void)
{
	uintptr_t sp = (uintptr_t)__builtin_frame_address(0);

	report("align %d args %d", (int)(sp % 16), (uintptr_t)inside_argv > sp);
}

static void inside_name(void)
{
	char name[20] = "";

	prctl(PR_GET_NAME, name);
	report("%s", name);
}

static void inside_tid(void)
{
	report("%d %d", getpid(), (int)syscall(SYS_gettid));
}

static const struct { const char *name; void (*fn)(void); } insides[] = {
	{ "=args", inside_args }, { "=auxv", inside_auxv }, { "=signals", inside_signals },
	{ "=fds", inside_fds }, { "=timer", inside_timer }, { "=stack", inside_stack },
	{ "=name", inside_name }, { "=tid", inside_tid },
};

__attribute__((constructor(101))) static void inside(int argc, char **argv)
{
	const char *name = argc > 0 && argv[0] ? strrchr(argv[0], '/') : NULL;

	if (name && !strcmp(name, "/proc_exec"))
		return;
	inside_argc = argc;
	inside_argv = argv;
	inside_fd = getenv("OUT") ? atoi(getenv("OUT")) : 1;
	for (size_t i = 0; i < sizeof insides / sizeof *insides; i++)
		if (argc > 0 && !strcmp(insides[i].name, argv[0]))
			insides[i].fn();
	_exit(0);
}

#define SELF "/proc/self/exe"
static char reply[256 << 10];
static int reply_fd[2];

static char *out_env(void)
{
	static char env[32];

	snprintf(env, sizeof env, "OUT=%d", reply_fd[1]);
	return env;
}

static void read_reply(void)
{
	size_t n = 0;
	ssize_t r;

	close(reply_fd[1]);
	while ((r = read(reply_fd[0], reply + n, sizeof reply - 1 - n)) > 0)
		n += r;
	reply[n] = 0;
	close(reply_fd[0]);
}

/* Executes ourselves in a child, after the statements; the answer is in reply. */
#define ASK(what, ...)								\
	do {									\
		pid_t ask_;							\
		int st_;							\
		OK(pipe(reply_fd));						\
		OK(dup2(reply_fd[1], 30));					\
		close(reply_fd[1]);						\
		reply_fd[1] = 30;						\
		ask_ = SPAWN(							\
			char *argv_[] = { what, NULL };				\
			char *envp_[] = { out_env(), NULL };			\
			__VA_ARGS__;						\
			execve(SELF, argv_, envp_);				\
			FAIL("execve: %s", strerror(errno));			\
		);								\
		read_reply();							\
		st_ = check_wait(ask_);						\
		if (st_)							\
			FAIL("child: wait status %#x", st_);			\
	} while (0)

TEST(args_and_env)
{
	OK(pipe(reply_fd));
	pid_t pid = SPAWN(
		char *argv[] = { "=args", "one", "", "three words here", NULL };
		char *envp[] = { out_env(), "A=1", "EMPTY=", "B=x y", NULL };

		execve(SELF, argv, envp);
		_exit(100);
	);
	read_reply();
	CHECK_EQ(check_wait(pid), 0);
	CHECK_STR(reply, "4 [one] [] [three words here] env [A=1] [EMPTY=] [B=x y]");
}

TEST(auxv)
{
	ASK("=auxv", (void)0);
	CHECK_STR(reply, "pagesz 4096 clktck 100 phent 56 rnd 1 secure 0 uid 0,0 gid 0,0"
		  " execfn " SELF " platform aarch64 vdso 1 phnum 1 base 0 hwcap 1 minsigstksz 1");
}

static void handler(int sig)
{
	(void)sig;
}

TEST(signals_reset)
{
	ASK("=signals",
	    sigset_t set;
	    stack_t ss = { .ss_sp = check_anon(65536), .ss_size = 65536 };

	    signal(SIGUSR1, handler);
	    signal(SIGUSR2, SIG_IGN);
	    OK(sigaltstack(&ss, NULL));
	    sigemptyset(&set);
	    sigaddset(&set, SIGHUP);
	    sigprocmask(SIG_BLOCK, &set, NULL);
	    raise(SIGHUP));
	CHECK_STR(reply, "usr1 default usr2 ignored blocked 1 pending 1 altstack none");
}

TEST(close_on_exec)
{
	ASK("=fds",
	    for (int i = 3; i < 20; i++)
		    close(i);
	    OK(dup2(1, 5));
	    OK(dup2(1, 6));
	    OK(fcntl(6, F_SETFD, FD_CLOEXEC));
	    OK(dup3(1, 7, O_CLOEXEC));
	    OK(dup2(7, 8));
	    OK(fcntl(1, F_DUPFD_CLOEXEC, 9)));
	CHECK_STR(reply, "5 8 ");
}

TEST(itimer_kept)
{
	ASK("=timer",
	    struct itimerval it = { .it_value.tv_sec = 1000 };
	    OK(setitimer(ITIMER_REAL, &it, NULL)));
	CHECK_STR(reply, "timer 1");
}

TEST(stack_layout)
{
	ASK("=stack", (void)0);
	CHECK_STR(reply, "align 0 args 1");
}

TEST(comm)
{
	char *argv[] = { "=name", NULL }, *envp[2] = { NULL, NULL };
	pid_t pid;

	check_tmpdir();
	OK(symlink("/proc/self/exe", "a-name-longer-than-fifteen"));
	OK(pipe(reply_fd));
	pid = SPAWN(
		envp[0] = out_env();
		execve("./a-name-longer-than-fifteen", argv, envp);
		_exit(100);
	);
	read_reply();
	CHECK_EQ(check_wait(pid), 0);
	CHECK_STR(reply, "a-name-longer-t");
}

static void *exec_thread(void *arg)
{
	execve(SELF, ((char ***)arg)[0], ((char ***)arg)[1]);
	return NULL;
}

static void *sleep_thread(void *arg)
{
	(void)arg;
	for (;;)
		pause();
	return NULL;
}

TEST(exec_from_thread)
{
	pid_t pid;
	char want[40];

	OK(pipe(reply_fd));
	pid = SPAWN(
		char *argv[] = { "=tid", NULL };
		char *envp[] = { out_env(), NULL };
		char **both[] = { argv, envp };
		pthread_t t;

		pthread_create(&t, NULL, sleep_thread, NULL);
		pthread_create(&t, NULL, exec_thread, both);
		pthread_join(t, NULL);
		_exit(100);
	);
	read_reply();
	CHECK_EQ(check_wait(pid), 0);
	snprintf(want, sizeof want, "%d %d", pid, pid);	/* the thread became the leader */
	CHECK_STR(reply, want);
}

TEST(errors)
{
	char *argv[] = { "x", NULL };

	check_tmpdir();
	ERR(execv("nothing", argv), ENOENT);
	ERR(execv("", argv), ENOENT);
	ERR(execv("/", argv), EACCES);
	check_write_file("plain", "#!/bin/true\n");
	ERR(execv("plain", argv), EACCES);		/* no x bit, root or not */
	ERR(execv("plain/x", argv), ENOTDIR);
	OK(chmod("plain", 0755));
	ERR(execv("plain", argv), ENOENT);		/* the interpreter is missing */
	check_write_file("empty", "");
	OK(chmod("empty", 0755));
	ERR(execv("empty", argv), ENOEXEC);
	check_write_file("text", "hello, world\n");
	OK(chmod("text", 0755));
	ERR(execv("text", argv), ENOEXEC);
	OK(symlink("loop", "loop"));
	ERR(execv("loop", argv), ELOOP);
	ERR(syscall(SYS_execve, BAD_PTR, argv, NULL), EFAULT);
	ERR(syscall(SYS_execve, SELF, BAD_PTR, NULL), EFAULT);
	ERR(syscall(SYS_execve, SELF, argv, BAD_PTR), EFAULT);
	argv[0] = BAD_PTR;
	ERR(syscall(SYS_execve, SELF, argv, NULL), EFAULT);
	OK(mkfifo("fifo", 0755));
	argv[0] = "x";
	ERR(execv("fifo", argv), EACCES);
}

TEST(empty_argv)
{
	/* Linux gives an empty argv[0] to a program started with none */
	CHILD_OK(
		char *none[] = { NULL };

		syscall(SYS_execve, "/proc/self/exe", none, none);
		_exit(0);
	);
}

TEST(argument_limits)
{
	size_t len = 200000;
	char *big = check_anon(len + 1), *argv[] = { "x", big, NULL };
	char **many = check_anon(3000000 * sizeof *many);

	memset(big, 'a', len);
	ERR(execv(SELF, argv), E2BIG);		/* one string: at most 128 KiB */
	for (int i = 0; i < 2999999; i++)
		many[i] = "y";
	ERR(execv(SELF, many), E2BIG);
	OK(pipe(reply_fd));
	pid_t pid = SPAWN(
		static char *argv2[1002];

		big[100] = 0;
		argv2[0] = "=args";
		for (int i = 1; i < 1001; i++)
			argv2[i] = big;
		execve(SELF, argv2, (char *[]){ out_env(), NULL });
		_exit(100);
	);
	read_reply();
	check_wait(pid);
	CHECK_EQ(atoi(reply), 1001);
}

static void copy_self(const char *to, size_t limit)
{
	int in = OK(open(SELF, O_RDONLY)), out = OK(open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755));
	char buf[PAGE];
	ssize_t n;

	while (limit && (n = read(in, buf, limit < sizeof buf ? limit : sizeof buf)) > 0) {
		CHECK_EQ(write(out, buf, n), n);
		limit -= n;
	}
	close(in);
	close(out);
}

/* The interpreter's argv[0] is the path of the #! line, so that path has to be an inside's name. */
TEST(script)
{
	pid_t pid;

	check_tmpdir();
	copy_self("=args", -1UL);
	check_write_file("script", "#! =args  opt with spaces \necho\n");
	OK(chmod("script", 0755));
	OK(pipe(reply_fd));
	pid = SPAWN(
		execve("./script", (char *[]){ "zero", "one", NULL },
		       (char *[]){ out_env(), NULL });
		_exit(errno);
	);
	read_reply();
	CHECK_EQ(check_wait(pid), 0);
	CHECK_STR(reply, "4 [opt with spaces] [./script] [one] env");
}

TEST(script_nesting)
{
	char name[16], text[64];

	check_tmpdir();
	for (int i = 0; i < 10; i++) {
		snprintf(name, sizeof name, "s%d", i);
		snprintf(text, sizeof text, "#!./s%d\n", i + 1);
		check_write_file(name, text);
		OK(chmod(name, 0755));
	}
	copy_self("s10", -1UL);
	ERR(execv("./s0", (char *[]){ "s0", NULL }), ELOOP);
	check_write_file("self", "#!./self\n");
	OK(chmod("self", 0755));
	ERR(execv("./self", (char *[]){ "self", NULL }), ELOOP);
	check_write_file("none", "#!\n");
	OK(chmod("none", 0755));
	ERR(execv("./none", (char *[]){ "none", NULL }), ENOEXEC);
}

/* An ELF header that is wrong in one way must be refused with ENOEXEC, never run or crash. */
static void bad_elf(const char *what, size_t off, const void *bytes, size_t len)
{
	int fd;

	copy_self("bad", -1UL);
	fd = OK(open("bad", O_WRONLY));
	CHECK_EQ(pwrite(fd, bytes, len, off), len);
	close(fd);
	errno = 0;
	execv("./bad", (char *[]){ "bad", NULL });
	if (errno != ENOEXEC)
		FAIL("%s: %s, not ENOEXEC", what, strerror(errno));
}

TEST(bad_elf_headers)
{
	uint16_t machine = EM_X86_64, type = ET_REL, phentsize = 32, phnum = 0;

	check_tmpdir();
	bad_elf("magic", 0, "\177ELG", 4);
	bad_elf("machine", offsetof(Elf64_Ehdr, e_machine), &machine, 2);
	bad_elf("type", offsetof(Elf64_Ehdr, e_type), &type, 2);
	bad_elf("phentsize", offsetof(Elf64_Ehdr, e_phentsize), &phentsize, 2);
	bad_elf("phnum", offsetof(Elf64_Ehdr, e_phnum), &phnum, 2);
}

TEST(truncated_elf)
{
	static const size_t sizes[] = { 1, 4, 16, 63, 64, 100, 200 };

	check_tmpdir();
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		copy_self("cut", sizes[i]);
		int st = IN_CHILD(
			execv("./cut", (char *[]){ "cut", NULL });
			_exit(errno == ENOEXEC || errno == EIO ? 55 : errno);
		);
		if (st != 55 << 8)
			FAIL("%zu bytes: wait status %#x", sizes[i], st);
	}
	/* cut in the middle of a segment: loads, then dies of SIGBUS or SIGSEGV */
	copy_self("cut", 8192);
	int st = IN_CHILD(
		execv("./cut", (char *[]){ "cut", "-l", NULL });
		_exit(55);
	);
	CHECK(WIFSIGNALED(st) || st == 55 << 8);
}

/* Writes an ELF with one program header that the caller made. */
static int run_phdr(Elf64_Phdr ph, uint64_t entry, uint16_t type)
{
	struct { Elf64_Ehdr eh; Elf64_Phdr ph; } f = {
		.eh = {
			.e_ident = { 0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT },
			.e_type = type, .e_machine = EM_AARCH64, .e_version = EV_CURRENT,
			.e_entry = entry, .e_phoff = sizeof(Elf64_Ehdr),
			.e_ehsize = sizeof(Elf64_Ehdr), .e_phentsize = sizeof(Elf64_Phdr),
			.e_phnum = 1,
		},
		.ph = ph,
	};
	/* exit(42) */
	static const uint32_t code[] = { 0xd2800548, 0xd2800ba8, 0xd2800540, 0xd4000001 };
	int fd = OK(open("tiny", O_WRONLY | O_CREAT | O_TRUNC, 0755)), st;

	CHECK_EQ(write(fd, &f, sizeof f), (long)sizeof f);
	CHECK_EQ(pwrite(fd, code, sizeof code, 256), (long)sizeof code);
	OK(ftruncate(fd, 8192));
	close(fd);
	st = IN_CHILD(execv("./tiny", (char *[]){ "tiny", NULL }); _exit(100 + (errno & 63)););
	return st;
}

TEST(tiny_elf)
{
	Elf64_Phdr ok = { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000,
			  .p_filesz = 512, .p_memsz = 512, .p_align = 4096 };

	check_tmpdir();
	CHECK_EQ(run_phdr(ok, 0x400100, ET_EXEC), 42 << 8);
	ok.p_vaddr = 0;
	CHECK_EQ(run_phdr(ok, 0x100, ET_DYN), 42 << 8);		/* static PIE */
}

TEST(hostile_phdrs)
{
	Elf64_Phdr base = { .p_type = PT_LOAD, .p_flags = PF_R | PF_X, .p_vaddr = 0x400000,
			    .p_filesz = 512, .p_memsz = 512, .p_align = 4096 }, ph;
	int st;

	check_tmpdir();
	ph = base;
	ph.p_vaddr = 0xffff000000000000;
	st = run_phdr(ph, 0x400100, ET_EXEC);
	CHECK_NE(st, 42 << 8);
	CHECK_NE(st, 0);
	ph = base;
	ph.p_memsz = -1UL;
	st = run_phdr(ph, 0x400100, ET_EXEC);
	CHECK_NE(st, 0);
	ph = base;
	ph.p_memsz = 16;		/* less than filesz */
	st = run_phdr(ph, 0x400100, ET_EXEC);
	CHECK_NE(st, 42 << 8);
	ph = base;
	ph.p_offset = 1;		/* not congruent with vaddr */
	st = run_phdr(ph, 0x400100, ET_EXEC);
	CHECK_NE(st, 42 << 8);
	ph = base;
	ph.p_vaddr = 0x7ffffffff000;
	ph.p_memsz = 1UL << 47;
	st = run_phdr(ph, 0x400100, ET_EXEC);
	CHECK_NE(st, 42 << 8);
	ph = base;
	ph.p_type = PT_INTERP;		/* garbage as a path */
	st = run_phdr(ph, 0x400100, ET_EXEC);
	CHECK_NE(st, 42 << 8);
	st = run_phdr(base, 0x900000, ET_EXEC);		/* the entry is nowhere */
	CHECK_EQ(st, SIGSEGV);
	ph = base;
	ph.p_flags = PF_R;		/* the entry is not executable */
	st = run_phdr(ph, 0x400100, ET_EXEC);
	CHECK_EQ(st, SIGSEGV);
}

TEST(execveat_calls)
{
	int fd, dir;

	check_tmpdir();
	copy_self("prog", -1UL);
	dir = OK(open(".", O_RDONLY | O_DIRECTORY));
	fd = OK(open("prog", O_PATH | O_CLOEXEC));
	CHILD_OK(
		syscall(SYS_execveat, dir, "prog", (char *[]){ "=none", NULL },
			(char *[]){ NULL }, 0);
		_exit(1);
	);
	CHILD_OK(
		syscall(SYS_execveat, fd, "", (char *[]){ "=none", NULL },
			(char *[]){ NULL }, AT_EMPTY_PATH);
		_exit(1);
	);
	ERR(syscall(SYS_execveat, fd, "", (char *[]){ "x", NULL }, NULL, 0), ENOENT);
	ERR(syscall(SYS_execveat, 999, "prog", (char *[]){ "x", NULL }, NULL, 0), EBADF);
	ERR(syscall(SYS_execveat, dir, "prog", (char *[]){ "x", NULL }, NULL, 0x40000000), EINVAL);
	OK(symlink("prog", "link"));
	ERR(syscall(SYS_execveat, dir, "link", (char *[]){ "x", NULL }, NULL,
		    AT_SYMLINK_NOFOLLOW), ELOOP);
}

TEST(text_busy)
{
	int fd;

	check_tmpdir();
	copy_self("prog", -1UL);
	fd = OK(open("prog", O_RDWR));
	ERR(execv("./prog", (char *[]){ "x", NULL }), ETXTBSY);
	close(fd);
	ERR(open(SELF, O_RDWR), ETXTBSY);
}

TEST(exec_unlinked_runs)
{
	check_tmpdir();
	CHILD_OK(
		copy_self("prog", -1UL);
		int fd = OK(open("prog", O_RDONLY));
		OK(unlink("prog"));
		fexecve(fd, (char *[]){ "=none", NULL }, (char *[]){ NULL });
		_exit(1);
	);
}

TEST(setuid_exec)
{
	struct stat st;
	char want[64];

	check_tmpdir();
	copy_self("suid", -1UL);
	OK(chown("suid", 1234, 2345));
	OK(chmod("suid", 06755));
	OK(stat("suid", &st));
	CHECK_EQ(st.st_mode & 07777, 06755);
	OK(pipe(reply_fd));
	pid_t pid = SPAWN(
		check_become(500, 500);
		execve("./suid", (char *[]){ "=auxv", NULL }, (char *[]){ out_env(), NULL });
		_exit(100);
	);
	read_reply();
	CHECK_EQ(check_wait(pid), 0);
	snprintf(want, sizeof want, "secure 1 uid 500,1234 gid 500,2345");
	CHECK(strstr(reply, want));
}
