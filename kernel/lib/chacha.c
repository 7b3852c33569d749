/* SPDX-License-Identifier: BSD-2-Clause */
/* ChaCha20 from RFC 8439. Words are used as they lie in memory: little-endian machines only, as the
 * kernel is. */
#include <lib/chacha.h>

static inline u32 rotl(u32 v, u32 n) { return v << n | v >> (32 - n); }

static inline void quarter(u32 *a, u32 *b, u32 *c, u32 *d)
{
	*a += *b; *d = rotl(*d ^ *a, 16);
	*c += *d; *b = rotl(*b ^ *c, 12);
	*a += *b; *d = rotl(*d ^ *a, 8);
	*c += *d; *b = rotl(*b ^ *c, 7);
}

void chacha20_block(const u32 key[CHACHA_KEY_WORDS], u32 counter, const u32 nonce[3],
		    u32 out[CHACHA_BLOCK / 4])
{
	u32 start[16] = {
		0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, /* "expand 32-byte k" */
		key[0],	    key[1],	key[2],	    key[3],	key[4],	  key[5],
		key[6],	    key[7],	counter,    nonce[0],	nonce[1], nonce[2],
	};
	u32 x[16];

	for (u32 i = 0; i < 16; i++)
		x[i] = start[i];
	for (u32 round = 0; round < 20; round += 2) {
		quarter(&x[0], &x[4], &x[8], &x[12]);
		quarter(&x[1], &x[5], &x[9], &x[13]);
		quarter(&x[2], &x[6], &x[10], &x[14]);
		quarter(&x[3], &x[7], &x[11], &x[15]);
		quarter(&x[0], &x[5], &x[10], &x[15]);
		quarter(&x[1], &x[6], &x[11], &x[12]);
		quarter(&x[2], &x[7], &x[8], &x[13]);
		quarter(&x[3], &x[4], &x[9], &x[14]);
	}
	for (u32 i = 0; i < 16; i++)
		out[i] = x[i] + start[i];
}
