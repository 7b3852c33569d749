/* SPDX-License-Identifier: BSD-2-Clause */
/* Random programs through the verifier and the interpreter (tests/bpf/oracle.h); a number as argument:
 * so many, another one: from there on. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "../bpf/oracle.h"

static u64 state;
static u64 rnd(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	return state ^= state << 17;
}

int main(int argc, char **argv)
{
	u32 programs = argc > 1 ? (u32)atoi(argv[1]) : 1500, first = argc > 2 ? (u32)atoi(argv[2]) : 1;
	u32 accepted = 0, insns = 0;
	u64 compared = 0;
	u8 data[512];

	for (u32 k = first; k < first + programs; k++) {
		struct oracle_result r;
		size_t size;

		state = k * 0x9e3779b97f4a7c15;
		rnd();
		size = 20 + rnd() % (rnd() % 4 ? 120 : sizeof(data) - 20);
		for (size_t b = 0; b < size; b++)
			data[b] = (u8)(rnd() >> 24);
		r = oracle(data, size);
		accepted += !r.err;
		insns += r.err ? 0 : r.insns;
		compared += r.compared;
	}
	printf("%s random_programs # %u of %u accepted, of %u instructions, %llu states compared\n",
	       accepted > programs / 10 && compared > programs * 10ull ? "ok" : "not ok", accepted,
	       programs, insns, (unsigned long long)compared);
	return !(accepted > programs / 10 && compared > programs * 10ull);
}
