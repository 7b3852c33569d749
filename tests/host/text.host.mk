# SPDX-License-Identifier: BSD-2-Clause
# Executable memory: which granules are taken, against a model of one byte per granule.
$(HB)/o/kernel/text/%.o $(HB)/o/tests/host/test_space.o: HOST_INC += -Ikernel/text/include
$(eval $(call host_test,test_space,tests/host/test_space.c kernel/text/space.c))
