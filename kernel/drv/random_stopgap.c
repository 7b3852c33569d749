/* SPDX-License-Identifier: BSD-2-Clause */
/* Until the random pool is linked in: the CPU's generator, or the counter stirred (not secret, and it says so). */
#include <base/printk.h>
#include <drv/random.h>
#include <hal/cpu.h>

__weak_symbol void get_random_bytes(void *buf, size_t n)
{
	static bool said;
	static u64 state;
	u64 v = 0;

	for (size_t i = 0; i < n; i++) {
		if (i % 8 == 0 && !arch_random(&v)) {
			if (!said)
				pr_warn("random: no pool and no hardware generator: numbers can be guessed\n");
			said = true;
			state = (state ^ arch_counter()) * 0x9e3779b97f4a7c15ull;
			v = state ^ state >> 29;
		}
		((u8 *)buf)[i] = (u8)(v >> i % 8 * 8);
	}
}
