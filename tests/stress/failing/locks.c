/* Locks, counters and pools. */
#include "everything.h"

#include <stdlib.h>

static struct {
    struct coop_mutex mutex;
    struct coop_rwlock rwlock;
    struct coop_cond cond;
    struct coop_sem sem;
    struct coop_wg wg;
    struct coop_once once;
    struct coop_pool pool;
    int inside, done, ran, signalled;
} locks;

static int run_once(void *arg)
{
    locks.ran++;
    return *(int *)arg;
}

static int take_turns(void *arg)
{
    (void)arg;
    coop_mutex_lock(&locks.mutex);
    HOLDS(locks.inside++ == 0);
    coop_yield();
    HOLDS(locks.inside-- == 1);
    coop_mutex_unlock(&locks.mutex);
    if (coop_sem_acquire(&locks.sem, 1, COOP_FOREVER) == 0)
        coop_sem_release(&locks.sem, 1);
    if (coop_rwlock_rdlock(&locks.rwlock, COOP_FOREVER) == 0)
        coop_rwlock_unlock(&locks.rwlock);
    if (coop_rwlock_wrlock(&locks.rwlock, COOP_FOREVER) == 0)
        coop_rwlock_unlock(&locks.rwlock);
    HOLDS(coop_once(&locks.once, run_once, &(int){0}) == 0);
    coop_mutex_lock(&locks.mutex);
    locks.done++;
    coop_cond_signal(&locks.cond);
    coop_cond_broadcast(&locks.cond);
    coop_mutex_unlock(&locks.mutex);
    coop_wg_done(&locks.wg);
    return 0;
}

static void *make_object(void *arg)
{
    (void)arg;
    return malloc(16);
}

static void use_pool(void)
{
    void *object;

    locks.pool.make = make_object;
    for (int i = 0; i < 3; i++) {
        if (!(object = coop_pool_get(&locks.pool)))
            continue;
        coop_pool_put(&locks.pool, object);
        HOLDS(i != 1 || coop_pool_trim(&locks.pool) <= 1);
    }
    coop_pool_done(&locks.pool);
}

static void try_all(void)
{
    HOLDS(coop_mutex_trylock(&locks.mutex));
    HOLDS(coop_cond_wait(&locks.cond, &locks.mutex, in_a_moment()) == -ETIMEDOUT);
    coop_mutex_unlock(&locks.mutex);
    HOLDS(coop_mutex_lock_until(&locks.mutex, in_a_moment()) == 0);
    coop_mutex_unlock(&locks.mutex);
    HOLDS(coop_rwlock_tryrdlock(&locks.rwlock));
    coop_rwlock_unlock(&locks.rwlock);
    HOLDS(coop_rwlock_trywrlock(&locks.rwlock));
    coop_rwlock_unlock(&locks.rwlock);
    HOLDS(coop_sem_acquire(&locks.sem, 9, in_a_moment()) == -ETIMEDOUT);
    HOLDS(coop_once_until(&locks.once, run_once, &(int){0}, COOP_NOW) == 0);
    HOLDS(coop_lock_order_reports() >= 0);
}

void lock(void)
{
    struct coop_scope scope;
    int started = 0;

    locks.inside = locks.done = locks.ran = 0;
    locks.once = (struct coop_once){0};
    coop_sem_init(&locks.sem, 1);
    coop_scope_init(&scope, "lock", 0);
    for (int i = 0; i < 4; i++) {
        coop_wg_add(&locks.wg, 1);
        if (FINE(coop_go(&scope, take_turns, NULL), 0, 0) == 0)
            started++;
        else
            coop_wg_done(&locks.wg);
    }
    coop_mutex_lock(&locks.mutex);
    while (locks.done < started)
        HOLDS(coop_cond_wait(&locks.cond, &locks.mutex, COOP_FOREVER) == 0);
    coop_mutex_unlock(&locks.mutex);
    HOLDS(coop_wg_wait_until(&locks.wg, COOP_FOREVER) == 0);
    coop_wg_wait(&locks.wg);
    HOLDS(coop_scope_wait(&scope) == 0);
    HOLDS(locks.ran == (started ? 1 : 0));
    try_all();
    use_pool();
}
