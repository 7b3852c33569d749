/* SPDX-License-Identifier: BSD-2-Clause */
/* /proc/PID/maps, smaps, smaps_rollup, pagemap, mem: address spaces from outside. */
#include <base/alloc.h>
#include <base/string.h>
#include <hal/cpu.h>
#include <mm/thp.h>
#include "proc.h"

#define for_each_vma(v, mm) for (v = mm_first_vma_from(mm, 0); v; v = mm_first_vma_from(mm, v->end))
#define PATH_COLUMN	73		/* where readers are used to see the path */

void proc_mm_sums(struct mm *mm, struct mm_sums *m)
{
	struct vma *v;
	u64 rss[NR_RSS];

	*m = (struct mm_sums){ 0 };
	read_lock(&mm->lock);
	for_each_vma(v, mm) {
		u64 n = (v->end - v->start) >> PAGE_SHIFT;

		if (v->vm_flags & VM_STACK)
			m->stack += n;
		else if ((v->vm_flags & (VM_WRITE | VM_SHARED)) == VM_WRITE)
			m->data += n;
		else if ((v->vm_flags & (VM_EXEC | VM_WRITE)) == VM_EXEC)
			m->lib += n;
	}
	m->size = mm->total_pages;
	m->peak = max(mm->peak_pages, m->size);
	m->locked = mm->locked_pages;
	m->exec = (align_up(mm->code_end, PAGE_SIZE) - align_down(mm->code_start, PAGE_SIZE)) >>
		  PAGE_SHIFT;
	m->exec = min(m->exec, m->lib);
	m->lib -= m->exec;
	m->tables = mm_table_pages(mm);
	mm_rss_now(mm, rss);
	read_unlock(&mm->lock);
	m->anon = rss[RSS_ANON];
	m->file = rss[RSS_FILE];
	m->shmem = rss[RSS_SHMEM];
	m->rss = m->anon + m->file + m->shmem;
	m->hwm = max(mm->peak_rss, m->rss);
}

/* --- maps ------------------------------------------------------------------------------------- */

static const char *special_name(const struct vma *v)
{
	const struct mm *mm = v->mm;

	if (v->name)
		return v->name;
	if (v->backing)
		return NULL;
	if (v->start < mm->brk && v->end > mm->brk_start)
		return "[heap]";
	if (v->vm_flags & VM_STACK && v->start <= mm->stack_top && v->end >= mm->stack_top)
		return "[stack]";
	return NULL;
}

static void show_name(struct seq *s, struct vma *v, size_t line, char *path)
{
	const char *name = special_name(v);

	if (!name && v->backing && v->backing->ops->path(v->backing, path, PAGE_SIZE) > 0)
		name = path;
	if (name) {
		seq_pad(s, line, PATH_COLUMN);
		seq_escape(s, name, "\n");
	}
	seq_putc(s, '\n');
}

static void show_vma_at(struct seq *s, struct vma *v, u64 start, u64 end, char *path)
{
	struct backing_id id = { 0, 0 };
	size_t line = s->len;
	u32 f = v->vm_flags;

	if (v->backing)
		id = v->backing->ops->id(v->backing);
	seq_printf(s, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", start, end,
		   f & VM_READ ? 'r' : '-', f & VM_WRITE ? 'w' : '-', f & VM_EXEC ? 'x' : '-',
		   f & VM_SHARED ? 's' : 'p', v->backing ? v->pgoff << PAGE_SHIFT : 0,
		   dev_major(id.dev), dev_minor(id.dev), id.ino);
	show_name(s, v, line, path);
}

/* Calls fn for each VMA with the lock held for reading. A process without memory has none. */
static int each_vma(struct seq *s, struct task *t,
		    void (*fn)(struct seq *, struct vma *, char *path, void *), void *arg)
{
	char *path = page_alloc(0);
	struct mm *mm;
	struct vma *v;

	if (!path)
		return -ENOMEM;
	mm = proc_mm_inspect(t);
	if (mm && !IS_ERR(mm)) {
		read_lock(&mm->lock);
		for (v = mm_first_vma_from(mm, 0); v && !s->failed; v = mm_next_vma(v))
			fn(s, v, path, arg);
		read_unlock(&mm->lock);
		mm_return(mm);
	}
	page_free(path);
	return IS_ERR(mm) ? (int)PTR_ERR(mm) : 0;
}

static void map_line(struct seq *s, struct vma *v, char *path, void *arg)
{
	show_vma_at(s, v, v->start, v->end, path);
}
SHOW(maps) { return each_vma(s, t, map_line, NULL); }

/* --- smaps ------------------------------------------------------------------------------------ */

static void field(struct seq *s, const char *name, u64 bytes)
{
	size_t line = s->len;

	seq_puts(s, name);
	seq_pad(s, line, 16);
	seq_printf(s, "%8lu kB\n", bytes >> 10);
}

static void usage_fields(struct seq *s, const struct vma_usage *u)
{
	field(s, "Rss:", u->rss);
	field(s, "Pss:", u->pss);
	field(s, "Pss_Dirty:", min(u->pss, u->private_dirty + u->shared_dirty));
	field(s, "Shared_Clean:", u->shared_clean);
	field(s, "Shared_Dirty:", u->shared_dirty);
	field(s, "Private_Clean:", u->private_clean);
	field(s, "Private_Dirty:", u->private_dirty);
	field(s, "Referenced:", u->referenced);
	field(s, "Anonymous:", u->anonymous);
	field(s, "KSM:", 0);
	field(s, "LazyFree:", u->lazyfree);
	field(s, "AnonHugePages:", u->thp);
	field(s, "ShmemPmdMapped:", u->shmem_thp);
	field(s, "FilePmdMapped:", u->file_thp);
	field(s, "Shared_Hugetlb:", 0);
	field(s, "Private_Hugetlb:", 0);
	field(s, "Swap:", 0);
	field(s, "SwapPss:", 0);
	field(s, "Locked:", u->locked);
	field(s, "ContPte:", u->cont);	/* Tine's own: in contiguous blocks of 64 KiB */
}

static void vm_flags(struct seq *s, u32 f)
{
	static const struct { u32 bit; const char *text;
	} names[] = {
		{VM_READ, "rd"},       {VM_WRITE, "wr"},      {VM_EXEC, "ex"},
		{VM_SHARED, "sh"},     {VM_MAYREAD, "mr"},    {VM_MAYWRITE, "mw"},
		{VM_MAYEXEC, "me"},    {VM_GROWSDOWN, "gd"},  {VM_PFN, "pf"},
		{VM_LOCKED, "lo"},     {VM_SEQ, "sr"},	      {VM_RAND, "rr"},
		{VM_DONTFORK, "dc"},   {VM_DONTEXPAND, "de"}, {VM_ACCOUNT, "ac"},
		{VM_NORESERVE, "nr"},
		{VM_WIPEONFORK, "wf"}, {VM_DONTDUMP, "dd"},   {VM_HUGEPAGE, "hg"},
		{VM_NOHUGEPAGE, "nh"}, {VM_SEALED, "sl"}, {VM_DROPPABLE, "dp"},
	};

	seq_puts(s, "VmFlags: ");
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (f & names[i].bit)
			seq_printf(s, "%s ", names[i].text);
	seq_putc(s, '\n');
}

static void smap_entry(struct seq *s, struct vma *v, char *path, void *arg)
{
	struct vma_usage u = { 0 };

	mm_vma_usage(v, &u);
	show_vma_at(s, v, v->start, v->end, path);
	field(s, "Size:", v->end - v->start);
	field(s, "KernelPageSize:", PAGE_SIZE);
	field(s, "MMUPageSize:", PAGE_SIZE);
	usage_fields(s, &u);
	seq_printf(s, "THPeligible:           %d\n", thp_eligible(v));
	vm_flags(s, v->vm_flags);
	cond_resched();
}
SHOW(smaps) { return each_vma(s, t, smap_entry, NULL); }

struct rollup { struct vma_usage sum; u64 start, end; };

static void add_usage(struct seq *s, struct vma *v, char *path, void *arg)
{
	struct rollup *r = arg;
	struct vma_usage u = { 0 };
	u64 *to = (u64 *)&r->sum, *from = (u64 *)&u;

	mm_vma_usage(v, &u);
	for (u32 i = 0; i < sizeof(u) / sizeof(u64); i++)
		to[i] += from[i];
	if (!r->end)
		r->start = v->start;
	r->end = v->end;
	cond_resched();
}

/* Tine's own: page tables that others see too, and those that are this process's alone. */
static void table_fields(struct seq *s, struct task *t)
{
	struct mm *mm = proc_mm_inspect(t);
	u64 shared, own;

	if (!mm || IS_ERR(mm))
		return;
	read_lock(&mm->lock);
	mm_count_tables(mm, &shared, &own);
	read_unlock(&mm->lock);
	mm_return(mm);
	field(s, "SharedPageTables:", shared << PAGE_SHIFT);
	field(s, "PrivatePageTables:", own << PAGE_SHIFT);
}

/* What fork shared, what was copied since, and taken back when the others had gone. */
SHOW(cow_tables)
{
	struct mm *mm = proc_mm_inspect(t);

	if (!mm || IS_ERR(mm))
		return mm ? (int)PTR_ERR(mm) : 0;
	seq_printf(s, "enabled %d\nshared_by_fork %lu\ncopied_level1 %lu\ncopied_level2 %lu\n"
		      "copied_leaf %lu\ntaken_back %lu\n",
		   mm->cow_tables && !cow_tables_off, mm->cow_forks, mm->pt.copied[0],
		   mm->pt.copied[1], mm->pt.copied[2], mm->pt.taken);
	mm_return(mm);
	return 0;
}

SHOW(smaps_rollup)
{
	struct rollup r = { .end = 0 };
	size_t line = s->len;
	int err = each_vma(s, t, add_usage, &r);

	if (err)
		return err;
	if (!r.end)
		return -ESRCH;
	seq_printf(s, "%08lx-%08lx ---p 00000000 00:00 0 ", r.start, r.end);
	seq_pad(s, line, PATH_COLUMN);
	seq_puts(s, "[rollup]\n");
	usage_fields(s, &r.sum);
	table_fields(s, t);
	return 0;
}

/* --- files over the address space ------------------------------------------------------------- */

/* An open file keeps the structure only: a process that ends, or is killed for its memory, gives that
 * back whoever looks on. */
static int mm_file_open(struct inode *i, struct file *f)
{
	struct task *t = proc_task(i);
	struct mm *mm;

	if (!t)
		return -ESRCH;
	mm = proc_mm_inspect(t);	/* the one it has now: exec does not hand the new one out */
	task_put(t);
	if (IS_ERR(mm))
		return (int)PTR_ERR(mm);
	if (mm) {
		mm_hold(mm);
		mm_return(mm);
	}
	f->private = mm;
	return 0;
}

static void mm_file_release(struct file *f)
{
	if (f->private)
		mm_drop(f->private);
}

/* What the file is about, borrowed for one access (mm_return). NULL once nobody uses it. */
static struct mm *mm_of_file(struct file *f)
{
	struct mm *mm = f->private;

	return mm && mm_borrow_live(mm) ? mm : NULL;
}

static off64 mm_file_seek(struct file *f, off64 off, int whence)
{
	if (whence == 1)
		off += (off64)f->pos;
	else if (whence != 0)
		return -EINVAL;
	f->pos = (u64)off;
	return off;
}

static ssize_t pagemap_entries(struct file *f, struct uio *u, u64 *pos, bool frames)
{
	u64 entries[64], end = (USER_VA_END >> PAGE_SHIFT) * 8;
	struct mm *mm;
	ssize_t done = 0;

	while (u->left && *pos < end && (mm = mm_of_file(f))) {
		size_t n = min(min(u->left, (size_t)(end - *pos)), sizeof(entries)), moved;

		read_lock(&mm->lock);
		for (size_t i = 0; i < n / 8; i++) {
			entries[i] = mm_pagemap_entry(mm, (*pos / 8 + i) << PAGE_SHIFT);
			if (!frames)
				entries[i] &= ~(BIT(55) - 1);
		}
		read_unlock(&mm->lock);
		mm_return(mm);
		moved = uio_write(u, entries, n);
		*pos += moved;
		done += (ssize_t)moved;
		if (moved != n)
			return done ?: -EFAULT;
	}
	return done;
}

static ssize_t pagemap_read(struct file *f, struct uio *u, u64 *pos)
{
	bool frames = f->cred && f->cred->cap_effective & BIT(CAP_SYS_ADMIN);

	return *pos % 8 || u->left % 8 ? -EINVAL : pagemap_entries(f, u, pos, frames);
}
const struct file_ops proc_pagemap_fops = {
	.open = mm_file_open,
	.read = pagemap_read,
	.seek = mm_file_seek,
	.release = mm_file_release,
};

static ssize_t mem_pieces(struct mm *mm, char *buf, struct uio *u, u64 *pos, bool write)
{
	ssize_t done = 0;

	while (u->left) {
		size_t n = min(u->left, PAGE_SIZE);
		ssize_t got;

		if (write && uio_read(u, buf, n) != n) {
			done = done ?: -EFAULT;
			break;
		}
		got = mm_access_held(mm, *pos, buf, n, write, false);
		if (got == -EFAULT)
			got = -EIO;
		if (got > 0 && !write)
			got = (ssize_t)uio_write(u, buf, (size_t)got) ?: -EFAULT;
		if (got <= 0) {
			done = done ?: got;
			break;
		}
		*pos += (u64)got;
		done += got;
		if ((size_t)got < n)
			break;
	}
	return done;
}

static ssize_t mem_rw(struct file *f, struct uio *u, u64 *pos, bool write)
{
	char *buf = f->private ? page_alloc(0) : NULL;
	ssize_t ret;

	if (!buf)
		return f->private ? -ENOMEM : 0;
	ret = mem_pieces(f->private, buf, u, pos, write);
	page_free(buf);
	return ret;
}
static ssize_t mem_read(struct file *f, struct uio *u, u64 *pos)
{
	return mem_rw(f, u, pos, false);
}
static ssize_t mem_write(struct file *f, struct uio *u, u64 *pos)
{
	return mem_rw(f, u, pos, true);
}
const struct file_ops proc_mem_fops = {
	.open = mm_file_open,
	.read = mem_read,
	.write = mem_write,
	.seek = mm_file_seek,
	.release = mm_file_release,
};
