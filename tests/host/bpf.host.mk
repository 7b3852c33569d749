# SPDX-License-Identifier: BSD-2-Clause
# The instruction encoder, against the cross assembler.
HOST_INSN := $(addprefix kernel/insn/,dp.c mem.c branch.c)
$(HB)/o/kernel/insn/%.o $(HB)/o/tests/host/test_insn.o: HOST_INC += -Ikernel/insn/include
$(eval $(call host_test,test_insn,tests/host/test_insn.c $(HOST_INSN)))
