// SPDX-License-Identifier: BSD-2-Clause
/* test_maps of Linux's selftests, case by case. Those of maps of devices and sockets are left out. */
#define main linux_main
#include "test_maps.c"
#undef main
#include "cases.h"

#define WITH_ARGUMENTS(name) static void run_##name(void) { test_##name(0, NULL); }
WITH_ARGUMENTS(hashmap)
WITH_ARGUMENTS(hashmap_percpu)
WITH_ARGUMENTS(hashmap_walk)
WITH_ARGUMENTS(hashmap_sizes)
WITH_ARGUMENTS(arraymap)
WITH_ARGUMENTS(arraymap_percpu)
WITH_ARGUMENTS(queuemap)
WITH_ARGUMENTS(stackmap)

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "hashmap", run_hashmap }, { "hashmap_percpu", run_hashmap_percpu }, { "hashmap_walk", run_hashmap_walk },
	{ "hashmap_sizes", run_hashmap_sizes }, { "hashmap_zero_seed", test_hashmap_zero_seed },
	{ "arraymap", run_arraymap }, { "arraymap_percpu", run_arraymap_percpu },
	{ "arraymap_percpu_many_keys", test_arraymap_percpu_many_keys },
	{ "map_large", test_map_large }, { "map_parallel", test_map_parallel }, { "map_stress", test_map_stress },
	{ "map_rdonly", test_map_rdonly }, { "map_wronly", test_map_wronly },
	{ "queuemap", run_queuemap }, { "stackmap", run_stackmap }, { "map_in_map", test_map_in_map },
};

/* Arguments: the names of cases, all without. */
static bool wanted(int argc, char **argv, const char *name)
{
	for (int k = 1; k < argc; k++)
		if (!strcmp(argv[k], name))
			return true;
	return argc < 2;
}

int main(int argc, char **argv)
{
	libbpf_set_strict_mode(LIBBPF_STRICT_ALL);
	for (int k = 0; k < 2; k++) {
		map_opts.map_flags = k ? BPF_F_NO_PREALLOC : 0;
		for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++)
			if (wanted(argc, argv, cases[n].name))
				run_case(cases[n].name, k ? "(no prealloc)" : "", 300, cases[n].run);
	}
#define DEFINE_TEST(name) if (wanted(argc, argv, #name)) run_case(#name, "", 300, test_##name);
#include <map_tests/tests.h>
	return 0;
}
