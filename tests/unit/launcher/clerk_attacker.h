#ifndef TESTS_CLERK_ATTACKER_H
#define TESTS_CLERK_ATTACKER_H

#include <stdatomic.h>
#include <stdbool.h>

/*
 * clerk_attacker.h - what both halves of that program share
 */
enum { ROUNDS = 1500, THREADS = 8, FILES = 150 };

extern atomic_int wrong; /* something was not as it should be */

/* Says it, and that makes the exit code 1. */
void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same unless 'ok', with the last error. */
void check(bool ok, const char *what);
void fails_with(long r, int expected, const char *what);
bool is_there(const char *path);

/* A name by a socket, and by a file that had none: 0 or -1. */
long by_socket(const char *name);
long by_nameless_file(const char *name);

/* What goes on as ever: clerk_attacker_work.c. */
void work_goes_on(void);
void programs_run_at_once(void);
void sockets_have_their_names(void);
void threads_all_get_theirs(void);
void interrupts_make_nothing_twice(void);
void nothing(void);

#endif
