# SPDX-License-Identifier: BSD-2-Clause
# libFuzzer targets. $(call fuzz_target,name,sources): build/host/name. `./tine test fuzz` runs them.
FUZZ_CC ?= clang
FUZZ_SAN := -fsanitize=address,undefined -fno-sanitize=object-size,function -fno-sanitize-recover=undefined
FUZZ_CFLAGS := -std=gnu11 -O1 -g -w $(FUZZ_SAN) -fsanitize=fuzzer-no-link -mllvm -asan-globals=0 -fno-strict-aliasing -D_GNU_SOURCE
FUZZ_TARGETS :=

define fuzz_target
FUZZ_TARGETS += $(1)
$(HB)/$(1): $(patsubst %.c,$(HB)/f/%.o,$(2))
	$$(call say,LD,$$@)
	$$(Q)$$(FUZZ_CC) $$(FUZZ_SAN) -fsanitize=fuzzer -o $$@ $$^
endef

$(HB)/f/%.o: %.c
	@mkdir -p $(dir $@)
	$(call say,FUZZ,$<)
	$(Q)$(FUZZ_CC) $(FUZZ_CFLAGS) $(HOST_INC) -Ikernel/mm -Itests/host -MMD -MP -c -o $@ $<
	$(Q)objcopy $(HOST_RENAME) $@

# Whose inputs are choices and not words to be guessed: that each comparison reports what it
# compares helps nobody there, and takes two thirds of fuzz_mm's time.
FUZZ_CHOICES := -fno-sanitize-coverage=trace-cmp
FUZZ_MM := tests/fuzz/fuzz_mm.c $(MM_MODEL) $(HOST_MM)
$(patsubst %.c,$(HB)/f/%.o,$(FUZZ_MM)): FUZZ_CFLAGS += $(FUZZ_CHOICES)
$(eval $(call fuzz_target,fuzz_mm,$(FUZZ_MM)))
-include $(wildcard tests/fuzz/*.fuzz.mk)

.PHONY: fuzz fuzz-list
fuzz: $(addprefix $(HB)/,$(FUZZ_TARGETS))
fuzz-list:
	@echo $(FUZZ_TARGETS)
-include $(shell find $(HB)/f -name '*.d' 2>/dev/null)
