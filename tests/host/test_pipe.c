/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes against a model: a list of slots, as pipe(7) and pipe-user-pages tell of them. Then writers and
 * readers as threads that change places at every lock: whole records stay whole, nothing is lost or
 * doubled, the end comes when the last writer has gone.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <fake/fake.h>
#include <fs/pipe.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <mm/uio.h>
#include <task/task.h>
#include "pipe_ring.h"

struct user pipe_user;
static bool privileged;
static u32 signals;

u64 mm_rlimit(int which) { return ~0ull; }
bool capable(int cap) { return privileged; }
void signal_send_task(struct task *t, int sig, const siginfo_t *info) { signals++; }
int fifo_open(struct inode *i, struct file *f) { return 0; }
int arch_put_user(u64 v, void __user *p, size_t size) { return -EFAULT; }

static struct pipe *pipe_made;
static struct file end[2];	/* 0 reads, 1 writes */

static void open_both(u32 flags)
{
	pipe_made = pipe_new();
	assert_non_null(pipe_made);
	for (u32 i = 0; i < 2; i++)
		end[i] = (struct file){.ops = &fifo_file_ops,
				       .mode = i ? FMODE_WRITE : FMODE_READ,
				       .flags = flags,
				       .private = pipe_made};
	pipe_made->readers = pipe_made->writers = 1;
}

static void all_is_freed(void)
{
	pipe_free(pipe_made);
	assert_int_equal(pipe_user.pipe_pages, 0);
	assert_int_equal(fake_pages_used(), 0);
	assert_int_equal(fake_objects_used(), 0);
}

static ssize_t move(struct file *f, void *data, size_t n)
{
	struct uio_seg seg;
	struct uio u;

	uio_kernel(&u, &seg, data, n);
	return f->mode & FMODE_READ ? f->ops->read(f, &u, NULL) : f->ops->write(f, &u, NULL);
}

/* --- one after the other, against the model -------------------------------------------------- */
#define MOST 256u
static struct slot { u32 off, len; bool packet; } slots[MOST];
static u32 nr_slots, max_slots;
static u8 queue[2 * MOST * PAGE_SIZE];	/* all bytes in the pipe, in order: so many, from first_queued */
static u32 first_queued, queued;
static u8 next_in;

static void drop_first(void) { memmove(slots, slots + 1, --nr_slots * sizeof(*slots)); }

static ssize_t model_write(const u8 *data, u32 n, bool packets)
{
	u32 left = n, odd = n % PAGE_SIZE;
	struct slot *last = nr_slots ? &slots[nr_slots - 1] : NULL;

	if (!packets && odd && last && !last->packet && last->off + last->len + odd <= PAGE_SIZE) {
		last->len += odd;
		left -= odd;
	}
	for (u32 part; left && nr_slots < max_slots; left -= part) {
		part = left < PAGE_SIZE ? left : PAGE_SIZE;
		slots[nr_slots++] = (struct slot){ 0, part, packets };
	}
	if (first_queued + queued + n > sizeof(queue)) {
		memmove(queue, queue + first_queued, queued);
		first_queued = 0;
	}
	memcpy(queue + first_queued + queued, data, n - left);
	queued += n - left;
	return left == n ? -EAGAIN : (ssize_t)(n - left);
}

static ssize_t model_read(u8 *data, u32 n)
{
	u32 done = 0, gone = 0;
	bool packet = false;

	if (!nr_slots)
		return -EAGAIN;
	while (done < n && nr_slots && !packet) {
		struct slot *s = &slots[0];
		u32 part = n - done < s->len ? n - done : s->len;

		packet = s->packet;
		memcpy(data + done, queue + first_queued + gone, part);
		done += part;
		gone += packet ? s->len : part;
		s->off += part;
		s->len -= part;
		if (!s->len || packet)
			drop_first();
	}
	first_queued += gone;
	queued -= gone;
	return done;
}

static void do_write(bool packets)
{
	static u8 data[5 * PAGE_SIZE];
	u32 n = 1 + fake_random(fake_random(3) ? 300 : sizeof(data) - 1);
	ssize_t got, want;

	if (!fake_random(4))
		n = (n + PAGE_SIZE - 1) & (u32)PAGE_MASK;
	for (u32 i = 0; i < n; i++)
		data[i] = next_in++;
	end[1].flags = O_NONBLOCK | (packets ? O_DIRECT : 0);
	got = move(&end[1], data, n);
	if (got == -ENOMEM) {	/* nothing of it is there, or what came before the failure */
		assert_int_not_equal(fake_fail_rate, 0);
		return;
	}
	if (fake_fail_rate && got > 0)
		n = (u32)got;
	want = model_write(data, n, packets);
	assert_int_equal(got, want);
}

static void do_read(void)
{
	static u8 data[5 * PAGE_SIZE], expected[5 * PAGE_SIZE];
	u32 n = 1 + fake_random(fake_random(3) ? 500 : sizeof(data) - 1);
	ssize_t want = model_read(expected, n), got = move(&end[0], data, n);

	assert_int_equal(got, want);
	if (got > 0)
		assert_memory_equal(data, expected, got);
}

static void do_resize(void)
{
	u32 n = 1u << fake_random(9);
	i64 got = pipe_fcntl(&end[0], F_SETPIPE_SZ, n * PAGE_SIZE);

	if (got == -ENOMEM && fake_fail_rate)
		return;
	if (n < nr_slots) {
		assert_int_equal(got, -EBUSY);
		return;
	}
	assert_int_equal(got, n * PAGE_SIZE);
	max_slots = n;
	assert_int_equal(pipe_user.pipe_pages, n);
}

static void sequence(u64 seed, u32 fail_rate)
{
	bool packets = seed % 3 == 0;

	fake_init(8 * MIB, seed);
	open_both(O_NONBLOCK);
	nr_slots = queued = 0;
	max_slots = PIPE_SLOTS;
	fake_fail_rate = fail_rate;
	for (u32 i = 0; i < 400; i++) {
		u32 what = fake_random(20);

		if (what < 9)
			do_write(packets && fake_random(2));
		else if (what < 19)
			do_read();
		else
			do_resize();
		assert_int_equal(pipe_empty(pipe_made), nr_slots == 0);
		assert_int_equal(pipe_full(pipe_made), nr_slots >= max_slots);
	}
	fake_fail_rate = 0;
	while (queued)
		do_read();
	all_is_freed();
}

static void sequences(void **state)
{
	for (u64 seed = 1; seed <= 150; seed++)
		sequence(seed, 0);
}
static void sequences_failing(void **state)
{
	for (u64 seed = 1; seed <= 100; seed++)
		sequence(seed, 15);
}

/* --- the ends -------------------------------------------------------------------------------- */
static void ends(void **state)
{
	u8 byte = 7;

	fake_init(8 * MIB, 1);
	open_both(O_NONBLOCK);
	assert_int_equal(move(&end[0], &byte, 1), -EAGAIN);
	assert_int_equal(move(&end[1], &byte, 1), 1);
	pipe_leave(pipe_made, FMODE_WRITE);
	byte = 0;
	assert_int_equal(move(&end[0], &byte, 1), 1);
	assert_int_equal(byte, 7);
	assert_int_equal(move(&end[0], &byte, 1), 0);	/* the end, again and again */
	assert_int_equal(move(&end[0], &byte, 1), 0);
	pipe_made->writers = 1;
	pipe_leave(pipe_made, FMODE_READ);
	signals = 0;
	assert_int_equal(move(&end[1], &byte, 1), -EPIPE);
	assert_int_equal(signals, 1);
	pipe_leave(pipe_made, FMODE_WRITE);
	all_is_freed();
}

/* A user who has many pipes gets small ones, then none. */
static void limits(void **state)
{
	fake_init(8 * MIB, 1);
	pipe_user.pipe_pages = pipe_user_pages_soft - PIPE_SLOTS + 1;
	open_both(0);
	assert_int_equal(pipe_fcntl(&end[0], F_GETPIPE_SZ, 0), PIPE_SLOTS_FEW * PAGE_SIZE);
	assert_int_equal(pipe_fcntl(&end[0], F_SETPIPE_SZ, PIPE_SLOTS * PAGE_SIZE), -EPERM);
	assert_int_equal(pipe_fcntl(&end[0], F_SETPIPE_SZ, 2ull * pipe_max_size), -EPERM);
	pipe_user_pages_hard = pipe_user.pipe_pages;
	assert_null(pipe_new());
	privileged = true;
	assert_int_equal(pipe_fcntl(&end[0], F_SETPIPE_SZ, 2ull * pipe_max_size), 2ull * pipe_max_size);
	privileged = false;
	pipe_user_pages_hard = 0;
	pipe_user.pipe_pages -= pipe_user_pages_soft - PIPE_SLOTS + 1;
	all_is_freed();
}

/* --- several at once ------------------------------------------------------------------------- */
#define WRITERS 3u
#define READERS 2u
#define RECORDS 40u
static struct { u32 seen[WRITERS]; bool packets; } many;
struct record { u32 writer, nr, len; u8 rest[1000]; };

static void write_records(u32 writer)
{
	struct record r = { .writer = writer };

	for (r.nr = 0; r.nr < RECORDS; r.nr++) {
		r.len = (u32)offsetof(struct record, rest) + fake_random(sizeof(r.rest));
		memset(r.rest, (u8)(writer * 50 + r.nr), sizeof(r.rest));
		assert_int_equal(move(&end[1], &r, r.len), r.len);
	}
	pipe_leave(pipe_made, FMODE_WRITE);
}

static void check_record(const struct record *r)
{
	assert_in_range(r->writer, 0, WRITERS - 1);
	for (u32 i = 0; i < r->len - offsetof(struct record, rest); i++)
		assert_int_equal(r->rest[i], (u8)(r->writer * 50 + r->nr));
	if (!many.packets)	/* several readers need not be told in order */
		assert_int_equal(r->nr, many.seen[r->writer]);
	many.seen[r->writer]++;
}

static void read_records(void)
{
	struct record r;
	ssize_t n;

	for (;;) {
		if (many.packets) {
			n = move(&end[0], &r, sizeof(r));
		} else {
			n = move(&end[0], &r, offsetof(struct record, rest));
			for (u32 at = offsetof(struct record, rest); n > 0 && at < r.len; at += (u32)n)
				n = move(&end[0], (u8 *)&r + at, r.len - at);
		}
		if (n <= 0)
			break;
		check_record(&r);
	}
	assert_int_equal(n, 0);
}

static void member(void *arg)
{
	u32 i = (u32)(u64)arg;

	if (i < WRITERS)
		write_records(i);
	else
		read_records();
}

/* In a stream one reader takes records apart; packets are taken whole, by any. */
static void together(u64 seed, bool packets)
{
	void *args[MAX_CPUS];

	fake_init(8 * MIB, seed);
	fake_switch_rate = 2;
	memset(&many, 0, sizeof(many));
	many.packets = packets;
	open_both(packets ? O_DIRECT : 0);
	pipe_made->writers = WRITERS;
	for (u64 i = 0; i < WRITERS + READERS; i++)
		args[i] = (void *)i;
	fake_run(WRITERS + (packets ? READERS : 1), member, args);
	for (u32 i = 0; i < WRITERS; i++)
		assert_int_equal(many.seen[i], RECORDS);
	pipe_leave(pipe_made, FMODE_READ);
	all_is_freed();
}

static void threads(void **state)
{
	for (u64 seed = 1; seed <= 60; seed++)
		together(seed, seed & 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sequences), cmocka_unit_test(sequences_failing), cmocka_unit_test(ends),
		cmocka_unit_test(limits), cmocka_unit_test(threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
