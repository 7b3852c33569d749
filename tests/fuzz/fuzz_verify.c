/* SPDX-License-Identifier: BSD-2-Clause */
/* The verifier: what it accepts runs as it says (tests/bpf/oracle.h). */
#include "../bpf/oracle.h"

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	oracle(data, size);
	return 0;
}
