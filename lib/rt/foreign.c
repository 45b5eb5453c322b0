/*
 * foreign.c - threads that are not workers: how they wait, and how they start coroutines
 *
 * A foreign thread that must wait stands in the same queues as the coroutines, by a stand-in: a
 * struct coro of its own without a stack.  Its word (park.c) is opened and claimed like all;
 * instead of leaving a stack the thread sleeps on the word as a futex, till who fires it has
 * written that, too, and wakes it.  Its timeout is the futex's: it claims itself when time is up.
 *
 * THE END
 *   What a foreign thread makes ready may run to the end of coop_main() before the thread has
 *   left the scheduler's structs.  So it says when it enters and leaves, and the end waits for
 *   those inside.
 */
#include "base/sys.h"
#include "rt/coro.h"
#include "rt/park.h"
#include "rt/stand.h"

#include <errno.h>

static _Thread_local __attribute__((tls_model("initial-exec"))) struct coro stand_in;
static _Thread_local __attribute__((tls_model("initial-exec"))) uint32_t rng;

/* Not in struct runtime: that is written anew by coop_main(), while threads look here. */
static _Atomic(bool) is_open;
static _Atomic(int) inside;

_Atomic(bool) coop__forked;

/* A coroutine never comes here, so nobody keeps the address across a change of threads. */
COLD struct coro *coop__thread_waiter(void)
{
    if (atomic_load_explicit(&coop__forked, memory_order_relaxed))
        return NULL;
    stand_in.flags = CORO_THREAD;
    return &stand_in;
}

COLD uint32_t *coop__thread_rng(void)
{
    if (!rng)
        rng = (uint32_t)sys_random() | 1;
    return &rng;
}

/* Sleeps until the word changes from 'seen', or till the deadline. */
static void sleep_on(_Atomic(uint32_t) *word, uint32_t seen, coop_nsec deadline)
{
    coop_nsec left = deadline == COOP_FOREVER ? 0 : deadline - sys_now();
    struct timespec delay = {left / COOP_NSEC_PER_SEC, left % COOP_NSEC_PER_SEC};

    if (left >= 0)
        coop__futex_wait((uint32_t *)(uintptr_t)word, seen,
                         deadline == COOP_FOREVER ? NULL : &delay);
}

int coop__wait_in_thread(struct coro *g, coop_nsec deadline)
{
    uint32_t word;

    while (((word = atomic_load(&g->wait)) & WAIT_STATE) != WAIT_FIRED) {
        if (deadline != COOP_FOREVER && sys_now() >= deadline) {
            if (coop__wait_claim(g)) {
                g->wake_result = -ETIMEDOUT;
                break;
            }
            deadline = COOP_FOREVER; /* somebody is waking us */
            continue;
        }
        sleep_on(&g->wait, word, deadline);
    }
    coop__wait_abandon(g);
    return g->wake_result;
}

bool coop__foreign_enter(void)
{
    atomic_fetch_add(&inside, 1);
    if (atomic_load(&is_open))
        return true;
    coop__foreign_leave();
    return false;
}

void coop__foreign_leave(void)
{
    atomic_fetch_sub(&inside, 1);
}

void coop__foreign_open(void)
{
    atomic_store(&is_open, true);
}

void coop__foreign_close(void)
{
    atomic_store(&is_open, false);
    while (atomic_load(&inside))
        coop__pause();
}

void coop__foreign_in_child(bool running)
{
    if (running)
        atomic_store(&coop__forked, true);
    atomic_store(&is_open, false);
    atomic_store(&inside, 0);
}
