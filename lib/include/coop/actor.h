#ifndef COOP_ACTOR_H
#define COOP_ACTOR_H

#include "coop/coro.h"
#include "coop/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * actor.h - mailboxes with a handler, that cost nothing at rest
 *
 * An actor is a struct with a mailbox.  While messages wait in it, a coroutine runs the handler
 * for each of them, in the order of posting and never two at a time; the handler may block like
 * any coroutine (messages then wait).  When the mailbox is empty the coroutine and its stack
 * are gone: ten thousand sleeping services cost ten thousand structs.
 *
 * Messages are intrusive, so that posting never allocates and never fails.  A message that
 * is in a mailbox already stays there once: posting it again changes nothing.
 *
 *     struct service {
 *         struct coop_actor actor;
 *         struct coop_timer backoff;
 *         struct coop_msg start;
 *     };
 *
 *     static void handle(struct coop_actor *actor, struct coop_msg *msg)
 *     {
 *         struct service *svc = actor->arg;
 *
 *         switch (msg->kind) { case START: ...; case BACKOFF_OVER: ...; }
 *     }
 *
 *     coop_actor_init(&svc->actor, "web", handle, svc);
 *     coop_timer_init(&svc->backoff, &svc->actor, BACKOFF_OVER);
 *     coop_msg_init(&svc->start, START);
 *     coop_post(&svc->actor, &svc->start);
 *     coop_timer_set(&svc->backoff, coop_after(coop_now(), COOP_NSEC_PER_SEC));
 *
 * A message that carries data is a struct with a coop_msg as its first member, owned by the
 * handler from its call on.
 *
 * Time      Timers take absolute deadlines.
 * Errors    Posting cannot fail.  When no stack can be had, actors wait for the next free one.
 * Threads   coop_post(): any thread, inside brackets, not in a signal handler. coop_timer_*:
 *           any thread, in any order against each other. Everything named "own handler only"
 *           touches what the handler is reading.
 * Memory    All structs are the caller's.
 * Misuse    Aborts: an actor without a handler; a handler that returns with a scope open or inside
 *           a bracket; a timer set while no runtime runs (and not before coop_main(): a message
 *           may be posted then, and waits).  Posting to a finished actor drops the message.  A
 *           negative period is none.  Stopping what was never started does nothing.
 * Limits    The mailbox is as long as the messages there are: who makes messages has the
 *           ceiling.  Two million points in time wait on one processor (timers, and waits with a
 *           deadline); one more aborts.
 * Source    Erlang's processes, whose messages are not copied here.
 */

struct coop_actor;

struct coop_msg {
    struct coop_msg *next; /* private while posted                              */
    int kind;              /* the actor's own numbers                           */
    uint32_t state;        /* private: in a mailbox, wanted; must start as zero */
};

typedef void coop_handler(struct coop_actor *actor, struct coop_msg *msg);

struct coop_actor {
    void *arg;        /* the caller's                     */
    const char *name; /* for dumps; must outlive it       */
    /* private */
    coop_handler *handler;
    struct coop_msg *inbox; /* newest first, or the mark "at rest" */
    struct coop_msg *batch; /* taken out, oldest first             */
    struct coop_actor *next;
    uint32_t flags, reserved;
};

static inline void coop_msg_init(struct coop_msg *msg, int kind)
{
    msg->next = NULL;
    msg->kind = kind;
    msg->state = 0;
}

void coop_actor_init(struct coop_actor *actor, const char *name, coop_handler *handler,
                     void *arg);

/* Its handler is picked before ordinary coroutines (COOP_URGENT). Right after init. */
void coop_actor_set_urgent(struct coop_actor *actor);

/* Takes the actor out of use: messages still in its mailbox are dropped without being handled.
 * In the own handler, as the last thing that it does with the actor (which may then be freed
 * before the handler returns), or when nobody else can post.  Stop timers, fd watches and child
 * watches first. */
void coop_actor_done(struct coop_actor *actor);

/* Puts the message into the mailbox.  Everything written before is visible to the handler. */
void coop_post(struct coop_actor *actor, struct coop_msg *msg);

/* Takes back a posted message: true when it was waiting, and then the handler will not see it.
 * It stays linked in the mailbox until its turn: free it only after coop_msg_unlink(). */
bool coop_recall(struct coop_msg *msg);

/* Own handler only: takes the message out of the mailbox altogether, so that it can be freed.
 */
void coop_msg_unlink(struct coop_actor *actor, struct coop_msg *msg);

/* ---- timers ---- */

/* Posts 'msg' when its time has come. Read msg.kind; the rest is private. */
struct coop_timer {
    struct coop_msg msg;
    struct coop_actor *actor;
    uint32_t lock, reserved;
    struct coop_timer_node node;
};

void coop_timer_init(struct coop_timer *t, struct coop_actor *actor, int kind);

/* Fires once at 'deadline' (a past one: at once), replacing an earlier setting; an earlier
 * firing that was not handled yet is taken back.  COOP_FOREVER stops it.  Returns whether it
 * was pending. */
bool coop_timer_set(struct coop_timer *t, coop_nsec deadline);

/* The same, and then every 'period'. Ticks that nobody handled in time are dropped, not queued.
 */
bool coop_timer_set_periodic(struct coop_timer *t, coop_nsec first, coop_nsec period);

/* After it the handler does not see this timer until it is set again.  Returns whether it
 * was pending.  To free a stopped timer: coop_timer_done(), own handler only. */
bool coop_timer_stop(struct coop_timer *t);
void coop_timer_done(struct coop_timer *t);

/* ---- descriptors ---- */

/* Posts 'msg' when the descriptor becomes ready: at the start if it is ready then, and at each
 * later edge.  The handler must read (or write) till -EAGAIN before it hears of it again; to
 * stop in the middle and let others run, it posts the watch's msg to itself. */
struct coop_fdwatch {
    struct coop_msg msg;
    struct coop_actor *actor;
    int fd;
    uint32_t want;   /* COOP_IN, COOP_OUT  */
    uint32_t events; /* seen and not taken */
    uint32_t armed;
    struct coop_fdwatch *next;
};

/* 0, -EEXIST (this watch is in use), or what epoll says. A watch must be zeroed before its
 * first use. */
int coop_fdwatch_start(struct coop_fdwatch *w, int fd, unsigned want, struct coop_actor *actor,
                       int kind);

/* The events (COOP_IN, COOP_OUT, COOP_HUP, COOP_ERR) since the last call. */
unsigned coop_fdwatch_take(struct coop_fdwatch *w);

/* Before the descriptor is closed (with coop_fd_close). No later delivery. Own handler only. */
void coop_fdwatch_stop(struct coop_fdwatch *w);

#ifdef __cplusplus
}
#endif

#endif
