/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Terminals: one struct tty for a serial line, a virtio console, or the slave side of a pty.
 *
 * Bytes from the line go through tty_receive (any context) into the input ring, edited and echoed
 * as termios says; bytes to the line go through the output ring, from which the driver, or the
 * pty's master, takes them with tty_take. tty->lock (spin, irq-safe) guards both rings, termios and
 * window size. Controlling-terminal state (sid, pgid here and process.tty) is guarded by proc_lock.
 * Order: proc_lock is never taken inside tty->lock.
 */
#ifndef DRV_TTY_H
#define DRV_TTY_H
#include <fs/poll.h>
#include <fs/vfs.h>
#include <hal/sync.h>
#include <asm/termbits.h>
#include <asm/ioctls.h>
#include <linux/tty.h>

#define TTY_RING 4096u		/* entries, a power of two */

struct tty;
struct tty_ops {
	/* The rings changed: output may be there (tty_take), or room for input (tty_receive_room).
	 * Unlocked, any context. */
	void (*start)(struct tty *t);
	/* The last open file is gone. May be NULL. */
	void (*closed)(struct tty *t);
	/* Writes n bytes, a page at most, and waits until they are out, or gives up; after a panic:
	 * interrupts are off, other CPUs stopped. NULL: a serial line, which klog.c writes to. */
	void (*emergency)(struct tty *t, const char *s, size_t n);
};

struct winsize_abi { u16 row, col, xpixel, ypixel; };

struct tty {
	ref_t ref;
	const struct tty_ops *ops;
	void *private;
	u32 dev;
	char name[16];
	/* under lock */
	struct spinlock lock;
	struct termios2 termios;
	struct winsize_abi winsize;
	u16 *in;		/* ring: character | LINE_END | LINE_EOF */
	u32 in_head, in_tail, in_ready;	/* write, read; canonical: end of the last whole line */
	u8 *out;
	u32 out_head, out_tail;
	u32 column, canon_column;	/* of the cursor; where the line being edited began */
	bool literal_next, stopped, hung_up, pty_packet, pty_locked, exclusive;
	u8 packet_flags;
	struct wait_queue read_wait, write_wait, master_wait;
	struct mutex read_lock;	/* one reader, so that a line is not torn */
	struct mutex write_lock;	/* one writer: a write is not interleaved */
	/* under proc_lock */
	i32 sid, pgid;
	u32 opens;		/* open files of the terminal side, atomic */
};
#define LINE_END	0x100
#define LINE_EOF	0x200

/* Allocates rings and default termios; ref 1. NULL: no memory. */
struct tty *tty_new(const char *name, u32 dev, const struct tty_ops *ops, void *private);
void tty_put(struct tty *t);
/* Makes /dev/NAME, and it may become a console. Thread context. */
int tty_register(struct tty *t);
/* Writes text for the kernel; sleeps until there is room for it. */
void tty_print(struct tty *t, const char *text, size_t n);

/* n bytes came from the line; what there is no room for is lost. Any context. */
void tty_receive(struct tty *t, const u8 *buf, size_t n);
/* How many bytes of the line are wanted now; 0: the reader is behind. */
size_t tty_receive_room(struct tty *t);
/* Up to n bytes of output for the line; wakes writers. Any context. */
size_t tty_take(struct tty *t, u8 *buf, size_t n);
void tty_set_winsize(struct tty *t, const struct winsize_abi *w);
/* The line is gone: readers get EOF, writers EIO, the session SIGHUP. Sleeps not. */
void tty_hangup(struct tty *t);

/* --- inside drv/tty*.c
 * ------------------------------------------------------------------------------- */
static inline u32 tty_out_room(const struct tty *t)
{
	return TTY_RING - (t->out_head - t->out_tail);
}
#define L_FLAG(t, f) ((t)->termios.c_lflag & (f))
#define I_FLAG(t, f) ((t)->termios.c_iflag & (f))
#define O_FLAG(t, f) ((t)->termios.c_oflag & (f))
/* One input character, edited and echoed. lock held. Returns the signal to send to the foreground
 * group, or 0. */
int ldisc_input(struct tty *t, u8 c);
/* One output character with post-processing. lock held. False: no room, nothing was written. */
bool ldisc_output(struct tty *t, u8 c);
/* Bytes that read(2) could return now. lock held. */
u32 ldisc_readable(const struct tty *t);
void ldisc_flush_input(struct tty *t);
/* The input ring's contents mean something else after ICANON changed. lock held. */
void ldisc_mode_changed(struct tty *t, u32 old_lflag);
/* Job control (tty_job.c). 0, or what the call must return. */
i64 tty_check_read(struct tty *t);
i64 tty_check_change(struct tty *t);	/* writes with TOSTOP, settings */
void tty_signal_foreground(struct tty *t, int sig);
void tty_open_controlling(struct tty *t, u32 open_flags);
i64 tty_job_ioctl(struct tty *t, bool master, u32 cmd, u64 arg);
/* The caller's controlling terminal, referenced, or NULL. */
struct tty *tty_of_current(void);
i64 tty_ioctl(struct tty *t, bool master, u32 cmd, u64 arg);
extern const struct file_ops tty_fops;
#endif
