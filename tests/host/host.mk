# SPDX-License-Identifier: BSD-2-Clause
# Host tests: the core folders from the same sources, on arch/fake, under AddressSanitizer and UBSan.
HB := $(B)/host
HOST_WARN := -Wall -Wextra -Wno-unused-parameter -Wno-sign-compare -Wno-clobbered -Werror
HOST_INC := -Ikernel/arch/fake/include -Ikernel/base/include -Ikernel/hal/include -Ikernel/lib/include -Ikernel/pt/include \
	-Ikernel/mm/include
# per-CPU access goes beyond the variable on purpose
HOST_SAN := -fsanitize=address,undefined -fno-sanitize=object-size -fno-sanitize-recover=undefined -fno-omit-frame-pointer
HOST_CFLAGS := -std=gnu11 -O1 -g $(HOST_WARN) $(HOST_SAN) -fno-strict-aliasing -D_GNU_SOURCE -include tests/host/points.h
# The sections of per-CPU data and start-up calls get names that the linker makes __start_ and __stop_ symbols for.
HOST_RENAME := --rename-section .percpu=percpu --rename-section .initcall.core=initcall_core

# Linked into every test that needs address spaces.
HOST_MM := $(addprefix kernel/,base/ports.c pt/asid.c pt/gather.c pt/repaint.c pt/rule.c pt/run.c pt/share.c pt/walk.c mm/vma.c mm/vma_edit.c mm/mm.c mm/mmap.c mm/commit.c \
	mm/fault.c mm/fault_block.c mm/zero.c mm/thp.c mm/fork.c mm/copy.c mm/cow.c mm/zap.c mm/rmap.c mm/lineage.c mm/gup.c mm/split.c mm/migrate.c mm/migrate_cache.c mm/populate.c mm/mprotect.c mm/seal.c mm/mremap.c mm/madvise.c mm/advise_age.c mm/mlock.c mm/msync.c \
	mm/access.c mm/usage.c mm/oom.c mm/shanon.c arch/fake/sched.c arch/fake/mmu.c arch/fake/mem.c mm/mapping.c mm/lru.c mm/lru_plan.c \
	mm/workingset.c mm/shrink.c mm/age.c mm/mapping_rw.c mm/mapping_part.c mm/readahead.c mm/readahead_plan.c mm/folio_lock.c mm/uio.c lib/radix.c)
HOST_MM += kernel/arch/fake/mmu_rules.c
# The flat model that address spaces are compared with.
MM_MODEL := tests/host/mm_model.c tests/host/mm_ops.c tests/host/mm_ops_file.c tests/host/mm_ops_large.c tests/host/mm_leaves.c \
	tests/host/mm_tree.c tests/host/mm_rmap.c tests/host/mm_pin.c

# $(call host_test,name,sources): build/host/name from the sources, run by host-test. Other makefiles here use it too.
define host_test
HOST_TESTS += $(HB)/$(1)
$(HB)/$(1): $(patsubst %.c,$(HB)/o/%.o,$(2) tests/host/points.c)
	$$(call say,LD,$$@)
	$$(Q)$$(HOSTCC) $$(HOST_SAN) -o $$@ $$^ -lcmocka
endef
HOST_TESTS :=

$(HB)/o/%.o: %.c
	@mkdir -p $(dir $@)
	$(call say,HOST,$<)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) $(HOST_INC) -Ikernel/mm -Itests/host -MMD -MP -c -o $@ $<
	$(Q)objcopy $(HOST_RENAME) $@

$(eval $(call host_test,test_mm,tests/host/test_mm.c $(MM_MODEL) $(HOST_MM)))
$(eval $(call host_test,test_mm_race,tests/host/test_mm_race.c tests/host/mm_tree.c tests/host/mm_rmap.c $(HOST_MM)))
-include tests/fuzz/fuzz.mk
-include $(wildcard tests/host/*.host.mk)

# Each is a goal of its own, so that make -j runs several; what a test says comes in one piece.
.PHONY: host-test $(HOST_TESTS:%=%.run)
host-test: $(HOST_TESTS:%=%.run)
$(HOST_TESTS:%=%.run): %.run: %
	@$< >$<.said 2>&1; status=$$?; cat $<.said; exit $$status
-include $(shell find $(HB)/o -name '*.d' 2>/dev/null)
