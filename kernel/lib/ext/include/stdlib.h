/* SPDX-License-Identifier: BSD-2-Clause */
/* What the compiled-in Debian sources expect of the C library's <stdlib.h>: nothing that they use
 * here. */
#include <stddef.h>
