/* SPDX-License-Identifier: BSD-2-Clause */
/* bpf(2) for the tests: one function per command that several of them use. */
#ifndef TESTS_BPF_H
#define TESTS_BPF_H
#include "check.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

#define U64(p) ((uint64_t)(uintptr_t)(p))

static inline long bpf(int cmd, union bpf_attr *a)
{
	return syscall(__NR_bpf, cmd, a, sizeof(*a));
}

static inline int map_create_flags(uint32_t type, uint32_t key, uint32_t value, uint32_t max,
				   uint32_t flags)
{
	union bpf_attr a = {.map_type = type,
			    .key_size = key,
			    .value_size = value,
			    .max_entries = max,
			    .map_flags = flags,
			    .map_name = "test"};

	return (int)bpf(BPF_MAP_CREATE, &a);
}
static inline int map_create(uint32_t type, uint32_t key, uint32_t value, uint32_t max)
{
	return (int)OK(map_create_flags(type, key, value, max, 0));
}
static inline long elem(int cmd, int fd, const void *key, const void *value, uint64_t flags)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t)fd;
	a.key = U64(key);
	a.value = U64(value);
	a.flags = flags;
	return bpf(cmd, &a);
}
#define map_lookup(fd, key, value) elem(BPF_MAP_LOOKUP_ELEM, fd, key, value, 0)
#define map_update(fd, key, value, flags) elem(BPF_MAP_UPDATE_ELEM, fd, key, value, flags)
#define map_delete(fd, key) elem(BPF_MAP_DELETE_ELEM, fd, key, NULL, 0)
#define map_next(fd, key, next) elem(BPF_MAP_GET_NEXT_KEY, fd, key, next, 0)
#define map_take(fd, key, value) elem(BPF_MAP_LOOKUP_AND_DELETE_ELEM, fd, key, value, 0)

static inline long obj_info(int fd, void *info, uint32_t *len)
{
	union bpf_attr a;
	long r;

	memset(&a, 0, sizeof(a));
	a.info.bpf_fd = (uint32_t)fd;
	a.info.info_len = *len;
	a.info.info = U64(info);
	r = bpf(BPF_OBJ_GET_INFO_BY_FD, &a);
	*len = a.info.info_len;
	return r;
}

static inline int cpus(void)
{
	char buf[64];
	int last = 0;

	check_read_file("/sys/devices/system/cpu/possible", buf, sizeof(buf));
	if (sscanf(buf, "0-%d", &last) != 1)
		last = 0;
	return last + 1;
}

/* --- programs --------------------------------------------------------------------------------- */

static char bpf_log_text[65536] __attribute__((unused));

/* For PROG_LOAD: what every program needs. */
static inline union bpf_attr prog_attr(uint32_t type, const struct bpf_insn *insns, size_t n)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.prog_type = type;
	a.insns = U64(insns);
	a.insn_cnt = (uint32_t)n;
	a.license = U64("GPL");
	return a;
}
/* And a log in bpf_log_text. */
static inline void prog_attr_log(union bpf_attr *a)
{
	a->log_level = 1;
	a->log_buf = U64(bpf_log_text);
	a->log_size = sizeof(bpf_log_text);
	bpf_log_text[0] = 0;
}
/* And where its functions begin, with their types in btf. */
static inline void prog_attr_funcs(union bpf_attr *a, int btf, const struct bpf_func_info *f,
				   uint32_t n)
{
	a->prog_btf_fd = (uint32_t)btf;
	a->func_info = U64(f);
	a->func_info_cnt = n;
	a->func_info_rec_size = sizeof(*f);
}

/* And which lines of source they come from, records of size bytes. */
static inline void prog_attr_lines(union bpf_attr *a, const void *lines, uint32_t n, uint32_t size)
{
	a->line_info = U64(lines);
	a->line_info_cnt = n;
	a->line_info_rec_size = size;
}

static inline int prog_load_flags(uint32_t type, const struct bpf_insn *insns, size_t n,
				  uint32_t flags)
{
	union bpf_attr a = prog_attr(type, insns, n);

	prog_attr_log(&a);
	a.prog_flags = flags;
	memcpy(a.prog_name, "test_prog", 10);
	return (int)bpf(BPF_PROG_LOAD, &a);
}
#define prog_load(type, insns)								\
	({										\
		int fd_ = prog_load_flags(type, insns, sizeof(insns) / sizeof(*(insns)), 0);	\
		if (fd_ < 0)								\
			FAIL("load: %s\n%s", strerror(errno), bpf_log_text);		\
		fd_;									\
	})

/* Instructions that the verifier left of it. */
static inline uint32_t prog_insns(int fd)
{
	struct bpf_prog_info info;
	uint32_t len = sizeof(info);

	memset(&info, 0, sizeof(info));
	OK(obj_info(fd, &info, &len));
	return info.xlated_prog_len / 8;
}

/* r0 of a run on len bytes of data. */
static inline uint32_t prog_run_data(int fd, const void *data, uint32_t len)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.data_in = U64(data);
	a.test.data_size_in = len;
	a.test.repeat = 1;
	OK(bpf(BPF_PROG_TEST_RUN, &a));
	return a.test.retval;
}
static inline uint32_t prog_run(int fd)
{
	static const char packet[64];

	return prog_run_data(fd, packet, sizeof(packet));
}

/* r0 of a run on a context of len bytes, which the program may change. */
static inline uint32_t prog_run_ctx(int fd, void *ctx, uint32_t len)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.ctx_in = U64(ctx);
	a.test.ctx_size_in = len;
	OK(bpf(BPF_PROG_TEST_RUN, &a));
	return a.test.retval;
}

#define INSN(c, d, s, o, i)                                                                        \
	((struct bpf_insn){.code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i)})
#define MOV64_IMM(d, i) INSN(BPF_ALU64 | BPF_MOV | BPF_K, d, 0, 0, i)
#define MOV64_REG(d, s) INSN(BPF_ALU64 | BPF_MOV | BPF_X, d, s, 0, 0)
#define ALU64_IMM(op, d, i) INSN(BPF_ALU64 | (op) | BPF_K, d, 0, 0, i)
#define ALU64_REG(op, d, s) INSN(BPF_ALU64 | (op) | BPF_X, d, s, 0, 0)
#define LDX(size, d, s, o) INSN(BPF_LDX | BPF_MEM | (size), d, s, o, 0)
#define STX(size, d, s, o) INSN(BPF_STX | BPF_MEM | (size), d, s, o, 0)
#define ST(size, d, o, i) INSN(BPF_ST | BPF_MEM | (size), d, 0, o, i)
#define JMP_IMM(op, d, i, o) INSN(BPF_JMP | (op) | BPF_K, d, 0, o, i)
#define JMP_REG(op, d, s, o) INSN(BPF_JMP | (op) | BPF_X, d, s, o, 0)
#define JA(o) INSN(BPF_JMP | BPF_JA, 0, 0, o, 0)
#define CALL(f) INSN(BPF_JMP | BPF_CALL, 0, 0, 0, f)
#define CALL_LOCAL(i) INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, i)
#define EXIT() INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0)
#define LD_MAP(d, fd)                                                                              \
	INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_FD, 0, fd), INSN(0, 0, 0, 0, 0)
#define LD_MAP_VALUE(d, fd, off) \
	INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_MAP_VALUE, 0, fd), INSN(0, 0, 0, 0, off)
#define LD_FUNC(d, i) INSN(BPF_LD | BPF_IMM | BPF_DW, d, BPF_PSEUDO_FUNC, 0, i), INSN(0, 0, 0, 0, 0)
/* Instructions behind the n that are in code. */
#define APPEND(code, n, ...)								\
	do {										\
		struct bpf_insn i_[] = { __VA_ARGS__ };					\
		memcpy((code) + (n), i_, sizeof(i_));					\
		(n) += (int)(sizeof(i_) / sizeof(*i_));					\
	} while (0)

/* Of a packet of 64 zeros, `repeat` times: what the last run returned. *ok: the kernel has done it. */
static inline uint32_t run_often(int fd, uint32_t repeat, bool *ok)
{
	static const char packet[64];
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.data_in = U64(packet);
	a.test.data_size_in = sizeof(packet);
	a.test.repeat = repeat;
	*ok = !bpf(BPF_PROG_TEST_RUN, &a);
	return a.test.retval;
}

#endif
