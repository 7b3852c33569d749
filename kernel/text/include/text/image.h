/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Images: pieces of executable memory that hold code of some tenant, known by name and address. The
 * code lies at a random place in its memory, and what is before and after it is traps.
 */
#ifndef TEXT_IMAGE_H
#define TEXT_IMAGE_H
#include <base/list.h>
#include <lib/tree.h>
#include <text/execmem.h>

struct text_image;
/* Who has images; lives for ever. */
struct text_tenant {
	const char *name;	/* as in /proc/kallsyms: [name] */
	/* Writes the symbol's name, n bytes at most with its NUL. The image stays meanwhile. */
	void (*symbol)(const struct text_image *im, char *buf, size_t n);
	/*
	 * The instruction at byte `at` of the image's code has faulted by an access that may: where the
	 * code goes on (*resume, a byte), and which register becomes 0. False: it may not. Any
	 * context; takes no lock. NULL: no image has such.
	 */
	bool (*fault)(const struct text_image *im, u32 at, u32 *resume, u32 *reg);
	u64 limit;		/* bytes at most; 0: none. Read at each allocation */
	struct list link;	/* the rest is text/image.c's */
	u64 bytes, images;	/* atomic */
};
void text_tenant_register(struct text_tenant *t);
struct text_tenant *text_tenant_next(struct text_tenant *t);	/* NULL: the first */

struct text_image {
	struct tree_node by_address;
	bool filled, shown;	/* it is in the tree; and has a name */
	struct text_tenant *tenant;
	char *memory;		/* from execmem_alloc */
	u32 room;		/* bytes of memory */
	u32 at, size;		/* where in it the code begins, how long it is; bytes */
};

/*
 * Memory for size bytes of code (a multiple of 4, > 0): fills im. Where the code begins is a
 * multiple of 4 that random chooses, of 5 places at least. -EPERM: the tenant would exceed its
 * limit, which does not count where `unlimited`; -ENOMEM. Not yet in the table of names. Sleeps.
 */
int text_image_alloc(struct text_image *im, struct text_tenant *t, size_t size, u32 random,
		     bool unlimited) __must_check;
static inline u64 text_image_code(const struct text_image *im) { return (u64)im->memory + im->at; }
/* Writes the code, once, and enters it in the tables of names and of faults. Sleeps. */
void text_image_fill(struct text_image *im, const void *code);
/* Nobody executes it any more. Sleeps. */
void text_image_free(struct text_image *im);
/* It keeps its memory and may be executed, but is not shown any more (a program about to be retired).
 * Any context. */
void text_image_hide(struct text_image *im);

struct text_symbol { u64 start; u32 size; const char *tenant; char name[64]; };
/*
 * The first image shown, by address, whose code ends behind addr: the one that holds addr if any
 * does. False: there is none. For symbols of an address and for lists of names. Any context.
 */
bool text_image_from(u64 addr, struct text_symbol *s);
#endif
