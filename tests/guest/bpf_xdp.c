/* SPDX-License-Identifier: BSD-2-Clause */
/* XDP programs by bpf(2): the packet, its metadata and the room around it. As root. */
#include "bpf.h"

TEST(xdp_programs_move_the_packet)
{
	struct bpf_insn p[] = {
		MOV64_REG(6, 1),
		MOV64_IMM(2, -4),
		CALL(BPF_FUNC_xdp_adjust_head),
		JMP_IMM(BPF_JNE, 0, 0, 6),
		LDX(BPF_W, 2, 6, offsetof(struct xdp_md, data)),
		LDX(BPF_W, 3, 6, offsetof(struct xdp_md, data_end)),
		MOV64_REG(4, 2),
		ALU64_IMM(BPF_ADD, 4, 4),
		JMP_REG(BPF_JGT, 4, 3, 1),
		ST(BPF_W, 2, 0, 0x11223344),
		MOV64_IMM(0, 2),
		EXIT(),
	};
	int fd = prog_load(BPF_PROG_TYPE_XDP, p);
	uint8_t in[20], out[64] = { 0 };
	union bpf_attr a;

	memset(in, 0xab, sizeof(in));
	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.data_in = U64(in);
	a.test.data_size_in = sizeof(in);
	a.test.data_out = U64(out);
	a.test.data_size_out = sizeof(out);
	a.test.repeat = 1;
	OK(bpf(BPF_PROG_TEST_RUN, &a));
	CHECK_EQ(a.test.retval, 2);
	CHECK_EQ(a.test.data_size_out, 24);
	CHECK_EQ(out[0], 0x44);
	CHECK_EQ(out[4], 0xab);
	CHECK_EQ(out[23], 0xab);
	a.test.data_size_out = 8;
	ERR(bpf(BPF_PROG_TEST_RUN, &a), ENOSPC);
	CHECK_EQ(a.test.data_size_out, 24);
	a.test.data_size_in = 13;
	ERR(bpf(BPF_PROG_TEST_RUN, &a), EINVAL);
}

/* r0 of an XDP program whose packet begins behind meta bytes, or -errno. */
static int run_behind(int fd, uint32_t meta)
{
	static const char packet[256];
	struct xdp_md md = { .data = meta, .data_end = sizeof(packet) };
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.test.prog_fd = (uint32_t)fd;
	a.test.data_in = U64(packet);
	a.test.data_size_in = sizeof(packet);
	a.test.ctx_in = U64(&md);
	a.test.ctx_size_in = sizeof(md);
	return bpf(BPF_PROG_TEST_RUN, &a) ? -errno : (int)a.test.retval;
}

static int adjust_prog(uint32_t helper, int by)
{
	struct bpf_insn p[] = { MOV64_IMM(2, by), CALL((int)helper), EXIT() };

	return prog_load(BPF_PROG_TYPE_XDP, p);
}

TEST(xdp_programs_have_so_much_headroom)
{
	struct bpf_insn p[] = {
		LDX(BPF_W, 2, 1, offsetof(struct xdp_md, data_meta)),
		LDX(BPF_W, 0, 1, offsetof(struct xdp_md, data)),
		ALU64_REG(BPF_SUB, 0, 2),
		EXIT(),
	};
	int fd = prog_load(BPF_PROG_TYPE_XDP, p);

	CHECK_EQ(run_behind(fd, 0), 0);
	CHECK_EQ(run_behind(fd, 216), 216);
	CHECK_EQ(run_behind(fd, 217), -EINVAL);
	CHECK_EQ(run_behind(fd, 220), -EINVAL);
	CHECK_EQ((int)prog_run(adjust_prog(BPF_FUNC_xdp_adjust_head, -216)), 0);
	CHECK_EQ((int)prog_run(adjust_prog(BPF_FUNC_xdp_adjust_head, -217)), -EINVAL);
	CHECK_EQ((int)prog_run(adjust_prog(BPF_FUNC_xdp_adjust_meta, -216)), 0);
	CHECK_EQ((int)prog_run(adjust_prog(BPF_FUNC_xdp_adjust_meta, -220)), -EINVAL);
	CHECK_EQ(run_behind(adjust_prog(BPF_FUNC_xdp_adjust_head, -12), 208), -EINVAL);
	CHECK_EQ(run_behind(adjust_prog(BPF_FUNC_xdp_adjust_head, -8), 208), 0);
}

TEST(xdp_programs_know_how_long_the_packet_is)
{
	struct bpf_insn p[] = {
		MOV64_REG(6, 1),
		MOV64_IMM(2, -20),
		CALL(BPF_FUNC_xdp_adjust_tail),
		MOV64_REG(1, 6),
		CALL(BPF_FUNC_xdp_get_buff_len),
		EXIT(),
	};

	CHECK_EQ(prog_run(prog_load(BPF_PROG_TYPE_XDP, p)), 64 - 20);
	CHECK_EQ(run_behind(prog_load(BPF_PROG_TYPE_XDP, p), 16), 256 - 16 - 20);
}
