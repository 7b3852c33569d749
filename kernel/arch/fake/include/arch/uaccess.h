/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef ARCH_UACCESS_H
#define ARCH_UACCESS_H
#include <base/types.h>
int arch_get_user(u64 *val, const void __user *p, size_t size);
int arch_put_user(u64 v, void __user *p, size_t size);
#endif
