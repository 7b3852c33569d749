/* SPDX-License-Identifier: BSD-2-Clause */
/* The parts of execve (sys/exec*.c). */
#ifndef SYS_EXEC_PRIVATE_H
#define SYS_EXEC_PRIVATE_H
#include <fs/vfs.h>
#include <lib/elf.h>
#include <task/task.h>

/* Strings for the new stack, one after the other with their NULs: the arguments, the environment,
 * the file's name. */
struct exec_strings {
	char **pages;			/* of PAGE_SIZE; pages[0..nr_pages) */
	u32 nr_pages, max_pages;
	char *few[8];			/* pages while they are enough */
	size_t len, limit;		/* bytes; limit counts the pointers too */
	u32 argc, envc;
};
void strings_init(struct exec_strings *s);
void strings_free(struct exec_strings *s);
/* 0, -E2BIG, -ENOMEM, -EFAULT. */
int strings_add_kernel(struct exec_strings *s, const char *str) __must_check;
/* Every string of a user array from its skip-th on; *n counts them. */
int strings_add_user_array(struct exec_strings *s, u64 array, u32 skip, u32 *n) __must_check;

u64 arch_hwcap(void);
u64 arch_hwcap2(void);

#define EXEC_HEAD 1024
struct exec {
	const char *filename;		/* as the caller gave it, or /dev/fd/N; AT_EXECFN */
	struct file *file;		/* the program, after #! */
	struct file *interp;		/* ELF interpreter or NULL */
	struct elf_plan plan, interp_plan;
	struct exec_strings strings;
	struct mm *mm;			/* the new one */
	bool randomize;
	u64 bias, interp_bias;
	u64 entry, sp;
	u64 stack_top;			/* one past the stack's last byte */
	struct cred *cred;		/* new credentials, or NULL: unchanged */
	bool secure;
	u32 uid, euid, gid, egid;	/* for the auxiliary vector */
	/* #!: what goes before the arguments instead of argv[0] */
	char *prefix[12];
	u32 nr_prefix;
	size_t head_len;
	char head[EXEC_HEAD];		/* start of the file */
};
/* exec_load.c: a new mm with program, interpreter, vDSO; 0 or the errno of execve. */
int exec_load(struct exec *x) __must_check;
/* exec_stack.c: the stack with strings and auxiliary vector; sets x->sp. */
int exec_stack(struct exec *x) __must_check;
/* Reads and plans an ELF file whose first bytes are in head. bad: the errno for what is no program.
 */
int exec_plan(struct file *f, const char *head, size_t n, struct elf_plan *plan,
	      int bad) __must_check;
#endif
