/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What both loaders of Linux's verifier selftests print, one line for each load of a program:
 *	@ <tab> FILE <tab> NAME <tab> TYPE <tab> accepted <tab> R0 ...
 *	@ <tab> FILE <tab> NAME <tab> TYPE <tab> refused <tab> ERRNO <tab> LOG
 * R0 is what each test run gave, or `errno N`; LOG the last lines of the verifier's log, ` / `
 * between them. Before a load goes `> <tab> FILE <tab> NAME <tab> TYPE`, so that it can be told
 * where a kernel stopped.
 */
#ifndef VERDICT_H
#define VERDICT_H

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DATA_BYTES 64	/* of a packet or of a syscall program's context */
#define LOG_BYTES (32 << 20)	/* Linux refuses with ENOSPC what has a longer one */
#define LOG_LINES 2

/* The types that both kernels have. Programs of other types are tried as each of them. */
static const struct kind {
	const char *name;
	enum bpf_prog_type type;
} kinds[] = {
	{"socket_filter", BPF_PROG_TYPE_SOCKET_FILTER},
	{"xdp", BPF_PROG_TYPE_XDP},
	{"syscall", BPF_PROG_TYPE_SYSCALL},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

static FILE *answers;
static char verdict_log[LOG_BYTES];

/* Answers go where standard output went; what else is printed is lost. */
static inline void verdict_begin(void)
{
	answers = fdopen(dup(1), "w");
	if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
		_exit(1);
}

static inline void verdict_start(const char *file, const char *name, const struct kind *k)
{
	fprintf(answers, ">\t%s\t%s\t%s\n", file, name, k->name);
	fflush(answers);
}

/* The last lines of the log that say why: not how many instructions were looked at. */
static inline void last_lines(char *log)
{
	char *lines[LOG_LINES] = {NULL};
	int n = 0;

	for (char *line = strtok(log, "\n"); line; line = strtok(NULL, "\n"))
		if (strncmp(line, "processed ", 10))
			lines[n++ % LOG_LINES] = line;
	for (int k = n > LOG_LINES ? n - LOG_LINES : 0; k < n; k++) {
		for (char *c = lines[k % LOG_LINES]; *c; c++)
			*c = *c == '\t' ? ' ' : *c;
		fprintf(answers, "%s%.300s", k && k != n - LOG_LINES ? " / " : "", lines[k % LOG_LINES]);
	}
}

static inline void verdict_refused(const char *file, const char *name, const struct kind *k, int err,
				   char *log)
{
	fprintf(answers, "@\t%s\t%s\t%s\trefused\t%s\t", file, name, k->name, strerrorname_np(err) ?: "?");
	last_lines(log);
	fprintf(answers, "\n");
	fflush(answers);
}

static inline void verdict_accepted(const char *file, const char *name, const struct kind *k)
{
	fprintf(answers, "@\t%s\t%s\t%s\taccepted", file, name, k->name);
	fflush(answers);
}

/* One run with DATA of DATA_BYTES as packet or context; a word of the answer. */
static inline void verdict_run(int fd, const struct kind *k, const void *data)
{
	uint8_t out[DATA_BYTES * 4];
	LIBBPF_OPTS(bpf_test_run_opts, o);

	if (k->type == BPF_PROG_TYPE_SYSCALL) {
		o.ctx_in = data;
		o.ctx_size_in = DATA_BYTES;
	} else {
		o.data_in = data;
		o.data_size_in = DATA_BYTES;
		o.data_out = out;
		o.data_size_out = sizeof(out);
		o.repeat = 1;
	}
	if (bpf_prog_test_run_opts(fd, &o))
		fprintf(answers, "\terrno %s", strerrorname_np(errno) ?: "?");
	else
		fprintf(answers, "\t%#x", o.retval);
}

static inline void verdict_end(void)
{
	fprintf(answers, "\n");
	fflush(answers);
}

/* Whether a program that is of type ITS is to be tried as K. */
static inline bool verdict_wanted(enum bpf_prog_type its, const struct kind *k)
{
	for (size_t i = 0; i < KINDS; i++)
		if (kinds[i].type == its)
			return k->type == its;
	return true;
}

#endif
