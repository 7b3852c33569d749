/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program of libbpf's, static, for a guest of either kernel: loads objects.o (objects.bpf.c) and
 * uses what is in it. Prints sections `== NAME` whose lines have to be the same on both kernels;
 * the section "probes" holds what libbpf believes the kernel has.
 *	client OBJECTS BAD TYPED
 */
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct packet {
	uint32_t len, number;
	char text[8];
};
struct flow {
	uint64_t packets, bytes;
};
struct data {
	uint32_t seen;
	uint64_t sum;
};

static int quiet(enum libbpf_print_level level, const char *format, va_list args)
{
	(void)level;
	(void)format;
	(void)args;
	return 0;
}

static void section(const char *name) { printf("== client-%s\n", name); }

/* A negative errno or a value that does not matter. */
static void say(const char *what, long err)
{
	printf("%s: %s\n", what, err < 0 ? strerrorname_np((int)-err) : "ok");
}

static int fd_of(struct bpf_object *o, const char *prog)
{
	return bpf_program__fd(bpf_object__find_program_by_name(o, prog));
}

static int map_of(struct bpf_object *o, const char *map)
{
	return bpf_object__find_map_fd_by_name(o, map);
}

static struct bpf_object *load(const char *path)
{
	struct bpf_object *o = bpf_object__open_file(path, NULL);
	uint32_t at_most = 5;
	struct bpf_map *rodata = o ? bpf_object__find_map_by_name(o, ".rodata") : NULL;
	int err = rodata ? bpf_map__set_initial_value(rodata, &at_most, sizeof(at_most)) : -ENOENT;

	section("load");
	say("rodata", err);
	err = o ? bpf_object__load(o) : -errno;
	say("load", err);
	return err ? NULL : o;
}

/* --- a filter on a socket, global data, a ring buffer ----------------------------------------- */

static int one_packet(void *ctx, void *data, size_t size)
{
	const struct packet *p = data;

	printf("ring: %s, %zu bytes: len %u number %u text %.4s\n", (char *)ctx, size, p->len,
	       p->number, p->text);
	return 0;
}

static void use_filter(struct bpf_object *o)
{
	int pair[2], prog = fd_of(o, "watch");
	char buf[64];
	size_t len;
	struct bpf_map *bss = bpf_object__find_map_by_name(o, ".bss");
	struct data *d = bpf_map__initial_value(bss, &len);
	struct ring_buffer *ring =
		ring_buffer__new(map_of(o, "packets"), one_packet, (void *)"packets", NULL);

	section("filter");
	socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
	say("attach", setsockopt(pair[1], SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)) ? -errno : 0);
	printf("poll before: %d\n", ring_buffer__poll(ring, 0));
	for (int i = 1; i <= 3; i++) {
		static const char *const text[] = { "", "one", "three", "a packet too long" };

		write(pair[0], text[i], strlen(text[i]));
		memset(buf, 0, sizeof(buf));
		len = (size_t)recv(pair[1], buf, sizeof(buf), MSG_DONTWAIT);
		printf("received %zd: %s\n", (ssize_t)len, buf);
	}
	printf("poll: %d\n", ring_buffer__poll(ring, 1000));
	printf("seen %u, %llu bytes\n", d->seen, (unsigned long long)d->sum);
	d->seen = 1000;
	write(pair[0], "more", 4);
	printf("seen %u\n", d->seen);
	printf("consumed: %d\n", ring_buffer__consume(ring));
	say("detach", setsockopt(pair[1], SOL_SOCKET, SO_DETACH_BPF, &prog, sizeof(prog)) ? -errno : 0);
	ring_buffer__free(ring);
	close(pair[0]);
	close(pair[1]);
}

static int by_key(const void *a, const void *b)
{
	return (int)*(const uint32_t *)a - (int)*(const uint32_t *)b;
}

static void show_maps(struct bpf_object *o)
{
	uint32_t keys[16], n = 0, len;
	struct flow f;
	int flows = map_of(o, "flows"), cpus = libbpf_num_possible_cpus(), per_cpu = map_of(o, "per_cpu");
	uint64_t values[64], sum = 0;

	section("maps");
	while (n < 16 && !bpf_map_get_next_key(flows, n ? &keys[n - 1] : NULL, &keys[n]))
		n++;
	qsort(keys, n, sizeof(*keys), by_key);
	for (uint32_t i = 0; i < n; i++)
		if (!bpf_map_lookup_elem(flows, &keys[i], &f))
			printf("%u: %llu packets, %llu bytes\n", keys[i], (unsigned long long)f.packets,
			       (unsigned long long)f.bytes);
	n = 0;
	bpf_map_lookup_elem(per_cpu, &n, values);
	for (int i = 0; i < cpus && i < 64; i++)
		sum += values[i];
	printf("on all CPUs: %llu\n", (unsigned long long)sum);
	for (int i = 0; i < 5; i++) {
		int err = bpf_map_lookup_and_delete_elem(map_of(o, i % 2 ? "stack" : "queue"), NULL, &len);
		printf("%s: %d\n", i % 2 ? "pop" : "dequeue", err ? err : (int)len);
	}
	say("array, delete", bpf_map_delete_elem(map_of(o, "lengths"), &n));
	n = 4;
	say("array, behind the end", bpf_map_lookup_elem(map_of(o, "lengths"), &n, &f));
}

/* --- runs ------------------------------------------------------------------------------------- */

static void run(const char *what, int prog, char *out, uint32_t room)
{
	char packet[20] = "abcdefghijklmnopqrs";
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = packet, .data_size_in = sizeof(packet),
		    .data_out = out, .data_size_out = room, .repeat = 3);
	int err = bpf_prog_test_run_opts(prog, &opts);

	printf("%s: %s, value %u, %u bytes", what, err ? strerrorname_np(-err) : "ok", opts.retval,
	       opts.data_size_out);
	for (uint32_t i = 0; out && i < opts.data_size_out && i < room; i++)
		printf("%s%02x", i ? "" : " ", (unsigned char)out[i]);
	printf("\n");
}

static void run_programs(struct bpf_object *o)
{
	uint32_t numbers[3] = { 30, 12, 0 }, at = 1;
	int landing = fd_of(o, "landing"), jumps = map_of(o, "jumps"), inner, adder = fd_of(o, "adder");
	char out[32] = "";
	LIBBPF_OPTS(bpf_test_run_opts, syscall_opts, .ctx_in = numbers, .ctx_size_in = sizeof(numbers));

	section("runs");
	run("hop", fd_of(o, "hop"), NULL, 0);
	say("array of programs", bpf_map_update_elem(jumps, &at, &landing, BPF_ANY));
	run("hop", fd_of(o, "hop"), NULL, 0);
	run("what a filter leaves", fd_of(o, "hop"), out, sizeof(out));
	landing = fd_of(o, "first_byte");
	say("a program of another type", bpf_map_update_elem(jumps, &at, &landing, BPF_ANY));
	say("syscall", bpf_prog_test_run_opts(adder, &syscall_opts));
	printf("%u + %u = %u, value %u\n", numbers[0], numbers[1], numbers[2], syscall_opts.retval);
	run("xdp", fd_of(o, "first_byte"), out, sizeof(out));
	run("xdp, little room", fd_of(o, "first_byte"), out, 4);
	at = 0;
	bpf_map_lookup_elem(map_of(o, "outer"), &at, &inner);
	inner = bpf_map_get_fd_by_id((uint32_t)inner);
	numbers[0] = 3;
	say("inner map", bpf_map_update_elem(inner, &at, &numbers[0], BPF_ANY));
	run("xdp by inner map", fd_of(o, "first_byte"), out, sizeof(out));
	close(inner);
}

/* --- all types of maps ------------------------------------------------------------------------ */

static void batches(int map, bool array)
{
	uint32_t keys[8], n = 8, token = 0, sum = 0;
	uint64_t values[8];

	for (uint32_t i = 0; i < 8; i++) {
		keys[i] = i;
		values[i] = 100 + i;
	}
	say("update batch", bpf_map_update_batch(map, keys, values, &n, NULL));
	memset(values, 0, sizeof(values));
	n = 8;
	say("lookup batch", bpf_map_lookup_batch(map, NULL, &token, keys, values, &n, NULL));
	for (uint32_t i = 0; i < n; i++)
		sum += keys[i] + (uint32_t)values[i];
	printf("%u elements, sum %u\n", n, sum);
	n = 2;
	say("delete batch", bpf_map_delete_batch(map, keys, &n, NULL));
	printf("%u gone\n", n);
	n = 8;
	say("lookup and delete batch",
	    bpf_map_lookup_and_delete_batch(map, NULL, &token, keys, values, &n, NULL));
	if (!array)
		printf("%u elements\n", n);
}

static void elements(uint32_t type, int map)
{
	static uint64_t values[64];
	uint64_t key = 1;
	bool of_values = type == BPF_MAP_TYPE_QUEUE || type == BPF_MAP_TYPE_STACK;

	values[0] = 7;
	say(" update", bpf_map_update_elem(map, of_values ? NULL : &key, values, BPF_ANY));
	say(" update, not there", bpf_map_update_elem(map, of_values ? NULL : &key, values, BPF_NOEXIST));
	say(" update, bad flags", bpf_map_update_elem(map, of_values ? NULL : &key, values, 77));
	values[0] = 0;
	say(" lookup", bpf_map_lookup_elem(map, of_values ? NULL : &key, values));
	if (type != BPF_MAP_TYPE_PROG_ARRAY)	/* an id */
		printf(" %llu\n", (unsigned long long)values[0]);
	say(" next key", bpf_map_get_next_key(map, NULL, &key));
	say(" lookup and delete", bpf_map_lookup_and_delete_elem(map, of_values ? NULL : &key, values));
	say(" delete", bpf_map_delete_elem(map, of_values ? NULL : &key));
	say(" freeze", bpf_map_freeze(map));
	say(" update, frozen", bpf_map_update_elem(map, of_values ? NULL : &key, values, BPF_ANY));
}

static void all_types(void)
{
	static const struct {
		uint32_t type, key, value, n, flags;
	} maps[] = {
		{ BPF_MAP_TYPE_HASH, 4, 8, 8, 0 },
		{ BPF_MAP_TYPE_HASH, 4, 8, 8, BPF_F_NO_PREALLOC },
		{ BPF_MAP_TYPE_ARRAY, 4, 8, 8, 0 },
		{ BPF_MAP_TYPE_PERCPU_HASH, 4, 8, 8, 0 },
		{ BPF_MAP_TYPE_PERCPU_ARRAY, 4, 8, 8, 0 },
		{ BPF_MAP_TYPE_LRU_HASH, 4, 8, 8, 0 },
		{ BPF_MAP_TYPE_LRU_PERCPU_HASH, 4, 8, 8, 0 },
		{ BPF_MAP_TYPE_LPM_TRIE, 8, 8, 8, BPF_F_NO_PREALLOC },
		{ BPF_MAP_TYPE_QUEUE, 0, 8, 8, 0 },
		{ BPF_MAP_TYPE_STACK, 0, 8, 8, 0 },
		{ BPF_MAP_TYPE_PROG_ARRAY, 4, 4, 8, 0 },
		{ BPF_MAP_TYPE_RINGBUF, 0, 0, 4096, 0 },
	};

	section("types");
	for (size_t i = 0; i < sizeof(maps) / sizeof(*maps); i++) {
		LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = maps[i].flags);
		int map = bpf_map_create(maps[i].type, "all_types", maps[i].key, maps[i].value,
					 maps[i].n, &opts);

		printf("%s flags %u: %s\n", libbpf_bpf_map_type_str(maps[i].type), maps[i].flags,
		       map < 0 ? strerrorname_np(-map) : "ok");
		if (maps[i].type == BPF_MAP_TYPE_HASH || maps[i].type == BPF_MAP_TYPE_ARRAY)
			batches(map, maps[i].type == BPF_MAP_TYPE_ARRAY);
		elements(maps[i].type, map);
		close(map);
	}
}

/* --- names, information, refusals -------------------------------------------------------------- */

static void pins(struct bpf_object *o)
{
	const char *path = "/sys/fs/bpf/client";
	uint32_t zero = 0, v = 5;
	int prog = fd_of(o, "landing"), got;
	LIBBPF_OPTS(bpf_obj_get_opts, for_reading, .file_flags = BPF_F_RDONLY);

	section("pins");
	say("pin", bpf_obj_pin(prog, path));
	say("pin again", bpf_obj_pin(prog, path));
	got = bpf_obj_get(path);
	run("what was pinned", got, NULL, 0);
	close(got);
	say("unlink", unlink(path) ? -errno : 0);
	say("pin a map", bpf_obj_pin(map_of(o, "inner1"), path));
	got = bpf_obj_get_opts(path, &for_reading);
	say("get", got);
	say("lookup", bpf_map_lookup_elem(got, &zero, &v));
	say("update", bpf_map_update_elem(got, &zero, &v, 0));
	close(got);
	unlink(path);
	say("get what is gone", bpf_obj_get(path));
}

static void information(struct bpf_object *o)
{
	static uint64_t ksyms[8];
	static uint32_t lens[8];
	static struct bpf_line_info lines[400];
	static struct bpf_func_info funcs[8];
	struct bpf_prog_info info = { 0 };
	uint32_t size = sizeof(info), all = 0, wrong = 0;

	section("information");
	info.jited_ksyms = (uintptr_t)ksyms;
	info.jited_func_lens = (uintptr_t)lens;
	info.line_info = (uintptr_t)lines;
	info.func_info = (uintptr_t)funcs;
	info.nr_jited_ksyms = info.nr_jited_func_lens = info.nr_func_info = 8;
	info.nr_line_info = 400;
	info.line_info_rec_size = sizeof(*lines);
	info.func_info_rec_size = sizeof(*funcs);
	say("info", bpf_prog_get_info_by_fd(fd_of(o, "watch"), &info, &size));
	for (uint32_t i = 0; i < info.nr_jited_func_lens && i < 8; i++) {
		all += lens[i];
		wrong += !ksyms[i] || !lens[i] || (i && funcs[i].insn_off <= funcs[i - 1].insn_off);
	}
	for (uint32_t i = 0; i < info.nr_line_info && i < 400; i++)
		wrong += lines[i].insn_off >= info.xlated_prog_len / 8 ||
			 (i && lines[i].insn_off <= lines[i - 1].insn_off);
	printf("%s, %u functions, %u of code, %u described, %u tags, %u maps, wrong %u\n", info.name,
	       info.nr_jited_ksyms, info.nr_jited_func_lens, info.nr_func_info, info.nr_prog_tags,
	       info.nr_map_ids, wrong);
	printf("code of all functions is %s the image\n", all <= info.jited_prog_len ? "in" : "not in");
	printf("functions begin at lines:");
	for (uint32_t i = 0, k = 0; i < info.nr_line_info && k < info.nr_func_info; i++)
		if (lines[i].insn_off == funcs[k].insn_off) {
			printf(" %u", lines[i].line_col >> 10);
			k++;
		}
	printf("\n");
}

static void refusals(const char *bad)
{
	static char log[65536];
	struct bpf_object *o = bpf_object__open_file(bad, NULL);
	struct bpf_program *p = bpf_object__next_program(o, NULL);
	char *line;

	section("refused");
	bpf_program__set_log_buf(p, log, sizeof(log));
	bpf_program__set_log_level(p, 1);
	say("load", bpf_object__load(o));
	line = strstr(log, "invalid mem access");
	while (line && line > log && line[-1] != '\n')
		line--;
	printf("%.*s\n", line ? (int)strcspn(line, "\n") : 0, line ? line : "");
	say("program of another object", bpf_prog_get_fd_by_id(1u << 30));
	say("map by id", bpf_map_get_fd_by_id(1u << 30));
	say("BTF by id", bpf_btf_get_fd_by_id(1u << 30));
	say("link by id", bpf_link_get_fd_by_id(1u << 30));
	bpf_object__close(o);
}

static void types(void)
{
	struct btf *b = btf__load_vmlinux_btf();

	section("btf");
	say("vmlinux", b ? 0 : -errno);
	say("enum bpf_prog_type", btf__find_by_name_kind(b, "bpf_prog_type", BTF_KIND_ENUM) > 0 ? 0 : -ENOENT);
	say("no such", btf__find_by_name_kind(b, "no such", BTF_KIND_STRUCT));
	btf__free(b);
}

/* r0 of a run. */
static uint32_t result(struct bpf_object *o, const char *prog, bool filter)
{
	static char packet[64];
	LIBBPF_OPTS(bpf_test_run_opts, r, .data_in = filter ? packet : NULL,
		    .data_size_in = filter ? sizeof(packet) : 0);

	say(prog, bpf_prog_test_run_opts(fd_of(o, prog), &r));
	return r.retval;
}

/* typed.bpf.c: what it reads of this task. */
static void kernel_objects(const char *path)
{
	struct bpf_object *o = bpf_object__open_file(path, NULL);

	section("kernel-objects");
	say("load", o ? bpf_object__load(o) : -errno);
	if (!o)
		return;
	printf("%d\n", result(o, "thread_id", true) == (uint32_t)gettid());
	printf("%d\n", result(o, "process_id", true) == (uint32_t)getpid());
	printf("%c\n", result(o, "letter", false));
	bpf_object__close(o);
}

/* --- what libbpf believes ---------------------------------------------------------------------- */

#define NAME(name) #name
static const char *const helper_names[] = { __BPF_FUNC_MAPPER(NAME) };

static void probes(void)
{
	static const enum bpf_prog_type ours[] = { BPF_PROG_TYPE_SOCKET_FILTER, BPF_PROG_TYPE_XDP,
						   BPF_PROG_TYPE_SYSCALL };

	section("probes");
	for (int t = 1; libbpf_bpf_prog_type_str(t); t++)
		printf("program %s: %d\n", libbpf_bpf_prog_type_str(t), libbpf_probe_bpf_prog_type(t, NULL));
	for (int t = 1; libbpf_bpf_map_type_str(t); t++)
		printf("map %s: %d\n", libbpf_bpf_map_type_str(t), libbpf_probe_bpf_map_type(t, NULL));
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++)
		for (int f = 1; f < __BPF_FUNC_MAX_ID; f++)
			printf("helper %s %s: %d\n", libbpf_bpf_prog_type_str(ours[i]), helper_names[f],
			       libbpf_probe_bpf_helper(ours[i], f, NULL));
}

int main(int argc, char **argv)
{
	struct bpf_object *o;

	setvbuf(stdout, NULL, _IOLBF, 0);
	libbpf_set_print(quiet);
	if (argc != 4 || !(o = load(argv[1])))
		return 1;
	use_filter(o);
	show_maps(o);
	run_programs(o);
	all_types();
	pins(o);
	information(o);
	refusals(argv[2]);
	types();
	kernel_objects(argv[3]);
	probes();
	bpf_object__close(o);
	printf("== client-end\n");
	return 0;
}
