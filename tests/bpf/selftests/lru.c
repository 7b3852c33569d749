// SPDX-License-Identifier: BSD-2-Clause
/* test_lru_map of Linux's selftests, case by case. */
#define main linux_main
#include "test_lru_map.c"
#undef main
#include "cases.h"

static int type, flags;
static unsigned int target;

#define SANITY(number, ...) \
	static void sanity##number(void) { test_lru_sanity##number(type, flags, ##__VA_ARGS__); }
SANITY(0)
SANITY(1, target)
SANITY(2, target)
SANITY(3, target)
SANITY(4, target)
SANITY(5)
SANITY(6, target)
SANITY(7)
SANITY(8)

static void (*const sanity[])(void) = {
	sanity0, sanity1, sanity2, sanity3, sanity4, sanity5, sanity6, sanity7, sanity8,
};

int main(void)
{
	nr_cpus = bpf_num_possible_cpus();
	for (int k = 0; k < 4; k++) {
		type = k & 1 ? BPF_MAP_TYPE_LRU_PERCPU_HASH : BPF_MAP_TYPE_LRU_HASH;
		flags = k & 2 ? BPF_F_NO_COMMON_LRU : 0;
		target = flags ? PERCPU_FREE_TARGET : LOCAL_FREE_TARGET;
		for (unsigned int n = 0; n < sizeof(sanity) / sizeof(*sanity); n++) {
			char name[40];

			snprintf(name, sizeof(name), "lru sanity%u%s%s", n, k & 1 ? " percpu" : "",
				 k & 2 ? " no common" : "");
			run_case(name, "", 120, sanity[n]);
		}
	}
	return 0;
}
