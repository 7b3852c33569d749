/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The log. What was said between pos `from` and `pos` is in the buffer: in place when the log is
 * fixed, else a byte of position p at p modulo size.
 */
#include <base/errno.h>
#include <base/string.h>
#include <bpf/log.h>
#include <lib/format.h>

static void put_fixed(struct bpf_log *log, const char *s, u32 len)
{
	u64 room = log->size - 1;

	if (log->pos < room)
		memcpy(log->buf + log->pos, s, min((u64)len, room - log->pos));
}

static void put_ring(struct bpf_log *log, const char *s, u32 len)
{
	u64 at = log->pos % log->size;

	for (u32 k = 0; k < len; k++) {
		log->buf[at] = s[k];
		if (++at == log->size)
			at = 0;
	}
	if (log->pos + len > log->size)
		log->from = max(log->from, log->pos + len - log->size);
}

void bpf_log_put(struct bpf_log *log, const char *fmt, ...)
{
	char line[256];
	va_list ap;
	u32 len;

	if (!log || !log->level)
		return;
	va_start(ap, fmt);
	len = (u32)min(vsnprintf(line, sizeof(line), fmt, ap), (int)sizeof(line) - 1);
	va_end(ap);
	if (log->buf && log->size) {
		if (log->level & BPF_LOG_FIXED)
			put_fixed(log, line, len);
		else
			put_ring(log, line, len);
	}
	log->pos += len;
	log->most = max(log->most, log->pos);
}

void bpf_log_reset(struct bpf_log *log, u64 pos)
{
	if (!log || pos >= log->pos)
		return;
	log->pos = pos;
	log->from = min(log->from, pos);
}

static void reverse(char *s, u64 n)
{
	for (u64 k = 0; k < n / 2; k++) {
		char c = s[k];

		s[k] = s[n - 1 - k];
		s[n - 1 - k] = c;
	}
}

int bpf_log_end(struct bpf_log *log, u32 *true_size)
{
	u64 keep, start;

	*true_size = 0;
	if (!log || !log->level)
		return 0;
	*true_size = (u32)min(log->most + 1, (u64)~0u);
	if (!log->buf || !log->size)
		return 0;
	if (log->level & BPF_LOG_FIXED) {
		log->buf[min(log->pos, (u64)log->size - 1)] = 0;
	} else {
		keep = min(log->pos - log->from, (u64)log->size - 1);
		start = (log->pos - keep) % log->size;
		reverse(log->buf, start);
		reverse(log->buf + start, log->size - start);
		reverse(log->buf, log->size);
		log->buf[keep] = 0;
	}
	return log->most + 1 > log->size ? -ENOSPC : 0;
}
