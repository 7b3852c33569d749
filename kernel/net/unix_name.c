/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Names of AF_UNIX sockets. A path name is a socket inode, found by path and then by the inode's
 * address in the table; an abstract name is found by its bytes. A socket leaves the table before
 * its last reference can go.
 */
#include <base/alloc.h>
#include <base/init.h>
#include <base/string.h>
#include <fs/pseudo.h>
#include <linux/fcntl.h>
#include <linux/un.h>
#include <task/task.h>
#include "unix.h"

#define BUCKETS		64u
#define SUN_HEAD	((u32)offsetof(struct sockaddr_un, sun_path))

static struct hlist names[BUCKETS];
static struct spinlock names_lock = SPINLOCK_INIT;
static struct list all_socks = LIST_INIT(all_socks);
static u32 next_auto;

static bool is_abstract(const char *sun, u32 len) { return len > SUN_HEAD && sun[SUN_HEAD] == 0; }

void unix_addr_put(struct unix_addr *a)
{
	if (ref_put(&a->ref))
		kfree(a);
}

void unix_addr_copy(const struct unix_addr *a, struct sock_addr *out)
{
	if (!a)
		return;
	memcpy(out->bytes, a->sun, a->len);
	out->len = a->len;
}

int unix_check_addr(const struct sock_addr *a)
{
	return a->len <= SUN_HEAD || a->len > sizeof(struct sockaddr_un) || a->family != AF_UNIX
		       ? -EINVAL
		       : 0;
}

/* A path's length is up to its NUL, which the kept name has. */
static u32 path_len(const struct sock_addr *a)
{
	return (u32)strnlen(a->bytes + SUN_HEAD, a->len - SUN_HEAD);
}

static struct unix_addr *addr_new(const char *bytes, u32 len)
{
	struct unix_addr *a = kmalloc(sizeof(*a) + len + 1);

	if (!a)
		return NULL;
	ref_init(&a->ref);
	a->len = len;
	memcpy(a->sun, bytes, len);
	a->sun[len] = 0;
	return a;
}

/* --- the table -------------------------------------------------------------------------------- */

static u64 hash_bytes(const char *p, u32 n)
{
	u64 h = 14695981039346656037ull;	/* FNV-1a */

	for (; n; n--)
		h = (h ^ (u8)*p++) * 1099511628211ull;
	return h | 1;				/* odd: never an inode's address */
}

static struct hlist *bucket(u64 key) { return &names[(key ^ key >> 7 ^ key >> 17) % BUCKETS]; }

/* names_lock held. type 0: any. */
static struct unix_sock *find(u64 key, const char *sun, u32 len, int type)
{
	struct unix_sock *u;

	hlist_for_each(u, bucket(key), name_link)
		if (u->name_key == key && (!type || u->s.type == type) &&
		    (!sun || (u->addr->len == len && !memcmp(u->addr->sun, sun, len))))
			return u;
	return NULL;
}

/* 0 or -EADDRINUSE (abstract names: of the same type). */
static int publish(struct unix_sock *u, struct unix_addr *a, u64 key, bool unique)
{
	int err = 0;

	spin_lock(&names_lock);
	if (unique && find(key, a->sun, a->len, u->s.type)) {
		err = -EADDRINUSE;
	} else {
		u->name_key = key;
		store_release(&u->addr, a);
		hlist_add(bucket(key), &u->name_link);
	}
	spin_unlock(&names_lock);
	return err;
}

void unix_unbind(struct unix_sock *u)
{
	spin_lock(&names_lock);
	hlist_del(&u->name_link);
	list_del(&u->all_link);
	spin_unlock(&names_lock);
	if (u->path.dentry)
		path_put(&u->path);
	u->path.dentry = NULL;
}

void unix_list_add(struct unix_sock *u)
{
	spin_lock(&names_lock);
	list_add_tail(&all_socks, &u->all_link);
	spin_unlock(&names_lock);
}

static struct unix_sock *get_found(u64 key, const char *sun, u32 len, int type)
{
	struct unix_sock *u;

	spin_lock(&names_lock);
	u = find(key, sun, len, type);
	if (u)
		unix_get(u);
	spin_unlock(&names_lock);
	return u;
}

static struct unix_sock *find_path(const char *name, int type)
{
	struct unix_sock *u = NULL;
	struct path p;
	int err = path_lookup(AT_FDCWD, name, LOOKUP_FOLLOW, &p);

	if (err)
		return ERR_PTR(err);
	err = inode_permission(p.dentry->inode, MAY_WRITE);
	if (!err && S_ISSOCK(p.dentry->inode->mode))
		u = get_found((u64)p.dentry->inode, NULL, 0, 0);
	path_put(&p);
	if (err)
		return ERR_PTR(err);
	if (u && u->s.type != type) {
		unix_put(u);
		return ERR_PTR(-EPROTOTYPE);
	}
	return u ?: ERR_PTR(-ECONNREFUSED);
}

struct unix_sock *unix_find(const struct sock_addr *a, int type)
{
	char name[UNIX_PATH_MAX + 1];
	struct unix_sock *u;
	u32 n;

	if (is_abstract(a->bytes, a->len)) {
		u = get_found(hash_bytes(a->bytes, a->len), a->bytes, a->len, type);
		return u ?: ERR_PTR(-ECONNREFUSED);
	}
	n = path_len(a);
	memcpy(name, a->bytes + SUN_HEAD, n);
	name[n] = 0;
	return find_path(name, type);
}

/* --- bind ------------------------------------------------------------------------------------- */

static int bind_path(struct unix_sock *u, const struct sock_addr *a)
{
	struct unix_addr *kept = addr_new(a->bytes, SUN_HEAD + path_len(a) + 1);
	char *name;
	int err;

	if (!kept)
		return -ENOMEM;
	name = kept->sun + SUN_HEAD;
	name[path_len(a)] = 0;
	err = vfs_make_socket(name, 0777 & ~current_umask(), &u->path);
	if (err == -EEXIST)
		err = -EADDRINUSE;
	if (err) {
		unix_addr_put(kept);
		return err;
	}
	return publish(u, kept, (u64)u->path.dentry->inode, false);
}

static int bind_abstract(struct unix_sock *u, const struct sock_addr *a)
{
	struct unix_addr *kept = addr_new(a->bytes, a->len);
	int err;

	if (!kept)
		return -ENOMEM;
	err = publish(u, kept, hash_bytes(kept->sun, kept->len), true);
	if (err)
		unix_addr_put(kept);
	return err;
}

/* Five hexadecimal digits that nobody has. */
int unix_autobind(struct unix_sock *u)
{
	struct sock_addr a = { .len = SUN_HEAD + 6, .family = AF_UNIX };
	int err = -EADDRINUSE;

	if (u->addr)
		return 0;
	for (u32 tries = 0; err == -EADDRINUSE && tries < 1u << 20; tries++) {
		u32 n = __atomic_fetch_add(&next_auto, 1, __ATOMIC_RELAXED) & 0xfffff;

		a.bytes[SUN_HEAD] = 0;
		for (u32 i = 0; i < 5; i++)
			a.bytes[SUN_HEAD + 1 + i] = "0123456789abcdef"[n >> (16 - 4 * i) & 15];
		err = bind_abstract(u, &a);
	}
	return err == -EADDRINUSE ? -ENOSPC : err;
}

int unix_bind(struct socket *s, const struct sock_addr *a)
{
	struct unix_sock *u = unix_of(s);
	bool automatic = a->len == SUN_HEAD && a->family == AF_UNIX;
	int err = automatic ? 0 : unix_check_addr(a);

	if (err)
		return err;
	mutex_lock(&u->ctl);
	if (automatic)
		err = unix_autobind(u);
	else if (u->addr)
		err = -EINVAL;
	else
		err = is_abstract(a->bytes, a->len) ? bind_abstract(u, a) : bind_path(u, a);
	mutex_unlock(&u->ctl);
	return err;
}

/* --- /proc/net/unix --------------------------------------------------------------------------- */

/* The socket behind u in the list (NULL: the first), referenced; u is put. */
static struct unix_sock *next_sock(struct unix_sock *u)
{
	struct unix_sock *next = NULL;
	struct list *l;

	spin_lock(&names_lock);
	l = u ? u->all_link.next : all_socks.next;
	for (; l != &all_socks && !next; l = l->next) {
		if (u && l == &u->all_link)
			break;		/* u has left the list meanwhile: the rest is not shown */
		if (ref_get_unless_zero(&list_entry(l, struct unix_sock, all_link)->ref))
			next = list_entry(l, struct unix_sock, all_link);
	}
	spin_unlock(&names_lock);
	if (u)
		unix_put(u);
	return next;
}

static void show_sock(struct seq *s, struct unix_sock *u)
{
	struct unix_addr *a = load_acquire(&u->addr);
	bool listening = u->state == UNIX_LISTENING;

	seq_printf(s, "%016lx: %08X 00000000 %08X %04X %02X %5lu", 0ul, (u32)ref_read(&u->ref) - 1,
		   listening ? 0x10000u : 0, (u32)u->s.type, u->state == UNIX_CONNECTED ? 3 : 1,
		   u->s.ino);
	if (a && a->len > SUN_HEAD) {
		seq_putc(s, ' ');
		for (u32 i = SUN_HEAD; i < a->len && (a->sun[i] || is_abstract(a->sun, a->len));
		     i++)
			seq_putc(s, a->sun[i] ? a->sun[i] : '@');
	}
	seq_putc(s, '\n');
}

static int show_all(struct seq *s, void *arg)
{
	struct unix_sock *u = NULL;

	seq_puts(s, "Num               RefCount Protocol Flags    Type St Inode Path\n");
	while ((u = next_sock(u)))
		show_sock(s, u);
	return 0;
}
static const struct pseudo_ops unix_proc_ops = { .show = show_all };

static int unix_proc_init(void)
{
	return pseudo_file(proc_root, "net/unix", 0444, &unix_proc_ops, NULL) ? 0 : -ENOMEM;
}
INITCALL(late, unix_proc_init);
