# SPDX-License-Identifier: BSD-2-Clause
# BTF blobs: any bytes.
BTF_FUZZ := $(wildcard kernel/bpf/btf/*.c) kernel/bpf/verify/log.c kernel/lib/format.c tests/fuzz/fuzz_btf.c
$(patsubst %.c,$(HB)/f/%.o,$(BTF_FUZZ)): FUZZ_CFLAGS += -Ikernel/bpf/btf/include -Ikernel/bpf/verify/include -Ikernel/bpf/isa/include
$(eval $(call fuzz_target,fuzz_btf,$(BTF_FUZZ)))
