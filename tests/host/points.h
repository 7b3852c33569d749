/* SPDX-License-Identifier: BSD-2-Clause */
/* Included before everything else: threads of fake_run may change places at atomic operations, too. */
#ifndef POINTS_H
#define POINTS_H
void fake_switch_point(void);
#define __atomic_load_n(p, o)		({ fake_switch_point(); __atomic_load_n(p, o); })
#define __atomic_store_n(p, v, o)	({ fake_switch_point(); __atomic_store_n(p, v, o); })
#define __atomic_fetch_add(p, v, o)	({ fake_switch_point(); __atomic_fetch_add(p, v, o); })
#define __atomic_fetch_sub(p, v, o)	({ fake_switch_point(); __atomic_fetch_sub(p, v, o); })
#define __atomic_fetch_or(p, v, o)	({ fake_switch_point(); __atomic_fetch_or(p, v, o); })
#define __atomic_fetch_and(p, v, o)	({ fake_switch_point(); __atomic_fetch_and(p, v, o); })
#define __atomic_add_fetch(p, v, o)	({ fake_switch_point(); __atomic_add_fetch(p, v, o); })
#define __atomic_sub_fetch(p, v, o)	({ fake_switch_point(); __atomic_sub_fetch(p, v, o); })
#define __atomic_exchange_n(p, v, o)	({ fake_switch_point(); __atomic_exchange_n(p, v, o); })
#define __atomic_compare_exchange_n(p, e, d, w, s, f)                                             \
	({ fake_switch_point(); __atomic_compare_exchange_n(p, e, d, w, s, f); })
#endif
