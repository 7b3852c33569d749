/* SPDX-License-Identifier: BSD-2-Clause */
/* Generated files about what only this layer sees whole: processors, interrupts, names, random
 * numbers, debugfs. */
#include <base/init.h>
#include <base/string.h>
#include <drv/console.h>
#include <drv/klog.h>
#include <drv/machine.h>
#include <drv/random.h>
#include <drv/tty.h>
#include <fs/proc.h>
#include <fs/pseudo.h>
#include <fs/sysctl.h>
#include <hal/cpu.h>
#include <hal/tlb.h>
#include <lib/format.h>
#include <mm/audit.h>
#include <sys/syscall.h>
#include <task/task.h>
#include <task/uts.h>

/* --- names ------------------------------------------------------------------------------------ */

static int show_version(struct seq *s, void *arg)
{
	struct uts_names u;

	uts_get(&u);
	seq_printf(s, "%s version %s (tine@tine) (gcc) %s\n", u.sysname, u.release, u.version);
	return 0;
}

/* arg: offset of the name in struct uts_names. */
static int show_uts(struct seq *s, void *arg)
{
	struct uts_names u;

	uts_get(&u);
	seq_printf(s, "%s\n", (char *)&u + (u64)arg);
	return 0;
}

static ssize_t store_uts(const char *buf, size_t n, void *arg)
{
	char name[65] = "";

	strlcpy(name, buf, sizeof(name));
	if (strchr(name, '\n'))
		*strchr(name, '\n') = 0;
	uts_set((char *)&uts + (u64)arg, name);
	return (ssize_t)n;
}

static int show_cmdline(struct seq *s, void *arg)
{
	seq_printf(s, "%s\n", machine_cmdline);
	return 0;
}

static const struct pseudo_ops version_ops = {.show = show_version},
			       cmdline_ops = {.show = show_cmdline};
static const struct pseudo_ops uts_ops = {.show = show_uts},
			       uts_rw_ops = {.show = show_uts, .store = store_uts};

/* --- processors and interrupts ---------------------------------------------------------------- */

static void show_features(struct seq *s)
{
	/* AT_HWCAP's bits in order, by the names that readers of /proc/cpuinfo know. */
	static const char *const names[] = {
		"fp",	   "asimd", "evtstrm", "aes",	"pmull",    "sha1",   "sha2", "crc32",
		"atomics", "fphp",  "asimdhp", "cpuid", "asimdrdm", "jscvt",  "fcma", "lrcpc",
		"dcpop",   "sha3",  "sm3",     "sm4",	"asimddp",  "sha512", "sve",  "asimdfhm",
		"dit",	   "uscat", "ilrcpc",  "flagm", "ssbs",	    "sb",     "paca", "pacg",
	};
	static const char *const names2[] = {
		"dcpodp",  "sve2",   "sveaes", "svepmull", "svebitperm", "svesha3",
		"svesm4",  "flagm2", "frint",  "svei8mm",  "svef32mm",	 "svef64mm",
		"svebf16", "i8mm",   "bf16",   "dgh",	   "rng",	 "bti",
		"mte",	   "ecv",    "afp",    "rpres",
	};
	u64 cap = arch_hwcap(), cap2 = arch_hwcap2();

	seq_puts(s, "Features\t: ");
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		if (cap & BIT(i))
			seq_printf(s, "%s ", names[i]);
	for (u32 i = 0; i < ARRAY_SIZE(names2); i++)
		if (cap2 & BIT(i))
			seq_printf(s, "%s ", names2[i]);
	seq_putc(s, '\n');
}

static int show_cpuinfo(struct seq *s, void *arg)
{
	u64 hz = arch_counter_hz();
	u32 midr = arch_midr();

	for_each_cpu(n) {
		seq_printf(s, "processor\t: %u\nBogoMIPS\t: %lu.%02lu\n", n, hz / 500000,
			   hz / 5000 % 100);
		show_features(s);
		seq_printf(s,
			   "CPU implementer\t: 0x%02x\nCPU architecture: 8\nCPU variant\t: "
			   "0x%x\nCPU part\t: 0x%03x\n"
			   "CPU revision\t: %u\n\n",
			   midr >> 24, midr >> 20 & 15, midr >> 4 & 0xfff, midr & 15);
	}
	return 0;
}

static int show_interrupts(struct seq *s, void *arg)
{
	const char *name;
	u64 count;

	seq_puts(s, "     ");
	for_each_cpu(n)
		seq_printf(s, "       CPU%-2u", n);
	seq_putc(s, '\n');
	for (u32 irq = 0; irq < 1020; irq++) {
		if (!irq_stats(irq, 0, &name, &count))
			continue;
		seq_printf(s, "%3u: ", irq);
		for_each_cpu(n) {
			irq_stats(irq, n, &name, &count);
			seq_printf(s, "%10lu ", count);
		}
		seq_printf(s, "     GIC  %s\n", name ? name : "");
	}
	return 0;
}
/* The sum, then every number's count up to the last that has a handler. */
static void intr_line(struct seq *s)
{
	u64 total = 0, count;
	const char *name;
	u32 end = 0;

	for (u32 irq = 0; irq < 1020; irq++)
		for_each_cpu(n)
			if (irq_stats(irq, n, &name, &count)) {
				total += count;
				end = irq + 1;
			}
	seq_printf(s, "intr %lu", total);
	for (u32 irq = 0; irq < end; irq++) {
		u64 all = 0;

		for_each_cpu(n)
			if (irq_stats(irq, n, &name, &count))
				all += count;
		seq_printf(s, " %lu", all);
	}
	seq_putc(s, '\n');
}

static const struct pseudo_ops cpuinfo_ops = {.show = show_cpuinfo},
			       interrupts_ops = {.show = show_interrupts};

/* --- random numbers --------------------------------------------------------------------------- */

static u8 boot_id[16];		/* made when first asked for; boot_id_lock */
static struct mutex boot_id_lock = MUTEX_INIT(boot_id_lock);

static void print_uuid(struct seq *s, u8 *b)
{
	b[6] = (b[6] & 0x0f) | 0x40;	/* RFC 9562: version 4, variant 1 */
	b[8] = (b[8] & 0x3f) | 0x80;
	for (u32 i = 0; i < 16; i++)
		seq_printf(s, i == 4 || i == 6 || i == 8 || i == 10 ? "-%02x" : "%02x", b[i]);
	seq_putc(s, '\n');
}
static int show_uuid(struct seq *s, void *arg)
{
	u8 b[16];

	get_random_bytes(b, sizeof(b));
	print_uuid(s, b);
	return 0;
}
static int show_boot_id(struct seq *s, void *arg)
{
	mutex_lock(&boot_id_lock);
	if (!boot_id[8])	/* never 0 once made: it holds the variant */
		get_random_bytes(boot_id, sizeof(boot_id));
	print_uuid(s, boot_id);
	mutex_unlock(&boot_id_lock);
	return 0;
}
static int show_text(struct seq *s, void *arg)
{
	seq_puts(s, arg);
	return 0;
}
static const struct pseudo_ops uuid_ops = {.show = show_uuid}, boot_id_ops = {.show = show_boot_id};
static const struct pseudo_ops text_ops = { .show = show_text };

/* --- debugfs ---------------------------------------------------------------------------------- */

static int show_syscalls(struct seq *s, void *arg)
{
	for (u32 nr = 0; nr < NR_SYSCALLS; nr++) {
		u64 n = READ_ONCE(syscall_unknown_count[nr]);

		if (n)
			seq_printf(s, "%u %s %lu\n", nr, syscall_name(nr), n);
	}
	return 0;
}

static void audit_line(void *arg, const char *text)
{
	seq_printf(arg, "%s\n", text);
}
static int show_audit(struct seq *s, void *arg)
{
	struct audit_report r = { .line = audit_line, .arg = s };

	/* text that grew while it runs would change what it counts */
	if (seq_reserve(s, 32 * KIB - 1))
		audit_run(&r);
	return 0;
}
/* Invalidation instructions issued, by what they name. */
static int show_tlb(struct seq *s, void *arg)
{
	struct tlb_stats t = { 0 };

	for_each_cpu(n) {
		const struct tlb_stats *c = &per_cpu(tlb_stats, n);

		t.page += c->page;
		t.range += c->range;
		t.asid += c->asid;
		t.all += c->all;
	}
	seq_printf(s, "page %lu\nrange %lu\nasid %lu\nall %lu\n", t.page, t.range, t.asid, t.all);
	return 0;
}

static const struct pseudo_ops syscalls_ops = {.show = show_syscalls},
			       audit_ops = {.show = show_audit},
			       tlb_ops = {.show = show_tlb};

/* --- terminals of processes ------------------------------------------------------------------- */

static void tty_info(struct process *p, u32 *dev, i32 *pgid)
{
	u64 flags = spin_lock_irqsave(&proc_lock);
	struct tty *t = p->tty;

	*dev = t ? t->dev : 0;
	*pgid = t ? t->pgid : -1;
	spin_unlock_irqrestore(&proc_lock, flags);
}

static int show_console(struct seq *s, void *arg)
{
	struct tty *t;

	for (u32 n = 0; (t = console_nth(n)); n++)
		seq_printf(s, "%s%s", n ? " " : "", t->name);
	seq_putc(s, '\n');
	return 0;
}
static int show_midr(struct seq *s, void *arg)
{
	seq_printf(s, "0x%016lx\n", (u64)arch_midr());
	return 0;
}
static const struct pseudo_ops console_ops = {.show = show_console}, midr_ops = {.show = show_midr};
static const char tty_drivers[] =
	"/dev/tty             /dev/tty        5       0 system:/dev/tty\n"
	"/dev/console         /dev/console    5       1 system:console\n"
	"/dev/ptmx            /dev/ptmx       5       2 system\n"
	"ttyAMA               /dev/ttyAMA   204 64-77 serial\n"
	"hvc                  /dev/hvc      229 0-7 system\n"
	"pty_slave            /dev/pts      136 0-1048575 pty:slave\n"
	"pty_master           /dev/ptm      128 0-1048575 pty:master\n";

/* Level of the console, of messages without one, the lowest that may be set, at boot; only the first
 * can be set (proc_sys_kernel(5)). */
static int show_printk(struct seq *s, void *arg)
{
	seq_printf(s, "%d\t4\t1\t7\n", READ_ONCE(klog_console_level));
	return 0;
}
static ssize_t store_printk(const char *buf, size_t n, void *arg)
{
	u64 v;

	if (sysctl_parse(buf, &v) || v < 1 || v > 8)
		return -EINVAL;
	WRITE_ONCE(klog_console_level, (int)v);
	return (ssize_t)n;
}
static const struct pseudo_ops printk_ops = {.show = show_printk, .store = store_printk};

static int procfs_fill(void)
{
	struct pseudo_node *k = pseudo_dir(proc_root, "sys/kernel");

	proc_tty_info = tty_info;
	proc_intr_line = intr_line;
	pseudo_file(proc_root, "version", 0444, &version_ops, NULL);
	pseudo_file(proc_root, "cmdline", 0444, &cmdline_ops, NULL);
	pseudo_file(proc_root, "cpuinfo", 0444, &cpuinfo_ops, NULL);
	pseudo_file(proc_root, "interrupts", 0444, &interrupts_ops, NULL);
	pseudo_file(k, "ostype", 0444, &uts_ops, (void *)offsetof(struct uts_names, sysname));
	pseudo_file(k, "osrelease", 0444, &uts_ops, (void *)offsetof(struct uts_names, release));
	pseudo_file(k, "version", 0444, &uts_ops, (void *)offsetof(struct uts_names, version));
	pseudo_file(k, "hostname", 0644, &uts_rw_ops, (void *)offsetof(struct uts_names, nodename));
	pseudo_file(k, "domainname", 0644, &uts_rw_ops,
		    (void *)offsetof(struct uts_names, domainname));
	pseudo_file(k, "printk", 0644, &printk_ops, NULL);
	pseudo_file(k, "random/uuid", 0444, &uuid_ops, NULL);
	pseudo_file(k, "random/boot_id", 0444, &boot_id_ops, NULL);
	pseudo_file(k, "random/entropy_avail", 0444, &text_ops, "256\n");
	pseudo_file(k, "random/poolsize", 0444, &text_ops, "256\n");
	pseudo_file(proc_root, "tty/drivers", 0444, &text_ops, (void *)tty_drivers);
	pseudo_file(sysfs_root, "class/tty/console/active", 0444, &console_ops, NULL);
	for (u32 n = 0; n < nr_cpus; n++) {
		char path[64];

		snprintf(path, sizeof(path),
			 "devices/system/cpu/cpu%u/regs/identification/midr_el1", n);
		pseudo_file(sysfs_root, path, 0444, &midr_ops, NULL);
	}
	pseudo_file(debugfs_root, "tine/syscalls", 0400, &syscalls_ops, NULL);
	pseudo_file(debugfs_root, "tine/audit", 0400, &audit_ops, NULL);
	pseudo_file(debugfs_root, "tine/tlb", 0400, &tlb_ops, NULL);
	return 0;
}
INITCALL(late, procfs_fill);
