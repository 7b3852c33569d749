/* SPDX-License-Identifier: BSD-2-Clause */
/* The ChaCha20 block function (RFC 8439, section 2.3). Pure. */
#ifndef LIB_CHACHA_H
#define LIB_CHACHA_H
#include <base/types.h>

#define CHACHA_KEY_WORDS	8
#define CHACHA_BLOCK		64

/* One block of the key stream: the state's words after 20 rounds. counter and nonce are the RFC's
 * words 12 to 15. */
void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter, const u32 nonce[3],
		    u32 out[CHACHA_BLOCK / 4]);
#endif
