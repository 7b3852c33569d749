/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Device registers. Reads and writes are single accesses of their width, in program order among
 * themselves (Device-nGnRE); mmio_barrier orders normal memory against them, both ways.
 */
#ifndef HAL_MMIO_H
#define HAL_MMIO_H
#include <base/types.h>
#include <arch/mmio.h> /* mmio_read8/16/32/64(addr), mmio_write8/16/32/64(addr, value), mmio_barrier() */
#endif
