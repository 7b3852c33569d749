/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs that read the kernel's own objects, compiled once for both kernels: libbpf finds out where
 * the fields are (and which structs there are) by the running kernel's BTF, when it loads them.
 */
#define HERE __attribute__((preserve_access_index))
struct task_struct {	/* Linux's */
	int pid;
	struct task_struct *group_leader;
	char comm[16];
} HERE;
struct process___tine {
	int pid;
} HERE;
struct task___tine {
	int tid;
	struct process___tine *proc;
	char comm[16];
} HERE;

#include <linux/bpf.h>
#include <stdbool.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

SEC("socket")
int thread_id(struct __sk_buff *skb)
{
	void *task = bpf_get_current_task_btf();

	if (bpf_core_type_exists(struct task_struct))
		return ((struct task_struct *)task)->pid;
	return ((struct task___tine *)task)->tid;
}

SEC("socket")
int process_id(struct __sk_buff *skb)
{
	void *task = bpf_get_current_task_btf();

	if (bpf_core_type_exists(struct task_struct))
		return ((struct task_struct *)task)->group_leader->pid;
	return ((struct task___tine *)task)->proc->pid;
}

/* The same by a helper, from an address that is but a number. Of a syscall program: as long as there
 * are no tracepoint programs, libbpf believes that bpf_probe_read_kernel is missing, and takes
 * bpf_probe_read, which others may not call. */
SEC("syscall")
int letter(void *ctx)
{
	void *task = (void *)bpf_get_current_task();
	char comm[16];

	if (bpf_core_type_exists(struct task_struct))
		BPF_CORE_READ_INTO(&comm, (struct task_struct *)task, comm);
	else
		BPF_CORE_READ_INTO(&comm, (struct task___tine *)task, comm);
	return comm[0];
}

char LICENSE[] SEC("license") = "GPL";
