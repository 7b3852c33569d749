/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps the vDSO and, right below it, the page of data that it reads. */
#include <hal/page.h>
#include <hal/vdso.h>
#include <mm/mm.h>
#include <sys/vdso.h>

int vdso_map(struct mm *mm)
{
	u64 pages = (u64)(arch_vdso_end - arch_vdso_start) >> PAGE_SHIFT;
	i64 image = mm_map_kernel(mm, 0, arch_vdso_start, pages, VM_READ | VM_EXEC, "[vdso]"), data;

	if (image < 0)
		return (int)image;
	data = mm_map_kernel(mm, (u64)image - PAGE_SIZE, arch_vdso_data, 1, VM_READ, "[vvar]");
	if (data < 0)
		return (int)data;
	if ((u64)data == (u64)image - PAGE_SIZE)	/* else the program makes do without */
		mm->vdso = (u64)image;
	return 0;
}
