/* SPDX-License-Identifier: BSD-2-Clause */
/* Files of bytes that are in the kernel's image and never change: read, or mapped without a copy. */
#include <base/errno.h>
#include <hal/boot.h>
#include <hal/page.h>
#include <base/init.h>
#include <mm/mm.h>
#include <mm/uio.h>
#include "pseudo_tree.h"

static ssize_t blob_read(struct file *f, struct uio *u, u64 *pos)
{
	const struct pseudo_node *n = f->inode->private;
	size_t want = *pos < n->size ? min(u->left, (size_t)(n->size - *pos)) : 0;
	size_t done = uio_write(u, (const char *)n->arg + *pos, want);

	*pos += done;
	return want && !done ? -EFAULT : (ssize_t)done;
}

/* Private and for reading alone, from the beginning, with as much of the last page as there is. */
static int blob_mmap(struct file *f, struct vma *vma)
{
	const struct pseudo_node *n = f->inode->private;

	if (vma->pgoff)
		return -EINVAL;
	if (vma->vm_flags & (VM_WRITE | VM_EXEC | VM_SHARED))
		return -EACCES;
	if (vma->end - vma->start > align_up(n->size, PAGE_SIZE))
		return -EINVAL;
	vma->vm_flags &= ~(u32)(VM_MAYEXEC | VM_MAYWRITE);
	vma->vm_flags |= VM_PFN | VM_DONTEXPAND | VM_DONTDUMP;
	vma->pgoff = virt_to_phys(n->arg) >> PAGE_SHIFT;
	return 0;
}

static const struct file_ops blob_fops = { .read = blob_read, .mmap = blob_mmap };

struct pseudo_node *pseudo_blob(struct pseudo_node *parent, const char *path, u32 mode,
				const void *data, size_t size)
{
	return pseudo_special(parent, path, mode, &blob_fops, (void *)data, size);
}

static int btf_file(void)
{
	u32 size;
	const void *btf = arch_btf(&size);

	if (btf)
		pseudo_blob(sysfs_root, "kernel/btf/vmlinux", 0444, btf, size);
	return 0;
}
INITCALL(late, btf_file);
