/* Locks and counters: who is inside, how many, and that everybody gets his turn. */
#include "load.h"

#include <stdlib.h>

/* ---- mutex ---- */

struct room {
    struct coop_mutex lock;
    int inside;
    unsigned visits, wanted, given_up;
};

static void at_most_one(void *arg)
{
    HOLDS(((const struct room *)arg)->inside <= 1);
}

static int visit(void *arg)
{
    struct room *room = arg;

    for (unsigned i = 0; i < room->wanted; i++) {
        int r = 0;

        switch (draw(3)) {
        case 0: coop_mutex_lock(&room->lock); break;
        case 1:
            r = coop_mutex_lock_until(&room->lock, coop_after(coop_now(), draw_delay()));
            break;
        default: r = coop_mutex_trylock(&room->lock) ? 0 : -EAGAIN; break;
        }
        if (r < 0) {
            HOLDS(r == -EAGAIN || r == -ETIMEDOUT || CANCELLED(r));
            room->given_up++;
        } else {
            HOLDS(room->inside++ == 0);
            r = step();
            HOLDS(room->inside-- == 1);
            room->visits++;
            coop_mutex_unlock(&room->lock);
        }
        if (coop_cancelled() || (r = step()) < 0)
            return coop_cancelled();
    }
    return 0;
}

int run_mutex(void *arg)
{
    struct room *room = must_have(sizeof *room);
    struct invariant inv;
    struct coop_scope scope;
    unsigned visitors = 2 + draw(6);
    int why;

    (void)arg;
    room->wanted = 5 + draw(10);
    invariant_add(&inv, at_most_one, room);
    coop_scope_init(&scope, "mutex", 0);
    for (unsigned i = 0; i < visitors; i++)
        coop_go(&scope, visit, room);
    why = coop_scope_wait(&scope);
    invariant_remove(&inv);
    HOLDS(room->inside == 0 && coop_mutex_trylock(&room->lock)); /* nobody has left it locked */
    coop_mutex_unlock(&room->lock);
    if (why == 0)
        HOLDS(room->visits + room->given_up == visitors * room->wanted);
    free(room);
    return why;
}

/* ---- rwlock ---- */

struct book {
    struct coop_rwlock lock;
    int readers, writers;
    unsigned version, copy;
};

static void readers_or_one_writer(void *arg)
{
    const struct book *b = arg;

    HOLDS(b->writers == 0 || (b->writers == 1 && b->readers == 0));
}

static int use_book(void *arg)
{
    struct book *b = arg;

    for (int i = 0; i < 10; i++) {
        coop_nsec deadline = draw(2) ? COOP_FOREVER : coop_after(coop_now(), draw_delay());
        bool writes = draw(4) == 0;
        int r = writes ? coop_rwlock_wrlock(&b->lock, deadline)
                       : coop_rwlock_rdlock(&b->lock, deadline);

        if (r == 0 && writes) {
            b->writers++;
            b->version++;
            step();
            HOLDS(++b->copy == b->version);
            b->writers--;
        } else if (r == 0) {
            b->readers++;
            HOLDS(b->copy == b->version);
            step();
            HOLDS(b->copy == b->version);
            b->readers--;
        }
        if (r == 0)
            coop_rwlock_unlock(&b->lock);
        else
            HOLDS(r == -ETIMEDOUT || CANCELLED(r));
        if (step() < 0)
            return coop_cancelled();
    }
    return 0;
}

int run_rwlock(void *arg)
{
    struct book *book = must_have(sizeof *book);
    struct invariant inv;
    struct coop_scope scope;
    int why;

    (void)arg;
    invariant_add(&inv, readers_or_one_writer, book);
    coop_scope_init(&scope, "rwlock", 0);
    for (unsigned i = 2 + draw(6); i > 0; i--)
        coop_go(&scope, use_book, book);
    why = coop_scope_wait(&scope);
    invariant_remove(&inv);
    HOLDS(book->readers == 0 && book->writers == 0);
    HOLDS(coop_rwlock_wrlock(&book->lock, COOP_NOW) == 0);
    coop_rwlock_unlock(&book->lock);
    free(book);
    return why;
}

/* ---- semaphore ---- */

struct store {
    struct coop_sem sem;
    int64_t all, out;
};

static void no_more_than_there_are(void *arg)
{
    const struct store *s = arg;

    HOLDS(s->out >= 0 && s->out <= s->all);
}

static int borrow(void *arg)
{
    struct store *s = arg;

    for (int i = 0; i < 10; i++) {
        int64_t n = 1 + (int64_t)draw((unsigned)s->all);
        int r = coop_sem_acquire(&s->sem, n,
                                 draw(3) ? COOP_FOREVER : coop_after(coop_now(), draw_delay()));

        if (r == 0) {
            s->out += n;
            step();
            s->out -= n;
            coop_sem_release(&s->sem, n);
        } else {
            HOLDS(r == -ETIMEDOUT || CANCELLED(r));
        }
        if (step() < 0)
            return coop_cancelled();
    }
    return 0;
}

/* A large request that gives up lets those by that stood behind it, at once. */
static int want_all(void *arg)
{
    struct coop_sem *sem = arg;
    int r = coop_sem_acquire(sem, 2, coop_after(coop_now(), COOP_NSEC_PER_MSEC));

    HOLDS(r == -ETIMEDOUT || CANCELLED(r));
    return 0;
}

static void give_up_in_front(void)
{
    struct coop_sem sem;
    struct coop_scope scope;
    coop_nsec begin = coop_now();
    int r;

    coop_sem_init(&sem, 1);
    coop_scope_init(&scope, "large", 0);
    coop_go(&scope, want_all, &sem);
    if (coop_sleep_until(begin + COOP_NSEC_PER_USEC) == 0) {
        r = coop_sem_acquire(&sem, 1, begin + COOP_NSEC_PER_SEC);
        HOLDS(r == 0 || CANCELLED(r));
        HOLDS(r < 0 || coop_now() == begin + COOP_NSEC_PER_MSEC);
    }
    coop_scope_wait(&scope);
}

int run_sem(void *arg)
{
    struct store *store = must_have(sizeof *store);
    struct invariant inv;
    struct coop_scope scope;
    int why;

    (void)arg;
    store->all = 1 + draw(5);
    coop_sem_init(&store->sem, store->all);
    invariant_add(&inv, no_more_than_there_are, store);
    coop_scope_init(&scope, "sem", 0);
    for (unsigned i = 2 + draw(6); i > 0; i--)
        coop_go(&scope, borrow, store);
    why = coop_scope_wait(&scope);
    invariant_remove(&inv);
    HOLDS(store->out == 0 && coop_sem_acquire(&store->sem, store->all, COOP_NOW) == 0);
    free(store);
    give_up_in_front();
    return why;
}

/* ---- a bounded buffer of a mutex and two conds ---- */

struct shelf {
    struct coop_mutex lock;
    struct coop_cond not_full, not_empty;
    unsigned items, room, put, taken, wanted, makers;
};

static void shelf_is_not_overfull(void *arg)
{
    const struct shelf *s = arg;

    HOLDS(s->items <= s->room && s->put - s->taken == s->items);
}

/* With the lock: 0, or why not. */
static int wait_while(const struct shelf *s, const unsigned *what, unsigned is,
                      struct coop_cond *c, struct coop_mutex *m)
{
    while (*what == is && s->taken < s->wanted) {
        int r = coop_cond_wait(c, m, coop_after(coop_now(), 10 * COOP_NSEC_PER_SEC));

        if (CANCELLED(r))
            return r;
        HOLDS(r == 0); /* ten seconds without a signal: it was lost */
    }
    return 0;
}

static int put(void *arg)
{
    struct shelf *s = arg;
    int r = 0;

    while (r == 0 && s->put < s->wanted) {
        coop_mutex_lock(&s->lock);
        r = wait_while(s, &s->items, s->room, &s->not_full, &s->lock);
        if (r == 0 && s->put < s->wanted && s->items < s->room) {
            s->items++;
            s->put++;
            coop_cond_signal(&s->not_empty);
        }
        coop_mutex_unlock(&s->lock);
        if (step() < 0)
            r = coop_cancelled();
    }
    return r;
}

static int get(void *arg)
{
    struct shelf *s = arg;
    int r = 0;

    while (r == 0 && s->taken < s->wanted) {
        coop_mutex_lock(&s->lock);
        r = wait_while(s, &s->items, 0, &s->not_empty, &s->lock);
        if (r == 0 && s->items > 0) {
            s->items--;
            s->taken++;
            coop_cond_signal(&s->not_full);
        }
        if (s->taken == s->wanted) {
            coop_cond_broadcast(&s->not_empty);
            coop_cond_broadcast(&s->not_full);
        }
        coop_mutex_unlock(&s->lock);
        if (step() < 0)
            r = coop_cancelled();
    }
    return r;
}

int run_buffer(void *arg)
{
    struct shelf *shelf = must_have(sizeof *shelf);
    struct invariant inv;
    struct coop_scope scope;
    int why;

    (void)arg;
    shelf->room = 1 + draw(4);
    shelf->wanted = 20 + draw(40);
    invariant_add(&inv, shelf_is_not_overfull, shelf);
    coop_scope_init(&scope, "buffer", 0);
    for (unsigned i = 1 + draw(4); i > 0; i--)
        coop_go(&scope, put, shelf);
    for (unsigned i = 1 + draw(4); i > 0; i--)
        coop_go(&scope, get, shelf);
    why = coop_scope_wait(&scope);
    invariant_remove(&inv);
    if (why == 0)
        HOLDS(shelf->taken == shelf->wanted && shelf->items == 0);
    HOLDS(coop_mutex_trylock(&shelf->lock));
    coop_mutex_unlock(&shelf->lock);
    free(shelf);
    return why;
}

/* ---- once, and a group that waits for all ---- */

struct start {
    struct coop_once once;
    struct coop_wg left;
    unsigned tries, failures, runs, seen;
};

static int set_up(void *arg)
{
    struct start *s = arg;

    s->tries++;
    step();
    if (s->tries <= s->failures)
        return -EIO;
    s->runs++;
    return 0;
}

static int need_it(void *arg)
{
    struct start *s = arg;
    int r;

    step();
    while ((r = coop_once(&s->once, set_up, s)) == -EIO)
        if (step() < 0)
            break;
    if (r == 0) {
        HOLDS(s->runs == 1);
        s->seen++;
    } else {
        HOLDS(coop_cancelled());
    }
    coop_wg_done(&s->left);
    return coop_cancelled();
}

int run_once(void *arg)
{
    struct start *start = must_have(sizeof *start);
    struct coop_scope scope;
    unsigned count = 2 + draw(6);
    int why, r;

    (void)arg;
    start->failures = draw(3);
    coop_wg_add(&start->left, count);
    coop_scope_init(&scope, "once", 0);
    for (unsigned i = 0; i < count; i++)
        if (coop_go(&scope, need_it, start) < 0)
            coop_wg_done(&start->left);
    r = coop_wg_wait_until(&start->left, coop_after(coop_now(), 3600 * COOP_NSEC_PER_SEC));
    HOLDS(r == 0 || CANCELLED(r));
    why = coop_scope_wait(&scope);
    if (why == 0)
        HOLDS(start->seen == count && start->runs == 1);
    free(start);
    return why;
}
