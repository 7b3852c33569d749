/* SPDX-License-Identifier: BSD-2-Clause */
/* For tests without fake_run's threads (kernel/arch/fake/sched.c): there is nobody to change to. */
#include "points.h"

__attribute__((weak)) void fake_switch_point(void) { }
