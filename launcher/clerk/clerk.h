#ifndef LAUNCHER_CLERK_CLERK_H
#define LAUNCHER_CLERK_CLERK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/strlist.h"
#include "coop/err.h"
#include "launcher/clerk/were.h"

/*
 * clerk.h - a process that makes names of files in the program's place; private to launcher/
 *
 * Landlock lets the program make no name in the directory that FrozenPaths= is about; a filter
 * sends the calls that make names to the clerk, which makes those that are not frozen.  clerk.c
 * says why it is done so.
 */

/* What the child says over the clerk's socket. */
#define CLERK_NAMESPACE 'n' /* with its mount namespace                            */
#define CLERK_ENTER     'e' /* the files are as they will be; answered: 0 or -errno */
#define CLERK_LISTENER  'l' /* with the listener of its filter                      */
#define CLERK_PATIENT   'p' /* the same, and only death interrupts who waits there  */

/* What it tells those that wait for the run's end: memory that both share. */
struct clerk_told {
    uint64_t refused; /* how many names                                    */
    uint64_t unseen;  /* callers whose memory could not be read            */
    char first[256];  /* the first that was refused, as seen from the directory */
};

struct clerk {
    pid_t pid;  /* 0: there is none */
    int childs; /* the other end of its socket, for launch_io.clerk; -1: closed */
    struct clerk_told *told;
};

#define CLERK_NONE                                                                             \
    {                                                                                          \
        .childs = -1                                                                           \
    }

/* What it is to keep. */
struct clerk_order {
    const struct strlist *names; /* clerk/names.h                                            */
    const struct clerk_were *were; /* clerk/were.h */
    const char *frozen_at; /* the directory that they are names in                     */
    int umask;             /* what the program starts with; -1: ours                   */
    const char *top;       /* it or one above it: where Landlock leaves all names to us */
};

/* Forks it.  The caller has a single thread, and all its signals are held. */
int clerk_start(struct clerk *clerk, const struct clerk_order *order, struct coop_err *err);
/* The child has its end now. */
void clerk_let_go(struct clerk *clerk);
/* Ends and reaps it; what it has told stays until clerk_done(). */
void clerk_stop(struct clerk *clerk);
void clerk_done(struct clerk *clerk);

#endif
