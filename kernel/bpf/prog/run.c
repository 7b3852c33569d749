/* SPDX-License-Identifier: BSD-2-Clause */
/* Running programs. */
#include <base/errno.h>
#include <bpf/dispatch.h>
#include <bpf/prog.h>
#include <hal/cpu.h>
#include <hal/sync.h>

atomic_t bpf_stats_users;

static void count_runs(struct bpf_prog *p, u32 runs, u64 ns)
{
	__atomic_fetch_add(&p->run_cnt, runs, __ATOMIC_RELAXED);
	__atomic_fetch_add(&p->run_ns, ns, __ATOMIC_RELAXED);
}

static u64 counted_run(struct bpf_prog *p, void *ctx)
{
	u64 start, r0;

	preempt_disable();	/* the time is the program's alone */
	start = clock_ns();
	r0 = bpf_prog_run(p, ctx);
	count_runs(p, 1, clock_ns() - start);
	preempt_enable();
	return r0;
}

u32 bpf_filter_run(struct bpf_prog *p, const void *data, u32 n, struct bpf_skb *skb)
{
	skb->data = (u64)data;
	skb->data_end = (u64)data + n;
	skb->len = n;
	if (unlikely(atomic_read(&bpf_stats_users)))
		return (u32)counted_run(p, skb);
	return (u32)bpf_prog_run(p, skb);
}

/* Others run between two runs, not within one. */
static int let_others(u64 *away)
{
	u64 from = clock_ns();

	preempt_enable();
	cond_resched();
	preempt_disable();
	*away += clock_ns() - from;
	return sleep_interrupted(SLEEP_INTERRUPTIBLE) ? -EINTR : 0;
}

/* Of XDP programs, which are called at each packet: the most frequent calls there are. */
static struct bpf_dispatcher xdp_dispatcher = {
	.name = "bpf_dispatcher_xdp", .change = MUTEX_INIT(xdp_dispatcher.change)};

int bpf_prog_repeat(struct bpf_prog *p, void *ctx, u32 repeat, u32 *r0, u32 *ns)
{
	/* Without a dispatcher the program itself is called, to which a third argument is nothing.
	 */
	u64 (*enter)(void *, u64, bpf_dispatch_run) = (void *)p->run;
	bool dispatched = p->type == BPF_PROG_TYPE_XDP && repeat > 1 &&
			  !bpf_dispatch_add(&xdp_dispatcher, p->run);
	u64 start, spent, away = 0, result = 0;
	u32 runs = 0;
	int err = 0;

	if (dispatched)
		enter = xdp_dispatcher.enter;
	repeat = max(repeat, 1u);
	preempt_disable();
	start = clock_ns();
	while (!err) {
		result = enter(ctx, 0, p->run);
		if (++runs == repeat)
			break;	/* all is done, whatever is pending */
		if (unlikely(READ_ONCE(current_core()->work) & WORK_ON_EXIT))
			err = let_others(&away);
	}
	spent = clock_ns() - start - away;
	*ns = (u32)min(spent / repeat, (u64)~0u);
	if (unlikely(atomic_read(&bpf_stats_users)))
		count_runs(p, runs, spent);
	preempt_enable();
	if (dispatched)
		bpf_dispatch_remove(&xdp_dispatcher, p->run);
	*r0 = (u32)result;
	return err;
}
