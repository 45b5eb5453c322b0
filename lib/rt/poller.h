#ifndef COOP_RT_POLLER_H
#define COOP_RT_POLLER_H

#include "coop/io.h"
#include "rt/sched.h"

#include <sys/epoll.h>

/*
 * poller.h - descriptors, who waits for them, and the epolls that they are in
 *
 * Private half of io.h; poller.c opens with the protocol, epolls.c with who looks where.
 */

int coop__epolls_start(void);
void coop__epolls_end(void);
void coop__descs_end(void);

/* Events in one go.  What epoll has looked at is read next, so it should be in the cache still:
 * 256 sockets with their coroutines are not. */
enum { POLL_BATCH = 64 };

/* What makes ready whoever waits for what happened.  Sleep: till 'until' at most, by who has the
 * poller's seat; kicks are meant for it.  The others only look. */
void coop__poll_sleep(coop_nsec until);
/* Into that of 'p', which is the caller's, and into one more if there is nothing, or 'another'. */
void coop__poll_own(struct proc *p, bool another);
/* Into this one, to its end. */
void coop__poll_home(int home);
/* Into those that nobody has looked into for 'delay'. */
void coop__poll_late(coop_nsec now, coop_nsec delay);
/* Somebody has just looked into all. */
void coop__poll_looked(coop_nsec clock);

/* Wakes the worker that sleeps in coop__poll_sleep(). Any thread. */
void coop__poll_kick(void);

/* The number of the epoll for what the caller's processor registers: its own, made if need be,
 * or the first. */
int coop__epoll_home(void);
/* Whether this is none of the program's, but one of them, also one that is just being made. */
bool coop__epoll_is(int fd);
int coop__epoll_ctl(int home, int op, int fd, struct epoll_event *event);

/* Epoll has told 'events' of what was registered with 'data'. */
void coop__desc_edge(uint64_t data, uint32_t events);

/* What the runtime remembers of one descriptor. */
struct desc {
    uint32_t lock;
    uint32_t joining; /* lock, before the other: held to register it, and to close it */
    int fd;
    int home;            /* the processor in whose epoll it is */
    int away;            /* waits in a row on other processors */
    uint32_t generation; /* grows at each close: events of the past are told by it */
    bool registered;
    bool internal;     /* the runtime's own: no reason to expect events */
    uint32_t listens;  /* COOP_IN, COOP_OUT: what epoll has been asked  */
    int stream;        /* STREAM_*                                      */
    uint32_t dry;      /* the turn of the read that emptied it, plus 1  */
    bool never_dry;    /* what it says now may be the last we hear      */
    uint32_t sticky;   /* COOP_HUP and COOP_ERR, once seen              */
    uint32_t turn[2];  /* edges seen: in, out                           */
    uint32_t taken[2]; /* edges that coop_fd_wait() has reported        */
    struct coop_waitq waiting[2];
    struct coop_waitq selecting; /* either direction: waiter.need says which */
    struct coop_fdwatch *watches;
};

enum { DIR_IN, DIR_OUT };
enum { STREAM_UNKNOWN, STREAM_YES, STREAM_NO };

/* The memory of 'fd', registered with epoll for 'events' (COOP_IN, COOP_OUT) at least.  1: since
 * now, and epoll will tell the state as a first edge; 0: it was; -errno: what epoll_ctl says. */
int coop__desc_open(int fd, unsigned events, struct desc **ret_desc);
/* The same if it is registered already, else NULL. */
struct desc *coop__desc_find(int fd);

/* The same whether registered or not; NULL: never seen. */
struct desc *coop__desc_at(int fd);

/* Posts to all watches that want one of 'seen'. Under the lock. */
void coop__desc_tell(struct desc *d, uint32_t seen);

/* The edges so far: read before trying a call that may say EAGAIN. */
uint32_t coop__desc_turn(struct desc *d, int dir);

/* A read at 'turn' left nothing behind: till the next edge there is nothing to read. */
void coop__desc_set_dry(struct desc *d, uint32_t turn);
bool coop__desc_is_dry(const struct desc *d, uint32_t turn);
/* Whether short reads tell that; 'ask' the kernel if that is not known yet. */
bool coop__desc_is_stream(struct desc *d, bool ask);

/* Waits for an edge after 'turn'. 0: try again; -EBADF, -ETIMEDOUT, -ECANCELED. */
int coop__desc_wait(struct desc *d, int dir, uint32_t turn, coop_nsec deadline);

/* For select: the events in 'events' not reported yet (then they are), 0 for none, or -errno. */
int coop__desc_look(int fd, unsigned events, struct desc **ret_desc);

#endif
