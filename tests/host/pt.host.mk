# SPDX-License-Identifier: BSD-2-Clause
# Page tables on the checking MMU, and the checking MMU itself.
$(eval $(call host_test,test_pt,tests/host/test_pt.c $(HOST_MM)))
$(eval $(call host_test,test_fake_mmu,tests/host/test_fake_mmu.c \
	tests/host/fake_mmu_live.c tests/host/fake_mmu_block.c tests/host/fake_mmu_tlb.c $(HOST_MM)))
$(eval $(call host_test,test_pt_rule,tests/host/test_pt_rule.c $(HOST_MM)))
$(eval $(call host_test,test_pt_share,tests/host/test_pt_share.c $(HOST_MM)))
