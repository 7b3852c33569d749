/* SPDX-License-Identifier: BSD-2-Clause */
/* The audit's frame: who is registered, and how lines are made. The audit of pages and slabs is
 * audit_mem.c. */
#include <base/assert.h>
#include <lib/format.h>
#include <mm/audit.h>

#define MAX_AUDITS	32
#define LINE_SIZE	200

static struct { const char *name; int (*fn)(struct audit_report *r); } audits[MAX_AUDITS];
static u32 nr_audits;

void audit_register(const char *name, int (*fn)(struct audit_report *r))
{
	BUG_ON(nr_audits == MAX_AUDITS);
	audits[nr_audits].name = name;
	audits[nr_audits].fn = fn;
	nr_audits++;
}

void audit_say(struct audit_report *r, bool ok, const char *name, const char *fmt, ...)
{
	char line[LINE_SIZE];
	int n = snprintf(line, sizeof(line), "%s %s ", ok ? "ok" : "BAD", name);
	va_list ap;

	va_start(ap, fmt);
	if (n < LINE_SIZE)
		vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	r->bad += !ok;
	r->line(r->arg, line);
}

u32 audit_run(struct audit_report *r)
{
	for (u32 i = 0; i < nr_audits; i++) {
		int err = audits[i].fn(r);

		if (err)
			audit_say(r, false, audits[i].name, "could not look: error %d", -err);
	}
	return r->bad;
}
