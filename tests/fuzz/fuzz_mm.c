/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer: operations on several address spaces against the flat model (tests/host/mm_model.c).
 */
#include <stddef.h>
#include <stdint.h>
#include "mm_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct mm_model_stats st = { 0 };
	struct mm_model_config c = { 0 };

	if (n < 3)
		return 0;
	c.fail_rate = data[0] & 1 ? 20 : 0;
	c.few_asids = data[0] & 2;
	c.software_bits = data[0] & 4;
	c.wide = (data[0] & 0x18) == 0x18;	/* these take long */
	c.large = data[0] & 0x20;
	c.copied = data[0] & 0x40;
	c.seed = data[1];
	mm_model_run(data + 2, n - 2, &c, &st);
	return 0;
}
