/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tmpfs: names live in the dentry cache, contents in the page cache, nothing anywhere else. Each
 * linked name holds one count of its dentry (pinned), so SB_COMPLETE is true: what is not in the
 * cache does not exist.
 *
 * A directory gives each new entry a position one higher than any before (private2 counts), kept in
 * dentry->pos; its children list is in that order. So a listing that stops and goes on by position
 * neither repeats nor loses an entry that was there all the time, whatever comes and goes
 * meanwhile.
 */
#include "internal.h"
#include "tmpfs.h"
#include <asm/statfs.h>
#include <linux/fs.h>
#include <linux/magic.h>

#define FIRST_POS 2		/* 0 and 1 are "." and ".." */
#define SHORT_LINK 128		/* the text of a longer symlink is charged as a page */

static struct tmpfs_sb *sb_of(const struct inode *i) { return i->sb->private; }

/* --- limits
 * ------------------------------------------------------------------------------------------------
 */
static bool take(atomic64_t *used, u64 n, u64 max)
{
	if (likely((u64)__atomic_add_fetch(&used->v, (i64)n, __ATOMIC_RELAXED) <= max))
		return true;
	__atomic_sub_fetch(&used->v, (i64)n, __ATOMIC_RELAXED);
	return false;
}

static int tmpfs_charge(struct mapping *m, i64 n)
{
	struct tmpfs_sb *t = sb_of(m->host);

	int err = mm_commit(n);

	if (n < 0)
		__atomic_add_fetch(&t->used_blocks.v, n, __ATOMIC_RELAXED);
	else if (!err && !take(&t->used_blocks, (u64)n, t->max_blocks))
		err = mm_commit(-n) ?: -ENOSPC;
	return err;
}

static u8 tmpfs_huge(const struct mapping *m)
{
	const struct tmpfs_sb *t = sb_of(m->host);

	return READ_ONCE(t->huge);
}

static const struct mapping_ops tmpfs_mapping_ops = {
	.keep = true, .charge = tmpfs_charge, .huge = tmpfs_huge};

/* --- inodes
 * ---------------------------------------------------------------------------------------------------
 */
void tmpfs_evict(struct inode *i)
{
	if (i->flags & IF_LINKTEXT && i->mapping.size >= SHORT_LINK)
		tmpfs_charge(&i->mapping, -1);
	__atomic_sub_fetch(&sb_of(i)->used_inodes.v, 1, __ATOMIC_RELAXED);
}

static const struct inode_ops tmpfs_other_ops = { .evict = tmpfs_evict };

struct inode *tmpfs_inode(struct super *sb, const struct inode *dir, u32 mode, u32 rdev)
{
	struct tmpfs_sb *t = sb->private;
	struct inode *i;

	if (!take(&t->used_inodes, 1, t->max_inodes))
		return ERR_PTR(-ENOSPC);
	i = inode_new(sb, mode);
	if (!i) {
		__atomic_sub_fetch(&t->used_inodes.v, 1, __ATOMIC_RELAXED);
		return ERR_PTR(-ENOMEM);
	}
	inode_init_owner(i, dir, mode);
	i->rdev = rdev;
	i->ops = &tmpfs_other_ops;
	i->mapping.ops = &tmpfs_mapping_ops;
	if (S_ISREG(mode)) {
		i->fops = &tmpfs_file_ops;
	} else if (S_ISDIR(mode)) {
		i->ops = t->dir_ops ? t->dir_ops : &tmpfs_dir_ops;
		i->fops = &tmpfs_dir_fops;
		i->nlink = 2;
		i->private2 = (void *)FIRST_POS;
	}
	return i;
}

/* --- directory entries; dir's lock is held for writing --------------------------------- */
static u64 next_pos(struct inode *dir)
{
	u64 pos = (u64)dir->private2;

	dir->private2 = (void *)(pos + 1);
	return pos;
}

static void dir_changed(struct inode *dir)
{
	inode_modified(dir);
}

static void entry_added(struct inode *dir, struct dentry *d)
{
	d->pos = next_pos(dir);
	dget(d);			/* the pin */
	dir->mapping.size += 20;	/* what Linux shows for each entry */
	dir_changed(dir);
}

static void entry_removed(struct inode *dir, struct dentry *d)
{
	dir->mapping.size -= 20;
	dir_changed(dir);
	dput(d);			/* never the last: the caller holds one */
}

static int add_new(struct inode *dir, struct dentry *d, u32 mode, u32 rdev, struct inode **out)
{
	struct inode *i = tmpfs_inode(dir->sb, dir, mode, rdev);

	if (IS_ERR(i))
		return (int)PTR_ERR(i);
	if (S_ISDIR(mode))
		dir->nlink++;
	entry_added(dir, d);
	*out = i;
	return 0;
}

int tmpfs_create(struct inode *dir, struct dentry *d, u32 mode, struct inode **out)
{
	return add_new(dir, d, mode, 0, out);
}

static int tmpfs_mknod(struct inode *dir, struct dentry *d, u32 mode, u32 rdev, struct inode **out)
{
	return add_new(dir, d, mode, rdev, out);
}

int tmpfs_symlink(struct inode *dir, struct dentry *d, const char *target,
			 struct inode **out)
{
	size_t len = strlen(target);
	int err = len >= SHORT_LINK ? tmpfs_charge(&dir->mapping, 1) : 0;
	char *text;

	if (err)
		return err;
	text = kstrdup(target);
	err = text ? add_new(dir, d, S_IFLNK | 0777, 0, out) : -ENOMEM;
	if (err) {
		kfree(text);
		if (len >= SHORT_LINK)
			tmpfs_charge(&dir->mapping, -1);
		return err;
	}
	(*out)->private = text;
	(*out)->flags |= IF_LINKTEXT;
	(*out)->mapping.size = len;
	return 0;
}

/* Each further name is charged like an inode: it is as much memory that only its end gives back. */
int tmpfs_link(struct inode *dir, struct dentry *d, struct inode *i)
{
	struct tmpfs_sb *t = sb_of(dir);

	if (i->nlink && !take(&t->used_inodes, 1, t->max_inodes))
		return -ENOSPC;
	i->nlink++;
	i->ctime = time_now();
	entry_added(dir, d);
	return 0;
}

int tmpfs_unlink(struct inode *dir, struct dentry *d)
{
	if (--d->inode->nlink)
		__atomic_sub_fetch(&sb_of(dir)->used_inodes.v, 1, __ATOMIC_RELAXED);
	entry_removed(dir, d);
	d->inode->ctime = dir->ctime;
	return 0;
}

/* d's inode lock is held, so nothing is being made in it. */
static bool dir_empty(struct dentry *d)
{
	bool empty;

	spin_lock(&d->lock);
	empty = list_empty(&d->children);
	spin_unlock(&d->lock);
	return empty;
}

int tmpfs_rmdir(struct inode *dir, struct dentry *d)
{
	if (!dir_empty(d))
		return -ENOTEMPTY;
	d->inode->nlink = 0;
	dir->nlink--;
	entry_removed(dir, d);
	return 0;
}

static int replace(struct inode *nd, struct dentry *n)
{
	if (!n->inode)
		return 0;
	return is_dir(n->inode) ? tmpfs_rmdir(nd, n) : tmpfs_unlink(nd, n);
}

int tmpfs_rename(struct inode *od, struct dentry *o, struct inode *nd, struct dentry *n,
			u32 flags)
{
	bool exchange = flags & RENAME_EXCHANGE;
	int err = exchange ? 0 : replace(nd, n);

	if (err)
		return err;
	if (od != nd) {
		int out = is_dir(o->inode), in = exchange && is_dir(n->inode);

		od->nlink += (u32)(in - out);
		nd->nlink += (u32)(out - in);
		if (!exchange) {
			od->mapping.size -= 20;
			nd->mapping.size += 20;
		}
	}
	o->pos = next_pos(nd);
	if (exchange) {
		n->pos = next_pos(od);
		n->inode->ctime = time_now();
	}
	dir_changed(od);
	dir_changed(nd);
	o->inode->ctime = nd->ctime;
	return 0;
}

static struct inode *tmpfs_tmpfile(struct inode *dir, u32 mode)
{
	struct inode *i = tmpfs_inode(dir->sb, dir, mode, 0);

	if (!IS_ERR(i))
		i->nlink = 0;
	return i;
}

const struct inode_ops tmpfs_dir_ops = {
	.create = tmpfs_create, .mknod = tmpfs_mknod, .symlink = tmpfs_symlink, .link = tmpfs_link,
	.mkdir = tmpfs_create, .unlink = tmpfs_unlink, .rmdir = tmpfs_rmdir, .rename = tmpfs_rename,
	.tmpfile = tmpfs_tmpfile, .evict = tmpfs_evict,
};

/* --- listing
 * ------------------------------------------------------------------------------------------------------------
 */
/* The first child at or after pos, referenced. The directory's lock is held, so the list stands
 * still. */
static struct dentry *child_from(struct dentry *dir, struct dentry *after, u64 pos)
{
	struct dentry *c, *found = NULL;

	spin_lock(&dir->lock);
	c = after ? list_entry(after->sibling.next, struct dentry, sibling) :
		    list_first(&dir->children, struct dentry, sibling);
	for (; &c->sibling != &dir->children;
	     c = list_entry(c->sibling.next, struct dentry, sibling))
		if (c->pos >= pos && c->inode) {
			found = dget(c);
			break;
		}
	spin_unlock(&dir->lock);
	return found;
}

static bool emit_dots(struct dentry *d, struct dir_context *ctx)
{
	if (ctx->pos == 0) {
		if (!ctx->emit(ctx, ".", 1, d->inode->ino, S_IFDIR >> 12))
			return false;
		ctx->pos = 1;
	}
	if (ctx->pos == 1) {
		struct dentry *up = dget_parent(d);
		bool room = ctx->emit(ctx, "..", 2, up->inode->ino, S_IFDIR >> 12);

		dput(up);
		if (!room)
			return false;
		ctx->pos = FIRST_POS;
	}
	return true;
}

static int tmpfs_readdir(struct file *f, struct dir_context *ctx)
{
	struct dentry *dir = f->path.dentry, *c, *prev = NULL;

	if (!emit_dots(dir, ctx))
		return 0;
	while ((c = child_from(dir, prev, ctx->pos))) {
		if (prev)
			dput(prev);
		prev = c;
		ctx->pos = c->pos;
		if (!ctx->emit(ctx, c->name, c->len, c->inode->ino,
			       (c->inode->mode & S_IFMT) >> 12))
			break;
		ctx->pos = c->pos + 1;
	}
	if (prev)
		dput(prev);
	return 0;
}

const struct file_ops tmpfs_dir_fops = { .readdir = tmpfs_readdir };

/* --- mounting
 * -------------------------------------------------------------------------------------------------------------
 */
static void tmpfs_statfs(struct super *s, struct statfs64 *st)
{
	struct tmpfs_sb *t = s->private;

	if (t->max_blocks == ~0ull)
		return;
	st->f_blocks = t->max_blocks;
	st->f_bfree = t->max_blocks - min(t->max_blocks, (u64)atomic_read(&t->used_blocks));
	st->f_bavail = st->f_bfree;
	st->f_files = t->max_inodes;
	st->f_ffree = t->max_inodes - min(t->max_inodes, (u64)atomic_read(&t->used_inodes));
}

static void tmpfs_kill(struct super *s)
{
	kfree(s->private);
}

static const struct super_ops tmpfs_super_ops = {
	.statfs = tmpfs_statfs, .kill = tmpfs_kill, .options = tmpfs_show_options,
	.remount = tmpfs_remount};

static struct super *fill(const struct fs_type *t, struct tmpfs_sb *ts, u64 magic)
{
	struct super *sb = super_new(t, magic, &tmpfs_super_ops, SB_COMPLETE);
	struct inode *root;
	int err;

	if (!sb) {
		kfree(ts);
		return ERR_PTR(-ENOMEM);
	}
	sb->private = ts;
	root = tmpfs_inode(sb, NULL, S_IFDIR | ts->mode, 0);
	err = IS_ERR(root) ? (int)PTR_ERR(root) : 0;
	if (!err) {
		if (ts->set_owner & TMPFS_UID)
			root->uid = ts->uid;
		if (ts->set_owner & TMPFS_GID)
			root->gid = ts->gid;
		err = super_set_root(sb, root);
	}
	if (!err)
		return sb;
	super_put(sb);
	return ERR_PTR(err);
}

struct super *tmpfs_mount(const struct fs_type *t, const char *source, const char *data)
{
	struct tmpfs_sb *ts = kzalloc(sizeof(*ts));
	int err;

	if (!ts)
		return ERR_PTR(-ENOMEM);
	tmpfs_defaults(ts, strcmp(t->name, "tmpfs") != 0);
	if (t == &bpffs_type) {
		ts->dir_ops = &bpffs_dir_ops;
		ts->mode = 01777;	/* as on Linux */
	}
	err = data ? tmpfs_parse_options(ts, data) : 0;
	if (err) {
		kfree(ts);
		return ERR_PTR(err);
	}
	if (t == &bpffs_type)
		return fill(t, ts, BPF_FS_MAGIC);
	return fill(t, ts, strcmp(t->name, "ramfs") ? TMPFS_MAGIC : RAMFS_MAGIC);
}
