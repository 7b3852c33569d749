/* SPDX-License-Identifier: BSD-2-Clause */
/* User and group ids, groups, capabilities: credentials(7), capabilities(7). */
#include <base/alloc.h>
#include <base/string.h>
#include <hal/uaccess.h>
#include <sys/syscall.h>
#include <task/task.h>

#define KEEP ((u32)-1)

SYSCALL(getuid) { return current_cred()->uid; }
SYSCALL(geteuid) { return current_cred()->euid; }
SYSCALL(getgid) { return current_cred()->gid; }
SYSCALL(getegid) { return current_cred()->egid; }

/* --- users ------------------------------------------------------------------------------- */

static i64 finish_uid(struct cred *c, int err)
{
	if (!err)
		err = cred_set_user(c);
	if (err) {
		cred_abort(c);
		return err;
	}
	cred_fix_caps(c, current_cred());
	cred_commit(c);
	return 0;
}

SYSCALL(setuid)
{
	const struct cred *old = current_cred();
	u32 uid = (u32)a[0];
	struct cred *c;
	int err = 0;

	if (uid == KEEP)
		return -EINVAL;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETUID))
		c->uid = c->suid = uid;
	else if (uid != old->uid && uid != old->suid)
		err = -EPERM;
	c->euid = c->fsuid = uid;
	return finish_uid(c, err);
}

SYSCALL(setreuid)
{
	const struct cred *old = current_cred();
	u32 ruid = (u32)a[0], euid = (u32)a[1];
	struct cred *c = cred_prepare();
	bool free = capable(CAP_SETUID);
	int err = 0;

	if (!c)
		return -ENOMEM;
	if (ruid != KEEP) {
		c->uid = ruid;
		if (!free && ruid != old->uid && ruid != old->euid)
			err = -EPERM;
	}
	if (euid != KEEP) {
		c->euid = euid;
		if (!free && euid != old->uid && euid != old->euid && euid != old->suid)
			err = -EPERM;
	}
	if (ruid != KEEP || (euid != KEEP && euid != old->uid))
		c->suid = c->euid;
	c->fsuid = c->euid;
	return finish_uid(c, err);
}

static bool one_of(u32 id, u32 x, u32 y, u32 z)
{
	return id == KEEP || id == x || id == y || id == z;
}

SYSCALL(setresuid)
{
	const struct cred *o = current_cred();
	u32 r = (u32)a[0], e = (u32)a[1], s = (u32)a[2];
	struct cred *c;

	if (!capable(CAP_SETUID) &&
	    (!one_of(r, o->uid, o->euid, o->suid) || !one_of(e, o->uid, o->euid, o->suid) ||
	     !one_of(s, o->uid, o->euid, o->suid)))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (r != KEEP)
		c->uid = r;
	if (e != KEEP)
		c->euid = e;
	if (s != KEEP)
		c->suid = s;
	c->fsuid = c->euid;
	return finish_uid(c, 0);
}

/* Values to three user words: 0 or -EFAULT. */
static i64 put_three(const u64 *a, u32 x, u32 y, u32 z)
{
	return put_user(x, (u32 __user *)a[0]) ?: put_user(y, (u32 __user *)a[1]) ?: put_user(z, (u32 __user *)a[2]);
}

SYSCALL(getresuid)
{
	return put_three(a, current_cred()->uid, current_cred()->euid, current_cred()->suid);
}
SYSCALL(getresgid)
{
	return put_three(a, current_cred()->gid, current_cred()->egid, current_cred()->sgid);
}

#define CAPS_FS                                                                                    \
	(BIT(CAP_CHOWN) | BIT(CAP_MKNOD) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |      \
	 BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_LINUX_IMMUTABLE) | BIT(CAP_MAC_OVERRIDE))

/* Both return the old value whatever happens: setfsuid(2). */
SYSCALL(setfsuid)
{
	const struct cred *o = current_cred();
	u32 id = (u32)a[0], old = o->fsuid;
	struct cred *c;

	if (id == old || id == KEEP ||
	    !(one_of(id, o->uid, o->euid, o->suid) || capable(CAP_SETUID)))
		return old;
	c = cred_prepare();
	if (!c)
		return old;
	c->fsuid = id;
	if (!(c->securebits & BIT(2))) {
		if (old == 0)
			c->cap_effective &= ~CAPS_FS;
		else if (id == 0)
			c->cap_effective |= c->cap_permitted & CAPS_FS;
	}
	cred_commit(c);
	return old;
}

SYSCALL(setfsgid)
{
	const struct cred *o = current_cred();
	u32 id = (u32)a[0], old = o->fsgid;
	struct cred *c;

	if (id == old || id == KEEP ||
	    !(one_of(id, o->gid, o->egid, o->sgid) || capable(CAP_SETGID)))
		return old;
	c = cred_prepare();
	if (!c)
		return old;
	c->fsgid = id;
	cred_commit(c);
	return old;
}

/* --- groups ------------------------------------------------------------------------------ */

SYSCALL(setgid)
{
	const struct cred *old = current_cred();
	u32 gid = (u32)a[0];
	struct cred *c;

	if (gid == KEEP)
		return -EINVAL;
	if (!capable(CAP_SETGID) && gid != old->gid && gid != old->sgid)
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (capable(CAP_SETGID))
		c->gid = c->sgid = gid;
	c->egid = c->fsgid = gid;
	cred_commit(c);
	return 0;
}

SYSCALL(setregid)
{
	const struct cred *old = current_cred();
	u32 rgid = (u32)a[0], egid = (u32)a[1];
	bool free = capable(CAP_SETGID);
	struct cred *c;

	if (!free && ((rgid != KEEP && rgid != old->gid && rgid != old->egid) ||
		      !one_of(egid, old->gid, old->egid, old->sgid)))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (rgid != KEEP)
		c->gid = rgid;
	if (egid != KEEP)
		c->egid = egid;
	if (rgid != KEEP || (egid != KEEP && egid != old->gid))
		c->sgid = c->egid;
	c->fsgid = c->egid;
	cred_commit(c);
	return 0;
}

SYSCALL(setresgid)
{
	const struct cred *o = current_cred();
	u32 r = (u32)a[0], e = (u32)a[1], s = (u32)a[2];
	struct cred *c;

	if (!capable(CAP_SETGID) &&
	    (!one_of(r, o->gid, o->egid, o->sgid) || !one_of(e, o->gid, o->egid, o->sgid) ||
	     !one_of(s, o->gid, o->egid, o->sgid)))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	if (r != KEEP)
		c->gid = r;
	if (e != KEEP)
		c->egid = e;
	if (s != KEEP)
		c->sgid = s;
	c->fsgid = c->egid;
	cred_commit(c);
	return 0;
}

SYSCALL(getgroups)
{
	const struct cred *c = current_cred();
	int size = (int)a[0];

	if (size < 0)
		return -EINVAL;
	if (size) {
		if ((u32)size < c->ngroups)
			return -EINVAL;
		if (c->ngroups &&
		    copy_to_user((void __user *)a[1], c->groups, c->ngroups * sizeof(u32)))
			return -EFAULT;
	}
	return c->ngroups;
}

static void sort_groups(u32 *g, u32 n)
{
	/* Shell sort: the list is short, and at worst 65536 long. */
	for (u32 gap = n / 2; gap; gap /= 2)
		for (u32 i = gap; i < n; i++)
			for (u32 j = i; j >= gap && g[j - gap] > g[j]; j -= gap) {
				u32 t = g[j];

				g[j] = g[j - gap];
				g[j - gap] = t;
			}
}

SYSCALL(setgroups)
{
	u32 n = (u32)a[0], *groups = NULL;
	struct cred *c;

	if (!capable(CAP_SETGID))
		return -EPERM;
	if (n > 65536)
		return -EINVAL;
	if (n) {
		groups = kmalloc(n * sizeof(u32));
		if (!groups)
			return -ENOMEM;
		if (copy_from_user(groups, (void __user *)a[1], n * sizeof(u32))) {
			kfree(groups);
			return -EFAULT;
		}
		sort_groups(groups, n);
	}
	c = cred_prepare();
	if (!c) {
		kfree(groups);
		return -ENOMEM;
	}
	kfree(c->groups);
	c->groups = groups;
	c->ngroups = n;
	cred_commit(c);
	return 0;
}

/* --- capabilities ------------------------------------------------------------------------ */

struct cap_header { u32 version; i32 pid; };
struct cap_data { u32 effective, permitted, inheritable; };

/* Number of struct cap_data of the version asked for; -EINVAL after storing the version we prefer.
 */
static int cap_words(u64 uhdr, struct cap_header *h)
{
	if (copy_from_user(h, (void __user *)uhdr, sizeof(*h)))
		return -EFAULT;
	switch (h->version) {
	case _LINUX_CAPABILITY_VERSION_1:
		return 1;
	case _LINUX_CAPABILITY_VERSION_2:
	case _LINUX_CAPABILITY_VERSION_3:
		return 2;
	}
	return put_user((u32)_LINUX_CAPABILITY_VERSION_3, (u32 __user *)uhdr) ?: -EINVAL;
}

SYSCALL(capget)
{
	struct cap_header h;
	struct cap_data d[2];
	const struct cred *c;
	struct task *t;
	int n = cap_words(a[0], &h);

	if (n < 0)
		return n == -EINVAL && !a[1] ? 0 : n;	/* asking for the version only */
	if (h.pid < 0)
		return -EINVAL;
	t = h.pid ? task_by_tid(h.pid) : NULL;
	if (h.pid && !t)
		return -ESRCH;
	c = task_cred_get(t ? t : current);
	for (int i = 0; i < 2; i++)
		d[i] = (struct cap_data){(u32)(c->cap_effective >> (32 * i)),
					 (u32)(c->cap_permitted >> (32 * i)),
					 (u32)(c->cap_inheritable >> (32 * i))};
	cred_put(c);
	if (t)
		task_put(t);
	return copy_to_user((void __user *)a[1], d, (size_t)n * sizeof(d[0])) ? -EFAULT : 0;
}

SYSCALL(capset)
{
	const struct cred *o = current_cred();
	struct cap_header h;
	struct cap_data d[2] = { 0 };
	u64 eff, perm, inh, all = BIT(CAP_LAST_CAP + 1) - 1;
	struct cred *c;
	int n = cap_words(a[0], &h);

	if (n < 0)
		return n;
	if (h.pid && h.pid != current->tid)
		return -EPERM;
	if (copy_from_user(d, (void __user *)a[1], (size_t)n * sizeof(d[0])))
		return -EFAULT;
	eff = (d[0].effective | (u64)d[1].effective << 32) & all;
	perm = (d[0].permitted | (u64)d[1].permitted << 32) & all;
	inh = (d[0].inheritable | (u64)d[1].inheritable << 32) & all;
	if ((inh & ~(o->cap_inheritable | o->cap_permitted) && !capable(CAP_SETPCAP)) ||
	    (inh & ~(o->cap_inheritable | o->cap_bounding)) || (perm & ~o->cap_permitted) ||
	    (eff & ~perm))
		return -EPERM;
	c = cred_prepare();
	if (!c)
		return -ENOMEM;
	c->cap_effective = eff;
	c->cap_permitted = perm;
	c->cap_inheritable = inh;
	c->cap_ambient &= perm & inh;
	cred_commit(c);
	return 0;
}
