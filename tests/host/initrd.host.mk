# SPDX-License-Identifier: BSD-2-Clause
# The initrd's readers: cpio and gzip, pure code, with good, cut and damaged input.
HOST_ZLIB := $(addprefix $(HB)/ext/,inflate.o inftrees.o inffast.o crc32.o adler32.o zutil.o)
$(HB)/ext/%.o: $(SRC)/.done
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) -O1 -g -w -DZ_SOLO $(HOST_SAN) -c -o $@ $(SRC)/zlib/$*.c
$(HB)/o/kernel/lib/gunzip.o: HOST_INC += -I$(SRC)
$(HB)/o/kernel/lib/gunzip.o: | $(SRC)/.done
$(eval $(call host_test,test_initrd,tests/host/test_initrd.c kernel/lib/cpio.c kernel/lib/gunzip.c))
$(HB)/test_initrd: $(HOST_ZLIB)
