/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tasks (threads) and processes (thread groups).
 *
 * Locks (order in docs/locking.md): proc_lock (spin, irq-safe) guards the process tree: children,
 * sibling, parent links, pgrp and session membership, thread lists, exit states and pid lookups.
 * process.sighand->lock guards signals. Everything else says its own.
 */
#ifndef TASK_TASK_H
#define TASK_TASK_H
#include <hal/cpu.h>
#include <hal/rcu.h>
#include <mm/mm.h>
#include <task/sched.h>
#include <task/signal.h>
#include <task/timer.h>
#include <task/user.h>
#include <linux/resource.h>
#include <linux/capability.h>

struct files;			/* descriptor table: fs/files.c */
struct fs_ctx;			/* root, cwd, umask: fs/fs_ctx.c */
struct tty;

/* A number and what it names: proc_lock. Numbers are not used again until nothing has them. */
struct pid {
	i32 nr;
	u32 uses;			/* task, process, each member of the group or session nr */
	struct task *task;		/* a thread that has not been released */
	struct process *proc;		/* nr is its tgid */
	struct list group;		/* members of process group nr, by process.pgrp_link */
	u64 search;			/* the last pgrp_check_orphans that came here */
};

struct cred {			/* immutable once published; replaced as a whole */
	ref_t ref;
	u32 uid, euid, suid, fsuid, gid, egid, sgid, fsgid;
	u64 cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
	u32 securebits;
	bool no_new_privs;	/* kept here since it is inherited like the rest */
	u32 ngroups;
	u32 *groups;		/* sorted */
	struct user *user;	/* uid's */
	struct rcu_head rcu;
};

struct rusage_k { u64 utime, stime, min_flt, maj_flt, nvcsw, nivcsw, maxrss; };	/* ns, pages */
/* What read(2), write(2) and their like moved, and how often: /proc/PID/io. */
struct io_counts { u64 rchar, wchar, syscr, syscw; };

struct task {
	struct thread_core core;	/* first: hal/preempt.h */
	struct arch_task arch;
	struct sched sched;

	ref_t ref;
	struct process *proc;
	i32 tid;
	struct pid *pid;
	u32 flags;			/* TF_*: own task only */
	u32 nr_kids;			/* processes whose parent_task it is; proc_lock */
	struct list thread_link; /* proc->threads; changed with proc_lock and sighand->lock held */
	bool dead; /* has exited; a dead leader stays listed until the process is reaped.
		      sighand->lock */
	struct mm *mm; /* NULL: kernel thread. Changed by the task itself under task_lock */
	struct files *files;		/* task_lock to look at another's */
	struct fs_ctx *fs;
	const struct cred *cred;	/* own: rcu_assign; others: rcu */
	struct spinlock task_lock;
	char comm[16];

	/* signals: under sighand->lock; blocked is written by the task itself only */
	struct sigpending pending;
	sigmask_t blocked, saved_mask;
	sigmask_t real_blocked;		/* in sigtimedwait: what was blocked before it */
	bool restore_saved_mask; /* saved_mask comes back when the system call is over:
				    signal_set_saved_mask */
	bool stop_pending;		/* has yet to take part in the group stop; sighand->lock */
	stack_t altstack;
	/* what restart_syscall does */
	struct { i64 (*fn)(struct task *t); u64 arg[4]; } restart;

	/* exit */
	int exit_code;			/* wait status */
	u32 __user *clear_child_tid;
	void __user *robust_list;
	u32 __user *
		set_child_tid; /* CLONE_CHILD_SETTID: stored by the child on its way to user mode */
	bool undumpable;		/* what its mm was when it was let go; task_lock */
	bool vfork_child;		/* the parent waits on vfork_done until the mm is let go */
	struct completion vfork_done;
	int pdeath_signal;
	u64 min_flt, maj_flt;
	struct io_counts io;		/* own task only */
	u64 start_time;			/* clock_ns */
	u64 timer_slack;
	u64 cpu_next;	/* own CPU time at which a timer_create timer is due; 0: none */
	bool cpu_due;	/* one may be due: looked at on the way to user mode; own task only */
	struct rcu_head rcu;
};
#define TF_KTHREAD	BIT(0)
#define TF_EXITING	BIT(1)
#define TF_FORKNOEXEC	BIT(2)
#define TF_SUPERPRIV	BIT(3)

struct process {
	ref_t ref;
	i32 pid;			/* of the leader: tgid */
	struct task *leader;		/* referenced until reaped */
	struct list threads; /* read under proc_lock or sighand->lock, changed under both */
	u32 nr_threads;			/* those that are not dead; same */
	u32 nr_live;			/* those that have not begun to exit; sighand->lock */
	struct process *parent;		/* proc_lock, or rcu */
	struct task *parent_task;	/* the living thread of parent that made it; proc_lock */
	i32 ppid;			/* parent's pid, to be read without a lock */
	struct list children, sibling;
	struct list all_link;		/* in all_processes; proc_lock */
	i32 pgid, sid;			/* proc_lock */
	struct list pgrp_link;
	bool session_leader, did_exec, child_subreaper;
	u32 exec_id, parent_exec_id;	/* execs by now; the parent's when we were made */
	struct tty *tty;		/* controlling terminal: tty's lock, see drv/tty */
	i32 exit_signal;

	struct sighand *sighand;
	struct sigpending pending;	/* for any thread; sighand->lock */
	u32 group_flags;		/* PG_*; sighand->lock */
	struct task *exec_task; /* PG_EXEC: the thread that waits for the others to be gone */
	bool unkillable;		/* init: signals without a handler do nothing */
	int group_exit_code;
	u32 group_stop_count;
	int stop_signal;

	int exit_code;			/* wait status once a zombie */
	bool zombie, reaped;
	struct wait_queue
		wait_children; /* wait4 by our threads; woken when a child changes state */
	struct wait_queue pidfd_wait;
	struct rlimit64 rlim[RLIM_NLIMITS];	/* task_lock of the leader */
	struct rusage_k dead_threads, dead_children;	/* sighand->lock; proc_lock */
	u64 start_time;
	struct list posix_timers;
	struct timer real_timer;	/* setitimer(ITIMER_REAL) */
	u64 real_interval;
	u64 cpu_timer[2], cpu_interval[2];
	u64 cpu_next;			/* as task.cpu_next, of all threads' time */
	i32 oom_score_adj;
	u32 personality;
	char *exe_path;
	struct io_counts dead_io; /* of dead threads and of children waited for; sighand->lock */
};

#define PGF_EXITING	BIT(0)	/* group_exit_code is the status; every thread is on its way out */
#define PGF_EXEC	BIT(1)	/* exec_task gets rid of the other threads */
#define PGF_STOPPED	BIT(2)	/* all threads have stopped by stop_signal */
#define PGF_STOP_NEWS	BIT(3)	/* stopped, not yet told to a WUNTRACED wait */
#define PGF_CONT_NEWS	BIT(4)	/* continued, not yet told to a WCONTINUED wait */
#define PGF_TELL_CONT	BIT(5)	/* the next thread to look at signals tells the parent */
#define PGF_TELL_STOP	BIT(6)	/* same, of a stop that SIGCONT overtook */

/* Of the current task, which keeps them; no reference is taken. A kernel thread's mm is NULL. */
static inline struct process *current_proc(void) { return current->proc; }
static inline struct mm *current_mm(void) { return current->mm; }
static inline const struct cred *current_cred(void) { return current->cred; }

/* References; the last one frees. */
static inline void task_get(struct task *t) { ref_get(&t->ref); }
void task_put(struct task *t);
void process_put(struct process *p);
extern struct spinlock proc_lock;	/* taken with interrupts off */
/* Referenced, or NULL. */
struct task *task_by_tid(i32 tid);
struct process *process_by_pid(i32 pid);
struct process *process_of_thread(i32 tid);	/* by the number of any of its threads */
/*
 * The address space of p, referenced (mm_put), if every process that uses it is being killed or
 * exits. ERR_PTR(-ESRCH): it is gone already; ERR_PTR(-EINVAL): somebody lives on. No locks.
 */
struct mm *process_dying_mm(struct process *p);
/* The next process by pid >= from, referenced, or NULL: for /proc and kill(-1). */
struct process *process_next(i32 from);
/* The next thread by tid >= from, referenced, or NULL. */
struct task *thread_next(struct process *p, i32 from);
u32 nr_processes(void), nr_tasks(void);
i32 last_pid(void);
extern struct list all_processes;	/* zombies too; proc_lock */
extern struct process *init_process;	/* pid 1; NULL before it starts */
extern u32 pid_max;		/* numbers are below it */
extern u32 threads_max;		/* so many threads there may be */
/* Referenced leader of p, or NULL once p has been reaped. */
struct task *process_leader(struct process *p);

/* The slabs of this layer; called before the first task is made, and before sched_init. */
void task_init(void);
/* A task of the kernel's own process (pid 0) with stack, name and sched_task_init done, not
 * started: task/task.c. */
struct task *task_alloc_kernel(const char *name);
/* The idle tasks, by CPU; [0] is the boot context (arch's entry code points SP_EL0 at it). */
extern struct task idle_tasks[MAX_CPUS];
/* A kernel thread, started; ERR_PTR(-ENOMEM). fn returning ends it. */
struct task *kthread_start(void (*fn)(void *), void *arg, const char *name);

/* fork, clone, clone3 decoded. Returns the new tid or negative errno. */
struct clone_req {
	u64 flags;
	i32 __user *pidfd, *child_tid, *parent_tid;
	int exit_signal;
	u64 stack, tls;
	i32 set_tid;
};
i64 task_clone(const struct clone_req *req);
/* CLONE_PIDFD: fs makes the descriptor (registered by sys/pidfd.c). prepare returns a reserved
 * descriptor or -errno; thread: for t alone and not for its process. install: t has its number. */
struct pidfd_ops {
	int (*prepare)(struct task *t, bool thread, void **cookie);
	void (*install)(int fd, struct task *t, void *cookie);
	void (*cancel)(int fd, void *cookie);
};
extern const struct pidfd_ops *pidfd_ops;
/* Ends the calling thread (status as exit(2) takes it, shifted already) or the whole process. */
__noreturn void task_exit(int status);
__noreturn void task_exit_group(int status);

/* Ends every other thread and makes the current one the leader. 0 or -EAGAIN (somebody else does),
 * -EINTR (killed). */
int task_dethread(void) __must_check;
/* Gives the current process signal handlers of its own if it shares them. 0, -ENOMEM. Sleeps. */
int task_unshare_sighand(void) __must_check;
/* The current task leaves its address space for mm (NULL: at exit): wakes a vfork parent, clears
 * the child tid. Sleeps. */
void task_replace_mm(struct mm *mm);
/* Makes init: a process of one thread, pid 1, with mm (taken over) that starts at pc with sp. By a
 * kernel thread, once. */
struct task *task_start_init(struct mm *mm, const char *comm, u64 pc, u64 sp);

/* wait4, waitid. */
struct wait_req {
	int type;
	i32 id;
	struct process *pidfd;	/* P_PIDFD; NULL: no child */
	u32 options;
}; /* P_ALL P_PID P_PGID P_PIDFD; W* */
struct wait_result {
	i32 pid;
	u32 uid;
	int code, status;
	struct rusage_k usage;
}; /* code: CLD_*; status: a wait status */
/* The pid, 0 (WNOHANG and none ready), -ECHILD, -ERESTARTSYS. */
i64 task_wait(const struct wait_req *req, struct wait_result *res);
void process_usage(struct process *p, struct rusage_k *u); /* all threads, dead ones included */
void task_usage(struct task *t, struct rusage_k *u);
void process_io(struct process *p, struct io_counts *io);	/* the same for /proc/PID/io */

/* Sessions and process groups. Results as the system calls'. */
i64 task_setsid(void);
i64 task_setpgid(i32 pid, i32 pgid);
/* The process group has no member with a parent outside it in the same session. proc_lock held. */
bool pgrp_orphaned(i32 pgid, const struct process *ignored);
bool pid_exists(i32 nr);	/* as a process, thread, group or session; proc_lock held */
bool pgrp_exists_in_session(i32 pgid, i32 sid);

/* Subsystem parts of a task that come and go with it: fs registers files and fs_ctx so that task
 * does not depend on fs. */
struct task_part {
	int (*clone)(struct task *child, struct task *parent,
		     u64 clone_flags); /* 0 or -errno; undone by exit on the child */
	void (*exit)(struct task *t); /* sleeps; t is current, or a child whose clone failed */
	void (*process_exit)(struct process *p);	/* the last thread is going: tty hang-up */
};
void task_part_register(const struct task_part *p);	/* at boot; p stays */

/* Credentials: a private copy to change, then commit (frees the old after RCU) or abort. */
struct cred *cred_prepare(void) __must_check;
void cred_commit(struct cred *c);
void cred_abort(struct cred *c);
/* The user that belongs to c->uid, after a change of it; 0 or -EAGAIN (no memory, setuid(2)). */
int cred_set_user(struct cred *c) __must_check;
bool capable(int cap);			/* the current task, effective */
bool in_group(u32 gid);			/* fsgid or supplementary */
/* The current process's soft limit. */
static inline u64 rlimit(int which) { return READ_ONCE(current->proc->rlim[which].rlim_cur); }
void cred_put(const struct cred *c);
static inline const struct cred *cred_get(const struct cred *c)
{
	ref_get(&((struct cred *)c)->ref);
	return c;
}
/* The credentials of another task, referenced. */
const struct cred *task_cred_get(struct task *t);
/*
 * The current task might look into t (ptrace(2), "Ptrace access mode checking"): same identity and
 * dumpable, or CAP_SYS_PTRACE. t may take on another identity at any time, by exec above all: get
 * what is wanted first, then ask. An address space is asked about by itself: exec makes that of a
 * privileged program undumpable before anybody can get it.
 */
bool task_may_inspect(struct task *t);
bool task_may_inspect_mm(struct task *t, const struct mm *mm);
bool task_dumpable(struct task *t);	/* prctl(PR_SET_DUMPABLE); without memory: as it last was */
/* setuid and exec: what capabilities become when user ids change from old's. */
void cred_fix_caps(struct cred *c, const struct cred *old);
extern struct cred init_cred;

#endif
