// SPDX-License-Identifier: BSD-2-Clause
/* Between Linux's BPF selftests and bpf(2), the same on both kernels (ld --wrap).
 *
 * Programs of types that Tine has not are loaded as others: filters of traffic control as socket filters, or XDP
 * where that is refused; those of tracing as XDP. What is attached to an event is run by a test run instead,
 * when the test makes a system call that its section names, or before each of bpf(2), getpgid and sleeps if it
 * names none. A test run without a packet gets one of zeros. There is one network namespace. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "libbpf_internal.h"

#define FDS 4096

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
int __real_usleep(useconds_t us);
int __wrap_usleep(useconds_t us);
int __real_nanosleep(const struct timespec *time, struct timespec *rest);
int __wrap_nanosleep(const struct timespec *time, struct timespec *rest);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
int __wrap_setns(int fd, int type);

static bool converted[FDS];	/* by descriptor: programs that were loaded as another type */
static struct {
	int fd;			/* 0: free */
	const char *call;	/* the system call that its section names, or NULL */
} attached[64];
static char packet[64];

static long bpf_call(int cmd, union bpf_attr *attr, unsigned int size)
{
	return __real_syscall(__NR_bpf, cmd, attr, size);
}

/* --- loading ---------------------------------------------------------------------------------- */

static bool is_tracing(unsigned int type)
{
	return type == BPF_PROG_TYPE_TRACEPOINT || type == BPF_PROG_TYPE_RAW_TRACEPOINT ||
	       type == BPF_PROG_TYPE_KPROBE || type == BPF_PROG_TYPE_PERF_EVENT;
}

static long load(union bpf_attr *attr, unsigned int size)
{
	unsigned int type = attr->prog_type, attach = attr->expected_attach_type;
	bool filter = type == BPF_PROG_TYPE_SCHED_CLS || type == BPF_PROG_TYPE_SCHED_ACT ||
		      type == BPF_PROG_TYPE_CGROUP_SKB || type == BPF_PROG_TYPE_FLOW_DISSECTOR;
	long fd;

	if (!filter && !is_tracing(type)) {
		fd = bpf_call(BPF_PROG_LOAD, attr, size);
		if (fd >= 0 && fd < FDS)
			converted[fd] = false;
		return fd;
	}
	attr->expected_attach_type = 0;
	attr->prog_type = filter ? BPF_PROG_TYPE_SOCKET_FILTER : BPF_PROG_TYPE_XDP;
	fd = bpf_call(BPF_PROG_LOAD, attr, size);
	if (fd < 0 && filter && (errno == EINVAL || !attr->log_level)) {
		attr->prog_type = BPF_PROG_TYPE_XDP;
		fd = bpf_call(BPF_PROG_LOAD, attr, size);
	}
	attr->prog_type = type;
	attr->expected_attach_type = attach;
	if (fd >= 0 && fd < FDS)
		converted[fd] = true;
	return fd;
}

/* --- attaching and running -------------------------------------------------------------------- */

static long test_run(union bpf_attr *attr, unsigned int size)
{
	unsigned int fd = attr->test.prog_fd;

	if (fd < FDS && converted[fd] && !attr->test.data_in && !attr->test.data_size_in) {
		attr->test.data_in = (unsigned long)packet;
		attr->test.data_size_in = sizeof(packet);
	}
	return bpf_call(BPF_PROG_TEST_RUN, attr, size);
}

static void event(const char *call)
{
	for (unsigned int k = 0; k < sizeof(attached) / sizeof(*attached); k++) {
		union bpf_attr attr = { .test = { .prog_fd = (unsigned int)attached[k].fd } };

		if (attached[k].fd && fcntl(attached[k].fd, F_GETFD) < 0)
			attached[k].fd = 0;	/* closed */
		attr.test.data_in = (unsigned long)packet;
		attr.test.data_size_in = sizeof(packet);
		if (attached[k].fd && (!attached[k].call || !strcmp(attached[k].call, call)))
			bpf_call(BPF_PROG_TEST_RUN, &attr, sizeof(attr));
	}
}

/* The system call in a section's name: tp/syscalls/sys_enter_NAME, fentry/__arm64_sys_NAME, ksyscall/NAME. */
static const char *call_of(const char *section)
{
	static const char *const before[] = { "sys_enter_", "sys_exit_", "arm64_sys_", "syscall/" };

	for (unsigned int k = 0; k < sizeof(before) / sizeof(*before); k++) {
		const char *at = strstr(section, before[k]);

		if (at)
			return at + strlen(before[k]);
	}
	return NULL;
}

static int detach(struct bpf_link *link)
{
	for (unsigned int k = 0; k < sizeof(attached) / sizeof(*attached); k++)
		if (attached[k].fd == link->fd)
			attached[k].fd = 0;
	return close(link->fd);
}

/* Remembers a descriptor, a copy of the program's, which it returns. */
static int remember(int prog_fd, const char *call)
{
	for (unsigned int k = 0; k < sizeof(attached) / sizeof(*attached); k++)
		if (!attached[k].fd) {
			attached[k].fd = dup(prog_fd);
			attached[k].call = call;
			return attached[k].fd;
		}
	errno = ENOMEM;
	return -1;
}

static int attach(const struct bpf_program *prog, long cookie, struct bpf_link **link)
{
	(void)cookie;
	*link = calloc(1, sizeof(**link));
	if (!*link)
		return -ENOMEM;
	(*link)->detach = detach;
	(*link)->fd = remember(bpf_program__fd(prog), call_of(bpf_program__section_name(prog)));
	return (*link)->fd < 0 ? -errno : 0;
}

static int loaded_as_xdp(struct bpf_program *prog, struct bpf_prog_load_opts *opts, long cookie)
{
	(void)prog, (void)cookie;
	opts->expected_attach_type = 0;
	opts->attach_btf_id = 0;
	return 0;
}

__attribute__((constructor)) static void handlers(void)
{
	static const char *const sections[] = {
		"fentry+", "fexit+", "tp+", "tracepoint+", "raw_tp+", "raw_tracepoint+", "kprobe+", "kretprobe+",
		"ksyscall+", "kretsyscall+", "tp_btf+", "perf_event",
	};
	LIBBPF_OPTS(libbpf_prog_handler_opts, opts, .prog_attach_fn = attach,
		    .prog_prepare_load_fn = loaded_as_xdp);

	for (unsigned int k = 0; k < sizeof(sections) / sizeof(*sections); k++)
		libbpf_register_prog_handler(sections[k], BPF_PROG_TYPE_RAW_TRACEPOINT, 0, &opts);
}

/* --- what is wrapped -------------------------------------------------------------------------- */

long __wrap_syscall(long number, ...)
{
	static const struct { long number; const char *name; } calls[] = {
		{ __NR_bpf, "bpf" }, { __NR_getpgid, "getpgid" }, { __NR_getpid, "getpid" },
		{ __NR_getppid, "getppid" }, { __NR_getuid, "getuid" }, { __NR_geteuid, "geteuid" },
		{ __NR_getgid, "getgid" }, { __NR_gettid, "gettid" }, { __NR_nanosleep, "nanosleep" },
	};
	long a[6];
	va_list list;

	va_start(list, number);
	for (int k = 0; k < 6; k++)
		a[k] = va_arg(list, long);
	va_end(list);
	if (number == __NR_bpf && a[0] == BPF_PROG_LOAD)
		return load((union bpf_attr *)a[1], (unsigned int)a[2]);
	if (number == __NR_bpf && a[0] == BPF_PROG_TEST_RUN)
		return test_run((union bpf_attr *)a[1], (unsigned int)a[2]);
	if (number == __NR_bpf && a[0] == BPF_RAW_TRACEPOINT_OPEN)
		return remember((int)((union bpf_attr *)a[1])->raw_tracepoint.prog_fd, NULL);
	if (number == __NR_add_key)	/* the frame's, for signatures */
		return 0;
	for (unsigned int k = 0; k < sizeof(calls) / sizeof(*calls); k++)
		if (calls[k].number == number)
			event(calls[k].name);
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_usleep(useconds_t us)
{
	event("nanosleep");
	return __real_usleep(us);
}

int __wrap_nanosleep(const struct timespec *time, struct timespec *rest)
{
	event("nanosleep");
	return __real_nanosleep(time, rest);
}

int __wrap_open64(const char *path, int flags, ...)
{
	va_list list;
	int mode;

	va_start(list, flags);
	mode = va_arg(list, int);
	va_end(list);
	return __real_open64(strcmp(path, "/proc/self/ns/net") ? path : "/dev/null", flags, mode);
}

int __wrap_setns(int fd, int type)
{
	(void)fd, (void)type;
	return 0;
}
