/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two walks over all tables: the first notes which frames are executable, the second looks at every
 * leaf that can write. Blocks of execmem neither come nor go meanwhile; fills go on.
 */
#include <text/execmem.h>
#include <text/wx.h>
#include <hal/sync.h>

#define MAX_RUNS 256
struct wx_run { paddr_t pa; u64 size; };

struct wx_walk {
	struct wx_report *r;
	u32 n;
	struct wx_run run[MAX_RUNS];
};
static struct wx_walk walk;	/* under wx_lock: too large for a stack */
static struct mutex wx_lock = MUTEX_INIT(wx_lock);

static void note(void *arg, const struct exec_leaf *l)
{
	struct wx_walk *w = arg;
	struct wx_run *last = w->n ? &w->run[w->n - 1] : NULL;

	w->r->leaves++;
	if (!l->exec)
		return;
	w->r->exec_leaves++;
	w->r->exec_bytes += l->size;
	if (last && last->pa + last->size == l->pa)
		last->size += l->size;
	else if (w->n < MAX_RUNS)
		w->run[w->n++] = (struct wx_run){ l->pa, l->size };
	else
		w->r->full = true;
}

static bool executable(const struct wx_walk *w, const struct exec_leaf *l)
{
	for (u32 i = 0; i < w->n; i++)
		if (l->pa < w->run[i].pa + w->run[i].size && w->run[i].pa < l->pa + l->size)
			return true;
	return false;
}

static void judge(void *arg, const struct exec_leaf *l)
{
	struct wx_walk *w = arg;

	if (!l->write)
		return;
	if (l->exec)
		w->r->found(w->r->arg, WX_BOTH, l);
	else if (executable(w, l))
		w->r->found(w->r->arg, l->window ? WX_WINDOW : WX_ALIAS, l);
}

static void both_walks(void *arg)
{
	struct wx_walk *w = arg;

	w->n = 0;
	w->r->leaves = w->r->exec_leaves = w->r->exec_bytes = 0;
	w->r->full = false;
	arch_kernel_walk(note, w);
	arch_kernel_walk(judge, w);
}

void wx_check(struct wx_report *r)
{
	mutex_lock(&wx_lock);
	walk.r = r;
	execmem_still(both_walks, &walk);
	mutex_unlock(&wx_lock);
}
