/* SPDX-License-Identifier: BSD-2-Clause */
/* The constants are the first 32 bits of the fractional parts of the cube roots (k) and square
 * roots (start) of the first primes (FIPS 180-4, 4.2.2, 5.3.3). */
#include <base/string.h>
#include <lib/sha256.h>

static const u32 k[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4,
	0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe,
	0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f,
	0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc,
	0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
	0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116,
	0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7,
	0xc67178f2,
};
static const u32 start[8] = { 0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
			      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19 };

u64 (*sha256_engine)(u32 state[8], const void *data, u64 blocks, const u32 k[64]);

static u32 ror(u32 v, u32 n) { return v >> n | v << (32 - n); }

/* One round; what the standard moves from letter to letter is renamed by the caller. */
static __always_inline void turn(u32 a, u32 b, u32 c, u32 *d, u32 e, u32 f, u32 g, u32 *h, u32 kw)
{
	u32 t = *h + (ror(e, 6) ^ ror(e, 11) ^ ror(e, 25)) + (g ^ (e & (f ^ g))) + kw;

	*d += t;
	*h = t + (ror(a, 2) ^ ror(a, 13) ^ ror(a, 22)) + ((a & b) | (c & (a | b)));
}

static void block(u32 s[8], const u8 *p)
{
	u32 a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f = s[5], g = s[6], h = s[7];
	u32 w[64];

	memcpy(w, p, 64);
	for (u32 i = 0; i < 16; i++)
		w[i] = __builtin_bswap32(w[i]);
	for (u32 i = 16; i < 64; i++) {
		u32 x = w[i - 15], y = w[i - 2];

		w[i] = w[i - 16] + (ror(x, 7) ^ ror(x, 18) ^ x >> 3) + w[i - 7] +
		       (ror(y, 17) ^ ror(y, 19) ^ y >> 10);
	}
	for (u32 i = 0; i < 64; i += 8) {
		turn(a, b, c, &d, e, f, g, &h, k[i] + w[i]);
		turn(h, a, b, &c, d, e, f, &g, k[i + 1] + w[i + 1]);
		turn(g, h, a, &b, c, d, e, &f, k[i + 2] + w[i + 2]);
		turn(f, g, h, &a, b, c, d, &e, k[i + 3] + w[i + 3]);
		turn(e, f, g, &h, a, b, c, &d, k[i + 4] + w[i + 4]);
		turn(d, e, f, &g, h, a, b, &c, k[i + 5] + w[i + 5]);
		turn(c, d, e, &f, g, h, a, &b, k[i + 6] + w[i + 6]);
		turn(b, c, d, &e, f, g, h, &a, k[i + 7] + w[i + 7]);
	}
	s[0] += a, s[1] += b, s[2] += c, s[3] += d;
	s[4] += e, s[5] += f, s[6] += g, s[7] += h;
}

static void blocks(u32 s[8], const u8 *p, u64 n)
{
	u64 done = sha256_engine ? sha256_engine(s, p, n, k) : 0;

	for (; done < n; done++)
		block(s, p + done * 64);
}

void sha256(const void *data, size_t n, u8 out[32])
{
	const u8 *p = data;
	u8 last[128] = { 0 };
	size_t left = n % 64, pad = left < 56 ? 64 : 128;
	u32 h[8];

	memcpy(h, start, sizeof(h));
	blocks(h, p, n / 64);
	memcpy(last, p + n - left, left);
	last[left] = 0x80;
	for (u32 i = 0; i < 8; i++)
		last[pad - 1 - i] = (u8)((u64)n * 8 >> i * 8);
	blocks(h, last, pad / 64);
	for (u32 i = 0; i < 32; i++)
		out[i] = (u8)(h[i / 4] >> (24 - i % 4 * 8));
}
