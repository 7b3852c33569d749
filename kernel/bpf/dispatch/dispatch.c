/* SPDX-License-Identifier: BSD-2-Clause */
/* Dispatchers: which programs they know, and the exchange of halves. */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/init.h>
#include <base/string.h>
#include <bpf/dispatch.h>
#include <hal/rcu.h>
#include <insn/arm64.h>
#include <lib/format.h>

/* One word for the entry, then the halves. */
static u32 half_words(void) { return bpf_dispatch_words(BPF_DISPATCH_MOST); }
static u64 half_at(const struct bpf_dispatcher *d, u32 half)
{
	return text_image_code(&d->image) + 4 * (1 + (u64)half * half_words());
}
static u32 entry_to(const struct bpf_dispatcher *d, u32 half)
{
	return a64_b((i64)(half_at(d, half) - text_image_code(&d->image)));
}

static void symbol(const struct text_image *im, char *buf, size_t n)
{
	snprintf(buf, n, "%s", container_of(im, struct bpf_dispatcher, image)->name);
}
static struct text_tenant tenant = { .name = "bpf_dispatcher", .symbol = symbol };

static int register_tenant(void)
{
	text_tenant_register(&tenant);
	return 0;
}
INITCALL(subsys, register_tenant);

/* Makes the function, which knows no program yet. */
static int make(struct bpf_dispatcher *d)
{
	u32 words = 1 + 2 * half_words();
	u32 *code = kmalloc(words * sizeof(u32));
	int err;

	if (!code)
		return -ENOMEM;
	err = text_image_alloc(&d->image, &tenant, words * sizeof(u32), 0, true);
	if (!err) {
		for (u32 k = 0; k < words; k++)
			code[k] = a64_udf(0);
		code[0] = entry_to(d, 0);
		bpf_dispatch_emit(code + 1, half_at(d, 0), NULL, 0);
		text_image_fill(&d->image, code);
		store_release(&d->enter, (void *)text_image_code(&d->image));
	}
	kfree(code);
	return err;
}

/* Writes what it should know into the idle half and makes the entry lead there. */
static int bring(struct bpf_dispatcher *d)
{
	u32 idle = !d->half, n;
	u32 *code = kmalloc(half_words() * sizeof(u32));
	int err = -ENOMEM;

	if (!code)
		return err;
	if (d->left) {
		text_sync();
		synchronize_rcu();
		d->left = false;
	}
	n = bpf_dispatch_emit(code, half_at(d, idle), d->target, d->n);
	if (n)
		err = execmem_fill((void *)half_at(d, idle), code, n * sizeof(u32));
	if (!err)
		err = execmem_update((u32 *)d->enter, entry_to(d, d->half), entry_to(d, idle));
	if (!err) {
		d->half = idle;
		d->left = true;
	}
	kfree(code);
	return err;
}

/* Where the target is, or would be. */
static u32 place(const struct bpf_dispatcher *d, u64 target)
{
	u32 k = 0;

	while (k < d->n && d->target[k] < target)
		k++;
	return k;
}

static void insert(struct bpf_dispatcher *d, u32 k, u64 target)
{
	memmove(d->target + k + 1, d->target + k, (d->n - k) * sizeof(d->target[0]));
	memmove(d->users + k + 1, d->users + k, (d->n - k) * sizeof(d->users[0]));
	d->target[k] = target;
	d->users[k] = 1;
	d->n++;
}

static void delete(struct bpf_dispatcher *d, u32 k)
{
	d->n--;
	memmove(d->target + k, d->target + k + 1, (d->n - k) * sizeof(d->target[0]));
	memmove(d->users + k, d->users + k + 1, (d->n - k) * sizeof(d->users[0]));
}

int bpf_dispatch_add(struct bpf_dispatcher *d, bpf_dispatch_run run)
{
	u64 target = (u64)run;
	int err = 0;
	u32 k;

	mutex_lock(&d->change);
	if (!d->enter)
		err = make(d);
	k = place(d, target);
	if (!err && k < d->n && d->target[k] == target) {
		d->users[k]++;
	} else if (!err && d->n == BPF_DISPATCH_MOST) {
		err = -ENOSPC;
	} else if (!err) {
		insert(d, k, target);
		err = bring(d);
		if (err)
			delete(d, k);
	}
	mutex_unlock(&d->change);
	return err;
}

void bpf_dispatch_remove(struct bpf_dispatcher *d, bpf_dispatch_run run)
{
	u32 k;

	mutex_lock(&d->change);
	k = place(d, (u64)run);
	if (!--d->users[k]) {
		delete(d, k);
		/* Without memory for it the code goes on comparing with an address that is nobody's:
		 * whoever has it next is called rightly. */
		(void)!bring(d);
	}
	mutex_unlock(&d->change);
}
