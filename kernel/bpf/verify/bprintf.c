/* SPDX-License-Identifier: BSD-2-Clause */
#include <bpf/bprintf.h>
#include <base/errno.h>
#include <base/string.h>
#include <lib/format.h>

#define TEXT	512u		/* bytes that one %s has */
#define WIDTH	((1 << 23) - 1)	/* more is taken for this, as Linux does */

/* What is between % and the letter, and what the letters mean. */
struct spec {
	char flags[9];
	int width;
	char kind;		/* d u x X c s; p: address, K: hidden, B S: symbol, 4 6: internet */
	bool wide, user, zeros;	/* l; %pus; %pi */
};

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Behind %p: which kind of address. NULL: none that is known. */
static const char *parse_pointer(const char *p, struct spec *s)
{
	switch (*p) {
	case 'k':
	case 'u':
		if (p[1] != 's')
			break;	/* no such thing */
		s->kind = 's';
		s->user = *p == 'u';
		return p + 2;
	case 'K':
	case 'x':
		s->kind = *p == 'K' ? 'K' : 'p';
		return p + 1;
	case 's':
	case 'S':
	case 'B':
		s->kind = *p == 's' ? 'B' : 'S';
		return p + 1;
	case 'i':
	case 'I':
		if (p[1] != '4' && p[1] != '6')
			return NULL;
		s->kind = p[1];
		s->zeros = *p == 'i';
		return p + 2;
	}
	s->kind = 'K';
	return is_letter(*p) || is_digit(*p) ? NULL : p;
}

/* p: behind a %, which is no %%. Where it goes on, NULL: it is not right. */
static const char *parse(const char *p, struct spec *s)
{
	u32 n = 0;

	*s = (struct spec){ 0 };
	for (; *p && strchr("0+- ", *p) && n < sizeof(s->flags) - 1; p++)
		s->flags[n++] = *p;
	for (; is_digit(*p); p++)
		s->width = min(s->width * 10 + (*p - '0'), WIDTH);
	switch (*p) {
	case 'p':
		return parse_pointer(p + 1, s);
	case 's':
	case 'c':
		s->kind = *p;
		return p + 1;
	case 'l':
		s->wide = true;
		p += p[1] == 'l' ? 2 : 1;
		break;
	}
	s->kind = *p == 'i' ? 'd' : *p;
	return *p && strchr("diuxX", *p) ? p + 1 : NULL;
}

/* Negative: to the left. */
static int width_of(const struct spec *s)
{
	return strchr(s->flags, '-') ? -s->width : s->width;
}

static int put_number(char *out, size_t size, const struct spec *s, u64 v)
{
	char fmt[32];

	if (!s->wide)
		v = s->kind == 'd' ? (u64)(i64)(i32)v : (u32)v;
	snprintf(fmt, sizeof(fmt), "%%%s*l%c", s->flags, s->kind);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	return snprintf(out, size, fmt, s->width, v);
#pragma GCC diagnostic pop
}

static void internet(char *to, u32 room, const struct spec *s, u64 addr,
		     const struct bpf_bprintf_ops *ops)
{
	u8 b[16];
	u32 n = s->kind == '4' ? 4 : 16, at = 0;

	ops->read(b, addr, n);
	for (u32 k = 0; k < n; k++) {
		bool sep = k && (n == 4 || (!s->zeros && k % 2 == 0));

		if (sep)
			to[at++] = n == 4 ? '.' : ':';
		at += (u32)snprintf(to + at, room - at, n == 16 ? "%02x" : s->zeros ? "%03u" : "%u",
				    b[k]);
	}
}

/* One conversion. */
static int put(char *out, size_t size, const struct spec *s, u64 v, const struct bpf_bprintf_ops *ops)
{
	char text[TEXT] = "";

	switch (s->kind) {
	case 'c':
		return snprintf(out, size, "%*c", width_of(s), (char)v);
	case 's':
		ops->read_text(text, v, sizeof(text), s->user);
		break;
	case 'K':
	case 'p':
		snprintf(text, sizeof(text), "%016lx", s->kind == 'K' ? ops->hide(v) : v);
		break;
	case 'B':
	case 'S':
		ops->symbol(text, sizeof(text), v, s->kind == 'S');
		break;
	case '4':
	case '6':
		internet(text, sizeof(text), s, v, ops);
		break;
	default:
		return put_number(out, size, s, v);
	}
	return snprintf(out, size, "%*s", width_of(s), text);
}

/* ASCII without control characters, and any bytes that are not ASCII. */
static bool is_text(char c) { return (u8)c >= 128 || (c >= ' ' && c < 127) || (c >= '\t' && c <= '\r'); }

i64 bpf_bprintf(char *out, size_t size, const char *fmt, const u64 *args, u32 n_args,
		const struct bpf_bprintf_ops *ops)
{
	u64 len = 0;
	u32 used = 0;
	i64 unseen;

	if (!bpf_bprintf_valid(fmt, n_args))
		return -EINVAL;
	for (const char *p = fmt; *p;) {
		size_t room = len < size ? size - len : 0;
		struct spec s;

		if (*p != '%' || p[1] == '%') {
			len += (u32)snprintf(out + len, room, "%c", *p);
			p += *p == '%' ? 2 : 1;
			continue;
		}
		p = parse(p + 1, &s);
		/* what nobody sees of a width is counted, not written: so nothing lasts long */
		unseen = max(s.width - (i64)min(room, (size_t)WIDTH) - (i64)TEXT, (i64)0);
		s.width -= (int)unseen;
		len += (u64)put(out + len, room, &s, args[used++], ops) + (u64)unseen;
	}
	if (size && !len)
		out[0] = 0;
	return (i64)len;
}

bool bpf_bprintf_valid(const char *fmt, u32 n_args)
{
	struct spec s;

	for (const char *p = fmt; *p;) {
		if (!is_text(*p))
			return false;
		if (*p++ != '%')
			continue;
		if (*p == '%') {
			p++;
			continue;
		}
		p = parse(p, &s);
		if (!p || !n_args--)
			return false;
	}
	return true;
}
