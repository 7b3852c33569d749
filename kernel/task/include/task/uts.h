/* SPDX-License-Identifier: BSD-2-Clause */
/* The system's names (task/uts.c): uname(2), /proc/sys/kernel. */
#ifndef TASK_UTS_H
#define TASK_UTS_H
struct uts_names {
	char sysname[65], nodename[65], release[65], version[65], machine[65], domainname[65];
};
extern struct uts_names uts;
void uts_get(struct uts_names *out);		/* a consistent copy */
void uts_set(char *field, const char name[65]); /* field: uts.nodename or uts.domainname; the caller
						   has checked the right */
#endif
