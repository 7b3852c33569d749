/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fs.protected_* settings (proc_sys_fs(5)) forbid: traps that one user can lay for another
 * in a directory where everybody may make files, as /tmp. All are 0, off, until somebody sets them.
 */
#include "internal.h"
#include <base/init.h>
#include <fs/sysctl.h>

u32 protected_symlinks;
static u32 protected_hardlinks, protected_fifos, protected_regular;

#define EVERYBODYS (S_ISVTX | S_IWOTH)

bool may_follow_link(const struct inode *dir, const struct inode *link, const char *rest)
{
	while (*rest == '/')
		rest++;
	if (*rest)		/* a directory on the way: only the last component is guarded */
		return true;
	return (dir->mode & EVERYBODYS) != EVERYBODYS || link->uid == current_cred()->fsuid ||
	       link->uid == dir->uid;
}

bool may_make_link(struct inode *i)
{
	bool special = !S_ISREG(i->mode) || i->mode & S_ISUID ||
		       (i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);

	if (!READ_ONCE(protected_hardlinks) || inode_owner_or_capable(i))
		return true;
	return !special && inode_permission(i, MAY_READ | MAY_WRITE) == 0;
}

bool may_open_for_create(const struct inode *dir, const struct inode *i)
{
	u32 level = S_ISFIFO(i->mode)  ? READ_ONCE(protected_fifos)
		    : S_ISREG(i->mode) ? READ_ONCE(protected_regular)
				       : 0;

	if (!level || !(dir->mode & S_ISVTX) || i->uid == dir->uid ||
	    i->uid == current_cred()->fsuid)
		return true;
	return !(dir->mode & S_IWOTH) && !(dir->mode & S_IWGRP && level >= 2);
}

static const struct sysctl values[] = {
	{ "fs/protected_symlinks", &protected_symlinks, 0, 1 },
	{ "fs/protected_hardlinks", &protected_hardlinks, 0, 1 },
	{ "fs/protected_fifos", &protected_fifos, 0, 2 },
	{ "fs/protected_regular", &protected_regular, 0, 2 },
};

static int protect_init(void)
{
	sysctl_register(values, ARRAY_SIZE(values));
	return 0;
}
INITCALL(late, protect_init);
