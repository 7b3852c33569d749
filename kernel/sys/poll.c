/* SPDX-License-Identifier: BSD-2-Clause */
/* ppoll(2), pselect6(2). poll and select have no number of their own on arm64. */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/poll.h>
#include <hal/cpu.h>
#include <linux/poll.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <task/task.h>
#include "sigmask.h"

#define FEW_FDS		16
#define SELECT_MAX	(1u << 16)	/* descriptors beyond are not looked at */

/* A relative timeout (NULL: none) as a deadline; 0 means do not wait. */
static int deadline_from_user(const void __user *ts, u64 *deadline)
{
	u64 ns;
	int err;

	*deadline = ~0ull;
	if (!ts)
		return 0;
	err = timespec_from_user(ts, &ns);
	if (!err)
		*deadline = ns ? ns_add(clock_ns(), ns) : 0;
	return err;
}

/* What is left of the time; the result stands even if it cannot be told. */
static void remaining_to_user(void __user *ts, u64 deadline)
{
	u64 now = clock_ns();

	if (ts && timespec_to_user(ts, deadline > now ? deadline - now : 0))
		return;
}

static i64 do_poll(struct pollfd __user *user, u32 n, u64 deadline)
{
	struct pollfd few[FEW_FDS], *fds = few;
	size_t size = n * sizeof(*fds);
	i64 ret = -EFAULT;

	if (n > FEW_FDS) {
		fds = kmalloc(size);
		if (!fds)
			return -ENOMEM;
	}
	if (!copy_from_user(fds, user, size)) {
		ret = poll_fds(fds, n, deadline);
		for (u32 i = 0; ret >= 0 && i < n; i++)
			if (put_user(fds[i].revents, &user[i].revents))
				ret = -EFAULT;
	}
	if (fds != few)
		kfree(fds);
	return ret;
}

SYSCALL(ppoll)
{
	const void __user *mask = (void __user *)a[3];
	void __user *ts = (void __user *)a[2];
	u64 deadline;
	i64 ret;

	if ((u32)a[1] > rlimit(RLIMIT_NOFILE))
		return -EINVAL;
	ret = deadline_from_user(ts, &deadline);
	if (!ret)
		ret = sigmask_begin(mask, a[4]);
	if (ret)
		return ret;
	ret = do_poll((void __user *)a[0], (u32)a[1], deadline);
	remaining_to_user(ts, deadline);
	return sigmask_end(mask, ret);
}

/* --- select ----------------------------------------------------------------------------------- */

#define SEL_IN	(EPOLLIN | EPOLLRDNORM | EPOLLRDBAND | EPOLLHUP | EPOLLERR)
#define SEL_OUT	(EPOLLOUT | EPOLLWRNORM | EPOLLWRBAND | EPOLLERR)
#define SEL_EX	EPOLLPRI

struct sets { u64 *bits[3]; u32 n, words; };	/* in, out, exceptional */
static const u32 sel_events[3] = { SEL_IN, SEL_OUT, SEL_EX };

static u32 events_of(const struct sets *s, u32 fd)
{
	u32 ev = 0;

	for (u32 k = 0; k < 3; k++)
		if (s->bits[k][fd / 64] & BIT(fd % 64))
			ev |= sel_events[k];
	return ev;
}

static u32 count_watched(const struct sets *s)
{
	u32 n = 0;

	for (u32 w = 0; w < s->words; w++)
		n += (u32)__builtin_popcountll(s->bits[0][w] | s->bits[1][w] | s->bits[2][w]);
	return n;
}

static void fill_pollfds(const struct sets *s, struct pollfd *fds)
{
	for (u32 fd = 0; fd < s->n; fd++) {
		u32 ev = events_of(s, fd);

		if (ev)
			*fds++ = (struct pollfd){ .fd = (int)fd, .events = (short)ev };
	}
}

/* Leaves in the sets what is ready; the number of bits. */
static i64 take_results(struct sets *s, const struct pollfd *fds, u32 n)
{
	i64 count = 0;

	for (; n; n--, fds++) {
		u32 word = (u32)fds->fd / 64;
		u64 bit = BIT(fds->fd % 64);

		if (fds->revents & POLLNVAL)
			return -EBADF;
		for (u32 k = 0; k < 3; k++) {
			if (!(s->bits[k][word] & bit))
				continue;
			if ((u16)fds->revents & sel_events[k])
				count++;
			else
				s->bits[k][word] &= ~bit;
		}
	}
	return count;
}

static i64 select_wait(struct sets *s, u64 deadline)
{
	u32 n = count_watched(s);
	struct pollfd few[FEW_FDS], *fds = few;
	i64 ret;

	if (n > FEW_FDS) {
		fds = kmalloc(n * sizeof(*fds));
		if (!fds)
			return -ENOMEM;
	}
	fill_pollfds(s, fds);
	ret = poll_fds(fds, n, deadline);
	if (ret >= 0)
		ret = take_results(s, fds, n);
	if (fds != few)
		kfree(fds);
	return ret;
}

static i64 do_select(u32 n, const u64 *user, u64 deadline)
{
	u64 few[3 * 16];
	struct sets s = { .n = n, .words = div_round_up(n, 64) };
	u64 *mem = few;
	i64 ret = 0;

	if (s.words > 16) {
		mem = kmalloc(3ul * s.words * 8);
		if (!mem)
			return -ENOMEM;
	}
	memset(mem, 0, 3ul * s.words * 8);
	for (u32 k = 0; k < 3; k++) {
		s.bits[k] = mem + k * s.words;
		if (user[k] && copy_from_user(s.bits[k], (void __user *)user[k], s.words * 8ul))
			ret = -EFAULT;
		if (n % 64)
			s.bits[k][s.words - 1] &= BIT(n % 64) - 1;
	}
	if (!ret)
		ret = select_wait(&s, deadline);
	for (u32 k = 0; ret >= 0 && k < 3; k++)
		if (user[k] && copy_to_user((void __user *)user[k], s.bits[k], s.words * 8ul))
			ret = -EFAULT;
	if (mem != few)
		kfree(mem);
	return ret;
}

SYSCALL(pselect6)
{
	struct { u64 mask, size; } sig = { 0, 0 };
	void __user *ts = (void __user *)a[4];
	const void __user *mask;
	u64 deadline;
	i64 ret;

	if (a[5] && copy_from_user(&sig, (void __user *)a[5], sizeof(sig)))
		return -EFAULT;
	mask = (void __user *)sig.mask;
	ret = deadline_from_user(ts, &deadline);
	if (!ret && (int)a[0] < 0)
		ret = -EINVAL;
	if (!ret)
		ret = sigmask_begin(mask, sig.size);
	if (ret)
		return ret;
	ret = do_select(min((u32)a[0], SELECT_MAX), &a[1], deadline);
	remaining_to_user(ts, deadline);
	return sigmask_end(mask, ret);
}
