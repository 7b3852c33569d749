#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Breaks one rule of pt or mm at a time, in a copy of the tree, and expects the host tests to notice.
mutate.py [NAME...]: prints `ok NAME` (noticed) or `not ok NAME`."""
import os
import shutil
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = ("test_pt_rule", "test_pt", "test_pt_share", "test_mm", "test_block_race", "test_mm_race", "test_mm_team")
MUTATIONS = (	# name, file, what, instead
    ("cow_break_without_invalidation", "kernel/mm/fault.c",
     "	tlb_inval_range(pt_asid(&s->mm->pt), va, va + ((u64)n << PAGE_SHIFT), PAGE_SIZE,\n			TLB_LAST_LEVEL);\n	set_ptes(",
     "	set_ptes("),
    ("cow_break_without_break", "kernel/mm/fault.c", "	(void)get_and_clear_ptes(p, n);\n	tlb_inval", "	tlb_inval"),
    ("unmap_without_invalidation", "kernel/pt/gather.c", "	if (!g->full)\n		pt_gather_invalidate(g);\n", ""),
    ("free_before_invalidation", "kernel/pt/gather.c",
     "	if (!g->full)\n		pt_gather_invalidate(g);\n	folios_unmapped(g->folio, g->refs, g->nr);\n",
     "	folios_unmapped(g->folio, g->refs, g->nr);\n	if (!g->full)\n		pt_gather_invalidate(g);\n"),
    ("tables_freed_by_last_level_form", "kernel/pt/gather.c", "g->tables_changed ? TLB_ALL_LEVELS : TLB_LAST_LEVEL",
     "TLB_LAST_LEVEL"),
    ("fork_without_invalidation", "kernel/mm/fork.c", "	if (k.c.wrprotected) {", "	if (0) {"),
    ("fork_keeps_exclusive", "kernel/mm/copy.c", "pte_wrprotect(pte_clear_exclusive(e))", "pte_wrprotect(e)"),
    ("fork_leaves_parent_writable", "kernel/mm/copy.c", "			pte_set(p, e);\n", ""),
    ("reuse_of_a_shared_page", "kernel/mm/fault.c", "	return refs <= folio_nr_pages(f) && refs == mapped_here(", "	return refs <= 2 * folio_nr_pages(f) || mapped_here("),
    ("reuse_of_a_shared_block", "kernel/mm/fault.c", "		return refs == pt_pages(s->level);", "		return true;"),
    ("mprotect_without_invalidation", "kernel/mm/mprotect.c", "	if (changed)\n", "	if (0)\n"),
    ("mremap_without_invalidation", "kernel/mm/mremap.c", "		if (moved)\n", "		if (0)\n"),
    ("fault_does_not_look_again", "kernel/mm/fault.c", "	ok = pte_is_none(pte_load(s->pte));\n", "	ok = true;\n"),
    ("copy_does_not_look_again", "kernel/mm/fault.c",
     "	if (!same_entry(pte_load(s->pte), s->seen)) {\n		spin_unlock(&s->node->lock);\n		drop_anon(", "	if (0) {\n		spin_unlock(&s->node->lock);\n		drop_anon("),
    ("write_to_clean_entry_not_dirty", "kernel/pt/run.c", "				new = pte_mkdirty(new);\n", "				;\n"),
    ("file_fault_ignores_truncation", "kernel/mm/fault.c", "	if (index >= div_round_up(m->size, PAGE_SIZE)) {", "	if (0) {"),
    ("mprotect_gives_away_shared_pages", "kernel/pt/run.c", "(shared || pte_exclusive(old))", "1"),
    ("split_forgets_the_offset", "kernel/mm/vma_edit.c", "	n->pgoff = vma_pgoff(v, addr);\n", ""),
    ("dontneed_unlocks_before_invalidation", "kernel/mm/madvise.c", "	z.beside_faults = z.own_only = true;\n", ""),
    ("unmapping_forgets_dirty", "kernel/mm/zap.c", "if ((v->vm_flags & VM_SHARED) && dirty)", "if (0)"),
    ("truncation_leaves_copies", "kernel/mm/mapping_rw.c", "		mapping_unmap_range(m, first, ~0ull - first, true);\n", ""),
    ("fork_keeps_the_lock", "kernel/mm/fork.c", "	n->vm_flags = flags & ~(u32)(VM_LOCKED | VM_LOCKONFAULT);\n",
     "	n->vm_flags = flags;\n"),
    ("reclaim_drops_what_is_dirty", "kernel/mm/shrink.c", "!page_test(&f->page, PG_DIRTY) && ref_freeze", "ref_freeze"),
    ("free_takes_what_was_written", "kernel/mm/age.c", "UNMAP_TRY | (clean ? UNMAP_CLEAN : 0)", "UNMAP_TRY"),
    ("free_takes_what_is_being_written", "kernel/mm/rmap.c", " && !stays_clean(r));", " && !stays_clean(r) && 0);"),
    ("free_takes_what_is_used", "kernel/mm/rmap.c", " || in_use(r->f)));", "));"),
    ("cut_leaves_the_part", "kernel/mm/mapping_rw.c", "			mapping_cut_pages(m, first, ~0ull);\n", ""),
    ("cut_of_a_folio_in_use", "kernel/mm/mapping_part.c", "ref_freeze(&f->page.refcount, 2)",
     "ref_freeze(&f->page.refcount, ref_read(&f->page.refcount))"),
    ("free_forgets_the_tlb", "kernel/mm/advise_age.c", "		pt_gather_invalidate(&g);\n	}\n	return false;",
     "	}\n	return false;"),
    ("roll_over_without_invalidation", "kernel/pt/asid.c", "	tlb_inval_all();\n", ""),
    ("roll_over_does_not_reserve", "kernel/pt/asid.c", "		test_and_use(asids.reserved[cpu] & ASID_MASK);\n", ""),
    # contiguous blocks and 2 MiB blocks
    ("unfold_without_invalidation", "kernel/pt/repaint.c",
     "	forget(pt, shared, va, CONT_PTES * PAGE_SIZE, PAGE_SIZE);\n	pte_store_run(", "	pte_store_run("),
    ("unfold_invalidates_one_page", "kernel/pt/repaint.c",
     "	forget(pt, shared, va, CONT_PTES * PAGE_SIZE, PAGE_SIZE);\n	pte_store_run(",
     "	forget(pt, shared, va, PAGE_SIZE, PAGE_SIZE);\n	pte_store_run("),
    ("unfold_live_at_any_level", "kernel/pt/repaint.c", "	if (arch_bbm_level >= 2)\n		unfold_live", "	if (1)\n		unfold_live"),
    ("unfold_live_without_invalidation", "kernel/pt/repaint.c",
     "	forget(pt, shared, va, CONT_PTES * PAGE_SIZE, PAGE_SIZE);\n	all =", "	all ="),
    ("unfold_live_dirty_of_one", "kernel/pt/repaint.c", "	all = unite_all(p);", "	all = pte_load(p);"),
    ("unfold_dirty_of_one", "kernel/pt/repaint.c", "		all = pte_unite(all, pte_xchg(&p[i], pte_none()));",
     "		pte_xchg(&p[i], pte_none());"),
    ("split_without_invalidation", "kernel/pt/repaint.c",
     "	old = pte_xchg(e, pte_none());\n	forget(pt, false, va, PMD_SIZE, PMD_SIZE);", "	old = pte_xchg(e, pte_none());"),
    ("split_live_at_any_level", "kernel/pt/repaint.c", "	if (arch_bbm_level >= 2) {", "	if (1) {"),
    ("split_live_without_invalidation", "kernel/pt/repaint.c",
     "		forget(pt, false, va, PMD_SIZE, PMD_SIZE);\n		return;", "		return;"),
    ("split_live_loses_dirty", "kernel/pt/repaint.c", "} while (!pte_cas(e, &old, table));", "} while (pte_store(e, table), 0);"),
    ("copied_block_keeps_a_right", "kernel/pt/rule.c", "shared ? pte_mkclean(e) : pte_wrprotect(e)", "shared ? pte_mkclean(e) : e"),
    ("moved_run_forgets_dirty", "kernel/pt/rule.c", "	if (r->any_dirty &&", "	if (0 &&"),
    ("moved_run_of_different_rights", "kernel/pt/rule.c", "PT_IGNORE_DIRTY | PT_IGNORE_YOUNG;", "PT_IGNORE_ALL;"),
    ("block_taken_by_one_load", "kernel/pt/run.c", "	return likely(pte_settled(e)) ? e : take_unsettled(p);", "	return e;"),
    ("block_taken_without_union", "kernel/pt/run.c", "		all = pte_unite(all, pte_xchg(&p[i], pte_none()));",
     "		pte_xchg(&p[i], pte_none());"),
    ("block_changed_beside_live_entries", "kernel/pt/run.c", "	if (unlikely(!pte_same_but_write(old, new)))\n", "	if (0)\n"),
    ("block_protected_one_by_one", "kernel/pt/run.c",
     "		pte_t old, new;\n\n		if (at_block(&p[i], n - i)) {", "		pte_t old, new;\n\n		if (0) {"),
    ("blocks_of_unaligned_memory", "kernel/pt/run.c", "at != pte_pfn(first) % CONT_PTES", "0"),
    ("run_looks_at_one_entry", "kernel/pt/run.c", "	for (u32 i = 1; !pte_settled(e) && i < CONT_PTES; i++)\n", "	for (u32 i = 1; 0;)\n"),
    ("cleared_block_dirty_of_one", "kernel/pt/run.c", "			note(&r, block_take(&p[i]));", "			note(&r, pte_load(&p[i]));"),
    ("edits_cut_blocks", "kernel/pt/walk.c", "		if (w->edit)\n", "		if (0)\n"),
    ("edits_cut_last_block", "kernel/pt/walk.c", "	if (last % CONT_PTES &&", "	if (0 &&"),
    # large folios
    ("walk_passes_a_block_that_is_being_split", "kernel/pt/walk.c", "		if (level == 2 && pte_is_none(e))\n", "		if (0)\n"),
    ("large_folio_beyond_its_vma", "kernel/mm/fault.c",
     "		if (thp_fits(s->addr, order, s->v->start, s->v->end) &&\n", "		if ("),
    ("large_folio_does_not_look_again", "kernel/mm/fault.c", "	ok = all_none(p, n);\n", "	ok = true;\n"),
    ("copy_beyond_its_vma", "kernel/mm/fault.c",
     " &&\n	       thp_fits(s->addr, THP_CONT_ORDER, s->v->start, s->v->end);", ";"),
    ("copy_of_a_files_pages_beside_the_one", "kernel/mm/fault.c", "page_test(&old->page, PG_ANON) ? copies(s) : 1;", "copies(s);"),
    ("zero_block_replaced_without_invalidation", "kernel/mm/fault.c",
     "		tlb_inval_range(pt_asid(&s->mm->pt), start, start + PMD_SIZE, PMD_SIZE,\n				TLB_LAST_LEVEL);\n", ""),
    ("block_beyond_the_end_of_the_file", "kernel/mm/fault_block.c", "	       align_down(index, PT_ENTRIES) + PT_ENTRIES <= pages &&\n", ""),
    ("block_of_another_part_of_the_file", "kernel/mm/fault_block.c", "!((addr >> PAGE_SHIFT ^ index) & (PT_ENTRIES - 1)) &&", "1 &&"),
    ("block_does_not_look_again", "kernel/mm/fault_block.c", "	ok = pte_is_none(pte_load(p));\n", "	ok = true;\n"),
    ("zero_block_does_not_look_again", "kernel/mm/fault_block.c", "	if (pte_is_none(pte_load(p))) {\n", "	if (1) {\n"),
    ("block_of_a_file_split_and_counted_still", "kernel/pt/repaint.c", "		count_out(pte_load(e));\n", ""),
    ("one_page_of_a_block_copied_into_all", "kernel/mm/fault.c", "(u64)n * PAGE_SIZE), n);", "(u64)n * PAGE_SIZE), 1);"),
    ("unmapped_block_takes_its_neighbours", "kernel/mm/zap.c",
     "	if (unlikely(w->level != 3) && page_test(&f->page, PG_ANON) && cut_by(w, i)) {", "	if (0) {"),
    ("vma_boundary_inside_a_block", "kernel/mm/vma_edit.c",
     "	if (own_block(v->mm, addr) || pt_split_at(&v->mm->pt, addr, PT_CUT))\n		return ERR_PTR(-ENOMEM);\n", ""),
    ("move_of_a_block_to_where_it_does_not_fit", "kernel/mm/mremap.c", "	if (!is_aligned(old | new, PMD_SIZE) || len < PMD_SIZE)",
     "	if (!is_aligned(old, PMD_SIZE) || len < PMD_SIZE)"),
    ("fork_of_a_block_counts_entries", "kernel/mm/copy.c", "	folio_map(f, r.n * pt_pages(level));", "	folio_map(f, r.n);"),
    ("smaps_divides_by_the_average", "kernel/mm/usage.c", "	if (maps > p.n && folio_order(p.f)) {", "	if (0) {"),
    ("a_file_has_any_number_of_vmas", "kernel/mm/vma_edit.c", "	return n >= mapping_max_vmas && ", "	return 0 && "),
    # pins, splitting
    ("fork_shares_what_is_pinned", "kernel/mm/fork.c", "	return !pte_special(e) && pte_exclusive(e) &&", "	return 0 &&"),
    ("pin_of_a_shared_page", "kernel/mm/gup.c", "		if (!pte_exclusive(e))\n			return FAULT_WRITE;\n", ""),
    ("move_forgets_the_mark_of_pins", "kernel/mm/mremap.c", "		if (moved && a->pinned_below)\n", "		if (0)\n"),
    ("split_forgets_the_mark_of_pins", "kernel/pt/repaint.c", "	pt_node(child)->pinned_below = pt_node(e)->pinned_below;\n", ""),
    ("protects_what_is_pinned", "kernel/mm/rmap.c", "k->refused = folio_pinned(r->f) || ", "k->refused = "),
    ("split_leaves_blocks", "kernel/mm/split.c", "	if (s->order >= 0 && s->order < (int)ilog2(CONT_PTES))\n", "	if (0)\n"),
    # shared tables: the rules of docs/cow-tables.md
    ("T1_parent_writes_through_what_it_shared", "kernel/pt/share.c",
     "			pte_set(&from[i], e);\n			pte_set(&to[i], e);\n			n++;", "			pte_set(&to[i], e);\n			n++;"),
    ("table_forgets_who_looks", "kernel/pt/walk.c", "	page_clear(node, PG_TABLE);\n	atomic_set", "	page_clear(node, PG_TABLE);\n	ref_init(&node->refcount);\n	atomic_set"),
    ("T1_parent_not_told", "kernel/mm/fork.c", "	k->c.wrprotected = true;\n", ""),
    ("T4_pin_through_a_shared_table", "kernel/mm/gup.c",
     "mm_lock_own(mm, addr, addr + (u64)n * PAGE_SIZE, OWN_PIN)", "(read_lock(&mm->lock), 0)"),
    ("T5_hole_filled_for_all", "kernel/mm/fault.c", "	if (unlikely(shared) && (write || pte_is_none(s.seen)))", "	if (unlikely(shared) && write)"),
    ("T5_written_for_all", "kernel/mm/fault.c", "	if (unlikely(shared) && (write || pte_is_none(s.seen)))",
     "	if (unlikely(shared) && pte_is_none(s.seen))"),
    ("T5_unmapped_for_all", "kernel/mm/mmap.c", "		err = own_to_unmap(mm, v, start, end, &shared);\n", "		err = 0;\n"),
    ("T5_protected_for_all", "kernel/mm/mprotect.c", "		err = mm_own(mm, addr, end, OWN_PROTECT);\n", "		err = 0;\n"),
    ("T5_moved_from_all", "kernel/mm/mremap.c", "	err = mm_own(mm, r->old, r->old + r->old_len, OWN_MOVE);\n", "	err = 0;\n"),
    ("T5_advised_for_all", "kernel/mm/madvise.c", "			err = mm_lock_own(mm, start, end, OWN_ADVISE);\n", "			read_lock(&mm->lock);\n"),
    ("T5_others_not_told", "kernel/mm/rmap.c", "	if (r->shared)\n		tlb_inval_range_all_asids", "	if (0)\n		tlb_inval_range_all_asids"),
    ("T5_others_go_on_counting", "kernel/mm/rmap.c", "	if (r->shared)\n		zap_shared(", "	if (0)\n		zap_shared("),
    ("T5_counts_not_settled", "kernel/pt/share.c", "		ops->gone(node->gone, pt_pages(level), arg);\n		memset", "		memset"),
    ("T6_marked_tables_shared", "kernel/mm/fork.c", "	if (unlikely(refresh_marks(k->parent->pt.root, 0)))\n", "	if (0)\n"),
    ("T6_hot_table_with_pins_copied", "kernel/mm/cow.c", " || pt_node(from)->pinned_below)\n			continue;", ")\n			continue;"),
    ("T6_child_keeps_what_it_is_not_to_have", "kernel/mm/fork.c", "	return k->flags & (VM_DONTFORK | VM_WIPEONFORK) ? give_up_all(k) : 0;", "	return 0;"),
    ("own_beyond_what_a_tree_maps", "kernel/pt/share.c", "return min(end, PT_END);", "return end;"),
    ("T7_taken_back_from_another", "kernel/pt/share.c", "owners) > 1)\n		return o->lo", "owners) > 2)\n		return o->lo"),
    ("T5_given_up_and_counted_still", "kernel/mm/cow.c", "			rss_add(&o->mm->rss[i], -sum[i]);\n", "			;\n"),
    ("T8_given_up_before_the_invalidation", "kernel/pt/share.c",
     "	forget_way(pt, level + 1, va);	/* 5: only then the reference goes */\n", ""),
    ("more_than_the_range_given_up", "kernel/mm/mmap.c", "		hi = next ? next->start : USER_VA_END;\n", "		hi = USER_VA_END;\n"),
    ("T7_late_fault_never_ends", "kernel/mm/fault.c", "s->mm->pt.may_share ? TLB_ALL_LEVELS : TLB_LAST_LEVEL", "TLB_LAST_LEVEL"),
    ("T8_reference_goes_first", "kernel/pt/share.c",
     "	forget_way(o->pt, level, va);	/* 4, 6: before the reverse map finds the new table */\n	spin_unlock(&o->pt->path_lock);\n	put_table(from, level, o->ops, o->arg);\n",
     "	spin_unlock(&o->pt->path_lock);\n	put_table(from, level, o->ops, o->arg);\n	forget_way(o->pt, level, va);\n"),
    ("T5_table_counted_by_each_way_to_it", "kernel/mm/rmap.c",
     "	if (likely(!w->shared))\n		return;\n	while (i <", "	if (1)\n		return;\n	while (i <"),
    ("T8_found_before_the_invalidation", "kernel/pt/share.c",
     "	forget_way(o->pt, level, va);	/* 4, 6: before the reverse map finds the new table */\n	spin_unlock(&o->pt->path_lock);\n",
     "	spin_unlock(&o->pt->path_lock);\n	forget_way(o->pt, level, va);\n"),
    ("T8_last_level_form", "kernel/pt/share.c", "PAGE_SIZE, TLB_ALL_LEVELS);", "PAGE_SIZE, TLB_LAST_LEVEL);"),
    ("T8_old_children_stay_writable", "kernel/pt/share.c",
     "			e = pte_table_set_ro(e, true);\n			pte_set(&from[i], e);\n			pte_set(&to[i], e);\n		}\n	} while",
     "			e = pte_table_set_ro(e, true);\n			pte_set(&to[i], e);\n		}\n	} while"),
    ("T8_four_old_children_stay_writable", "kernel/pt/share.c", "		pt_set_four(p, ro, &pa);\n", ""),
    ("copied_table_lacks_entries", "kernel/pt/pt.h", "	node->groups |= other->groups;\n", ""),
    ("filled_run_not_seen", "kernel/pt/pt.h", "	node->groups |= (~0ull << first) & (~0ull >> (63 - last));\n",
     "	node->groups |= 1ull << first;\n"),
    ("fork_leaves_four_writable", "kernel/mm/copy.c", "			pt_set_four(p, ro, &pa);\n", "			;\n"),
    ("four_pages_not_counted", "kernel/mm/copy.c", "		arch_add(d, FOLIO_MAPS(1), lse);\n", ""),
    ("break_makes_blocks", "kernel/mm/copy.c", "	set_ptes_like(to, from, pt_run_leaf(", "	set_ptes(to, pt_run_leaf("),
    ("copied_table_counts_fewer", "kernel/pt/share.c", "? o->ops->copy(from, to, PT_ENTRIES, 3, o->arg)\n",
     "? o->ops->copy(from, to, PT_ENTRIES, 3, o->arg) - 1\n"),
    ("hot_copy_counts_fewer", "kernel/mm/cow.c", "		pt_filled_like(b, a, set);\n", "		pt_filled_like(b, a, set - 1);\n"),
    ("unmapping_asks_one_owner_for_its_lock", "kernel/mm/rmap.c", "	return u->locked;\n", "	return false;\n"),
    ("mlock_believes_a_hint", "kernel/mm/populate.c", "if ((v->vm_flags & VM_LOCKED) && ", "if (0 && "),
    ("reclaim_asks_one_owner_for_its_lock", "kernel/mm/age.c", "RMAP_TRY | RMAP_WAYS, age_run", "RMAP_TRY, age_run"),
    # migration
    ("moved_with_a_carry", "kernel/mm/migrate.c", "pte_at_frame(e, pfn)", "pte_advance(e, pfn - folio_pfn(m->f) - r->page)"),
    ("cache_moved_without_contents", "kernel/mm/migrate_cache.c", "	copy_pages(folio_address(to), folio_address(f), n);\n", ""),
    ("cache_moved_and_clean", "kernel/mm/migrate_cache.c", "1u << PG_UPTODATE | 1u << PG_DIRTY", "1u << PG_UPTODATE"),
    ("moved_while_it_is_written", "kernel/mm/rmap.c", "	wrprotect_ptes(r->pte, r->n, page_test(&r->f->page, PG_ANON));\n", ""),
    ("moved_while_a_tlb_may_write", "kernel/mm/rmap.c",
     "PG_ANON));\n	rmap_invalidate(r);\n", "PG_ANON));\n"),
    ("moved_before_it_is_mapped", "kernel/mm/rmap.c", " && k.found >= atomic_read(&f->page.mapcount)", ""),
    ("moved_without_invalidation", "kernel/mm/migrate.c",
     "	rmap_invalidate(r);\n	if (was.any_dirty)", "	if (was.any_dirty)"),
    ("moved_to_the_wrong_place", "kernel/mm/migrate.c", "(page & ((1u << m->order) - 1))", "0"),
    ("range_of_pages_in_block_steps", "kernel/pt/pt.h", "	g->stride = min(g->stride, pt_span(level));\n", ""),
)


def run(argv, cwd, timeout):
    try:
        return subprocess.run(argv, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout,
                              errors="replace", text=True, check=False)
    except subprocess.TimeoutExpired:
        return None


def main():
    bad = 0
    with tempfile.TemporaryDirectory() as where:
        for part in ("kernel", "tests/host", "host"):
            shutil.copytree(os.path.join(TOP, part), os.path.join(where, part))
        shutil.copy(os.path.join(TOP, "Makefile"), where)
        for name, path, old, new in MUTATIONS:
            if sys.argv[1:] and name not in sys.argv[1:]:
                continue
            path = os.path.join(where, path.replace("pt/pt.h", "pt/include/pt/pt.h"))
            text = open(path).read()
            if text.count(old) != 1:
                print("not ok %s: the place to break is not there" % name)
                bad += 1
                continue
            with open(path, "w") as f:
                f.write(text.replace(old, new))
            made = run(["make", "-s", "HOST_WARN=-w"] + ["build/host/" + t for t in TESTS], where, 600)
            if made is None or made.returncode:
                print("not ok %s: does not build\n%s" % (name, made.stdout[-2000:] if made else ""))
                bad += 1
            else:
                found = next((t for t in TESTS
                              if (r := run(["build/host/" + t], where, 300)) is None or r.returncode), None)
                print("%s %s%s" % ("ok" if found else "not ok", name, ": %s fails" % found if found else ": nothing noticed"))
                bad += not found
            sys.stdout.flush()
            with open(path, "w") as f:
                f.write(text)
    return 1 if bad else 0


sys.exit(main())
