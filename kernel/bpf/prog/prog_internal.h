/* SPDX-License-Identifier: BSD-2-Clause */
/* Inside of bpf/prog. */
#ifndef BPF_PROG_INTERNAL_H
#define BPF_PROG_INTERNAL_H
#include <bpf/jit.h>
#include <bpf/prog.h>

/* --- records.c --- */
/* Fills n_funcs and funcs but for their places in the image. 0; -ENOMEM: nothing. */
int bpf_prog_note_funcs(struct bpf_prog *p, const struct bpf_verified *v);
/* Their places, from a layout of the same functions. */
void bpf_prog_place_funcs(struct bpf_prog *p, const struct bpf_jit *jit);
#endif
