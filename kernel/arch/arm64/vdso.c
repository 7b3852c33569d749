/* SPDX-License-Identifier: BSD-2-Clause */
/* The data page that the vDSO reads. */
#include <base/atomic.h>
#include <arch/vdso.h>
#include <hal/page.h>
#include <hal/spinlock.h>
#include <hal/vdso.h>
#include "internal.h"

u8 arch_vdso_data[PAGE_SIZE] __aligned(4096) __section(".data.vdso_page");
static struct spinlock vdso_lock;	/* writers */

static struct vdso_data *data(void) { return (struct vdso_data *)arch_vdso_data; }

void vdso_data_init(u64 base, u64 mult)
{
	data()->base = base;
	data()->mult = mult;
}

/* Declared in task/timer.h, which arch may not include: the prototype is repeated in internal.h. */
void vdso_set_realtime_offset(u64 ns)
{
	struct vdso_data *d = data();
	u64 flags = spin_lock_irqsave(&vdso_lock);

	WRITE_ONCE(d->seq, d->seq + 1);
	asm volatile("dmb ishst" ::: "memory");
	WRITE_ONCE(d->realtime_offset, ns);
	store_release(&d->seq, d->seq + 1);
	spin_unlock_irqrestore(&vdso_lock, flags);
}
