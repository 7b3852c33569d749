/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address-space identifiers. A tree's asid word is generation | number; it is valid while its
 * generation is the current one. When the numbers run out the generation goes up, numbers that CPUs
 * run with at that moment stay reserved for their trees, and everything else may be handed out
 * again once the TLBs have forgotten it.
 *
 * A CPU announces the ASID it is about to run in active[cpu], then (after a full barrier) checks
 * the generation again. The roll-over raises the generation, then (after a full barrier) reads
 * active[]. So either the CPU sees the new generation and takes the slow path, or the roll-over
 * sees what the CPU runs and reserves it. Between its announcement and the load of TTBR0 a CPU may
 * still walk the tree it ran before, whose number is no longer announced: the roll-over therefore
 * asks each CPU (flush_pending) to invalidate its own TLB after its next load.
 *
 * Number 0 is never given: it is the kernel's, with the empty tree.
 */
#include <base/string.h>
#include <pt/pt.h>

#define ASID_MAX_BITS 16
#define ASID_MASK (BIT(ASID_MAX_BITS) - 1)
#define ASID_GEN BIT(ASID_MAX_BITS)

static struct {
	struct spinlock lock;		/* taken with interrupts off; guards what follows it */
	u64 used[BIT(ASID_MAX_BITS) / 64];
	u64 reserved[MAX_CPUS];		/* what each CPU ran at the last roll-over */
	u32 next;			/* where the search for a free number goes on */
	u64 generation;			/* read without the lock */
	u64 flush_pending;		/* mask of CPUs; atomic */
} asids = { .generation = ASID_GEN, .next = 1 };

static DEFINE_PER_CPU(u64, active_asid); /* written by its CPU, and by the roll-over never */
static DEFINE_PER_CPU(struct pt_tree *, loaded_tree);

static bool test_and_use(u64 n)
{
	u64 bit = BIT(n % 64), old = asids.used[n / 64];

	asids.used[n / 64] = old | bit;
	return old & bit;
}

static void roll_over(void)
{
	u64 ended = asids.generation;

	memset(asids.used, 0, sizeof(asids.used));
	store_release(&asids.generation, ended + ASID_GEN);
	atomic_or(&asids.flush_pending, BIT(MAX_CPUS) - 1);
	smp_mb();
	for (u32 cpu = 0; cpu < nr_cpus; cpu++) {
		u64 a = READ_ONCE(per_cpu(active_asid, cpu)), r = asids.reserved[cpu];

		/*
		 * An announcement of the generation that ends is true. An older one is either of a
		 * CPU that has not switched since the roll-over before: reserved has its tree's
		 * word; or of one that was overtaken by two roll-overs and now waits for the lock:
		 * its number may be another tree's by now, so it counts for nothing.
		 */
		if (!((a ^ ended) & ~ASID_MASK))
			asids.reserved[cpu] = a;
		else if ((a ^ r) & ASID_MASK)
			asids.reserved[cpu] = 0;
		test_and_use(asids.reserved[cpu] & ASID_MASK);
	}
	asids.next = 1;
	tlb_inval_all();
}

/*
 * A CPU may have been running this tree at a roll-over: its number is kept, under the new
 * generation.
 */
static bool take_reserved(u64 old, u64 new)
{
	bool hit = false;

	for (u32 cpu = 0; old && cpu < nr_cpus; cpu++)
		if (asids.reserved[cpu] == old) {
			asids.reserved[cpu] = new;
			hit = true;
		}
	return hit;
}

static u64 find_free(void)
{
	u64 limit = BIT(arch_asid_bits());

	for (int round = 0;; round++) {
		for (u32 n = asids.next; n < limit; n++)
			if (!test_and_use(n)) {
				asids.next = n + 1;
				return asids.generation | n;
			}
		BUG_ON(round > 1);	/* fewer numbers than CPUs */
		roll_over();
	}
}

static u64 new_asid(struct pt_tree *pt)
{
	u64 old = pt->asid, new = asids.generation | (old & ASID_MASK);

	if (old && (take_reserved(old, new) || !test_and_use(old & ASID_MASK)))
		return new;
	return find_free();
}

static __noinline void activate_slow(struct pt_tree *pt, u64 *active)
{
	u64 asid;

	arch_load_user_root(0, 0);	/* no walks of the old tree while roll-overs may pass */
	arch_spin_lock(&asids.lock);
	asid = pt->asid;
	if ((asid ^ asids.generation) & ~ASID_MASK) {
		asid = new_asid(pt);
		WRITE_ONCE(pt->asid, asid);
	}
	WRITE_ONCE(*active, asid);	/* under the lock: no roll-over can be between */
	arch_spin_unlock(&asids.lock);
}

static bool current_generation(u64 asid)
{
	return !((asid ^ READ_ONCE(asids.generation)) & ~ASID_MASK);
}

void pt_load(struct pt_tree *pt)
{
	u64 *active = &this_cpu(active_asid), asid, me;

	this_cpu(loaded_tree) = pt;
	if (!pt) {
		arch_load_user_root(0, 0);
		WRITE_ONCE(*active, 0);
		return;
	}
	asid = READ_ONCE(pt->asid);
	if (likely(current_generation(asid))) {
		WRITE_ONCE(*active, asid);
		smp_mb();
	}
	if (unlikely(!current_generation(asid))) {
		activate_slow(pt, active);
		smp_mb();
	}
	arch_load_user_root(virt_to_phys(pt->root), (u16)*active);
	me = BIT(cpu_id());
	if (unlikely(READ_ONCE(asids.flush_pending) & me)) {
		atomic_and(&asids.flush_pending, ~me);
		tlb_inval_all_local();
	}
}

bool pt_loaded_here(const struct pt_tree *pt) { return this_cpu(loaded_tree) == pt; }
