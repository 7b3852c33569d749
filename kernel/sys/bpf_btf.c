/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF objects: descriptions of types that user space loads for its maps and programs. What is in
 * them is bpf/btf's to judge.
 */
#include "bpf.h"
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <bpf/btf.h>
#include <fs/anon.h>
#include <fs/seq.h>
#include <hal/boot.h>
#include <linux/fcntl.h>

struct btf {
	ref_t ref;
	u32 id, size;
	struct btf_types types;	/* constant */
	void *index;		/* what types wants */
	struct rcu_head rcu;
	/* The kernel's own: not in data, stays for ever; types are there once somebody asked. */
	const void *kernel;
	char data[];
};
static const void *blob_of(const struct btf *b) { return b->kernel ? b->kernel : b->data; }

static bool btf_get(void *b) { return ref_get_unless_zero(&((struct btf *)b)->ref); }
struct bpf_ids bpf_btf_ids = BPF_IDS_INIT(btf_get);

static void free_parts(struct btf *b)
{
	kfree(b->index);
	kfree(b);
}
static void free_btf(struct rcu_head *r) { free_parts(container_of(r, struct btf, rcu)); }

void btf_put(struct btf *b)
{
	if (!b || !ref_put(&b->ref))
		return;
	bpf_id_free(&bpf_btf_ids, b->id);
	call_rcu(&b->rcu, free_btf);
}

u32 btf_object_id(const struct btf *b) { return b->id; }
const struct btf_types *btf_object_types(const struct btf *b) { return &b->types; }

/* --- loading ---------------------------------------------------------------------------------- */

static struct btf *take_btf(const union bpf_args *x)
{
	u32 size = x->a.btf_size;
	struct btf *b;

	if (size > BTF_MAX_SIZE)
		return ERR_PTR(-E2BIG);
	if (size > 4 * MIB - sizeof(*b))	/* what one allocation gives */
		return ERR_PTR(-E2BIG);
	b = kzalloc(sizeof(*b) + max(size, 8u));
	if (!b)
		return ERR_PTR(-ENOMEM);
	ref_init(&b->ref);
	b->size = size;
	if (!bpf_take(x, b->data, x->a.btf, size))
		return b;
	kfree(b);
	return ERR_PTR(-EFAULT);
}

static int start_log(const union bpf_attr *a, struct bpf_log *log)
{
	*log = (struct bpf_log){ .level = a->btf_log_level, .size = a->btf_log_size };
	if (!a->btf_log_buf != !a->btf_log_size || (a->btf_log_size && !a->btf_log_level) ||
	    a->btf_log_level & ~BPF_LOG_MASK)
		return -EINVAL;
	if (!log->size)
		return 0;
	log->size = min(log->size, (u32)(64 * KIB));
	log->buf = kzalloc(log->size);
	return log->buf ? 0 : -ENOMEM;
}

/* The log goes to user space; it makes the result worse, never better. */
static int end_log(union bpf_args *x, u64 user_attr, size_t size, struct bpf_log *log, int err)
{
	const size_t at = offsetof(union bpf_args, btf.log_true_size);
	u32 true_size = 0;
	int full = bpf_log_end(log, &true_size);

	if (log->buf && bpf_copy_out(x->a.btf_log_buf, log->buf, strlen(log->buf) + 1))
		full = -EFAULT;
	if (size >= at + 4 && bpf_copy_out(user_attr + at, &true_size, 4))
		full = -EFAULT;
	kfree(log->buf);
	return full ?: err;
}

static int check_btf(struct btf *b, struct bpf_log *log)
{
	int n = btf_count(b->data, b->size, log);

	if (n < 0)
		return n;
	b->index = kmalloc(btf_index_size((u32)n));
	return b->index ? btf_check(&b->types, b->data, b->size, b->index, log) : -ENOMEM;
}

i64 bpf_btf_load(union bpf_args *x, u64 user_attr, size_t size)
{
	struct bpf_log log;
	struct btf *b;
	int err;

	if (!bpf_args_end(x, offsetof(union bpf_args, btf.token_fd) + 4) || x->btf.flags ||
	    x->btf.token_fd)
		return -EINVAL;
	if (!bpf_capable())
		return -EPERM;
	err = start_log(&x->a, &log);
	if (err)
		return err;
	b = take_btf(x);
	if (IS_ERR(b)) {
		kfree(log.buf);
		return PTR_ERR(b);
	}
	err = check_btf(b, &log);
	err = end_log(x, user_attr, size, &log, err);
	if (!err)
		err = bpf_id_new(&bpf_btf_ids, b, &b->id);
	if (err) {
		free_parts(b);
		return err;
	}
	return bpf_btf_fd(b);
}

/* --- files ------------------------------------------------------------------------------------ */

static void btf_release(struct file *f) { btf_put(f->private); }
static void btf_fdinfo(struct file *f, struct seq *s)
{
	seq_printf(s, "btf_id:\t%u\n", ((struct btf *)f->private)->id);
}
const struct file_ops bpf_btf_fops = { .release = btf_release, .fdinfo = btf_fdinfo };

int bpf_btf_fd(struct btf *b)
{
	struct file *f = anon_file("anon_inode:btf", &bpf_btf_fops, b, O_RDONLY);

	if (!IS_ERR(f))
		return fd_publish(f, O_CLOEXEC);
	btf_put(b);
	return (int)PTR_ERR(f);
}

struct btf *bpf_btf_from_fd(u32 fd)
{
	struct file *f = bpf_file(fd, &bpf_btf_fops);
	struct btf *b;

	if (IS_ERR(f))
		return (struct btf *)f;
	b = f->private;
	if (b->kernel)		/* maps and programs describe themselves by types of their own */
		b = ERR_PTR(-EACCES);
	else
		ref_get(&b->ref);
	fd_put(f);
	return b;
}

/* Name and its length; -ENOSPC: as much of it as there is room for. */
static int give_name(const struct btf *b, struct bpf_btf_info *i)
{
	const char *name = b->kernel ? "vmlinux" : "";
	u32 len = (u32)strlen(name), room = i->name_len;
	char end = 0;

	i->name_len = len;
	if (!i->name)
		return 0;
	if (bpf_copy_out(i->name, name, min(len, room - 1)) ||
	    bpf_copy_out(i->name + min(len, room - 1), &end, 1))
		return -EFAULT;
	return room > len ? 0 : -ENOSPC;
}

int bpf_btf_info(struct file *f, const union bpf_args *x, u64 user_attr)
{
	const struct btf *b = f->private;
	struct bpf_btf_info i;
	int err = bpf_take_info(x, &i, sizeof(i), sizeof(i)), full;

	if (err)
		return err;
	if (bpf_copy_out(i.btf, blob_of(b), min(i.btf_size, b->size)))
		return -EFAULT;
	if (!i.name != !i.name_len)
		return -EINVAL;
	full = give_name(b, &i);
	if (full == -EFAULT)
		return full;
	i.btf_size = b->size;
	i.id = b->id;
	i.kernel_btf = b->kernel != NULL;
	return bpf_give_info(x, user_attr, &i, sizeof(i)) ?: full;
}

static struct btf own;		/* the kernel's */

static int index_own(void)
{
	int n = own.kernel ? btf_count(own.kernel, own.size, NULL) : -ENOENT;

	own.index = NULL;
	if (n < 0)
		return n;
	own.index = kmalloc(btf_index_size((u32)n));
	return own.index ? btf_check(&own.types, own.kernel, own.size, own.index, NULL) : -ENOMEM;
}

static struct bpf_kernel_types own_types = { &own.types, 0, btf_walk, btf_walk_args, btf_type_name };

/* Makes them ready to be asked; they stay so. The first who asks pays for that. */
static int open_own(void)
{
	static struct mutex asking = MUTEX_INIT(asking);
	static bool open;
	int err = 0;

	mutex_lock(&asking);
	if (!open) {
		err = index_own();
		open = !err;
		if (open)
			own_types.task = btf_find(&own.types, BTF_KIND_STRUCT, "task");
		else
			kfree(own.index);
	}
	mutex_unlock(&asking);
	return err;
}

i64 bpf_kernel_btf_find(const char *name, u32 kind)
{
	int err = open_own();
	u32 id = err ? 0 : btf_find(&own.types, kind, name);

	return err ?: id ? (i64)id : -ENOENT;
}

const struct bpf_kernel_types *bpf_kernel_types(void)
{
	return open_own() ? NULL : &own_types;
}

/* As number 1, the first. */
static int kernel_btf_start(void)
{
	own.kernel = arch_btf(&own.size);
	if (!own.kernel)
		return 0;
	ref_init(&own.ref);
	return bpf_id_new(&bpf_btf_ids, &own, &own.id);
}
INITCALL(late, kernel_btf_start);
