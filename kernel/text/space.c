/* SPDX-License-Identifier: BSD-2-Clause */
#include <text/space.h>

static u32 end_of(const struct space *s) { return s->nblocks * SPACE_BLOCK_GRANULES; }

enum which { USED, START };

static u64 word_of(const struct space *s, u32 w, enum which which, bool fresh)
{
	u32 i = w / SPACE_WORDS;
	const struct space_block *b = s->block[i];

	if (!b)
		return which == USED && !(fresh && (s->possible & BIT(i))) ? ~0ull : 0;
	return (which == USED ? b->used : b->start)[w % SPACE_WORDS];
}

/* The first granule of [from, end) whose used bit is `want`; end: none. A whole absent block is one
 * step. */
static u32 next_used(const struct space *s, u32 from, u32 end, bool want, bool fresh)
{
	while (from < end) {
		u64 w = word_of(s, from / 64, USED, fresh);

		w = (want ? w : ~w) >> from % 64;
		if (w)
			return min(end, from + (u32)__builtin_ctzll(w));
		if (from % SPACE_BLOCK_GRANULES == 0 && !s->block[from / SPACE_BLOCK_GRANULES])
			from += SPACE_BLOCK_GRANULES;
		else
			from = align_up(from + 1, 64u);
	}
	return end;
}

u32 space_find(const struct space *s, u32 n, u32 align, bool fresh)
{
	u32 end = end_of(s), at = fresh ? 0 : s->hint;

	for (;;) {
		u32 taken;

		at = align_up(next_used(s, at, end, false, fresh), align);
		if (at >= end || n > end - at)
			return SPACE_NONE;
		taken = next_used(s, at, at + n, true, fresh);
		if (taken == at + n)
			return at;
		at = taken;
	}
}

/* Sets or clears bits [at, at + n) of `used`, word by word. */
static void mark(struct space *s, u32 at, u32 n, bool used)
{
	while (n) {
		u32 k = min(n, 64 - at % 64);
		struct space_block *b = s->block[at / SPACE_BLOCK_GRANULES];
		u64 m = (k == 64 ? ~0ull : BIT(k) - 1) << at % 64;
		u64 *w = &b->used[at % SPACE_BLOCK_GRANULES / 64];

		*w = used ? *w | m : *w & ~m;
		b->free += used ? -k : k;
		at += k;
		n -= k;
	}
}

static u64 *start_word(const struct space *s, u32 at)
{
	return &s->block[at / SPACE_BLOCK_GRANULES]->start[at % SPACE_BLOCK_GRANULES / 64];
}

void space_take(struct space *s, u32 at, u32 n)
{
	*start_word(s, at) |= BIT(at % 64);
	if (next_used(s, min(s->hint, at), at, false, false) == at)
		s->hint = max(s->hint, at + n);
	mark(s, at, n, true);
}

u32 space_size(const struct space *s, u32 at)
{
	u32 end = end_of(s), g;

	if (at >= end || !(word_of(s, at / 64, START, false) >> at % 64 & 1))
		return 0;
	end = next_used(s, at, end, false, true);
	/* Up to the next start, the next free granule, or the end of what is present. */
	for (g = at + 1; g < end; g = align_up(g + 1, 64u)) {
		u64 starts = word_of(s, g / 64, START, false) >> g % 64;

		if (!s->block[g / SPACE_BLOCK_GRANULES])
			return g - at;
		if (starts)
			return min(end, g + (u32)__builtin_ctzll(starts)) - at;
	}
	return end - at;
}

u32 space_start(const struct space *s, u32 g)
{
	u32 w = g / 64;
	u64 starts;

	if (g >= end_of(s) || !(word_of(s, w, USED, false) >> g % 64 & 1) ||
	    !s->block[g / SPACE_BLOCK_GRANULES])
		return SPACE_NONE;
	starts = word_of(s, w, START, false) & (~0ull >> (63 - g % 64));
	/* What was kept has no start. */
	while (!starts && w && s->block[(w - 1) / SPACE_WORDS])
		starts = word_of(s, --w, START, false);
	return starts ? w * 64 + ilog2(starts) : SPACE_NONE;
}

u32 space_free(struct space *s, u32 at)
{
	u32 n = space_size(s, at);

	if (!n)
		return 0;
	*start_word(s, at) &= ~BIT(at % 64);
	mark(s, at, n, false);
	s->hint = min(s->hint, at);
	return n;
}

void space_bring(struct space *s, u32 i, struct space_block *b, u32 kept)
{
	s->block[i] = b;
	b->free = SPACE_BLOCK_GRANULES;
	b->kept = kept;
	mark(s, i * SPACE_BLOCK_GRANULES, kept, true);
	s->hint = min(s->hint, i * SPACE_BLOCK_GRANULES);
	s->hint = next_used(s, s->hint, end_of(s), false, false);
}

struct space_block *space_drop(struct space *s, u32 i)
{
	struct space_block *b = s->block[i];

	if (!b || b->kept || b->free != SPACE_BLOCK_GRANULES)
		return NULL;
	s->block[i] = NULL;
	return b;
}

void space_totals(const struct space *s, struct space_totals *t)
{
	u32 end = end_of(s), from = 0, to;

	*t = (struct space_totals){ 0 };
	for (u32 i = 0; i < s->nblocks; i++)
		if (s->block[i]) {
			t->blocks++;
			t->free += s->block[i]->free;
			t->used += SPACE_BLOCK_GRANULES - s->block[i]->free - s->block[i]->kept;
		}
	while ((from = next_used(s, from, end, false, false)) < end) {
		to = next_used(s, from, end, true, false);
		t->largest = max(t->largest, to - from);
		from = to;
	}
}
