/* SPDX-License-Identifier: BSD-2-Clause */
/* The system's names: uname(2). */
#include <base/string.h>
#include <hal/spinlock.h>
#include <task/uts.h>

struct uts_names uts = {
	.sysname = "Linux",
	.nodename = "(none)",
	.release = "7.2.0-tine",
	.version = "#1 SMP PREEMPT Tine",
	.machine = "aarch64",
	.domainname = "(none)",
};
static struct spinlock uts_lock = SPINLOCK_INIT;

void uts_get(struct uts_names *out)
{
	spin_lock(&uts_lock);
	*out = uts;
	spin_unlock(&uts_lock);
}

void uts_set(char *field, const char name[65])
{
	spin_lock(&uts_lock);
	memcpy(field, name, 65);
	spin_unlock(&uts_lock);
}
