/* SPDX-License-Identifier: BSD-2-Clause */
/* Programs in bpf(2): loading, test runs, information. */
#include "bpf.h"
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <bpf/btf.h>
#include <bpf/prog.h>
#include <fs/anon.h>
#include <fs/seq.h>
#include <lib/format.h>
#include <linux/fcntl.h>


#define MAX_INSNS		1000000u
#define MAX_INSNS_UNPRIVILEGED	4096u
#define MAX_LOG			(4 * MIB - 64)	/* what is kept of a log; more is only counted */

static bool prog_get(void *p) { return ref_get_unless_zero(&((struct bpf_prog *)p)->ref); }
struct bpf_ids bpf_prog_ids = BPF_IDS_INIT(prog_get);

static void pin_get(void *p) { bpf_prog_get(p); }
static void pin_put(void *p) { bpf_prog_put(p); }
const struct bpffs_kind bpf_prog_kind_ops = { pin_get, pin_put };

/* --- files ------------------------------------------------------------------------------------ */

static void prog_release(struct file *f) { bpf_prog_put(f->private); }

static void prog_fdinfo(struct file *f, struct seq *s)
{
	const struct bpf_prog *p = f->private;

	seq_printf(s, "prog_type:\t%u\nprog_jited:\t1\nprog_tag:\t", p->type);
	for (u32 i = 0; i < BPF_TAG_SIZE; i++)
		seq_printf(s, "%02x", p->tag[i]);
	seq_printf(s,
		   "\nmemlock:\t%lu\nprog_id:\t%u\nrun_time_ns:\t%lu\nrun_cnt:\t%lu\n"
		   "recursion_misses:\t0\nverified_insns:\t%u\n",
		   bpf_prog_bytes(p) + p->image.room, p->id, READ_ONCE(p->run_ns),
		   READ_ONCE(p->run_cnt), p->verified_insns);
}

const struct file_ops bpf_prog_fops = { .release = prog_release, .fdinfo = prog_fdinfo };

int bpf_prog_fd_of(void *prog)
{
	struct file *f = anon_file("anon_inode:bpf-prog", &bpf_prog_fops, prog, O_RDWR);

	if (!IS_ERR(f))
		return fd_publish(f, O_CLOEXEC);
	bpf_prog_put(prog);
	return (int)PTR_ERR(f);
}

int bpf_prog_fd_by_id(u32 id)
{
	struct bpf_prog *p = bpf_id_get(&bpf_prog_ids, id);

	return p ? bpf_prog_fd_of(p) : -ENOENT;
}

struct bpf_prog *bpf_prog_from_fd(u32 fd, u32 type)
{
	struct file *f = bpf_file(fd, &bpf_prog_fops);
	struct bpf_prog *p;

	if (IS_ERR(f))
		return (struct bpf_prog *)f;
	p = f->private;
	if (type && p->type != type)
		p = ERR_PTR(-EINVAL);
	else
		bpf_prog_get(p);
	fd_put(f);
	return p;
}

/* --- what maps of programs and of maps hold --------------------------------------------------- */

/*
 * A tail call hands over the context: programs that use an array of programs and those in it are of
 * one type, which the first of them decides. Contexts of syscall programs have no size of their
 * own, so these are in no array.
 */
static bool same_type(struct bpf_map *progs, u32 type)
{
	const void *owner = (void *)((u64)type + 1);
	bool same;

	mutex_lock(&progs->control);
	if (!progs->owner)
		progs->owner = owner;
	same = progs->owner == owner;
	mutex_unlock(&progs->control);
	return same;
}

static void *slot_prog(struct bpf_map *outer, u32 fd)
{
	struct bpf_prog *p = bpf_prog_from_fd(fd, 0);

	if (IS_ERR(p) || (p->type != BPF_PROG_TYPE_SYSCALL && same_type(outer, p->type)))
		return p;
	bpf_prog_put(p);
	return ERR_PTR(-EINVAL);
}
static u32 slot_prog_id(void *p) { return ((struct bpf_prog *)p)->id; }
static u64 slot_prog_code(void *p) { return ((struct bpf_prog *)p)->entry; }
static const struct bpf_map_refs prog_refs = { slot_prog, pin_put, slot_prog_id, slot_prog_code };

static void *slot_map(struct bpf_map *outer, u32 fd)
{
	struct bpf_map *m = bpf_map_from_fd(fd);

	if (IS_ERR(m) || bpf_map_fits(outer->desc.inner, m))
		return m;
	bpf_map_put(m);
	return ERR_PTR(-EINVAL);
}
static void slot_map_put(void *m) { bpf_map_put(m); }
static u32 slot_map_id(void *m) { return ((struct bpf_map *)m)->id; }
static const struct bpf_map_refs map_refs = { slot_map, slot_map_put, slot_map_id, NULL };

/* --- loading ---------------------------------------------------------------------------------- */

struct load {
	const union bpf_args *x;
	struct bpf_prog_request r;
	struct bpf_log log;
	struct btf *btf;
	struct bpf_insn *insns;
	struct bpf_func_info *func_info;
	struct bpf_line_info *line_info;
	u32 n_func_info, n_line_info;
	struct bpf_func_desc *funcs;
	bool judged;		/* the log is of interest */
};

static struct bpf_map *take_map(void *ctx, bool by_index, u32 fd)
{
	const struct load *l = ctx;
	u64 at = l->x->a.fd_array + (u64)fd * sizeof(u32);

	if (by_index && (!l->x->a.fd_array || bpf_take(l->x, &fd, at, sizeof(fd))))
		return ERR_PTR(-EFAULT);
	return bpf_map_from_fd(fd);
}

/* CAP_SYS_ADMIN stands for what was taken out of it. */
static bool may(int cap) { return capable(cap) || capable(CAP_SYS_ADMIN); }

static int check_load(const union bpf_args *x)
{
	const union bpf_attr *a = &x->a;
	const u32 flags = BPF_F_STRICT_ALIGNMENT | BPF_F_ANY_ALIGNMENT | BPF_F_SLEEPABLE |
			  BPF_F_TEST_STATE_FREQ | BPF_F_TEST_RND_HI32 | BPF_F_XDP_HAS_FRAGS |
			  1u << 7 /* BPF_F_TEST_REG_INVARIANTS */;

	if (!bpf_args_end(x, offsetof(union bpf_args, load.log_true_size) + 4) ||
	    (a->prog_flags & ~flags))
		return -EINVAL;
	if (bpf_check_name(a->prog_name))
		return -EINVAL;
	if (!bpf_capable()) {
		if (bpf_unprivileged_disabled)
			return -EPERM;
		if (a->prog_type != BPF_PROG_TYPE_SOCKET_FILTER || (a->prog_flags & flags))
			return -EPERM;
	}
	if (!a->insn_cnt || a->insn_cnt > (bpf_capable() ? MAX_INSNS : MAX_INSNS_UNPRIVILEGED))
		return -E2BIG;
	if (a->prog_type == BPF_PROG_TYPE_XDP && !may(CAP_NET_ADMIN))
		return -EPERM;
	if ((a->prog_type == BPF_PROG_TYPE_SYSCALL) != !!(a->prog_flags & BPF_F_SLEEPABLE))
		return -EINVAL;
	if (a->prog_ifindex || a->attach_btf_id || a->attach_prog_fd || a->core_relo_cnt)
		return -EINVAL;
	return 0;
}

/* Up to n bytes; without a NUL if there is none in them. */
static int take_text(const union bpf_args *x, char *to, u64 from, size_t n)
{
	ssize_t len;

	if (!x->from.kernel) {
		len = strncpy_from_user(to, (void __user *)from, n);
		return len < 0 && len != -ENAMETOOLONG ? -EFAULT : 0;
	}
	for (size_t i = 0; i < n && (!i || to[i - 1]); i++)
		if (bpf_take(x, &to[i], from + i, 1))
			return -EFAULT;
	return 0;
}

static int take_license(struct load *l)
{
	static const char *const open[] = { "GPL", "GPL v2", "GPL and additional rights",
					    "Dual BSD/GPL", "Dual MIT/GPL", "Dual MPL/GPL" };
	char text[128];

	if (take_text(l->x, text, l->x->a.license, sizeof(text)))
		return -EFAULT;
	text[sizeof(text) - 1] = 0;
	for (u32 i = 0; i < ARRAY_SIZE(open); i++)
		if (!strcmp(text, open[i]))
			l->r.in.gpl = true;
	return 0;
}

static int start_log(struct load *l)
{
	const union bpf_attr *a = &l->x->a;

	l->log = (struct bpf_log){ .level = a->log_level,
				   .size = min(a->log_size, (u32)MAX_LOG) };
	if ((a->log_buf && !a->log_size) || (!a->log_buf && a->log_size) ||
	    (a->log_buf && !a->log_level) || (a->log_level & ~BPF_LOG_MASK) ||
	    a->log_size > ~0u >> 2)
		return -EINVAL;
	if (!a->log_buf)
		return 0;
	l->log.buf = kmalloc(l->log.size);
	return l->log.buf ? 0 : -ENOMEM;
}

static int end_log(struct load *l, u64 user_attr, size_t size, int err)
{
	const size_t at = offsetof(union bpf_args, load.log_true_size);
	u32 true_size = 0;
	int full = bpf_log_end(&l->log, &true_size);

	if (l->log.buf && bpf_copy_out(l->x->a.log_buf, l->log.buf, strlen(l->log.buf) + 1))
		full = -EFAULT;
	if (size >= at + 4 && bpf_copy_out(user_attr + at, &true_size, 4))
		full = -EFAULT;
	return full ?: err;
}

static bool zeros(const u8 *p, u32 n)
{
	while (n && !*p)
		p++, n--;
	return !n;
}

/*
 * n records of func_info or line_info, which in user space are rec_size bytes, of which `known` are
 * known here; the rest must be zeros. They are put close together.
 */
static void *take_records(const union bpf_args *x, u64 from, u32 n, u32 rec_size, u32 known)
{
	char *all, *rec;

	if (!n)
		return NULL;
	if (n > 1u << 20 || rec_size < known || rec_size > 252 || rec_size % 4)
		return ERR_PTR(-EINVAL);
	all = bpf_take_copy(x, from, (size_t)n * rec_size);
	if (IS_ERR(all))
		return all;
	rec = all;
	for (u32 i = 0; i < n; i++, rec += known) {
		const char *given = all + (size_t)i * rec_size;

		if (!zeros((const u8 *)given + known, rec_size - known)) {
			kfree(all);
			return ERR_PTR(-E2BIG);
		}
		memmove(rec, given, known);
	}
	return all;
}

/* Lines ascend, are of first halves of instructions and have their names in the BTF; each of the
 * functions, whose number is n, begins with one. */
static int check_lines(const struct load *l, const u32 *starts, u32 n)
{
	const struct btf_types *t = btf_object_types(l->btf);
	const struct bpf_line_info *line = l->line_info;
	u32 f = 0;

	for (u32 i = 0; i < l->n_line_info; i++, line++) {
		if ((i && line->insn_off <= line[-1].insn_off) ||
		    line->insn_off >= l->x->a.insn_cnt || !l->insns[line->insn_off].code ||
		    !btf_name_at(t, line->line_off) || !btf_name_at(t, line->file_name_off))
			return -EINVAL;
		if (f < n && starts[f] < line->insn_off)
			return -EINVAL;
		f += f < n && starts[f] == line->insn_off;
	}
	return f < n ? -EINVAL : 0;
}

/* Functions and lines are those of the program. One with too many functions is left to the
 * verifier. */
static int check_layout(const struct load *l)
{
	const u32 room = BPF_VERIFY_FUNCS + 1;
	u32 *starts = kmalloc(room * sizeof(*starts));
	u32 n = starts ? bpf_find_funcs(l->insns, l->x->a.insn_cnt, starts, room) : 0;
	int err = starts ? 0 : -ENOMEM;

	if (starts && n < room) {
		if (l->n_func_info && l->n_func_info != n)
			err = -EINVAL;
		for (u32 k = 0; k < l->n_func_info && !err; k++)
			if (l->func_info[k].insn_off != starts[k])
				err = -EINVAL;
		if (!err && l->n_line_info)
			err = check_lines(l, starts, n);
	}
	kfree(starts);
	return err;
}

/* The first function is called by the kernel, with what the program's type says: how it is declared
 * does not matter (`void *` is usual for the context of syscall programs). */
static int describe_main(const struct btf_type *func, struct bpf_func_desc *d)
{
	if (btf_kind(func) != BTF_KIND_FUNC)
		return -EINVAL;
	d->global = btf_vlen(func) == BTF_FUNC_GLOBAL;
	return 0;
}

static int take_funcs(struct load *l)
{
	const union bpf_attr *a = &l->x->a;
	const struct btf_types *types = btf_object_types(l->btf);
	const struct bpf_func_info *f = l->func_info;
	u32 n = a->func_info_cnt;
	int err;

	if (n > BPF_VERIFY_FUNCS)
		return -EINVAL;
	l->funcs = kcalloc(n, sizeof(*l->funcs));
	if (!l->funcs)
		return -ENOMEM;
	for (u32 i = 0; i < n; i++) {
		l->funcs[i].insn = f[i].insn_off;
		if ((i && f[i].insn_off <= f[i - 1].insn_off) || (!i && f[i].insn_off) ||
		    f[i].insn_off >= a->insn_cnt)
			return -EINVAL;
		err = i ? btf_describe_func(types, f[i].type_id, a->prog_type, &l->funcs[i], &l->log)
			: describe_main(btf_type(types, f[i].type_id), &l->funcs[i]);
		if (err)
			return err;
	}
	l->r.in.funcs = l->funcs;
	l->r.in.n_funcs = n;
	return 0;
}

static int take_types(struct load *l)
{
	const union bpf_attr *a = &l->x->a;

	if (!a->func_info_cnt && !a->line_info_cnt && !a->prog_btf_fd)
		return 0;
	l->btf = bpf_btf_from_fd(a->prog_btf_fd);
	if (IS_ERR(l->btf))
		return (int)PTR_ERR(l->btf);
	l->func_info = take_records(l->x, a->func_info, a->func_info_cnt, a->func_info_rec_size,
				    sizeof(struct bpf_func_info));
	if (IS_ERR(l->func_info))
		return (int)PTR_ERR(l->func_info);
	l->line_info = take_records(l->x, a->line_info, a->line_info_cnt, a->line_info_rec_size,
				    sizeof(struct bpf_line_info));
	if (IS_ERR(l->line_info))
		return (int)PTR_ERR(l->line_info);
	l->n_func_info = a->func_info_cnt;
	l->n_line_info = a->line_info_cnt;
	return (a->func_info_cnt ? take_funcs(l) : 0) ?: check_layout(l);
}

/* The last line at or before the instruction. */
static bool find_source(void *ctx, u32 insn, struct bpf_source *s)
{
	const struct load *l = ctx;
	const struct btf_types *t = l->n_line_info ? btf_object_types(l->btf) : NULL;
	u32 lo = 0, hi = l->n_line_info;

	while (lo < hi) {
		u32 mid = (lo + hi) / 2;

		if (l->line_info[mid].insn_off <= insn)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (!lo)
		return false;
	s->text = btf_name_at(t, l->line_info[lo - 1].line_off);
	s->file = btf_name_at(t, l->line_info[lo - 1].file_name_off);
	s->line = l->line_info[lo - 1].line_col >> 10;
	return true;
}

/* Functions and lines are of the program that will be shown. */
static void move_records(void *ctx, const struct bpf_verified *v)
{
	struct load *l = ctx;

	l->n_func_info = bpf_move_records(l->func_info, l->n_func_info,
					  sizeof(struct bpf_func_info), v);
	l->n_line_info = bpf_move_records(l->line_info, l->n_line_info,
					  sizeof(struct bpf_line_info), v);
}

static void drop(void *p)
{
	if (!IS_ERR(p))
		kfree(p);
}

static void end_load(struct load *l)
{
	if (!IS_ERR(l->btf))
		btf_put(l->btf);
	drop(l->func_info);
	drop(l->line_info);
	drop(l->funcs);
	drop(l->insns);
	kfree(l->log.buf);
}

static void prog_gone(struct bpf_prog *p)
{
	bpf_id_free(&bpf_prog_ids, p->id);
	btf_put(p->btf);
}

static int take_all(struct load *l)
{
	const union bpf_attr *a = &l->x->a;
	int err = take_license(l) ?: start_log(l);

	if (err)
		return err;
	l->insns = bpf_take_copy(l->x, a->insns, (size_t)a->insn_cnt * sizeof(struct bpf_insn));
	if (IS_ERR(l->insns))
		return (int)PTR_ERR(l->insns);
	l->r.in.prog_type = a->prog_type;
	l->r.in.prog_flags = a->prog_flags;
	l->r.in.unprivileged = !bpf_capable();
	l->r.in.hides = !may(CAP_PERFMON);
	l->r.in.insns = l->insns;
	l->r.in.n = a->insn_cnt;
	l->r.in.log = &l->log;
	l->r.map = take_map;
	l->r.verified = move_records;
	l->r.source = find_source;
	l->r.types = bpf_kernel_types;
	l->r.ctx = l;
	l->r.unlimited = bpf_capable();
	l->r.name = a->prog_name;
	l->judged = true;
	return take_types(l);
}

/* Nobody has the program yet. */
static int join_arrays(const struct bpf_prog *p)
{
	for (u32 k = 0; k < p->n_maps; k++)
		if (p->maps[k]->desc.type == BPF_MAP_TYPE_PROG_ARRAY &&
		    !same_type(p->maps[k], p->type))
			return -EINVAL;
	return 0;
}

static int finish(struct load *l, struct bpf_prog *p)
{
	const union bpf_attr *a = &l->x->a;

	if (join_arrays(p))
		return -EINVAL;
	p->attach_type = a->expected_attach_type;
	p->uid = current_cred()->uid;
	p->btf = l->btf;
	p->func_info = l->func_info;
	p->n_func_info = l->n_func_info;
	p->line_info = l->line_info;
	p->n_line_info = l->n_line_info;
	l->btf = NULL;
	l->func_info = NULL;
	l->line_info = NULL;
	p->gone = prog_gone;
	return bpf_id_new(&bpf_prog_ids, p, &p->id);
}

static i64 load(const union bpf_args *x, u64 user_attr, size_t size)
{
	struct load *l;
	struct bpf_prog *p = NULL;
	int err = check_load(x);

	if (err)
		return err;
	l = kzalloc(sizeof(*l));
	if (!l)
		return -ENOMEM;
	l->x = x;
	err = take_all(l);
	if (!err) {
		p = bpf_prog_new(&l->r);
		err = IS_ERR(p) ? (int)PTR_ERR(p) : finish(l, p);
	}
	if (l->judged)
		err = end_log(l, user_attr, size, err);
	end_load(l);
	kfree(l);
	if (!err)
		return bpf_prog_fd_of(p);
	if (p && !IS_ERR(p))
		bpf_prog_put(p);
	return err;
}

/* --- test runs -------------------------------------------------------------------------------- */

#define ETH_HEADER	14u
#define HEADROOM	256u		/* before an XDP packet */
#define FRAME		40u		/* of that the first is not the program's: Linux keeps its frame there */
#define MAX_META	(HEADROOM - FRAME)
#define TAILROOM	320u		/* Linux keeps its packet's description behind it */
#define MAX_CTX		0xffffu

/* data_out, the lengths, retval and duration. */
static i64 give_result(const union bpf_args *x, u64 user_attr, const void *data, u32 n, u32 r0,
		       u32 ns)
{
	u32 room = x->a.test.data_size_out, part = room ? min(room, n) : n;
	i64 err = room && room < n ? -ENOSPC : 0;

#define GIVE(field, v) bpf_copy_out(user_attr + offsetof(union bpf_attr, test.field), &(v), 4)
	if ((x->a.test.data_out && bpf_copy_out(x->a.test.data_out, data, part)) ||
	    GIVE(data_size_out, n) || GIVE(retval, r0) || GIVE(duration, ns))
		return -EFAULT;
	return err;
}

static i64 give_ctx(const union bpf_args *x, u64 user_attr, const void *ctx, u32 n)
{
	u32 room = x->a.test.ctx_size_out, part = min(room, n);

	if (!x->a.test.ctx_out)
		return 0;
	if (bpf_copy_out(x->a.test.ctx_out, ctx, part) || GIVE(ctx_size_out, n))
		return -EFAULT;
	return room < n ? -ENOSPC : 0;
}

/* The context that user space gives, size bytes of it known; NULL: none. */
static void *take_ctx(const union bpf_args *x, u32 size)
{
	u32 n = x->a.test.ctx_size_in;
	u8 *ctx;

	if (!x->a.test.ctx_in)
		return n || x->a.test.ctx_size_in ? ERR_PTR(-EINVAL) : NULL;
	if (n > PAGE_SIZE)
		return ERR_PTR(-E2BIG);
	ctx = kzalloc(max(n, size));
	if (!ctx)
		return ERR_PTR(-ENOMEM);
	if (copy_from_user(ctx, (void __user *)x->a.test.ctx_in, n)) {
		kfree(ctx);
		return ERR_PTR(-EFAULT);
	}
	for (u32 i = size; i < n; i++)
		if (ctx[i]) {
			kfree(ctx);
			return ERR_PTR(-E2BIG);
		}
	return ctx;
}

static u32 packet_type(const u8 *mac)
{
	u32 all = 0xff;

	for (u32 i = 0; i < 6; i++)
		all &= mac[i];
	if (mac[0] & 1)
		return all == 0xff ? 1 /* PACKET_BROADCAST */ : 2 /* PACKET_MULTICAST */;
	for (u32 i = 0; i < 6; i++)
		all |= mac[i];
	/* the loopback device has address 0 */
	return all ? 3 /* PACKET_OTHERHOST */ : 0 /* PACKET_HOST */;
}

/* What of a __sk_buff may be given: the rest must be 0. */
static int fill_skb(struct bpf_skb *skb, const struct __sk_buff *given)
{
	struct __sk_buff rest;

	if (!given)
		return 0;
	rest = *given;
	rest.mark = rest.priority = rest.ingress_ifindex = rest.ifindex = 0;
	memset(rest.cb, 0, sizeof(rest.cb));
	rest.tstamp = 0;
	rest.wire_len = rest.gso_segs = rest.gso_size = 0;
	for (u32 i = 0; i < sizeof(rest); i++)
		if (((const u8 *)&rest)[i])
			return -EINVAL;
	skb->mark = given->mark;
	skb->priority = given->priority;
	memcpy(skb->cb, given->cb, sizeof(skb->cb));
	return 0;
}

/* As a packet of Ethernet that a socket gets: the program does not see its header, which is zeros
 * in what it leaves. */
static i64 test_filter(struct bpf_prog *p, const union bpf_args *x, u64 user_attr)
{
	u32 n = x->a.test.data_size_in, r0, ns;
	struct bpf_skb skb = { .ifindex = 1 };
	struct __sk_buff *given, out = { 0 };
	u8 *data;
	i64 err;

	if (n < ETH_HEADER || n > PAGE_SIZE - HEADROOM - TAILROOM)
		return -EINVAL;
	data = bpf_copy_in(x->a.test.data_in, n);
	if (IS_ERR(data))
		return PTR_ERR(data);
	given = take_ctx(x, sizeof(*given));
	err = IS_ERR(given) ? PTR_ERR(given) : fill_skb(&skb, given);
	if (!err) {
		memcpy(&skb.protocol, data + 12, 2);
		skb.pkt_type = packet_type(data);
		skb.data = (u64)data + ETH_HEADER;
		skb.data_end = (u64)data + n;
		skb.len = n - ETH_HEADER;
		err = bpf_prog_repeat(p, &skb, x->a.test.repeat, &r0, &ns);
	}
	if (!err) {
		memset(data, 0, ETH_HEADER);
		err = give_result(x, user_attr, data, ETH_HEADER + skb.len, r0, ns);
	}
	if (!err && given) {
		out = *given;
		memcpy(out.cb, skb.cb, sizeof(out.cb));
		out.mark = skb.mark;
		out.priority = skb.priority;
		out.ifindex = skb.ifindex;
		err = give_ctx(x, user_attr, &out, sizeof(out));
	}
	drop(given);
	kfree(data);
	return err;
}

static i64 run_xdp(struct bpf_prog *p, const union bpf_args *x, u64 user_attr, u8 *page,
		   struct xdp_md *md)
{
	u32 n = x->a.test.data_size_in, r0, ns, meta = md ? md->data : 0;
	struct bpf_xdp xdp = {
		.hard_start = (u64)page + FRAME,
		.hard_end = (u64)page + PAGE_SIZE - TAILROOM,
		.data_meta = (u64)page + HEADROOM - meta,
		.data = (u64)page + HEADROOM,
		.data_end = (u64)page + HEADROOM + n - meta,
		.ingress_ifindex = 1,
	};
	i64 err;

	if (copy_from_user((void *)xdp.data_meta, (void __user *)x->a.test.data_in, n))
		return -EFAULT;
	err = bpf_prog_repeat(p, &xdp, x->a.test.repeat, &r0, &ns);
	if (!err)
		err = give_result(x, user_attr, (void *)xdp.data_meta,
				  (u32)(xdp.data_end - xdp.data_meta), r0, ns);
	if (!err && md) {
		md->data = (u32)(xdp.data - xdp.data_meta);
		md->data_end = (u32)(xdp.data_end - xdp.data_meta);
		err = give_ctx(x, user_attr, md, sizeof(*md));
	}
	return err;
}

static i64 test_xdp(struct bpf_prog *p, const union bpf_args *x, u64 user_attr)
{
	u32 n = x->a.test.data_size_in;
	struct xdp_md *md = take_ctx(x, sizeof(*md));
	u8 *page = kzalloc(PAGE_SIZE);
	i64 err = page ? 0 : -ENOMEM;

	if (IS_ERR(md))
		err = PTR_ERR(md);
	/* data may begin behind metadata; nothing else of it can be chosen here */
	else if (md && (md->data_meta || md->data > MAX_META || md->data % 4 || md->data > n ||
			md->data_end != n || md->ingress_ifindex || md->rx_queue_index ||
			md->egress_ifindex))
		err = -EINVAL;
	else if (n < ETH_HEADER || n > PAGE_SIZE - HEADROOM - TAILROOM)
		err = -EINVAL;
	if (!err)
		err = run_xdp(p, x, user_attr, page, md);
	kfree(page);
	drop(md);
	return err;
}

static i64 test_syscall(struct bpf_prog *p, const union bpf_args *x, u64 user_attr)
{
	u32 n = x->a.test.ctx_size_in, r0, ns;
	void *ctx = NULL;
	i64 err;

	if (x->a.test.data_in || x->a.test.data_out || x->a.test.ctx_out || x->a.test.duration ||
	    x->a.test.repeat || x->a.test.flags)
		return -EINVAL;
	if (n < p->max_ctx_offset || n > MAX_CTX)
		return -EINVAL;
	if (n)
		ctx = bpf_copy_in(x->a.test.ctx_in, n);
	if (IS_ERR(ctx))
		return PTR_ERR(ctx);
	err = bpf_prog_repeat(p, ctx, 1, &r0, &ns);
	if (!err && (GIVE(retval, r0) || (n && bpf_copy_out(x->a.test.ctx_in, ctx, n))))
		err = -EFAULT;
	kfree(ctx);
	return err;
}

static i64 test_run(const union bpf_args *x, u64 user_attr)
{
	const union bpf_attr *a = &x->a;
	struct bpf_prog *p;
	i64 err;

	if (!bpf_args_end(x, CMD_LAST(test.batch_size)))
		return -EINVAL;
	if ((a->test.ctx_size_in && !a->test.ctx_in) || (a->test.ctx_size_out && !a->test.ctx_out))
		return -EINVAL;
	p = bpf_prog_from_fd(a->test.prog_fd, 0);
	if (IS_ERR(p))
		return PTR_ERR(p);
	if (p->type != BPF_PROG_TYPE_SYSCALL &&
	    (a->test.flags || a->test.cpu || a->test.batch_size))
		err = -EINVAL;
	else if (p->type == BPF_PROG_TYPE_SYSCALL)
		err = test_syscall(p, x, user_attr);
	else if (p->type == BPF_PROG_TYPE_XDP)
		err = test_xdp(p, x, user_attr);
	else
		err = test_filter(p, x, user_attr);
	bpf_prog_put(p);
	return err;
}

/* --- commands ---------------------------------------------------------------------------------- */

static i64 bind_map(const union bpf_args *x)
{
	struct bpf_prog *p;
	struct bpf_map *m;
	i64 err;

	if (!bpf_args_end(x, CMD_LAST(prog_bind_map.flags)) || x->a.prog_bind_map.flags)
		return -EINVAL;
	p = bpf_prog_from_fd(x->a.prog_bind_map.prog_fd, 0);
	if (IS_ERR(p))
		return PTR_ERR(p);
	m = bpf_map_from_fd(x->a.prog_bind_map.map_fd);
	err = IS_ERR(m) ? PTR_ERR(m) : bpf_prog_bind(p, m);
	bpf_prog_put(p);
	return err;
}

i64 bpf_prog_command(u32 cmd, union bpf_args *x, u64 user_attr, size_t size)
{
	switch (cmd) {
	case BPF_PROG_LOAD:
		return load(x, user_attr, size);
	case BPF_PROG_BIND_MAP:
		return bind_map(x);
	default:
		return test_run(x, user_attr);
	}
}

/* --- start ------------------------------------------------------------------------------------ */

static int bpf_start(void)
{
	bpf_map_prog_refs = &prog_refs;
	bpf_map_map_refs = &map_refs;
	return 0;
}
INITCALL(subsys, bpf_start);
