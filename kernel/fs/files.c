/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptor tables.
 *
 * A table has one user unless CLONE_FILES shared it. Only users install and close, so a lone user
 * reads its table without the lock and borrows files from it (struct fdref); where there are
 * several, the lock is held to look a file up and a reference is taken. Others (/proc) look at a
 * task's table under its task_lock and the table's lock, and always take a reference. The arrays
 * grow under the lock; since a borrower is then the only user, and others hold the lock, the old
 * ones are freed at once.
 *
 * open_map: descriptors in use, reserved ones among them (their slot is NULL). cloexec_map: to be
 * closed by exec.
 */
#include "internal.h"
#include "files.h"
#include <linux/sched.h>

#define FIRST_FDS	64
#define FD_LIMIT	(1u << 20)	/* nr_open */

static struct slab_cache *files_cache;

static struct files *files_new(void)
{
	struct files *fs;

	if (unlikely(!files_cache))
		files_cache = slab_create("files", sizeof(struct files), 64);
	fs = files_cache ? slab_alloc(files_cache) : NULL;
	if (!fs)
		return NULL;
	ref_init(&fs->users);
	spin_init(&fs->lock);
	fs->size = FIRST_FDS;
	fs->first_free = 0;
	fs->slots = fs->small_slots;
	fs->open_map = fs->small_maps;
	fs->cloexec_map = fs->small_maps + 1;
	memset(fs->small_slots, 0, sizeof(fs->small_slots));
	memset(fs->small_maps, 0, sizeof(fs->small_maps));
	return fs;
}

static void files_free(struct files *fs)
{
	if (fs->slots != fs->small_slots)
		kfree(fs->slots);
	slab_free(files_cache, fs);
}

/* --- growing: one allocation holds the slots and both maps ----------------------------- */
static struct file **table_alloc(u32 size)
{
	return kzalloc(size * sizeof(struct file *) + 2 * (size / 8));
}

static void table_adopt(struct files *fs, struct file **slots, u32 size)
{
	u64 *maps = (u64 *)(slots + size);

	memcpy(slots, fs->slots, fs->size * sizeof(*slots));
	memcpy(maps, fs->open_map, fs->size / 8);
	memcpy(maps + size / 64, fs->cloexec_map, fs->size / 8);
	fs->slots = slots;
	fs->open_map = maps;
	fs->cloexec_map = maps + size / 64;
	fs->size = size;
}

/* Room for descriptor fd (< FD_LIMIT). Drops and retakes the lock. */
static int grow(struct files *fs, u32 fd)
{
	while (fd >= fs->size) {
		u32 size = fs->size;
		struct file **slots, **old = fs->slots;

		while (size <= fd)
			size *= 2;
		spin_unlock(&fs->lock);
		slots = table_alloc(size);
		spin_lock(&fs->lock);
		if (!slots)
			return -ENOMEM;
		if (size <= fs->size || fs->slots != old) {	/* another thread was here */
			spin_unlock(&fs->lock);
			kfree(slots);
			spin_lock(&fs->lock);
			continue;
		}
		table_adopt(fs, slots, size);
		if (old != fs->small_slots)
			kfree(old);
	}
	return 0;
}

/* --- lookup
 * ------------------------------------------------------------------------------------------------------
 */
static inline struct file *slot(struct files *fs, int fd)
{
	return (u32)fd < fs->size ? fs->slots[fd] : NULL;
}

static struct fdref get_shared(struct files *fs, int fd)
{
	struct file *f;

	spin_lock(&fs->lock);
	f = slot(fs, fd);
	if (f)
		file_get(f);
	spin_unlock(&fs->lock);
	return (struct fdref){ f, f != NULL };
}

static __always_inline struct fdref get_any(int fd)
{
	struct files *fs = current->files;

	if (unlikely(!fs))
		return (struct fdref){ NULL, false };
	if (likely(load_acquire(&fs->users.v) == 1))	/* after all that the last other user did */
		return (struct fdref){ slot(fs, fd), false };
	return get_shared(fs, fd);
}

struct fdref fdref_get_any(int fd)
{
	return get_any(fd);
}

struct fdref fdref_get(int fd)
{
	struct fdref r = get_any(fd);

	if (unlikely(r.file && r.file->mode & FMODE_PATH)) {
		fdref_put(r);
		r = (struct fdref){ NULL, false };
	}
	return r;
}

struct file *fd_peek(int fd)
{
	struct files *fs = current->files;

	return fs && load_acquire(&fs->users.v) == 1 ? slot(fs, fd) : NULL;
}

struct file *fd_get_any(int fd)
{
	struct fdref r = fdref_get_any(fd);

	if (r.file && !r.put)
		file_get(r.file);
	return r.file;
}

struct file *fd_get(int fd)
{
	struct fdref r = fdref_get(fd);

	if (r.file && !r.put)
		file_get(r.file);
	return r.file;
}

/* --- reserving and installing ---------------------------------------------------------- */
static inline bool map_test(const u64 *map, u32 n) { return map[n / 64] >> (n % 64) & 1; }
static inline void map_set(u64 *map, u32 n) { map[n / 64] |= BIT(n % 64); }
static inline void map_clear(u64 *map, u32 n) { map[n / 64] &= ~BIT(n % 64); }

/* The first clear bit at or after from; size if there is none. */
static u32 map_next_zero(const u64 *map, u32 from, u32 size)
{
	u64 word;

	if (from >= size)
		return from;
	word = ~map[from / 64] & (~0ull << (from % 64));
	for (u32 w = from / 64;;) {
		if (word)
			return w * 64 + (u32)__builtin_ctzll(word);
		if (++w == size / 64)
			return size;
		word = ~map[w];
	}
}

static u32 fd_limit(void) { return (u32)min(rlimit(RLIMIT_NOFILE), (u64)FD_LIMIT); }

static struct files *own_files(void)
{
	struct files *fs = current->files;

	if (unlikely(!fs)) {
		fs = files_new();
		spin_lock(&current->task_lock);
		current->files = fs;
		spin_unlock(&current->task_lock);
	}
	return fs;
}

int fd_reserve(int from, int flags)
{
	struct files *fs = own_files();
	u32 limit = fd_limit(), fd;
	int err;

	if (!fs)
		return -ENOMEM;
	spin_lock(&fs->lock);
	for (;;) {
		fd = map_next_zero(fs->open_map, max((u32)from, fs->first_free), fs->size);
		err = fd >= limit ? -EMFILE : 0;
		if (err || likely(fd < fs->size))
			break;
		err = grow(fs, fd);
		if (err)
			break;
	}
	if (likely(!err)) {
		map_set(fs->open_map, fd);
		if (flags & O_CLOEXEC)
			map_set(fs->cloexec_map, fd);
		else
			map_clear(fs->cloexec_map, fd);
		if ((u32)from <= fs->first_free)
			fs->first_free = fd + 1;
		err = (int)fd;
	}
	spin_unlock(&fs->lock);
	return err;
}

void fd_install(int fd, struct file *f)
{
	struct files *fs = current->files;

	spin_lock(&fs->lock);
	BUG_ON(fs->slots[fd]);
	fs->slots[fd] = f;
	spin_unlock(&fs->lock);
}

/* lock held */
static void free_fd(struct files *fs, u32 fd)
{
	map_clear(fs->open_map, fd);
	if (fd < fs->first_free)
		fs->first_free = fd;
}

void fd_unreserve(int fd)
{
	struct files *fs = current->files;

	spin_lock(&fs->lock);
	free_fd(fs, (u32)fd);
	spin_unlock(&fs->lock);
}

int fd_publish(struct file *f, int flags)
{
	int fd = fd_reserve(0, flags);

	if (fd < 0)
		file_put(f);
	else
		fd_install(fd, f);
	return fd;
}

/* --- closing
 * -----------------------------------------------------------------------------------------------------------
 */
static void close_file(struct file *f)
{
	if (f->ops && f->ops->flush && !(f->mode & FMODE_PATH))
		f->ops->flush(f);
	file_put(f);
}

/* lock held: takes the file out of its slot. */
static struct file *take(struct files *fs, u32 fd)
{
	struct file *f = fd < fs->size ? fs->slots[fd] : NULL;

	if (f) {
		fs->slots[fd] = NULL;
		free_fd(fs, fd);
	}
	return f;
}

int fd_close(int fd)
{
	struct files *fs = current->files;
	struct file *f;

	if (unlikely(!fs))
		return -EBADF;
	spin_lock(&fs->lock);
	f = take(fs, (u32)fd);
	spin_unlock(&fs->lock);
	if (unlikely(!f))
		return -EBADF;
	close_file(f);
	return 0;
}

void fd_close_range(u32 first, u32 last, bool cloexec)
{
	struct files *fs = current->files;

	if (!fs)
		return;
	spin_lock(&fs->lock);
	for (u32 fd = first; fd <= last && fd < fs->size; fd++) {
		struct file *f;

		if (cloexec) {
			if (map_test(fs->open_map, fd))
				map_set(fs->cloexec_map, fd);
			continue;
		}
		f = take(fs, fd);
		if (!f)
			continue;
		spin_unlock(&fs->lock);
		close_file(f);
		spin_lock(&fs->lock);
	}
	spin_unlock(&fs->lock);
}

void fd_close_on_exec(void)
{
	struct files *fs = current->files;

	if (!fs)
		return;
	spin_lock(&fs->lock);
	for (u32 w = 0; w < fs->size / 64; w++) {
		u64 set = fs->cloexec_map[w] & fs->open_map[w];

		fs->cloexec_map[w] = 0;
		while (set) {
			struct file *f = take(fs, w * 64 + (u32)__builtin_ctzll(set));

			set &= set - 1;
			if (!f)
				continue;
			spin_unlock(&fs->lock);
			close_file(f);
			spin_lock(&fs->lock);
		}
	}
	spin_unlock(&fs->lock);
}

/* --- dup
 * ------------------------------------------------------------------------------------------------------------------
 */
int fd_dup(struct file *f, int from, int flags)
{
	int fd;

	if (from < 0 || (u32)from >= fd_limit())
		return -EINVAL;
	fd = fd_reserve(from, flags);
	if (fd >= 0)
		fd_install(fd, file_get(f));
	return fd;
}

int fd_dup_to(int oldfd, int newfd, int flags)
{
	struct files *fs = current->files;
	struct file *f, *old;
	int err;

	if (newfd < 0 || (u32)newfd >= fd_limit() || !fs)
		return -EBADF;
	spin_lock(&fs->lock);
	err = grow(fs, (u32)newfd);
	f = err ? NULL : slot(fs, oldfd);
	if (!err && !f)
		err = -EBADF;
	old = err ? NULL : fs->slots[newfd];
	if (!err && !old && map_test(fs->open_map, (u32)newfd))
		err = -EBUSY;		/* another thread is about to install there */
	if (!err) {
		fs->slots[newfd] = file_get(f);
		map_set(fs->open_map, (u32)newfd);
		if (flags & O_CLOEXEC)
			map_set(fs->cloexec_map, (u32)newfd);
		else
			map_clear(fs->cloexec_map, (u32)newfd);
	}
	spin_unlock(&fs->lock);
	if (old && !err)
		close_file(old);
	return err ? err : newfd;
}

int fd_cloexec(int fd, int set)
{
	struct files *fs = current->files;
	int was = -EBADF;

	if (!fs)
		return -EBADF;
	spin_lock(&fs->lock);
	if (slot(fs, fd)) {
		was = map_test(fs->cloexec_map, (u32)fd);
		if (set > 0)
			map_set(fs->cloexec_map, (u32)fd);
		else if (set == 0)
			map_clear(fs->cloexec_map, (u32)fd);
	}
	spin_unlock(&fs->lock);
	return was;
}

/* --- tasks
 * ------------------------------------------------------------------------------------------------------------------
 */
/* The highest used word's end: what a copy must hold. from->lock held. */
static u32 used_size(const struct files *from)
{
	u32 w = from->size / 64;

	while (w > 1 && !from->open_map[w - 1])
		w--;
	return w * 64;
}

static void copy_slots(struct files *to, const struct files *from, u32 n)
{
	for (u32 w = 0; w < n / 64; w++) {
		u64 set = from->open_map[w];

		to->cloexec_map[w] = from->cloexec_map[w];
		for (u64 left = set; left; left &= left - 1) {
			u32 fd = w * 64 + (u32)__builtin_ctzll(left);
			struct file *f = from->slots[fd];

			if (f)
				to->slots[fd] = file_get(f);
			else
				set &= ~BIT(fd %
					    64); /* reserved by another thread: not the child's */
		}
		to->open_map[w] = set;
	}
}

static struct files *files_copy(struct files *from)
{
	struct files *to = files_new();

	if (!to)
		return NULL;
	spin_lock(&from->lock);
	for (;;) {
		u32 n = used_size(from), size = FIRST_FDS;
		struct file **slots;

		if (n <= to->size) {
			copy_slots(to, from, n);
			break;
		}
		spin_unlock(&from->lock);
		while (size < n)
			size *= 2;
		slots = table_alloc(size);
		if (!slots) {
			files_free(to);
			return NULL;
		}
		if (to->slots != to->small_slots)
			kfree(to->slots);
		to->size = 0;
		table_adopt(to, slots, size);
		spin_lock(&from->lock);
	}
	spin_unlock(&from->lock);
	return to;
}

int files_clone(struct task *child, struct task *parent, u64 flags)
{
	child->files = NULL;
	if (child->flags & TF_KTHREAD || !parent->files)
		return 0;
	if (flags & CLONE_FILES) {
		ref_get(&parent->files->users);
		child->files = parent->files;
		return 0;
	}
	child->files = files_copy(parent->files);
	return child->files ? 0 : -ENOMEM;
}

static void files_put(struct files *fs)
{
	if (!ref_put(&fs->users))
		return;
	for (u32 w = 0; w < fs->size / 64; w++)
		for (u64 left = fs->open_map[w]; left; left &= left - 1) {
			struct file *f = fs->slots[w * 64 + (u32)__builtin_ctzll(left)];

			if (f)
				close_file(f);
		}
	files_free(fs);
}

void files_exit(struct task *t)
{
	struct files *fs;

	spin_lock(&t->task_lock);
	fs = t->files;
	t->files = NULL;
	spin_unlock(&t->task_lock);
	if (fs)
		files_put(fs);
}

/* A table of the current task's own: exec, close_range(CLOSE_RANGE_UNSHARE), unshare(CLONE_FILES).
 */
int files_unshare(void)
{
	struct files *old = current->files, *fs;

	if (!old || ref_read(&old->users) == 1)
		return 0;
	fs = files_copy(old);
	if (!fs)
		return -ENOMEM;
	spin_lock(&current->task_lock);
	current->files = fs;
	spin_unlock(&current->task_lock);
	files_put(old);
	return 0;
}

/* --- /proc
 * --------------------------------------------------------------------------------------------------------------------
 */
struct file *task_fd_get(struct task *t, int fd)
{
	struct file *f = NULL;

	spin_lock(&t->task_lock);
	if (t->files)
		f = get_shared(t->files, fd).file;
	spin_unlock(&t->task_lock);
	return f;
}

int task_fd_next(struct task *t, int from)
{
	struct files *fs;
	int found = -1;

	spin_lock(&t->task_lock);
	fs = t->files;
	if (fs) {
		spin_lock(&fs->lock);
		for (u32 fd = from < 0 ? 0 : (u32)from; fd < fs->size; fd++)
			if (fs->slots[fd]) {
				found = (int)fd;
				break;
			}
		spin_unlock(&fs->lock);
	}
	spin_unlock(&t->task_lock);
	return found;
}

u32 task_fd_size(struct task *t)
{
	u32 n;

	spin_lock(&t->task_lock);
	n = t->files ? t->files->size : 0;
	spin_unlock(&t->task_lock);
	return n;
}
