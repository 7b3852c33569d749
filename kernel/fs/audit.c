/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the file layer recounts: cached names by walking the hash table, unused ones by their list,
 * tmpfs' pages and inodes from its files, references to open files from every descriptor table.
 */
#include "internal.h"
#include "files.h"
#include "tmpfs.h"
#include <base/init.h>
#include <mm/audit.h>

static int audit_dentries(struct audit_report *r)
{
	struct dcache_count c;
	bool ok;

	dcache_recount(&c);
	ok = c.hashed <= c.total && c.on_lru == c.lru_counter && !c.bad_lru && !c.bad_parent;
	audit_say(r, ok, "dentries", "%llu in all, %llu hashed, %llu unused (%llu on the list)%s%s",
		  (unsigned long long)c.total, (unsigned long long)c.hashed,
		  (unsigned long long)c.lru_counter, (unsigned long long)c.on_lru,
		  c.bad_lru ? ", a dead one on the list" : "",
		  c.bad_parent ? ", one below no directory" : "");
	return 0;
}

/* --- tmpfs
 * ---------------------------------------------------------------------------------------------------
 */
struct tmpfs_sum { struct super *sb; u64 pages, inodes, linked; };

/* Files with several names are seen several times: only single links and directories tell exactly.
 */
static void add_dentry(struct dentry *d, void *arg)
{
	struct tmpfs_sum *s = arg;

	if (d->sb != s->sb || !d->inode)
		return;
	if (!is_dir(d->inode) && d->inode->nlink > 1) {
		s->linked++;
		return;
	}
	s->inodes++;
	if (S_ISREG(d->inode->mode))
		s->pages += d->inode->mapping.nr_pages;
}

static void audit_tmpfs(struct super *sb, void *arg)
{
	struct audit_report *r = arg;
	struct tmpfs_sum s = { .sb = sb };
	struct tmpfs_sb *t = sb->private;
	u64 blocks = (u64)atomic_read(&t->used_blocks), inodes = (u64)atomic_read(&t->used_inodes);
	bool ok;

	dcache_for_each(add_dentry, &s);
	s.inodes++;		/* the root is not hashed */
	ok = s.pages <= blocks && s.inodes <= inodes;
	audit_say(r, ok, "tmpfs",
		  "%u: %llu pages charged, %llu in named files; %llu inodes, %llu named, %llu "
		  "further links",
		  sb->dev, (unsigned long long)blocks, (unsigned long long)s.pages,
		  (unsigned long long)inodes, (unsigned long long)s.inodes,
		  (unsigned long long)s.linked);
}

static int audit_supers(struct audit_report *r)
{
	supers_for_each(SB_COMPLETE, audit_tmpfs, r);
	return 0;
}

/* --- open files
 * --------------------------------------------------------------------------------------------------
 */
struct table_sum { u64 tables, slots, distinct; bool bad; };

/* A file's references are at least those of the tables that were seen so far: f->audit counts them.
 */
static void table_pass(struct files *fs, struct table_sum *s, bool clear)
{
	spin_lock(&fs->lock);
	for (u32 i = 0; i < fs->size; i++) {
		struct file *f = fs->slots[i];

		if (!f)
			continue;
		if (clear) {
			f->audit = 0;
			continue;
		}
		s->slots++;
		s->distinct += f->audit++ == 0;
		if ((i32)f->audit > ref_read(&f->ref))
			s->bad = true;
	}
	spin_unlock(&fs->lock);
	s->tables++;
}

/* Threads that share a table show it several times: only the leader's is looked at. */
static void all_tables(struct table_sum *s, bool clear)
{
	struct process *p;

	for (i32 pid = 1; (p = process_next(pid)); process_put(p)) {
		struct task *t = thread_next(p, 0);

		pid = p->pid + 1;
		if (!t)
			continue;
		spin_lock(&t->task_lock);
		if (t->files && ref_read(&t->files->users) == 1)
			table_pass(t->files, s, clear);
		spin_unlock(&t->task_lock);
		task_put(t);
	}
}

static int audit_files(struct audit_report *r)
{
	struct table_sum s = { 0 };
	u64 open = files_open();

	all_tables(&s, true);
	s = (struct table_sum){ 0 };
	all_tables(&s, false);
	audit_say(r, !s.bad && s.distinct <= open, "files",
		  "%llu open, %llu in %llu descriptors of %llu unshared tables%s",
		  (unsigned long long)open, (unsigned long long)s.distinct,
		  (unsigned long long)s.slots, (unsigned long long)s.tables,
		  s.bad ? "; one has too few references" : "");
	audit_say(r, true, "inodes", "%llu", (unsigned long long)inodes_count());
	return 0;
}

static int fs_audit_init(void)
{
	audit_register("dentries", audit_dentries);
	audit_register("tmpfs", audit_supers);
	audit_register("files", audit_files);
	return 0;
}
INITCALL(late, fs_audit_init);
