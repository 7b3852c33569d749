/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio device life and split virtqueues: VIRTIO 1.2, sections 2.1, 2.7 and 3.1. */
#include <base/alloc.h>
#include <base/printk.h>
#include <base/atomic.h>
#include <base/errno.h>
#include <drv/virtio.h>
#include <hal/mmio.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <mm/page.h>

static struct list drivers = LIST_INIT(drivers);

void virtio_driver_register(struct virtio_driver *drv)
{
	list_add_tail(&drivers, &drv->link);
}

static int probe(struct virtio_device *d, struct virtio_driver *drv)
{
	u64 known = drv->features | BIT(VIRTIO_F_VERSION_1);
	int err;

	d->ops->set_status(d, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER);
	d->negotiated = d->ops->features(d) & known;
	err = d->ops->set_features(d, d->negotiated);
	if (!err)
		err = drv->probe(d);
	if (err) {
		d->ops->set_status(d, VIRTIO_CONFIG_S_FAILED);
		pr_err("virtio: device type %u does not start: error %d\n", d->id, -err);
	}
	return err;
}

int virtio_device_add(struct virtio_device *d)
{
	struct virtio_driver *drv;

	d->ops->set_status(d, 0);
	list_for_each(drv, &drivers, link)
		if (drv->id == d->id)
			return probe(d, drv);
	return -ENODEV;
}

void virtio_ready(struct virtio_device *d)
{
	d->ops->set_status(d, d->ops->status(d) | VIRTIO_CONFIG_S_DRIVER_OK);
}

void virtio_interrupt(struct virtio_device *d, bool config)
{
	for (u32 i = 0; i < VIRTIO_MAX_QUEUES; i++)
		if (d->queues[i] && d->queues[i]->callback)
			d->queues[i]->callback(d->queues[i]);
	if (config && d->config_changed)
		d->config_changed(d);
}

/* --- queues
 * ----------------------------------------------------------------------------------------- */

/* The legacy layout, which serves the modern one too: descriptors and avail ring, then the used
 * ring on a new page. */
static int lay_out(struct virtqueue *q)
{
	u64 avail = sizeof(struct vring_desc) * q->size,
	    used = align_up(avail + 6 + 2ul * q->size, PAGE_SIZE);
	u64 bytes = used + 6 + sizeof(struct vring_used_elem) * q->size;
	u32 order = 0;
	struct folio *f;
	u8 *mem;

	while ((PAGE_SIZE << order) < bytes)
		order++;
	f = folio_alloc(order, ALLOC_ZERO);
	if (!f)
		return -ENOMEM;
	mem = folio_address(f);
	q->desc_pa = virt_to_phys(mem);
	q->avail_pa = q->desc_pa + avail;
	q->used_pa = q->desc_pa + used;
	q->desc = (void *)mem;
	q->avail = (void *)(mem + avail);
	q->used = (void *)(mem + used);
	return 0;
}

struct virtqueue *virtq_create(struct virtio_device *d, u32 index, virtq_fn callback, void *private)
{
	u32 max_size = d->ops->queue_max(d, index);
	struct virtqueue *q;

	if (!max_size || index >= VIRTIO_MAX_QUEUES)
		return ERR_PTR(-ENOENT);
	q = kzalloc(sizeof(*q));
	if (!q)
		return ERR_PTR(-ENOMEM);
	*q = (struct virtqueue){.dev = d,
				.index = index,
				.size = min(max_size, 64u),
				.callback = callback,
				.private = private};
	if (lay_out(q)) {
		kfree(q);
		return ERR_PTR(-ENOMEM);
	}
	for (u32 i = 0; i < q->size; i++)
		q->desc[i].next = (u16)(i + 1);
	q->nr_free = (u16)q->size;
	d->ops->queue_setup(d, q);
	d->queues[index] = q;
	return q;
}

int virtq_add(struct virtqueue *q, const struct virtq_seg *seg, u32 out, u32 in, void *token)
{
	u16 head = q->free_head, i = head, last = head;

	if (q->nr_free < out + in)
		return -ENOSPC;
	for (u32 n = 0; n < out + in; n++) {
		volatile struct vring_desc *d = &q->desc[i];

		d->addr = seg[n].pa;
		d->len = seg[n].len;
		d->flags = (u16)((n >= out ? VRING_DESC_F_WRITE : 0) | VRING_DESC_F_NEXT);
		last = i;
		i = d->next;
	}
	q->desc[last].flags &= (u16)~VRING_DESC_F_NEXT;
	q->free_head = i;
	q->nr_free -= (u16)(out + in);
	q->tokens[head] = token;
	q->avail->ring[q->avail->idx % q->size] = head;
	__atomic_thread_fence(__ATOMIC_SEQ_CST); /* the entry is there before the index says so */
	q->avail->idx++;
	return 0;
}

void virtq_kick(struct virtqueue *q)
{
	mmio_barrier();	/* normal memory before the device register */
	if (!(q->used->flags & VRING_USED_F_NO_NOTIFY))
		q->dev->ops->notify(q->dev, q->index);
}

static void free_chain(struct virtqueue *q, u16 head)
{
	u16 i = head;

	q->nr_free++;
	while (q->desc[i].flags & VRING_DESC_F_NEXT) {
		i = q->desc[i].next;
		q->nr_free++;
	}
	q->desc[i].next = q->free_head;
	q->free_head = head;
}

void *virtq_take(struct virtqueue *q, u32 *len)
{
	volatile struct vring_used_elem *e;
	u32 id;

	if (q->used_seen == q->used->idx)
		return NULL;
	smp_mb();	/* the index before the element */
	e = &q->used->ring[q->used_seen % q->size];
	id = e->id;
	*len = e->len;
	if (WARN_ON(id >= q->size))	/* the device is not trusted with our memory */
		return NULL;
	q->used_seen++;
	free_chain(q, (u16)id);
	return q->tokens[id];
}
