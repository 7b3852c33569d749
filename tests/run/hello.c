/* SPDX-License-Identifier: BSD-2-Clause */
/* The one program of the smallest root file system there is: for the tests of --root. */
#include <stdio.h>

int main(int argc, char **argv)
{
	printf("hello %s\n", argc > 1 ? argv[1] : "nobody");
	return 3;
}
