/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF, the types of a program, its maps or the kernel (<linux/btf.h>, Documentation/bpf/btf.rst):
 * a blob that user space brings is checked once, then asked. Pure: memory is the caller's.
 *
 *	n = btf_count(data, size, log);			header; how many types
 *	index = allocate(btf_index_size(n));
 *	err = btf_check(&types, data, size, index, log);	everything else
 *
 * What btf_check let pass is safe to be asked by the functions below: every name, every type id is
 * in bounds, no type contains itself but through a pointer, no chain is longer than
 * BTF_MAX_DEPTH. None of them allocates, sleeps or takes a lock; struct btf_types is constant.
 */
#ifndef BPF_BTF_H
#define BPF_BTF_H
#include <bpf/log.h>
#include <bpf/verify.h>
#include <linux/btf.h>

#define BTF_MAX_SIZE	(16u << 20)	/* of a blob, bytes */
#define BTF_MAX_DEPTH	32u		/* types within or behind one another */

struct btf_types {
	const u8 *types;
	const char *strings;
	u32 types_len, strings_len;
	u32 n;			/* ids are 1..n-1; 0 is void */
	u32 *at;		/* n: where each type begins, from `types` */
};

/*
 * Checks header, sections and the length of each type's record in the `size` bytes at data, 4-byte
 * aligned. The number of type ids, void included (at least 2), or -EINVAL, -E2BIG (longer than
 * BTF_MAX_SIZE, more than BTF_MAX_TYPE types, a longer header than is known), -524 (Linux's
 * ENOTSUPP: another version), the reason in the log (which may be NULL).
 */
int btf_count(const void *data, u32 size, struct bpf_log *log);
/* Bytes of memory, 4-byte aligned, that btf_check wants for so many types. */
size_t btf_index_size(u32 n);
/*
 * Checks all of a blob for which btf_count answered well. data and index stay the caller's, must
 * outlive *b and not change. 0 and *b; -EINVAL, -EEXIST (a circle), -E2BIG (too deep), -524 (an
 * encoding), the reason in the log.
 */
int btf_check(struct btf_types *b, const void *data, u32 size, void *index, struct bpf_log *log);

/* Type `id`, NULL for void and for ids that do not exist. What follows it (members, parameters,
 * ...: btf_vlen of them) is behind it. */
const struct btf_type *btf_type(const struct btf_types *b, u32 id);
/* Both fields are wider than the installed header says: Linux 7.2's include/uapi/linux/btf.h. */
static inline u32 btf_kind(const struct btf_type *t) { return t ? t->info >> 24 & 0x7f : 0; }
static inline u32 btf_vlen(const struct btf_type *t) { return t->info & 0xffffff; }
/* The name at this offset (0: "", no name), NULL if it is beyond the strings. */
const char *btf_name_at(const struct btf_types *b, u32 name_off);
/* The name of type id; "" if it has none, also for void. */
const char *btf_type_name(const struct btf_types *b, u32 id);
/* The type behind typedefs, const, volatile, restrict and type tags; 0: void. */
u32 btf_skip_modifiers(const struct btf_types *b, u32 id);
/* The first type of this kind and name; 0: none. Looks at all of them. */
u32 btf_find(const struct btf_types *b, u32 kind, const char *name);
/* Bytes of a type (variables: of what they hold), modifiers skipped. -EINVAL: it has no size (void,
 * functions, forward declarations), or does not exist. Up to 4 GiB - 1. */
i64 btf_type_size(const struct btf_types *b, u32 id);
/* Is it an integer of 4 bytes, all bits of them: what keys of arrays have to be? */
bool btf_is_u32(const struct btf_types *b, u32 id);
/*
 * Offset in bytes of the one struct `name` of `size` bytes in value type `id`: a struct, with what
 * structs and arrays are in it (but not in another such field: bpf_spin_lock, bpf_timer), or a section
 * with its variables. -ENOENT: none; -E2BIG: several; -EINVAL: one that is not at a multiple of `align`,
 * or of another size.
 */
i64 btf_find_field(const struct btf_types *b, u32 id, const char *name, u32 size, u32 align);
/* Where values of type id have their bpf_spin_lock and their bpf_timer, in bytes; -1: they have none, or
 * several, or one that is not as it has to be. The two do not overlap. */
void btf_value_fields(const struct btf_types *b, u32 id, i32 *spin_lock, i32 *timer);
/*
 * What the verifier wants to know of function `id` (func_info's type_id) of a program of this
 * type, but for d->insn. -EINVAL, -EOPNOTSUPP: it is no function, or a global one whose arguments or value
 * are of types that cannot be checked; the reason in the log.
 */
int btf_describe_func(const struct btf_types *b, u32 id, u32 prog_type, struct bpf_func_desc *d,
		      struct bpf_log *log);
/* The struct or union that type id is a pointer to; 0: it is no such pointer. */
u32 btf_pointed_struct(const struct btf_types *b, u32 id);
/*
 * What a program reads in `size` bytes (1, 2, 4 or 8) at byte `off`, below 4 GiB, of struct or union
 * id: 0 and in *target 0, a number, or the struct or union that the pointer there points to. Behind
 * an end without a length (an array of structs) there may be any number of elements. -EACCES, -EINVAL:
 * nothing, or no whole member; the reason in the log.
 */
int btf_walk(const struct btf_types *b, u32 id, u64 off, u32 size, u32 *target, struct bpf_log *log);
/* The same of the arguments of a function of prototype `proto`, 8 bytes each, with `value` what it
 * returns behind them: what a traced function's program has as its context. */
int btf_walk_args(const struct btf_types *b, u32 proto, bool value, u64 off, u32 size, u32 *target,
		  struct bpf_log *log);
#endif
