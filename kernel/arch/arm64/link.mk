# SPDX-License-Identifier: BSD-2-Clause
# Links the archives into the kernel image.
LDS := $(B)/k/kernel.lds
LINK_FLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--gc-sections -Wl,-T,$(LDS)
LINK_IN := -Wl,--whole-archive $(ARCHIVES) -Wl,--no-whole-archive $(EXTOBJS)
$(LDS): kernel/arch/arm64/kernel.lds.in kernel/arch/arm64/include/arch/page.h | $(B)/uapi
	@mkdir -p $(dir $@)
	$(CC) $(KFLAGS) -E -P -x assembler-with-cpp -D__ASSEMBLY__ $(ARCHINC) $(call includes,arch) -o $@ $<
# The vDSO: user code, embedded by vdso_image.S.
$(B)/k/vdso.so: $(addprefix kernel/arch/arm64/vdso/,vdso.c sigreturn.s vdso.lds) kernel/arch/arm64/include/arch/vdso.h | $(B)/uapi
	@mkdir -p $(dir $@)
	$(Q)$(CC) -std=gnu11 -O2 $(WARN) -march=armv8-a -fpic -ffreestanding -nostdinc -isystem $(B)/uapi \
		-isystem $(shell $(CC) -print-file-name=include) -fno-stack-protector -fno-asynchronous-unwind-tables \
		-mgeneral-regs-only $(ARCHINC) -shared -nostdlib -Wl,-T,kernel/arch/arm64/vdso/vdso.lds -Wl,-soname,linux-vdso.so.1 \
		-Wl,--hash-style=both -Wl,--build-id=none -Wl,-z,max-page-size=4096 -s -o $@ \
		kernel/arch/arm64/vdso/vdso.c kernel/arch/arm64/vdso/sigreturn.s
$(B)/k/arch/arm64/vdso_image.S.o: $(B)/k/vdso.so
$(B)/k/arch/arm64/vdso_image.S.o: KFLAGS += -Wa,-I$(B)/k
# Every part in one relocatable object: what it leaves undefined is missing from the kernel. While the kernel is being
# founded a missing function becomes a trap, and its name is printed by the build.
$(B)/k/all.o: $(ARCHIVES) $(EXTOBJS)
	$(CC) -nostdlib -r -o $@ $(LINK_IN)
$(B)/k/missing.S: $(B)/k/all.o
	@$(NM) -u $< | awk '$$1 == "U" && $$2 !~ /^(_|kallsyms_)/ { print $$2 }' >$(B)/k/missing.txt
	@if [ -s $(B)/k/missing.txt ]; then echo "missing symbols (they trap): $$(tr '\n' ' ' <$(B)/k/missing.txt)"; fi
	@(echo '.text'; echo 'missing_symbol: brk #0x4d'; sed 's/.*/.globl &\n.set &, missing_symbol/' $(B)/k/missing.txt) >$@
# The symbol table is made from a first link. It lies behind all text, so the second link moves no function.
$(B)/k/kallsyms0.S: host/gen-kallsyms
	@mkdir -p $(dir $@)
	$(Q)host/gen-kallsyms </dev/null >$@
$(B)/k/tine0.elf: $(B)/k/missing.S $(B)/k/kallsyms0.S $(LDS)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $(LINK_IN) $(B)/k/missing.S $(B)/k/kallsyms0.S -lgcc
$(B)/k/kallsyms.S: $(B)/k/tine0.elf host/gen-kallsyms
	$(Q)$(NM) -n $< | host/gen-kallsyms >$@
# So are the types; pahole takes half a second. The kernel's data move, but no type says where they are.
$(B)/k/btf.bin: $(B)/k/tine0.elf host/gen-btf
	$(call say,BTF,$@)
	$(Q)NM=$(NM) OBJCOPY=$(OBJCOPY) host/gen-btf $< $@
$(B)/k/btf.S: $(B)/k/btf.bin
	@printf '.section .btf, "a"\n.incbin "$<"\n' >$@
$(B)/tine.elf: $(B)/k/missing.S $(B)/k/kallsyms.S $(B)/k/btf.S $(LDS)
	$(Q)$(CC) $(LINK_FLAGS) -o $@ $(LINK_IN) $(B)/k/missing.S $(B)/k/kallsyms.S $(B)/k/btf.S -lgcc
$(B)/Image: $(B)/tine.elf
	$(Q)$(OBJCOPY) -O binary $< $@
