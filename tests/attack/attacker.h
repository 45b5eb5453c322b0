#ifndef ATTACK_ATTACKER_H
#define ATTACK_ATTACKER_H

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * attacker.h - what an attack on a sandbox looks like from inside
 *
 * An attack is a function that tries something forbidden by as many doors as there are, and
 * says of each whether it was refused.  It never stops at the first refusal: the last door is the
 * one that was forgotten.
 *
 *     static void read_shadow(void)
 *     {
 *         refuse_open("/etc/shadow", O_RDONLY);
 *     }
 *
 * The program is static, so that it runs in an empty root, and speaks to the kernel by syscall(2)
 * where libc would be helpful.
 *
 * An attack must be harmless even where it succeeds: main() refuses to start one in the host's PID
 * or mount namespace, a target is named by target(), and nothing is removed, cut or renamed.
 *
 * Exit code: 0 every door was shut, 1 one was open (stderr says which), 77 it cannot be tried.
 */

/* Facts about the outside that the runner tells: "victim=4711". NULL when it does not say. */
const char *fact(const char *key);
long fact_number(const char *key);

/* A process to attack. Ends the program when the runner has named none: never 0, 1 or -1. */
pid_t target(const char *key);

/* Tells of one door. 'open': the attack got through. */
void door(int open, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A door that is shut when 'result' is -1; with errno among the listed ones (0 ends) if any are
 * listed: "refused" and "had bad arguments" are not the same. */
void shut(long result, const char *what, ...);

/* The usual answers of a filter: refused, or not there. */
void filtered(long result, const char *what);

/* open(2) must fail; a descriptor, if there is one after all, is returned, else -1. */
int refuse_open(const char *path, int flags);

/* This cannot be tried here, and why: ends the program. */
_Noreturn void cannot(const char *why);

typedef void attack_fn(void);

struct attack {
    const char *name;
    attack_fn *run;
};

/* Tables, by what they attack; each ends with a NULL name. */
extern const struct attack attacks_on_files[];
extern const struct attack attacks_on_processes[];
extern const struct attack attacks_on_kernel[];
extern const struct attack attacks_on_abis[];
extern const struct attack attacks_on_walls[];
extern const struct attack attacks_by_traces[];
extern const struct attack attacks_by_filling[];
extern const struct attack attacks_of_services[];
extern const struct attack attacks_on_promises[];

#endif
