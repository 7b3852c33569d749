/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * epoll(7): what is watched. An item does not keep its file alive: the file's last reference
 * removes its items (file_epoll_gone), the epoll's end removes those left. Each may meet the other,
 * so both run under graph_lock, which also keeps the graph of epolls still while an edge is added.
 * Closing a file that was never watched takes no lock.
 */
#include <base/alloc.h>
#include <base/init.h>
#include <fs/sysctl.h>
#include <mm/stat.h>
#include <task/task.h>
#include "epoll.h"

static struct mutex graph_lock = MUTEX_INIT(graph_lock);

/* --- wake-ups --------------------------------------------------------------------------------- */

static bool item_wake(struct wait_entry *w, unsigned mode, u64 key)
{
	struct epitem *it = container_of(w, struct epwait, wait)->item;
	struct epoll *ep = it->ep;
	bool news = false;
	u64 flags = spin_lock_irqsave(&ep->lock);

	if (it->events && (!key || (key & it->events))) {
		news = true;
		it->again = true;
		if (it->where == ITEM_IDLE) {
			it->where = ITEM_READY;
			list_add_tail(&ep->ready, &it->ready_link);
		}
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	if (news)
		epitem_wake_readers(ep);
	return news;
}

struct item_table { struct poll_table pt; struct epitem *item; };

static void item_queue(struct poll_table *pt, struct file *f, struct wait_queue *q)
{
	struct epitem *it = container_of(pt, struct item_table, pt)->item;
	struct epwait *w;

	if (it->used < EPOLL_QUEUES) {
		w = &it->waits[it->used++];
	} else {
		w = kmalloc(sizeof(*w));
		if (!w) {
			it->failed = true;
			return;
		}
		w->next = it->more;
		it->more = w;
	}
	wait_entry_init(&w->wait);
	w->wait.wake = item_wake;
	w->wait.exclusive = it->events & EPOLLEXCLUSIVE;
	w->q = q;
	w->item = it;
	wait_add(q, &w->wait);
}

static void leave_queues(struct epitem *it)
{
	struct epwait *w;

	for (u32 i = 0; i < it->used; i++)
		wait_remove(it->waits[i].q, &it->waits[i].wait);
	while ((w = it->more)) {
		it->more = w->next;
		wait_remove(w->q, &w->wait);
		kfree(w);
	}
}

/* --- items ------------------------------------------------------------------------------------ */

u32 epoll_max_user_watches;

static void uncharge_watch(struct user *u)
{
	__atomic_sub_fetch(&u->watches, 1, __ATOMIC_RELAXED);
}

/* False: u has as many items as fs.epoll.max_user_watches allows. */
static bool charge_watch(struct user *u)
{
	if (__atomic_add_fetch(&u->watches, 1, __ATOMIC_RELAXED) <= READ_ONCE(epoll_max_user_watches))
		return true;
	uncharge_watch(u);
	return false;
}

static struct epitem *item_of(struct tree_node *n) { return container_of(n, struct epitem, node); }

static int item_cmp(const struct epitem *it, const struct file *f, int fd)
{
	if (it->file != f)
		return it->file < f ? -1 : 1;
	return it->fd < fd ? -1 : it->fd > fd;
}

static bool item_less(const struct tree_node *a, const struct tree_node *b)
{
	const struct epitem *y = container_of(b, struct epitem, node);

	return item_cmp(container_of(a, struct epitem, node), y->file, y->fd) < 0;
}

static struct epitem *find_item(struct epoll *ep, struct file *f, int fd)
{
	struct tree_node *n = ep->items.root;

	while (n) {
		int c = item_cmp(item_of(n), f, fd);

		if (!c)
			return item_of(n);
		n = c < 0 ? n->right : n->left;
	}
	return NULL;
}

/* ep->mutex held, so nobody harvests it; afterwards no wake-up reaches it. */
static void remove_item(struct epitem *it)
{
	struct epoll *ep = it->ep;
	u64 flags;

	leave_queues(it);
	spin_lock(&it->file->ep_lock);
	list_del(&it->file_link);
	spin_unlock(&it->file->ep_lock);
	flags = spin_lock_irqsave(&ep->lock);
	list_del(&it->ready_link);
	spin_unlock_irqrestore(&ep->lock, flags);
	tree_remove(&ep->items, &it->node);
	uncharge_watch(ep->user);
	kfree(it);
}

/* Asks the file, and puts the item on the ready list if it has something: after add and mod. */
static void item_check(struct epitem *it, struct poll_table *pt)
{
	struct epoll *ep = it->ep;
	u32 got = file_poll(it->file, pt);
	bool news = false;
	u64 flags = spin_lock_irqsave(&ep->lock);

	if ((got & it->events & 0xffffff) && it->where == ITEM_IDLE) {
		it->where = ITEM_READY;
		list_add_tail(&ep->ready, &it->ready_link);
		news = true;
	}
	spin_unlock_irqrestore(&ep->lock, flags);
	if (news)
		epitem_wake_readers(ep);
}

static int add_item(struct epoll *ep, struct file *f, int fd, const struct epoll_event *ev)
{
	struct epitem *it = charge_watch(ep->user) ? kzalloc(sizeof(*it)) : ERR_PTR(-ENOSPC);
	struct item_table t = { .pt.queue = item_queue, .item = it };

	if (IS_ERR(it))
		return (int)PTR_ERR(it);
	if (!it) {
		uncharge_watch(ep->user);
		return -ENOMEM;
	}
	it->ep = ep;
	it->file = f;
	it->fd = fd;
	it->events = ev->events | EPOLLERR | EPOLLHUP;
	it->data = ev->data;
	list_init(&it->ready_link);
	t.pt.events = it->events;
	tree_insert(&ep->items, &it->node, item_less);
	spin_lock(&f->ep_lock);
	f->watched = true;
	list_add_tail(&f->epolls, &it->file_link);
	spin_unlock(&f->ep_lock);
	item_check(it, &t.pt);
	if (it->failed) {
		remove_item(it);
		return -ENOMEM;
	}
	return 0;
}

static int mod_item(struct epitem *it, const struct epoll_event *ev)
{
	u64 flags;

	if (it->events & EPOLLEXCLUSIVE || ev->events & EPOLLEXCLUSIVE)
		return -EINVAL;
	flags = spin_lock_irqsave(&it->ep->lock);
	it->events = ev->events | EPOLLERR | EPOLLHUP;
	it->data = ev->data;
	spin_unlock_irqrestore(&it->ep->lock, flags);
	smp_mb();	/* a wake-up either sees the new events or is seen by the check */
	item_check(it, NULL);
	return 0;
}

/* --- the graph: graph_lock held --------------------------------------------------------------- */

/* The longest chain of epolls below ep, or a large number if it leads to goal. */
static int depth_below(struct epoll *ep, const struct epoll *goal, int level)
{
	int deepest = 0;

	if (ep == goal || level > EPOLL_NESTS)
		return 100;
	mutex_lock(&ep->mutex);
	for (struct tree_node *n = tree_first(&ep->items); n; n = tree_next(n)) {
		struct file *f = item_of(n)->file;

		if (f->ops == &epoll_file_ops)
			deepest = max(deepest, 1 + depth_below(f->private, goal, level + 1));
	}
	mutex_unlock(&ep->mutex);
	return deepest;
}

/*
 * The longest chain above. Edges to epolls change under graph_lock only (their removal by hand does
 * too: epoll_ctl takes it for epolls), so the list stands still.
 */
static int depth_above(struct epoll *ep, int level)
{
	struct epitem *it;
	int highest = 0;

	if (level > EPOLL_NESTS)
		return 100;
	list_for_each(it, &ep->file->epolls, file_link)
		highest = max(highest, 1 + depth_above(it->ep, level + 1));
	return highest;
}

/* The number of chains of watchers that begin at ep, counted up to just beyond max. */
static u32 chains_above(struct epoll *ep, u32 max)
{
	struct epitem *it;
	u32 n = 0;

	list_for_each(it, &ep->file->epolls, file_link) {
		if (n > max)
			break;
		n += 1 + chains_above(it->ep, max - n);
	}
	return n;
}

/*
 * ep, or one below it that this search has not seen, has too many chains above. A wake-up goes along
 * all of them with interrupts off, and their number grows as the power of the depth.
 */
static bool crowded(struct epoll *ep, u32 search)
{
	bool yes = false;

	if (ep->visit == search)
		return false;
	ep->visit = search;
	if (chains_above(ep, EPOLL_CHAINS) > EPOLL_CHAINS)
		return true;
	mutex_lock(&ep->mutex);
	for (struct tree_node *n = tree_first(&ep->items); n && !yes; n = tree_next(n)) {
		struct file *f = item_of(n)->file;

		if (f->ops == &epoll_file_ops)
			yes = crowded(f->private, search);
	}
	mutex_unlock(&ep->mutex);
	return yes;
}

static int check_nesting(struct epoll *ep, struct epoll *inner)
{
	int below = depth_below(inner, ep, 0);

	return below >= 100 || depth_above(ep, 0) + 1 + below > EPOLL_NESTS ? -ELOOP : 0;
}

/* --- operations ------------------------------------------------------------------------------- */

static int check_add(const struct file *f, const struct epoll_event *ev)
{
	u32 with_exclusive =
		EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP | EPOLLWAKEUP | EPOLLET | EPOLLEXCLUSIVE;

	if (!(ev->events & EPOLLEXCLUSIVE))
		return 0;
	return ev->events & ~with_exclusive || f->ops == &epoll_file_ops ? -EINVAL : 0;
}

static int ctl_locked(struct epoll *ep, int op, int fd, struct file *f,
		      const struct epoll_event *ev)
{
	struct epitem *it = find_item(ep, f, fd);

	switch (op) {
	case EPOLL_CTL_ADD:
		return it ? -EEXIST : add_item(ep, f, fd, ev);
	case EPOLL_CTL_MOD:
		return it ? mod_item(it, ev) : -ENOENT;
	case EPOLL_CTL_DEL:
		if (it)
			remove_item(it);
		return it ? 0 : -ENOENT;
	default:
		return -EINVAL;
	}
}

/* f is an epoll; graph_lock held. An edge that makes too many chains is taken out again. */
static int ctl_nested(struct epoll *ep, int op, int fd, struct file *f, const struct epoll_event *ev)
{
	static u32 search;
	int err = op == EPOLL_CTL_ADD ? check_nesting(ep, f->private) : 0;

	if (err)
		return err;
	mutex_lock(&ep->mutex);
	err = ctl_locked(ep, op, fd, f, ev);
	mutex_unlock(&ep->mutex);
	if (err || op != EPOLL_CTL_ADD || !crowded(f->private, ++search))
		return err;
	mutex_lock(&ep->mutex);
	remove_item(find_item(ep, f, fd));
	mutex_unlock(&ep->mutex);
	return -EINVAL;
}

int epoll_ctl_file(struct file *epf, int op, int fd, struct file *f, const struct epoll_event *ev)
{
	struct epoll *ep = epf->private;
	int err = 0;

	if (!f->ops || !f->ops->poll)
		return -EPERM;
	if (epf == f || epf->ops != &epoll_file_ops)
		return -EINVAL;
	if (op == EPOLL_CTL_ADD || op == EPOLL_CTL_MOD) {
		err = check_add(f, ev);
		if (err)
			return err;
	}
	if (f->ops == &epoll_file_ops) {
		mutex_lock(&graph_lock);
		err = ctl_nested(ep, op, fd, f, ev);
		mutex_unlock(&graph_lock);
	} else {
		mutex_lock(&ep->mutex);
		err = ctl_locked(ep, op, fd, f, ev);
		mutex_unlock(&ep->mutex);
	}
	return err;
}

/* --- ends ------------------------------------------------------------------------------------- */

/* An epoll that watches f, or NULL. It stays while graph_lock is held. */
static struct epoll *watcher_of(struct file *f)
{
	struct epoll *ep = NULL;

	spin_lock(&f->ep_lock);
	if (!list_empty(&f->epolls))
		ep = list_first(&f->epolls, struct epitem, file_link)->ep;
	spin_unlock(&f->ep_lock);
	return ep;
}

/* The first item of f, or behind where it would be. */
static struct tree_node *first_of(struct epoll *ep, const struct file *f)
{
	struct tree_node *n = ep->items.root, *best = NULL;

	while (n) {
		bool at_or_behind = item_of(n)->file >= f;

		if (at_or_behind)
			best = n;
		n = at_or_behind ? n->left : n->right;
	}
	return best;
}

static void remove_items_of(struct epoll *ep, struct file *f)
{
	struct tree_node *n, *next;

	mutex_lock(&ep->mutex);
	for (n = first_of(ep, f); n && item_of(n)->file == f; n = next) {
		next = tree_next(n);
		remove_item(item_of(n));
	}
	mutex_unlock(&ep->mutex);
}

void file_epoll_gone(struct file *f)
{
	struct epoll *ep;

	mutex_lock(&graph_lock);
	while ((ep = watcher_of(f)))
		remove_items_of(ep, f);
	mutex_unlock(&graph_lock);
}

void epoll_free(struct epoll *ep)
{
	struct tree_node *n;

	mutex_lock(&graph_lock);
	mutex_lock(&ep->mutex);
	while ((n = tree_first(&ep->items)))
		remove_item(item_of(n));
	mutex_unlock(&ep->mutex);
	mutex_unlock(&graph_lock);
	user_put(ep->user);
	kfree(ep);
}

/* epoll(7): by default one user's items take up to a twenty-fifth of memory. */
static int epoll_init(void)
{
	static const struct sysctl limit = {
		"fs/epoll/max_user_watches", &epoll_max_user_watches, 0, 0x7fffffff,
	};
	struct mem_totals m;

	mem_totals(&m);
	epoll_max_user_watches =
		(u32)min((m.total << PAGE_SHIFT) / 25 / sizeof(struct epitem), 0x7ffffffful);
	sysctl_register(&limit, 1);
	return 0;
}
INITCALL(late, epoll_init);
