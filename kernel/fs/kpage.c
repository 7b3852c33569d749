/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /proc/kpageflags, /proc/kpagecount: a word for each frame of memory, by its number (Documentation/
 * admin-guide/mm/pagemap of Linux; proc(5)).
 */
#include <base/errno.h>
#include <base/init.h>
#include <fs/pseudo.h>
#include <fs/vfs.h>
#include <mm/kpage.h>
#include <mm/uio.h>

#define BATCH 32u

/* pos and length in whole words, else -EINVAL. Sleeps where word does. */
static ssize_t read_words(struct uio *u, u64 *pos, u64 (*word)(pfn_t pfn))
{
	u64 end = frames_end() * 8, words[BATCH];
	ssize_t done = 0;

	if (*pos % 8 || u->left % 8)
		return -EINVAL;
	while (u->left && *pos < end) {
		size_t n = min(min(u->left, end - *pos), sizeof(words)), moved;

		for (size_t i = 0; i < n / 8; i++)
			words[i] = word(*pos / 8 + i);
		moved = uio_write(u, words, n);
		*pos += moved;
		done += (ssize_t)moved;
		if (moved != n)
			return done ?: -EFAULT;
		cond_resched();
	}
	return done;
}

static ssize_t flags_read(struct file *f, struct uio *u, u64 *pos)
{
	return read_words(u, pos, frame_flags);
}
static ssize_t count_read(struct file *f, struct uio *u, u64 *pos)
{
	return read_words(u, pos, frame_mapcount);
}
static const struct file_ops flags_fops = { .read = flags_read };
static const struct file_ops count_fops = { .read = count_read };

static int kpage_files(void)
{
	pseudo_special(proc_root, "kpageflags", 0400, &flags_fops, NULL, 0);
	pseudo_special(proc_root, "kpagecount", 0400, &count_fops, NULL, 0);
	return 0;
}
INITCALL(late, kpage_files);
