#ifndef TESTS_STRESS_HOLDS_H
#define TESTS_STRESS_HOLDS_H

/*
 * holds.h - what must hold whatever has happened
 *
 * When it does not, the program's own does_not_hold() tells how it came to that, and ends it.
 */
#define HOLDS(what)                                                                            \
    do {                                                                                       \
        if (!(what))                                                                           \
            does_not_hold(__FILE__, __LINE__, #what);                                          \
    } while (0)
_Noreturn void does_not_hold(const char *file, int line, const char *what);

#endif
