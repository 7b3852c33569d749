/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * BTF blobs, and what has to be said of them: for the host test of kernel/bpf/btf, and for the
 * guest test that brings them to bpf(2), on Linux too. Names are single letters, by NAME('a').
 */
#ifndef BTF_CASES_H
#define BTF_CASES_H
#include <linux/btf.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define BTF_NAMES "\0a\0b\0c\0d\0e\0f\0g\0h\0i\0j\0k\0l\0m\0n\0o\0p\0q\0r\0s\0t\0u\0v\0w\0x\0y\0z\0" \
	"1x\0a b\0a.b\0.maps\0bpf_spin_lock\0bpf_timer\0__sk_buff\0xdp_md\0arg:ctx\0arg:nonnull\0arg:odd"
#define NAME(letter)	(1 + 2 * (unsigned)((letter) - 'a'))
enum { NAME_DIGIT = 53, NAME_BLANK = 56, NAME_DOT = 60, NAME_MAPS = 64, NAME_LOCK = 70,
       NAME_TIMER = 84, NAME_SKB = 94, NAME_XDP = 104, NAME_ARG_CTX = 111, NAME_ARG_NONNULL = 119, NAME_ARG_ODD = 131,
       NAME_BEYOND = sizeof(BTF_NAMES) };

#define INFO(kind, flag, vlen)	((uint32_t)(flag) << 31 | (uint32_t)(kind) << 24 | (vlen))
#define TYPE(name, kind, flag, vlen, size)	(name), INFO(kind, flag, vlen), (size)
#define INT_OF(name, size, data)	TYPE(name, BTF_KIND_INT, 0, 0, size), (data)
#define INT32(name)	INT_OF(name, 4, 32 | BTF_INT_SIGNED << 24)
#define PTR(to)		TYPE(0, BTF_KIND_PTR, 0, 0, to)
#define MODIFIER(kind, to)	TYPE(0, kind, 0, 0, to)
#define TYPEDEF(name, to)	TYPE(name, BTF_KIND_TYPEDEF, 0, 0, to)
#define ARRAY(of, index, n)	TYPE(0, BTF_KIND_ARRAY, 0, 0, 0), (of), (index), (n)
#define STRUCT(name, n, size)	TYPE(name, BTF_KIND_STRUCT, 0, n, size)
#define BITS(name, n, size)	TYPE(name, BTF_KIND_STRUCT, 1, n, size)
#define UNION(name, n, size)	TYPE(name, BTF_KIND_UNION, 0, n, size)
#define MEMBER(name, type, bit)	(name), (type), (bit)
#define PROTO(value, n)	TYPE(0, BTF_KIND_FUNC_PROTO, 0, n, value)
#define FUNC(name, linkage, proto)	TYPE(name, BTF_KIND_FUNC, 0, linkage, proto)
#define VAR(name, type, linkage)	TYPE(name, BTF_KIND_VAR, 0, 0, type), (linkage)
#define SECTION(name, n, size)	TYPE(name, BTF_KIND_DATASEC, 0, n, size)
#define WORDS(...)	(const uint32_t[]){ __VA_ARGS__ }, sizeof((const uint32_t[]){ __VA_ARGS__ })

struct btf_case {
	const char *name;
	const uint32_t *types;
	uint32_t types_len;
	int err;		/* errno; 0: good */
	const char *why;	/* in the log */
	/* Added to the header's fields. */
	int16_t magic, version, flags, hdr_len, type_off, type_len, str_off, str_len;
	uint32_t extra;		/* bytes of zeros behind the header ... */
	uint32_t cut;		/* ... and bytes missing from the end */
};

#define BTF_ENOTSUPP 524
#define NO_TYPES (const uint32_t[]){ 0 }, 0
#define GOOD WORDS(INT32(NAME('i')))
/* Most cases change nothing of the header. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"
static const struct btf_case btf_cases[] = {
	/* header and sections */
	{ "an int", GOOD, 0, "[1] INT i size=4 bits_offset=0 nr_bits=32 encoding=SIGNED" },
	{ "magic", GOOD, 22, "Invalid magic", .magic = 1 },
	{ "version", GOOD, BTF_ENOTSUPP, "Unsupported version", .version = 1 },
	{ "flags", GOOD, BTF_ENOTSUPP, "Unsupported flags", .flags = 1 },
	{ "header alone", GOOD, 22, "No data", .cut = 16 + sizeof(BTF_NAMES) },
	{ "header cut", GOOD, 22, "btf_header not found", .cut = 17 + sizeof(BTF_NAMES) },
	{ "header very short", GOOD, 22, "hdr_len not found", .cut = 35 + sizeof(BTF_NAMES) },
	{ "header longer, zeros", GOOD, 0, "", .hdr_len = 8, .extra = 8 },
	{ "types longer", GOOD, 22, "Section overlap found", .type_len = 4 },
	{ "types shorter", GOOD, 22, "Unsupported section found", .type_len = -4 },
	{ "strings behind all", GOOD, 22, "Invalid section offset", .str_off = 4000 },
	{ "strings longer", GOOD, 22, "Total section length too long", .str_len = 1 },
	{ "strings shorter", GOOD, 22, "Unsupported section found", .str_len = -1 },
	{ "strings do not end", GOOD, 22, "Invalid string section", .str_len = -1, .cut = 1 },
	{ "no types", NO_TYPES, 22, "No type found" },
	/* records */
	{ "half a record", WORDS(INT32(1), 0, 0), 22, "meta_left:8 meta_needed:12" },
	{ "int cut", WORDS(TYPE(1, BTF_KIND_INT, 0, 0, 4)), 22, "[1] INT a meta_left:0 meta_needed:4" },
	{ "members cut", WORDS(INT32(1), STRUCT(0, 2, 8), MEMBER(0, 1, 0)), 22, "[2] STRUCT (anon) meta_left:12 meta_needed:24" },
	{ "kind 33", WORDS(1, 1u << 29 | INFO(BTF_KIND_INT, 0, 0), 4, 32), 22, "Invalid kind:33" },
	{ "int of many", WORDS(1, 1u << 16 | INFO(BTF_KIND_INT, 0, 0), 4, 32), 22, "vlen != 0" },
	{ "struct of 65537 members", WORDS(INFO(0, 0, 0), 1u << 16 | INFO(BTF_KIND_STRUCT, 0, 1), 4), 22, "meta_left:0 meta_needed:786444" },
	{ "name and length wrong", WORDS(TYPE(NAME_BEYOND, BTF_KIND_INT, 0, 0, 4)), 22, "Invalid name_offset" },
	{ "kind 0", WORDS(1, INFO(0, 0, 0), 0), 22, "Invalid kind:0" },
	{ "kind 20", WORDS(1, INFO(20, 0, 0), 0), 22, "Invalid kind:20" },
	{ "name beyond", WORDS(INT32(NAME_BEYOND)), 22, "Invalid name_offset" },
	/* int */
	{ "int without name", WORDS(INT32(0)), 0, "" },
	{ "int vlen", WORDS(1, INFO(BTF_KIND_INT, 0, 1), 4, 32), 22, "vlen != 0" },
	{ "int flag", WORDS(1, INFO(BTF_KIND_INT, 1, 0), 4, 32), 22, "Invalid btf_info kind_flag" },
	{ "int of 129 bits", WORDS(INT_OF(1, 32, 129)), 22, "nr_bits exceeds 128" },
	{ "int of 33 bits in 4 bytes", WORDS(INT_OF(1, 4, 33)), 22, "nr_bits exceeds type_size" },
	{ "int of 30 bits at 3", WORDS(INT_OF(1, 4, 3 << 16 | 30)), 22, "nr_bits exceeds type_size" },
	{ "int encoding", WORDS(INT_OF(1, 4, 3 << 24 | 32)), BTF_ENOTSUPP, "Unsupported encoding" },
	{ "int data", WORDS(INT_OF(1, 4, 1u << 28 | 32)), 22, "Invalid int_data" },
	/* pointers and modifiers */
	{ "pointer to void", WORDS(PTR(0)), 0, "[1] PTR (anon) type_id=0" },
	{ "pointer to nothing", WORDS(PTR(2)), 22, "Invalid type_id" },
	{ "pointer with name", WORDS(TYPE(1, BTF_KIND_PTR, 0, 0, 0)), 22, "Invalid name" },
	{ "pointer to itself", WORDS(PTR(1)), 17, "Loop detected" },
	{ "const to itself", WORDS(MODIFIER(BTF_KIND_CONST, 1)), 17, "Loop detected" },
	{ "circle of three", WORDS(MODIFIER(BTF_KIND_CONST, 2), PTR(3), TYPEDEF(1, 1)), 17, "Loop detected" },
	{ "typedef", WORDS(INT32(1), TYPEDEF(3, 1)), 0, "[2] TYPEDEF b type_id=1" },
	{ "typedef without name", WORDS(INT32(1), TYPEDEF(0, 1)), 22, "Invalid name" },
	{ "typedef with a bad name", WORDS(INT32(1), TYPEDEF(NAME_BLANK, 1)), 22, "Invalid name" },
	{ "pointer to a variable", WORDS(INT32(1), VAR(3, 1, 0), PTR(2)), 22, "Invalid type_id" },
	{ "type tag", WORDS(INT32(1), TYPE(3, BTF_KIND_TYPE_TAG, 0, 0, 1), PTR(2)), 0, "" },
	{ "type tag without text", WORDS(INT32(1), TYPE(0, BTF_KIND_TYPE_TAG, 0, 0, 1)), 22, "Invalid name" },
	{ "forward", WORDS(TYPE(1, BTF_KIND_FWD, 1, 0, 0), PTR(1)), 0, "" },
	{ "forward without name", WORDS(TYPE(0, BTF_KIND_FWD, 0, 0, 0)), 22, "Invalid name" },
	{ "forward with type", WORDS(INT32(1), TYPE(3, BTF_KIND_FWD, 0, 0, 1)), 22, "type != 0" },
	/* arrays */
	{ "array", WORDS(INT32(1), ARRAY(1, 1, 5)), 0, "[2] ARRAY (anon) type_id=1 index_type_id=1 nr_elems=5" },
	{ "array of nothing", WORDS(INT32(1), ARRAY(1, 1, 0)), 0, "" },
	{ "array of void", WORDS(INT32(1), ARRAY(0, 1, 1)), 22, "Invalid elem" },
	{ "array by void", WORDS(INT32(1), ARRAY(1, 0, 1)), 22, "Invalid index" },
	{ "array of functions", WORDS(INT32(1), PROTO(0, 0), ARRAY(2, 1, 1)), 22, "Invalid elem" },
	{ "array by pointers", WORDS(INT32(1), PTR(0), ARRAY(1, 2, 1)), 22, "Invalid index" },
	{ "array of 31-bit ints", WORDS(INT32(1), INT_OF(1, 4, 31), ARRAY(2, 1, 1)), 22, "Invalid array of int" },
	{ "array too large", WORDS(INT32(1), ARRAY(1, 1, 0x40000000)), 22, "Array size overflows U32_MAX" },
	{ "array of arrays too large", WORDS(INT32(1), ARRAY(1, 1, 65536), ARRAY(2, 1, 65536)), 22, "overflows" },
	{ "array of itself", WORDS(INT32(1), ARRAY(2, 1, 1)), 17, "Loop detected" },
	{ "array size", WORDS(INT32(1), TYPE(0, BTF_KIND_ARRAY, 0, 0, 4), 1, 1, 1), 22, "size != 0" },
	/* structs */
	{ "struct", WORDS(INT32(1), STRUCT(3, 2, 8), MEMBER(5, 1, 0), MEMBER(0, 1, 32)), 0, "\tc type_id=1 bits_offset=0" },
	{ "empty struct", WORDS(STRUCT(0, 0, 0)), 0, "" },
	{ "struct, points to itself", WORDS(STRUCT(1, 1, 8), MEMBER(3, 2, 0), PTR(1)), 0, "" },
	{ "struct, contains itself", WORDS(STRUCT(1, 1, 8), MEMBER(3, 1, 0)), 17, "Loop detected" },
	{ "structs, in one another", WORDS(STRUCT(1, 1, 8), MEMBER(3, 2, 0), STRUCT(1, 1, 8), MEMBER(3, 3, 0),
		MODIFIER(BTF_KIND_CONST, 1)), 17, "Loop detected" },
	{ "struct, bad name", WORDS(STRUCT(NAME_DIGIT, 0, 0)), 22, "Invalid name" },
	{ "struct, name with a dot", WORDS(STRUCT(NAME_DOT, 0, 0)), 0, "" },
	{ "member, bad name", WORDS(INT32(1), STRUCT(3, 1, 4), MEMBER(NAME_BLANK, 1, 0)), 22, "Invalid name" },
	{ "member, void", WORDS(STRUCT(3, 1, 4), MEMBER(5, 0, 0)), 22, "Invalid type_id" },
	{ "member, void behind const", WORDS(MODIFIER(BTF_KIND_CONST, 0), STRUCT(3, 1, 4), MEMBER(5, 1, 0)), 22, "Invalid member" },
	{ "member, forward", WORDS(TYPE(1, BTF_KIND_FWD, 0, 0, 0), STRUCT(3, 1, 4), MEMBER(5, 1, 0)), 22, "Invalid member" },
	{ "members, not sorted", WORDS(INT32(1), STRUCT(3, 2, 8), MEMBER(5, 1, 32), MEMBER(7, 1, 0)), 22, "Invalid member bits_offset" },
	{ "member, beyond", WORDS(INT32(1), STRUCT(3, 1, 4), MEMBER(5, 1, 40)), 22, "Member bits_offset exceeds its struct size" },
	{ "member, ends beyond", WORDS(INT32(1), STRUCT(3, 1, 6), MEMBER(5, 1, 32)), 22, "Member exceeds struct_size" },
	{ "pointer, ends beyond", WORDS(PTR(0), STRUCT(3, 1, 12), MEMBER(5, 1, 64)), 22, "Member exceeds struct_size" },
	{ "pointer at bit 4", WORDS(PTR(0), STRUCT(3, 1, 12), MEMBER(5, 1, 4)), 22, "Member is not byte aligned" },
	{ "struct at bit 4", WORDS(STRUCT(1, 0, 0), STRUCT(3, 1, 12), MEMBER(5, 1, 4)), 22, "Member is not byte aligned" },
	{ "union", WORDS(INT32(1), UNION(3, 2, 4), MEMBER(5, 1, 0), MEMBER(7, 1, 0)), 0, "" },
	{ "union, offset", WORDS(INT32(1), UNION(3, 1, 8), MEMBER(5, 1, 32)), 22, "Invalid member bits_offset" },
	{ "bit field", WORDS(INT32(1), BITS(3, 2, 4), MEMBER(5, 1, 3 << 24), MEMBER(7, 1, 29 << 24 | 3)), 0, "" },
	{ "bit field beyond", WORDS(INT32(1), BITS(3, 2, 4), MEMBER(5, 1, 3 << 24), MEMBER(7, 1, 30 << 24 | 3)), 22, "Member exceeds struct_size" },
	{ "bit field too wide", WORDS(INT32(1), BITS(3, 1, 8), MEMBER(5, 1, 33 << 24)), 22, "Invalid member bitfield_size" },
	{ "bit field of part of an int", WORDS(INT_OF(1, 4, 20), BITS(3, 1, 4), MEMBER(5, 1, 20 << 24)), 22,
	  "Invalid member base type" },
	{ "part of an int, bit fields", WORDS(INT_OF(1, 4, 12), BITS(3, 1, 4), MEMBER(5, 1, 0)), 22,
	  "Invalid member base type" },
	{ "part of an int, no bit fields", WORDS(INT_OF(1, 4, 12), STRUCT(3, 1, 4), MEMBER(5, 1, 0)), 0, "" },
	{ "bytes of an int, bit fields", WORDS(INT_OF(1, 4, 8), BITS(3, 1, 4), MEMBER(5, 1, 0)), 0, "" },
	{ "int not at its begin, bit fields", WORDS(INT_OF(1, 4, 8 << 16 | 8), BITS(3, 1, 4), MEMBER(5, 1, 0)), 22,
	  "Invalid member base type" },
	{ "array by bytes of an int", WORDS(INT_OF(1, 4, 8), ARRAY(1, 1, 1)), 0, "" },
	{ "array by part of an int", WORDS(INT32(1), INT_OF(1, 4, 12), ARRAY(1, 2, 1)), 22, "Invalid index" },
	{ "bit field of pointers", WORDS(PTR(0), BITS(3, 1, 8), MEMBER(5, 1, 33 << 24)), 22, "Invalid member bitfield_size" },
	{ "int at bit 3, bit fields", WORDS(INT32(1), BITS(3, 1, 8), MEMBER(5, 1, 3)), 22, "Invalid member offset" },
	{ "float", WORDS(TYPE(1, BTF_KIND_FLOAT, 0, 0, 8), STRUCT(3, 1, 8), MEMBER(5, 1, 0)), 0, "" },
	{ "float of 3", WORDS(TYPE(1, BTF_KIND_FLOAT, 0, 0, 3)), 22, "Invalid type_size" },
	{ "float at 4", WORDS(TYPE(1, BTF_KIND_FLOAT, 0, 0, 8), STRUCT(3, 1, 16), MEMBER(5, 1, 32)), 22, "Member is not properly aligned" },
	{ "enum at bit 4", WORDS(TYPE(1, BTF_KIND_ENUM, 0, 0, 4), STRUCT(3, 1, 8), MEMBER(5, 1, 4)), 22, "Member is not byte aligned" },
	{ "int at bit 4", WORDS(INT32(1), STRUCT(3, 1, 8), MEMBER(5, 1, 4)), 0, "" },
	{ "array of floats", WORDS(INT32(1), TYPE(1, BTF_KIND_FLOAT, 0, 0, 8), ARRAY(2, 1, 2)), 0, "" },
	{ "member, function", WORDS(PROTO(0, 0), STRUCT(3, 1, 8), MEMBER(5, 1, 0)), 22, "Invalid member" },
	{ "member, variable", WORDS(INT32(1), VAR(1, 1, 0), STRUCT(3, 1, 8), MEMBER(5, 2, 0)), 22, "Invalid member" },
	{ "bit field of a forward", WORDS(TYPE(1, BTF_KIND_FWD, 0, 0, 0), BITS(3, 1, 8), MEMBER(5, 1, 3 << 24)), 22, "Invalid member" },
	{ "bit field of an enum", WORDS(TYPE(1, BTF_KIND_ENUM, 0, 0, 4), BITS(3, 1, 8), MEMBER(5, 1, 3 << 24 | 5)), 0, "" },
	{ "bit field of an enum, beyond", WORDS(TYPE(1, BTF_KIND_ENUM, 0, 0, 4), BITS(3, 1, 1), MEMBER(5, 1, 4 << 24 | 5)), 22, "Member exceeds struct_size" },
	{ "struct of 2 GiB", WORDS(INT32(1), STRUCT(3, 1, 0x80000000), MEMBER(5, 1, ~31u)), 0, "" },
	/* enums */
	{ "enum", WORDS(TYPE(1, BTF_KIND_ENUM, 0, 2, 4), 3, 0, 5, ~0u), 0, "\tc val=4294967295" },
	{ "enum of 3 bytes", WORDS(TYPE(1, BTF_KIND_ENUM, 0, 0, 3)), 22, "Unexpected size" },
	{ "enum of 16 bytes", WORDS(TYPE(1, BTF_KIND_ENUM, 0, 0, 16)), 22, "Unexpected size" },
	{ "enum without names", WORDS(TYPE(1, BTF_KIND_ENUM, 0, 1, 4), 0, 0), 22, "Invalid name" },
	{ "enum64", WORDS(TYPE(1, BTF_KIND_ENUM64, 1, 1, 8), 3, ~0u, ~0u), 0, "" },
	/* functions */
	{ "function", WORDS(INT32(1), PROTO(1, 1), 3, 1, FUNC(5, 1, 2)), 0, "[3] FUNC c type_id=2" },
	{ "function of more", WORDS(INT32(1), PROTO(0, 2), 3, 1, 0, 0, FUNC(5, 0, 2)), 0, "return=0 args=(1 b, vararg)" },
	{ "function, argument without name", WORDS(INT32(1), PROTO(1, 1), 0, 1, FUNC(5, 1, 2)), 22, "Invalid arg" },
	{ "function, not of a prototype", WORDS(INT32(1), FUNC(5, 1, 1)), 22, "Invalid type_id" },
	{ "function, extern", WORDS(PROTO(0, 0), FUNC(5, 2, 1)), 22, "Invalid func linkage" },
	{ "function without name", WORDS(PROTO(0, 0), FUNC(0, 1, 1)), 22, "Invalid name" },
	{ "prototype with name", WORDS(TYPE(1, BTF_KIND_FUNC_PROTO, 0, 0, 0)), 22, "Invalid name" },
	{ "prototype, value a forward", WORDS(TYPE(1, BTF_KIND_FWD, 0, 0, 0), PROTO(1, 0)), 22, "Invalid return type" },
	{ "prototype, value a prototype", WORDS(PROTO(0, 0), PROTO(1, 0)), 22, "Invalid return type" },
	{ "prototype, more in front", WORDS(INT32(1), PROTO(1, 2), 0, 0, 3, 1), 22, "Invalid arg" },
	{ "prototype, more with name", WORDS(INT32(1), PROTO(1, 1), 3, 0), 22, "Invalid arg" },
	{ "prototype, argument a forward", WORDS(TYPE(1, BTF_KIND_FWD, 0, 0, 0), PROTO(0, 1), 3, 1), 22, "Invalid arg" },
	{ "pointer to a function", WORDS(PROTO(0, 0), FUNC(1, 0, 1), PTR(2)), 0, "" },
	{ "pointer to a section", WORDS(SECTION(1, 0, 4), PTR(1)), 22, "Invalid type_id" },
	{ "const function", WORDS(PROTO(0, 0), FUNC(1, 0, 1), MODIFIER(BTF_KIND_CONST, 2)), 0, "" },
	{ "const prototype", WORDS(PROTO(0, 0), MODIFIER(BTF_KIND_CONST, 1)), 0, "" },
	{ "const section", WORDS(SECTION(1, 0, 4), MODIFIER(BTF_KIND_CONST, 1)), 22, "Invalid type_id" },
	{ "prototype, value const void", WORDS(MODIFIER(BTF_KIND_CONST, 0), PROTO(1, 0)), 22, "Invalid return type" },
	{ "prototype, value a section", WORDS(SECTION(1, 0, 4), PROTO(1, 0)), 22, "Invalid return type" },
	{ "prototype, argument a variable", WORDS(INT32(1), VAR(1, 1, 0), PROTO(0, 1), 3, 2), 22, "Invalid arg" },
	{ "prototype, argument const void", WORDS(MODIFIER(BTF_KIND_CONST, 0), PROTO(0, 1), 3, 1), 22, "Invalid arg" },
	{ "prototype, argument with a bad name", WORDS(INT32(1), PROTO(0, 1), NAME_DIGIT, 1), 22, "Invalid arg#1" },
	{ "function, argument with a bad name", WORDS(INT32(1), PROTO(0, 1), NAME_DIGIT, 1, FUNC(3, 0, 2)), 22, "Invalid arg" },
	{ "array of sections", WORDS(INT32(1), SECTION(1, 0, 4), ARRAY(2, 1, 1)), 22, "Invalid elem" },
	{ "array of variables", WORDS(INT32(1), VAR(1, 1, 0), ARRAY(2, 1, 1)), 22, "Invalid elem" },
	{ "typedef of a tag", WORDS(STRUCT(1, 0, 0), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 1), ~0u, TYPEDEF(3, 2)), 22, "Invalid type_id" },
	/* variables and sections */
	{ "section", WORDS(INT32(1), VAR(3, 1, 1), SECTION(NAME_MAPS, 1, 8), 2, 4, 4), 0, "\t type_id=2 offset=4 size=4" },
	{ "variable, extern", WORDS(INT32(1), VAR(3, 1, 2)), 22, "Linkage not supported" },
	{ "variable without name", WORDS(INT32(1), VAR(0, 1, 0)), 22, "Invalid name" },
	{ "variable, void", WORDS(VAR(1, 0, 0)), 22, "Invalid type_id" },
	{ "variable, function", WORDS(PROTO(0, 0), VAR(1, 1, 0)), 22, "Invalid type_id" },
	{ "section without size", WORDS(SECTION(1, 0, 0)), 22, "size == 0" },
	{ "section without name", WORDS(SECTION(0, 0, 4)), 22, "Invalid name" },
	{ "section of ints", WORDS(INT32(1), SECTION(1, 1, 4), 1, 0, 4), 22, "Not a VAR kind member" },
	{ "section, variable too large", WORDS(INT32(1), VAR(3, 1, 1), SECTION(1, 1, 4), 2, 0, 3), 22, "Invalid size" },
	{ "section, offset", WORDS(INT32(1), VAR(3, 1, 1), SECTION(1, 1, 4), 2, 4, 4), 22, "Invalid offset" },
	{ "section, overlap", WORDS(INT32(1), VAR(3, 1, 1), SECTION(1, 2, 8), 2, 0, 4, 2, 3, 4), 22, "Invalid offset" },
	{ "section, ends beyond", WORDS(INT32(1), VAR(3, 1, 1), SECTION(1, 1, 8), 2, 6, 4), 22, "Invalid offset+size" },
	/* tags on things */
	{ "tag", WORDS(INT32(1), STRUCT(3, 1, 4), MEMBER(5, 1, 0), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 2), 0), 0,
		"[3] DECL_TAG d type=2 component_idx=0" },
	{ "tag on a typedef", WORDS(INT32(1), TYPEDEF(3, 1), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 2), ~0u), 0, "" },
	{ "tag on a typedef's part", WORDS(INT32(1), TYPEDEF(3, 1), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 2), 0), 22, "Invalid component_idx" },
	{ "tag, flag", WORDS(STRUCT(3, 0, 0), TYPE(7, BTF_KIND_DECL_TAG, 1, 0, 1), ~0u), 0, "" },
	{ "type tag, flag", WORDS(INT32(1), TYPE(3, BTF_KIND_TYPE_TAG, 1, 0, 1)), 0, "" },
	{ "section, void variable", WORDS(SECTION(1, 1, 4), 0, 0, 4), 22, "" },
	{ "variable, forward", WORDS(TYPE(1, BTF_KIND_FWD, 0, 0, 0), VAR(1, 1, 0)), 22, "Invalid type_id" },
	{ "variable of a section", WORDS(SECTION(1, 0, 4), VAR(1, 1, 0)), 22, "Invalid type_id" },
	{ "tag on all", WORDS(STRUCT(3, 0, 0), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 1), ~0u), 0, "" },
	{ "tag on an int", WORDS(INT32(1), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 1), ~0u), 22, "Invalid type_id" },
	{ "tag, no such member", WORDS(STRUCT(3, 0, 0), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 1), 0), 22, "Invalid component_idx" },
	{ "tag, -2", WORDS(STRUCT(3, 0, 0), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 1), ~1u), 22, "Invalid component_idx" },
	{ "tag without text", WORDS(STRUCT(3, 0, 0), TYPE(0, BTF_KIND_DECL_TAG, 0, 0, 1), ~0u), 22, "Invalid value" },
	{ "tag on an argument", WORDS(PTR(0), PROTO(0, 1), 1, 1, FUNC(3, 1, 2), TYPE(7, BTF_KIND_DECL_TAG, 0, 0, 3), 0), 0, "" },
	/* things of the kernel's in structs */
#define LOCK	INT32(NAME('i')), STRUCT(NAME_LOCK, 1, 4), MEMBER(NAME('v'), 1, 0)	/* types 1, 2 */
	{ "lock", WORDS(LOCK, STRUCT(3, 1, 4), MEMBER(5, 2, 0)), 0, "" },
	{ "two locks", WORDS(LOCK, STRUCT(3, 2, 8), MEMBER(5, 2, 0), MEMBER(7, 2, 32)), 7, "" },
	{ "two locks, not directly", WORDS(LOCK, STRUCT(3, 1, 4), MEMBER(5, 2, 0), STRUCT(3, 2, 8), MEMBER(5, 3, 0), MEMBER(7, 3, 32)), 0, "" },
	{ "two locks, one directly", WORDS(LOCK, STRUCT(3, 1, 4), MEMBER(5, 2, 0), STRUCT(3, 2, 8), MEMBER(5, 2, 0), MEMBER(7, 3, 32)), 7, "" },
	{ "two locks in a union", WORDS(LOCK, UNION(3, 2, 4), MEMBER(5, 2, 0), MEMBER(7, 2, 0)), 0, "" },
	{ "array of two locks", WORDS(LOCK, ARRAY(2, 1, 2), STRUCT(3, 1, 8), MEMBER(5, 3, 0)), 0, "" },
	{ "array of one lock", WORDS(LOCK, ARRAY(2, 1, 1), STRUCT(3, 1, 8), MEMBER(5, 3, 0)), 0, "" },
	{ "lock at byte 2", WORDS(LOCK, STRUCT(3, 1, 8), MEMBER(5, 2, 16)), 14, "" },
	{ "lock of 8 bytes", WORDS(INT32(NAME('i')), STRUCT(NAME_LOCK, 1, 8), MEMBER(5, 1, 0), STRUCT(3, 1, 8), MEMBER(5, 2, 0)), 14, "" },
	{ "lock behind const", WORDS(LOCK, MODIFIER(BTF_KIND_CONST, 2), STRUCT(3, 2, 8), MEMBER(5, 3, 0), MEMBER(7, 3, 32)), 0, "" },
	{ "two timers", WORDS(STRUCT(NAME_TIMER, 0, 16), STRUCT(3, 2, 32), MEMBER(5, 1, 0), MEMBER(7, 1, 128)), 0, "" },
};

/* Writes the blob of a case to at most `room` bytes at `to`: its length. */
static inline uint32_t btf_case_blob(const struct btf_case *k, uint8_t *to, uint32_t room)
{
	struct btf_header h = {
		.magic = (uint16_t)(BTF_MAGIC + k->magic),
		.version = (uint8_t)(BTF_VERSION + k->version),
		.flags = (uint8_t)k->flags,
		.hdr_len = (uint32_t)(sizeof(h) + k->hdr_len),
		.type_off = (uint32_t)k->type_off,
		.type_len = (uint32_t)(k->types_len + k->type_len),
		.str_off = (uint32_t)(k->types_len + k->str_off),
		.str_len = (uint32_t)(sizeof(BTF_NAMES) + k->str_len),
	};
	uint32_t len = sizeof(h) + k->extra + k->types_len + sizeof(BTF_NAMES);

	if (len > room)
		return 0;
	memset(to, 0, len);
	memcpy(to, &h, sizeof(h));
	memcpy(to + sizeof(h) + k->extra, k->types, k->types_len);
	memcpy(to + sizeof(h) + k->extra + k->types_len, BTF_NAMES, sizeof(BTF_NAMES));
	return len - k->cut;
}
#endif
