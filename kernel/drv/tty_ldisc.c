/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The line discipline: termios(3). Input is edited in place in the ring: what lies between in_ready
 * and in_head is the line being typed, which only the reader's side of a finished line may see. All
 * functions: tty->lock held.
 */
#include <drv/tty.h>
#include <asm/signal.h>

#define ring(i) ((i) & (TTY_RING - 1))

static bool is_cc(const struct tty *t, u8 c, u32 which)
{
	return t->termios.c_cc[which] == c && c != 0;
}

/* --- output
 * ---------------------------------------------------------------------------------------- */

static void put_raw(struct tty *t, u8 c)
{
	t->out[ring(t->out_head++)] = c;
}

static bool utf8_continuation(const struct tty *t, u8 c)
{
	return I_FLAG(t, IUTF8) && (c & 0xc0) == 0x80;
}

static void advance_column(struct tty *t, u8 c)
{
	switch (c) {
	case '\b':
		if (t->column)
			t->column--;
		break;
	case '\r':
		t->column = 0;
		break;
	case '\n':
		if (O_FLAG(t, ONLRET))
			t->column = 0;
		break;
	case '\t':
		t->column = (t->column | 7) + 1;
		break;
	default:
		if (c >= ' ' && c != 0x7f && !utf8_continuation(t, c))
			t->column++;
	}
}

bool ldisc_output(struct tty *t, u8 c)
{
	u32 room = tty_out_room(t);

	if (!O_FLAG(t, OPOST)) {
		if (!room)
			return false;
		put_raw(t, c);
		return true;
	}
	if (c == '\n' && O_FLAG(t, ONLCR)) {
		if (room < 2)
			return false;
		put_raw(t, '\r');
		put_raw(t, '\n');
		t->column = t->canon_column = 0;
		return true;
	}
	if (c == '\r') {
		if (O_FLAG(t, ONOCR) && t->column == 0)
			return true;
		t->canon_column = 0;
		if (O_FLAG(t, OCRNL))
			c = '\n';
	}
	if (c == '\t' && O_FLAG(t, TABDLY) == XTABS) {
		u32 n = 8 - (t->column & 7);

		if (room < n)
			return false;
		t->column += n;
		while (n--)
			put_raw(t, ' ');
		return true;
	}
	if (!room)
		return false;
	if (c >= 'a' && c <= 'z' && O_FLAG(t, OLCUC))
		c -= 'a' - 'A';
	put_raw(t, c);
	advance_column(t, c);
	return true;
}

/* --- echo: dropped when the output ring is full, as nothing waits in an interrupt
 * ------------------------ */

static bool shown_as_caret(const struct tty *t, u8 c)
{
	return L_FLAG(t, ECHOCTL) && (c < ' ' || c == 0x7f) && c != '\t' && c != '\n';
}

static void echo(struct tty *t, u8 c)
{
	if (!L_FLAG(t, ECHO))
		return;
	if (shown_as_caret(t, c)) {
		ldisc_output(t, '^');
		ldisc_output(t, c ^ 0x40);
	} else {
		ldisc_output(t, c);
	}
}

/* Echoes a finished line's newline; ECHONL does so even without ECHO. */
static void echo_newline(struct tty *t)
{
	if (L_FLAG(t, ECHO) || (L_FLAG(t, ECHONL) && L_FLAG(t, ICANON)))
		ldisc_output(t, '\n');
}

/* --- editing
 * --------------------------------------------------------------------------------------------- */

static u8 last_char(const struct tty *t) { return (u8)t->in[ring(t->in_head - 1)]; }

/* Columns that c, no tab, takes. */
static u32 columns_of(const struct tty *t, u8 c)
{
	if (shown_as_caret(t, c))
		return 2;
	return c >= ' ' && !utf8_continuation(t, c);
}

/* The column behind the line being edited: needed to rub out a tab. */
static u32 line_columns(const struct tty *t)
{
	u32 col = t->canon_column;

	for (u32 i = t->in_ready; i != t->in_head; i++) {
		u8 c = (u8)t->in[ring(i)];

		col = c == '\t' ? (col | 7) + 1 : col + columns_of(t, c);
	}
	return col;
}

static void rub_out_columns(struct tty *t, u32 n)
{
	while (n--) {
		ldisc_output(t, '\b');
		ldisc_output(t, ' ');
		ldisc_output(t, '\b');
	}
}

/*
 * Removes the last character of the line, with all bytes of a UTF-8 sequence, from ring and screen.
 * Interrupts are off: a tab costs a look at the line only while what it rubs out still finds room,
 * so that the longest line of tabs is erased in as many looks as the output ring has bytes for.
 */
static void erase_one(struct tty *t)
{
	u8 c;

	do
		c = last_char(t), t->in_head--;
	while (utf8_continuation(t, c) && t->in_head != t->in_ready);
	if (!L_FLAG(t, ECHO) || !tty_out_room(t))
		return;
	if (!L_FLAG(t, ECHOE)) {
		echo(t, t->termios.c_cc[VERASE]);
	} else if (c == '\t') {
		for (u32 n = 8 - (line_columns(t) & 7); n; n--)
			ldisc_output(t, '\b');
	} else {
		rub_out_columns(t, columns_of(t, c));
	}
}

static bool word_char(u8 c)
{
	return c == '_' || c >= 0x80 || (c >= '0' && c <= '9') ||
	       ((c | 32) >= 'a' && (c | 32) <= 'z');
}

static void erase_word(struct tty *t)
{
	while (t->in_head != t->in_ready && !word_char(last_char(t)))
		erase_one(t);
	while (t->in_head != t->in_ready && word_char(last_char(t)))
		erase_one(t);
}

static void erase_line(struct tty *t)
{
	if (L_FLAG(t, ECHO) && !(L_FLAG(t, ECHOK) && L_FLAG(t, ECHOKE) && L_FLAG(t, ECHOE))) {
		t->in_head = t->in_ready;
		echo(t, t->termios.c_cc[VKILL]);
		if (L_FLAG(t, ECHOK))
			ldisc_output(t, '\n');
		return;
	}
	while (t->in_head != t->in_ready)
		erase_one(t);
}

static void reprint(struct tty *t)
{
	echo(t, t->termios.c_cc[VREPRINT]);
	ldisc_output(t, '\n');
	for (u32 i = t->in_ready; i != t->in_head; i++)
		echo(t, (u8)t->in[ring(i)]);
}

/* --- input
 * ----------------------------------------------------------------------------------------------------
 */

void ldisc_flush_input(struct tty *t)
{
	t->in_tail = t->in_ready = t->in_head;
	t->literal_next = false;
}

void ldisc_mode_changed(struct tty *t, u32 old_lflag)
{
	if (!((t->termios.c_lflag ^ old_lflag) & ICANON))
		return;
	if (L_FLAG(t, ICANON) && t->in_tail != t->in_head)
		t->in[ring(t->in_head - 1)] |= LINE_END;	/* what is there becomes a line */
	t->in_ready = t->in_head;
}

/* A line may fill the ring but for one place, kept for the character that ends it. */
static bool store(struct tty *t, u16 c, bool ends_line)
{
	u32 used = t->in_head - t->in_tail;

	if (used >= TTY_RING - (ends_line ? 0 : 1)) {
		if (I_FLAG(t, IMAXBEL))
			ldisc_output(t, '\a');
		return false;
	}
	t->in[ring(t->in_head++)] = c;
	return true;
}

static void end_line(struct tty *t, u16 entry)
{
	if (store(t, entry, true))
		t->in_ready = t->in_head;
}

static int signal_for(const struct tty *t, u8 c)
{
	if (!L_FLAG(t, ISIG))
		return 0;
	return is_cc(t, c, VINTR)   ? SIGINT
	       : is_cc(t, c, VQUIT) ? SIGQUIT
	       : is_cc(t, c, VSUSP) ? SIGTSTP
				    : 0;
}

static int input_signal(struct tty *t, u8 c, int sig)
{
	if (!L_FLAG(t, NOFLSH)) {
		ldisc_flush_input(t);
		if (sig != SIGTSTP)
			t->out_tail = t->out_head;
	}
	t->stopped = false;
	echo(t, c);
	t->packet_flags |= TIOCPKT_FLUSHREAD;
	return sig;
}

/* IXON: true if c was one of START and STOP and is used up. */
static bool flow_control(struct tty *t, u8 c)
{
	if (!I_FLAG(t, IXON))
		return false;
	if (is_cc(t, c, VSTOP)) {
		t->stopped = true;
		t->packet_flags |= TIOCPKT_STOP;
		return true;
	}
	if (is_cc(t, c, VSTART)) {
		t->stopped = false;
		t->packet_flags |= TIOCPKT_START;
		return true;
	}
	if (t->stopped && I_FLAG(t, IXANY))
		t->stopped = false;
	return false;
}

/* True if c edited the line and is used up. */
static bool edit(struct tty *t, u8 c)
{
	bool any = t->in_head != t->in_ready, ext = L_FLAG(t, IEXTEN);

	if (is_cc(t, c, VERASE)) {
		if (any)
			erase_one(t);
	} else if (ext && is_cc(t, c, VWERASE)) {
		erase_word(t);
	} else if (is_cc(t, c, VKILL)) {
		erase_line(t);
	} else if (ext && is_cc(t, c, VLNEXT)) {
		t->literal_next = true;
		if (L_FLAG(t, ECHO) && L_FLAG(t, ECHOCTL)) {
			ldisc_output(t, '^');
			ldisc_output(t, '\b');
		}
	} else if (ext && L_FLAG(t, ECHO) && is_cc(t, c, VREPRINT)) {
		reprint(t);
	} else {
		return false;
	}
	return true;
}

static void input_canonical(struct tty *t, u8 c)
{
	if (t->in_head == t->in_ready)
		t->canon_column = t->column;
	if (edit(t, c))
		return;
	if (c == '\n') {
		echo_newline(t);
		end_line(t, c | LINE_END);
	} else if (is_cc(t, c, VEOF)) {
		end_line(t, c | LINE_EOF);
	} else if (is_cc(t, c, VEOL) || (L_FLAG(t, IEXTEN) && is_cc(t, c, VEOL2))) {
		echo(t, c);
		end_line(t, c | LINE_END);
	} else if (store(t, c, false)) {
		echo(t, c);
	}
}

static void input_plain(struct tty *t, u8 c)
{
	if (L_FLAG(t, ICANON)) {
		if (t->in_head == t->in_ready)
			t->canon_column = t->column;
		if (store(t, c, false))
			echo(t, c);
		return;
	}
	if (store(t, c, true)) {
		t->in_ready = t->in_head;
		echo(t, c);
	}
}

int ldisc_input(struct tty *t, u8 c)
{
	int sig;

	if (I_FLAG(t, ISTRIP))
		c &= 0x7f;
	if (t->literal_next) {
		t->literal_next = false;
		input_plain(t, c);
		return 0;
	}
	if (I_FLAG(t, IUCLC) && L_FLAG(t, IEXTEN) && c >= 'A' && c <= 'Z')
		c |= 32;
	if (flow_control(t, c))
		return 0;
	sig = signal_for(t, c);
	if (sig)
		return input_signal(t, c, sig);
	if (c == '\r') {
		if (I_FLAG(t, IGNCR))
			return 0;
		if (I_FLAG(t, ICRNL))
			c = '\n';
	} else if (c == '\n' && I_FLAG(t, INLCR)) {
		c = '\r';
	}
	if (L_FLAG(t, ICANON))
		input_canonical(t, c);
	else
		input_plain(t, c);
	return 0;
}

u32 ldisc_readable(const struct tty *t)
{
	u32 n = t->in_ready - t->in_tail;

	/* An end-of-file mark alone is readable, as nothing. */
	return n;
}
