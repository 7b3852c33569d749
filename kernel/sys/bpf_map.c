/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps in bpf(2): their commands and files. */
#include "bpf.h"
#include <base/alloc.h>
#include <base/string.h>
#include <bpf/btf.h>
#include <bpf/prog.h>
#include <fs/anon.h>
#include <fs/poll.h>
#include <fs/seq.h>
#include <lib/sha256.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <mm/mm.h>
#include <mm/page.h>

void bpf_map_get_user(void *arg)
{
	struct bpf_map *m = arg;

	bpf_map_get(m);
	__atomic_fetch_add(&m->users, 1, __ATOMIC_RELAXED);
}

void bpf_map_put_user(void *arg)
{
	struct bpf_map *m = arg;

	if (!__atomic_sub_fetch(&m->users, 1, __ATOMIC_ACQ_REL) && m->ops->users_gone) {
		smp_mb();	/* who makes a timer looks at `users` after (bpf/prog/timer.c) */
		m->ops->users_gone(m);
	}
	bpf_map_put(m);
}
const struct bpffs_kind bpf_map_kind_ops = { bpf_map_get_user, bpf_map_put_user };

/* --- mmap ------------------------------------------------------------------------------------- */

/* What a mapping has behind it: knows whether it may write, for as long as it is there. */
struct view {
	struct backing b;
	ref_t ref;
	struct file *file;
	bool may_write;
};
static struct view *view_of(struct backing *b) { return container_of(b, struct view, b); }

static void view_get(struct backing *b) { ref_get(&view_of(b)->ref); }

static void view_put(struct backing *b)
{
	struct view *v = view_of(b);
	struct bpf_map *m = v->file->private;

	if (!ref_put(&v->ref))
		return;
	if (v->may_write) {
		mutex_lock(&m->control);
		m->write_views--;
		mutex_unlock(&m->control);
	}
	fd_put(v->file);
	kfree(v);
}

static struct backing_id view_id(struct backing *b)
{
	struct backing *f = &view_of(b)->file->backing;

	return f->ops->id(f);
}

static int view_path(struct backing *b, char *buf, size_t size)
{
	struct backing *f = &view_of(b)->file->backing;

	return f->ops->path(f, buf, size);
}

static u64 view_frame(struct backing *b, u64 pgoff)
{
	struct bpf_map *m = view_of(b)->file->private;

	return m->ops->frame(m, pgoff, false);
}

static const struct backing_ops view_ops = {
	.get = view_get,
	.put = view_put,
	.id = view_id,
	.path = view_path,
	.frame = view_frame,
};

/* The first and the last page tell for all. */
static int check_range(struct bpf_map *m, const struct vma *v)
{
	u64 last = v->pgoff + ((v->end - v->start) >> PAGE_SHIFT) - 1;
	bool write = v->vm_flags & VM_WRITE;

	if (m->desc.type == BPF_MAP_TYPE_RINGBUF && write)
		return v->pgoff || last ? -EPERM : 0;
	return m->ops->frame(m, last, write) == ~0ull ? -EINVAL : 0;
}

static int check_mapping(struct bpf_map *m, const struct file *f, const struct vma *v)
{
	bool array = m->desc.type == BPF_MAP_TYPE_ARRAY;

	if (!m->ops->frame || m->desc.spin_lock >= 0 || m->desc.timer >= 0)
		return -ENOTSUPP;
	if (!(v->vm_flags & VM_SHARED) || (array && !(m->desc.flags & BPF_F_MMAPABLE)))
		return -EINVAL;
	if ((v->vm_flags & VM_WRITE) && m->desc.frozen)
		return -EPERM;
	if ((v->vm_flags & VM_WRITE) && (m->desc.flags & BPF_F_RDONLY_PROG))
		return -EACCES;
	return check_range(m, v);
}

static int map_mmap(struct file *f, struct vma *vma)
{
	struct bpf_map *m = f->private;
	struct view *v = kmalloc(sizeof(*v));
	int err;

	if (!v)
		return -ENOMEM;
	*v = (struct view){ .b = { .ops = &view_ops }, .may_write = vma->vm_flags & VM_WRITE };
	ref_init(&v->ref);
	mutex_lock(&m->control);
	err = check_mapping(m, f, vma);
	if (!err)
		m->write_views += v->may_write;
	mutex_unlock(&m->control);
	if (err) {
		kfree(v);
		return err;
	}
	vma->vm_flags &= ~(u32)(VM_MAYEXEC | (v->may_write ? 0 : VM_MAYWRITE));
	vma->vm_flags |= VM_PFN | VM_DONTEXPAND | VM_DONTDUMP;
	vma->backing = &v->b;
	v->file = f;		/* the reference that the VMA took */
	return 0;
}

/* --- files ------------------------------------------------------------------------------------ */

static void map_release(struct file *f) { bpf_map_put_user(f->private); }

static u32 map_poll(struct file *f, struct poll_table *pt)
{
	struct bpf_map *m = f->private;
	struct wait_queue *q = bpf_map_wait(m);

	if (!q)
		return EPOLLERR;
	poll_wait(pt, f, q);
	return bpf_map_readable(m) ? EPOLLIN | EPOLLRDNORM : 0;
}

static void map_fdinfo(struct file *f, struct seq *s)
{
	const struct bpf_map *m = f->private;
	const struct bpf_map_desc *d = &m->desc;

	seq_printf(s,
		   "map_type:\t%u\nkey_size:\t%u\nvalue_size:\t%u\nmax_entries:\t%u\n"
		   "map_flags:\t0x%x\nmap_extra:\t0x%lx\nmemlock:\t%lu\nmap_id:\t%u\nfrozen:\t%u\n",
		   d->type, d->key_size, d->value_size, d->max_entries, d->flags, m->extra,
		   m->bytes, m->id, READ_ONCE(d->frozen));
	if (READ_ONCE(m->owner))
		seq_printf(s, "owner_prog_type:\t%lu\nowner_jited:\t1\n",
			   (u64)READ_ONCE(m->owner) - 1);
}

const struct file_ops bpf_map_fops = {
	.release = map_release,
	.poll = map_poll,
	.mmap = map_mmap,
	.fdinfo = map_fdinfo,
};

int bpf_map_fd(struct bpf_map *m, int flags)
{
	struct file *f = anon_file("anon_inode:bpf-map", &bpf_map_fops, m, flags);

	if (!IS_ERR(f))
		return fd_publish(f, O_CLOEXEC);
	bpf_map_put_user(m);
	return (int)PTR_ERR(f);
}

struct bpf_map *bpf_map_from_fd(u32 fd)
{
	struct file *f = bpf_file(fd, &bpf_map_fops);
	struct bpf_map *m;

	if (IS_ERR(f))
		return (struct bpf_map *)f;
	m = bpf_map_get(f->private);
	fd_put(f);
	return m;
}

/*
 * Writing against freezing. A call counts itself before it looks whether the map is frozen; freezing
 * says so before it looks for calls. One of the two sees the other, so a map that is frozen has no
 * call left that writes, though such a call may sleep (in a fault) for as long as it likes. (By
 * barriers: STLR and LDAR would do, but an emulator may not order the two.)
 */
static bool begin_write(struct bpf_map *m)
{
	bool frozen;

	__atomic_fetch_add(&m->writers, 1, __ATOMIC_RELAXED);
	smp_mb();
	if (likely(!READ_ONCE(m->freezing)))
		return true;
	/* Freezing may yet fail, for another call's sake. */
	__atomic_fetch_sub(&m->writers, 1, __ATOMIC_RELEASE);
	mutex_lock(&m->control);
	frozen = m->desc.frozen;
	if (!frozen)
		__atomic_fetch_add(&m->writers, 1, __ATOMIC_RELAXED);
	mutex_unlock(&m->control);
	return !frozen;
}

static void end_write(struct bpf_map *m) { __atomic_fetch_sub(&m->writers, 1, __ATOMIC_RELEASE); }

/* control is held. 0 or -EBUSY: somebody writes. */
static int try_freeze(struct bpf_map *m)
{
	WRITE_ONCE(m->freezing, true);
	smp_mb();
	if (m->write_views || load_acquire(&m->writers)) {
		WRITE_ONCE(m->freezing, false);
		return -EBUSY;
	}
	store_release(&m->desc.frozen, true);
	return 0;
}

/* What a command needs of its map: the file's mode and, for writing, that it is not frozen until
 * map_file_put. */
static struct file *map_file(u32 fd, bool read, bool write)
{
	struct file *f = bpf_file(fd, &bpf_map_fops);

	if (IS_ERR(f))
		return f;
	if ((read && !(f->mode & FMODE_READ)) ||
	    (write && (!(f->mode & FMODE_WRITE) || !begin_write(f->private)))) {
		fd_put(f);
		return ERR_PTR(-EPERM);
	}
	return f;
}

static void map_file_put(struct file *f, bool write)
{
	if (write)
		end_write(f->private);
	fd_put(f);
}

/* --- creation --------------------------------------------------------------------------------- */

static void map_gone(struct bpf_map *m)
{
	bpf_id_free(&bpf_map_ids, m->id);
	btf_put(m->btf);
}

/* Types that who has no CAP_BPF may make, where any may be made. */
static bool type_for_all(u32 type)
{
	switch (type) {
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PROG_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_HASH_OF_MAPS:
	case BPF_MAP_TYPE_RINGBUF:
		return true;
	default:
		return false;
	}
}

/* There is one node; what belongs to CPUs is made where these are. */
static bool node_fits(const union bpf_attr *a)
{
	switch (a->map_type) {
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return false;
	default:
		return !a->numa_node && !(a->map_flags & BPF_F_NO_COMMON_LRU);
	}
}

static int check_create(const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;

	if (!bpf_args_end(x, offsetof(union bpf_args, map.token_fd) + 4) ||
	    x->map.value_type_btf_obj_fd || x->map.token_fd || a->map_ifindex || a->map_extra ||
	    a->btf_vmlinux_value_type_id)
		return -EINVAL;
	if ((a->btf_key_type_id && !a->btf_value_type_id))
		return -EINVAL;
	if ((a->map_flags & BPF_F_NUMA_NODE) && a->numa_node != ~0u && !node_fits(a))
		return -EINVAL;
	if (bpf_check_name(a->map_name))
		return -EINVAL;
	if (!bpf_map_type_known(a->map_type))
		return -EINVAL;
	if (!bpf_capable() && (bpf_unprivileged_disabled || !type_for_all(a->map_type)))
		return -EPERM;
	return 0;
}

static bool of_maps(u32 type)
{
	return type == BPF_MAP_TYPE_ARRAY_OF_MAPS || type == BPF_MAP_TYPE_HASH_OF_MAPS;
}

/* Types of key and value agree with the sizes and the map; where the value's lock and timer are. A
 * value that has several has none, as on Linux. */
static int check_types(const union bpf_attr *a, const struct btf *b, struct bpf_map_attr *m)
{
	const struct btf_types *t = btf_object_types(b);
	u32 key = a->btf_key_type_id, kind = btf_kind(btf_type(t, btf_skip_modifiers(t, key)));
	bool array = a->map_type == BPF_MAP_TYPE_ARRAY || a->map_type == BPF_MAP_TYPE_PERCPU_ARRAY;

	if (key ? btf_type_size(t, key) != (i64)a->key_size : !array)
		return -EINVAL;
	/* Without a type of its key an array is a section's variables. */
	if (array && (key ? !btf_is_u32(t, key) :
			    a->max_entries != 1 || btf_kind(btf_type(t, a->btf_value_type_id)) != BTF_KIND_DATASEC))
		return -EINVAL;
	if (of_maps(a->map_type))
		return -ENOTSUPP;
	if (a->map_type == BPF_MAP_TYPE_LPM_TRIE && kind != BTF_KIND_STRUCT)
		return -EINVAL;
	if (btf_type_size(t, a->btf_value_type_id) != (i64)a->value_size)
		return -EINVAL;
	btf_value_fields(t, a->btf_value_type_id, &m->spin_lock, &m->timer);
	if ((m->timer >= 0 || m->spin_lock >= 0) &&
	    (a->map_flags & (BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG)))
		return -EACCES;
	if (m->timer >= 0 && a->map_type != BPF_MAP_TYPE_HASH && a->map_type != BPF_MAP_TYPE_ARRAY &&
	    a->map_type != BPF_MAP_TYPE_LRU_HASH)
		return -EOPNOTSUPP;
	if (m->spin_lock >= 0 && a->map_type != BPF_MAP_TYPE_HASH &&
	    a->map_type != BPF_MAP_TYPE_ARRAY)
		return -EOPNOTSUPP;
	return m->timer >= 0 ? bpf_timers_start() : 0;
}

static struct bpf_map *make_map(const union bpf_attr *a, struct btf *b, struct bpf_map *inner)
{
	struct bpf_map_attr at = {
		.type = a->map_type,
		.key_size = a->key_size,
		.value_size = a->value_size,
		.max_entries = a->max_entries,
		.flags = a->map_flags,
		.extra = a->map_extra,
		.inner = inner,
		.spin_lock = -1,
		.timer = -1,
	};
	int err = b && a->btf_value_type_id ? check_types(a, b, &at) : 0;

	return err ? ERR_PTR(err) : bpf_map_new(&at);
}

static i64 create(const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	struct bpf_map *m, *inner = NULL;
	struct btf *b = NULL;
	int err = check_create(x);

	if (err)
		return err;
	if (a->btf_key_type_id || a->btf_value_type_id)
		b = bpf_btf_from_fd(a->btf_fd);
	if (IS_ERR(b))
		return PTR_ERR(b);
	if (of_maps(a->map_type))
		inner = bpf_map_from_fd(a->inner_map_fd);
	m = IS_ERR(inner) ? inner : make_map(a, b, inner);
	if (inner && !IS_ERR(inner))
		bpf_map_put(inner);
	if (IS_ERR(m)) {
		btf_put(b);
		return PTR_ERR(m);
	}
	memcpy(m->name, a->map_name, sizeof(m->name));
	m->desc.name = m->name;
	m->btf = b;
	m->btf_key = a->btf_key_type_id;
	m->btf_value = a->btf_value_type_id;
	m->uid = current_cred()->uid;
	m->users = 1;
	m->gone = map_gone;
	err = bpf_id_new(&bpf_map_ids, m, &m->id);
	if (err) {
		bpf_map_put_user(m);
		return err;
	}
	return bpf_map_fd(m, a->map_flags & BPF_F_RDONLY   ? O_RDONLY
			     : a->map_flags & BPF_F_WRONLY ? O_WRONLY
							   : O_RDWR);
}

/* --- elements --------------------------------------------------------------------------------- */

static bool is_queue(const struct bpf_map *m)
{
	return m->desc.type == BPF_MAP_TYPE_QUEUE || m->desc.type == BPF_MAP_TYPE_STACK;
}

/* Key and value of one command, in one piece of memory; small ones where the caller has room. */
struct pair {
	char room[256] __aligned(8);
	char *key, *value;
	u32 key_size, value_size;
	u64 size;		/* of both */
};

/* For what will be copied over. bpf_area_free */
static void *buffer(u64 size)
{
	return size <= PAGE_SIZE ? kmalloc(size) : bpf_area_alloc(size, false);
}

static int get_pair(struct pair *p, const struct bpf_map *m, u32 value_size)
{
	u64 key = align_up((u64)m->desc.key_size, 8ul);

	p->key_size = m->desc.key_size;
	p->value_size = value_size;
	p->size = key + value_size;
	p->key = p->size <= sizeof(p->room) ? p->room : buffer(p->size);
	p->value = p->key + key;
	return p->key ? 0 : -ENOMEM;
}

static void put_pair(struct pair *p)
{
	if (p->key != p->room)
		bpf_area_free(p->key, p->size, false);
}

/* A queue has no key and wants none. */
static int take_key(const union bpf_args *x, struct pair *p, u64 from)
{
	if (!p->key_size)
		return from ? -EINVAL : 0;
	return bpf_take(x, p->key, from, p->key_size);
}

static i64 lookup(struct bpf_map *m, const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	struct pair p;
	i64 err;

	if ((a->flags & ~(u64)BPF_F_LOCK) || ((a->flags & BPF_F_LOCK) && m->desc.spin_lock < 0))
		return -EINVAL;
	err = get_pair(&p, m, bpf_map_user_value_size(m));
	if (err)
		return err;
	err = take_key(x, &p, a->key);
	if (!err)
		err = m->ops->copy_out(m, p.key, p.value);
	if (!err)
		err = bpf_copy_out(a->value, p.value, p.value_size);
	put_pair(&p);
	return err;
}

static i64 update(struct bpf_map *m, const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	struct pair p;
	i64 err = get_pair(&p, m, bpf_map_user_value_size(m));

	if (err)
		return err;
	err = take_key(x, &p, a->key);
	if (!err)
		err = bpf_take(x, p.value, a->value, p.value_size);
	if (!err)
		err = m->ops->copy_in(m, p.key, p.value, a->flags);
	put_pair(&p);
	return err;
}

static i64 delete(struct bpf_map *m, const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	struct pair p;
	i64 err;

	if (!m->desc.key_size)
		return is_queue(m) || a->key ? -EINVAL : -ENOTSUPP;
	err = get_pair(&p, m, 0);
	if (err)
		return err;
	err = take_key(x, &p, a->key);
	if (!err)
		err = m->ops->remove(m, p.key);
	put_pair(&p);
	return err;
}

static i64 next_key(struct bpf_map *m, const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	struct pair p;
	i64 err;

	if (!m->desc.key_size)
		return is_queue(m) || a->key ? -EINVAL : -ENOTSUPP;
	err = get_pair(&p, m, m->desc.key_size);
	if (err)
		return err;
	if (a->key)
		err = take_key(x, &p, a->key);
	if (!err)
		err = m->ops->next_key(m, a->key ? p.key : NULL, p.value);
	if (!err)
		err = bpf_copy_out(a->next_key, p.value, p.value_size);
	put_pair(&p);
	return err;
}

static bool is_hash(const struct bpf_map *m)
{
	switch (m->desc.type) {
	case BPF_MAP_TYPE_HASH:
	case BPF_MAP_TYPE_PERCPU_HASH:
	case BPF_MAP_TYPE_LRU_HASH:
	case BPF_MAP_TYPE_LRU_PERCPU_HASH:
		return true;
	default:
		return false;
	}
}

static i64 lookup_and_delete(struct bpf_map *m, const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	struct pair p;
	i64 err;

	if (is_queue(m) ? a->flags != 0 : (a->flags & ~(u64)BPF_F_LOCK) != 0)
		return -EINVAL;
	if (((a->flags & BPF_F_LOCK) && m->desc.spin_lock < 0) || (!m->desc.key_size && a->key))
		return -EINVAL;
	if (!is_queue(m) && !is_hash(m))
		return -ENOTSUPP;
	err = get_pair(&p, m, bpf_map_user_value_size(m));
	if (err)
		return err;
	err = take_key(x, &p, a->key);
	if (!err && is_queue(m))
		err = m->ops->pop(m, p.value);
	else if (!err)
		err = m->ops->take(m, p.key, p.value);
	if (!err)
		err = bpf_copy_out(a->value, p.value, p.value_size);
	put_pair(&p);
	return err;
}

static i64 element_command(u32 cmd, const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	bool read = cmd != BPF_MAP_UPDATE_ELEM && cmd != BPF_MAP_DELETE_ELEM;
	bool write = cmd != BPF_MAP_LOOKUP_ELEM && cmd != BPF_MAP_GET_NEXT_KEY;
	bool no_flags = cmd == BPF_MAP_DELETE_ELEM || cmd == BPF_MAP_GET_NEXT_KEY;
	struct file *f;
	i64 err;

	if (!bpf_args_end(x, no_flags ? CMD_LAST(next_key) : CMD_LAST(flags)))
		return -EINVAL;
	if (cmd == BPF_MAP_DELETE_ELEM && a->value)
		return -EINVAL;
	f = map_file(a->map_fd, read, write);
	if (IS_ERR(f))
		return PTR_ERR(f);
	switch (cmd) {
	case BPF_MAP_LOOKUP_ELEM:
		err = lookup(f->private, x);
		break;
	case BPF_MAP_UPDATE_ELEM:
		err = update(f->private, x);
		break;
	case BPF_MAP_DELETE_ELEM:
		err = delete(f->private, x);
		break;
	case BPF_MAP_GET_NEXT_KEY:
		err = next_key(f->private, x);
		break;
	default:
		err = lookup_and_delete(f->private, x);
	}
	map_file_put(f, write);
	return err;
}

/* --- batches ---------------------------------------------------------------------------------- */

struct batch {
	struct bpf_map *m;
	const union bpf_attr *a;
	u32 key_size, value_size;
	u32 max, done;
};

static int batch_out(struct batch *b, const void *keys, const void *values, u32 n)
{
	u64 at = b->done;

	if (bpf_copy_out(b->a->batch.keys + at * b->key_size, keys, (size_t)n * b->key_size) ||
	    bpf_copy_out(b->a->batch.values + at * b->value_size, values,
			 (size_t)n * b->value_size))
		return -EFAULT;
	b->done += n;
	return 0;
}

/*
 * Bucket after bucket; the position is a bucket's number. What does not fit as a whole waits. Empty
 * ones behind the last that fits are passed over: a caller with just enough room hears of the end.
 */
static i64 buckets_out(struct batch *b, u32 *at, bool take)
{
	const u64 each = (u64)b->key_size + b->value_size;
	u32 room = (u32)min(max(64 * KIB / each, 1ul), 16ul);
	char *keys = NULL;
	int n = 0, err = 0;

	while (!err) {
		if (!keys)
			keys = buffer(room * each);
		if (!keys)
			return -ENOMEM;
		n = b->m->ops->bucket(b->m, *at, keys, keys + (size_t)room * b->key_size,
				      min(room, b->max - b->done), take);
		if (n == -ENOSPC && room < b->max - b->done) {
			bpf_area_free(keys, room * each, false);
			keys = NULL;
			room *= 4;
			continue;
		}
		if (n == -ENOSPC && b->done)
			break;		/* the next call begins with it */
		err = n < 0 ? n : batch_out(b, keys, keys + (size_t)room * b->key_size, (u32)n);
		if (!err)
			++*at;
	}
	bpf_area_free(keys, room * each, false);
	return err;
}

/* Key after key; the position is a key. */
static i64 keys_out(struct batch *b, char *at, bool first)
{
	struct pair p;
	i64 err = get_pair(&p, b->m, max(b->value_size, b->key_size));

	if (err)
		return err;
	while (!err && b->done < b->max) {
		err = b->m->ops->next_key(b->m, first ? NULL : at, p.key);
		if (err)
			break;
		first = false;
		memcpy(at, p.key, b->key_size);
		err = b->m->ops->copy_out(b->m, at, p.value);
		if (err == -ENOENT) {	/* it went just now */
			err = 0;
			continue;
		}
		if (!err)
			err = batch_out(b, at, p.value, 1);
	}
	put_pair(&p);
	return err;
}

static i64 lookup_batch(struct batch *b, bool take)
{
	const union bpf_attr *a = b->a;
	u32 size = b->m->ops->bucket ? 4 : b->key_size;
	char *at = kzalloc(size);
	i64 err;

	if (!at)
		return -ENOMEM;
	if (a->batch.in_batch && copy_from_user(at, (void __user *)a->batch.in_batch, size))
		err = -EFAULT;
	else if (b->m->ops->bucket)
		err = buckets_out(b, (u32 *)at, take);
	else
		err = keys_out(b, at, !a->batch.in_batch);
	if ((!err || err == -ENOENT) && bpf_copy_out(a->batch.out_batch, at, size))
		err = -EFAULT;
	kfree(at);
	return err;
}

static i64 change_batch(struct batch *b, bool delete)
{
	const union bpf_attr *a = b->a;
	struct pair p;
	i64 err = get_pair(&p, b->m, b->value_size);

	if (err)
		return err;
	for (; !err && b->done < b->max; b->done += !err) {
		u64 n = b->done;

		err = take_key(NULL, &p, a->batch.keys + n * b->key_size);
		if (!err && !delete &&
		    copy_from_user(p.value, (void __user *)(a->batch.values + n * b->value_size),
				   b->value_size))
			err = -EFAULT;
		if (!err)
			err = delete ? b->m->ops->remove(b->m, p.key)
				     : b->m->ops->copy_in(b->m, p.key, p.value,
							  a->batch.elem_flags);
	}
	put_pair(&p);
	return err;
}

static bool has_batch(const struct bpf_map *m, u32 cmd)
{
	switch (m->desc.type) {
	case BPF_MAP_TYPE_PROG_ARRAY:
		return false;
	case BPF_MAP_TYPE_ARRAY:
	case BPF_MAP_TYPE_PERCPU_ARRAY:
	case BPF_MAP_TYPE_ARRAY_OF_MAPS:
		return cmd == BPF_MAP_LOOKUP_BATCH || cmd == BPF_MAP_UPDATE_BATCH;
	case BPF_MAP_TYPE_LPM_TRIE:
		return cmd != BPF_MAP_LOOKUP_AND_DELETE_BATCH;
	default:
		return m->desc.key_size;
	}
}

/* 0; -ENOTSUPP, -EINVAL: nothing is done and nothing told. */
static int check_batch(const struct batch *b, u32 cmd)
{
	u64 flags = b->a->batch.elem_flags;

	if (!has_batch(b->m, cmd))
		return -ENOTSUPP;
	return (flags & ~(u64)BPF_F_LOCK) || ((flags & BPF_F_LOCK) && b->m->desc.spin_lock < 0) ? -EINVAL : 0;
}

static i64 batch_command(u32 cmd, const union bpf_args *x, u64 user_attr)
{
	const union bpf_attr *a = &x->a;
	bool write = cmd != BPF_MAP_LOOKUP_BATCH;
	bool read = cmd == BPF_MAP_LOOKUP_BATCH || cmd == BPF_MAP_LOOKUP_AND_DELETE_BATCH;
	struct batch b = { .a = a, .max = a->batch.count };
	struct file *f;
	i64 err;

	if (!bpf_args_end(x, CMD_LAST(batch.flags)) || a->batch.flags)
		return -EINVAL;
	f = map_file(a->batch.map_fd, read, write);
	if (IS_ERR(f))
		return PTR_ERR(f);
	b.m = f->private;
	b.key_size = b.m->desc.key_size;
	b.value_size = bpf_map_user_value_size(b.m);
	err = check_batch(&b, cmd);
	if (err) {
		map_file_put(f, write);
		return err;
	}
	if (b.max)
		err = read ? lookup_batch(&b, write) : change_batch(&b, cmd == BPF_MAP_DELETE_BATCH);
	map_file_put(f, write);
	/* How far it came is told also when it ended with an error, but not where nothing is sure.
	 */
	if (err != -EFAULT && bpf_copy_out(user_attr + offsetof(union bpf_attr, batch.count), &b.done, 4))
		err = -EFAULT;
	return err;
}

/* --- the rest --------------------------------------------------------------------------------- */

static i64 freeze(const union bpf_args *x)
{
	struct file *f;
	struct bpf_map *m;
	int err = 0;

	if (!bpf_args_end(x, CMD_LAST(map_fd)))
		return -EINVAL;
	f = bpf_file(x->a.map_fd, &bpf_map_fops);
	if (IS_ERR(f))
		return PTR_ERR(f);
	m = f->private;
	if (m->desc.timer >= 0 || m->desc.spin_lock >= 0)
		err = -ENOTSUPP;
	mutex_lock(&m->control);
	if (!err && (!(f->mode & FMODE_WRITE) || m->desc.frozen))
		err = -EPERM;
	if (!err)
		err = try_freeze(m);
	mutex_unlock(&m->control);
	fd_put(f);
	return err;
}

/* bpf_map_info of Linux 7.2; the installed header may be older. */
union map_info {
	struct bpf_map_info i;
	struct { u8 to_hash[88]; u64 hash; u32 hash_size, pad; } x;
};

/* SHA-256 of all values of a frozen array, if user space asks for it, as light skeletons do. */
static int give_hash(const struct bpf_map *m, u64 to, u32 size)
{
	u64 step = align_up((u64)m->desc.value_size, 8);
	u8 hash[32];

	if (!to)
		return size ? -EINVAL : 0;
	if (m->desc.type != BPF_MAP_TYPE_ARRAY || size != sizeof(hash))
		return -EINVAL;
	if (!load_acquire(&m->desc.frozen))
		return -EPERM;
	sha256((void *)m->desc.values, step * m->desc.max_entries, hash);
	return bpf_copy_out(to, hash, sizeof(hash));
}

int bpf_map_info(struct file *f, const union bpf_args *x, u64 user_attr)
{
	const struct bpf_map *m = f->private;
	union map_info all;
	int err = bpf_take_info(x, &all, sizeof(all), offsetof(union map_info, x.pad)) ?:
		  give_hash(m, all.x.hash, all.x.hash_size);
	u64 hash = all.x.hash;
	u32 hash_size = all.x.hash_size;

	if (err)
		return err;
	memset(&all, 0, sizeof(all));
	all.i = (struct bpf_map_info){
		.type = m->desc.type,
		.id = m->id,
		.key_size = m->desc.key_size,
		.value_size = m->desc.value_size,
		.max_entries = m->desc.max_entries,
		.map_flags = m->desc.flags,
		.map_extra = m->extra,
		.btf_id = m->btf ? btf_object_id(m->btf) : 0,
		.btf_key_type_id = m->btf_key,
		.btf_value_type_id = m->btf_value,
	};
	memcpy(all.i.name, m->name, sizeof(all.i.name));
	all.x.hash = hash;
	all.x.hash_size = hash_size;
	return bpf_give_info(x, user_attr, &all, sizeof(all));
}

i64 bpf_map_command(u32 cmd, union bpf_args *x, u64 user_attr)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
		return create(x);
	case BPF_MAP_FREEZE:
		return freeze(x);
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
		return batch_command(cmd, x, user_attr);
	default:
		return element_command(cmd, x);
	}
}
