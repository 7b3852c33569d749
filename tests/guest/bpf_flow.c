/* SPDX-License-Identifier: BSD-2-Clause */
/* What the verifier makes of branches: loops that it has to end, constants that decide them. */
#include "bpf.h"

#define ENOTSUPP 524
#define FILTER BPF_PROG_TYPE_SOCKET_FILTER

/* --- loops that end at some time --------------------------------------------------------------- */

#define MAY_GOTO(o) INSN(BPF_JMP | 0xe0, 0, 0, o, 0)

TEST(may_goto)
{
	struct bpf_insn counted[] = {
		MOV64_IMM(0, 0),
		MAY_GOTO(3),
		ALU64_IMM(BPF_ADD, 0, 1),
		JMP_IMM(BPF_JEQ, 0, 100, 1),
		JA(-4),
		EXIT(),
	};
	struct bpf_insn first[] = {	/* the loop begins where the function does */
		MAY_GOTO(2),
		LDX(BPF_W, 2, 1, offsetof(struct __sk_buff, len)),
		JA(-3),
		MOV64_IMM(0, 5),
		EXIT(),
	};
	struct bpf_insn endless[] = {
		MOV64_IMM(0, 0),
		MAY_GOTO(2),
		ALU64_IMM(BPF_ADD, 0, 1),
		JA(-3),
		EXIT(),
	};
	struct bpf_insn called[] = {	/* each call has its own rounds */
		MOV64_IMM(6, 0),
		CALL_LOCAL(5),
		ALU64_REG(BPF_ADD, 6, 0),
		CALL_LOCAL(3),
		ALU64_REG(BPF_ADD, 6, 0),
		MOV64_REG(0, 6),
		EXIT(),
		ST(BPF_DW, 10, -8, 3),
		MOV64_IMM(0, 0),
		MAY_GOTO(3),
		ALU64_IMM(BPF_ADD, 0, 1),
		JMP_IMM(BPF_JEQ, 0, 70, 1),
		JA(-4),
		LDX(BPF_DW, 1, 10, -8),
		ALU64_REG(BPF_ADD, 0, 1),
		EXIT(),
	};
	uint32_t r;

	CHECK_EQ(prog_run(prog_load(FILTER, counted)), 100);
	CHECK_EQ(prog_run(prog_load(FILTER, first)), 5);
	r = prog_run(prog_load(FILTER, endless));
	CHECK_GE(r, 10000);
	CHECK_EQ(prog_run(prog_load(FILTER, called)), 2 * 73);
}

TEST(may_goto_is_no_excuse)
{
	int map = map_create(BPF_MAP_TYPE_ARRAY, 4, 64, 1);
	struct bpf_insn sum[] = {
		MOV64_IMM(6, 0),
		MOV64_IMM(0, 0),
		LD_MAP_VALUE(7, map, 0),
		MAY_GOTO(7),
		JMP_IMM(BPF_JGT, 6, 63, 6),
		MOV64_REG(1, 7),
		ALU64_REG(BPF_ADD, 1, 6),
		LDX(BPF_B, 2, 1, 0),
		ALU64_REG(BPF_ADD, 0, 2),
		ALU64_IMM(BPF_ADD, 6, 1),
		JA(-8),
		EXIT(),
	};
	struct bpf_insn wild[] = {
		MOV64_IMM(6, 0),
		LD_MAP_VALUE(7, map, 0),
		MAY_GOTO(2),
		ALU64_IMM(BPF_ADD, 6, 1),
		JA(-3),
		ALU64_REG(BPF_ADD, 7, 6),
		LDX(BPF_B, 0, 7, 0),
		EXIT(),
	};
	struct bpf_insn beside[] = { MOV64_IMM(0, 0), MAY_GOTO(1), JA(-1), EXIT() };
	struct bpf_insn with_reg[] = { MOV64_IMM(0, 0), MAY_GOTO(0), EXIT() };
	uint8_t v[64];
	uint32_t key = 0;

	memset(v, 3, sizeof(v));
	OK(map_update(map, &key, v, BPF_ANY));
	CHECK_EQ(prog_run(prog_load(FILTER, sum)), 3 * 64);
	ERR(prog_load_flags(FILTER, wild, sizeof(wild) / sizeof(*wild), 0), EACCES);
	ERR(prog_load_flags(FILTER, beside, 4, 0), EINVAL);
	OK(prog_load_flags(FILTER, with_reg, 3, 0));
	with_reg[1].dst_reg = 1;
	ERR(prog_load_flags(FILTER, with_reg, 3, 0), EINVAL);
	with_reg[1].dst_reg = 0;
	with_reg[1].src_reg = 1;
	ERR(prog_load_flags(FILTER, with_reg, 3, 0), EINVAL);
	with_reg[1].src_reg = 0;
	with_reg[1].imm = 1;
	ERR(prog_load_flags(FILTER, with_reg, 3, 0), EINVAL);
}

/* --- constants -------------------------------------------------------------------------------- */

/* What is read from it decides a branch when the program is loaded, once nobody can change it. */
TEST(a_frozen_map_has_constants)
{
	for (uint32_t pass = 0; pass < 8; pass++) {
		bool readonly = pass & 1, frozen = pass & 2, two = pass & 4;
		int map = (int)OK(map_create_flags(BPF_MAP_TYPE_ARRAY, 4, 16, two ? 2 : 1,
						   readonly ? BPF_F_RDONLY_PROG : 0));
		struct bpf_insn p[] = {
			LD_MAP_VALUE(1, map, 8),
			LDX(BPF_H, 2, 1, 2),
			MOV64_IMM(0, 7),
			JMP_IMM(BPF_JEQ, 2, 0x1234, 2),
			MOV64_IMM(0, 8),
			ALU64_REG(BPF_ADD, 0, 2),
			EXIT(),
		};
		uint64_t v[2] = { 0, 0x12340000 };
		uint32_t key = 0;
		int fd;

		OK(map_update(map, &key, v, BPF_ANY));
		if (frozen) {
			union bpf_attr a = { .map_fd = (uint32_t)map };

			OK(bpf(BPF_MAP_FREEZE, &a));
		}
		if (two) {	/* its values have no place that instructions may name */
			ERR(prog_load_flags(FILTER, p, sizeof(p) / sizeof(*p), 0), ENOTSUPP);
			close(map);
			continue;
		}
		fd = prog_load(FILTER, p);
		CHECK_EQ(prog_run(fd), 7);
		if (readonly && frozen)
			CHECK_LE(prog_insns(fd), 6);
		else
			CHECK_EQ(prog_insns(fd), 8);
		close(fd);
		close(map);
	}
}

TEST(programs_may_not_change_what_is_constant)
{
	uint32_t types[] = { BPF_MAP_TYPE_ARRAY, BPF_MAP_TYPE_HASH };

	for (int i = 0; i < 2; i++) {
		int map = (int)OK(map_create_flags(types[i], 4, 8, 1, BPF_F_RDONLY_PROG));
		struct bpf_insn p[] = {
			ST(BPF_DW, 10, -8, 0),
			ST(BPF_DW, 10, -16, 0),
			LD_MAP(1, map),
			MOV64_REG(2, 10),
			ALU64_IMM(BPF_ADD, 2, -8),
			MOV64_REG(3, 10),
			ALU64_IMM(BPF_ADD, 3, -16),
			MOV64_IMM(4, 0),
			CALL(BPF_FUNC_map_update_elem),
			EXIT(),
		};

		ERR(prog_load_flags(FILTER, p, sizeof(p) / sizeof(*p), 0), EACCES);
		CHECK(strstr(bpf_log_text, "write into map forbidden"));
		p[9].imm = BPF_FUNC_map_delete_elem;
		ERR(prog_load_flags(FILTER, p, sizeof(p) / sizeof(*p), 0), EACCES);
		CHECK(strstr(bpf_log_text, "write into map forbidden"));
		close(map);
	}
}

/* What looks like the lookup in an array that the kernel makes of a call, but is the program's own and
 * goes on using r1. */
TEST(instructions_that_look_like_a_lookup)
{
	int map = map_create(BPF_MAP_TYPE_ARRAY, 4, 64, 1);
	struct bpf_insn p[] = {
		LD_MAP_VALUE(6, map, 0),
		MOV64_IMM(1, 16),
		LDX(BPF_W, 0, 6, 0),
		JMP_IMM(BPF_JGE, 0, 1000, 5),
		ALU64_IMM(BPF_MUL, 0, 1000),
		INSN(BPF_LD | BPF_IMM | BPF_DW, 1, 0, 0, 8), INSN(0, 0, 0, 0, 0),
		ALU64_REG(BPF_ADD, 0, 1),
		JA(1),
		MOV64_IMM(0, 0),
		JMP_IMM(BPF_JEQ, 0, 0, 1),
		MOV64_IMM(7, 0),
		ALU64_REG(BPF_ADD, 6, 1),
		LDX(BPF_DW, 0, 6, 0),
		EXIT(),
	};
	uint64_t value[8] = { 5, 88, 1616, 0, 0, 0, 0, 0 };
	uint32_t key = 0;
	int fd;

	for (int equal = 0; equal < 2; equal++) {
		p[11].code = BPF_JMP | (equal ? BPF_JEQ : BPF_JNE) | BPF_K;
		fd = prog_load(FILTER, p);
		value[0] = 5;
		OK(map_update(map, &key, value, BPF_ANY));
		CHECK_EQ(prog_run(fd), 88);
		value[0] = 5000;
		OK(map_update(map, &key, value, BPF_ANY));
		CHECK_EQ(prog_run(fd), 1616);
		close(fd);
	}
}
