/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The vDSO's functions (vdso(7)): clocks without a system call. Built as position-independent user
 * code; the data page lies right below the image, whose first byte the linker script calls
 * vdso_image.
 */
#include <arch/vdso.h>
#include <linux/time.h>
#include <asm/unistd.h>

#define NSEC_PER_SEC 1000000000ul

int __kernel_clock_gettime(int clock, struct __kernel_timespec *ts);
int __kernel_clock_getres(int clock, struct __kernel_timespec *ts);
int __kernel_gettimeofday(struct __kernel_old_timeval *tv, struct timezone *tz);

static inline const volatile struct vdso_data *data(void)
{
	const volatile struct vdso_data *d;

	asm("adr %0, vdso_image - %1" : "=r"(d) : "i"(VDSO_DATA_SIZE));
	return d;
}

static inline long call2(long nr, long a, long b)
{
	register long x0 asm("x0") = a;
	register long x1 asm("x1") = b;
	register long x8 asm("x8") = nr;

	asm volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
	return x0;
}

static inline uint64_t read_counter(void)
{
	uint64_t v;

	/* Not speculated ahead of the loads before it. */
	asm volatile("isb\n\tmrs %0, cntvct_el0" : "=r"(v) :: "memory");
	return v;
}

static uint64_t now(int real)
{
	const volatile struct vdso_data *d = data();
	uint64_t ns;
	uint32_t seq;

	do {
		while ((seq = d->seq) & 1)
			;
		asm volatile("dmb ishld" ::: "memory");
		ns = (uint64_t)(((__uint128_t)(read_counter() - d->base) * d->mult) >>
				VDSO_FRACTION);
		if (real)
			ns += d->realtime_offset;
		asm volatile("dmb ishld" ::: "memory");
	} while (d->seq != seq);
	return ns;
}

int __kernel_clock_gettime(int clock, struct __kernel_timespec *ts)
{
	uint64_t ns;

	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_REALTIME_COARSE:
	case CLOCK_TAI:
		ns = now(1);
		break;
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_MONOTONIC_COARSE:
	case CLOCK_BOOTTIME:
		ns = now(0);
		break;
	default:
		return (int)call2(__NR_clock_gettime, clock, (long)ts);
	}
	ts->tv_sec = (long long)(ns / NSEC_PER_SEC);
	ts->tv_nsec = (long long)(ns % NSEC_PER_SEC);
	return 0;
}

int __kernel_clock_getres(int clock, struct __kernel_timespec *ts)
{
	switch (clock) {
	case CLOCK_REALTIME:
	case CLOCK_MONOTONIC:
	case CLOCK_MONOTONIC_RAW:
	case CLOCK_BOOTTIME:
		if (ts) {
			ts->tv_sec = 0;
			ts->tv_nsec = 1;
		}
		return 0;
	default:
		return (int)call2(__NR_clock_getres, clock, (long)ts);
	}
}

int __kernel_gettimeofday(struct __kernel_old_timeval *tv, struct timezone *tz)
{
	if (tv) {
		uint64_t us = now(1) / 1000;

		tv->tv_sec = (long)(us / 1000000);
		tv->tv_usec = (long)(us % 1000000);
	}
	if (tz)
		tz->tz_minuteswest = tz->tz_dsttime = 0;
	return 0;
}
