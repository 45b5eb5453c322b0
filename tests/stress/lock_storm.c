/*
 * lock_storm.c - coroutines and foreign threads fight for every kind of lock
 *
 * Some wait for ever, some with deadlines close to the moment when they would get it, some only
 * try; some coroutines are cancelled.  What the locks guard is not atomic, so the thread
 * sanitizer sees each hole, and the sums show lost updates.  Objects are freed by who unlocks
 * them last, while others are still on their way out of the unlock.  Threads send, receive and
 * start coroutines, up to the very end of the runtime, which begins again many times.
 */
#include "stress/stress.h"

#include <errno.h>
#include <pthread.h>

enum { FIGHTERS = 12, THREADS = 2, ROUNDS = 60 };

static struct coop_mutex mutex;
static struct coop_rwlock rw;
static struct coop_sem sem;
static struct coop_cond cond;
static struct coop_chan *ch;
static long by_mutex, by_rwlock, turns; /* guarded by mutex, rwlock, mutex */
static _Atomic(long) locked, written, sent, received, born, begun;
static int rounds;

/* ---- an object that the last one frees ---- */

struct object {
    struct coop_mutex lock;
    int users;
};

static void leave_object(struct object *o)
{
    int left;

    coop_mutex_lock(&o->lock);
    left = --o->users;
    coop_mutex_unlock(&o->lock);
    if (left == 0)
        free(o);
}

static int leave_in_coroutine(void *arg)
{
    leave_object(arg);
    return 0;
}

static void share_object(struct coop_scope *scope)
{
    struct object *o = calloc(1, sizeof *o);

    HOLDS(o);
    o->users = 4;
    for (int i = 0; i < 3; i++)
        if (coop_go(scope, leave_in_coroutine, o) < 0)
            leave_object(o);
    leave_object(o);
}

/* ---- one blow ---- */

static void with_mutex(unsigned *chance)
{
    switch (draw(chance, 3)) {
    case 0: coop_mutex_lock(&mutex); break;
    case 1:
        if (coop_mutex_lock_until(&mutex, coop_after(coop_now(), draw(chance, 30000))) < 0)
            return;
        break;
    default:
        if (!coop_mutex_trylock(&mutex))
            return;
    }
    by_mutex++;
    if (draw(chance, 8) == 0)
        coop_yield();
    coop_mutex_unlock(&mutex);
    atomic_fetch_add(&locked, 1);
}

static void with_rwlock(unsigned *chance)
{
    coop_nsec deadline = coop_after(coop_now(), draw(chance, 30000));
    long seen;

    if (draw(chance, 3)) {
        if (coop_rwlock_rdlock(&rw, draw(chance, 2) ? deadline : COOP_FOREVER) < 0)
            return;
        seen = by_rwlock;
        if (draw(chance, 8) == 0)
            coop_yield();
        HOLDS(by_rwlock == seen);
    } else {
        if (coop_rwlock_wrlock(&rw, draw(chance, 2) ? deadline : COOP_FOREVER) < 0)
            return;
        by_rwlock++;
        atomic_fetch_add(&written, 1);
    }
    coop_rwlock_unlock(&rw);
}

static void with_others(unsigned *chance)
{
    int v = 1;

    if (coop_sem_acquire(&sem, 1, coop_after(coop_now(), draw(chance, 30000))) == 0)
        coop_sem_release(&sem, 1);
    if (coop_send(ch, &v, coop_after(coop_now(), draw(chance, 20000))) == 0)
        atomic_fetch_add(&sent, 1);
    if (coop_recv(ch, &v, coop_after(coop_now(), draw(chance, 20000))) == 1)
        atomic_fetch_add(&received, 1);
    coop_mutex_lock(&mutex);
    turns++;
    coop_cond_signal(&cond);
    coop_cond_wait(&cond, &mutex, coop_after(coop_now(), draw(chance, 20000)));
    coop_mutex_unlock(&mutex);
}

static int fight(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < ROUNDS; i++) {
        with_mutex(&chance);
        with_rwlock(&chance);
        if (i % 4 == 0)
            with_others(&chance);
    }
    return 0;
}

/* ---- the runtime's life ---- */

static int be_born(__attribute__((unused)) void *arg)
{
    atomic_fetch_add(&born, 1);
    return 0;
}

static void *fight_in_thread(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;

    fight(arg);
    for (int i = 0; i < 200; i++) { /* the runtime may end meanwhile */
        int v = 1;

        if (coop_go(NULL, be_born, NULL) == 0)
            atomic_fetch_add(&begun, 1);
        if (coop_send(ch, &v, coop_after(coop_now(), draw(&chance, 2000))) == 0)
            atomic_fetch_add(&sent, 1);
    }
    return NULL;
}

static int storm(__attribute__((unused)) void *arg)
{
    struct coop_scope fighters, victims;
    int v;

    coop_scope_init(&fighters, "fighters", 0);
    coop_scope_init(&victims, "victims", 0);
    for (int i = 0; i < FIGHTERS; i++) {
        coop_go(i % 4 ? &fighters : &victims, fight, (void *)(intptr_t)(rounds * 100 + i));
        share_object(&fighters);
    }
    coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_MSEC));
    coop_scope_end(&victims);
    coop_scope_wait(&fighters);
    while (coop_recv(ch, &v, COOP_NOW) == 1)
        atomic_fetch_add(&received, 1);
    return 0;
}

static void once_more(void)
{
    struct coop_options o = {.name = "lock-storm", .procs = 3, .foreign_wakes = true};
    pthread_t threads[THREADS];
    int v;

    for (int i = 0; i < THREADS; i++)
        HOLDS(pthread_create(&threads[i], NULL, fight_in_thread,
                             (void *)(intptr_t)(rounds * 100 + 50 + i)) == 0);
    HOLDS(coop_main(&o, storm, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    while (coop_recv(ch, &v, COOP_NOW) == 1)
        atomic_fetch_add(&received, 1);
    HOLDS(by_mutex == locked && by_rwlock == written && sent == received && born == begun);
    HOLDS(coop_mutex_trylock(&mutex));
    coop_mutex_unlock(&mutex);
    HOLDS(coop_rwlock_trywrlock(&rw));
    coop_rwlock_unlock(&rw);
    HOLDS(coop_sem_acquire(&sem, 2, COOP_NOW) == 0);
    coop_sem_release(&sem, 2);
}

int main(int argc, char **argv)
{
    int times = 10 * times_more(argc, argv);

    coop_sem_init(&sem, 2);
    ch = coop_chan_new(sizeof(int), 2);
    for (rounds = 0; rounds < times; rounds++)
        once_more();
    coop_chan_unref(ch);
    HOLDS(coop_lock_order_reports() == 0);
    return 0;
}
