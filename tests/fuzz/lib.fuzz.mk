# SPDX-License-Identifier: BSD-2-Clause
# What the kernel reads from outside before anybody could check it: archives, compressed data, programs, device trees.
FUZZ_ZLIB := $(addprefix $(SRC)/zlib/,inflate.c inftrees.c inffast.c crc32.c adler32.c zutil.c)
FUZZ_FDT  := $(addprefix $(SRC)/libfdt/,fdt.c fdt_ro.c fdt_addresses.c fdt_check.c fdt_rw.c fdt_wip.c)
$(FUZZ_ZLIB) $(FUZZ_FDT): $(SRC)/.done ;
FUZZ_LIB_INC := -I$(SRC) -I$(SRC)/zlib -I$(SRC)/libfdt -DZ_SOLO
$(patsubst %.c,$(HB)/f/%.o,$(FUZZ_ZLIB) $(FUZZ_FDT) kernel/lib/gunzip.c kernel/lib/fdt.c): FUZZ_CFLAGS += $(FUZZ_LIB_INC)

$(eval $(call fuzz_target,fuzz_cpio,tests/fuzz/fuzz_cpio.c kernel/lib/cpio.c))
$(eval $(call fuzz_target,fuzz_gunzip,tests/fuzz/fuzz_gunzip.c tests/fuzz/host_alloc.c kernel/lib/gunzip.c $(FUZZ_ZLIB)))
$(eval $(call fuzz_target,fuzz_elf,tests/fuzz/fuzz_elf.c kernel/lib/elf.c))
$(eval $(call fuzz_target,fuzz_fdt,tests/fuzz/fuzz_fdt.c kernel/lib/fdt.c $(FUZZ_FDT)))
