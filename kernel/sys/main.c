/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The order of boot. The boot context sets up what everything needs, makes the thread that does the
 * rest, and becomes the first CPU's idle task. That thread may sleep: it starts drivers and file
 * systems, the other CPUs, unpacks the initrd, and starts process 1.
 */
#include <base/init.h>
#include <base/printk.h>
#include <base/string.h>
#include <drv/console.h>
#include <drv/machine.h>
#include <fs/fd.h>
#include <fs/vfs.h>
#include <linux/fcntl.h>
#include <mm/page.h>
#include <sys/boot.h>
#include <task/task.h>

extern initcall_t _initcall_core[], _initcall_subsys[], _initcall_fs[], _initcall_device[],
	_initcall_late[], _initcall_end[];

static void run_initcalls(initcall_t *from, initcall_t *to)
{
	for (; from < to; from++) {
		int err = (*from)();

		if (err < 0) {
			u64 off;
			const char *name = arch_symbol((u64)*from, &off, NULL);

			pr_err("boot: %s failed: error %d\n", name ? name : "?", -err);
		}
	}
}

static void unpack_initrd(void)
{
	paddr_t start = boot_initrd.start, end = boot_initrd.end;
	int err;

	if (start == end)
		return;
	err = initramfs_unpack(phys_to_virt(start), end - start);
	if (err)
		pr_err("boot: the initrd is damaged (error %d): what was unpacked before stays\n",
		       -err);
	mm_free_reserved(align_up(start, PAGE_SIZE), align_down(end, PAGE_SIZE));
}

/* Descriptors 0, 1 and 2 of process 1. */
static void open_console(void)
{
	struct file *f;

	console_wait();
	f = file_open(AT_FDCWD, "/dev/console", O_RDWR, 0);
	if (IS_ERR(f)) {
		pr_err("boot: cannot open /dev/console: error %ld\n", -PTR_ERR(f));
		return;
	}
	for (int fd = 0; fd < 3; fd++)
		fd_publish(file_get(f), 0);
	file_put(f);
}

static int try_init(struct boot_words *w, const char *path)
{
	int err;

	w->argv[0] = path;
	err = kernel_exec(path, w->argv, w->envp);
	if (err && err != -ENOENT)
		pr_err("boot: cannot run %s: error %d\n", path, -err);
	return err;
}

static void start_init(void)
{
	static const char *const fallbacks[] = {"/sbin/init", "/etc/init", "/bin/init", "/bin/sh"};
	static struct boot_words words;

	boot_parse_cmdline(&words);
	if (words.init && try_init(&words, words.init) == 0)
		return;
	if (words.init && !words.ramdisk_init)
		panic("the init that the command line names (%s) does not run", words.init);
	if (!words.init && try_init(&words, "/init") == 0)
		return;
	for (u32 i = 0; i < ARRAY_SIZE(fallbacks); i++)
		if (try_init(&words, fallbacks[i]) == 0)
			return;
	panic("no init found: the initrd must hold /init, or the command line name one with "
	      "rdinit=");
}

static void boot_thread(void *arg)
{
	run_initcalls(_initcall_subsys, _initcall_late);
	boot_start_cpus();
	run_initcalls(_initcall_late, _initcall_end);
	unpack_initrd();
	open_console();
	start_init();
}

__noreturn void kernel_main(struct boot_info *bi)
{
	boot_read_machine(bi);
	pr_info("Tine on arm64, EL%u: %s\n", bi->el, machine_cmdline);
	mm_init();
	boot_percpu_init();
	task_init();
	sched_init();
	if (irq_init())
		panic("no interrupt controller that this kernel knows (GICv2 or GICv3)");
	irq_enable();
	run_initcalls(_initcall_core, _initcall_subsys);
	if (IS_ERR(kthread_start(boot_thread, NULL, "boot")))
		panic("no memory for the first thread");
	idle_loop();
}

__noreturn void secondary_main(void)
{
	irq_init_cpu();
	atomic_or(&online_cpus, BIT(cpu_id()));
	idle_loop();
}
