/* SPDX-License-Identifier: BSD-2-Clause */
/* Doubly linked circular list, linked through a member of its elements. The caller locks. */
#ifndef BASE_LIST_H
#define BASE_LIST_H
#include <base/types.h>

struct list { struct list *next, *prev; };

#define LIST_INIT(name) { &(name), &(name) }
/* A head, or an element on no list: points at itself. */
static inline void list_init(struct list *l) { l->next = l->prev = l; }
/* Of a head: nothing is on it; of an element: it is on no list. May be asked without the lock. */
static inline bool list_empty(const struct list *l) { return READ_ONCE(l->next) == l; }
/* n, on no list, comes between two neighbours. */
static inline void list_insert_between(struct list *n, struct list *prev, struct list *next)
{
	n->next = next;
	n->prev = prev;
	next->prev = n;
	prev->next = n;
}
/* n, on no list, becomes the first. */
static inline void list_add(struct list *head, struct list *n)
{
	list_insert_between(n, head, head->next);
}
/* The same, the last. */
static inline void list_add_tail(struct list *head, struct list *n)
{
	list_insert_between(n, head->prev, head);
}
/* Removes n and leaves it an empty list, so that list_empty(n) tells that it is on none. */
static inline void list_del(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	list_init(n);
}
/* Moves all of from to the tail of to; from is empty afterwards. */
static inline void list_splice_tail(struct list *to, struct list *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}
#define list_entry(p, type, member) container_of(p, type, member)
#define list_first(head, type, member) list_entry((head)->next, type, member)
#define list_last(head, type, member) list_entry((head)->prev, type, member)
#define list_for_each(pos, head, member) \
	for (pos = list_first(head, __typeof__(*pos), member); &pos->member != (head); \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))
/* As above; pos may be removed in the body. */
#define list_for_each_safe(pos, tmp, head, member) \
	for (pos = list_first(head, __typeof__(*pos), member), \
	     tmp = list_entry(pos->member.next, __typeof__(*pos), member); \
	     &pos->member != (head); \
	     pos = tmp, tmp = list_entry(tmp->member.next, __typeof__(*pos), member))

/* Hash-bucket list: one-pointer head. */
struct hnode { struct hnode *next, **pprev; };
struct hlist { struct hnode *first; };
static inline void hlist_add(struct hlist *h, struct hnode *n)
{
	n->next = h->first;
	if (n->next)
		n->next->pprev = &n->next;
	n->pprev = &h->first;
	__atomic_store_n(&h->first, n, __ATOMIC_RELEASE);
}
static inline bool hnode_linked(const struct hnode *n) { return n->pprev != NULL; }
static inline void hlist_del(struct hnode *n)
{
	if (!n->pprev)
		return;
	WRITE_ONCE(*n->pprev, n->next);
	if (n->next)
		n->next->pprev = n->pprev;
	n->pprev = NULL;
}
#define hlist_for_each(pos, head, member)                                                          \
	for (struct hnode *_n = READ_ONCE((head)->first);                                          \
	     _n && (pos = container_of(_n, __typeof__(*pos), member), true);                       \
	     _n = READ_ONCE(_n->next))
#endif
