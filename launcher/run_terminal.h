#ifndef LAUNCHER_RUN_TERMINAL_H
#define LAUNCHER_RUN_TERMINAL_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <termios.h>

#include "coop/err.h"
#include "launcher/run_output.h"

/*
 * run_terminal.h - the caller's terminal, and the pty inside that stands for it; private
 * to coop-run
 *
 * What is typed goes to the pty as it is (the caller's terminal is raw meanwhile: Ctrl-C is a byte,
 * and becomes a signal inside), and what comes out of the pty is shown.  Whoever is not in the
 * foreground of his terminal reads nothing from it and leaves its modes alone.
 *
 * Neither side can hold us up: at most one buffer is held in each direction, both ends are
 * non-blocking, and the caller's is a description of our own, so that nobody else's becomes so.
 */

#define RUN_TERMINAL_FDS    2
#define RUN_TERMINAL_BUFFER 16384

struct run_flow {
    size_t at, end; /* what is held: bytes[at..end) */
    char bytes[RUN_TERMINAL_BUFFER];
};

struct run_terminal {
    int tty;    /* the caller's, or -1: it is gone         */
    int master; /* of the pty inside, or -1: it is closed  */
    bool raw;   /* the caller's has our modes, not 'modes' */
    struct termios modes;
    struct run_flow in, out;
    struct run_output *bound; /* what comes out counts there; NULL: nothing counts it */
};

/*
 * A terminal that only output leads to stays the caller's: who reads from it would take the keys
 * from whoever else asks there (sudo, in a pipeline).  What is done to its modes is undone.
 */
struct run_modes {
    int fd; /* the terminal, one of 0, 1 and 2, or -1 */
    struct termios modes;
};

void run_modes_keep(struct run_modes *ret_modes);
void run_modes_restore(const struct run_modes *modes);

/* Whether standard input is a terminal with us in its foreground. */
bool run_terminal_at_keyboard(void);
/* A bit for each of 0, 1 and 2 that is the terminal which standard input is. */
unsigned run_terminal_mask(void);

/* Looks at the caller's terminal and changes nothing. */
int run_terminal_open(struct run_terminal *ret_terminal, struct coop_err *err);
/* From now on the two are one; 'master' is ours to close. */
void run_terminal_start(struct run_terminal *terminal, int master);
/* Gives the caller's terminal its modes back; _start() and _enter() take them again. */
void run_terminal_leave(struct run_terminal *terminal);
void run_terminal_enter(struct run_terminal *terminal);
/* The window has another size. */
void run_terminal_resize(const struct run_terminal *terminal);
/* True: we are in the background, and nothing will tell when that ends. */
bool run_terminal_waits(const struct run_terminal *terminal);

/* What to poll for: how many were added, which run_terminal_ready() takes back. */
unsigned run_terminal_poll(struct run_terminal *terminal, struct pollfd *ret_fds);
void run_terminal_ready(struct run_terminal *terminal, const struct pollfd *fds,
                        unsigned count);
/* After the end of all inside: takes what is left in the pty. True: something is to be shown. */
bool run_terminal_finish(struct run_terminal *terminal);
void run_terminal_done(struct run_terminal *terminal);

#endif
