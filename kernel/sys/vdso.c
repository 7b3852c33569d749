/* SPDX-License-Identifier: BSD-2-Clause */
/* Maps the vDSO and, right below it, the page of data that it reads. */
#include <linux/mman.h>
#include <hal/page.h>
#include <hal/vdso.h>
#include <mm/mm.h>
#include <sys/vdso.h>

/* The image at addr (0: anywhere) and the data page below it. The image's address, 1 if the page
 * below is taken. */
static i64 map_at(struct mm *mm, u64 addr, u64 pages)
{
	i64 image = mm_map_kernel(mm, addr, arch_vdso_start, pages, VM_READ | VM_EXEC, "[vdso]"),
	    data;

	if (image < 0)
		return image;
	data = mm_map_kernel(mm, (u64)image - PAGE_SIZE, arch_vdso_data, 1, VM_READ, "[vvar]");
	if (data < 0)
		return data;
	if ((u64)data == (u64)image - PAGE_SIZE)
		return image;
	mm_munmap(mm, (u64)image, pages << PAGE_SHIFT);
	mm_munmap(mm, (u64)data, PAGE_SIZE);
	return 1;
}

/*
 * The hole found for the image may end right below it (below an interpreter at a random place).
 * Signal handlers return through the image, so the program cannot do without: then a hole for both
 * is looked for. Nobody else uses mm yet.
 */
int vdso_map(struct mm *mm)
{
	u64 pages = (u64)(arch_vdso_end - arch_vdso_start) >> PAGE_SHIFT;
	struct mmap_req both = {
		.len = (pages + 1) << PAGE_SHIFT,
		.prot = PROT_NONE,
		.flags = MAP_PRIVATE | MAP_ANONYMOUS,
	};
	i64 image = map_at(mm, 0, pages);

	if (image == 1) {
		image = mm_mmap(mm, &both);
		if (image > 0) {
			mm_munmap(mm, (u64)image, both.len);
			image = map_at(mm, (u64)image + PAGE_SIZE, pages);
		}
	}
	if (image <= 1)
		return image < 0 ? (int)image : -ENOMEM;
	mm->vdso = (u64)image;
	return 0;
}
