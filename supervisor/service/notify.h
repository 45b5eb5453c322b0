#ifndef COOP_SERVICE_NOTIFY_H
#define COOP_SERVICE_NOTIFY_H

#include <stdbool.h>
#include <sys/types.h>

#include "coop/actor.h"
#include "coop/err.h"

/*
 * notify.h - the socket on which a service says how it is (sd_notify's protocol)
 *
 * One datagram socket per service that has one.  Its name is abstract (@coop/..., nothing in
 * the file system to reach), so any user can write to it, whatever the modes of coopd's own
 * directories; but an abstract name ends at the border of a network namespace, so a service
 * with PrivateNetwork= gets a path, <run-dir>/notify/NAME, which the launcher binds into its
 * view of files.  Who counts is decided by the sender's PID, which is the kernel's word.
 *
 *     READY=1 RELOADING=1 MONOTONIC_USEC=n STOPPING=1 STATUS=text MAINPID=n
 *
 *     WATCHDOG=1 WATCHDOG=trigger WATCHDOG_USEC=n EXTEND_TIMEOUT_USEC=n ERRNO=n BARRIER=1
 *
 *     FDSTORE=1 FDSTOREREMOVE=1 FDNAME=text FDPOLL=0         each a line of one datagram
 *
 * A message's descriptors are closed when all that was said before it has had its effect: that is
 * what a BARRIER=1 waits for.
 *
 * Limits    NOTIFY_MAX bytes a datagram: a longer one is refused whole.  Descriptors that come
 *           along and are not to be stored are closed.
 */
enum { NOTIFY_MAX = 4096, NOTIFY_FDS_MAX = 253 /* as many as the kernel passes at once */ };

struct notify {
    int fd; /* -1: none */
    struct coop_fdwatch watch;
    char *address; /* as in $NOTIFY_SOCKET: a path, or "@name" */
};

struct notify_message {
    pid_t sender; /* 0: unknown */
    uid_t uid;
    bool ready, reloading, stopping, too_long;
    pid_t main_pid;    /* 0: not said; the sender's own numbering */
    coop_nsec said_at; /* MONOTONIC_USEC=, in ns; 0: not said */
    char status[80];   /* "" when not said */
    bool has_status;
    enum { WATCHDOG_SILENT, WATCHDOG_PING, WATCHDOG_TRIGGER } watchdog;
    coop_nsec watchdog_every; /* WATCHDOG_USEC=, in ns; 0: not said */
    coop_nsec extend;         /* EXTEND_TIMEOUT_USEC=, in ns; 0: not said */
    int error;                /* ERRNO=; 0: not said */
    bool fd_store, fd_remove, fd_unpolled;
    char fd_name[256]; /* "" when not said, or no name */
    int fds[NOTIFY_FDS_MAX];
    unsigned fd_count;
};

void notify_init(struct notify *notify);

/* Makes the socket and has 'kind' posted when something comes.  Nothing to do when it is open
 * and of that sort. */
int notify_open(struct notify *notify, const char *run_dir, const char *name, bool as_path,
                struct coop_actor *actor, int kind, struct coop_err *err);

/* The same under the address that a program of an earlier coopd knows. Nothing is open yet. */
int notify_open_again(struct notify *notify, const char *address, struct coop_actor *actor,
                      int kind, struct coop_err *err);

/* The very socket that the program before in this process had; 'fd' is taken over. */
int notify_take(struct notify *notify, int fd, const char *address, struct coop_actor *actor,
                int kind, struct coop_err *err);

/* The next message: 1, or 0 when there is none for now. */
int notify_next(struct notify *notify, struct notify_message *ret_message);

/* Closes the descriptors that came with it; one that was taken is -1. */
void notify_message_done(struct notify_message *message);

/* Closes and removes it. */
void notify_close(struct notify *notify);

/* Pure, for tests: the text of one datagram. */
void notify_parse(const char *text, size_t size, struct notify_message *ret_message);

#endif
