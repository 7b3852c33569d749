/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Executable memory as seen from outside: /proc/kallsyms, and in debugfs tine/execmem (statistics),
 * tine/wx (is anything writable and executable?), tine/execmem_test (exercises it).
 */
#include <base/alloc.h>
#include <base/init.h>
#include <base/printk.h>
#include <base/string.h>
#include <drv/random.h>
#include <fs/pseudo.h>
#include <hal/boot.h>
#include <hal/sync.h>
#include <insn/arm64.h>
#include <lib/format.h>
#include <linux/capability.h>
#include <task/task.h>
#include <text/execmem.h>
#include <text/image.h>
#include <text/space.h>
#include <text/wx.h>

/* --- names ------------------------------------------------------------------------------------ */

/* Addresses only for those who may see the kernel's log (proc(5), kptr_restrict). */
static int show_kallsyms(struct seq *s, void *arg)
{
	bool open = capable(CAP_SYSLOG);
	struct text_symbol sym;
	const char *name;
	u64 addr;

	for (u32 n = 0; (name = arch_symbol_nth(n, &addr)); n++)
		seq_printf(s, "%016lx T %s\n", open ? addr : 0, name);
	for (addr = 0; text_image_from(addr, &sym); addr = sym.start + sym.size)
		seq_printf(s, "%016lx t %s\t[%s]\n", open ? sym.start : 0, sym.name, sym.tenant);
	return 0;
}

/* --- statistics ------------------------------------------------------------------------------- */

static int show_execmem(struct seq *s, void *arg)
{
	struct execmem_stats e;

	execmem_stats(&e);
	seq_printf(s, "blocks %u\ngranule %u\nused %u\nfree %u\nlargest %u\n", e.blocks,
		   SPACE_GRANULE, e.used, e.free, e.largest);
	seq_printf(s, "allocs %lu\nfrees %lu\nfills %lu\nfilled %lu\nupdates %lu\n", e.allocs,
		   e.frees, e.fills, e.filled, e.updates);
	for (struct text_tenant *t = NULL; (t = text_tenant_next(t));)
		seq_printf(s, "tenant %s %lu bytes %lu images limit %lu\n", t->name,
			   READ_ONCE(t->bytes), READ_ONCE(t->images), READ_ONCE(t->limit));
	return 0;
}

struct wx_text {
	struct seq *s;
	u64 windows, bad;
};

static void wx_found(void *arg, enum wx_what what, const struct exec_leaf *l)
{
	struct wx_text *t = arg;

	if (what == WX_WINDOW) {
		t->windows++;
		return;
	}
	t->bad++;
	seq_printf(t->s, "BAD %s %016lx size %lx physical %lx\n",
		   what == WX_BOTH ? "write+exec" : "writable alias", l->va, l->size, l->pa);
}

static int show_wx(struct seq *s, void *arg)
{
	struct wx_text t = { .s = s };
	struct wx_report r = { .found = wx_found, .arg = &t };

	wx_check(&r);
	seq_printf(s,
		   "%s %lu violations, %lu windows open, %lu leaves, %lu executable of %lu bytes\n",
		   t.bad || r.full ? "BAD" : "ok", t.bad, t.windows, r.leaves, r.exec_leaves,
		   r.exec_bytes);
	return 0;
}

/* --- exercise --------------------------------------------------------------------------------- */

struct test_end {
	struct text_retired r;
	struct completion done;
};

static void test_retired(struct text_retired *r)
{
	complete(&container_of(r, struct test_end, r)->done);
}

/* The word after `nop` gives x0 a value: fn(arg) is that value, or arg when the nop is a branch. */
static bool test_code(char *p, size_t size, u16 value)
{
	const u32 nop = a64_hint(A64_NOP);
	u32 code[] = { nop, a64_movw(A64_MOVZ, true, 0, value, 0), a64_jump_reg(A64_RET, 30) };
	u32 skip = a64_b(8);
	u64 (*fn)(u64) = (u64 (*)(u64))(void *)(p + size - sizeof(code));
	u32 *first = (u32 *)(p + size - sizeof(code));

	if (execmem_fill(first, code, sizeof(code)) || fn(7) != value)
		return false;
	if (execmem_update(first, nop, skip))
		return false;
	text_sync();
	if (fn(7) != 7)
		return false;
	return execmem_update(first, nop, skip) == -ESTALE &&
	       execmem_update(first + 1, code[1], nop) == -EINVAL &&
	       execmem_update(first + 3, 0, nop) == -EINVAL &&
	       execmem_fill(first, code, sizeof(code) + SPACE_GRANULE) == -EINVAL;
}

/* New memory is all zeros, which are traps. */
static bool test_once(size_t size)
{
	char *p = execmem_alloc(size, is_aligned(size, 256) ? 4096 : 64);
	struct test_end end;
	u16 value;
	bool ok;

	if (!p)
		return false;
	ok = !*p && !memcmp(p, p + 1, size - 1);
	get_random_bytes(&value, sizeof(value));
	ok = ok && test_code(p, size, value);
	completion_init(&end.done);
	text_retire(&end.r, test_retired);
	completion_wait(&end.done);
	execmem_free(p);
	return ok;
}

/* "SIZE COUNT": allocates, fills, calls, updates, retires and frees, so many times. */
static ssize_t store_test(const char *buf, size_t n, void *arg)
{
	u64 size, count;
	const char *end;

	if (!parse_u64(buf, &end, 10, &size) || *end != ' ' ||
	    !parse_u64(end + 1, &end, 10, &count) || size < 12 || size % 4)
		return -EINVAL;
	while (count--)
		if (!test_once(size))
			return -EIO;
	return (ssize_t)n;
}

static const struct pseudo_ops kallsyms_ops = {.show = show_kallsyms},
			       execmem_ops = {.show = show_execmem}, wx_ops = {.show = show_wx},
			       test_ops = {.store = store_test};

static int text_files(void)
{
	pseudo_file(proc_root, "kallsyms", 0444, &kallsyms_ops, NULL);
	pseudo_file(debugfs_root, "tine/execmem", 0400, &execmem_ops, NULL);
	pseudo_file(debugfs_root, "tine/wx", 0400, &wx_ops, NULL);
	pseudo_file(debugfs_root, "tine/execmem_test", 0200, &test_ops, NULL);
	return 0;
}
INITCALL(late, text_files);
