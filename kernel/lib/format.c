/* SPDX-License-Identifier: BSD-2-Clause */
/* See lib/format.h. */
#include <base/string.h>
#include <lib/format.h>

struct out { char *buf; size_t size, len; };
struct spec { bool left, zero, plus, space, alt, upper; int width, precision; unsigned base; };

static void put(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void pad(struct out *o, int n, char c)
{
	for (; n > 0; n--)
		put(o, c);
}

static void put_text(struct out *o, const struct spec *s, const char *text, size_t n)
{
	int fill = s->width - (int)n;

	if (!s->left)
		pad(o, fill, ' ');
	while (n--)
		put(o, *text++);
	if (s->left)
		pad(o, fill, ' ');
}

static void put_number(struct out *o, const struct spec *s, u64 v, bool negative, bool is_signed)
{
	const char *digits = s->upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char text[24], sign = negative ? '-' : !is_signed ? 0 : s->plus ? '+' : s->space ? ' ' : 0;
	bool hex = s->alt && s->base == 16 && v;
	int n = 0, zeros, fill;

	for (; v; v /= s->base)
		text[n++] = digits[v % s->base];
	if (!n && s->precision != 0)
		text[n++] = '0';
	zeros = s->precision - n;
	if (s->alt && s->base == 8 && zeros <= 0 && (!n || text[n - 1] != '0'))
		zeros = 1;
	zeros = max(zeros, 0);
	fill = s->width - n - zeros - (sign != 0) - 2 * hex;
	if (s->zero && !s->left && s->precision < 0) {
		zeros += max(fill, 0);
		fill = 0;
	}
	if (!s->left)
		pad(o, fill, ' ');
	if (sign)
		put(o, sign);
	if (hex) {
		put(o, '0');
		put(o, s->upper ? 'X' : 'x');
	}
	pad(o, zeros, '0');
	while (n)
		put(o, text[--n]);
	if (s->left)
		pad(o, fill, ' ');
}

static const char *parse_flags(const char *f, struct spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-': s->left = true; break;
		case '0': s->zero = true; break;
		case '+': s->plus = true; break;
		case ' ': s->space = true; break;
		case '#': s->alt = true; break;
		default: return f;
		}
	}
}

static const char *parse_int(const char *f, int *v)
{
	for (*v = 0; *f >= '0' && *f <= '9'; f++)
		*v = *v * 10 + (*f - '0');
	return f;
}

/* Sizes in bytes: 1, 2, 4, 8. */
static const char *parse_length(const char *f, unsigned *bytes)
{
	*bytes = 4;
	if (*f == 'h') {
		*bytes = f[1] == 'h' ? 1 : 2;
		f += f[1] == 'h' ? 2 : 1;
	} else if (*f == 'l' || *f == 'z' || *f == 't' || *f == 'j') {
		*bytes = 8;
		f += f[1] == 'l' ? 2 : 1;
	}
	return f;
}

static i64 signed_of(u64 v, unsigned bytes)
{
	switch (bytes) {
	case 1: return (i8)v;
	case 2: return (i16)v;
	case 4: return (i32)v;
	default: return (i64)v;
	}
}

static void put_signed(struct out *o, struct spec *s, i64 v)
{
	s->base = 10;
	put_number(o, s, v < 0 ? -(u64)v : (u64)v, v < 0, true);
}

static void put_unsigned(struct out *o, struct spec *s, u64 v, unsigned bytes, unsigned base)
{
	s->base = base;
	put_number(o, s, bytes == 8 ? v : v & (BIT(8 * bytes) - 1), false, false);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };

	for (const char *f = fmt; *f; f++) {
		struct spec s = { .precision = -1 };
		unsigned bytes;
		const char *str;
		char c;

		if (*f != '%') {
			put(&o, *f);
			continue;
		}
		f = parse_flags(f + 1, &s);
		if (*f == '*') {
			s.width = va_arg(ap, int);
			f++;
			if (s.width < 0) {
				s.left = true;
				s.width = -s.width;
			}
		} else {
			f = parse_int(f, &s.width);
		}
		if (*f == '.') {
			if (f[1] == '*') {
				s.precision = va_arg(ap, int);
				f += 2;
			} else {
				f = parse_int(f + 1, &s.precision);
			}
		}
		f = parse_length(f, &bytes);
		switch (*f) {
		case 'd': case 'i':
			put_signed(&o, &s,
				   bytes == 8 ? va_arg(ap, i64)
					      : signed_of((u64)va_arg(ap, int), bytes));
			break;
		case 'u':
			put_unsigned(&o, &s, bytes == 8 ? va_arg(ap, u64) : va_arg(ap, unsigned),
				     bytes, 10);
			break;
		case 'o':
			put_unsigned(&o, &s, bytes == 8 ? va_arg(ap, u64) : va_arg(ap, unsigned),
				     bytes, 8);
			break;
		case 'X':
			s.upper = true;
			/* fall through */
		case 'x':
			put_unsigned(&o, &s, bytes == 8 ? va_arg(ap, u64) : va_arg(ap, unsigned),
				     bytes, 16);
			break;
		case 'p':
			s.alt = true;
			put_unsigned(&o, &s, (u64)va_arg(ap, void *), 8, 16);
			break;
		case 'c':
			c = (char)va_arg(ap, int);
			put_text(&o, &s, &c, 1);
			break;
		case 's':
			str = va_arg(ap, const char *) ?: "(null)";
			put_text(&o, &s, str,
				 s.precision < 0 ? strlen(str) : strnlen(str, (size_t)s.precision));
			break;
		case '%':
			put(&o, '%');
			break;
		default:	/* unknown: shown as it stands */
			put(&o, '%');
			if (!*f)
				f--;
			else
				put(&o, *f);
		}
	}
	if (size)
		buf[min(o.len, size - 1)] = 0;
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

bool parse_u64(const char *s, const char **end, unsigned base, u64 *out)
{
	u64 v = 0;
	bool any = false;

	if ((base == 0 || base == 16) && s[0] == '0' && (s[1] | 32) == 'x' && digit_of(s[2]) < 16) {
		s += 2;
		base = 16;
	} else if (base == 0) {
		base = s[0] == '0' ? 8 : 10;
	}
	for (; (unsigned)digit_of(*s) < base; s++, any = true)
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (u64)digit_of(*s), &v))
			return false;
	*out = v;
	if (end)
		*end = s;
	return any;
}
