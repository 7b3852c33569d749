# SPDX-License-Identifier: BSD-2-Clause
# The instruction encoder, against the cross assembler.
HOST_INSN := $(addprefix kernel/insn/,dp.c mem.c branch.c)
$(HB)/o/kernel/insn/%.o $(HB)/o/tests/host/test_insn.o: HOST_INC += -Ikernel/insn/include
$(eval $(call host_test,test_insn,tests/host/test_insn.c $(HOST_INSN)))

# BPF: the tool that runs programs, here (interpreter, under sanitizers) and as an arm64 program that qemu-aarch64
# runs (JIT); the comparison of the two.
BPF_CORE := $(addprefix kernel/bpf/,isa/isa.c run/alu.c run/interp.c jit/jit.c jit/frame.c jit/alu.c jit/memory.c jit/flow.c jit/simplify.c)
BPF_INC := -Ikernel/bpf/isa/include -Ikernel/bpf/run/include -Ikernel/bpf/jit/include -Ikernel/insn/include -Itests/bpf
$(HB)/o/kernel/bpf/%.o $(HB)/o/tests/bpf/%.o $(HB)/o/tests/host/test_bpf.o: HOST_INC += $(BPF_INC)
$(eval $(call host_test,test_bpf,tests/host/test_bpf.c $(BPF_CORE) $(HOST_INSN)))
$(HB)/tine-bpf-run: $(patsubst %.c,$(HB)/o/%.o,tests/bpf/run.c tests/bpf/helpers.c tests/host/points.c $(BPF_CORE))
	$(call say,LD,$@)
	$(Q)$(HOSTCC) $(HOST_SAN) -o $@ $^
$(HB)/tine-bpf-run: $(patsubst %.c,$(HB)/o/%.o,$(HOST_INSN))

BPF_NATIVE := $(BPF_CORE) $(HOST_INSN) tests/bpf/native.c tests/bpf/helpers.c
BPF_NATIVE_FLAGS := -std=gnu11 -O2 -g $(HOST_WARN) -fno-strict-aliasing -static -D_GNU_SOURCE -Ikernel/base/include \
	-Ikernel/arch/fake/include $(BPF_INC)
$(HB)/tine-bpf-run.arm64: tests/bpf/run.c $(BPF_NATIVE)
$(HB)/bpf_jit.arm64: tests/bpf/jit.c $(BPF_NATIVE)
$(HB)/tine-bpf-run.arm64 $(HB)/bpf_jit.arm64: $(wildcard tests/bpf/*.h kernel/bpf/*/*.h kernel/bpf/*/include/*/*.h)
	@mkdir -p $(HB)
	$(call say,CC,$@)
	$(Q)$(CC) $(BPF_NATIVE_FLAGS) -o $@ $(filter %.c,$^)
.PHONY: bpf-tools
bpf-tools: $(HB)/tine-bpf-run $(HB)/tine-bpf-run.arm64 $(HB)/bpf_jit.arm64

# What the verifier accepts, rewritten, by interpreter and JIT. (BPF_VERIFY comes below: it is looked at when the rule runs.)
BPF_BOTH = $(BPF_NATIVE) tests/bpf/both.c tests/bpf/generate.c tests/host/bpf_maps.c $(BPF_VERIFY)
$(HB)/bpf_both.arm64: $(wildcard tests/bpf/*.[ch] tests/host/bpf_maps.[ch] kernel/bpf/*/*.[ch] kernel/bpf/*/include/*/*.h)
	@mkdir -p $(HB)
	$(call say,CC,$@)
	$(Q)$(CC) $(BPF_NATIVE_FLAGS) -Ikernel/bpf/verify/include -Ikernel/lib/include -o $@ $(sort $(BPF_BOTH))
bpf-tools: $(HB)/bpf_both.arm64

# The verifier's sets of numbers.
BPF_RANGE := $(addprefix kernel/bpf/verify/,range.c range_op.c range_div.c branch.c scalar.c)
$(HB)/o/kernel/bpf/verify/%.o $(HB)/o/tests/host/test_bpf_range.o: HOST_INC += $(BPF_INC) -Ikernel/bpf/verify/include
$(eval $(call host_test,test_bpf_range,tests/host/test_bpf_range.c $(BPF_RANGE) kernel/bpf/run/alu.c))

# The verifier. Files that it includes are found by -MMD.
BPF_VERIFY := $(addprefix kernel/bpf/verify/,verify.c form.c flow.c state.c demand.c prune.c alu.c jump.c stack.c memory.c ctx.c \
	protos.c helper.c call.c rewrite.c log.c disasm.c print.c bprintf.c) $(BPF_RANGE) kernel/bpf/isa/isa.c kernel/bpf/run/alu.c
BPF_VERIFY_TEST := tests/bpf/asm.c tests/host/bpf_maps.c
$(HB)/o/tests/host/test_bpf_verify.o $(HB)/o/tests/host/bpf_maps.o: HOST_INC += $(BPF_INC) -Ikernel/bpf/verify/include
$(eval $(call host_test,test_bpf_verify,tests/host/test_bpf_verify.c $(BPF_VERIFY_TEST) $(BPF_VERIFY) kernel/bpf/jit/simplify.c))

# Random programs: what is accepted runs as the verifier says. Also the fuzz target's.
BPF_ORACLE := tests/bpf/oracle.c tests/bpf/generate.c tests/host/bpf_maps.c $(BPF_VERIFY) kernel/bpf/run/interp.c
$(HB)/o/tests/host/test_bpf_oracle.o $(HB)/o/tests/bpf/oracle.o $(HB)/o/tests/bpf/generate.o: HOST_INC += $(BPF_INC) -Ikernel/bpf/verify/include
$(eval $(call host_test,test_bpf_oracle,tests/host/test_bpf_oracle.c $(BPF_ORACLE)))
FUZZ_VERIFY := tests/fuzz/fuzz_verify.c $(BPF_ORACLE)
$(patsubst %.c,$(HB)/f/%.o,$(FUZZ_VERIFY)): HOST_INC += $(BPF_INC) -Ikernel/bpf/verify/include
$(patsubst %.c,$(HB)/f/%.o,$(FUZZ_VERIFY)): FUZZ_CFLAGS += $(FUZZ_CHOICES)
$(eval $(call fuzz_target,fuzz_verify,$(FUZZ_VERIFY)))

# Programs that clang compiles; run by ./tine test bpf.
BPF_CLANG_OBJ := $(foreach m,v1 v2 v3,$(HB)/bpf/$(m).o)
$(HB)/bpf/%.o: tests/bpf/clang/progs.c
	@mkdir -p $(dir $@)
	$(call say,BPF,$@)
	$(Q)clang -O2 -target bpf -mcpu=$* -Wall -Werror -Wno-unused -isystem /usr/include/$(shell $(HOSTCC) -dumpmachine) -c -o $@ $<
$(HB)/o/tests/host/test_bpf_clang.o: HOST_INC += $(BPF_INC) -Ikernel/bpf/verify/include
$(HB)/test_bpf_clang: $(patsubst %.c,$(HB)/o/%.o,tests/host/test_bpf_clang.c tests/host/points.c $(BPF_ORACLE))
	$(call say,LD,$@)
	$(Q)$(HOSTCC) $(HOST_SAN) -o $@ $^
bpf-tools: $(HB)/test_bpf_clang $(BPF_CLANG_OBJ)
