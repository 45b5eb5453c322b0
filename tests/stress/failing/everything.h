#ifndef TESTS_STRESS_FAILING_EVERYTHING_H
#define TESTS_STRESS_FAILING_EVERYTHING_H

#include "coop/coop.h"

#include <errno.h>
#include <stdatomic.h>

/*
 * everything.h - a script that uses every public call of libcoop, whatever fails
 *
 * Each step goes on with what is there, and looks at each answer: it worked, or it failed for a
 * reason that the header names, or for the one that the runner has planted.  It runs over the real
 * kernel and over the fake one; what differs is in struct world.
 */
struct world {
    const char *dir;        /* where files and sockets may be made                        */
    pid_t (*child)(void);   /* one that exits with CHILD_STATUS by itself; -1: none       */
    pid_t (*sleeper)(void); /* one that lives until it is killed                         */
    void (*raise)(int signo);
    coop_nsec patience; /* for what may never come, because its cause has failed      */
    coop_nsec moment;   /* for what must not come                                     */
};

enum { CHILD_STATUS = 7, ROOM = 64 };

extern const struct world *world;
extern int planted; /* what fails, as a positive errno */

/* The scene as a root coroutine; 0. */
int everything(void *arg);

void talk(void);
void lock(void);
void nest(void);
void block(void);
void look(void);
void act(void);
void read_and_write(void);
void use_sockets(void);
void use_files(void);
void have_children(void);
void be_signalled(void);

/* Ends the program unless the answer is a success, the planted error, -ENOMEM, or one of two that
 * the header has for this step (0: none). Returns it. */
long fine(long r, int one, int two, const char *file, int line, const char *what);
#define FINE(call, one, two) fine((call), one, two, __FILE__, __LINE__, #call)

/* What must hold whatever has failed. */
#define HOLDS(what)                                                                            \
    do {                                                                                       \
        if (!(what))                                                                           \
            does_not_hold(__FILE__, __LINE__, #what);                                          \
    } while (0)
_Noreturn void does_not_hold(const char *file, int line, const char *what);

static inline coop_nsec in_patience(void)
{
    return coop_after(coop_now(), world->patience);
}

static inline coop_nsec in_a_moment(void)
{
    return coop_after(coop_now(), world->moment);
}

#endif
