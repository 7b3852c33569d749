/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Any bytes for bpf(2): the call refuses them or does as they say; the machine lives on. What is
 * loaded by chance is run. As root.
 */
#include "bpf.h"

#include <fcntl.h>
#include <linux/btf.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

static uint64_t seed;

static uint32_t rnd(uint32_t below)
{
	seed = seed * 6364136223846793005ull + 1442695040888963407ull;
	return (uint32_t)((seed >> 33) % below);
}

static void close_new(int from)
{
	for (int fd = from; fd < from + 64; fd++)
		close(fd);
}

static uint64_t some_word(char *buf)
{
	switch (rnd(8)) {
	case 0:
		return 0;
	case 1:
		return rnd(64);
	case 2:
		return U64(buf) + rnd(4096);
	case 3:
		return U64(buf);
	case 4:
		return ~0ull >> rnd(64);
	case 5:
		return 0xffff000000000000ull + rnd(1 << 30);
	default:
		return (uint64_t)rnd(1u << 31) << rnd(33);
	}
}

TEST_TIMEOUT(any_arguments, 120)
{
	static const int sizes[] = { 0, 1, 4, 16, 48, 64, 72, 120, 128, 144, 160, 4096, 5000 };
	char *buf = check_anon(4 * PAGE);
	int fds[8], first, done = 0;
	union { union bpf_attr a; uint64_t w[1024]; } *x = (void *)(buf + 2 * PAGE);
	struct bpf_insn p[] = { MOV64_IMM(0, 0), EXIT() };

	fds[0] = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 4);
	fds[1] = map_create(BPF_MAP_TYPE_HASH, 8, 8, 4);
	fds[2] = map_create(BPF_MAP_TYPE_LRU_HASH, 4, 4, 4);
	fds[3] = map_create(BPF_MAP_TYPE_QUEUE, 0, 8, 4);
	fds[4] = map_create(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	fds[5] = map_create(BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 4);
	fds[6] = prog_load(BPF_PROG_TYPE_SOCKET_FILTER, p);
	fds[7] = (int)OK(open("/dev/null", O_RDWR));
	first = fds[7] + 1;
	seed = 1;
	for (int step = 0; step < 30000; step++) {
		int cmd = (int)rnd(40);

		memset(x, 0, 512);
		for (int i = rnd(4) ? (int)rnd(7) : 20; i-- > 0;)
			x->w[i] = some_word(buf);
		/* descriptors where commands have them */
		if (rnd(4))
			x->a.map_fd = (uint32_t)fds[rnd(8)];
		if (rnd(2))
			x->a.batch.map_fd = (uint32_t)fds[rnd(8)];
		if (cmd == BPF_MAP_CREATE && rnd(4)) {
			x->a.map_type = rnd(34);
			x->a.key_size = rnd(20);
			x->a.value_size = rnd(40);
			x->a.max_entries = rnd(2) ? rnd(100) : 1u << rnd(20);
			x->a.map_flags = rnd(3) ? 0 : 1u << rnd(16);
			memset(&x->w[3], 0, sizeof(x->a) - 24);
			x->a.inner_map_fd = (uint32_t)fds[rnd(8)];
		}
		if (cmd == BPF_PROG_TEST_RUN && x->a.test.repeat > 1000)
			x->a.test.repeat = 1000;
		if (syscall(__NR_bpf, cmd, x, sizes[rnd(13)]) >= 0)
			done++;
		if (step % 32 == 0)
			close_new(first);
	}
	printf("# bpf_hostile: %d calls did something\n", done);
	close_new(first);
	OK(map_lookup(fds[0], &(uint32_t){ 0 }, buf));
}

static struct bpf_insn some_insn(int map)
{
	static const uint8_t common[] = {
		BPF_ALU64 | BPF_MOV | BPF_K,
		BPF_ALU64 | BPF_MOV | BPF_X,
		BPF_ALU64 | BPF_ADD | BPF_K,
		BPF_ALU64 | BPF_AND | BPF_K,
		BPF_ALU | BPF_MOV | BPF_K,
		BPF_LDX | BPF_MEM | BPF_DW,
		BPF_STX | BPF_MEM | BPF_DW,
		BPF_ST | BPF_MEM | BPF_W,
		BPF_JMP | BPF_JEQ | BPF_K,
		BPF_JMP | BPF_JGT | BPF_X,
		BPF_JMP | BPF_JA,
		BPF_JMP | BPF_CALL,
		BPF_JMP | BPF_EXIT,
		BPF_LD | BPF_IMM | BPF_DW,
		BPF_STX | BPF_ATOMIC | BPF_DW,
		BPF_LD | BPF_ABS | BPF_H,
	};
	struct bpf_insn i = INSN(rnd(16) ? common[rnd(16)] : (uint8_t)rnd(256), (uint8_t)rnd(11),
				 (uint8_t)rnd(11),
				 (int16_t)(rnd(3) ? -8 * (int)rnd(6) : (int)rnd(8)), (int)rnd(100));

	if (i.code == (BPF_JMP | BPF_CALL)) {
		i.dst_reg = i.src_reg = 0;
		i.off = 0;
		i.imm = (int)rnd(220);
	}
	if (i.code == (BPF_LD | BPF_IMM | BPF_DW)) {
		i.src_reg = rnd(2) ? BPF_PSEUDO_MAP_FD : (uint8_t)rnd(7);
		i.off = 0;
		i.imm = map;
	}
	if (BPF_CLASS(i.code) == BPF_JMP && i.off < 0)
		i.off = (int16_t)-i.off;
	return i;
}

TEST_TIMEOUT(any_program, 120)
{
	static const uint32_t types[] = {BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP,
					 BPF_PROG_TYPE_SYSCALL};
	int maps[4], ran = 0;
	long long until = check_now() + 5 * SEC;

	maps[0] = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 4);
	maps[1] = map_create(BPF_MAP_TYPE_HASH, 8, 8, 4);
	maps[2] = map_create(BPF_MAP_TYPE_RINGBUF, 0, 0, 4096);
	maps[3] = map_create(BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 4);
	for (seed = 7; check_now() < until;) {
		struct bpf_insn p[16];
		uint32_t n = 2 + rnd(12), t = rnd(3);
		char data[64] = { 0 };
		union bpf_attr a;
		int fd;

		p[0] = MOV64_IMM(0, (int)rnd(9));
		for (uint32_t i = 1; i < n - 1; i++) {
			p[i] = some_insn(maps[rnd(4)]);
			if (p[i].code == (BPF_LD | BPF_IMM | BPF_DW) && i + 1 < n - 1)
				p[++i] = INSN(0, 0, 0, 0, 0);
		}
		p[n - 1] = EXIT();
		fd = prog_load_flags(types[t], p, n, t == 2 ? BPF_F_SLEEPABLE : 0);
		if (fd < 0)
			continue;
		memset(&a, 0, sizeof(a));
		a.test.prog_fd = (uint32_t)fd;
		if (t == 2) {
			a.test.ctx_in = U64(data);
			a.test.ctx_size_in = sizeof(data);
		} else {
			a.test.data_in = U64(data);
			a.test.data_size_in = sizeof(data);
		}
		ran += bpf(BPF_PROG_TEST_RUN, &a) == 0;
		close(fd);
	}
	printf("# bpf_hostile: %d programs ran\n", ran);
	CHECK_GE(ran, 10);
}

TEST_TIMEOUT(any_types, 60)
{
	uint32_t words[64];
	struct btf_header *h = (void *)words;
	int loaded = 0;

	seed = 3;
	for (int step = 0; step < 60000; step++) {
		uint32_t types = 4 * (3 + rnd(30)), strings = 16;
		union bpf_attr a;
		int fd;

		for (int i = 0; i < 64; i++)
			words[i] = rnd(3) ? rnd(8) : rnd(1u << 31);
		*h = (struct btf_header){ .magic = BTF_MAGIC, .version = 1, .hdr_len = sizeof(*h),
					  .type_len = types, .str_off = types, .str_len = strings };
		for (uint32_t at = 6; at + 2 < 6 + types / 4; at += 3 + rnd(3))
			words[at + 1] = (1 + rnd(19)) << 24 | (rnd(2) ? 0 : rnd(3));
		memcpy((char *)words + sizeof(*h) + types, "\0int\0a\0b\0c\0d\0e\0", 16);
		memset(&a, 0, sizeof(a));
		a.btf = U64(words);
		a.btf_size = (uint32_t)sizeof(*h) + types + strings;
		fd = (int)bpf(BPF_BTF_LOAD, &a);
		if (fd < 0)
			continue;
		loaded++;
		for (uint32_t id = 1; id < 6; id++) {
			union bpf_attr m = {.map_type = BPF_MAP_TYPE_ARRAY,
					    .key_size = 4,
					    .value_size = rnd(8) + 1,
					    .max_entries = 1};

			m.btf_fd = (uint32_t)fd;
			m.btf_key_type_id = rnd(6);
			m.btf_value_type_id = id;
			close((int)bpf(BPF_MAP_CREATE, &m));
		}
		close(fd);
	}
	printf("# bpf_hostile: %d type sets loaded\n", loaded);
}

/* Memory that is not there, or not the process's. */
TEST(bad_addresses)
{
	int map = map_create(BPF_MAP_TYPE_ARRAY, 4, 8, 4);
	uint32_t key = 0;
	char *page = check_anon(2 * PAGE);
	void *bad[] = { BAD_PTR, KERNEL_PTR, page + 2 * PAGE - 2, NULL };

	munmap(page + PAGE, PAGE);
	bad[2] = page + PAGE - 2;
	for (int i = 0; i < 4; i++) {
		ERR(map_lookup(map, bad[i], page), EFAULT);
		ERR(map_lookup(map, &key, bad[i]), EFAULT);
		ERR(map_update(map, &key, bad[i], 0), EFAULT);
		if (bad[i])
			ERR(map_next(map, bad[i], page), EFAULT);
		ERR(map_next(map, &key, bad[i]), EFAULT);
		ERR(syscall(__NR_bpf, BPF_MAP_CREATE, bad[i], 48), EFAULT);
	}
}
