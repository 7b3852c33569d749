/* SPDX-License-Identifier: BSD-2-Clause */
/* Which terminals are consoles (drv/console.c). */
#ifndef DRV_CONSOLE_H
#define DRV_CONSOLE_H
#include <base/types.h>

struct tty;
/* Takes the console= words of the command line. Boot, one CPU. */
void console_read_words(void);
/* A terminal has come. Thread context; one at a time, as drivers start. */
void console_add(struct tty *t);
/* Waits a second at most for a terminal that console= names and that comes only after its device.
 * Says which are not there. Sleeps. */
void console_wait(void);
/* The terminal behind /dev/console: the last named that is there, else the first of all; NULL:
 * none. */
struct tty *tty_console(void);
/* The n-th of the terminals that messages go to, in the order of their words; NULL: no more. */
struct tty *console_nth(u32 n);
#endif
