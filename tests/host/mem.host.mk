# SPDX-License-Identifier: BSD-2-Clause
# Tests of pages, slabs, kernel virtual memory, page cache and of the pure libraries under them.
HOST_MEM := $(addprefix kernel/,base/ports.c lib/radix.c lib/chacha.c lib/format.c mm/early.c mm/vmemmap.c mm/buddy.c mm/folio.c \
	mm/folio_lock.c mm/slab.c mm/kmalloc.c mm/kvmem.c mm/mapping.c mm/mapping_rw.c mm/mapping_part.c mm/readahead.c mm/readahead_plan.c mm/lru.c mm/lru_plan.c mm/workingset.c mm/shrink.c mm/reclaim.c mm/totals.c \
	mm/audit.c mm/audit_mem.c mm/uio.c mm/lineage.c mm/thp.c arch/fake/sched.c)
$(eval $(call host_test,test_mem,tests/host/test_mem.c tests/host/mem_machine.c $(HOST_MEM)))
$(eval $(call host_test,test_reclaim,tests/host/test_reclaim.c kernel/mm/lru_plan.c))
$(eval $(call host_test,test_readahead,tests/host/test_readahead.c kernel/mm/readahead_plan.c))
