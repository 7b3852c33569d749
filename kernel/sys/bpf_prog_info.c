/* SPDX-License-Identifier: BSD-2-Clause */
/* What BPF_OBJ_GET_INFO_BY_FD says of a program. Arrays: as many as user space has room for; the
 * counts are how many there are. */
#include "bpf.h"
#include <base/alloc.h>
#include <base/string.h>
#include <bpf/prog.h>

/* Bytes that mean something: less than the structure's, as it ends with padding. */
#define PROG_INFO_KNOWN	(offsetof(struct bpf_prog_info, attach_btf_id) + sizeof(u32))

static int give_maps(struct bpf_prog *p, struct bpf_prog_info *i)
{
	u32 n, *ids;
	int err;

	mutex_lock(&p->control);
	n = min(i->nr_map_ids, p->n_maps);
	ids = kmalloc(max(n, 1u) * sizeof(*ids));
	for (u32 k = 0; ids && k < n; k++)
		ids[k] = p->maps[k]->id;
	i->nr_map_ids = p->n_maps;
	mutex_unlock(&p->control);
	err = !ids ? -ENOMEM : n ? bpf_copy_out(i->map_ids, ids, n * sizeof(*ids)) : 0;
	kfree(ids);
	return err;
}

/* The instructions, if user space has room for any. */
static int give_insns(struct bpf_prog *p, struct bpf_prog_info *i)
{
	u32 room = i->xlated_prog_len, size = p->n * (u32)sizeof(struct bpf_insn);
	struct bpf_insn *insns;
	int err;

	i->xlated_prog_len = size;
	if (!room || !i->xlated_prog_insns)
		return 0;
	insns = kmalloc(size);
	if (!insns)
		return -ENOMEM;
	bpf_prog_show(p, insns);
	err = bpf_copy_out(i->xlated_prog_insns, insns, min(room, size));
	kfree(insns);
	return err;
}

/* The code and where each function's is, if who opened the program may know that (as of /proc/kallsyms). */
static int give_code(const struct bpf_prog *p, struct bpf_prog_info *i, bool open)
{
	u32 room = i->jited_prog_len, size;
	u32 ksyms = i->jited_ksyms ? min(i->nr_jited_ksyms, p->n_funcs) : 0;
	u32 lens = i->jited_func_lens ? min(i->nr_jited_func_lens, p->n_funcs) : 0;
	u64 at = text_image_code(&p->image);

	if (!open)
		i->jited_prog_insns = i->jited_ksyms = i->jited_func_lens = ksyms = lens = 0;
	i->jited_prog_len = p->image.size;
	i->nr_jited_ksyms = i->nr_jited_func_lens = p->n_funcs;
	if (room && i->jited_prog_insns &&
	    bpf_copy_out(i->jited_prog_insns, (void *)at, min(room, p->image.size)))
		return -EFAULT;
	for (u32 k = 0; k < max(ksyms, lens); k++) {
		bpf_prog_func_code(p, k, &at, &size);
		if ((k < ksyms && bpf_copy_out(i->jited_ksyms + k * 8ul, &at, 8)) ||
		    (k < lens && bpf_copy_out(i->jited_func_lens + k * 4ul, &size, 4)))
			return -EFAULT;
	}
	return 0;
}

/* Each function's: the program's own for all of them, of which it is one image. */
static int give_tags(const struct bpf_prog *p, struct bpf_prog_info *i)
{
	u32 room = i->prog_tags ? min(i->nr_prog_tags, p->n_funcs) : 0;

	i->nr_prog_tags = p->n_funcs;
	for (u32 k = 0; k < room; k++)
		if (bpf_copy_out(i->prog_tags + (u64)k * BPF_TAG_SIZE, p->tag, BPF_TAG_SIZE))
			return -EFAULT;
	return 0;
}

static int give_debug(const struct bpf_prog *p, struct bpf_prog_info *i)
{
	u32 funcs = min(i->nr_func_info, p->n_func_info);
	u32 lines = min(i->nr_line_info, p->n_line_info);

	i->nr_func_info = p->n_func_info;
	i->nr_line_info = p->n_line_info;
	i->func_info_rec_size = sizeof(struct bpf_func_info);
	i->line_info_rec_size = sizeof(struct bpf_line_info);
	i->nr_jited_line_info = 0;
	i->jited_line_info_rec_size = 8;
	if (bpf_copy_out(i->func_info, p->func_info, funcs * sizeof(struct bpf_func_info)) ||
	    bpf_copy_out(i->line_info, p->line_info, lines * sizeof(struct bpf_line_info)))
		return -EFAULT;
	return 0;
}

int bpf_prog_info(struct file *f, const union bpf_args *x, u64 user_attr)
{
	struct bpf_prog *p = f->private;
	bool open = f->cred && f->cred->cap_effective & BIT(CAP_SYSLOG);
	struct bpf_prog_info i;
	int err = bpf_take_info(x, &i, sizeof(i), PROG_INFO_KNOWN);

	if (err)
		return err;
	i.type = p->type;
	i.id = p->id;
	memcpy(i.tag, p->tag, sizeof(i.tag));
	memcpy(i.name, p->name, sizeof(i.name));
	i.load_time = p->loaded_at;
	i.created_by_uid = p->uid;
	i.gpl_compatible = p->gpl;
	i.ifindex = 0;
	i.netns_dev = i.netns_ino = 0;
	i.btf_id = p->btf ? btf_object_id(p->btf) : 0;
	i.run_time_ns = READ_ONCE(p->run_ns);
	i.run_cnt = READ_ONCE(p->run_cnt);
	i.recursion_misses = 0;
	i.verified_insns = p->verified_insns;
	i.attach_btf_obj_id = i.attach_btf_id = 0;
	err = give_maps(p, &i);
	if (!err && !bpf_capable()) {	/* addresses are not for everybody */
		i.jited_prog_len = i.xlated_prog_len = i.nr_jited_ksyms = 0;
		i.nr_jited_func_lens = i.nr_func_info = i.nr_line_info = i.nr_prog_tags = 0;
		return bpf_give_info(x, user_attr, &i, sizeof(i));
	}
	err = err ?: give_insns(p, &i) ?: give_code(p, &i, open) ?: give_tags(p, &i) ?:
	      give_debug(p, &i);
	return err ?: bpf_give_info(x, user_attr, &i, sizeof(i));
}
