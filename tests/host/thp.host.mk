# SPDX-License-Identifier: BSD-2-Clause
# The policy of large folios.
$(eval $(call host_test,test_thp,tests/host/test_thp.c $(HOST_MM)))
