#ifndef COOP_SERVICE_NOTIFY_H
#define COOP_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

#include "coop/actor.h"
#include "coop/err.h"

/*
 * notify.h - the socket on which a service says how it is (sd_notify's protocol)
 *
 * One datagram socket per service that has one, at <run-dir>/notify/NAME.  A path and not an
 * abstract name, because an abstract name ends at the border of a network namespace; the
 * launcher binds the path into a service with its own view of files.  So who can reach the
 * socket at all is known, and the kernel tells the sender's PID as we see it.
 *
 *     READY=1 RELOADING=1 STOPPING=1 STATUS=text MAINPID=n       lines of one datagram
 *
 * Limits    NOTIFY_MAX bytes a datagram: a longer one is refused whole.  Descriptors that come
 *           along are closed.
 */
enum { NOTIFY_MAX = 4096 };

struct notify {
    int fd; /* -1: none */
    struct coop_fdwatch watch;
    char *path;
};

struct notify_message {
    pid_t sender; /* 0: unknown */
    uid_t uid;
    bool ready, reloading, stopping, too_long;
    pid_t main_pid;  /* 0: not said; the sender's own numbering */
    char status[80]; /* "" when not said */
    bool has_status;
};

void notify_init(struct notify *notify);

/* Makes the socket and has 'kind' posted when something comes.  Nothing to do when it is open.
 */
int notify_open(struct notify *notify, const char *run_dir, const char *name,
                struct coop_actor *actor, int kind, struct coop_err *err);

/* The next message: 1, or 0 when there is none for now. */
int notify_next(struct notify *notify, struct notify_message *ret_message);

/* Closes and removes it. */
void notify_close(struct notify *notify);

/* Pure, for tests: the text of one datagram. */
void notify_parse(const char *text, size_t size, struct notify_message *ret_message);

#endif
