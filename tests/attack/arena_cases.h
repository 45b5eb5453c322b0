#ifndef ATTACK_ARENA_CASES_H
#define ATTACK_ARENA_CASES_H

#include "attack/arena.h"

#include <stdio.h>

/*
 * arena_cases.h - a program of attacks that each have an arena of their own
 *
 *     static const struct arena_case cases[] = {{"survivors", survivors}, {NULL, NULL}};
 *
 *     int main(int argc, char **argv)
 *     {
 *         return arena_cases(argc, argv, cases);
 *     }
 *
 * The case that argv[1] names is played as root and as an ordinary user; afterwards no process of
 * its arena may live and nothing outside may have changed.  Exit code: 0 held, 1 not, 77 it needs
 * root.
 */

#define CHECK(condition)                                                                       \
    do {                                                                                       \
        if (!(condition)) {                                                                    \
            printf("%s:%d: %s\n", __func__, __LINE__, #condition);                             \
            return false;                                                                      \
        }                                                                                      \
    } while (0)

struct arena_case {
    const char *name;
    bool (*run)(const struct arena *arena);
};

/* 'cases' ends with a NULL name. */
int arena_cases(int argc, char **argv, const struct arena_case *cases);

/* One line from a pipe, waiting at most ten seconds for it. */
bool arena_read_line(int fd, char *ret_line, size_t size);

/* Starts an attacker that stays ('visit' says which), and waits until it says that it is ready. */
pid_t arena_start_stayer(const struct arena *arena, struct visit *visit);

/* One attack in one kind of sandbox, and what came of it as a line. 1: refused, 0: does not apply,
 * -1: it got through. */
int arena_play(const struct arena *arena, const struct visit *visit);

/* Every attack from inside that must fail whatever the profile is, with these words for coop-run,
 * in this mode and those after it. */
bool arena_play_all(const struct arena *arena, const char *const *words, enum mode from);

/* Turns dir/name and dir/turn to and fro, until it is killed; counts in *ret_turns if it is given,
 * which must be shared memory. */
pid_t arena_start_turning(const char *dir, const char *name, unsigned long *ret_turns);

#endif
