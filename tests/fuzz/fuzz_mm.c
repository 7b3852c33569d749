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

	if (n < 3)
		return 0;
	mm_model_run(data + 2, n - 2, data[1], data[0] % 4 == 0 ? 20 : 0, &st);
	return 0;
}
