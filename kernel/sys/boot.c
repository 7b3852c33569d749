/* SPDX-License-Identifier: BSD-2-Clause */
/* What the kernel learns from the boot loader, and what has to be set up from it before other code
 * can run. */
#include <base/alloc.h>
#include <base/errno.h>
#include <base/printk.h>
#include <base/string.h>
#include <drv/console.h>
#include <drv/klog.h>
#include <drv/machine.h>
#include <hal/cpu.h>
#include <lib/fdt.h>
#include <lib/format.h>
#include <mm/page.h>
#include <mm/slab.h>
#include <sys/boot.h>
#include <task/task.h>

#define CMDLINE_MAX 4096

extern char _percpu_start[], _percpu_end[];
static char cmdline[CMDLINE_MAX], words_text[CMDLINE_MAX];
const char *machine_cmdline = cmdline;
struct initrd boot_initrd;

/* --- memory
 * ----------------------------------------------------------------------------------------- */

static void read_memory(const void *fdt)
{
	u64 start, size;

	for (int n = -1; (n = dt_next_type(fdt, n, "memory")) >= 0;)
		for (u32 i = 0; dt_reg(fdt, n, i, &start, &size); i++)
			if (size)
				early_add_bank(start, start + size);
	for (u32 i = 0; dt_reserved(fdt, i, &start, &size); i++)
		early_reserve(start, start + size);
}

static void read_chosen(const void *fdt)
{
	int chosen = dt_path(fdt, "/chosen");
	const char *args = dt_prop_string(fdt, chosen, "bootargs");

	if (args && strlcpy(cmdline, args, sizeof(cmdline)) >= sizeof(cmdline))
		pr_warn("boot: the command line is longer than %u bytes: cut\n", CMDLINE_MAX - 1);
	if (dt_prop_u64(fdt, chosen, "linux,initrd-start", &boot_initrd.start) &&
	    dt_prop_u64(fdt, chosen, "linux,initrd-end", &boot_initrd.end) &&
	    boot_initrd.start < boot_initrd.end)
		early_reserve(boot_initrd.start, boot_initrd.end);
	else
		boot_initrd = (struct initrd){ 0, 0 };
}

static void read_cpus(const void *fdt)
{
	u32 n = 0;

	for (int c = -1; (c = dt_next_type(fdt, c, "cpu")) >= 0;) {
		u64 mpidr, size;

		if (!dt_reg(fdt, c, 0, &mpidr, &size) || !dt_enabled(fdt, c))
			continue;
		if (n < MAX_CPUS)
			arch_set_mpidr(n, mpidr);
		n++;
	}
	if (n > MAX_CPUS)
		pr_warn("boot: %u CPUs, %u are used\n", n, MAX_CPUS);
	nr_cpus = clamp(n, 1u, (u32)MAX_CPUS);
}

static void read_psci(const void *fdt)
{
	const char *method = dt_prop_string(fdt, dt_path(fdt, "/psci"), "method");

	if (method)
		arch_set_psci(!strcmp(method, "hvc"));
}

static void start_early_console(const void *fdt)
{
	int uart = dt_next_compatible(fdt, -1, "arm,pl011");
	u64 pa, size;

	if (uart >= 0 && dt_reg(fdt, uart, 0, &pa, &size))
		arch_early_uart(pa);
}

static i32 parse_int(const char *s)
{
	bool negative = *s == '-';
	i32 v = 0;

	for (s += negative; *s >= '0' && *s <= '9' && v < 100000; s++)
		v = v * 10 + (*s - '0');
	return negative ? -v : v;
}

/* cow_tables=off, to whichever process: fork copies page tables. The word ends at a space. */
static void set_cow_tables(const char *word)
{
	cow_tables_off = word && !memcmp(word, "off", 3) && (!word[3] || word[3] == ' ');
}

void boot_read_machine(const struct boot_info *bi)
{
	size_t size = bi->fdt ? dt_check(bi->fdt, 2 * MIB) : 0;

	if (!size)
		panic("no device tree: x0 must point to one at entry");
	machine_fdt = bi->fdt;
	start_early_console(bi->fdt);
	read_memory(bi->fdt);
	early_reserve(bi->image_start, bi->image_end);
	early_reserve(bi->fdt_pa, bi->fdt_pa + size);
	read_chosen(bi->fdt);
	console_read_words();
	read_cpus(bi->fdt);
	read_psci(bi->fdt);
	slab_debug = cmdline_word("slab_debug") != NULL;
	set_cow_tables(cmdline_word("cow_tables"));
	if (cmdline_word("quiet"))
		klog_console_level = 4;
	if (cmdline_word("debug"))
		klog_console_level = 8;
	if (cmdline_word("loglevel"))
		klog_console_level = clamp(parse_int(cmdline_word("loglevel")), 1, 8);
	if (cmdline_word("panic"))
		panic_timeout = parse_int(cmdline_word("panic"));
}

/* --- command line
 * ----------------------------------------------------------------------------------------- */

/* The n-th such word, or the last if there are not so many. *left: how many are missing to n + 1. */
static const char *find_word(const char *name, u32 nth, u32 *left)
{
	static char value[256];
	const char *found = NULL;
	size_t n = strlen(name);

	*left = nth + 1;
	for (const char *p = cmdline; *p && *left;) {
		size_t len = 0;

		while (*p == ' ')
			p++;
		while (p[len] && p[len] != ' ')
			len++;
		if (len >= n && !memcmp(p, name, n) && (len == n || p[n] == '=')) {
			size_t skip = len == n ? n : n + 1, m = min(len - skip, sizeof(value) - 1);

			memcpy(value, p + skip, m);
			value[m] = 0;
			found = value;
			--*left;
		}
		p += len;
	}
	return found;
}

const char *cmdline_word(const char *name)
{
	u32 left;

	return find_word(name, ~0u - 1, &left);
}

const char *cmdline_word_nth(const char *name, u32 n)
{
	u32 left;
	const char *found = find_word(name, n, &left);

	return left ? NULL : found;
}

/* Words that the kernel takes for itself; all others go to init (kernel-parameters, "init="). */
static bool kernel_word(const char *w)
{
	static const char *const known[] = {
		"console",    "rdinit",	    "init",	  "root",     "quiet", "panic",
		"ro",	      "rw",	    "rootfstype", "loglevel", "debug", "earlycon",
		"cow_tables", "slab_debug", "nokaslr",	  "maxcpus", "hal_check",
	};
	size_t n = 0;

	while (w[n] && w[n] != '=')
		n++;
	for (u32 i = 0; i < ARRAY_SIZE(known); i++)
		if (strlen(known[i]) == n && !memcmp(known[i], w, n))
			return true;
	return memchr(w, '.', n) != NULL;	/* a module's parameter: not for init either */
}

/* Splits text at spaces, in place; quotes keep spaces together. */
static char *next_word(char **text)
{
	char *p = *text, *start;
	bool quoted = false;

	while (*p == ' ')
		p++;
	start = p;
	for (; *p && (quoted || *p != ' '); p++)
		if (*p == '"')
			quoted = !quoted;
	if (*p)
		*p++ = 0;
	*text = p;
	return *start ? start : NULL;
}

void boot_parse_cmdline(struct boot_words *w)
{
	u32 nargs = 1, nenv = 0;
	char *text = words_text, *word;
	bool rest = false;

	strlcpy(words_text, cmdline, sizeof(words_text));
	*w = (struct boot_words){ 0 };
	w->envp[nenv++] = "HOME=/";
	w->envp[nenv++] = "TERM=linux";
	while ((word = next_word(&text))) {
		if (!strcmp(word, "--"))
			rest = true;
		else if (!rest && !strncmp(word, "rdinit=", 7))
			w->init = word + 7, w->ramdisk_init = true;
		else if (!rest && !strncmp(word, "init=", 5) && !w->ramdisk_init)
			w->init = word + 5;
		else if (!rest && kernel_word(word))
			continue;
		else if (!rest && strchr(word, '=') && nenv < BOOT_MAX_WORDS)
			w->envp[nenv++] = word;
		else if (nargs < BOOT_MAX_WORDS)
			w->argv[nargs++] = word;
	}
}

/* --- CPUs
 * --------------------------------------------------------------------------------------------------
 */

static size_t percpu_size(void) { return (size_t)(_percpu_end - _percpu_start); }

/* The first CPU's variables lie in the image, apart from this template. */
void boot_percpu_init(void)
{
	size_t size = align_up(percpu_size(), PAGE_SIZE);

	for (u32 n = 1; n < nr_cpus; n++) {
		char *area = kmalloc(size);

		if (!area)
			panic("no memory for CPU %u", n);
		memcpy(area, _percpu_start, percpu_size());
		percpu_offset[n] = (u64)area - (u64)_percpu_start;
	}
}

void boot_start_cpus(void)
{
	for (u32 n = 1; n < nr_cpus; n++) {
		void *stack = kstack_alloc();
		int err;
		u64 give_up;

		if (!stack)
			panic("no memory for CPU %u's stack", n);
		idle_tasks[n].core.stack = stack;
		err = arch_start_cpu(n, kstack_top(stack), &idle_tasks[n]);
		give_up = clock_ns() + 1000000000ull;
		while (!err && !(load_acquire(&online_cpus) & BIT(n))) {
			cpu_relax();
			if (clock_ns() > give_up)
				err = -ETIMEDOUT;
		}
		if (err)
			pr_err("CPU %u does not start: error %d\n", n, -err);
	}
}
