/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_HOST_ALLOC_H
#define TESTS_HOST_ALLOC_H
#include <base/types.h>
extern u32 alloc_fail_at;	/* the how-manieth allocation from now on fails; 0: none */
#endif
