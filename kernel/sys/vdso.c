/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps the vDSO and its data page into a new address space. */
#include <base/errno.h>
#include <hal/vdso.h>
#include <mm/mm.h>
#include <sys/vdso.h>

/* Holes are given out from the top down, so the page below the image is free; should it not be, the program goes without. */
int vdso_map(struct mm *mm)
{
	u64 pages = (u64)(arch_vdso_end - arch_vdso_start) >> PAGE_SHIFT;
	i64 image = mm_map_kernel(mm, 0, arch_vdso_start, pages, VM_READ | VM_EXEC, "[vdso]"), data;

	if (image < 0)
		return (int)image;
	data = mm_map_kernel(mm, (u64)image - PAGE_SIZE, arch_vdso_data, 1, VM_READ, "[vvar]");
	if (data < 0)
		return (int)data;
	if (data == image - (i64)PAGE_SIZE)
		mm->vdso = (u64)image;
	return 0;
}
