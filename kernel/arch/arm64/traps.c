/* SPDX-License-Identifier: BSD-2-Clause */
/* Exceptions: decodes the syndrome (Arm ARM, D17.2.37) and hands it to the layers above in their
 * words. */
#include <arch/sysreg.h>
#include <hal/exec.h>
#include <hal/uaccess.h>
#include <hal/page.h>
#include <base/assert.h>
#include <base/bits.h>
#include <base/string.h>
#include <asm/signal.h>
#include <asm/siginfo.h>
#include <arch/irqflags.h>
#include "internal.h"

#define ESR_EC		FIELD(26, 6)
#define ISS_FSC		FIELD(0, 6)
#define ISS_WNR		FIELD(6, 1)
#define ISS_CM		FIELD(8, 1)
#define ISS_FNV		FIELD(10, 1)
#define ISS_FP_TFV	FIELD(23, 1)
#define FSC_ALIGNMENT	0x21

struct extable_entry { i32 insn, fixup; };
extern const struct extable_entry _extable_start[], _extable_end[];
extern char _text_end[];

/* A linear look: the table is short and only failing accesses come here. */
static bool fixup(struct regs *r)
{
	u32 reg;

	for (const struct extable_entry *e = _extable_start; e < _extable_end; e++)
		if ((u64)&e->insn + (u64)(i64)e->insn == r->pc) {
			r->pc = (u64)&e->fixup + (u64)(i64)e->fixup;
			return true;
		}
	/* Not of our own text: who asks takes a lock, and a bug that held it could not be told. */
	if (r->pc < (u64)_text_end || r->pc >= EXEC_END || !exec_fault(r->pc, &r->pc, &reg))
		return false;
	BUG_ON(!current_core()->preempt_count);	/* or it might be tried again, with the register gone */
	r->x[reg] = 0;
	return true;
}

/* True if the abort is one that memory management may resolve. */
static bool decode_abort(u64 esr, u64 far, bool user_mode, struct user_fault *f)
{
	u32 ec = (u32)field_get(ESR_EC, esr), fsc = (u32)field_get(ISS_FSC, esr), kind = fsc >> 2;

	*f = (struct user_fault){
		/* TBI: a user pointer's top byte is no address */
		.addr = far >> 55 & 1 ? far : far & ((1ul << 56) - 1),
		.exec = ec == EC_IABT_LOW || ec == EC_IABT_CUR,
		.user_mode = user_mode,
		.esr = (u32)esr,
		.permission = kind == 3,
		.alignment = fsc == FSC_ALIGNMENT,
	};
	/* Cache maintenance reports a write, but needs only a readable page. */
	f->write = !f->exec && (esr & ISS_WNR) && !(esr & ISS_CM);
	return kind <= 3 || f->alignment;
}

static void user_abort(struct regs *r, u64 esr, u64 far)
{
	struct arch_task *a = task_arch(current);
	struct user_fault f;

	a->fault_addr = far;
	a->fault_esr = esr;
	if (decode_abort(esr, far, true, &f))
		(void)user_fault(r, &f);	/* a failure has become a signal */
	else
		user_exception(r, SIGBUS, BUS_OBJERR, f.addr);
}

static int fp_code(u64 esr)
{
	static const int code[] = { FPE_FLTINV, FPE_FLTDIV, FPE_FLTOVF, FPE_FLTUND, FPE_FLTRES };

	if (esr & ISS_FP_TFV)
		for (u32 i = 0; i < ARRAY_SIZE(code); i++)
			if (esr & BIT(i))
				return code[i];
	return FPE_FLTUNK;
}

/* From user mode, anything but SVC. Interrupts off; leaves them on. */
void el0_sync(struct regs *r, u64 esr, u64 far)
{
	irq_enable();
	switch (field_get(ESR_EC, esr)) {
	case EC_DABT_LOW:
	case EC_IABT_LOW:
		user_abort(r, esr, far);
		break;
	case EC_SYS64:
	case EC_UNKNOWN:
		if (!emulate_mrs(r, esr))
			user_exception(r, SIGILL, ILL_ILLOPC, r->pc);
		break;
	case EC_PC_ALIGN:
		user_exception(r, SIGBUS, BUS_ADRALN, far);
		break;
	case EC_SP_ALIGN:
		user_exception(r, SIGBUS, BUS_ADRALN, r->sp);
		break;
	case EC_FP_EXC:
		user_exception(r, SIGFPE, fp_code(esr), r->pc);
		break;
	case EC_BRK64:
		user_exception(r, SIGTRAP, TRAP_BRKPT, r->pc);
		break;
	case EC_STEP_LOW:
		user_exception(r, SIGTRAP, TRAP_TRACE, r->pc);
		break;
	case EC_BP_LOW:
	case EC_WATCH_LOW:
		user_exception(r, SIGTRAP, TRAP_HWBKPT, far);
		break;
	default:
		user_exception(r, SIGILL, ILL_ILLOPC, r->pc);
	}
}

/*
 * The kernel touched a user address. In a context that cannot sleep the access fails at once; else
 * memory management has its try, with interrupts as they were.
 */
static bool kernel_user_access(struct regs *r, u64 esr, u64 far)
{
	struct thread_core *c = current_core();
	u64 was = r->pc;
	struct user_fault f;

	if (!fixup(r))
		return false;
	if (!decode_abort(esr, far, false, &f) || f.alignment || c->preempt_count ||
	    (r->pstate & DAIF_I) || task_arch(current)->pagefault_disabled)
		return true;
	irq_enable();
	if (user_fault(r, &f) == 0)
		r->pc = was;
	irq_disable();
	return true;
}

void el1_sync(struct regs *r, u64 esr, u64 far)
{
	u32 ec = (u32)field_get(ESR_EC, esr);

	if (ec == EC_DABT_CUR) {
		if (far >> 56 == 0 || !(far >> 55 & 1)) {
			if (kernel_user_access(r, esr, far))
				return;
			panic_regs(r, esr, far,
				   far < PAGE_SIZE ? "null pointer"
						   : "stray access to user memory");
		}
		if (fixup(r))
			return;
		panic_regs(r, esr, far, "bad kernel address");
	}
	if (ec == EC_IABT_CUR)
		panic_regs(r, esr, far, "bad jump");
	if (ec == EC_BRK64 && (esr & 0xffff) == 0x4d)
		panic_regs(r, esr, far, "call of a function that nobody wrote yet; see x30");
	panic_regs(r, esr, far, "unexpected exception");
}

static __always_inline void handle_irq(struct thread_core *c)
{
	c->preempt_count += PREEMPT_IRQ;
	irq_dispatch();
	c->preempt_count -= PREEMPT_IRQ;
}

static DEFINE_PER_CPU(bool, from_user);
bool irq_from_user(void) { return this_cpu(from_user); }

void el0_irq(struct regs *r)
{
	this_cpu(from_user) = true;
	handle_irq(current_core());
	this_cpu(from_user) = false;
}

void el1_irq(struct regs *r)
{
	struct thread_core *c = current_core();

	handle_irq(c);
	if (c->preempt_count == 0 && (READ_ONCE(c->work) & WORK_RESCHED))
		preempt_from_irq();
}

void bad_exception(struct regs *r, u64 esr, u64 far) { panic_regs(r, esr, far, "SError or FIQ"); }
void stack_overflow(struct regs *r, u64 esr, u64 far)
{
	panic_regs(r, esr, far, "kernel stack overflow");
}
