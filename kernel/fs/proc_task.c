/* SPDX-License-Identifier: BSD-2-Clause */
/* What /proc says of one process or thread: status, stat and the other small texts
 * (proc_pid_stat(5) and its kin). */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/fd.h>
#include <hal/boot.h>
#include <hal/cpu.h>
#include <linux/sched.h>
#include <task/clock.h>
#include "proc.h"

#define TICKS(ns)	((ns) / 10000000)	/* of user space: 100 a second */
#define KB(pages)	((pages) << (PAGE_SHIFT - 10))

static char state_of(const struct task *t, const char **name)
{
	static const struct { char c; const char *name;
	} states[] = {
		[TASK_RUNNING] = {'R', "running"},
		[TASK_INTERRUPTIBLE] = {'S', "sleeping"},
		[TASK_UNINTERRUPTIBLE] = {'D', "disk sleep"},
		[TASK_KILLABLE] = {'D', "disk sleep"},
		[TASK_STOPPED] = {'T', "stopped"},
		[TASK_DEAD] = {'Z', "zombie"},
	};
	u32 n = READ_ONCE(t->dead) ? TASK_DEAD : READ_ONCE(t->sched.state);

	if (n >= ARRAY_SIZE(states))
		n = TASK_RUNNING;
	*name = states[n].name;
	return states[n].c;
}

static void comm_of(struct task *t, char comm[16])
{
	spin_lock(&t->task_lock);
	memcpy(comm, t->comm, 16);
	spin_unlock(&t->task_lock);
	comm[15] = 0;
}

/* --- signals ---------------------------------------------------------------------------------- */

struct sig_sets { sigmask_t pending, shared, blocked, ignored, caught; u32 queued; u64 limit; };

static u32 user_sigpending(struct task *t)
{
	const struct cred *c = task_cred_get(t);
	u32 n = READ_ONCE(c->user->sigpending);

	cred_put(c);
	return n;
}

static void signal_sets(struct task *t, struct sig_sets *s)
{
	struct process *p = t->proc;
	struct sighand *h;
	u64 flags;

	*s = (struct sig_sets){.limit = p->rlim[RLIMIT_SIGPENDING].rlim_cur,
			       .queued = user_sigpending(t)};
	if (READ_ONCE(t->dead) || !p->sighand)
		return;
	h = sighand_lock(p, &flags);
	if (!h)
		return;
	s->pending = t->pending.set;
	s->shared = p->pending.set;
	s->blocked = t->blocked;
	for (u32 n = 0; n < 64; n++) {
		if (h->action[n].handler == 1 /* SIG_IGN */)
			s->ignored |= BIT(n);
		else if (h->action[n].handler)
			s->caught |= BIT(n);
	}
	sighand_unlock(h, flags);
}

/* --- status ----------------------------------------------------------------------------------- */

static void status_ids(struct seq *s, struct task *t)
{
	const struct cred *c = task_cred_get(t);

	seq_printf(s, "Uid:\t%u\t%u\t%u\t%u\nGid:\t%u\t%u\t%u\t%u\n", c->uid, c->euid, c->suid,
		   c->fsuid, c->gid, c->egid, c->sgid, c->fsgid);
	seq_printf(s, "FDSize:\t%u\nGroups:\t", task_fd_size(t));
	for (u32 i = 0; i < c->ngroups; i++)
		seq_printf(s, "%u ", c->groups[i]);
	seq_puts(s, c->ngroups ? "\n" : " \n");
	cred_put(c);
}

static void status_mm(struct seq *s, struct mm *mm)
{
	struct mm_sums m;

	proc_mm_sums(mm, &m);
	seq_printf(s, "VmPeak:\t%8lu kB\nVmSize:\t%8lu kB\nVmLck:\t%8lu kB\n"
		      "VmPin:\t%8lu kB\nVmHWM:\t%8lu kB\nVmRSS:\t%8lu kB\n",
		   KB(m.peak), KB(m.size), KB(m.locked), 0ul, KB(m.hwm), KB(m.rss));
	seq_printf(s, "RssAnon:\t%8lu kB\nRssFile:\t%8lu kB\nRssShmem:\t%8lu kB\n", KB(m.anon),
		   KB(m.file), KB(m.shmem));
	seq_printf(s, "VmData:\t%8lu kB\nVmStk:\t%8lu kB\nVmExe:\t%8lu kB\n"
		      "VmLib:\t%8lu kB\nVmPTE:\t%8lu kB\nVmSwap:\t%8lu kB\n",
		   KB(m.data), KB(m.stack), KB(m.exec), KB(m.lib), KB(m.tables), 0ul);
	seq_printf(s, "HugetlbPages:\t       0 kB\nCoreDumping:\t0\nTHP_enabled:\t%d\n"
		      "untag_mask:\t0xffffffffffffff\n", mm->thp_disable != THP_DISABLE_ALL);
}

static void status_signals(struct seq *s, struct task *t)
{
	struct sig_sets g;

	signal_sets(t, &g);
	seq_printf(s, "SigQ:\t%u/%lu\nSigPnd:\t%016lx\nShdPnd:\t%016lx\n"
		      "SigBlk:\t%016lx\nSigIgn:\t%016lx\nSigCgt:\t%016lx\n",
		   g.queued, g.limit, g.pending, g.shared, g.blocked, g.ignored, g.caught);
}

static void status_caps(struct seq *s, struct task *t)
{
	const struct cred *c = task_cred_get(t);

	seq_printf(s,
		   "CapInh:\t%016lx\nCapPrm:\t%016lx\nCapEff:\t%016lx\n"
		   "CapBnd:\t%016lx\nCapAmb:\t%016lx\nNoNewPrivs:\t%d\n",
		   c->cap_inheritable, c->cap_permitted, c->cap_effective, c->cap_bounding,
		   c->cap_ambient, c->no_new_privs);
	cred_put(c);
}

static void status_cpus(struct seq *s, struct task *t)
{
	u64 mask = READ_ONCE(t->sched.affinity) & (BIT(nr_cpus) - 1);
	const char *sep = "";

	seq_printf(s, "Cpus_allowed:\t%lx\nCpus_allowed_list:\t", mask);
	for (u32 n = 0; n < nr_cpus; n++) {
		u32 first = n;

		if (!(mask & BIT(n)))
			continue;
		while (n + 1 < nr_cpus && mask & BIT(n + 1))
			n++;
		seq_printf(s, n > first ? "%s%u-%u" : "%s%u", sep, first, n);
		sep = ",";
	}
	seq_puts(s, "\nMems_allowed:\t1\nMems_allowed_list:\t0\n");
}

SHOW(status)
{
	struct process *p = t->proc;
	const char *state;
	char c = state_of(t, &state), comm[16];
	struct mm *mm = proc_mm(t);

	comm_of(t, comm);
	seq_puts(s, "Name:\t");
	seq_escape(s, comm, "\n");
	seq_printf(s,
		   "\nUmask:\t%04o\nState:\t%c "
		   "(%s)\nTgid:\t%d\nNgid:\t0\nPid:\t%d\nPPid:\t%d\nTracerPid:\t0\n",
		   task_umask(t), c, state, p->pid, t->tid, p->ppid);
	status_ids(s, t);
	seq_printf(s, "NStgid:\t%d\nNSpid:\t%d\nNSpgid:\t%d\nNSsid:\t%d\nKthread:\t%d\n", p->pid,
		   t->tid, p->pgid, p->sid, !!(t->flags & TF_KTHREAD));
	if (mm) {
		status_mm(s, mm);
		mm_return(mm);
	}
	seq_printf(s, "Threads:\t%u\n", READ_ONCE(p->nr_threads));
	status_signals(s, t);
	status_caps(s, t);
	seq_puts(s,
		 "Seccomp:\t0\nSeccomp_filters:\t0\nSpeculation_Store_Bypass:\tthread vulnerable\n"
		 "SpeculationIndirectBranch:\tunknown\n");
	status_cpus(s, t);
	seq_printf(s, "voluntary_ctxt_switches:\t%lu\nnonvoluntary_ctxt_switches:\t%lu\n",
		   t->sched.nvcsw, t->sched.nivcsw);
	return 0;
}

/* --- stat ------------------------------------------------------------------------------------- */

static int priority_of(const struct task *t)
{
	return t->sched.policy == SCHED_FIFO || t->sched.policy == SCHED_RR ? -1 - t->sched.rt_prio
									    : 20 + t->sched.nice;
}

static u32 flags_of(const struct task *t)
{
	return (t->flags & TF_KTHREAD ? 0x200000 : 0x400000) | (t->flags & TF_EXITING ? 4 : 0) |
	       (t->flags & TF_FORKNOEXEC ? 0x40 : 0) | (t->flags & TF_SUPERPRIV ? 0x100 : 0);
}

/* Addresses are told to those only who could read them otherwise. */
static void stat_addresses(const struct mm *mm, bool look, u64 a[10])
{
	memset(a, 0, 10 * sizeof(*a));
	if (!mm)
		return;
	if (!look) {
		a[0] = a[1] = 1;
		return;
	}
	a[0] = mm->code_start;
	a[1] = mm->code_end;
	a[2] = mm->stack_top;
	a[3] = mm->data_start;
	a[4] = mm->data_end;
	a[5] = mm->brk_start;
	a[6] = mm->arg_start;
	a[7] = mm->arg_end;
	a[8] = mm->env_start;
	a[9] = mm->env_end;
}

SHOW(stat)
{
	struct process *p = t->proc;
	struct rusage_k own, dead = p->dead_children;
	struct mm *mm = proc_mm(t);
	struct mm_sums m = { 0 };
	struct sig_sets g;
	const char *name;
	char comm[16], c = state_of(t, &name);
	u64 a[10];
	u32 tty = 0;
	i32 fg = -1;

	if (thread)
		task_usage(t, &own);
	else
		process_usage(p, &own);
	if (proc_tty_info)
		proc_tty_info(p, &tty, &fg);
	if (mm)
		proc_mm_sums(mm, &m);
	stat_addresses(mm, mm && task_may_inspect_mm(t, mm), a);
	signal_sets(t, &g);
	comm_of(t, comm);
	seq_printf(s, "%d (%s) %c %d %d %d %d %d %u %lu %lu %lu %lu %lu %lu %lu %lu", t->tid, comm,
		   c, p->ppid, p->pgid, p->sid, (int)tty, fg, flags_of(t), own.min_flt,
		   thread ? 0 : dead.min_flt, own.maj_flt, thread ? 0 : dead.maj_flt,
		   TICKS(own.utime), TICKS(own.stime), TICKS(dead.utime), TICKS(dead.stime));
	seq_printf(s, " %d %d %u 0 %lu %lu %lu %lu %lu %lu %lu 0 0", priority_of(t), t->sched.nice,
		   READ_ONCE(p->nr_threads), TICKS(t->start_time), m.size << PAGE_SHIFT, m.rss,
		   (u64)p->rlim[RLIMIT_RSS].rlim_cur, a[0], a[1], a[2]);
	seq_printf(s, " %lu %lu %lu %lu 0 0 0 %d %u %u %u 0 0 0", g.pending & 0x7fffffff,
		   g.blocked & 0x7fffffff, g.ignored & 0x7fffffff, g.caught & 0x7fffffff,
		   p->exit_signal, t->core.cpu, t->sched.rt_prio, t->sched.policy);
	seq_printf(s, " %lu %lu %lu %lu %lu %lu %lu %d\n", a[3], a[4], a[5], a[6], a[7], a[8], a[9],
		   task_may_inspect(t) ? p->exit_code : 0);
	if (mm)
		mm_return(mm);
	return 0;
}

SHOW(statm)
{
	struct mm *mm = proc_mm(t);
	struct mm_sums m = { 0 };

	if (mm) {
		proc_mm_sums(mm, &m);
		mm_return(mm);
	}
	seq_printf(s, "%lu %lu %lu %lu 0 %lu 0\n", m.size, m.rss, m.file + m.shmem, m.exec,
		   m.data + m.stack);
	return 0;
}

/* --- memory of the process as text ------------------------------------------------------------ */

/* Bytes [start, end) of mm; what cannot be read ends it. */
static void copy_range(struct seq *s, struct mm *mm, u64 start, u64 end)
{
	while (start < end) {
		size_t want = min(end - start, PAGE_SIZE);
		ssize_t n;

		if (!seq_reserve(s, want))
			return;
		n = mm_access(mm, start, s->buf + s->len, want, false);
		if (n <= 0) {
			s->failed = n == -ENOMEM;
			return;
		}
		s->len += (size_t)n;
		start += (u64)n;
	}
}

SHOW(cmdline)
{
	struct mm *mm = proc_mm(t);
	size_t from = s->len;

	if (!mm)
		return 0;
	if (mm->arg_end > mm->arg_start && mm->env_end >= mm->env_start) {
		copy_range(s, mm, mm->arg_start, mm->arg_end);
		/* A program that wrote over its arguments, and beyond: up to the first NUL of what
		 * it wrote. */
		if (s->len > from && s->buf[s->len - 1]) {
			copy_range(s, mm, mm->arg_end, mm->env_end);
			if (!s->failed)
				s->len = from + strnlen(s->buf + from, s->len - from);
		}
	}
	mm_return(mm);
	return 0;
}

SHOW(environ)
{
	struct mm *mm = proc_mm_inspect(t);

	if (!mm || IS_ERR(mm))
		return (int)PTR_ERR(mm);
	if (mm->env_end > mm->env_start)
		copy_range(s, mm, mm->env_start, mm->env_end);
	mm_return(mm);
	return 0;
}

SHOW(auxv)
{
	struct mm *mm = proc_mm_inspect(t);
	u32 n = 0;

	if (!mm || IS_ERR(mm))
		return (int)PTR_ERR(mm);
	do
		n += 2;
	while (n < ARRAY_SIZE(mm->auxv) && mm->auxv[n - 2]);
	seq_write(s, mm->auxv, n * sizeof(u64));
	mm_return(mm);
	return 0;
}

/* --- the rest --------------------------------------------------------------------------------- */

SHOW(comm)
{
	char comm[16];

	comm_of(t, comm);
	seq_printf(s, "%s\n", comm);
	return 0;
}

static void limit_value(struct seq *s, u64 v)
{
	if (v == ~0ull)
		seq_printf(s, "%-20s ", "unlimited");
	else
		seq_printf(s, "%-20lu ", v);
}

SHOW(limits)
{
	static const struct { const char *name, *unit; } limits[RLIM_NLIMITS] = {
		[RLIMIT_CPU] = { "Max cpu time", "seconds" },
		[RLIMIT_FSIZE] = { "Max file size", "bytes" },
		[RLIMIT_DATA] = { "Max data size", "bytes" },
		[RLIMIT_STACK] = { "Max stack size", "bytes" },
		[RLIMIT_CORE] = { "Max core file size", "bytes" },
		[RLIMIT_RSS] = { "Max resident set", "bytes" },
		[RLIMIT_NPROC] = { "Max processes", "processes" },
		[RLIMIT_NOFILE] = { "Max open files", "files" },
		[RLIMIT_MEMLOCK] = { "Max locked memory", "bytes" },
		[RLIMIT_AS] = { "Max address space", "bytes" },
		[RLIMIT_LOCKS] = { "Max file locks", "locks" },
		[RLIMIT_SIGPENDING] = { "Max pending signals", "signals" },
		[RLIMIT_MSGQUEUE] = { "Max msgqueue size", "bytes" },
		[RLIMIT_NICE] = { "Max nice priority", "" },
		[RLIMIT_RTPRIO] = { "Max realtime priority", "" },
		[RLIMIT_RTTIME] = { "Max realtime timeout", "us" },
	};

	seq_printf(s, "%-25s %-20s %-20s %-10s\n", "Limit", "Soft Limit", "Hard Limit", "Units");
	for (u32 n = 0; n < RLIM_NLIMITS; n++) {
		seq_printf(s, "%-25s ", limits[n].name);
		limit_value(s, t->proc->rlim[n].rlim_cur);
		limit_value(s, t->proc->rlim[n].rlim_max);
		seq_printf(s, *limits[n].unit ? "%-10s\n" : "\n", limits[n].unit);
	}
	return 0;
}

SHOW(io)
{
	struct io_counts io = t->io;

	if (!thread)
		process_io(t->proc, &io);
	seq_printf(s, "rchar: %lu\nwchar: %lu\nsyscr: %lu\nsyscw: %lu\n"
		      "read_bytes: 0\nwrite_bytes: 0\ncancelled_write_bytes: 0\n",
		   io.rchar, io.wchar, io.syscr, io.syscw);
	return 0;
}

SHOW(oom_score_adj)
{
	seq_printf(s, "%d\n", READ_ONCE(t->proc->oom_score_adj));
	return 0;
}

/* The share of memory in thousandths, shifted by the adjustment, on Linux's scale of 0..2000. */
SHOW(oom_score)
{
	struct mm *mm = proc_mm(t);
	struct mem_totals total;
	struct mm_sums m = { 0 };
	i64 score = 0;

	if (mm) {
		proc_mm_sums(mm, &m);
		mm_return(mm);
		mem_totals(&total);
		score = (i64)((m.rss + m.tables) * 1000 / max(total.total, 1ul)) +
			READ_ONCE(t->proc->oom_score_adj);
		score = score < -999 ? 0 : (1000 + score) * 2 / 3;
	}
	seq_printf(s, "%ld\n", (long)score);
	return 0;
}

SHOW(wchan)
{
	const char *name = NULL;
	u64 pc = 0, off;

	if (t != current && READ_ONCE(t->sched.state) != TASK_RUNNING && task_may_inspect(t)) {
		rcu_read_lock();	/* see SHOW(syscall) */
		if (!READ_ONCE(t->dead))
			pc = arch_sleeps_at(&t->arch, t->core.stack);
		rcu_read_unlock();
		name = pc ? arch_symbol(pc - 4, &off, NULL) : NULL;
	}
	seq_puts(s, name ? name : "0");
	return 0;
}

/* What the thread sleeps in: number, arguments, stack pointer, program counter. */
SHOW(syscall)
{
	struct regs r;
	bool dead;

	if (t == current || READ_ONCE(t->sched.state) == TASK_RUNNING) {
		seq_puts(s, "running\n");
		return 0;
	}
	rcu_read_lock();	/* a thread that is not dead by now has its stack until we unlock */
	dead = READ_ONCE(t->dead) || t->flags & TF_KTHREAD;
	if (!dead)
		r = *arch_user_regs(t->core.stack);
	rcu_read_unlock();
	if (dead) {
		seq_puts(s, "0 0x0 0x0\n");
		return 0;
	}
	if (!regs_in_syscall(&r)) {
		seq_printf(s, "-1 0x%lx 0x%lx\n", regs_sp(&r), regs_pc(&r));
		return 0;
	}
	seq_printf(s, "%lu", regs_syscall(&r));
	for (u32 i = 0; i < 6; i++)
		seq_printf(s, " 0x%lx", regs_arg(&r, i));
	seq_printf(s, " 0x%lx 0x%lx\n", regs_sp(&r), regs_pc(&r));
	return 0;
}

SHOW(schedstat)
{
	seq_printf(s, "%lu 0 %lu\n", sched_runtime(t), t->sched.nvcsw + t->sched.nivcsw);
	return 0;
}

SHOW(personality)
{
	seq_printf(s, "%08x\n", t->proc->personality);
	return 0;
}
