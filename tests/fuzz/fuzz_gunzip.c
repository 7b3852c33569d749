/* SPDX-License-Identifier: BSD-2-Clause */
/* gunzip: no input makes it read outside, loop, or leak, whether memory is there or the receiver
 * stops. */
#include <stdlib.h>
#include <base/assert.h>
#include <base/errno.h>
#include <lib/gunzip.h>
#include "host_alloc.h"

__noreturn void panic(const char *fmt, ...) { abort(); }

static u64 total;
static int sink(void *arg, const void *data, size_t n)
{
	u64 sum = 0;

	for (size_t i = 0; i < n; i++)
		sum += ((const u8 *)data)[i];
	total += n;
	return total > *(u64 *)arg ? -ENOSPC : sum == ~0ull;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t n)
{
	u64 room = 4 * MIB;
	size_t used;
	int err;

	if (n < 2)
		return 0;
	alloc_fail_at = data[0] < 4 ? data[0] : 0;
	if (data[1] & 1)
		room = data[1] * 100;
	total = 0;
	err = gunzip(data + 2, n - 2, &used, sink, &room);
	BUG_ON(used > n - 2);
	BUG_ON(err && err != -EINVAL && err != -ENOMEM && err != -ENOSPC);
	BUG_ON(!err && (used < 18 || !is_gzip(data + 2, n - 2)));
	return 0;
}
