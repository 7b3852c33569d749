/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SYS_EXEC_CRED_H
#define SYS_EXEC_CRED_H
#include "exec.h"
/* Identity and capabilities of the new program: x->cred (NULL: as they are), x->secure, ids. 0,
 * -ENOMEM. */
int exec_cred(struct exec *x) __must_check;
#endif
