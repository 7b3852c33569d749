# SPDX-License-Identifier: BSD-2-Clause
# Links the archives into the kernel image.
LDS := $(B)/k/kernel.lds
LINK_FLAGS := -nostdlib -static -no-pie -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,--gc-sections -Wl,-T,$(LDS)
# While the kernel is being founded, a symbol that nobody wrote yet links as 0 and is listed as a warning.
LINK_FLAGS += -Wl,--warn-unresolved-symbols
$(LDS): kernel/arch/arm64/kernel.lds.in | $(B)/uapi
	@mkdir -p $(dir $@)
	$(CC) $(KFLAGS) -E -P -x assembler-with-cpp -D__ASSEMBLY__ $(ARCHINC) $(call includes,arch) -o $@ $<
$(B)/tine.elf: $(ARCHIVES) $(EXTOBJS) $(LDS)
	$(CC) $(LINK_FLAGS) -o $@ -Wl,--whole-archive $(ARCHIVES) -Wl,--no-whole-archive $(EXTOBJS) -lgcc
$(B)/Image: $(B)/tine.elf
	$(OBJCOPY) -O binary $< $@
