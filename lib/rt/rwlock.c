/*
 * rwlock.c - many readers or one writer
 *
 * Two queues, served in turns: who comes while a writer waits stands behind him, so readers
 * cannot starve writers; when a writer leaves, all readers that wait by then go in before the
 * next one, so writers cannot starve readers.  What is waited for is handed over: nobody wakes
 * up to find that another was faster.
 *
 * Source   Go's sync.RWMutex for the turns; no code taken.
 */
#include "coop/sync.h"

#include "rt/lockorder.h"
#include "rt/stand.h"

#include <errno.h>

enum { WRITER = -1 };

/* Lets in the writer that has waited longest; under the lock. */
static struct waiter *admit_writer(struct coop_rwlock *l)
{
    struct waiter *w = coop__waitq_claim(&l->writers_waiting);

    if (w)
        l->readers = WRITER;
    return w;
}

/* Lets in all readers that wait; under the lock. A list, linked by next. */
static struct waiter *admit_readers(struct coop_rwlock *l)
{
    struct waiter *first = NULL, **end = &first, *w;

    while ((w = coop__waitq_claim(&l->readers_waiting))) {
        l->readers++;
        *end = w;
        end = &w->next;
    }
    *end = NULL;
    return first;
}

/* Whose turn is it? Under the lock; unlocks. */
static void serve(struct coop_rwlock *l, bool readers_first)
{
    struct waiter *go = NULL;

    if (l->readers == 0 && readers_first)
        go = admit_readers(l);
    if (l->readers == 0 && (go = admit_writer(l)))
        go->next = NULL;
    /* A writer that gave up: those behind him need not wait any longer. */
    if (!go && l->readers >= 0 && !l->writers_waiting.head)
        go = admit_readers(l);
    coop__unlock(&l->lock);
    coop__wait_fire_all(go);
}

static bool take_for_reading(struct coop_rwlock *l)
{
    if (l->readers == WRITER || l->writers_waiting.head || l->readers_waiting.head)
        return false;
    l->readers++;
    return true;
}

static bool take_for_writing(struct coop_rwlock *l)
{
    if (l->readers != 0 || l->writers_waiting.head || l->readers_waiting.head)
        return false;
    l->readers = WRITER;
    return true;
}

/* Joins 'q' with the lock held; unlocks. */
static int wait_in(struct coop_rwlock *l, struct coop_waitq *q, enum wait_reason reason,
                   coop_nsec deadline)
{
    struct waiter w = {.coro = coop__waiter()};
    int r = coop__may_stand(&l->lock, w.coro, deadline);

    if (r < 0)
        return r;
    r = coop__stand(&l->lock, q, &w, reason, deadline);
    if (r < 0) {
        coop__lock(&l->lock);
        serve(l, false);
    }
    return r;
}

static int take(struct coop_rwlock *l, bool for_writing, coop_nsec deadline, const void *caller)
{
    int r = coop__may_begin(coop__waiter(), deadline);

    if (r < 0)
        return r;
    if (deadline != COOP_NOW)
        ORDER_BEFORE(l, &l->number, caller);
    coop__lock(&l->lock);
    if (for_writing ? take_for_writing(l) : take_for_reading(l))
        coop__unlock(&l->lock);
    else if (for_writing)
        r = wait_in(l, &l->writers_waiting, WAIT_FOR_RWLOCK_W, deadline);
    else
        r = wait_in(l, &l->readers_waiting, WAIT_FOR_RWLOCK_R, deadline);
    if (r == 0)
        ORDER_TAKEN(l, &l->number, caller);
    return r;
}

int coop_rwlock_rdlock(struct coop_rwlock *l, coop_nsec deadline)
{
    return take(l, false, deadline, CALLER());
}

int coop_rwlock_wrlock(struct coop_rwlock *l, coop_nsec deadline)
{
    return take(l, true, deadline, CALLER());
}

bool coop_rwlock_tryrdlock(struct coop_rwlock *l)
{
    return take(l, false, COOP_NOW, CALLER()) == 0;
}

bool coop_rwlock_trywrlock(struct coop_rwlock *l)
{
    return take(l, true, COOP_NOW, CALLER()) == 0;
}

void coop_rwlock_unlock(struct coop_rwlock *l)
{
    bool wrote;

    coop__lock(&l->lock);
    if (l->readers == 0)
        coop__misuse("unlock of a read-write lock that nobody holds");
    ORDER_LEFT(l, true);
    wrote = l->readers == WRITER;
    l->readers = wrote ? 0 : l->readers - 1;
    serve(l, wrote);
}
