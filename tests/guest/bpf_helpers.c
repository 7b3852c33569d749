/* SPDX-License-Identifier: BSD-2-Clause */
/* Which helpers programs may call. As root. */
#include "bpf.h"

#include <linux/capability.h>

/* Those that Tine has, and whether programs of any licence may call them. */
static const struct { uint8_t id; bool gpl; } known[] = {
	{ BPF_FUNC_map_lookup_elem, false }, { BPF_FUNC_map_update_elem, false },
	{ BPF_FUNC_map_delete_elem, false }, { BPF_FUNC_probe_read, true },
	{ BPF_FUNC_ktime_get_ns, false }, { BPF_FUNC_trace_printk, true },
	{ BPF_FUNC_get_prandom_u32, false }, { BPF_FUNC_get_smp_processor_id, false },
	{ BPF_FUNC_tail_call, false }, { BPF_FUNC_get_current_pid_tgid, false },
	{ BPF_FUNC_get_current_uid_gid, false }, { BPF_FUNC_get_current_comm, false },
	{ BPF_FUNC_skb_load_bytes, false }, { BPF_FUNC_get_current_task, true },
	{ BPF_FUNC_get_numa_node_id, false }, { BPF_FUNC_xdp_adjust_head, false },
	{ BPF_FUNC_probe_read_str, true }, { BPF_FUNC_xdp_adjust_meta, false },
	{ BPF_FUNC_xdp_adjust_tail, false }, { BPF_FUNC_map_push_elem, false },
	{ BPF_FUNC_map_pop_elem, false }, { BPF_FUNC_map_peek_elem, false },
	{ BPF_FUNC_spin_lock, false }, { BPF_FUNC_spin_unlock, false }, { BPF_FUNC_strtol, false },
	{ BPF_FUNC_strtoul, false }, { BPF_FUNC_probe_read_user, true },
	{ BPF_FUNC_probe_read_kernel, true }, { BPF_FUNC_probe_read_user_str, true },
	{ BPF_FUNC_probe_read_kernel_str, true }, { BPF_FUNC_jiffies64, false },
	{ BPF_FUNC_ktime_get_boot_ns, false }, { BPF_FUNC_ringbuf_output, false },
	{ BPF_FUNC_ringbuf_reserve, false }, { BPF_FUNC_ringbuf_submit, false },
	{ BPF_FUNC_ringbuf_discard, false }, { BPF_FUNC_ringbuf_query, false },
	{ BPF_FUNC_copy_from_user, false }, { BPF_FUNC_get_current_task_btf, true },
	{ BPF_FUNC_ktime_get_coarse_ns, false }, { BPF_FUNC_for_each_map_elem, false },
	{ BPF_FUNC_snprintf, true }, { BPF_FUNC_sys_bpf, false },
	{ BPF_FUNC_btf_find_by_name_kind, false }, { BPF_FUNC_sys_close, false },
	{ BPF_FUNC_timer_init, true }, { BPF_FUNC_timer_set_callback, true },
	{ BPF_FUNC_timer_start, true }, { BPF_FUNC_timer_cancel, true },
	{ BPF_FUNC_trace_vprintk, true }, { BPF_FUNC_kallsyms_lookup_name, false },
	{ BPF_FUNC_loop, false }, { BPF_FUNC_strncmp, false },
	{ BPF_FUNC_xdp_get_buff_len, false },
	{ BPF_FUNC_map_lookup_percpu_elem, false }, { BPF_FUNC_ktime_get_tai_ns, false },
};
static const uint32_t types[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP, BPF_PROG_TYPE_SYSCALL };

/* What is said of a call without arguments. */
static const char *call(uint32_t type, int id, const char *license)
{
	const struct bpf_insn code[] = { MOV64_IMM(0, 0), CALL(id), EXIT() };
	union bpf_attr a = prog_attr(type, code, 3);
	long fd;

	prog_attr_log(&a);
	a.license = U64(license);
	a.prog_flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	fd = bpf(BPF_PROG_LOAD, &a);
	if (fd >= 0)
		close((int)fd);
	return bpf_log_text;
}

static bool is_there(uint32_t type, int id)
{
	const char *says = call(type, id, "GPL");

	return !strstr(says, "cannot use helper") && !strstr(says, "unknown func") && !strstr(says, "invalid func");
}

TEST(by_licence)
{
	static const char *const closed[] = { "Proprietary", "BSD", "GPL v3", "" };
	static const char *const compatible[] = { "GPL v2", "Dual BSD/GPL" };
	bool wrong = false;

	for (uint32_t t = 0; t < 3; t++)
		for (uint32_t k = 0; k < sizeof(known) / sizeof(*known); k++) {
			int id = known[k].id;

			if (!is_there(types[t], id))
				continue;
			for (uint32_t l = 0; l < 4; l++)
				if (!strstr(call(types[t], id, closed[l]), "cannot call GPL-restricted function") ==
				    known[k].gpl) {
					printf("# type %u, helper %d, \"%s\"\n", types[t], id, closed[l]);
					wrong = true;
				}
			for (uint32_t l = 0; l < 2; l++)
				CHECK(!strstr(call(types[t], id, compatible[l]), "GPL-restricted"));
		}
	CHECK(!wrong);
}

/* Nothing is there that the table does not know. */
TEST(no_others)
{
	if (!check_on_tine())
		SKIP("Linux has more");
	for (uint32_t t = 0; t < 3; t++)
		for (int id = 0; id < 220; id++) {
			bool listed = false;

			for (uint32_t k = 0; k < sizeof(known) / sizeof(*known); k++)
				listed |= known[k].id == id;
			if (!listed && is_there(types[t], id))
				FAIL("helper %d", id);
		}
}

/* Those that who has no CAP_PERFMON may not call: they show addresses, or others' memory. */
static bool shows(int id)
{
	static const uint8_t all[] = {
		BPF_FUNC_trace_printk, BPF_FUNC_get_current_comm, BPF_FUNC_get_current_task,
		BPF_FUNC_probe_read_user, BPF_FUNC_probe_read_kernel, BPF_FUNC_probe_read_user_str,
		BPF_FUNC_probe_read_kernel_str, BPF_FUNC_copy_from_user, BPF_FUNC_get_current_task_btf,
		BPF_FUNC_snprintf, BPF_FUNC_sys_bpf, BPF_FUNC_trace_vprintk,
	};

	/* Linux has these two for syscall programs of who has CAP_BPF alone. */
	if (id == BPF_FUNC_probe_read || id == BPF_FUNC_probe_read_str)
		return check_on_tine();
	return memchr(all, id, sizeof(all));
}

/* Only these from here on. */
static void keep(uint64_t caps)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct c[2] = { { 0 }, { 0 } };

	for (int k = 0; k < 2; k++)
		c[k].effective = c[k].permitted = (uint32_t)(caps >> 32 * k);
	OK(syscall(SYS_capset, &h, c));
}
#define CAP(name) (1ull << CAP_ ## name)

/* 0 or -errno of a program whose answer is its context's address. */
static int leak(uint32_t type)
{
	const struct bpf_insn code[] = { MOV64_REG(0, 1), EXIT() };
	union bpf_attr a = prog_attr(type, code, 2);
	long fd;

	a.prog_flags = type == BPF_PROG_TYPE_SYSCALL ? BPF_F_SLEEPABLE : 0;
	fd = bpf(BPF_PROG_LOAD, &a);
	if (fd < 0)
		return -errno;
	close((int)fd);
	return 0;
}

TEST(by_capability)
{
	bool there[3][sizeof(known) / sizeof(*known)], wrong = false;

	for (uint32_t t = 0; t < 3; t += 2)
		for (uint32_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			there[t][k] = is_there(types[t], known[k].id);
	keep(CAP(BPF));
	for (uint32_t t = 0; t < 3; t += 2)
		for (uint32_t k = 0; k < sizeof(known) / sizeof(*known); k++)
			if (is_there(types[t], known[k].id) != (there[t][k] && !shows(known[k].id))) {
				printf("# type %u, helper %d\n", types[t], known[k].id);
				wrong = true;
			}
	CHECK(!wrong);
}

TEST(addresses_by_capability)
{
	CHILD_OK(keep(CAP(BPF)); CHECK_EQ(leak(BPF_PROG_TYPE_SOCKET_FILTER), -EACCES);
		 CHECK_EQ(leak(BPF_PROG_TYPE_SYSCALL), -EACCES); CHECK_EQ(leak(BPF_PROG_TYPE_XDP), -EPERM));
	CHILD_OK(keep(CAP(BPF) | CAP(NET_ADMIN)); CHECK_EQ(leak(BPF_PROG_TYPE_XDP), -EACCES));
	CHILD_OK(keep(CAP(BPF) | CAP(PERFMON)); CHECK_EQ(leak(BPF_PROG_TYPE_SOCKET_FILTER), 0);
		 CHECK_EQ(leak(BPF_PROG_TYPE_SYSCALL), 0); CHECK_EQ(leak(BPF_PROG_TYPE_XDP), -EPERM));
	CHILD_OK(keep(CAP(SYS_ADMIN)); CHECK_EQ(leak(BPF_PROG_TYPE_SOCKET_FILTER), 0);
		 CHECK_EQ(leak(BPF_PROG_TYPE_XDP), 0));
	CHILD_OK(keep(CAP(PERFMON) | CAP(NET_ADMIN)); CHECK_EQ(leak(BPF_PROG_TYPE_SOCKET_FILTER), -EPERM));
}
