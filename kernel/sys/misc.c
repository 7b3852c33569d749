/* SPDX-License-Identifier: BSD-2-Clause */
/* The system as a whole: its name, its memory, its end; random numbers; odd ends. */
#include <base/printk.h>
#include <base/string.h>
#include <drv/random.h>
#include <hal/uaccess.h>
#include <linux/random.h>
#include <linux/reboot.h>
#include <linux/sysinfo.h>
#include <linux/utsname.h>
#include <sys/syscall.h>
#include <task/task.h>
#include <task/uts.h>

/* --- names ------------------------------------------------------------------------------- */

SYSCALL(uname)
{
	struct uts_names u;

	uts_get(&u);
	if (current_proc()->personality & 0x0020000 /* UNAME26 */)
		strlcpy(u.release, "2.6.60-tine", sizeof(u.release));
	return copy_to_user((void __user *)a[0], &u, sizeof(u)) ? -EFAULT : 0;
}

static i64 set_name(char *field, u64 uname, i64 len)
{
	char name[65] = "";

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (len < 0 || len > 64)
		return -EINVAL;
	if (copy_from_user(name, (void __user *)uname, (size_t)len))
		return -EFAULT;
	uts_set(field, name);
	return 0;
}

SYSCALL(sethostname) { return set_name(uts.nodename, a[0], (int)a[1]); }
SYSCALL(setdomainname) { return set_name(uts.domainname, a[0], (int)a[1]); }

SYSCALL(personality)
{
	struct process *p = current_proc();
	u32 old = p->personality;

	if ((u32)a[0] != 0xffffffff)
		p->personality = (u32)a[0];
	return old;
}

/* --- the machine ------------------------------------------------------------------------- */

SYSCALL(sysinfo)
{
	struct mem_totals m;
	struct sysinfo s;
	u64 load[3];

	memset(&s, 0, sizeof(s));
	mem_totals(&m);
	sched_loadavg(load);
	for (int i = 0; i < 3; i++)
		s.loads[i] = load[i] << (SI_LOAD_SHIFT - 11);
	s.uptime = (long)(clock_ns() / 1000000000);
	s.totalram = m.total << PAGE_SHIFT;
	s.freeram = m.free << PAGE_SHIFT;
	s.sharedram = m.shmem << PAGE_SHIFT;
	s.procs = (u16)min(nr_tasks(), 65535u);
	s.mem_unit = 1;
	return copy_to_user((void __user *)a[0], &s, sizeof(s)) ? -EFAULT : 0;
}

SYSCALL(getcpu)
{
	u32 cpu = cpu_id();

	if (a[0] && put_user(cpu, (u32 __user *)a[0]))
		return -EFAULT;
	return a[1] ? put_user(0u, (u32 __user *)a[1]) : 0;
}

SYSCALL(getrandom)
{
	u8 chunk[256];
	u64 done = 0, n = min(a[1], (u64)INT32_MAX);

	if (a[2] & ~(u64)(GRND_NONBLOCK | GRND_RANDOM | GRND_INSECURE) ||
	    (a[2] & (GRND_RANDOM | GRND_INSECURE)) == (GRND_RANDOM | GRND_INSECURE))
		return -EINVAL;
	while (done < n) {
		size_t part = min(n - done, sizeof(chunk)), left;

		get_random_bytes(chunk, part);
		left = copy_to_user((char __user *)a[0] + done, chunk, part);
		done += part - left;
		if (left)
			return done ? (i64)done : -EFAULT;
		if (done < n && done % PAGE_SIZE == 0) {
			if (sleep_interrupted(SLEEP_INTERRUPTIBLE))
				break;
			cond_resched();
		}
	}
	memset(chunk, 0, sizeof(chunk));
	return (i64)done;
}

/* --- the end ----------------------------------------------------------------------------- */

static bool valid_magic(u32 m2)
{
	return m2 == LINUX_REBOOT_MAGIC2 || m2 == LINUX_REBOOT_MAGIC2A ||
	       m2 == LINUX_REBOOT_MAGIC2B || m2 == LINUX_REBOOT_MAGIC2C;
}

SYSCALL(reboot)
{
	if (!capable(CAP_SYS_BOOT))
		return -EPERM;
	if ((u32)a[0] != LINUX_REBOOT_MAGIC1 || !valid_magic((u32)a[1]))
		return -EINVAL;
	switch ((u32)a[2]) {
	case LINUX_REBOOT_CMD_CAD_ON:
	case LINUX_REBOOT_CMD_CAD_OFF:
		return 0;		/* there is no Ctrl-Alt-Del */
	case LINUX_REBOOT_CMD_RESTART:
	case LINUX_REBOOT_CMD_RESTART2:
		pr_info("restarting\n");
		arch_restart();
	case LINUX_REBOOT_CMD_HALT:
	case LINUX_REBOOT_CMD_POWER_OFF:
		pr_info("powering off\n");
		arch_power_off();
	}
	return -EINVAL;
}
