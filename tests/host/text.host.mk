# SPDX-License-Identifier: BSD-2-Clause
# Executable memory: which granules are taken, against a model of one byte per granule.
$(HB)/o/kernel/text/%.o $(HB)/o/tests/host/test_space.o: HOST_INC += -Ikernel/text/include
$(eval $(call host_test,test_space,tests/host/test_space.c kernel/text/space.c))
$(eval $(call host_test,test_sha256,tests/host/test_sha256.c kernel/lib/sha256.c))
