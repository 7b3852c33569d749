/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Virtio devices and split virtqueues (VIRTIO 1.2, sections 2.7 and 4.2). A driver matches a device
 * ID; the transport finds devices and calls its probe. Queue functions: the caller serialises each
 * queue; callbacks run in interrupt context.
 */
#ifndef DRV_VIRTIO_H
#define DRV_VIRTIO_H
#include <base/types.h>
#include <base/list.h>

struct virtio_device;
struct virtqueue;
typedef void (*virtq_fn)(struct virtqueue *q);

struct virtio_transport {
	u64 (*features)(struct virtio_device *d);
	int (*set_features)(struct virtio_device *d, u64 f);	/* -EIO if the device refuses */
	u8 (*status)(struct virtio_device *d);
	void (*set_status)(struct virtio_device *d, u8 s);	/* 0: reset */
	u32 (*queue_max)(struct virtio_device *d, u32 index);	/* entries, 0: no such queue */
	void (*queue_setup)(struct virtio_device *d, struct virtqueue *q);
	void (*notify)(struct virtio_device *d, u32 index);
	void (*read_config)(struct virtio_device *d, u32 off, void *buf, u32 n);
};
#define VIRTIO_MAX_QUEUES 40
struct virtio_device {
	const struct virtio_transport *ops;
	u32 id;			/* VIRTIO_ID_* */
	u64 negotiated;
	volatile u8 *base;	/* the transport's registers */
	u32 version;
	struct virtqueue *queues[VIRTIO_MAX_QUEUES];
	void (*config_changed)(struct virtio_device *d);
	void *private;
};

struct virtio_driver {
	u32 id;
	u64 features;		/* that the driver understands */
	int (*probe)(struct virtio_device *d);	/* then calls virtio_ready */
	struct list link;
};
/* At boot, before devices are looked for; drv lives for ever. */
void virtio_driver_register(struct virtio_driver *drv);
/* The transport found a device: negotiates and probes. */
int virtio_device_add(struct virtio_device *d);
void virtio_ready(struct virtio_device *d);
/* From the transport's interrupt handler: looks at every queue. */
void virtio_interrupt(struct virtio_device *d, bool config);

struct virtq_seg { u64 pa; u32 len; };
#define VIRTQ_MAX 256
struct virtqueue {
	struct virtio_device *dev;
	u32 index, size;
	u64 desc_pa, avail_pa, used_pa;
	volatile struct vring_desc *desc;
	volatile struct vring_avail *avail;
	volatile struct vring_used *used;
	u16 free_head, nr_free, used_seen;
	virtq_fn callback;
	void *private;
	void *tokens[VIRTQ_MAX];
};
/* Makes queue index of d; ERR_PTR(-ENOENT, -ENOMEM). callback may be NULL. */
struct virtqueue *virtq_create(struct virtio_device *d, u32 index, virtq_fn callback,
			       void *private);
/* Offers out segments (device reads) then in segments (device writes) as one chain; -ENOSPC. */
int virtq_add(struct virtqueue *q, const struct virtq_seg *seg, u32 out, u32 in, void *token);
void virtq_kick(struct virtqueue *q);
/* The token of a finished chain and how much the device wrote, or NULL. */
void *virtq_take(struct virtqueue *q, u32 *len);
#endif
