/* SPDX-License-Identifier: BSD-2-Clause */
/* QEMU TCG plugin (API v4): counts guest instructions per translation block
 * between `hint #100` and `hint #101`; dumps "vaddr insns execs" at exit. With clock=1 the
 * windows lie between one reading of CNTVCT_EL0 in user code and the next: what a benchmark
 * times. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
typedef uint64_t qid;
struct qemu_plugin_tb; struct qemu_plugin_insn;
int qemu_plugin_version = 4;
void qemu_plugin_register_vcpu_tb_trans_cb(qid, void (*)(qid, struct qemu_plugin_tb *));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
uint64_t qemu_plugin_tb_vaddr(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
					    void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *,
					  void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_atexit_cb(qid, void (*)(qid, void *), void *);

struct b { uint64_t va, n, cnt; struct b *next; };
static struct b *all;
static int active, by_clock;
static uint64_t ons;
static char path[512] = "prof.out";
static void exec(unsigned i, void *u) { if (active) ((struct b *)u)->cnt++; }
static void on(unsigned i, void *u) { active = 1; ons++; }
static void off(unsigned i, void *u) { active = 0; }
static void toggle(unsigned i, void *u)
{
	active = !active;
	ons += active;
}
static void trans(qid id, struct qemu_plugin_tb *tb)
{
	size_t n = qemu_plugin_tb_n_insns(tb);
	struct b *b = calloc(1, sizeof *b);
	b->va = qemu_plugin_tb_vaddr(tb);
	b->n = n;
	b->next = all;
	all = b;
	qemu_plugin_register_vcpu_tb_exec_cb(tb, exec, 0, b);
	for (size_t i = 0; i < n; i++) {
		struct qemu_plugin_insn *in = qemu_plugin_tb_get_insn(tb, i);
		uint32_t w = 0;
		qemu_plugin_insn_data(in, &w, 4);
		if (by_clock) {
			if ((w & ~31u) == 0xd53be040 && b->va < 1ul << 56)
				qemu_plugin_register_vcpu_insn_exec_cb(in, toggle, 0, 0);
			continue;
		}
		if (w == 0xd5032c9f)
			qemu_plugin_register_vcpu_insn_exec_cb(in, on, 0, 0);
		if (w == 0xd5032cbf)
			qemu_plugin_register_vcpu_insn_exec_cb(in, off, 0, 0);
	}
}
static void fini(qid id, void *u)
{
	FILE *f = fopen(path, "w");
	fprintf(f, "# windows %lu\n", (unsigned long)ons);
	for (struct b *b = all; b; b = b->next)
		if (b->cnt)
			fprintf(f, "%lx %lu %lu\n", (unsigned long)b->va,
				(unsigned long)(b->cnt * b->n), (unsigned long)b->cnt);
	fclose(f);
}
__attribute__((visibility("default"))) int qemu_plugin_install(qid id, const void *info, int argc,
							       char **argv)
{
	for (int i = 0; i < argc; i++)
		if (!strncmp(argv[i], "out=", 4))
			snprintf(path, sizeof path, "%s", argv[i] + 4);
		else if (!strcmp(argv[i], "clock=1") || !strcmp(argv[i], "clock=on"))
			by_clock = 1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, trans);
	qemu_plugin_register_atexit_cb(id, fini, 0);
	return 0;
}
