/* SPDX-License-Identifier: BSD-2-Clause */
/* What the compiled-in Debian sources expect of the C library's <string.h>. */
#include <base/string.h>
