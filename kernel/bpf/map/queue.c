/* SPDX-License-Identifier: BSD-2-Clause */
/* Queue and stack: values in a ring, one lock. `BPF_EXIST` makes room by forgetting the oldest. */
#include "map_internal.h"

struct queue {
	struct bpf_map map;
	struct spinlock lock;		/* irq; the rest */
	u32 first, n;			/* the oldest; how many */
	char values[];
};

static struct queue *queue_of(struct bpf_map *m) { return container_of(m, struct queue, map); }

static i64 check_queue(const struct bpf_map_attr *a)
{
	u64 size = sizeof(struct queue) + (u64)a->value_size * a->max_entries;

	if (a->key_size || !a->value_size || !a->max_entries)
		return -EINVAL;
	return a->value_size > 4 * MIB ? -E2BIG : (i64)size;
}

static char *place(struct queue *q, u32 i)
{
	u64 at = ((u64)q->first + i) % q->map.desc.max_entries;

	return q->values + at * q->map.desc.value_size;
}

static long queue_push(struct bpf_map *m, const void *value, u64 flags)
{
	struct queue *q = queue_of(m);
	long err = 0;
	u64 irq;

	if (flags != BPF_ANY && flags != BPF_EXIST)
		return -EINVAL;
	irq = spin_lock_irqsave(&q->lock);
	if (q->n == m->desc.max_entries && flags == BPF_EXIST) {
		q->first = (q->first + 1) % m->desc.max_entries;
		q->n--;
	}
	if (q->n == m->desc.max_entries)
		err = -E2BIG;
	else
		memcpy(place(q, q->n++), value, m->desc.value_size);
	spin_unlock_irqrestore(&q->lock, irq);
	return err;
}

static long take(struct bpf_map *m, void *value, bool last, bool keep)
{
	struct queue *q = queue_of(m);
	u64 irq = spin_lock_irqsave(&q->lock);
	bool any = q->n;

	if (any) {
		memcpy(value, place(q, last ? q->n - 1 : 0), m->desc.value_size);
		if (!keep) {
			q->n--;
			if (!last)
				q->first = (q->first + 1) % m->desc.max_entries;
		}
	} else {
		memset(value, 0, m->desc.value_size);
	}
	spin_unlock_irqrestore(&q->lock, irq);
	return any ? 0 : -ENOENT;
}

static long queue_pop(struct bpf_map *m, void *value) { return take(m, value, false, false); }
static long queue_peek(struct bpf_map *m, void *value) { return take(m, value, false, true); }
static long stack_pop(struct bpf_map *m, void *value) { return take(m, value, true, false); }
static long stack_peek(struct bpf_map *m, void *value) { return take(m, value, true, true); }

static void *no_lookup(struct bpf_map *m, const void *key) { return NULL; }
static long no_update(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return -EINVAL;
}
static long no_remove(struct bpf_map *m, const void *key) { return -EINVAL; }
static int copy_in(struct bpf_map *m, const void *key, const void *value, u64 flags)
{
	return (int)queue_push(m, value, flags);
}
static int copy_out(struct bpf_map *m, const void *key, void *value)
{
	return (int)m->ops->peek(m, value);
}
static int no_next_key(struct bpf_map *m, const void *key, void *next) { return -EINVAL; }
static void destroy(struct bpf_map *m) {}

#define QUEUE_OPS(pop_, peek_) { \
	.lookup = no_lookup, \
	.update = no_update, \
	.remove = no_remove, \
	.push = queue_push, \
	.pop = pop_, \
	.peek = peek_, \
	.copy_in = copy_in, \
	.copy_out = copy_out, \
	.next_key = no_next_key, \
	.destroy = destroy, \
}
static const struct bpf_map_ops queue_ops = QUEUE_OPS(queue_pop, queue_peek),
				stack_ops = QUEUE_OPS(stack_pop, stack_peek);

static int queue_init(struct bpf_map *m)
{
	spin_init(&queue_of(m)->lock);
	m->ops = m->desc.type == BPF_MAP_TYPE_STACK ? &stack_ops : &queue_ops;
	return 0;
}

const struct bpf_map_kind bpf_queue_type = { COMMON_FLAGS, check_queue, queue_init };
const struct bpf_map_kind bpf_stack_type = { COMMON_FLAGS, check_queue, queue_init };
