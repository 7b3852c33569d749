/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bpf(2): arguments, objects by number, names in bpffs. Every command is checked whole before it
 * does anything; what user space gave beyond what is known here must be zeros.
 */
#include "bpf.h"
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <bpf/prog.h>
#include <fs/sysctl.h>
#include <linux/fcntl.h>
#include <task/signal.h>

static bool map_get(void *m) { return ref_get_unless_zero(&((struct bpf_map *)m)->ref); }
struct bpf_ids bpf_map_ids = BPF_IDS_INIT(map_get);

/* --- numbers ---------------------------------------------------------------------------------- */

int bpf_id_new(struct bpf_ids *ids, void *object, u32 *id)
{
	struct radix_pool pool = { 0 };
	u32 need, next;
	u64 flags;

	for (;;) {
		flags = spin_lock_irqsave(&ids->lock);
		next = ids->last;
		do {
			next = next == 0x7fffffff ? 1 : next + 1;
		} while (radix_find(&ids->all, next));
		need = radix_need(&ids->all, next);
		if (pool.nr >= need)
			break;
		spin_unlock_irqrestore(&ids->lock, flags);
		if (!radix_pool_fill(&pool, need)) {
			radix_pool_empty(&pool);
			return -ENOMEM;
		}
	}
	*id = ids->last = next;
	radix_insert(&ids->all, next, object, &pool);
	spin_unlock_irqrestore(&ids->lock, flags);
	radix_pool_empty(&pool);
	return 0;
}

void bpf_id_free(struct bpf_ids *ids, u32 id)
{
	u64 flags = spin_lock_irqsave(&ids->lock);

	if (id)
		radix_remove(&ids->all, id);
	spin_unlock_irqrestore(&ids->lock, flags);
}

void *bpf_id_get(struct bpf_ids *ids, u32 id)
{
	u64 flags = spin_lock_irqsave(&ids->lock);
	void *object = radix_find(&ids->all, id);

	if (object && !ids->get(object))
		object = NULL;
	spin_unlock_irqrestore(&ids->lock, flags);
	return object;
}

static i64 next_id(struct bpf_ids *ids, union bpf_args *x, u64 user_attr)
{
	u64 id = (u64)x->a.start_id + 1, flags;
	void *object;

	if (!bpf_args_end(x, CMD_LAST(next_id)) || x->a.start_id >= 0x7fffffff)
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	flags = spin_lock_irqsave(&ids->lock);
	object = radix_next(&ids->all, &id);
	spin_unlock_irqrestore(&ids->lock, flags);
	if (!object)
		return -ENOENT;
	x->a.next_id = (u32)id;
	return bpf_copy_out(user_attr + offsetof(union bpf_attr, next_id), &x->a.next_id, 4);
}

/* --- arguments -------------------------------------------------------------------------------- */

u32 bpf_unprivileged_disabled = 2;

bool bpf_capable(void) { return capable(CAP_BPF) || capable(CAP_SYS_ADMIN); }

static bool zeros(const u8 *p, size_t n)
{
	while (n--)
		if (*p++)
			return false;
	return true;
}

bool bpf_args_end(const union bpf_args *x, size_t end)
{
	return zeros(x->byte + end, sizeof(x->byte) - end);
}

/* 0 if [user, user + n) is zeros; -E2BIG, -EFAULT. */
static int check_tail(u64 user, size_t n)
{
	u8 buf[64];

	while (n) {
		size_t part = min(n, sizeof(buf));

		if (copy_from_user(buf, (void __user *)user, part))
			return -EFAULT;
		if (!zeros(buf, part))
			return -E2BIG;
		user += part;
		n -= part;
	}
	return 0;
}

int bpf_take(const union bpf_args *x, void *dst, u64 src, size_t n)
{
	if (x && x->from.kernel)
		return copy_from_kernel(dst, (void *)src, n);
	return copy_from_user(dst, (void __user *)src, n) ? -EFAULT : 0;
}

void *bpf_take_copy(const union bpf_args *x, u64 src, size_t n)
{
	void *p;

	if (n > 4 * MIB)
		return ERR_PTR(-E2BIG);
	p = kmalloc(max(n, (size_t)8));
	if (!p)
		return ERR_PTR(-ENOMEM);
	if (bpf_take(x, p, src, n)) {
		kfree(p);
		return ERR_PTR(-EFAULT);
	}
	return p;
}

void *bpf_copy_in(u64 user, size_t n) { return bpf_take_copy(NULL, user, n); }

int bpf_check_name(const char *name)
{
	u32 i = 0;

	for (; i < BPF_OBJ_NAME_LEN && name[i]; i++) {
		char c = name[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
		      c == '_' || c == '.'))
			return -EINVAL;
	}
	if (i == BPF_OBJ_NAME_LEN)
		return -EINVAL;
	return zeros((const u8 *)name + i, BPF_OBJ_NAME_LEN - i) ? 0 : -EINVAL;
}

struct file *bpf_file(u32 fd, const struct file_ops *ops)
{
	struct file *f = fd_get((int)fd);

	if (!f)
		return ERR_PTR(-EBADF);
	if (f->ops == ops)
		return f;
	fd_put(f);
	return ERR_PTR(-EINVAL);
}

/* --- information ------------------------------------------------------------------------------ */

int bpf_take_info(const union bpf_args *x, void *info, size_t size, size_t known)
{
	u32 len = x->a.info.info_len;

	memset(info, 0, size);
	if (len > PAGE_SIZE)
		return -E2BIG;
	if (len > known) {
		int err = check_tail(x->a.info.info + known, len - known);

		if (err)
			return err;
		len = min(len, (u32)size);
	}
	return copy_from_user(info, (void __user *)x->a.info.info, len) ? -EFAULT : 0;
}

int bpf_give_info(const union bpf_args *x, u64 user_attr, const void *info, size_t size)
{
	u32 len = min(x->a.info.info_len, (u32)size);
	int err = bpf_copy_out(x->a.info.info, info, len);

	return err ?: bpf_copy_out(user_attr + offsetof(union bpf_attr, info.info_len), &len, 4);
}

static i64 get_info(union bpf_args *x, u64 user_attr)
{
	struct file *f;
	i64 err;

	if (!bpf_args_end(x, CMD_LAST(info)))
		return -EINVAL;
	f = fd_get((int)x->a.info.bpf_fd);
	if (!f)
		return -EBADF;
	if (f->ops == &bpf_map_fops)
		err = bpf_map_info(f, x, user_attr);
	else if (f->ops == &bpf_prog_fops)
		err = bpf_prog_info(f, x, user_attr);
	else if (f->ops == &bpf_btf_fops)
		err = bpf_btf_info(f, x, user_attr);
	else
		err = -EINVAL;
	fd_put(f);
	return err;
}

/* --- by number -------------------------------------------------------------------------------- */

static i64 map_by_id(union bpf_args *x)
{
	u32 flags = x->a.open_flags;
	struct bpf_map *m;

	if (!bpf_args_end(x, CMD_LAST(open_flags)) || (flags & ~(BPF_F_RDONLY | BPF_F_WRONLY)) ||
	    flags == (BPF_F_RDONLY | BPF_F_WRONLY))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	m = bpf_id_get(&bpf_map_ids, x->a.map_id);
	if (!m)
		return -ENOENT;
	bpf_map_get_user(m);
	bpf_map_put(m);
	return bpf_map_fd(m, flags & BPF_F_RDONLY   ? O_RDONLY
			     : flags & BPF_F_WRONLY ? O_WRONLY
						    : O_RDWR);
}

static i64 btf_by_id(union bpf_args *x)
{
	struct btf *b;

	if (!bpf_args_end(x, CMD_LAST(btf_id)))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	b = bpf_id_get(&bpf_btf_ids, x->a.btf_id);
	return b ? bpf_btf_fd(b) : -ENOENT;
}

static i64 prog_by_id(union bpf_args *x)
{
	if (!bpf_args_end(x, CMD_LAST(prog_id)))
		return -EINVAL;
	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	return bpf_prog_fd_by_id(x->a.prog_id);
}

/* --- bpffs ------------------------------------------------------------------------------------ */

/* Where names count from: the current directory unless BPF_F_PATH_FD says path_fd. */
static int path_fd(const union bpf_args *x)
{
	return x->a.file_flags & BPF_F_PATH_FD_ ? x->obj.path_fd : AT_FDCWD;
}

static char *take_path(u64 user)
{
	char *path = kmalloc(PAGE_SIZE);
	ssize_t n;

	if (!path)
		return ERR_PTR(-ENOMEM);
	n = strncpy_from_user(path, (void __user *)user, PAGE_SIZE);
	if (n < 0 || !n) {
		kfree(path);
		return ERR_PTR(n < 0 ? n : -ENOENT);
	}
	return path;
}

static i64 obj_pin(union bpf_args *x)
{
	const struct bpffs_kind *k;
	struct file *f;
	char *path;
	i64 err;

	if (!bpf_args_end(x, offsetof(union bpf_args, obj.path_fd) + 4) ||
	    (x->a.file_flags & ~BPF_F_PATH_FD_) ||
	    (!(x->a.file_flags & BPF_F_PATH_FD_) && x->obj.path_fd))
		return -EINVAL;
	f = fd_get((int)x->a.bpf_fd);
	if (!f)
		return -EBADF;
	k = f->ops == &bpf_map_fops    ? &bpf_map_kind_ops
	    : f->ops == &bpf_prog_fops ? &bpf_prog_kind_ops
				       : NULL;
	path = k ? take_path(x->a.pathname) : ERR_PTR(-EINVAL);
	err = IS_ERR(path) ? PTR_ERR(path)
			   : bpffs_pin(path_fd(x), path, 0600 & ~current_umask(), k, f->private);
	if (!IS_ERR(path))
		kfree(path);
	fd_put(f);
	return err;
}

static i64 obj_get(union bpf_args *x)
{
	u32 how = x->a.file_flags & ~BPF_F_PATH_FD_;
	const struct bpffs_kind *k;
	void *object;
	char *path;

	if (!bpf_args_end(x, offsetof(union bpf_args, obj.path_fd) + 4) || x->a.bpf_fd ||
	    (how & ~(BPF_F_RDONLY | BPF_F_WRONLY)) || how == (BPF_F_RDONLY | BPF_F_WRONLY) ||
	    (!(x->a.file_flags & BPF_F_PATH_FD_) && x->obj.path_fd))
		return -EINVAL;
	path = take_path(x->a.pathname);
	if (IS_ERR(path))
		return PTR_ERR(path);
	object = bpffs_get(
		path_fd(x), path,
		(how & BPF_F_WRONLY ? 0 : MAY_READ) | (how & BPF_F_RDONLY ? 0 : MAY_WRITE), &k);
	kfree(path);
	if (IS_ERR(object))
		return PTR_ERR(object);
	if (k == &bpf_map_kind_ops)
		return bpf_map_fd(object, how & BPF_F_RDONLY   ? O_RDONLY
					  : how & BPF_F_WRONLY ? O_WRONLY
							       : O_RDWR);
	return bpf_prog_fd_of(object);
}

/* --- the call --------------------------------------------------------------------------------- */

static i64 command(u32 cmd, union bpf_args *x, u64 user_attr, size_t size)
{
	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_MAP_LOOKUP_ELEM:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_GET_NEXT_KEY:
	case BPF_MAP_LOOKUP_AND_DELETE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_MAP_LOOKUP_BATCH:
	case BPF_MAP_LOOKUP_AND_DELETE_BATCH:
	case BPF_MAP_UPDATE_BATCH:
	case BPF_MAP_DELETE_BATCH:
		return bpf_map_command(cmd, x, user_attr);
	case BPF_PROG_LOAD:
	case BPF_PROG_TEST_RUN:
	case BPF_PROG_BIND_MAP:
		return bpf_prog_command(cmd, x, user_attr, size);
	case BPF_OBJ_PIN:
		return obj_pin(x);
	case BPF_OBJ_GET:
		return obj_get(x);
	case BPF_MAP_GET_NEXT_ID:
		return next_id(&bpf_map_ids, x, user_attr);
	case BPF_PROG_GET_NEXT_ID:
		return next_id(&bpf_prog_ids, x, user_attr);
	case BPF_BTF_GET_NEXT_ID:
		return next_id(&bpf_btf_ids, x, user_attr);
	case BPF_LINK_GET_NEXT_ID:	/* there are no links yet */
	case BPF_LINK_GET_FD_BY_ID:
		return capable(CAP_SYS_ADMIN) ? -ENOENT : -EPERM;
	case BPF_MAP_GET_FD_BY_ID:
		return map_by_id(x);
	case BPF_PROG_GET_FD_BY_ID:
		return prog_by_id(x);
	case BPF_BTF_GET_FD_BY_ID:
		return btf_by_id(x);
	case BPF_OBJ_GET_INFO_BY_FD:
		return get_info(x, user_attr);
	case BPF_BTF_LOAD:
		return bpf_btf_load(x, user_attr, size);
	case BPF_ENABLE_STATS:
		return bpf_enable_stats(x);
	case 36:			/* BPF_TOKEN_CREATE (Linux 6.9) */
		return -EOPNOTSUPP;
	default:
		return -EINVAL;
	}
}

SYSCALL(bpf)
{
	u32 cmd = (u32)a[0], size = (u32)a[2];
	union bpf_args x = { .from = { .kernel = false } };
	int err = 0;

	if (size > PAGE_SIZE)
		return -E2BIG;
	if (size > sizeof(x.byte))
		err = check_tail(a[1] + sizeof(x.byte), size - sizeof(x.byte));
	if (err)
		return err;
	if (copy_from_user(&x, (void __user *)a[1], min(size, (u32)sizeof(x.byte))))
		return -EFAULT;
	return command(cmd, &x, a[1], size);
}

/* --- for syscall programs --------------------------------------------------------------------- */

/* What a program may ask for; nothing is written back to attr, which may be constant. */
static i64 program_command(u32 cmd, const void *attr, u32 size)
{
	union bpf_args x = { .from = { .kernel = true } };

	switch (cmd) {
	case BPF_MAP_CREATE:
	case BPF_MAP_DELETE_ELEM:
	case BPF_MAP_UPDATE_ELEM:
	case BPF_MAP_FREEZE:
	case BPF_MAP_GET_FD_BY_ID:
	case BPF_PROG_LOAD:
	case BPF_BTF_LOAD:
		break;
	default:
		return -EINVAL;
	}
	if (size > PAGE_SIZE ||
	    (size > sizeof(x.byte) && !zeros((const u8 *)attr + sizeof(x.byte), size - sizeof(x.byte))))
		return -E2BIG;
	memcpy(x.byte, attr, min(size, (u32)sizeof(x.byte)));
	return command(cmd, &x, 0, 0);
}

static const struct bpf_sys_ops sys_ops = { program_command, bpf_kernel_btf_find, fd_close };

static int sys_start(void)
{
	bpf_sys_ops = &sys_ops;
	return 0;
}
INITCALL(subsys, sys_start);
