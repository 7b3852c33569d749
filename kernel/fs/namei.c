/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Path names.
 *
 * lookup_fast walks under RCU through what the dcache holds, takes no references, and gives up
 * (FAST_UNKNOWN) at anything out of the ordinary: a name not cached, a long or magic symlink, file
 * systems that must be asked, an error other than a name that surely does not exist. The caller
 * then walks again with references and locks (struct walk), which can do everything and names the
 * error.
 */
#include "walk.h"

#define MAX_LINKS 40
#define FAST_LINKS 8
#define FAST_LINK_BYTES 128

/* --- the fast walk --------------------------------------------------------------------- */
struct place { struct mount *m; struct dentry *d; };

/* Root and start of the walk without references; false where another thread might be changing them.
 */
static bool fast_start(int dirfd, bool absolute, struct place *root, struct place *at)
{
	struct fs_ctx *fs = current_fs();
	bool shared = load_acquire(&fs->users.v) != 1;	/* it may end while we look */

	if (unlikely(shared))
		spin_lock(&fs->lock);
	*root = (struct place){ fs->root.mnt, fs->root.dentry };
	*at = absolute ? *root : (struct place){ fs->cwd.mnt, fs->cwd.dentry };
	if (unlikely(shared))
		spin_unlock(&fs->lock);
	if (likely(absolute || dirfd == AT_FDCWD))
		return true;

	struct file *f = fd_peek(dirfd);

	if (!f || !f->path.dentry)
		return false;
	*at = (struct place){ f->path.mnt, f->path.dentry };
	return true;
}

static void fast_up(struct place *at, const struct place *root)
{
	for (;;) {
		if (at->d == root->d && at->m == root->m)
			return;
		if (at->d != at->m->root) {
			at->d = rcu_dereference(at->d->parent);
			break;
		}
		if (!at->m->parent)
			return;
		*at = (struct place){ at->m->parent, at->m->at };
	}
	mount_crossed(&at->m, &at->d);
}

static inline bool fast_may_search(const struct dentry *d)
{
	if (unlikely((d->flags & (DF_DIR | DF_SLOW)) != DF_DIR))
		return false;
	return likely((d->inode->mode & 0111) == 0111) || inode_permission(d->inode, MAY_EXEC) == 0;
}

/* "." and "..": moves on and returns true. */
static inline bool fast_dots(const char **name, struct place *at, const struct place *root)
{
	const char *s = *name;

	if (likely(s[0] != '.'))
		return false;
	if (s[1] == '/' || !s[1]) {
		*name = s + 1;
		return true;
	}
	if (s[1] != '.' || (s[2] && s[2] != '/'))
		return false;
	fast_up(at, root);
	*name = s + 2;
	return true;
}

/* Texts of symlinks with the rest of the name behind; the one that is read is not the one that is
 * written. */
struct fast_links { u32 followed; char buf[2][FAST_LINK_BYTES]; };

/* at is the symlink's directory. The new name, or NULL: not a plain link, too long, too many. */
static const char *fast_follow(struct fast_links *l, const struct inode *i, const char *rest,
			       struct place *at, const struct place *root)
{
	char *out = l->buf[l->followed & 1];
	const char *text = i->private;
	size_t n = i->mapping.size, r = strnlen(rest, FAST_LINK_BYTES);

	if (!(i->flags & IF_LINKTEXT) || l->followed++ == FAST_LINKS ||
	    n + r + 1 >= FAST_LINK_BYTES)
		return NULL;
	if (unlikely(READ_ONCE(protected_symlinks)) && !may_follow_link(at->d->inode, i, rest))
		return NULL;
	memcpy(out, text, n);
	memcpy(out + n, rest, r + 1);	/* rest is empty or begins with a slash */
	if (*text == '/')
		*at = *root;
	return out;
}

static bool names_stood_still(u32 seq)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return likely(READ_ONCE(rename_seq) == seq);
}

enum fast_result lookup_fast(int dirfd, const char *name, u32 flags, struct mount **m,
			     struct dentry **d)
{
	u32 seq = load_acquire(&rename_seq);
	struct fast_links links;
	struct place root, at;
	bool slash = false;

	links.followed = 0;
	if (unlikely(seq & 1 || flags & ~(u32)(LOOKUP_FOLLOW | LOOKUP_DIRECTORY) || !*name))
		return FAST_UNKNOWN;
	if (!fast_start(dirfd, *name == '/', &root, &at))
		return FAST_UNKNOWN;
	for (;;) {
		struct dentry *next;
		u32 len, hash;

		for (slash = *name == '/'; *name == '/'; name++)
			;
		if (!*name)
			break;
		if (!fast_may_search(at.d))
			return FAST_UNKNOWN;
		if (fast_dots(&name, &at, &root))
			continue;
		hash = name_hash(at.d, name, &len);
		next = dcache_find_rcu(at.d, name, len, hash);
		if (unlikely(!next)) {
			bool sure = at.d->sb->flags & SB_COMPLETE && len <= NAME_MAX_BYTES;

			return sure && names_stood_still(seq) ? FAST_ABSENT : FAST_UNKNOWN;
		}
		if (unlikely(!next->inode))
			return FAST_UNKNOWN;
		name += len;
		if (unlikely(next->flags & (DF_SYMLINK | DF_REVALIDATE | DF_MOUNTED))) {
			if (next->flags & DF_REVALIDATE)
				return FAST_UNKNOWN;
			if (next->flags & DF_SYMLINK && (*name || flags & LOOKUP_FOLLOW)) {
				name = fast_follow(&links, next->inode, name, &at, &root);
				if (!name)
					return FAST_UNKNOWN;
				continue;
			}
			at.d = next;
			mount_crossed(&at.m, &at.d);
			continue;
		}
		at.d = next;
	}
	if (unlikely((slash || flags & LOOKUP_DIRECTORY) && !(at.d->flags & DF_DIR)) ||
	    !names_stood_still(seq))
		return FAST_UNKNOWN;
	*m = at.m;
	*d = at.d;
	return FAST_FOUND;
}

static enum fast_result path_fast(int dirfd, const char *name, u32 flags, struct path *out)
{
	enum fast_result got;

	rcu_read_lock();
	got = lookup_fast(dirfd, name, flags, &out->mnt, &out->dentry);
	if (got == FAST_FOUND && !mount_get_live(out->mnt))
		got = FAST_UNKNOWN;
	if (got == FAST_FOUND && !dget_live(out->dentry)) {
		rcu_read_unlock();
		mount_put(out->mnt);
		return FAST_UNKNOWN;
	}
	rcu_read_unlock();
	return got;
}

/* --- the walk with references ---------------------------------------------------------- */
static int start_at_fd(int dirfd, struct path *out)
{
	struct file *f = fd_get_any(dirfd);

	if (!f)
		return -EBADF;
	if (!f->path.dentry) {
		fd_put(f);
		return -ENOTDIR;
	}
	*out = f->path;
	path_get(out);
	fd_put(f);
	return 0;
}

int walk_begin(struct walk *w, int dirfd, const char *name, u32 flags)
{
	bool scoped = flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT);
	bool absolute = *name == '/';
	int err = 0;

	*w = (struct walk){ .flags = flags, .name = name };
	if (!*name && !(flags & LOOKUP_EMPTY))
		return -ENOENT;
	if (absolute && flags & LOOKUP_BENEATH)
		return -EXDEV;
	if (absolute && !scoped)
		fs_get_root(&w->cur);
	else if (dirfd == AT_FDCWD)
		fs_get_cwd(&w->cur);
	else
		err = start_at_fd(dirfd, &w->cur);
	if (err)
		return err;
	if (scoped) {
		w->root = w->cur;
		path_get(&w->root);
	} else {
		fs_get_root(&w->root);
	}
	return 0;
}

void walk_end(struct walk *w)
{
	path_put(&w->cur);
	path_put(&w->root);
	kfree(w->buf);
}

/* cur = p, whose reference it takes over. */
void walk_set(struct walk *w, const struct path *p)
{
	struct path old = w->cur;

	w->cur = *p;
	path_put(&old);
}

/* From *p down through mounts on it. */
static int cross_down(struct walk *w, struct path *p)
{
	while (unlikely(READ_ONCE(p->dentry->flags) & DF_MOUNTED)) {
		struct mount *m;

		rcu_read_lock();
		m = mount_find_rcu(p->mnt, p->dentry);
		if (m && !mount_get_live(m))
			m = NULL;
		rcu_read_unlock();
		if (!m)
			break;
		dget(m->root);
		path_put(p);
		*p = (struct path){ m, m->root };
		if (w->flags & LOOKUP_NO_XDEV)
			return -EXDEV;
	}
	return 0;
}

int walk_cross(struct walk *w) { return cross_down(w, &w->cur); }

/*
 * p is where a scoped walk may be: w->root is above it. A rename may have carried a directory of the
 * walk out from under it, and ".." would then climb past (openat2(2), EAGAIN).
 */
static bool below_root(const struct walk *w, const struct path *p)
{
	const struct mount *m = p->mnt;
	const struct dentry *d = p->dentry;
	bool yes = false;

	rcu_read_lock();
	spin_lock(&rename_lock);
	for (;;) {
		yes = d == w->root.dentry && m == w->root.mnt;
		if (yes || (d == m->root && !m->parent))
			break;
		if (d == m->root) {
			d = m->at;
			m = m->parent;
		} else if (d->parent == d) {
			break;
		} else {
			d = d->parent;
		}
	}
	spin_unlock(&rename_lock);
	rcu_read_unlock();
	return yes;
}

static int walk_up(struct walk *w)
{
	struct path p = w->cur;
	bool crossed = false;
	int err;

	path_get(&p);
	for (;;) {
		struct path up;

		if (p.dentry == w->root.dentry && p.mnt == w->root.mnt) {
			if (w->flags & LOOKUP_BENEATH) {
				path_put(&p);
				return -EXDEV;
			}
			break;
		}
		if (p.dentry != p.mnt->root) {
			up = (struct path){ p.mnt, dget_parent(p.dentry) };
			dput(p.dentry);
			p = up;
			break;
		}
		if (!p.mnt->parent)
			break;
		up = (struct path){ p.mnt->parent, p.mnt->at };
		path_get(&up);
		path_put(&p);
		p = up;
		crossed = true;
	}
	err = crossed && w->flags & LOOKUP_NO_XDEV ? -EXDEV : cross_down(w, &p);
	if (!err && w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT) && !below_root(w, &p))
		err = -EAGAIN;
	if (err)
		path_put(&p);
	else
		walk_set(w, &p);
	return err;
}

static bool still_valid(struct dentry *d)
{
	return !(d->flags & DF_REVALIDATE) || !d->inode || d->inode->ops->revalidate(d);
}

static struct dentry *cached(struct dentry *dir, const char *name, u32 len)
{
	struct dentry *d = dcache_find(dir, name, len);

	if (!d || still_valid(d))
		return d;
	dentry_unhash(d);
	dput(d);
	return NULL;
}

/* The file system is asked and the answer cached. dir's inode->lock is held. NULL: there is no such
 * name. */
static struct dentry *ask(struct dentry *dir, const char *name, u32 len)
{
	struct inode *di = dir->inode, *i;
	struct dentry *d;

	if (dir->sb->flags & SB_COMPLETE || dir->flags & DF_UNLINKED)
		return NULL;
	if (!di->ops || !di->ops->lookup)
		return NULL;
	i = di->ops->lookup(di, name, len);
	if (IS_ERR(i))
		return PTR_ERR(i) == -ENOENT ? NULL : ERR_PTR(PTR_ERR(i));
	if (!i && dir->sb->flags & SB_NOCACHE)
		return NULL;
	d = dentry_new(dir, name, len);
	if (!d) {
		if (i)
			inode_put(i);
		return ERR_PTR(-ENOMEM);
	}
	return dentry_attach_unique(d, i);
}

struct dentry *lookup_one(struct dentry *dir, const char *name, u32 len)
{
	struct dentry *d = cached(dir, name, len);

	return d ? d : ask(dir, name, len);
}

/* As lookup_one without locks held; absent is -ENOENT. */
static struct dentry *find_child(struct dentry *dir, const char *name, u32 len)
{
	struct dentry *d = cached(dir, name, len);

	if (!d) {
		read_lock(&dir->inode->lock);
		d = lookup_one(dir, name, len);
		read_unlock(&dir->inode->lock);
	}
	if (IS_ERR(d))
		return d;
	if (d && d->inode)
		return d;
	if (d)
		dput(d);
	return ERR_PTR(-ENOENT);
}

/* The text of a symlink and what is left of the name, in memory of its own. */
static char *link_text(struct inode *i, const char *rest)
{
	char *page = NULL, *out;
	const char *text = i->private;
	size_t n, r = strlen(rest);

	if (!(i->flags & IF_LINKTEXT)) {
		if (!i->ops || !i->ops->readlink)
			return ERR_PTR(-EINVAL);
		page = kmalloc(PATH_MAX_BYTES);
		text = page ? i->ops->readlink(i, page, PATH_MAX_BYTES) : ERR_PTR(-ENOMEM);
		if (IS_ERR(text)) {
			kfree(page);
			return ERR_PTR(PTR_ERR(text));
		}
	}
	n = strlen(text);
	out = n ? kmalloc(n + r + 2) : ERR_PTR(-ENOENT);
	if (!out)
		out = ERR_PTR(-ENOMEM);
	if (!IS_ERR(out)) {
		memcpy(out, text, n);
		if (r)
			out[n++] = '/';
		memcpy(out + n, rest, r + 1);
	}
	kfree(page);
	return out;
}

static int follow_magic(struct walk *w, struct inode *i, const char *rest)
{
	struct path to;
	int err;

	if (w->flags & LOOKUP_NO_MAGIC)
		return -ELOOP;
	if (w->flags & (LOOKUP_BENEATH | LOOKUP_IN_ROOT))
		return -EXDEV;
	err = i->ops->follow(i, &to);
	if (err)
		return err;
	if (w->flags & LOOKUP_NO_XDEV && to.mnt != w->cur.mnt) {
		path_put(&to);
		return -EXDEV;
	}
	walk_set(w, &to);
	w->name = rest;
	return 0;
}

int walk_follow(struct walk *w, struct dentry *d, const char *rest)
{
	struct inode *i = d->inode;
	char *text;

	if (w->flags & LOOKUP_NO_SYMLINKS || ++w->links > MAX_LINKS)
		return -ELOOP;
	if (unlikely(READ_ONCE(protected_symlinks)) &&
	    !may_follow_link(w->cur.dentry->inode, i, rest))
		return -EACCES;
	if (i->ops && i->ops->follow)
		return follow_magic(w, i, rest);
	text = link_text(i, rest);
	if (IS_ERR(text))
		return (int)PTR_ERR(text);
	kfree(w->buf);
	w->buf = text;
	w->name = text;
	if (*text == '/') {
		if (w->flags & LOOKUP_BENEATH)
			return -EXDEV;
		if (w->flags & LOOKUP_NO_XDEV && w->root.mnt != w->cur.mnt)
			return -EXDEV;
		path_get(&w->root);
		walk_set(w, &w->root);
	}
	return 0;
}

/* cur becomes its child name; a symlink is followed if follow, and then w->name is what remains to
 * be walked (*again). */
static int walk_step(struct walk *w, const char *name, u32 len, bool follow, bool *again)
{
	struct path p;
	int err;

	*again = false;
	p.dentry = find_child(w->cur.dentry, name, len);
	if (IS_ERR(p.dentry))
		return (int)PTR_ERR(p.dentry);
	if (follow && p.dentry->flags & DF_SYMLINK) {
		*again = true;
		err = walk_follow(w, p.dentry, name + len);
		dput(p.dentry);
		return err;
	}
	p.mnt = w->cur.mnt;
	mount_get(p.mnt);
	err = cross_down(w, &p);
	if (err)
		path_put(&p);
	else
		walk_set(w, &p);
	return err;
}

/* Takes the next component off w->name into last. */
static int next_component(struct walk *w)
{
	const char *s = w->name, *e;

	while (*s == '/')
		s++;
	for (e = s; *e && *e != '/'; e++)
		;
	w->last = s;
	w->last_len = (u32)(e - s);
	w->trailing = *e == '/';
	while (*e == '/')
		e++;
	w->name = e;
	w->type = LAST_NORM;
	if (!w->last_len)
		w->type = LAST_NONE;
	else if (*s == '.' && w->last_len == 1)
		w->type = LAST_DOT;
	else if (s[0] == '.' && s[1] == '.' && w->last_len == 2)
		w->type = LAST_DOTDOT;
	return w->last_len > NAME_MAX_BYTES ? -ENAMETOOLONG : 0;
}

int walk_to_last(struct walk *w)
{
	for (;;) {
		bool again;
		int err;

		if (!*w->name) {	/* "" or what follows a magic link */
			w->type = LAST_NONE;
			w->last = w->name;
			w->last_len = 0;
			w->trailing = false;
			return 0;
		}
		if (!(w->cur.dentry->flags & DF_DIR))
			return -ENOTDIR;
		err = inode_permission(w->cur.dentry->inode, MAY_EXEC);
		if (!err)
			err = next_component(w);
		if (err || !*w->name)
			return err;
		if (w->type == LAST_DOTDOT)
			err = walk_up(w);
		else if (w->type == LAST_NORM)
			err = walk_step(w, w->last, w->last_len, true, &again);
		if (err)
			return err;
	}
}

/* The last component of any type: the walk is complete and cur is the result. */
static int walk_finish(struct walk *w)
{
	for (;;) {
		bool again = false;
		int err = walk_to_last(w);

		if (err)
			return err;
		if (w->type == LAST_DOTDOT) {
			err = walk_up(w);
		} else if (w->type == LAST_NORM) {
			bool must_dir = w->trailing || w->flags & LOOKUP_DIRECTORY;

			err = walk_step(w, w->last, w->last_len,
					w->trailing || w->flags & LOOKUP_FOLLOW, &again);
			if (!err && again) {
				if (must_dir)
					w->flags |= LOOKUP_DIRECTORY;
				continue;
			}
		}
		if (err)
			return err;
		if ((w->trailing || w->flags & LOOKUP_DIRECTORY) &&
		    !(w->cur.dentry->flags & DF_DIR))
			return -ENOTDIR;
		return 0;
	}
}

int path_lookup(int dirfd, const char *name, u32 flags, struct path *out)
{
	struct walk w;
	int err;

	enum fast_result fast = path_fast(dirfd, name, flags, out);

	if (likely(fast != FAST_UNKNOWN))
		return fast == FAST_FOUND ? 0 : -ENOENT;
	err = walk_begin(&w, dirfd, name, flags);
	if (err)
		return err;
	err = walk_finish(&w);
	if (!err) {
		*out = w.cur;
		path_get(out);
	}
	walk_end(&w);
	return err;
}
