/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The verifier's log, as bpf(2) gives it to user space (BPF_PROG_LOAD's log_level, log_buf,
 * log_size, log_true_size): text in a buffer of the caller's. Without BPF_LOG_FIXED it keeps the
 * end of what was said, in a ring; bpf_log_end turns the ring so that the text begins at buf[0].
 */
#ifndef BPF_LOG_H
#define BPF_LOG_H
#include <base/types.h>

#define BPF_LOG_LEVEL1	1u	/* instructions and states of the path that failed */
#define BPF_LOG_LEVEL2	2u	/* of all paths */
#define BPF_LOG_STATS	4u	/* only the last lines */
#define BPF_LOG_FIXED	8u	/* keep the beginning, not the end */
#define BPF_LOG_MASK	15u

struct bpf_log {
	u32 level;
	char *buf;		/* NULL: only the length is counted */
	u32 size;
	u64 pos;		/* bytes said, those that did not fit or stay included */
	u64 from;		/* a ring has lost what was said before this pos */
	u64 most;		/* the highest pos ever */
};

/* Appends up to 255 bytes (lib/format.h's conversions) if log is there and has a level. */
void bpf_log_put(struct bpf_log *log, const char *fmt, ...) __printf(2, 3);
/* Forgets what was said behind pos (a path that ended well). */
void bpf_log_reset(struct bpf_log *log, u64 pos);
/*
 * Ends the text with NUL and turns a ring's around. *true_size: bytes that a buffer for all of it
 * needs, with the NUL; 0 if the level is 0. 0, or -ENOSPC: buf was too small for it.
 */
int bpf_log_end(struct bpf_log *log, u32 *true_size);
#endif
