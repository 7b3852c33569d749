/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A light skeleton (bpftool gen skeleton -L) of objects.bpf.c in a static program without libbpf: all
 * is loaded by one program in the kernel. Prints sections like client.c.
 *	light
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include "light.skel.h"

static void run(const char *what, int prog)
{
	union bpf_attr a = { .test.prog_fd = (__u32)prog };
	char packet[20] = "abcdefghijklmnopqrs";

	a.test.data_in = (unsigned long)packet;
	a.test.data_size_in = sizeof(packet);
	a.test.repeat = 3;
	if (skel_sys_bpf(BPF_PROG_RUN, &a, sizeof(a)) < 0)
		printf("%s: %s\n", what, strerrorname_np(errno));
	else
		printf("%s: %u\n", what, a.test.retval);
}

/* What is received is cut to what .rodata said before loading; .bss is a mapping. */
static void filter(struct light *l)
{
	int s[2], prog = l->progs.watch.prog_fd;
	char buf[64];

	printf("seen %u\n", l->bss->seen);
	if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) ||
	    setsockopt(s[1], SOL_SOCKET, SO_ATTACH_BPF, &prog, sizeof(prog)))
		printf("filter: %s\n", strerrorname_np(errno));
	send(s[0], "one", 3, 0);
	send(s[0], "a longer one", 12, 0);
	for (int i = 0; i < 2; i++)
		printf("received %zd\n", recv(s[1], buf, sizeof(buf), MSG_DONTWAIT));
	printf("seen %u, %llu bytes\n", l->bss->seen, (unsigned long long)l->bss->sum_of_all);
	close(s[0]);
	close(s[1]);
}

int main(void)
{
	struct light *l = light__open();
	int key = 1, err;

	printf("== light-skeleton\n");
	if (!l)
		return 1;
	l->rodata->at_most = 5;
	l->data->start = 7;
	err = light__load(l);
	if (err) {
		printf("load: %s\n", strerrorname_np(-err));
		return 1;
	}
	printf("at_most %u, start %u\n", l->rodata->at_most, l->data->start);
	filter(l);
	run("hop", l->progs.hop.prog_fd);
	printf("jump: %d\n", skel_map_update_elem(l->maps.jumps.map_fd, &key, &l->progs.landing.prog_fd, 0));
	run("hop", l->progs.hop.prog_fd);
	run("first_byte", l->progs.first_byte.prog_fd);
	printf("frozen: %d\n", skel_map_freeze(l->maps.rodata.map_fd));
	light__destroy(l);
	printf("== light-end\n");
	return 0;
}
