/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copy-on-write page tables (docs/cow-tables.md) for spin: one address, a tree of three levels (the
 * process's own top entry, a table of tables, a leaf table), a parent A with two CPUs that forks B,
 * which has two CPUs as well, and a walker that comes by the reverse map and moves the page.
 *
 * What is checked: whoever reads or writes finds what its own process wrote last (so nobody sees
 * another's write, none is lost, no TLB is behind), and no walk, by hardware or software, uses a
 * table that was freed. Each rule T1 to T9 that is broken by -D (list below) makes a run fail;
 * ./tine test model tries them all. -DWALKER takes the place of the CPUs that only read with the
 * walker: all of it together has too many states to search.
 *
 *   BREAK_T1  the parent's top entry stays writable at fork
 *   BREAK_T3  copying a leaf table leaves the old one's entry exclusive and writable
 *   BREAK_T5  the walker tells only the process by which it came
 *   BREAK_T7  a table is taken back while it has another owner
 *   BREAK_T8A the old table's reference is dropped before the invalidation
 *   BREAK_T8B a break invalidates by the last-level form
 *   BREAK_T8C copying a table of tables leaves the child entry of the old one writable
 *   BREAK_COW    the old page's reference is dropped before the invalidation
 *   BREAK_FORK   fork does not invalidate before the child runs
 *   BREAK_WAY    the walker does not hold path_lock
 */
#define NCPU	4		/* 0, 1: A's; 2, 3: B's */
#define NMID	3
#define NLEAF	4
#define NPAGE	5
#define NONE	7
#define FREED	9
#define A	0
#define B	1
#define PROC(c)	((c) / 2)

typedef table { byte refs; byte to; bool ro; bool locked };
typedef leaf { byte refs; byte page; bool w; bool locked };
typedef tlb {
	bool v; byte page; bool w;		/* a translation */
	bool tv; byte kmid; bool tro;		/* the top entry, kept by the walker */
	bool mv; byte kleaf; bool mro;		/* the middle one */
};
byte top[2]; bool top_ro[2];
table mid[NMID];
leaf lf[NLEAF];
byte page_refs[NPAGE]; byte val[NPAGE];
tlb t[NCPU];
byte expect[2];
bool locked[2];		/* mm->lock, for writing */
bool path[2];		/* path_lock of the tree */
bool seen[2];		/* the reverse map finds the tree (its VMAs are there) */
bool runs[2];		/* has begun and not ended */
bool done = false;	/* nobody writes any more */
byte writers = 0;

inline acquire(bolt) { atomic { !bolt -> bolt = true } }
inline release(bolt) { bolt = false }

/* --- TLB ------------------------------------------------------------------------------------- */
inline drop_leaf(c) { t[c].v = false; t[c].page = 0; t[c].w = false }
inline forget_cpu(c)
{
	drop_leaf(c);
	t[c].tv = false; t[c].kmid = 0; t[c].tro = false;
	t[c].mv = false; t[c].kleaf = 0; t[c].mro = false
}
inline inval_all_levels(p)	/* the ASID of p, everywhere */
{
	d_step { forget_cpu(2 * (p)); forget_cpu(2 * (p) + 1) }
}
inline inval_last_level(p) { d_step { drop_leaf(2 * (p)); drop_leaf(2 * (p) + 1) } }
inline inval_everybody()	/* by address, all ASIDs */
{
	d_step { drop_leaf(0); drop_leaf(1); drop_leaf(2); drop_leaf(3) }
}

/* Hardware walks for CPU c, as it likes: from what it has kept, or from memory. */
inline hw_walk(c, m, l)
{
		if
		:: t[c].mv -> skip
		:: !t[c].mv ->
			if
			:: t[c].tv -> skip
			:: !t[c].tv && top[PROC(c)] != NONE ->
				t[c].kmid = top[PROC(c)]; t[c].tro = top_ro[PROC(c)]; t[c].tv = true
			:: else -> skip
			fi;
			if
			:: t[c].tv ->
				m = t[c].kmid;
				assert(mid[m].refs > 0);
				t[c].kleaf = mid[m].to; t[c].mro = mid[m].ro || t[c].tro; t[c].mv = true
			:: else -> skip
			fi
		fi;
		if
		:: t[c].mv ->
			l = t[c].kleaf;
			assert(lf[l].refs > 0);
			if
			:: lf[l].page != NONE ->
				t[c].page = lf[l].page; t[c].w = lf[l].w && !t[c].mro; t[c].v = true
			:: else -> skip
			fi
		:: else -> skip
		fi;
		m = 0; l = 0
}

/* --- tables ---------------------------------------------------------------------------------- */
inline new_mid(m) { d_step { m = 0; do :: mid[m].refs > 0 -> m++ :: else -> break od; assert(m < NMID); mid[m].refs = 1; mid[m].locked = false } }
inline new_leaf(l) { d_step { l = 0; do :: lf[l].refs > 0 || lf[l].locked -> l++ :: else -> break od; assert(l < NLEAF); lf[l].refs = 1 } }
inline new_page(x) { d_step { x = 0; do :: page_refs[x] > 0 -> x++ :: else -> break od; assert(x < NPAGE); page_refs[x] = 1 } }
inline put_page(x)
{
	page_refs[x]--;
	if :: page_refs[x] == 0 -> val[x] = FREED :: else -> skip fi
}
inline put_leaf(l)
{
	atomic {
		lf[l].refs--;
		if
		:: lf[l].refs == 0 && lf[l].page != NONE -> put_page(lf[l].page); lf[l].page = NONE; lf[l].w = false
		:: else -> skip
		fi
	}
}
inline put_mid(m)
{
	atomic {
		mid[m].refs--;
		if
		:: mid[m].refs == 0 -> put_leaf(mid[m].to); mid[m].to = 0; mid[m].ro = false
		:: else -> skip
		fi
	}
}

/* The break (T8), level by level from the top; locked[p] held. Each step between ; is seen by all. */
inline own_path(p, m, m2, l, l2)
{
	m = top[p];
	if
	:: !top_ro[p] -> skip
#ifdef BREAK_T7
	:: top_ro[p] -> top_ro[p] = false
#else
	:: top_ro[p] && mid[m].refs == 1 ->		/* taken back (T7) */
		acquire(path[p]);
		top_ro[p] = false;
		release(path[p])
	:: top_ro[p] && mid[m].refs > 1 ->
		new_mid(m2);
		acquire(path[p]);
		acquire(mid[m].locked);
#ifndef BREAK_T8C
		mid[m].ro = true;
#endif
		d_step { mid[m2].to = mid[m].to; mid[m2].ro = true; lf[mid[m].to].refs++ };
		release(mid[m].locked);
		d_step { top[p] = m2; top_ro[p] = false };
#ifdef BREAK_T8A
		put_mid(m);
#endif
#ifdef BREAK_T8B
		inval_last_level(p);
#else
		inval_all_levels(p);
#endif
		release(path[p]);
#ifndef BREAK_T8A
		put_mid(m);
#endif
		m = m2
#endif
	fi;
	l = mid[m].to;
	if
	:: !mid[m].ro -> skip
	:: mid[m].ro && lf[l].refs == 1 ->		/* taken back (T7) */
		acquire(path[p]);
		mid[m].ro = false;
		release(path[p])
	:: mid[m].ro && lf[l].refs > 1 ->
		new_leaf(l2);
		acquire(path[p]);
		acquire(lf[l].locked);
#ifndef BREAK_T3
		lf[l].w = false;
#endif
		d_step { lf[l2].page = lf[l].page; lf[l2].w = false; page_refs[lf[l].page]++ };
		d_step { mid[m].to = l2; mid[m].ro = false };	/* published under the old table's lock */
		release(lf[l].locked);
#ifdef BREAK_T8A
		put_leaf(l);
#endif
#ifdef BREAK_T8B
		inval_last_level(p);
#else
		inval_all_levels(p);
#endif
		release(path[p]);
#ifndef BREAK_T8A
		put_leaf(l);
#endif
		l = l2
	fi
}

/* Copy on write in a leaf table that is ours. */
inline own_page(p, l, x, old)
{
	acquire(lf[l].locked);
	old = lf[l].page;
	if
	:: lf[l].w -> skip
	:: !lf[l].w && page_refs[lf[l].page] == 1 -> lf[l].w = true	/* taken back */
	:: else ->
		new_page(x);
		d_step { val[x] = val[old]; lf[l].page = NONE };
#ifdef BREAK_COW
		d_step { put_page(old) };
		inval_last_level(p);
#else
		inval_last_level(p);
		d_step { put_page(old) };
#endif
		d_step { lf[l].page = x; lf[l].w = true }
	fi;
	release(lf[l].locked);
	x = 0; old = 0
}

/* --- CPUs ------------------------------------------------------------------------------------ */
inline may_write(c, p, stamp)
{
	assert(val[t[c].page] == expect[p]);
	val[t[c].page] = stamp;
	expect[p] = stamp
}

/* A CPU that writes: by its TLB, or by a fault that makes path and page its own. */
proctype writer(byte c; byte times)
{
	byte m = 0, m2 = 0, l = 0, l2 = 0, x = 0, old = 0, n = 0, p = PROC(c);

	runs[p];
	do
	:: n == times -> break
	:: atomic { n < times && t[c].v && t[c].w -> may_write(c, p, c + 1); n++ }
	:: d_step { n < times && !t[c].v -> hw_walk(c, m, l) }
	:: n < times && !(t[c].v && t[c].w) ->
		acquire(locked[p]);
		own_path(p, m, m2, l, l2);
		own_page(p, l, x, old);
		d_step { forget_cpu(c); m = 0; m2 = 0; l = 0; l2 = 0 };
		release(locked[p])
	od;
	if
	:: c == 3 ->		/* B ends: nobody runs it or finds it any more, nobody has it cached, then its tables go */
		acquire(locked[B]);
		runs[B] = false;
		acquire(path[B]);
		seen[B] = false;
		release(path[B]);
		atomic { m = top[B]; top[B] = NONE };
		inval_all_levels(B);
		put_mid(m);
		release(locked[B])
	:: else -> skip
	fi;
	writers++;
	done = writers == 2
}

/* A CPU that reads, and looks ahead. */
proctype reader(byte c)
{
	byte m = 0, l = 0, p = PROC(c);

end:	runs[p] || done;
	do
	:: d_step { runs[p] -> hw_walk(c, m, l) }
	:: d_step { runs[p] && t[c].v -> assert(val[t[c].page] == expect[p]); drop_leaf(c) }
	:: done -> break
	od
}

proctype fork_a()
{
	acquire(locked[A]);
	acquire(path[A]);
	d_step { mid[top[A]].refs++; top[B] = top[A]; top_ro[B] = true; seen[B] = true };
#ifndef BREAK_T1
	top_ro[A] = true;
#endif
	release(path[A]);
#ifndef BREAK_FORK
	inval_all_levels(A);
#endif
	d_step { expect[B] = expect[A]; runs[B] = true };
	release(locked[A])
}

/*
 * By the reverse map, holding path_lock and no address space's lock: moves the page that p has at
 * the address.
 */
proctype walker()
{
	byte p, m, l, x = 0, old;

	if :: p = A :: p = B fi;
#ifndef BREAK_WAY
	acquire(path[p]);
#endif
	if :: !seen[p] -> goto out :: else -> skip fi;
	m = top[p];
	assert(m == NONE || mid[m].refs > 0);
	if :: m == NONE -> goto out :: else -> l = mid[m].to fi;
	acquire(lf[l].locked);
	assert(lf[l].refs > 0);			/* the way has not changed, so it is p's still */
	old = lf[l].page;
	if :: old == NONE || page_refs[old] != 1 -> goto unlock :: else -> skip fi;
	new_page(x);
	lf[l].page = NONE;
#ifdef BREAK_T5
	inval_last_level(p);
#else
	inval_everybody();
#endif
	val[x] = val[old];
	d_step { lf[l].page = x; put_page(old) };
unlock:	release(lf[l].locked);
out:	skip;
#ifndef BREAK_WAY
	release(path[p]);
#endif
	d_step { p = 0; m = 0; l = 0; x = 0; old = 0 }
}

init {
	atomic {
		top[A] = 0; top_ro[A] = false; top[B] = NONE;
		mid[0].refs = 1; mid[0].to = 0;
		lf[0].refs = 1; lf[0].page = 0; lf[0].w = true;
		byte i = 1;
		do :: i < NLEAF -> lf[i].page = NONE; i++ :: else -> break od;
		page_refs[0] = 1;
		i = 1; do :: i < NPAGE -> val[i] = FREED; i++ :: else -> break od;
		i = 0;
		runs[A] = true; seen[A] = true;
		run fork_a();
		run writer(0, 1);
		run writer(3, 1);
#ifdef WALKER
		run walker()
#else
		run reader(1);
		run reader(2)
#endif
	}
}
