/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's own BTF: host/gen-btf makes it of the first link's debugging information. */
#include <hal/boot.h>

extern const char _btf_start[], _btf_end[];	/* kernel.lds.in */

const void *arch_btf(u32 *size)
{
	*size = (u32)(_btf_end - _btf_start);
	return *size ? _btf_start : NULL;
}
