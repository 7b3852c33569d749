# SPDX-License-Identifier: BSD-2-Clause
# Operations on address spaces while memory runs out.
$(eval $(call host_test,test_mm_alloc,tests/host/test_mm_alloc.c tests/host/mm_tree.c $(HOST_MM)))
