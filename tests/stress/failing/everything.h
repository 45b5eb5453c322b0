#ifndef TESTS_STRESS_FAILING_EVERYTHING_H
#define TESTS_STRESS_FAILING_EVERYTHING_H

#include "coop/coop.h"
#include "stress/holds.h"

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
    const char *dir;        /* where files and sockets may be made                       */
    pid_t (*child)(void);   /* one that exits with CHILD_STATUS by itself; -1: none      */
    pid_t (*sleeper)(void); /* one that lives until it is killed                         */
    void (*end)(pid_t pid); /* kills it, whatever fails                                  */
    void (*raise)(int signo);
    coop_nsec patience; /* for what may never come, because its cause has failed         */
    coop_nsec moment;   /* for what must not come                                        */
    bool shares;        /* programs to start, and memory that processes share            */
};

enum { CHILD_STATUS = 7, ROOM = 64 };

extern const struct world *world;
extern int planted; /* what fails, as a positive errno */

/* The scene as a root coroutine; 0. */
int everything(void *arg);

void talk(void);           /* talk.c     */
void lock(void);           /* locks.c    */
void nest(void);           /* scopes.c   */
void block(void);          /* look.c     */
void look(void);           /* look.c     */
void explain(void);        /* look.c     */
void act(void);            /* actors.c   */
void read_and_write(void); /* streams.c  */
void use_sockets(void);    /* streams.c  */
void use_files(void);      /* streams.c  */
void have_children(void);  /* children.c */
void be_signalled(void);   /* signals.c  */
void share(void);          /* shared.c   */

/* Its end, if it was ever opened; 0 or what fine() has let pass. */
int close_it(int fd);

/* An actor that is asked to end.  Its handler ends it with desk_leave() when it sees DESK_LAST. */
struct desk {
    struct coop_actor actor;
    struct coop_msg last;
    struct coop_sem over;
};
enum { DESK_LAST = 1 };
void desk_open(struct desk *desk, const char *name, coop_handler *handler);
void desk_leave(struct desk *desk);
void desk_close(struct desk *desk);

/* Ends the program unless the answer is a success, the planted error, -ENOMEM, or one of two that
 * the header has for this step (0: none). Returns it. */
long fine(long r, int one, int two, const char *file, int line, const char *what);
#define FINE(call, one, two) fine((call), one, two, __FILE__, __LINE__, #call)

/* What comes when nothing is kept from it is awaited however late it is: a hang is the runner's. */
static inline coop_nsec in_patience(void)
{
    return coop_after(coop_now(), planted ? world->patience : 3600 * COOP_NSEC_PER_SEC);
}

static inline coop_nsec in_a_moment(void)
{
    return coop_after(coop_now(), world->moment);
}

#endif
