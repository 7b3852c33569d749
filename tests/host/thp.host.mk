# SPDX-License-Identifier: BSD-2-Clause
# The policy of large folios.
$(eval $(call host_test,test_thp,tests/host/test_thp.c $(HOST_MM)))
# 2 MiB blocks beside what takes them apart.
$(eval $(call host_test,test_block_race,tests/host/test_block_race.c tests/host/mm_leaves.c tests/host/mm_tree.c tests/host/mm_rmap.c $(HOST_MM)))
