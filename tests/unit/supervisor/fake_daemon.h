#ifndef TESTS_SUPERVISOR_FAKE_DAEMON_H
#define TESTS_SUPERVISOR_FAKE_DAEMON_H

#include <sys/types.h>

/*
 * fake_daemon.h - the real control room over a daemon that only pretends
 *
 * A forked process runs the runtime, the real server and the real board; the services are
 * fake, and answer commands by their names:
 *
 *     web   up, obeys at once           db     down, starts and stops
 *     bad   fails to start: "bad: step 'exec': No such file or directory"
 *     slow  never answers               gone   on the board, but not to be found
 *
 *     struct fake fake;
 *     fake_start(&fake, 0);
 *     ... ctl_client_open(&client, fake.socket, ...) ...
 *     cr_assert_eq(fake_end(&fake), 0);
 *
 * What the services were asked goes to the file `asked` in its directory, a line each.
 */
struct fake {
    pid_t pid;
    char dir[64], socket[96], fifo[96];
};

enum { FAKE_MANY = 1 }; /* 10 000 more services, s0 to s9999 */

/* Returns when the socket is there. 0, or -1 when it could not be started. */
int fake_start(struct fake *ret_fake, int flags);

/* Asks it to end by the FIFO, waits, removes its directory.  Its exit code, 128 + signal.  Who has
 * waited for it already sets its pid to 0. */
int fake_end(struct fake *fake);

/* How often 'line' was asked so far; waits (bounded) until it was asked 'least' times. */
unsigned fake_asked(const struct fake *fake, const char *line, unsigned least);

#endif
