# SPDX-License-Identifier: BSD-2-Clause
# Families of processes with several threads each.
$(eval $(call host_test,test_mm_team,tests/host/test_mm_team.c tests/host/mm_tree.c tests/host/mm_rmap.c $(HOST_MM)))
