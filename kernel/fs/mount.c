/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mount tree. A mount covers a dentry of its parent mount; walks find it in a hash table by
 * (parent, dentry) under RCU. mount_mutex serialises changes of the tree; readers of the hash need
 * RCU only.
 *
 * References: one of the tree itself, one for each path, file and child mount. An ordinary umount
 * drops the tree's reference only while there is no other than its caller's. A walk that found the
 * mount a moment before may still get one: then, as after a lazy umount, the mount is out of the
 * tree and lives until its last user lets go.
 */
#include "internal.h"
#include <fs/mount.h>
#include <fs/seq.h>
#include <asm/statfs.h>
#include <linux/mount.h>

#define MOUNT_BUCKETS	64

static struct hlist mount_hash[MOUNT_BUCKETS];
static struct list mounts = LIST_INIT(mounts);		/* in the order they were made */
static struct mutex mount_mutex = MUTEX_INIT(mount_mutex);
static u32 next_id = 20;
struct mount *root_mount;

struct mount_rcu { struct mount m; struct rcu_head rcu; };

static struct hlist *mount_bucket(const struct mount *parent, const struct dentry *at)
{
	u64 h = ((u64)parent >> 6) + ((u64)at >> 6);

	return &mount_hash[(h ^ h >> 7) % MOUNT_BUCKETS];
}

struct mount *mount_find_rcu(struct mount *parent, struct dentry *at)
{
	struct mount *m;

	hlist_for_each(m, mount_bucket(parent, at), hash)
		if (m->parent == parent && m->at == at)
			return m;
	return NULL;
}

bool mount_get_live(struct mount *m) { return ref_get_unless_zero(&m->ref); }

bool mount_crossed(struct mount **m, struct dentry **d)
{
	bool crossed = false;

	while (unlikely(READ_ONCE((*d)->flags) & DF_MOUNTED)) {
		struct mount *c = mount_find_rcu(*m, *d);

		if (!c)
			break;
		*m = c;
		*d = c->root;
		crossed = true;
	}
	return crossed;
}

static void mount_free_rcu(struct rcu_head *h)
{
	struct mount_rcu *r = container_of(h, struct mount_rcu, rcu);

	kfree(r->m.source);
	kfree(r);
}

/* The count is 0 and nothing finds it any more. */
static void mount_free(struct mount *m)
{
	struct super *sb = m->sb;

	if (m->at)
		dput(m->at);
	if (m->parent)
		mount_put(m->parent);
	dput(m->root);
	super_put(sb);
	call_rcu(&container_of(m, struct mount_rcu, m)->rcu, mount_free_rcu);
}

void mount_put(struct mount *m)
{
	if (unlikely(ref_put(&m->ref)))
		mount_free(m);
}

void path_get(const struct path *p)
{
	mount_get(p->mnt);
	dget(p->dentry);
}

void path_put(const struct path *p)
{
	dput(p->dentry);
	mount_put(p->mnt);
}

/* Takes over sb. */
static struct mount *mount_new(struct super *sb, const char *source, u32 flags)
{
	struct mount_rcu *r = kzalloc(sizeof(*r));

	if (r)
		r->m.source = kstrdup(source && *source ? source : "none");
	if (!r || !r->m.source) {
		kfree(r);
		super_put(sb);
		return NULL;
	}
	ref_init(&r->m.ref);
	r->m.sb = sb;
	r->m.root = dget(sb->root);
	r->m.flags = flags & MOUNT_FLAGS;
	if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		r->m.flags |= MS_RELATIME;
	list_init(&r->m.link);
	return &r->m;
}

/* mount_mutex held. Takes over the reference of at. */
static void mount_attach(struct mount *m, const struct path *at)
{
	m->id = next_id++;
	if (at) {
		m->parent = at->mnt;
		m->at = at->dentry;
		hlist_add(mount_bucket(m->parent, m->at), &m->hash);
		atomic_or(&m->at->flags, DF_MOUNTED);
	}
	list_add_tail(&mounts, &m->link);
}

static bool mounted_anywhere(const struct dentry *d)
{
	struct mount *m;

	list_for_each(m, &mounts, link)
		if (m->at == d)
			return true;
	return false;
}

/* mount_mutex held. */
static void mount_detach(struct mount *m)
{
	hlist_del(&m->hash);
	list_del(&m->link);
	if (!mounted_anywhere(m->at))
		atomic_and(&m->at->flags, ~(u32)DF_MOUNTED);
}

bool dentry_is_mountpoint(struct dentry *d) { return READ_ONCE(d->flags) & DF_MOUNTED; }

static int mount_at(struct super *sb, const char *source, const struct path *at, u32 flags)
{
	struct mount *m = mount_new(sb, source, flags);
	int err = 0;

	if (!m)
		return -ENOMEM;
	path_get(at);
	mutex_lock(&mount_mutex);
	if (at->dentry->flags & DF_UNLINKED)
		err = -ENOENT;
	else if (at->dentry == sb->root)
		err = -EBUSY;		/* the same file system twice at one place */
	else
		mount_attach(m, at);
	mutex_unlock(&mount_mutex);
	if (err) {
		path_put(at);
		mount_put(m);
	}
	return err;
}

int vfs_mount(const char *source, const char *target, const char *type, u32 flags, const char *data)
{
	const struct fs_type *t = fs_find(type);
	struct super *sb;
	struct path at;
	int err;

	if (!t)
		return -ENODEV;
	err = path_lookup(AT_FDCWD, target, LOOKUP_FOLLOW | LOOKUP_DIRECTORY, &at);
	if (err)
		return err;
	sb = t->mount(t, source, data);
	err = IS_ERR(sb) ? (int)PTR_ERR(sb) : mount_at(sb, source, &at, flags);
	path_put(&at);
	return err;
}

static bool has_children(const struct mount *m)
{
	struct mount *c;

	list_for_each(c, &mounts, link)
		if (c->parent == m)
			return true;
	return false;
}

/* Also what is mounted below: a lazy umount takes the whole subtree. mount_mutex held. */
static void detach_tree(struct mount *m, struct list *gone)
{
	struct mount *c, *tmp;
	struct list todo = LIST_INIT(todo);

	mount_detach(m);
	list_add_tail(&todo, &m->link);
	while (!list_empty(&todo)) {
		m = list_first(&todo, struct mount, link);
		list_del(&m->link);
		list_add_tail(gone, &m->link);
		list_for_each_safe(c, tmp, &mounts, link)
			if (c->parent == m) {
				mount_detach(c);
				list_add_tail(&todo, &c->link);
			}
	}
}

int vfs_umount(const struct path *p, bool lazy)
{
	struct mount *m = p->mnt;
	struct list gone = LIST_INIT(gone);
	int err = 0;

	if (p->dentry != m->root || m == root_mount)
		return -EINVAL;
	mutex_lock(&mount_mutex);
	if (!hnode_linked(&m->hash)) {
		err = -EINVAL;
	} else if (lazy) {
		detach_tree(m, &gone);
	} else if (has_children(m) || !atomic_cas(&m->ref.v, 2, 1)) {
		err = -EBUSY;		/* 2: the tree's and the caller's path */
	} else {
		mount_detach(m);
	}
	mutex_unlock(&mount_mutex);
	while (!list_empty(&gone)) {
		m = list_first(&gone, struct mount, link);
		list_del(&m->link);
		mount_put(m);
	}
	return err;
}

/*
 * A writer counts itself, then (after a full barrier) looks at hold and flags; who makes the mount
 * read-only sets hold, then (after a full barrier) looks at the count. So one sees the other, and
 * the writer waits for what becomes of it.
 */
int mount_write_begin(struct mount *m)
{
	atomic_inc(&m->writers);
	smp_mb();
	while (unlikely(load_acquire(&m->hold)))
		cpu_relax();
	if (likely(!mount_readonly(m)))
		return 0;
	mount_write_end(m);
	return -EROFS;
}

/* flags have MS_RDONLY, m has not. mount_mutex held. -EBUSY: somebody writes. */
static int make_readonly(struct mount *m, u32 flags)
{
	int err = 0;

	preempt_disable();
	WRITE_ONCE(m->hold, true);
	smp_mb();
	if (atomic_read(&m->writers))
		err = -EBUSY;
	else
		WRITE_ONCE(m->flags, flags);
	store_release(&m->hold, false);
	preempt_enable();
	return err;
}

/* Times are kept as they were where flags say nothing of them. */
static u32 new_flags(const struct mount *m, u32 flags)
{
	const u32 times = MS_NOATIME | MS_NODIRATIME | MS_RELATIME | MS_STRICTATIME;

	flags &= MOUNT_FLAGS;
	if (!(flags & times))
		flags |= m->flags & times;
	else if (!(flags & (MS_NOATIME | MS_STRICTATIME)))
		flags |= MS_RELATIME;
	return flags;
}

int vfs_remount(const struct path *p, u32 flags, const char *data)
{
	struct mount *m = p->mnt;
	const struct super_ops *ops = data && !(flags & MS_BIND) ? m->sb->ops : NULL;
	bool shut;
	u32 old;
	int err;

	if (p->dentry != m->root)
		return -EINVAL;
	mutex_lock(&mount_mutex);
	old = m->flags;
	flags = new_flags(m, flags);
	shut = flags & MS_RDONLY && !mount_readonly(m);
	err = shut ? make_readonly(m, flags) : 0;	/* before what could not be undone */
	if (!err && ops && ops->remount)
		err = ops->remount(m->sb, data);
	WRITE_ONCE(m->flags, err ? old : flags);
	mutex_unlock(&mount_mutex);
	return err;
}

void path_statfs(const struct path *p, struct statfs64 *st)
{
	struct super *sb = p->mnt->sb;

	memset(st, 0, sizeof(*st));
	st->f_type = (long)sb->magic;
	st->f_bsize = PAGE_SIZE;
	st->f_frsize = PAGE_SIZE;
	st->f_namelen = NAME_MAX_BYTES;
	st->f_fsid.val[0] = (int)sb->dev;
	/* ST_VALID and the mount flags: the low MS_ bits have the values of ST_RDONLY, ST_NOSUID,
	 * ST_NODEV, ST_NOEXEC. */
	st->f_flags = 0x20 | (p->mnt->flags & 0xf) | (p->mnt->flags & (MS_NOATIME | MS_NODIRATIME));
	if (p->mnt->flags & MS_RELATIME)
		st->f_flags |= 0x1000;
	if (sb->ops && sb->ops->statfs)
		sb->ops->statfs(sb, st);
}

/* --- /proc/mounts
 * ------------------------------------------------------------------------------------------------
 */
static void show_escaped(struct seq *s, const char *t)
{
	for (; *t; t++)
		if (*t == ' ' || *t == '\t' || *t == '\n' || *t == '\\')
			seq_printf(s, "\\%03o", (u8)*t);
		else
			seq_write(s, t, 1);
}

static void show_flags(struct seq *s, u32 f)
{
	seq_printf(s, "%s%s%s%s%s%s%s", f & MS_RDONLY ? "ro" : "rw", f & MS_NOSUID ? ",nosuid" : "",
		   f & MS_NODEV ? ",nodev" : "", f & MS_NOEXEC ? ",noexec" : "",
		   f & MS_NOATIME ? ",noatime" : "", f & MS_NODIRATIME ? ",nodiratime" : "",
		   f & MS_RELATIME ? ",relatime" : "");
}

static void show_options(struct seq *s, struct super *sb)
{
	char buf[128];
	int n = sb->ops && sb->ops->options ? sb->ops->options(sb, buf, sizeof(buf)) : 0;

	if (n > 0)
		seq_write(s, buf, (size_t)min(n, (int)sizeof(buf) - 1));
}

static void show_mount(struct seq *s, struct mount *m, const char *where)
{
	show_escaped(s, m->source);
	seq_printf(s, " ");
	show_escaped(s, where);
	seq_printf(s, " %s ", m->sb->type->name);
	show_flags(s, m->flags);
	show_options(s, m->sb);
	seq_printf(s, " 0 0\n");
}

static void show_mountinfo(struct seq *s, struct mount *m, const char *where)
{
	seq_printf(s, "%u %u %u:%u / ", m->id, m->parent ? m->parent->id : 1, 0u, m->sb->dev);
	show_escaped(s, where);
	seq_printf(s, " ");
	show_flags(s, m->flags);
	seq_printf(s, " - %s ", m->sb->type->name);
	show_escaped(s, m->source);
	seq_printf(s, " rw");
	show_options(s, m->sb);
	seq_printf(s, "\n");
}

void mounts_show(struct seq *s, bool mountinfo)
{
	char *buf = kmalloc(PATH_MAX_BYTES);
	struct mount *m;

	if (!buf)
		return;
	mutex_lock(&mount_mutex);
	list_for_each(m, &mounts, link) {
		struct path p = { m, m->root };
		char *where = path_to_string(&p, buf, PATH_MAX_BYTES);

		if (IS_ERR(where) || *where != '/')
			continue;
		if (mountinfo)
			show_mountinfo(s, m, where);
		else
			show_mount(s, m, where);
	}
	mutex_unlock(&mount_mutex);
	kfree(buf);
}

/* --- boot
 * ------------------------------------------------------------------------------------------------------------
 */
int rootfs_init(void)
{
	const struct fs_type *t = fs_find("tmpfs");
	struct super *sb = t ? t->mount(t, "rootfs", "mode=755") : ERR_PTR(-ENODEV);
	struct mount *m;

	if (IS_ERR(sb))
		return (int)PTR_ERR(sb);
	m = mount_new(sb, "rootfs", 0);
	if (!m)
		return -ENOMEM;
	mutex_lock(&mount_mutex);
	mount_attach(m, NULL);
	mutex_unlock(&mount_mutex);
	root_mount = m;
	mount_get(m);
	mount_get(m);
	init_fs.root = (struct path){ m, dget(m->root) };
	init_fs.cwd = (struct path){ m, dget(m->root) };
	return 0;
}
