/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The random pool: ChaCha20 with fast key erasure.
 *
 * A base key collects what nobody can guess: the device tree's rng-seed, the CPU's generator where
 * there is one, the counter's jitter, and what programs write to /dev/random. Each input is folded
 * in by key = ChaCha(key ^ input), so nothing that is mixed in can make the key easier to guess.
 * Each CPU draws its own key from the base key when the base key's generation has moved on, and
 * from then on replaces its key with every block it makes: the first half of a block is the next
 * key, the second half is given out and wiped. What was given out cannot be found again from
 * memory.
 *
 * The base key is stirred again at most every RESEED_NS, by whoever asks for bytes then.
 */
#include <base/printk.h>
#include <base/string.h>
#include <drv/machine.h>
#include <drv/random.h>
#include <hal/cpu.h>
#include <hal/spinlock.h>
#include <lib/chacha.h>
#include <lib/fdt.h>

#define RESEED_NS	(60 * 1000000000ull)
#define KEY_BYTES	32
#define HALF_WORDS	8

struct key { u32 w[CHACHA_KEY_WORDS]; };

static struct {
	struct spinlock lock;		/* with interrupts off */
	struct key key;
	u64 generation;			/* 0: not seeded yet; read without the lock */
	u64 next_reseed;		/* clock_ns */
} base = { .lock = SPINLOCK_INIT };

static struct cpu_pool {
	struct key key;
	u64 generation;
	u8 out[KEY_BYTES];		/* the last `left` bytes are fresh, the others wiped */
	u32 left;
} __aligned(64) pools[MAX_CPUS];	/* own CPU, interrupts off */

static const u32 nonce_mix[3] = {1}, nonce_cpu[3] = {2}, nonce_out[3] = {3}, nonce_bulk[3] = {4};

/* The compiler must not drop the wiping of what is not read again. */
static void wipe(void *p, size_t n)
{
	memset(p, 0, n);
	asm volatile("" :: "r"(p) : "memory");
}

/* --- the base key; base.lock held
 * ------------------------------------------------------------------- */

static void mix_locked(const void *data, size_t n)
{
	u32 block[16];
	const u8 *p = data;

	for (; n; n -= min(n, (size_t)KEY_BYTES), p += KEY_BYTES) {
		u8 in[KEY_BYTES] = { 0 };

		memcpy(in, p, min(n, (size_t)KEY_BYTES));
		for (u32 i = 0; i < CHACHA_KEY_WORDS; i++) {
			u32 w;

			memcpy(&w, in + 4 * i, 4);
			base.key.w[i] ^= w;
		}
		chacha20_block(base.key.w, (u32)n, nonce_mix, block);
		memcpy(base.key.w, block, KEY_BYTES);
		wipe(in, sizeof(in));
		if (n <= KEY_BYTES)
			break;
	}
	wipe(block, sizeof(block));
}

/* The CPU's generator and the counter. Returns whether the CPU had one. */
static bool mix_hardware_locked(void)
{
	struct { u64 random[4], counter; } in = { { 0 }, arch_counter() };
	bool have = true;

	for (u32 i = 0; i < ARRAY_SIZE(in.random); i++)
		have &= arch_random(&in.random[i]);
	mix_locked(&in, sizeof(in));
	wipe(&in, sizeof(in));
	return have;
}

/* How long things take, as far as the counter shows it: worth something on hardware, nothing under
 * an emulated clock. */
static void mix_jitter_locked(void)
{
	u64 t[16];

	for (u32 round = 0; round < 8; round++) {
		for (u32 i = 0; i < ARRAY_SIZE(t); i++)
			t[i] = arch_counter() ^ (t[(i + 7) % 16] << 13);
		mix_locked(t, sizeof(t));
	}
}

static void seed_locked(void)
{
	u32 len = 0;
	const void *seed = machine_fdt ? dt_prop(machine_fdt, dt_path(machine_fdt, "/chosen"),
						 "rng-seed", &len)
				       : NULL;
	bool good = mix_hardware_locked();

	if (seed && len) {
		mix_locked(seed, len);
		good |= len >= 16;
	}
	mix_jitter_locked();
	if (!good)
		pr_warn("random: neither a seed from the device tree nor a generator in the CPU: "
			"numbers can be guessed\n");
}

static void refresh_locked(u64 now)
{
	if (!base.generation)
		seed_locked();
	else
		mix_hardware_locked();
	base.next_reseed = now + RESEED_NS;
	store_release(&base.generation, base.generation + 1);
}

void random_mix(const void *data, size_t n)
{
	u64 irq = spin_lock_irqsave(&base.lock);

	if (!base.generation)
		seed_locked();
	mix_locked(data, n);
	store_release(&base.generation, base.generation + 1);
	spin_unlock_irqrestore(&base.lock, irq);
}

/* --- a CPU's pool; interrupts off
 * ------------------------------------------------------------------------ */

static void rekey(struct cpu_pool *p)
{
	u64 now = clock_ns();
	u32 block[16];

	spin_lock(&base.lock);
	if (!base.generation || now >= base.next_reseed)
		refresh_locked(now);
	chacha20_block(base.key.w, cpu_id(), nonce_cpu, block);
	memcpy(base.key.w, block, KEY_BYTES);
	p->generation = base.generation;
	arch_spin_unlock(&base.lock);
	preempt_enable_no_resched();
	for (u32 i = 0; i < CHACHA_KEY_WORDS; i++)	/* its old key still counts */
		p->key.w[i] ^= block[HALF_WORDS + i];
	p->left = 0;
	wipe(block, sizeof(block));
}

/* 32 new bytes in p->out, and the next key. */
static void refill(struct cpu_pool *p)
{
	u32 block[16];

	if (p->generation != load_acquire(&base.generation) ||
	    clock_ns() >= READ_ONCE(base.next_reseed))
		rekey(p);
	chacha20_block(p->key.w, 0, nonce_out, block);
	memcpy(p->key.w, block, KEY_BYTES);
	memcpy(p->out, block + HALF_WORDS, KEY_BYTES);
	p->left = KEY_BYTES;
	wipe(block, sizeof(block));
}

/* Up to 32 bytes. */
static void take(void *buf, size_t n)
{
	u64 irq = irq_save();
	struct cpu_pool *p = &pools[cpu_id()];

	if (p->left < n || unlikely(p->generation != READ_ONCE(base.generation)))
		refill(p);
	memcpy(buf, p->out + KEY_BYTES - p->left, n);
	memset(p->out + KEY_BYTES - p->left, 0, n);
	p->left -= (u32)n;
	irq_restore(irq);
}

void get_random_bytes(void *buf, size_t n)
{
	u32 block[16], counter = 0;
	struct key key;
	u8 *out = buf;

	if (likely(n <= KEY_BYTES)) {
		take(buf, n);
		return;
	}
	/* A key for this call alone; its stream may be long, so interrupts are on meanwhile. */
	take(&key, sizeof(key));
	while (n) {
		size_t part = min(n, sizeof(block));

		chacha20_block(key.w, counter++, nonce_bulk, block);
		memcpy(out, block, part);
		out += part;
		n -= part;
		if (unlikely(!counter))		/* 256 GiB on */
			take(&key, sizeof(key));
	}
	wipe(&key, sizeof(key));
	wipe(block, sizeof(block));
}
