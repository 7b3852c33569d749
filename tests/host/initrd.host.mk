# SPDX-License-Identifier: BSD-2-Clause
# What is read at boot, pure code, with good, cut and damaged input. The initrd: cpio and gzip.
HOST_ZLIB := $(addprefix $(HB)/ext/,inflate.o inftrees.o inffast.o crc32.o adler32.o zutil.o)
$(HB)/ext/%.o: $(SRC)/.done
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -O1 -g -w -DZ_SOLO $(HOST_SAN) -c -o $@ $(SRC)/zlib/$*.c
$(HB)/o/kernel/lib/gunzip.o: HOST_INC += -I$(SRC)
$(HB)/o/kernel/lib/gunzip.o: | $(SRC)/.done
$(eval $(call host_test,test_initrd,tests/host/test_initrd.c kernel/lib/cpio.c kernel/lib/gunzip.c))
$(HB)/test_initrd: $(HOST_ZLIB)

# What is read of the device tree, with libfdt as it is.
HOST_FDT := $(addprefix $(HB)/ext/,fdt.o fdt_ro.o fdt_addresses.o fdt_check.o fdt_rw.o fdt_wip.o)
$(HOST_FDT): $(HB)/ext/%.o: $(SRC)/.done
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -O1 -g -w $(HOST_SAN) -I$(SRC)/libfdt -c -o $@ $(SRC)/libfdt/$*.c
$(HB)/o/kernel/lib/fdt.o: HOST_INC += -I$(SRC) -I$(SRC)/libfdt
$(HB)/o/kernel/lib/fdt.o: | $(SRC)/.done
$(eval $(call host_test,test_fdt,tests/host/test_fdt.c kernel/lib/fdt.c))
$(HB)/test_fdt: $(HOST_FDT)

$(eval $(call host_test,test_elf,tests/host/test_elf.c kernel/lib/elf.c))
