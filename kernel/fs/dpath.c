/* SPDX-License-Identifier: BSD-2-Clause */
/* A path's text, from its end backwards: names and parents stand still under rename_lock, mounts
 * under RCU. */
#include "internal.h"

struct text { char *start, *at; bool failed; };

static void put(struct text *t, const char *s, size_t n)
{
	if ((size_t)(t->at - t->start) < n) {
		t->failed = true;
		return;
	}
	t->at -= n;
	memcpy(t->at, s, n);
}

/* Climbs from p to root, or until the text is full: a path can be far longer than anybody's buffer, and
 * others wait. False if root was not on the way: detached or outside a chroot. */
static bool climb(struct text *t, struct path p, const struct path *root)
{
	while (!t->failed && (p.dentry != root->dentry || p.mnt != root->mnt)) {
		if (p.dentry == p.mnt->root || p.dentry->parent == p.dentry) {
			if (!p.mnt->parent)
				return p.mnt == root_mount;
			p = (struct path){ p.mnt->parent, p.mnt->at };
			continue;
		}
		put(t, p.dentry->name, p.dentry->len);
		put(t, "/", 1);
		p.dentry = p.dentry->parent;
	}
	return true;
}

/* Pipes, sockets, anon inodes: the name as it is. */
static bool nameless(const struct path *p)
{
	return p->mnt != root_mount && !p->mnt->parent && p->dentry->flags & DF_UNLINKED &&
	       p->dentry != p->mnt->root;
}

char *path_to_string(const struct path *p, char *buf, size_t size)
{
	struct text t = { .start = buf, .at = buf + size };
	struct path root;
	bool reached = true;

	put(&t, "", 1);
	fs_get_root(&root);
	rcu_read_lock();
	spin_lock(&rename_lock);
	if (p->dentry->flags & DF_UNLINKED && (!nameless(p) || p->dentry->name[0] == '/'))
		put(&t, " (deleted)", 10);
	if (nameless(p)) {
		put(&t, p->dentry->name, p->dentry->len);
	} else {
		char *before = t.at;

		reached = climb(&t, *p, &root);
		if (t.at == before || *t.at != '/')
			put(&t, "/", 1);
	}
	spin_unlock(&rename_lock);
	rcu_read_unlock();
	if (!reached)
		put(&t, "(unreachable)", 13);
	path_put(&root);
	return t.failed ? ERR_PTR(-ENAMETOOLONG) : t.at;
}
