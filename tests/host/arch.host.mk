# SPDX-License-Identifier: BSD-2-Clause
# The PTE codec, and the formatter and string functions under other names beside the C library's.
$(eval $(call host_test,test_pte,tests/host/test_pte.c))
TINE_NAMES := $(foreach f,vsnprintf snprintf memmove memcmp memchr strlen strnlen strcmp strncmp strchr strrchr strstr strlcpy,-D$(f)=tine_$(f))
$(HB)/plain/%.o: %.c
	@mkdir -p $(@D)
	$(Q)$(HOSTCC) $(HOST_CFLAGS) -fno-builtin $(TINE_NAMES) $(HOST_INC) -c -o $@ $<
$(eval $(call host_test,test_format,tests/host/test_format.c))
$(HB)/test_format: $(addprefix $(HB)/plain/kernel/lib/,format.o string.o memmove.o)
