/* SPDX-License-Identifier: BSD-2-Clause */
/* What execve does to credentials: set-user-ID bits and the capability rules of capabilities(7).
 * There are no file capabilities. */
#include <base/string.h>
#include <linux/mount.h>
#include "exec_cred.h"

#define SECURE_NOROOT	BIT(0)
#define SECURE_KEEP_CAPS	BIT(4)

/* Owner and mode are read at one moment: a chown takes the set-user-ID bit away with the owner. */
static void set_ids(struct cred *c, struct inode *i, bool honour)
{
	read_lock(&i->lock);
	if (honour && (i->mode & S_ISUID))
		c->euid = i->uid;
	if (honour && (i->mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP))
		c->egid = i->gid;
	read_unlock(&i->lock);
	c->suid = c->fsuid = c->euid;
	c->sgid = c->fsgid = c->egid;
}

static void set_caps(struct cred *c, const struct cred *old)
{
	bool root = !(c->securebits & SECURE_NOROOT) && (c->euid == 0 || c->uid == 0);
	bool changes_id = c->euid != old->euid || c->egid != old->egid;

	if (changes_id)
		c->cap_ambient = 0;
	if (root) {
		c->cap_permitted = c->cap_inheritable | c->cap_bounding;
		c->cap_effective = c->euid == 0 ? c->cap_permitted : 0;
	} else {
		c->cap_permitted = c->cap_effective = c->cap_ambient;
	}
	/* A user namespace apart, no program may gain what the bounding set has lost by inheritance
	 * of root. */
	if (c->no_new_privs) {
		c->cap_permitted &= old->cap_permitted;
		c->cap_effective &= c->cap_permitted;
	}
	c->securebits &= ~(u32)SECURE_KEEP_CAPS;
}

int exec_cred(struct exec *x)
{
	const struct cred *old = current_cred();
	struct cred c = *old;
	bool honour = !old->no_new_privs && !(x->file->path.mnt->flags & MS_NOSUID);

	set_ids(&c, x->file->inode, honour);
	set_caps(&c, old);
	x->secure = c.euid != c.uid || c.egid != c.gid ||
		    (c.uid != 0 && (c.cap_permitted & ~c.cap_ambient));
	x->uid = c.uid;
	x->euid = c.euid;
	x->gid = c.gid;
	x->egid = c.egid;
	if (memcmp(&c, old, sizeof(c)) == 0)
		return 0;
	x->cred = cred_prepare();
	if (!x->cred)
		return -ENOMEM;
	c.ref = x->cred->ref;
	c.groups = x->cred->groups;
	c.rcu = x->cred->rcu;
	*x->cred = c;
	return 0;
}
