/* SPDX-License-Identifier: BSD-2-Clause */
/* Virtio over MMIO: VIRTIO 1.2, section 4.2; version 1 (legacy, 4.2.4) as QEMU has it by default,
 * and version 2. */
#include <base/alloc.h>
#include <base/init.h>
#include <base/printk.h>
#include <base/errno.h>
#include <drv/machine.h>
#include <drv/virtio.h>
#include <hal/irq.h>
#include <hal/mmio.h>
#include <lib/fdt.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <mm/page.h>

#define MAGIC 0x74726976

static u32 rd(struct virtio_device *d, u32 reg) { return mmio_read32(d->base + reg); }
static void wr(struct virtio_device *d, u32 reg, u32 v) { mmio_write32(d->base + reg, v); }

static u64 features(struct virtio_device *d)
{
	u64 f;

	wr(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	f = rd(d, VIRTIO_MMIO_DEVICE_FEATURES);
	wr(d, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	return f | (u64)rd(d, VIRTIO_MMIO_DEVICE_FEATURES) << 32;
}

static int set_features(struct virtio_device *d, u64 f)
{
	wr(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	wr(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)f);
	wr(d, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	wr(d, VIRTIO_MMIO_DRIVER_FEATURES, (u32)(f >> 32));
	if (d->version == 1) {
		wr(d, VIRTIO_MMIO_GUEST_PAGE_SIZE, PAGE_SIZE);
		return 0;
	}
	d->ops->set_status(d, d->ops->status(d) | VIRTIO_CONFIG_S_FEATURES_OK);
	return d->ops->status(d) & VIRTIO_CONFIG_S_FEATURES_OK ? 0 : -EIO;
}

static u8 status(struct virtio_device *d) { return (u8)rd(d, VIRTIO_MMIO_STATUS); }
static void set_status(struct virtio_device *d, u8 s) { wr(d, VIRTIO_MMIO_STATUS, s); }

static u32 queue_max(struct virtio_device *d, u32 index)
{
	wr(d, VIRTIO_MMIO_QUEUE_SEL, index);
	return rd(d, VIRTIO_MMIO_QUEUE_NUM_MAX);
}

static void set_address(struct virtio_device *d, u32 low, u64 pa)
{
	wr(d, low, (u32)pa);
	wr(d, low + 4, (u32)(pa >> 32));
}

static void queue_setup(struct virtio_device *d, struct virtqueue *q)
{
	wr(d, VIRTIO_MMIO_QUEUE_SEL, q->index);
	wr(d, VIRTIO_MMIO_QUEUE_NUM, q->size);
	if (d->version == 1) {
		wr(d, VIRTIO_MMIO_QUEUE_ALIGN, PAGE_SIZE);
		wr(d, VIRTIO_MMIO_QUEUE_PFN, (u32)(q->desc_pa >> PAGE_SHIFT));
		return;
	}
	set_address(d, VIRTIO_MMIO_QUEUE_DESC_LOW, q->desc_pa);
	set_address(d, VIRTIO_MMIO_QUEUE_AVAIL_LOW, q->avail_pa);
	set_address(d, VIRTIO_MMIO_QUEUE_USED_LOW, q->used_pa);
	wr(d, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void notify(struct virtio_device *d, u32 index) { wr(d, VIRTIO_MMIO_QUEUE_NOTIFY, index); }

static void read_config(struct virtio_device *d, u32 off, void *buf, u32 n)
{
	for (u32 i = 0; i < n; i++)
		((u8 *)buf)[i] = mmio_read8(d->base + VIRTIO_MMIO_CONFIG + off + i);
}

static const struct virtio_transport transport = {
	features, set_features, status, set_status, queue_max, queue_setup, notify, read_config,
};

static void mmio_irq(void *arg)
{
	struct virtio_device *d = arg;
	u32 why = rd(d, VIRTIO_MMIO_INTERRUPT_STATUS);

	wr(d, VIRTIO_MMIO_INTERRUPT_ACK, why);
	virtio_interrupt(d, why & VIRTIO_MMIO_INT_CONFIG);
}

/* The virt machine lists 32 slots, nearly all empty. */
static void probe_slot(u64 pa, u32 irq, bool edge)
{
	volatile u8 *base = ioremap(pa, 0x200);
	struct virtio_device *d;

	if (!base)
		return;
	if (mmio_read32(base + VIRTIO_MMIO_MAGIC_VALUE) != MAGIC ||
	    !mmio_read32(base + VIRTIO_MMIO_DEVICE_ID))
		return;
	d = kzalloc(sizeof(*d));
	if (!d)
		return;
	d->ops = &transport;
	d->base = base;
	d->version = mmio_read32(base + VIRTIO_MMIO_VERSION);
	d->id = mmio_read32(base + VIRTIO_MMIO_DEVICE_ID);
	if (irq_register(irq, edge, mmio_irq, d, "virtio") == 0)
		virtio_device_add(d);
}

static int virtio_mmio_probe(void)
{
	int node = -1;
	u64 pa, size;
	bool edge;
	u32 irq;

	while ((node = dt_next_compatible(machine_fdt, node, "virtio,mmio")) >= 0)
		if (dt_reg(machine_fdt, node, 0, &pa, &size) &&
		    dt_interrupt(machine_fdt, node, 0, &irq, &edge))
			probe_slot(pa, irq, edge);
	return 0;
}
INITCALL(device, virtio_mmio_probe);
