/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signal frames of the arm64 ABI (asm/sigcontext.h, asm/ucontext.h): from SP upwards siginfo,
 * ucontext whose machine context ends in records of {magic, size} (FP/SIMD state, the fault's
 * syndrome, a null record), and above them a frame record that links the handler's frame to the
 * interrupted one.
 */
#include <linux/signal.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <base/errno.h>
#include <base/string.h>
#include <hal/signal.h>
#include <hal/uaccess.h>
#include <arch/vdso.h>
#include "internal.h"

#define SA_RESTORER_FLAG	0x04000000u	/* asm/signal.h */
#define PSTATE_NZCV		(0xfull << 28)
#define PSTATE_DIT		(1ull << 24)
#define PSTATE_SSBS		(1ull << 12)
#define PSTATE_BTYPE		(3ull << 10)
#define PSTATE_USER		(PSTATE_NZCV | PSTATE_DIT | PSTATE_SSBS | PSTATE_BTYPE)

struct frame { siginfo_t info; struct ucontext uc; };
struct frame_record { u64 fp, lr; };
/* The part of it before the vector registers, which are copied from where they are. */
struct fp_head { struct _aarch64_ctx head; u32 fpsr, fpcr; };
struct frame_head {
	siginfo_t info;
	struct {
		unsigned long uc_flags;
		struct ucontext *uc_link;
		stack_t uc_stack;
		sigmask_t uc_sigmask;
		u8 unused[120];
		struct {
			u64 fault_address, regs[31], sp, pc, pstate;
			struct fp_head fp __aligned(16);
		} mc __aligned(16);
	} uc;
};
/* What follows the vector registers. */
struct frame_tail { struct esr_context esr; struct _aarch64_ctx end; u64 pad; };

_Static_assert(offsetof(struct frame_head, uc.mc) == offsetof(struct frame, uc.uc_mcontext), "");
_Static_assert(offsetof(struct frame_head, uc.mc.fp) ==
		       offsetof(struct frame, uc.uc_mcontext.__reserved),
	       "");
_Static_assert(sizeof(struct frame_head) ==
	       offsetof(struct frame, uc.uc_mcontext.__reserved) + sizeof(struct fp_head), "");
_Static_assert(sizeof(sigset_t) == sizeof(sigmask_t), "");

static bool on_altstack(const stack_t *s, u64 sp)
{
	return s->ss_size && sp > (u64)s->ss_sp && sp - (u64)s->ss_sp <= s->ss_size;
}

/* Where the frame record goes, the frame right below it; 0: it would leave the alternate stack. */
static u64 place(const struct regs *r, const struct ksignal *k, const stack_t *alt)
{
	bool on = on_altstack(alt, r->sp);
	bool use = (k->sa.flags & SA_ONSTACK) && alt->ss_size && !(alt->ss_flags & SS_DISABLE);
	u64 top = use && !on ? (u64)alt->ss_sp + alt->ss_size : r->sp, record;

	record = align_down(top - sizeof(struct frame_record), 16);
	if (record > top || record < sizeof(struct frame))
		return 0;
	if (use && record - sizeof(struct frame) < (u64)alt->ss_sp)
		return 0;
	return record;
}

static void fill(struct frame_head *h, const struct regs *r, const struct ksignal *k,
		 sigmask_t oldmask, const stack_t *alt, const struct arch_task *a)
{
	memset(h, 0, sizeof(*h));	/* its padding too goes to the user */
	h->info = k->info;
	h->uc.uc_stack = *alt;
	h->uc.uc_sigmask = oldmask;
	h->uc.mc.fault_address = a->fault_addr;
	memcpy(h->uc.mc.regs, r->x, sizeof(r->x));
	h->uc.mc.sp = r->sp;
	h->uc.mc.pc = r->pc;
	h->uc.mc.pstate = r->pstate;
	h->uc.mc.fp = (struct fp_head){
		{FPSIMD_MAGIC, sizeof(struct fpsimd_context)}, a->fp.fpsr, a->fp.fpcr};
}

int arch_signal_setup(struct regs *r, const struct ksignal *k, sigmask_t oldmask,
		      const stack_t *altstack, u64 vdso)
{
	struct arch_task *a = task_arch(current);
	u64 record = place(r, k, altstack), frame = record - sizeof(struct frame);
	struct frame_record link = { r->x[29], r->x[30] };
	struct frame_tail tail = {.esr = {{ESR_MAGIC, sizeof(struct esr_context)}, a->fault_esr}};
	struct frame_head head;

	if (!record)
		return -EFAULT;
	arch_fp_save_current();
	fill(&head, r, k, oldmask, altstack, a);
	if (copy_to_user((void __user *)frame, &head, sizeof(head)) ||
	    copy_to_user((void __user *)(frame + sizeof(head)), a->fp.v, sizeof(a->fp.v)) ||
	    copy_to_user((void __user *)(frame + sizeof(head) + sizeof(a->fp.v)), &tail,
			 sizeof(tail)) ||
	    copy_to_user((void __user *)record, &link, sizeof(link)))
		return -EFAULT;
	r->x[0] = (u64)k->sig;
	r->x[1] = frame + offsetof(struct frame, info);
	r->x[2] = frame + offsetof(struct frame, uc);
	r->x[29] = record;
	r->x[30] = k->sa.flags & SA_RESTORER_FLAG ? k->sa.restorer : vdso + VDSO_SIGRETURN;
	r->sp = frame;
	r->pc = k->sa.handler;
	r->pstate &= ~PSTATE_BTYPE;
	__atomic_fetch_or(&current_core()->work, WORK_REGS, __ATOMIC_RELAXED);
	return 0;
}

/* The FP/SIMD record: registers live in memory only from before the copy is changed until the way
 * out. */
static int restore_fp(const struct fpsimd_context __user *u, u32 size)
{
	struct arch_task *a = task_arch(current);
	struct fp_head h;

	if (size != sizeof(*u) || copy_from_user(&h, u, sizeof(h)))
		return -EFAULT;
	arch_fp_reload_current();
	a->fp.fpsr = h.fpsr;
	a->fp.fpcr = h.fpcr;
	return copy_from_user(a->fp.v, u->vregs, sizeof(a->fp.v)) ? -EFAULT : 0;
}

/* Walks the records; the FP/SIMD state must be among them, once. */
static int restore_records(u64 at, u64 end)
{
	bool have_fp = false;

	for (;;) {
		struct _aarch64_ctx c;

		if (end - at < sizeof(c) || copy_from_user(&c, (void __user *)at, sizeof(c)))
			return -EFAULT;
		if (!c.magic && !c.size)
			return have_fp ? 0 : -EFAULT;
		if (c.size < sizeof(c) || c.size & 15 || c.size > end - at)
			return -EFAULT;
		if (c.magic == FPSIMD_MAGIC) {
			if (have_fp || restore_fp((void __user *)at, c.size))
				return -EFAULT;
			have_fp = true;
		} else if (c.magic != ESR_MAGIC) {
			return -EFAULT;
		}
		at += c.size;
	}
}

int arch_signal_return(struct regs *r, sigmask_t *mask, stack_t *altstack)
{
	u64 frame = r->sp, records = frame + offsetof(struct frame, uc.uc_mcontext.__reserved);
	struct frame_head h;

	if (frame & 15 ||
	    copy_from_user(&h.uc, (void __user *)(frame + offsetof(struct frame_head, uc)),
			   sizeof(h.uc) - sizeof(struct fp_head)))
		return -EFAULT;
	if (h.uc.mc.pstate & ~PSTATE_USER)
		return -EFAULT;
	memcpy(r->x, h.uc.mc.regs, sizeof(r->x));
	r->sp = h.uc.mc.sp;
	r->pc = h.uc.mc.pc;
	r->pstate = h.uc.mc.pstate;
	__atomic_fetch_or(&current_core()->work, WORK_REGS, __ATOMIC_RELAXED);
	*mask = h.uc.uc_sigmask;
	*altstack = h.uc.uc_stack;
	return restore_records(records, records + sizeof(((struct sigcontext *)0)->__reserved));
}
