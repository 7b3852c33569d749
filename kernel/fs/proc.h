/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of /proc: fs/proc.c (root), proc_pid.c (directories of processes), the rest (contents). */
#ifndef FS_PROC_INTERNAL_H
#define FS_PROC_INTERNAL_H
#include <fs/proc.h>
#include <fs/seq.h>
#include <fs/vfs.h>
#include <task/task.h>

struct proc_entry;
/* What an inode below /proc/PID is about. A thread's directory names the thread unless it is the
 * leader. */
struct proc_inode {
	struct process *proc;		/* referenced */
	struct task *task;		/* referenced; NULL: whoever leads proc */
	bool thread;			/* below task/ */
	const struct proc_entry *entry;	/* NULL: the directory itself, or fd */
	int fd;
	u64 start, end;			/* map_files */
};

enum proc_in { IN_PID = 1, IN_TASK = 2, IN_BOTH = 3 };
struct proc_entry {
	const char *name;
	u32 mode;			/* with its type */
	u8 in;				/* enum proc_in */
	bool guarded;			/* only for those who might trace the process */
	int (*show)(struct seq *s, struct task *t, bool thread);
	ssize_t (*store)(struct task *t, const char *text, size_t n);
	int (*follow)(struct task *t, struct path *to);
	const struct file_ops *fops;
	const struct inode_ops *iops;
};
extern const struct proc_entry proc_entries[];
extern const u32 nr_proc_entries;

static inline struct proc_inode *proc_of(const struct inode *i) { return i->private; }
/* The task an inode is about, referenced, or NULL once it is gone. */
struct task *proc_task(const struct inode *i);
/* The address space of t, borrowed (mm_return), or NULL. */
struct mm *proc_mm(struct task *t);
/* The same if the current task may look into it; ERR_PTR(-EACCES). */
struct mm *proc_mm_inspect(struct task *t);
/* A directory inode for pid's process (or thread tid of it). NULL: none; ERR_PTR. */
struct inode *proc_pid_inode(struct super *sb, const char *name, u32 len);
struct inode *proc_new_inode(struct super *sb, const struct proc_inode *of, u32 mode, u64 ino);
bool proc_parse(const char *name, u32 len, i32 *nr);	/* a decimal number without leading zeros */
bool proc_emit_nr(struct dir_context *ctx, i32 nr, u64 ino, u32 type);
static inline u64 proc_ino(i32 nr, u32 n) { return ((u64)nr << 8) + n + 16; }

extern const struct inode_ops proc_text_iops, proc_fd_iops, proc_fdinfo_iops, proc_task_iops;
extern const struct inode_ops proc_map_files_iops;
extern const struct file_ops proc_map_files_fops;
extern const struct file_ops proc_fd_fops, proc_fdinfo_fops, proc_task_fops, proc_mem_fops,
	proc_pagemap_fops;

/* Large folios' lines of vmstat; anonymous pages in folios of 2 MiB (sys_thp.c). */
void thp_show_vmstat(struct seq *s);
u64 thp_anon_pages(void);

/* --- contents --------------------------------------------------------------------------------- */
#define SHOW(name) int proc_show_##name(struct seq *s, struct task *t, bool thread)
SHOW(status);
SHOW(stat);
SHOW(statm);
SHOW(comm);
SHOW(cmdline);
SHOW(environ);
SHOW(auxv);
SHOW(limits);
SHOW(io);
SHOW(maps);
SHOW(smaps);
SHOW(smaps_rollup);
SHOW(cow_tables);
SHOW(oom_score);
SHOW(oom_score_adj);
SHOW(wchan);
SHOW(schedstat);
SHOW(personality); SHOW(syscall);
/* In pages. */
struct mm_sums {
	u64 size, locked, data, stack, exec, lib, peak, rss, hwm, anon, file, shmem, tables;
};
void proc_mm_sums(struct mm *mm, struct mm_sums *m);
#endif
