/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF blobs. A byte steers the log; the rest is the blob. Whatever is let pass answers every
 * question for every type, without reading beyond the blob, and the same with a log as without.
 */
#include <stdlib.h>
#include <string.h>
#include <base/assert.h>
#include <base/errno.h>
#include <bpf/btf.h>

__noreturn void panic(const char *fmt, ...) { abort(); }

/* What a pointer leads to is a struct or union. */
static void walk(const struct btf_types *b, u32 id, u32 off, u32 size)
{
	u32 target;
	int err = btf_walk(b, id, off, size, &target, NULL);

	BUG_ON(err && err != -EACCES && err != -EINVAL);
	if (!err && target)
		BUG_ON(size != 8 || (btf_kind(btf_type(b, target)) != BTF_KIND_STRUCT &&
				     btf_kind(btf_type(b, target)) != BTF_KIND_UNION));
	if (btf_kind(btf_type(b, id)) == BTF_KIND_FUNC_PROTO)
		btf_walk_args(b, id, off & 1, off, size, &target, NULL);
}

static void ask(const struct btf_types *b)
{
	struct bpf_func_desc d;

	for (u32 id = 0; id < b->n + 2; id++) {
		const struct btf_type *t = btf_type(b, id);
		u32 bare = btf_skip_modifiers(b, id);
		i64 size = btf_type_size(b, id), at;
		i32 lock, timer;

		BUG_ON(!t != (!id || id >= b->n) || bare >= b->n);
		BUG_ON(size < -EINVAL || (size < 0 && size != -EINVAL) || size > ~0u);
		BUG_ON(!memchr(btf_type_name(b, id), 0, b->strings_len));
		at = btf_find_field(b, id, "bpf_spin_lock", 4, 4);
		BUG_ON(at >= 0 && (at % 4 || (size >= 0 && at + 4 > size)));
		btf_value_fields(b, id, &lock, &timer);
		BUG_ON(lock < -1 || timer < -1 || (timer >= 0 && (timer % 8 || timer + 16 > size)));
		BUG_ON(lock >= 0 && (lock != at || (timer >= 0 && lock < timer + 16 && timer < lock + 4)));
		d.insn = id;
		BUG_ON(!btf_describe_func(b, id, id % 2 ? 1 : 6, &d, NULL) &&
		       (d.insn != id || d.n_args > 5 || btf_kind(t) != BTF_KIND_FUNC));
		BUG_ON(btf_is_u32(b, id) && size != 4);
	}
	for (u32 id = 0; id < b->n; id++)
		for (u32 off = 0; off < 72; off++)
			walk(b, id, off, 1u << (off + id) % 4);
	btf_find(b, BTF_KIND_STRUCT, "no such name");
}

int LLVMFuzzerTestOneInput(const u8 *p, size_t n)
{
	static char text[600];
	struct bpf_log log = { .level = 1, .buf = text, .size = sizeof(text) };
	struct btf_types b, again;
	u32 true_size;

	if (!n)
		return 0;
	if (p[0] & 1)
		log.level |= BPF_LOG_FIXED;
	n--;
	u8 *data = malloc(n);

	memcpy(data, p + 1, n);
	int count = btf_count(data, (u32)n, p[0] & 2 ? &log : NULL);

	BUG_ON(count == 0 || count > (int)(n / sizeof(struct btf_type)) + 1);
	if (count > 0) {
		void *index = malloc(btf_index_size((u32)count)), *other = malloc(btf_index_size((u32)count));
		int err = btf_check(&b, data, (u32)n, index, &log);

		BUG_ON(err > 0 || err != btf_check(&again, data, (u32)n, other, NULL));
		BUG_ON(err && log.pos == 0);
		if (!err) {
			BUG_ON(b.n != (u32)count);
			ask(&b);
		}
		free(other);
		free(index);
	}
	bpf_log_end(&log, &true_size);
	free(data);
	return 0;
}
