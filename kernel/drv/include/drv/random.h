/* SPDX-License-Identifier: BSD-2-Clause */
/* The kernel's random numbers (drv/random.c). */
#ifndef DRV_RANDOM_H
#define DRV_RANDOM_H
#include <base/types.h>

/* n bytes that nobody can guess. Any context but NMI. */
void get_random_bytes(void *buf, size_t n);
/* Folds n bytes into the pool: harmless whatever they are. Any context but NMI. */
void random_mix(const void *data, size_t n);
#endif
