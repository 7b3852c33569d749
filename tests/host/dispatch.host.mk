# SPDX-License-Identifier: BSD-2-Clause
# The code of BPF dispatchers.
$(HB)/o/kernel/bpf/dispatch/%.o $(HB)/o/tests/host/test_dispatch.o: HOST_INC += -Ikernel/bpf/dispatch/include \
	-Ikernel/text/include -Ikernel/insn/include
$(eval $(call host_test,test_dispatch,tests/host/test_dispatch.c kernel/bpf/dispatch/emit.c $(HOST_INSN)))
