/* SPDX-License-Identifier: BSD-2-Clause */
#include <base/assert.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/exec.h>
#include <hal/spinlock.h>
#include <lib/tree.h>
#include <text/image.h>
#include <text/space.h>

#define PLACES 16u /* bytes of room beyond the code, so that the random place has some choice */

static struct spinlock images_lock = SPINLOCK_INIT;	/* irq; guards the tree and the list */
static struct tree images;				/* those with code, by address */
static struct list tenants = LIST_INIT(tenants);

void text_tenant_register(struct text_tenant *t)
{
	u64 flags = spin_lock_irqsave(&images_lock);

	list_add_tail(&tenants, &t->link);
	spin_unlock_irqrestore(&images_lock, flags);
}

struct text_tenant *text_tenant_next(struct text_tenant *t)
{
	u64 flags = spin_lock_irqsave(&images_lock);
	struct list *l = t ? t->link.next : tenants.next;

	spin_unlock_irqrestore(&images_lock, flags);
	return l == &tenants ? NULL : list_entry(l, struct text_tenant, link);
}

static int charge(struct text_tenant *t, u32 bytes, bool unlimited)
{
	u64 now = __atomic_add_fetch(&t->bytes, bytes, __ATOMIC_RELAXED);
	u64 limit = READ_ONCE(t->limit);

	if (limit && now > limit && !unlimited) {
		__atomic_sub_fetch(&t->bytes, bytes, __ATOMIC_RELAXED);
		return -EPERM;
	}
	__atomic_add_fetch(&t->images, 1, __ATOMIC_RELAXED);
	return 0;
}

static void uncharge(struct text_image *im)
{
	__atomic_sub_fetch(&im->tenant->bytes, im->room, __ATOMIC_RELAXED);
	__atomic_sub_fetch(&im->tenant->images, 1, __ATOMIC_RELAXED);
}

int text_image_alloc(struct text_image *im, struct text_tenant *t, size_t size, u32 random,
		     bool unlimited)
{
	int err;

	*im = (struct text_image){ .tenant = t, .size = (u32)size };
	if (!size || size % 4 || size > 128 * MIB)
		return -ENOMEM;
	im->room = align_up((u32)size + PLACES, SPACE_GRANULE);
	err = charge(t, im->room, unlimited);
	if (err)
		return err;
	im->memory = execmem_alloc(im->room, SPACE_GRANULE);
	if (!im->memory) {
		uncharge(im);
		return -ENOMEM;
	}
	im->at = random % ((im->room - im->size) / 4 + 1) * 4;
	return 0;
}

static bool lies_before(const struct tree_node *a, const struct tree_node *b)
{
	return container_of(a, struct text_image, by_address)->memory <
	       container_of(b, struct text_image, by_address)->memory;
}

void text_image_fill(struct text_image *im, const void *code)
{
	u64 flags;

	BUG_ON(execmem_fill(im->memory + im->at, code, im->size));
	flags = spin_lock_irqsave(&images_lock);
	tree_insert(&images, &im->by_address, lies_before);
	im->filled = im->shown = true;
	spin_unlock_irqrestore(&images_lock, flags);
}

void text_image_hide(struct text_image *im)
{
	u64 flags = spin_lock_irqsave(&images_lock);

	im->shown = false;
	spin_unlock_irqrestore(&images_lock, flags);
}

void text_image_free(struct text_image *im)
{
	u64 flags = spin_lock_irqsave(&images_lock);

	if (im->filled)
		tree_remove(&images, &im->by_address);
	im->filled = im->shown = false;
	spin_unlock_irqrestore(&images_lock, flags);
	uncharge(im);
	execmem_free(im->memory);
}

static void describe(const struct text_image *im, struct text_symbol *s)
{
	s->start = text_image_code(im);
	s->size = im->size;
	s->tenant = im->tenant->name;
	im->tenant->symbol(im, s->name, sizeof(s->name));
}

/* The first image whose code ends behind addr; NULL: none. */
static struct text_image *image_from(u64 addr)
{
	struct text_image *first = NULL;

	for (struct tree_node *n = images.root; n;) {
		struct text_image *im = container_of(n, struct text_image, by_address);

		if (text_image_code(im) + im->size > addr) {
			first = im;
			n = n->left;
		} else {
			n = n->right;
		}
	}
	return first;
}

static struct text_image *image_behind(const struct text_image *im)
{
	struct tree_node *n = tree_next(&im->by_address);

	return n ? container_of(n, struct text_image, by_address) : NULL;
}

bool text_image_from(u64 addr, struct text_symbol *s)
{
	u64 flags = spin_lock_irqsave(&images_lock);
	struct text_image *im = image_from(addr);

	while (im && !im->shown)
		im = image_behind(im);
	if (im)
		describe(im, s);
	spin_unlock_irqrestore(&images_lock, flags);
	return im;
}

bool exec_fault(u64 pc, u64 *resume, u32 *reg)
{
	u64 flags = spin_lock_irqsave(&images_lock);
	const struct text_image *im = image_from(pc);
	u32 to;
	bool found = im && pc >= text_image_code(im) && im->tenant->fault &&
		     im->tenant->fault(im, (u32)(pc - text_image_code(im)), &to, reg);

	if (found)
		*resume = text_image_code(im) + to;
	spin_unlock_irqrestore(&images_lock, flags);
	return found;
}
