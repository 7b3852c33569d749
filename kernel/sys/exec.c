/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * execve. The new program is made completely, in an address space of its own, before anything of
 * the caller changes; so every error but one is returned to the caller. The exception is the end of
 * the other threads: it comes last of what can fail, and it fails only if the process is dying.
 * After it everything is assignment.
 */
#include <base/alloc.h>
#include <base/string.h>
#include <fs/fd.h>
#include <fs/open.h>
#include <hal/uaccess.h>
#include <linux/fcntl.h>
#include <linux/limits.h>
#include <linux/personality.h>
#include <lib/format.h>
#include <sys/exec.h>
#include <sys/syscall.h>
#include <task/clock.h>
#include "exec.h"
#include "exec_cred.h"

#define MAX_SCRIPTS 5

/* --- finding the program ----------------------------------------------------------------- */

/* A regular file that may be executed, open and closed to writers. ERR_PTR. */
static struct file *open_path_exec(const struct path *p)
{
	struct inode *i = p->dentry->inode;
	struct file *f;
	int err;

	if (!i)
		return ERR_PTR(-ENOENT);
	if (!S_ISREG(i->mode))
		return ERR_PTR(-EACCES);
	f = file_open_path(p, O_RDONLY | OPEN_EXEC);
	if (IS_ERR(f))
		return f;
	err = f->backing.may_exec ? file_deny_write(f) : -EACCES;
	if (err) {
		file_put(f);
		return ERR_PTR(err);
	}
	f->mode |= FMODE_EXEC;		/* its last file_put lets writers in again */
	return f;
}

static struct file *open_exec(int dirfd, const char *name, u32 lookup)
{
	struct path p;
	struct file *f;
	int err = path_lookup(dirfd, name, lookup, &p);

	if (err)
		return ERR_PTR(err);
	f = open_path_exec(&p);
	path_put(&p);
	return f;
}

static int read_head(struct exec *x)
{
	ssize_t n = file_read_kernel(x->file, x->head, sizeof(x->head), 0);

	if (n < 0)
		return (int)n;
	x->head_len = (size_t)n;
	return 0;
}

/* The next word of a #! line in [*p, end), ended with NUL; NULL if there is none. */
static char *word(char **p, char *end, bool whole_rest)
{
	char *s = *p, *e;

	while (s < end && (*s == ' ' || *s == '\t'))
		s++;
	if (s == end)
		return NULL;
	for (e = s; e < end && (whole_rest || (*e != ' ' && *e != '\t')); e++)
		;
	*p = e < end ? e + 1 : e;
	if (whole_rest)
		while (e > s && (e[-1] == ' ' || e[-1] == '\t'))
			e--;
	*e = 0;
	return s;
}

static int add_prefix(struct exec *x, u32 at, const char *s)
{
	char *copy = kstrdup(s);

	if (!copy)
		return -ENOMEM;
	memmove(&x->prefix[at + 1], &x->prefix[at], (x->nr_prefix - at) * sizeof(x->prefix[0]));
	x->prefix[at] = copy;
	x->nr_prefix++;
	return 0;
}

/* #!interpreter [argument]: the command becomes interpreter, argument, this file's name, and what
 * followed argv[0]. */
static int script(struct exec *x, const char *self)
{
	size_t n = min(x->head_len, (size_t)256);
	char *nl = memchr(x->head, '\n', n), *p = x->head + 2, *interp, *arg,
	     *end = nl ? nl : x->head + n;
	struct file *f;
	int err;

	if (!nl &&
	    x->head_len >= 256) { /* cut off: usable only if the interpreter's name is whole */
		end = x->head + 255;
		for (char *q = p; q < end && (*q == ' ' || *q == '\t'); q++)
			p = q + 1;
		if (!memchr(p, ' ', (size_t)(end - p)) && !memchr(p, '\t', (size_t)(end - p)))
			return -ENOEXEC;
	}
	if (end == x->head + sizeof(x->head))
		end--;
	*end = 0;
	interp = word(&p, end, false);
	if (!interp)
		return -ENOEXEC;
	arg = word(&p, end, true);
	/* Only the first script's name comes from the caller; each further one is the interpreter,
	 * there already. */
	err = x->nr_prefix ? 0 : add_prefix(x, 0, self);
	if (!err && arg)
		err = add_prefix(x, 0, arg);
	if (!err)
		err = add_prefix(x, 0, interp);
	if (err)
		return err;
	f = open_exec(AT_FDCWD, x->prefix[0], LOOKUP_FOLLOW);
	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	file_put(x->file);
	x->file = f;
	return read_head(x);
}

static int resolve_scripts(struct exec *x)
{
	int err = read_head(x);

	for (u32 depth = 0; !err && x->head_len > 2 && x->head[0] == '#' && x->head[1] == '!';
	     depth++)
		err = depth == MAX_SCRIPTS ? -ELOOP : script(x, x->filename);
	return err;
}

static int open_interp(struct exec *x)
{
	struct elf_plan *p = &x->plan;
	char *name, *head = NULL;
	ssize_t n;
	int err;

	if (!p->interp_size)
		return 0;
	name = kmalloc(p->interp_size);
	if (!name)
		return -ENOMEM;
	n = file_read_kernel(x->file, name, p->interp_size, p->interp_offset);
	err = n != (ssize_t)p->interp_size || name[n - 1] ? -ENOEXEC : 0;
	if (!err) {
		x->interp = open_exec(AT_FDCWD, name, LOOKUP_FOLLOW);
		if (IS_ERR(x->interp)) {
			err = (int)PTR_ERR(x->interp);
			x->interp = NULL;
		}
	}
	if (!err) {
		head = kmalloc(EXEC_HEAD);
		n = head ? file_read_kernel(x->interp, head, EXEC_HEAD, 0) : -ENOMEM;
		err = n < 0 ? (int)n
			    : exec_plan(x->interp, head, (size_t)n, &x->interp_plan, -ELIBBAD);
	}
	kfree(head);
	kfree(name);
	return err;
}

/* --- making it --------------------------------------------------------------------------- */

struct exec_source { u64 argv, envp; const char *const *kargv, *const *kenvp; };

static int gather_kernel(struct exec_strings *s, const char *const *list, u32 skip, u32 *n)
{
	for (u32 i = 0; list[i]; i++) {
		int err = i < skip ? 0 : strings_add_kernel(s, list[i]);

		if (err)
			return err;
		*n += i >= skip;
	}
	return 0;
}

static int gather_strings(struct exec *x, const struct exec_source *src)
{
	struct exec_strings *s = &x->strings;
	u32 skip = x->nr_prefix ? 1 : 0;
	int err = 0;

	for (u32 i = 0; i < x->nr_prefix && !err; i++, s->argc++)
		err = strings_add_kernel(s, x->prefix[i]);
	if (!err)
		err = src->kargv ? gather_kernel(s, src->kargv, skip, &s->argc) :
		      strings_add_user_array(s, src->argv, skip, &s->argc);
	if (!err && s->argc == 0) {	/* argv[0] is read by everybody */
		err = strings_add_kernel(s, "");
		s->argc++;
	}
	if (!err)
		err = src->kenvp ? gather_kernel(s, src->kenvp, 0, &s->envc) :
		      strings_add_user_array(s, src->envp, 0, &s->envc);
	if (!err)
		err = strings_add_kernel(s, x->filename);
	return err;
}

static int prepare(struct exec *x, const struct exec_source *src)
{
	int err;

	strings_init(&x->strings);
	err = resolve_scripts(x);
	if (!err)
		err = gather_strings(x, src);
	if (!err)
		err = exec_plan(x->file, x->head, x->head_len, &x->plan, -ENOEXEC);
	if (!err)
		err = open_interp(x);
	if (!err)
		err = exec_cred(x);
	/* Who runs a program with more rights than his own does not choose where it lies. */
	x->randomize = x->secure || !(current_proc()->personality & ADDR_NO_RANDOMIZE);
	if (!err)
		err = exec_load(x);
	if (!err)
		err = exec_stack(x);
	return err;
}

static void discard(struct exec *x)
{
	for (u32 i = 0; i < x->nr_prefix; i++)
		kfree(x->prefix[i]);
	strings_free(&x->strings);
	if (x->file)
		file_put(x->file);
	if (x->interp)
		file_put(x->interp);
	if (x->mm)
		mm_put(x->mm);
	if (x->cred)
		cred_abort(x->cred);
	kfree(x);
}

/* --- becoming it ------------------------------------------------------------------------- */

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* Handlers are addresses in the old program; what is ignored stays so. */
static void reset_signals(struct task *t)
{
	u64 flags;
	struct sighand *s = sighand_lock(t->proc, &flags);

	for (u32 i = 0; i < 64; i++)
		if (s->action[i].handler == (u64)SIG_IGN)
			s->action[i] = (struct sigaction_k){ .handler = (u64)SIG_IGN };
		else
			s->action[i] = (struct sigaction_k){ 0 };
	sighand_unlock(s, flags);
	t->altstack = (stack_t){ .ss_flags = SS_DISABLE };
	t->restart.fn = NULL;
}

static void commit(struct exec *x)
{
	struct task *t = current;
	struct process *p = t->proc;

	/* No capability check may pass between the old identity and the new memory. */
	task_replace_mm(x->mm);
	x->mm = NULL;
	t->set_child_tid = NULL;
	posix_timers_exit(p);
	signal_flush_timers();
	reset_signals(t);
	fd_close_on_exec();
	if (x->cred) {
		cred_commit(x->cred);
		x->cred = NULL;
	}
	if (x->secure) {
		p->personality &= ~(u32)PER_CLEAR_ON_SETID;
		t->pdeath_signal = 0;
	}
	spin_lock(&t->task_lock);
	memset(t->comm, 0, sizeof(t->comm));
	strlcpy(t->comm, base_name(x->filename), sizeof(t->comm));
	spin_unlock(&t->task_lock);
	t->flags &= ~TF_FORKNOEXEC;
	p->did_exec = true;
	WRITE_ONCE(p->exec_id, p->exec_id + 1);
	p->exit_signal = SIGCHLD;
	arch_exec_regs(current_regs(), x->entry, x->sp);
	regs_forget_syscall(current_regs());
}

static i64 exec_file(struct file *f, const char *filename, const struct exec_source *src)
{
	struct exec *x;
	int err;

	if (IS_ERR(f))
		return PTR_ERR(f);
	x = kzalloc(sizeof(*x));
	if (!x) {
		file_put(f);
		return -ENOMEM;
	}
	x->file = f;
	x->filename = filename;
	err = prepare(x, src);
	if (!err)
		err = files_unshare();
	if (!err && x->secure)	/* no other process changes its root, directory or umask */
		err = fs_ctx_unshare();
	if (!err)
		err = task_unshare_sighand();
	if (!err)
		err = task_dethread();
	if (!err)
		commit(x);
	discard(x);
	return err;
}

/* --- the calls --------------------------------------------------------------------------- */

/* How the program and an interpreter see a name that is relative to dirfd, on the heap; NULL. */
static char *name_by_fd(int dirfd, const char *name)
{
	size_t size = strlen(name) + 32;
	char *s = kmalloc(size);

	if (s)
		snprintf(s, size, "/dev/fd/%d%s%s", dirfd, *name ? "/" : "", name);
	return s;
}

static i64 exec_at(int dirfd, u64 uname, const struct exec_source *src, int flags)
{
	u32 lookup = flags & AT_SYMLINK_NOFOLLOW ? 0 : LOOKUP_FOLLOW;
	char *name = kmalloc(PATH_MAX), *shown = name;
	ssize_t n;
	i64 ret;

	if (!name)
		return -ENOMEM;
	n = strncpy_from_user(name, (const char __user *)uname, PATH_MAX);
	ret = n < 0 ? n : n == 0 && !(flags & AT_EMPTY_PATH) ? -ENOENT : 0;
	if (ret)
		goto out;
	if (dirfd != AT_FDCWD && *name != '/')
		shown = name_by_fd(dirfd, name);
	if (!shown) {
		ret = -ENOMEM;
	} else if (n) {
		struct file *f = open_exec(dirfd, name, lookup);

		/* With AT_SYMLINK_NOFOLLOW a link is what would be executed: not a regular file. */
		if (IS_ERR(f) && PTR_ERR(f) == -EACCES && !lookup) {
			struct path p;

			if (path_lookup(dirfd, name, 0, &p) == 0) {
				if (S_ISLNK(p.dentry->inode->mode))
					f = ERR_PTR(-ELOOP);
				path_put(&p);
			}
		}
		ret = exec_file(f, shown, src);
	} else {
		struct file *dir = fd_get_any(dirfd);

		ret = dir ? exec_file(open_path_exec(&dir->path), shown, src) : -EBADF;
		if (dir)
			file_put(dir);
	}
	if (shown != name)
		kfree(shown);
out:
	kfree(name);
	return ret;
}

SYSCALL(execve)
{
	struct exec_source src = { .argv = a[1], .envp = a[2] };

	return exec_at(AT_FDCWD, a[0], &src, 0);
}

SYSCALL(execveat)
{
	struct exec_source src = { .argv = a[2], .envp = a[3] };

	if (a[4] & ~(u64)(AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW))
		return -EINVAL;
	return exec_at((int)a[0], a[1], &src, (int)a[4]);
}

int kernel_exec(const char *path, const char *const argv[], const char *const envp[])
{
	struct exec_source src = { .kargv = argv, .kenvp = envp };
	struct file *f = open_exec(AT_FDCWD, path, LOOKUP_FOLLOW);
	struct exec *x;
	struct task *t;
	int err;

	if (IS_ERR(f))
		return (int)PTR_ERR(f);
	x = kzalloc(sizeof(*x));
	if (!x) {
		file_put(f);
		return -ENOMEM;
	}
	x->file = f;
	x->filename = path;
	err = prepare(x, &src);
	if (!err) {
		t = task_start_init(x->mm, base_name(path), x->entry, x->sp);
		err = IS_ERR(t) ? (int)PTR_ERR(t) : 0;
		if (!err)
			x->mm = NULL;
	}
	discard(x);
	return err;
}
