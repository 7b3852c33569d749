# SPDX-License-Identifier: BSD-2-Clause
# Builds the kernel image and the host tests. `make help` lists the targets; ./tine calls this file.
CROSS   ?= aarch64-linux-gnu-
CC      := $(CROSS)gcc
AR      := $(CROSS)ar
NM      := $(CROSS)nm
OBJCOPY := $(CROSS)objcopy
HOSTCC  ?= gcc
B       ?= build
TINE_CACHE ?= $(CURDIR)/build/cache
export TINE_CACHE
SRC     := $(TINE_CACHE)/src

# --- the layers and what each may use (docs/architecture.md); base is for all ---------------
LAYERS := base lib insn bpf/isa bpf/run bpf/jit bpf/verify bpf/btf pt mm text bpf/dispatch bpf/map task bpf/prog fs net drv sys
uses_base := hal
uses_hal  :=
uses_lib  :=
uses_insn :=
uses_bpf/isa :=
uses_bpf/run := bpf/isa
uses_bpf/verify := lib bpf/isa bpf/run
uses_bpf/btf := lib bpf/isa bpf/verify
uses_bpf/jit := bpf/isa insn
uses_pt   := lib hal
uses_mm   := lib hal pt
uses_text := lib hal insn mm
uses_bpf/map := lib hal mm bpf/isa bpf/verify
uses_task := lib hal pt mm
uses_bpf/dispatch := lib hal insn text
uses_bpf/prog := lib hal pt mm text task bpf/isa bpf/verify bpf/jit bpf/dispatch bpf/map
uses_fs   := lib hal pt mm task
uses_net  := lib hal pt mm task fs
uses_drv  := lib hal pt mm task fs
uses_sys  := lib hal insn pt mm text task fs net drv bpf/isa bpf/verify bpf/btf bpf/dispatch bpf/map bpf/prog
uses_arch := hal

includes = $(foreach d,base $(1) $(uses_$(1)),-Ikernel/$(d)/include)
ARCHINC  := -Ikernel/arch/arm64/include

WARN    := -Wall -Wextra -Wshadow -Wmissing-prototypes -Wstrict-prototypes -Wundef -Wno-unused-parameter -Werror
KFLAGS  := -std=gnu11 -O2 -g $(WARN) -ffreestanding -nostdinc -isystem $(shell $(CC) -print-file-name=include) \
	-isystem $(B)/uapi -mgeneral-regs-only -march=armv8-a -mno-outline-atomics -fno-pic -fno-pie -fno-common \
	-fno-strict-aliasing -fno-stack-protector -fno-omit-frame-pointer -fno-asynchronous-unwind-tables \
	-fno-delete-null-pointer-checks -ffunction-sections -fdata-sections -DTINE_KERNEL
# A function is called as it is declared, for who attaches to it by its types: no copies of it with fewer arguments.
KFLAGS  += -fno-ipa-sra -fno-ipa-cp -fno-partial-inlining
# Code from Debian source packages: built as it is, warnings are theirs.
EXTFLAGS := $(filter-out $(WARN),$(KFLAGS)) -w -Ikernel/lib/ext/include -Ikernel/base/include

# --- objects ---------------------------------------------------------------------------------
objs = $(patsubst kernel/%,$(B)/k/%.o,$(sort $(wildcard kernel/$(1)/*.c kernel/$(1)/*.S)))
ARCHIVES := $(foreach l,$(LAYERS) arch/arm64,$(B)/k/$(l).a)
EXTSRC   := zlib/inflate.c zlib/inftrees.c zlib/inffast.c zlib/crc32.c zlib/adler32.c zlib/zutil.c \
	libfdt/fdt.c libfdt/fdt_ro.c libfdt/fdt_addresses.c libfdt/fdt_check.c libfdt/fdt_rw.c libfdt/fdt_wip.c
EXTOBJS  := $(patsubst %.c,$(B)/ext/%.o,$(EXTSRC))

# `make V=1` shows the commands.
ifeq ($(V),1)
Q :=
else
Q := @
endif
say = @printf '  %-4s %s\n' $(1) $(2)

.PHONY: all image help clean check host-test
all: image
help:
	@echo 'image      build/Image, the kernel'
	@echo 'host-test  unit tests of the core folders, on this machine'
	@echo 'check      layer rules, format and static checks'
	@echo 'clean      removes what was built, not the caches'
image: $(B)/Image

$(B)/uapi:
	@mkdir -p $@
	@for d in linux asm asm-generic; do ln -sfn /usr/aarch64-linux-gnu/include/$$d $@/$$d; done

# Changes when the flags do.
$(B)/k/flags: FORCE
	@mkdir -p $(dir $@)
	@echo '$(CC) $(KFLAGS)' | cmp -s - $@ || echo '$(CC) $(KFLAGS)' >$@
.PHONY: FORCE

define layer_rules
$(B)/k/$(1)/%.c.o: kernel/$(1)/%.c $(B)/k/flags | $(B)/uapi $(SRC)/.done
	@mkdir -p $$(dir $$@)
	$$(call say,CC,$$<)
	$$(Q)$$(CC) $$(KFLAGS) $$(call includes,$(2)) $$(ARCHINC) $$(EXTRA_$(1)) -MMD -MP -c -o $$@ $$<
$(B)/k/$(1)/%.S.o: kernel/$(1)/%.S $(B)/k/flags | $(B)/uapi
	@mkdir -p $$(dir $$@)
	$$(call say,AS,$$<)
	$$(Q)$$(CC) $$(KFLAGS) -D__ASSEMBLY__ $$(call includes,$(2)) $$(ARCHINC) -Ikernel/arch/arm64 -MMD -MP -c -o $$@ $$<
$(B)/k/$(1).a: $(call objs,$(1))
	@mkdir -p $$(dir $$@)
	@rm -f $$@
	$$(Q)$$(AR) rcs $$@ $$^
endef
EXTRA_lib := -Ikernel/lib/ext/include -I$(SRC) -I$(SRC)/libfdt
# pt may use mm's page interface (struct page holds the nodes), as the page interface uses nothing of pt.
EXTRA_pt := -Ikernel/mm/include
EXTRA_arch/arm64 := -Ikernel/arch/arm64
$(foreach l,$(LAYERS),$(eval $(call layer_rules,$(l),$(l))))
$(eval $(call layer_rules,arch/arm64,arch))

# The pinned Debian source packages that are compiled in: unpacked once into the cache.
$(SRC)/.done: | $(B)/uapi
	host/fetch-src zlib libfdt
	@touch $@
$(EXTOBJS): $(B)/ext/%.o: Makefile | $(SRC)/.done
	@mkdir -p $(dir $@)
	$(call say,CC,$*.c)
	$(Q)$(CC) $(EXTFLAGS) -I$(SRC)/libfdt -I$(SRC)/zlib -DZ_SOLO -c -o $@ $(SRC)/$*.c

include kernel/arch/arm64/link.mk

check:
	host/check-layers $(B)
clean:
	rm -rf $(B)/k $(B)/ext $(B)/host $(B)/Image $(B)/tine.elf $(B)/uapi
-include $(shell find $(B)/k -name '*.d' 2>/dev/null)
-include tests/host/host.mk
