/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of bpf(2): sys/bpf*.c. */
#ifndef SYS_BPF_H
#define SYS_BPF_H
#include <bpf/map.h>
#include <fs/bpffs.h>
#include <lib/radix.h>
#include <linux/capability.h>
#include <sys/syscall.h>
#include <task/task.h>

/*
 * The ABI's union as the installed header has it, and what is newer: fields that were added to
 * commands since (include/uapi/linux/bpf.h, Linux 6.3 to 6.14), by their offsets.
 */
union bpf_args {
	union bpf_attr a;
	struct { u8 to_log_true_size[140]; u32 log_true_size; } load;
	struct { u8 to_log_true_size[28]; u32 log_true_size, flags; i32 token_fd; } btf;
	struct { u8 to_path_fd[16]; i32 path_fd; } obj;
	struct { u8 to_fd[72]; i32 value_type_btf_obj_fd, token_fd; } map;
	u8 byte[144];
	/* Not of the ABI: bpf_sys_bpf, where the pointers to what is read are the kernel's. */
	struct { u8 abi[144]; bool kernel; } from;
};
#define ENOTSUPP	524		/* Linux's own, which it gives here */
#define BPF_F_PATH_FD_	(1u << 14)	/* names that the installed header may lack */
#define CMD_LAST(field) (offsetof(union bpf_attr, field) + sizeof(((union bpf_attr *)0)->field))
/* Fields behind the command's last one must be 0. */
bool bpf_args_end(const union bpf_args *x, size_t end);

/* --- bpf.c: what all kinds of objects need -----------------------------------------------------
 */
struct bpf_ids {
	struct spinlock lock;		/* irq */
	struct radix all;
	u32 last;
	bool (*get)(void *object);	/* a reference, unless the last is gone */
};
#define BPF_IDS_INIT(get_) { .lock = SPINLOCK_INIT, .get = get_ }
extern struct bpf_ids bpf_map_ids, bpf_prog_ids, bpf_btf_ids;
int bpf_id_new(struct bpf_ids *ids, void *object, u32 *id);	/* -ENOMEM. Sleeps */
void bpf_id_free(struct bpf_ids *ids, u32 id);			/* any context; id 0: nothing */
void *bpf_id_get(struct bpf_ids *ids, u32 id);			/* referenced, or NULL */

extern u32 bpf_unprivileged_disabled;
bool bpf_capable(void);
/* n bytes of what an argument points to; -EFAULT. */
int bpf_take(const union bpf_args *x, void *dst, u64 src, size_t n);
/* As bpf_copy_in, likewise. */
void *bpf_take_copy(const union bpf_args *x, u64 src, size_t n);
/* A kernel copy of n bytes; ERR_PTR(-EFAULT, -ENOMEM, -E2BIG). kfree or bpf_free. */
void *bpf_copy_in(u64 user, size_t n);
static inline int bpf_copy_out(u64 user, const void *p, size_t n)
{
	return copy_to_user((void __user *)user, p, n) ? -EFAULT : 0;
}
/* BPF_OBJ_NAME_LEN bytes: -EINVAL if it has other characters than names may have. */
int bpf_check_name(const char *name);
/* The file of a descriptor if its operations are these, or ERR_PTR(-EBADF, -EINVAL). fd_put it. */
struct file *bpf_file(u32 fd, const struct file_ops *ops);
/* Gives info to the user's buffer as BPF_OBJ_GET_INFO_BY_FD does. */
int bpf_give_info(const union bpf_args *x, u64 user_attr, const void *info, size_t size);
/* The user's info of size bytes, zeroed behind what they gave, for kinds that read it. E2BIG: there is
 * something behind those that are known. */
int bpf_take_info(const union bpf_args *x, void *info, size_t size, size_t known);

/* --- bpf_map.c ---------------------------------------------------------------------------------
 */
extern const struct file_ops bpf_map_fops;
extern const struct bpffs_kind bpf_map_kind_ops;
i64 bpf_map_command(u32 cmd, union bpf_args *x, u64 user_attr);
int bpf_map_fd(struct bpf_map *m, int flags);	/* takes over a user's reference, also on failure */
void bpf_map_get_user(void *m);
void bpf_map_put_user(void *m);
/* Referenced; ERR_PTR. */
struct bpf_map *bpf_map_from_fd(u32 fd);
int bpf_map_info(struct file *f, const union bpf_args *x, u64 user_attr);

/* --- bpf_btf.c ---------------------------------------------------------------------------------
 */
struct btf;
extern const struct file_ops bpf_btf_fops;
i64 bpf_btf_load(union bpf_args *x, u64 user_attr, size_t size);
struct btf *bpf_btf_from_fd(u32 fd);		/* referenced; ERR_PTR */
int bpf_btf_fd(struct btf *b);			/* takes over the reference */
int bpf_btf_info(struct file *f, const union bpf_args *x, u64 user_attr);
void btf_put(struct btf *b);			/* NULL is allowed; any context */
/* bpf_btf_find_by_name_kind: the id of a type of the kernel's; -ENOENT, -ENOMEM. Sleeps. */
i64 bpf_kernel_btf_find(const char *name, u32 kind);
/* The kernel's types, for the verifier; NULL: there are none, or no memory. Sleeps. */
const struct bpf_kernel_types *bpf_kernel_types(void);
u32 btf_object_id(const struct btf *b);
struct btf_types;
const struct btf_types *btf_object_types(const struct btf *b);	/* for bpf/btf.h's questions */

/* --- bpf_prog.c --------------------------------------------------------------------------------
 */
extern const struct file_ops bpf_prog_fops;
extern const struct bpffs_kind bpf_prog_kind_ops;
i64 bpf_prog_command(u32 cmd, union bpf_args *x, u64 user_attr, size_t size);
int bpf_prog_fd_by_id(u32 id);
/* Referenced; ERR_PTR(-EBADF, -EINVAL: no program, or not of this type; 0: any). */
struct bpf_prog;
struct bpf_prog *bpf_prog_from_fd(u32 fd, u32 type);
int bpf_prog_fd_of(void *prog);			/* takes over the reference */
int bpf_prog_info(struct file *f, const union bpf_args *x, u64 user_attr);

/* --- bpf_stats.c -------------------------------------------------------------------------------
 */
/* A descriptor; runs of programs are counted as long as it is open. Or -EINVAL, -EPERM ... */
i64 bpf_enable_stats(const union bpf_args *x);
#endif
