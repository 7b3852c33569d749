/* SPDX-License-Identifier: BSD-2-Clause */
/* BPF_BTF_LOAD: what is let pass, what is refused with which errno, and what the log says. */
#include "check.h"
#include "../bpf/btf_cases.h"

#include <linux/bpf.h>
#include <sys/syscall.h>

static char text[16384];

static int load(const void *data, uint32_t size, uint32_t level)
{
	union bpf_attr a;

	memset(&a, 0, sizeof(a));
	a.btf = (uintptr_t)data;
	a.btf_size = size;
	a.btf_log_buf = level ? (uintptr_t)text : 0;
	a.btf_log_size = level ? sizeof(text) : 0;
	a.btf_log_level = level;
	text[0] = 0;
	return (int)syscall(SYS_bpf, BPF_BTF_LOAD, &a, sizeof(a));
}

TEST(load)
{
	uint8_t blob[4096];
	int wrong = 0;

	if (load(blob, 0, 0) < 0 && errno == ENOSYS)
		SKIP("no bpf(2)");
	for (size_t k = 0; k < sizeof(btf_cases) / sizeof(btf_cases[0]); k++) {
		const struct btf_case *c = &btf_cases[k];
		uint32_t size = btf_case_blob(c, blob, sizeof(blob));
		int fd, err, quiet;

		fd = load(blob, size, 0);
		quiet = fd < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
		fd = load(blob, size, 1);
		err = fd < 0 ? errno : 0;
		if (fd >= 0)
			close(fd);
		if (err == c->err && quiet == c->err && strstr(text, c->why))
			continue;
		wrong++;
		printf("# %s: %d, quietly %d, not %d; the log should have: %s\n%s\n", c->name, err,
		       quiet, c->err, c->why, text);
	}
	if (wrong)
		FAIL("%d cases", wrong);
}
