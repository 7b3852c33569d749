# SPDX-License-Identifier: BSD-2-Clause
# BTF blobs.
BTF_SRC := $(wildcard kernel/bpf/btf/*.c) kernel/bpf/verify/log.c kernel/lib/format.c
BTF_INC := -Ikernel/bpf/btf/include -Ikernel/bpf/verify/include -Ikernel/bpf/isa/include
$(HB)/o/kernel/bpf/btf/%.o $(HB)/o/tests/host/test_btf.o: HOST_INC += $(BTF_INC)
$(eval $(call host_test,test_btf,tests/host/test_btf.c $(BTF_SRC)))
