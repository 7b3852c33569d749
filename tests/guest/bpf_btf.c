/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_BTF_LOAD: what is let pass, what is refused with which errno, and what the log says. */
#include "check.h"
#include "btf.h"
#include "../bpf/btf_cases.h"

#include <fcntl.h>
#include <linux/bpf.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static char text[16384];

static int load(const void *data, uint32_t size, uint32_t level)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf = (uintptr_t)data;
	a.btf_size = size;
	a.btf_log_buf = level ? (uintptr_t)text : 0;
	a.btf_log_size = level ? sizeof(text) : 0;
	a.btf_log_level = level;
	text[0] = 0;
	return (int)syscall(SYS_bpf, BPF_BTF_LOAD, &a, sizeof(a));
}

TEST(load)
{
	uint8_t blob[4096];
	int wrong = 0;

	for (size_t k = 0; k < sizeof(btf_cases) / sizeof(btf_cases[0]); k++) {
		const struct btf_case *c = &btf_cases[k];
		uint32_t size = btf_case_blob(c, blob, sizeof(blob));
		int fd, err, quiet;

		fd = load(blob, size, 0);
		quiet = fd < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
		fd = load(blob, size, 1);
		err = fd < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
		if (err == c->err && quiet == c->err && strstr(text, c->why))
			continue;
		wrong++;
		printf("# %s: %d, quietly %d, not %d; the log should have: %s\n%s\n", c->name, err,
		       quiet, c->err, c->why, text);
	}
	if (wrong)
		FAIL("%d cases", wrong);
}

/* --- types of maps ---------------------------------------------------------------------------- */
enum { T_INT = 1, T_LOCK, T_LOCKED, T_CONST, T_DEEP, T_ONE, T_TWO, T_UNION, T_LONG, T_PAIR, T_IN_ONE, T_CONST_IN,
       T_TIMER, T_IN_TIMER, T_PLAIN_TIMER, T_OVER };
static const struct btf_case values = { "", WORDS(
	INT32(NAME('i')),							/* 1 */
	STRUCT(NAME_LOCK, 1, 4), MEMBER(NAME('v'), 1, 0),			/* 2 */
	STRUCT(NAME('a'), 2, 8), MEMBER(NAME('a'), 1, 0), MEMBER(NAME('b'), 2, 32), /* 3 */
	MODIFIER(BTF_KIND_CONST, 2),						/* 4 */
	STRUCT(NAME('c'), 1, 8), MEMBER(NAME('a'), 3, 0),			/* 5 */
	ARRAY(2, 1, 1),								/* 6 */
	STRUCT(NAME('d'), 2, 16), MEMBER(NAME('a'), 3, 0), MEMBER(NAME('b'), 3, 64), /* 7 */
	UNION(NAME('e'), 2, 8), MEMBER(NAME('a'), 1, 0), MEMBER(NAME('b'), 2, 0), /* 8 */
	INT_OF(NAME('l'), 8, 64),						/* 9 */
	STRUCT(NAME('f'), 2, 8), MEMBER(NAME('a'), 1, 0), MEMBER(NAME('b'), 1, 32), /* 10 */
	STRUCT(NAME('g'), 2, 8), MEMBER(NAME('a'), 6, 0), MEMBER(NAME('b'), 1, 32), /* 11 */
	STRUCT(NAME('h'), 2, 8), MEMBER(NAME('a'), 4, 0), MEMBER(NAME('b'), 1, 32), /* 12 */
	STRUCT(NAME_TIMER, 1, 16), MEMBER(NAME('v'), 2, 64),			/* 13: with a lock */
	STRUCT(NAME('j'), 2, 24), MEMBER(NAME('a'), 13, 0), MEMBER(NAME('b'), 9, 128), /* 14 */
	STRUCT(NAME_TIMER, 0, 16),						/* 15 */
	STRUCT(NAME('k'), 2, 16), MEMBER(NAME('a'), 15, 0), MEMBER(NAME('b'), 2, 32)), /* 16: one in the other */
	0, "" };

static int map(int btf, uint32_t type, uint32_t key, uint32_t key_size, uint32_t value, uint32_t value_size)
{
	union bpf_attr a;
	int fd;

	memset(&a, 0, sizeof(a));
	a.map_type = type;
	a.key_size = key_size;
	a.value_size = value_size;
	a.max_entries = 4;
	a.map_flags = type == BPF_MAP_TYPE_LPM_TRIE ? BPF_F_NO_PREALLOC : 0;
	a.btf_fd = (uint32_t)btf;
	a.btf_key_type_id = key;
	a.btf_value_type_id = value;
	fd = (int)syscall(SYS_bpf, BPF_MAP_CREATE, &a, sizeof(a));
	return fd < 0 ? -errno : fd;
}

static bool set(int fd, uint64_t flags)
{
	char value[64] = { 0 };
	uint32_t key = 0;
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.map_fd = (uint32_t)fd;
	a.key = (uintptr_t)&key;
	a.value = (uintptr_t)value;
	a.flags = flags;
	return !syscall(SYS_bpf, BPF_MAP_UPDATE_ELEM, &a, sizeof(a));
}

/* Has the map a lock, as far as BPF_F_LOCK tells? */
static bool has_lock(int fd) { return set(fd, BPF_F_LOCK); }

TEST(map_types)
{
	static const struct {
		uint32_t type, key, key_size, value, value_size;
		int err;
		bool lock;
	} cases[] = {
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_INT, 4, 0, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_LONG, 4, EINVAL, false },
		{ BPF_MAP_TYPE_ARRAY, T_LOCK, 4, T_INT, 4, EINVAL, false },
		{ BPF_MAP_TYPE_ARRAY, 0, 4, T_INT, 4, EINVAL, false },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, T_LOCK, 4, T_INT, 4, EINVAL, false },
		{ BPF_MAP_TYPE_HASH, T_LOCK, 4, T_INT, 4, 0, false },
		{ BPF_MAP_TYPE_HASH, T_LONG, 4, T_INT, 4, EINVAL, false },
		{ BPF_MAP_TYPE_HASH, T_LONG, 8, T_LONG, 8, 0, false },
		{ BPF_MAP_TYPE_HASH, 77, 8, T_LONG, 8, EINVAL, false },
		{ BPF_MAP_TYPE_HASH, T_LONG, 8, 77, 8, EINVAL, false },
		{ BPF_MAP_TYPE_LPM_TRIE, T_LONG, 8, T_LONG, 8, EINVAL, false },
		{ BPF_MAP_TYPE_LPM_TRIE, T_PAIR, 8, T_LONG, 8, 0, false },
		{ BPF_MAP_TYPE_QUEUE, 0, 0, T_LONG, 8, EINVAL, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_LOCK, 4, 0, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_LOCKED, 8, 0, true },
		{ BPF_MAP_TYPE_HASH, T_INT, 4, T_LOCKED, 8, 0, true },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, T_INT, 4, T_LOCKED, 8, EOPNOTSUPP, false },
		{ BPF_MAP_TYPE_LRU_HASH, T_INT, 4, T_LOCKED, 8, EOPNOTSUPP, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_DEEP, 8, 0, true },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_ONE, 4, 0, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_TWO, 16, 0, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_UNION, 8, 0, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_IN_ONE, 8, 0, true },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_CONST_IN, 8, 0, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_TIMER, 16, 0, true },	/* it is none, as a value */
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_IN_TIMER, 24, 0, false },
		{ BPF_MAP_TYPE_HASH, T_INT, 4, T_IN_TIMER, 24, 0, false },
		{ BPF_MAP_TYPE_ARRAY, T_INT, 4, T_OVER, 16, 0, false },
	};
	uint8_t blob[4096];
	int btf = load(blob, btf_case_blob(&values, blob, sizeof(blob)), 0), wrong = 0;

	OK(btf);
	for (size_t k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
		int fd = map(btf, cases[k].type, cases[k].key, cases[k].key_size, cases[k].value,
			     cases[k].value_size);
		bool lock = fd >= 0 && has_lock(fd), there = fd >= 0 && set(fd, 0);

		if ((fd < 0 ? -fd : 0) != cases[k].err || lock != cases[k].lock ||
		    there != (fd >= 0)) {
			printf("# map %zu: %d, not %d; lock %d\n", k, fd < 0 ? -fd : 0, cases[k].err, lock);
			wrong++;
		}
		if (fd >= 0)
			close(fd);
	}
	if (wrong)
		FAIL("%d cases", wrong);
}

/* --- the kernel's own ------------------------------------------------------------------------- */
static const char vmlinux[] = "/sys/kernel/btf/vmlinux";

static char *read_all(int fd, size_t *size)
{
	struct stat st;
	char *data;
	size_t done = 0;

	OK(fstat(fd, &st));
	CHECK(S_ISREG(st.st_mode) && (st.st_mode & 07777) == 0444);
	*size = (size_t)st.st_size;
	CHECK(*size > 10000);
	data = malloc(*size + 1);
	while (done <= *size) {
		ssize_t n = read(fd, data + done, *size + 1 - done);

		CHECK(n >= 0);
		if (!n)
			break;
		done += (size_t)n;
	}
	CHECK_EQ(done, *size);
	CHECK_EQ(lseek(fd, 0, SEEK_END), (off_t)*size);
	CHECK_EQ(pread(fd, data, 8, (off_t)*size - 4), 4);
	CHECK_EQ(pread(fd, data, 8, (off_t)*size), 0);
	CHECK_EQ(pread(fd, data, 8, 0), 8);
	return data;
}

TEST(of_the_kernel)
{
	int fd = (int)OK(open(vmlinux, O_RDONLY));
	size_t size, pages;
	char *data = read_all(fd, &size), *map;
	struct btf_header h;

	memcpy(&h, data, sizeof(h));
	CHECK_EQ(h.magic, BTF_MAGIC);
	CHECK_EQ(h.version, BTF_VERSION);
	pages = (size + PAGE - 1) & ~(PAGE - 1);
	map = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
	CHECK(map != MAP_FAILED);
	CHECK(!memcmp(map, data, size));
	for (size_t k = size; k < pages; k++)
		CHECK_EQ(map[k], 0);
	ERR(mprotect(map, PAGE, PROT_READ | PROT_WRITE), EACCES);
	ERR(mprotect(map, PAGE, PROT_READ | PROT_EXEC), EACCES);
	OK(munmap(map, size));
	CHECK(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) == MAP_FAILED);
	CHECK(mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EACCES);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, PAGE) == MAP_FAILED && errno == EINVAL);
	CHECK(mmap(NULL, pages + PAGE, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EINVAL);
	close(fd);
}

/* What the kernel says of itself passes as what a program says of itself. */
TEST(of_the_kernel_is_good)
{
	int fd = (int)OK(open(vmlinux, O_RDONLY)), btf;
	size_t size;
	char *data = read_all(fd, &size);

	btf = load(data, (uint32_t)size, 0);
	if (btf < 0 && load(data, (uint32_t)size, 1) < 0)
		FAIL("%s: %s", strerror(errno), text + (strlen(text) > 500 ? strlen(text) - 500 : 0));
	close(btf);
}

/* Who asks for a function by its name gets the one that is described: no two have it. */
TEST(functions_of_the_kernel_have_names_of_their_own)
{
	static char symbols[1 << 20];
	int fd = (int)OK(open(vmlinux, O_RDONLY)), k = (int)OK(open("/proc/kallsyms", O_RDONLY));
	size_t size, n = 0, at = 0;
	char *data = read_all(fd, &size), *types;
	struct btf_header h;
	uint32_t functions = 0;

	if (!check_on_tine())
		SKIP("Linux's symbols are too many");
	for (ssize_t part; (part = read(k, symbols + n, sizeof(symbols) - 1 - n)) > 0;)
		n += (size_t)part;
	CHECK(n < sizeof(symbols) - 1);
	memcpy(&h, data, sizeof(h));
	types = data + h.hdr_len + h.type_off;
	while (at < h.type_len) {
		struct btf_type *t = (struct btf_type *)(types + at);
		const char *name = data + h.hdr_len + h.str_off + t->name_off;
		char want[128], *first;

		at += sizeof(*t) + btf_behind(t);
		if (BTF_INFO_KIND(t->info) != BTF_KIND_FUNC)
			continue;
		functions++;
		snprintf(want, sizeof(want), " %s\n", name);
		first = strstr(symbols, want);
		if (!first)
			FAIL("%s is no symbol", name);
		if (strstr(first + 1, want))
			FAIL("%s is several functions", name);
	}
	CHECK(functions > 500);
	close(k);
	close(fd);
}

/* --- what a global function's types say of its arguments ---------------------------------------- */

#define INSN(c, d, s, o, i) { .code = (c), .dst_reg = (d), .src_reg = (s), .off = (o), .imm = (i) }

/* main gives F an address on its stack, 0 or its context; F reads 4 bytes there. -errno or 0. */
static int call_with(uint32_t tag, uint32_t on, int what)
{
	const struct btf_case types = { "", WORDS(
		INT32(NAME('i')),						/* 1 */
		STRUCT(NAME('s'), 2, 8), MEMBER(NAME('a'), 1, 0), MEMBER(NAME('b'), 1, 32),
		PTR(2), PROTO(1, 0), FUNC(NAME('m'), 0, 4),			/* 3..5 */
		PROTO(1, 2), NAME('p'), 3, NAME('q'), 1, FUNC(NAME('f'), 1, 6),	/* 6, 7 */
		TYPE(tag, BTF_KIND_DECL_TAG, 0, 0, 7), on), 0, "" };
	struct bpf_insn p[] = {
		INSN(BPF_ST | BPF_MEM | BPF_DW, 10, 0, -8, 77),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 3, 1, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 1, 0, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 2, 10, 0, 0),
		INSN(BPF_ALU64 | BPF_ADD | BPF_K, 2, 0, 0, -8),
		INSN(BPF_ALU64 | BPF_MOV | BPF_X, 1, (uint8_t)what, 0, 0),
		INSN(BPF_ALU64 | BPF_MOV | BPF_K, 2, 0, 0, 0),
		INSN(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_CALL, 0, 1),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
		INSN(BPF_LDX | BPF_MEM | BPF_W, 0, 1, 0, 0),
		INSN(BPF_JMP | BPF_EXIT, 0, 0, 0, 0),
	};
	struct bpf_func_info f[] = { { 0, 5 }, { 9, 7 } };
	static uint8_t blob[4096];
	int btf = load(blob, btf_case_blob(&types, blob, sizeof(blob)), 0), fd;
	union bpf_attr a;

	CHECK(btf >= 0);
	memset(&a, 0, sizeof(a));
	a.prog_type = BPF_PROG_TYPE_SOCKET_FILTER;
	a.insns = (uintptr_t)p;
	a.insn_cnt = sizeof(p) / sizeof(*p);
	a.license = (uintptr_t)"GPL";
	a.log_level = 1;
	a.log_buf = (uintptr_t)text;
	a.log_size = sizeof(text);
	a.prog_btf_fd = (uint32_t)btf;
	a.func_info = (uintptr_t)f;
	a.func_info_cnt = 2;
	a.func_info_rec_size = sizeof(*f);
	text[0] = 0;
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &a, sizeof(a));
	if (fd < 0)
		fd = -errno;
	else
		close(fd);
	close(btf);
	return fd < 0 ? fd : 0;
}
enum { ZERO = 1, STACK, CONTEXT };

TEST(tags_of_arguments)
{
	CHECK_EQ(call_with(NAME('a'), 0, STACK), -EACCES);	/* it might be NULL */
	CHECK_EQ(call_with(NAME_ARG_NONNULL, 0, STACK), 0);
	CHECK_EQ(call_with(NAME_ARG_NONNULL, 0, ZERO), -EINVAL);
	CHECK_EQ(call_with(NAME_ARG_NONNULL, 0, CONTEXT), -EINVAL);
	CHECK_EQ(call_with(NAME_ARG_NONNULL, 1, STACK), -EINVAL);
	CHECK(strstr(text, "arg#1 has pointer tag, but is not a pointer type"));
	CHECK_EQ(call_with(NAME_ARG_ODD, 0, STACK), -EOPNOTSUPP);
	CHECK(strstr(text, "arg#0 has unsupported set of tags"));
	CHECK_EQ(call_with(NAME_ARG_CTX, 0, STACK), -EINVAL);
}
