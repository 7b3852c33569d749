/* SPDX-License-Identifier: BSD-2-Clause */
/* CPU features that the kernel uses, power and idle, starting CPUs. */
#include <base/assert.h>
#include <base/bits.h>
#include <base/printk.h>
#include <base/string.h>
#include <arch/irqflags.h>
#include <arch/sysreg.h>
#include <hal/atomic.h>
#include <hal/boot.h>
#include <hal/preempt.h>
#include <hal/pte.h>
#include <hal/tlb.h>
#include "internal.h"

bool arch_hw_af, arch_hw_dbm, cpu_has_tlbi_range, cpu_has_pan, cpu_at_el2;
bool cpu_has_mops, arch_lse;
int arch_bbm_level;
static u32 asid_bits;
static bool has_rndr, has_sha256;

/* ID register fields (Arm ARM, D19.2). */
#define MMFR0_ASIDBITS	FIELD(4, 4)
#define MMFR1_HAFDBS	FIELD(0, 4)
#define MMFR1_PAN	FIELD(20, 4)
#define MMFR2_BBM	FIELD(52, 4)
#define ISAR0_SHA2	FIELD(12, 4)
#define ISAR0_ATOMIC	FIELD(20, 4)
#define ISAR0_TLB	FIELD(56, 4)
#define ISAR0_RNDR	FIELD(60, 4)
#define ISAR2_MOPS	FIELD(16, 4)	/* ID_AA64ISAR2_EL1: unknown to older assemblers */
#define DCZID_BS	FIELD(0, 4)
#define DCZID_DZP	FIELD(4, 1)

/* The boot CPU's features are taken for all: QEMU's CPUs are alike. */
void cpu_features_init(void)
{
	u64 mmfr1 = read_sysreg(id_aa64mmfr1_el1), isar0 = read_sysreg(id_aa64isar0_el1);
	u64 dczid = read_sysreg(dczid_el0);

	arch_hw_af = field_get(MMFR1_HAFDBS, mmfr1) >= 1;
	arch_hw_dbm = field_get(MMFR1_HAFDBS, mmfr1) >= 2;
	cpu_has_pan = field_get(MMFR1_PAN, mmfr1) != 0;
	arch_bbm_level = (int)field_get(MMFR2_BBM, read_sysreg(id_aa64mmfr2_el1));
	arch_lse = field_get(ISAR0_ATOMIC, isar0) >= 2;
	cpu_has_tlbi_range = field_get(ISAR0_TLB, isar0) >= 2;
	cpu_has_mops = field_get(ISAR2_MOPS, read_sysreg(s3_0_c0_c6_2)) != 0;
	has_rndr = field_get(ISAR0_RNDR, isar0) != 0;
	has_sha256 = field_get(ISAR0_SHA2, isar0) != 0;
	asid_bits = field_get(MMFR0_ASIDBITS, read_sysreg(id_aa64mmfr0_el1)) == 2 ? 16 : 8;
	if (dczid & DCZID_DZP || field_get(DCZID_BS, dczid) != 4)
		panic("DC ZVA does not clear 64 bytes: DCZID_EL0 %llx", (unsigned long long)dczid);
}

u32 arch_asid_bits(void) { return asid_bits; }
u32 arch_midr(void) { return (u32)read_sysreg(midr_el1); }

u64 arch_sha256(u32 state[8], const void *data, u64 blocks, const u32 k[64])
{
	for (u64 left = has_sha256 ? blocks : 0, part; left; left -= part) {
		part = min(left, 64ul);
		preempt_disable();
		sha256_blocks(state, data, part, k);
		preempt_enable();
		data = (const char *)data + part * 64;
	}
	return has_sha256 ? blocks : 0;
}

bool arch_random(u64 *v)
{
	u64 ok;

	if (!has_rndr)
		return false;
	asm volatile("mrs %0, s3_3_c2_c4_0\n\tcset %1, ne"
		     : "=r"(*v), "=r"(ok)::"cc"); /* RNDR; Z: failed */
	return ok;
}

/* WFI wakes for a pending interrupt though it is masked; the caller unmasks and takes it. */
void arch_idle(void)
{
	dsb(sy);
	asm volatile("wfi" ::: "memory");
}

u64 percpu_offset[MAX_CPUS];
u32 nr_cpus = 1;
u64 online_cpus = 1;

struct cpu_boot { struct task *idle; void *stack_top; };
u64 cpu_hwid[MAX_CPUS];

void arch_set_mpidr(u32 cpu, u64 mpidr) { cpu_hwid[cpu] = mpidr; }

#define PSCI_CPU_ON	0xc4000003u

int arch_start_cpu(u32 cpu, void *idle_stack_top, struct task *idle)
{
	static struct cpu_boot boot[MAX_CPUS];
	struct cpu_boot *b = &boot[cpu];
	long err;

	*b = (struct cpu_boot){ idle, idle_stack_top };
	/* The new CPU reads it with its MMU off. */
	asm volatile("dc civac, %0\n\tdsb sy" :: "r"(b) : "memory");
	err = psci_call(PSCI_CPU_ON, cpu_hwid[cpu], virt_to_phys(secondary_entry), virt_to_phys(b));
	if (err)
		pr_err("cpu%u: PSCI CPU_ON: %ld\n", cpu, err);
	return err ? -1 : 0;
}



__noreturn void secondary_start(void)
{
	pan_enable();
	arch_load_user_root(0, 0);
	tlb_inval_all_local();
	secondary_main();
}

__noreturn void boot_start(paddr_t image, paddr_t fdt, u32 el)
{
	extern char _kimage_start[], _kimage_end[], _percpu_start[], _percpu_end[], _percpu_boot[],
		boot_stack[];
	static struct boot_info bi;

	/* The boot CPU's variables lie in the image; the template stays as it is for the others. */
	memcpy(_percpu_boot, _percpu_start, (size_t)(_percpu_end - _percpu_start));
	percpu_offset[0] = (u64)_percpu_boot - (u64)_percpu_start;
	current_core()->percpu_off = percpu_offset[0];
	current_core()->stack = boot_stack;
	cpu_at_el2 = el == 2;
	mmu_init(image);
	pan_enable();
	cpu_features_init();
	time_init();
	psci_init(el);
	arch_load_user_root(0, 0);
	bi = (struct boot_info){
		.fdt = fdt && fdt >> 48 == 0 && !(fdt & 7)
			       ? (void *)(FIXMAP_FDT + (fdt & (PMD_SIZE - 1)))
			       : NULL,
		.fdt_pa = fdt,
		.image_start = image,
		.image_end = image + (u64)(_kimage_end - _kimage_start),
		.el = el,
	};
	if (bi.fdt && *(const u32 *)bi.fdt != 0xedfe0dd0)
		bi.fdt = NULL;
	kernel_main(&bi);
}
