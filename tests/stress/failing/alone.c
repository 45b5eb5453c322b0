/* What needs nothing from outside: channels, locks, scopes, brackets, looking around. */
#include "everything.h"

#include <stdlib.h>
#include <unistd.h>

/* ---- channels and select ---- */

static int send_some(void *arg)
{
    for (int i = 0; i < 5; i++)
        FINE(coop_send(arg, &i, COOP_FOREVER), ECANCELED, EPIPE);
    return 0;
}

void talk(void)
{
    struct coop_chan *ch = coop_chan_new(sizeof(int), 2), *other = coop_chan_new(0, 0);
    struct coop_scope scope;
    int value, got = 0;

    coop_scope_init(&scope, "talk", 0);
    if (ch && other && FINE(coop_go(&scope, send_some, ch), 0, 0) == 0) {
        struct coop_case cases[] = {COOP_RECV(ch, &value), COOP_RECV(other, NULL),
                                    COOP_TIMER(COOP_FOREVER)};

        while (got < 4 && FINE(coop_recv(ch, &value, COOP_FOREVER), 0, 0) == 1)
            HOLDS(value == got++);
        HOLDS(coop_select(cases, 3, COOP_FOREVER) == 0 && cases[0].result == 1 && value == 4);
        HOLDS(coop_select(cases, 2, COOP_NOW) == -EAGAIN);
        HOLDS(coop_select(cases, 2, in_a_moment()) == -ETIMEDOUT);
        HOLDS(coop_recv(ch, &value, in_a_moment()) == -ETIMEDOUT);
        HOLDS(coop_chan_len(ch) == 0 && coop_chan_cap(ch) == 2);
        HOLDS(coop_close(ch) == 0 && coop_recv(ch, &value, COOP_FOREVER) == 0);
        HOLDS(coop_send(ch, &value, COOP_FOREVER) == -EPIPE);
    }
    HOLDS(coop_scope_wait(&scope) == 0);
    if (ch)
        coop_chan_unref(coop_chan_ref(ch));
    coop_chan_unref(ch);
    coop_chan_unref(other);
}

/* ---- locks ---- */

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

/* ---- scopes ---- */

static int sleep_for_ever(void *arg)
{
    struct coop_shield shield;
    int r = coop_sleep_until(COOP_FOREVER);

    (void)arg;
    HOLDS(r == coop_cancelled() && r < 0);
    coop_shield_begin(&shield, COOP_FOREVER);
    HOLDS(coop_sleep_until(in_a_moment()) == 0);
    coop_shield_end(&shield);
    HOLDS(coop_yield() < 0);
    return r;
}

static int check_copy(void *arg)
{
    HOLDS(*(int *)arg == 42);
    coop_set_local(arg);
    coop_yield();
    HOLDS(coop_local() == arg && coop_id() > 0 && coop_inside() && *coop_name());
    return 0;
}

static int end_as_daemon(void *arg)
{
    (void)arg;
    coop_sleep_until(COOP_FOREVER);
    return 0;
}

static int stay_here(void *arg)
{
    (void)arg;
    if (FINE(coop_pin(), EAGAIN, 0) == 0) {
        coop_sleep_until(in_a_moment());
        HOLDS(coop_unpin() == 0);
    }
    return 0;
}

void nest(void)
{
    struct coop_attr copy = {.name = "copy", .copy = sizeof(int), .flags = COOP_URGENT};
    struct coop_attr daemon = {.name = "daemon", .flags = COOP_DAEMON};
    struct coop_scope outer, inner, late;
    int number = 42, r;

    coop_scope_init(&outer, "outer", 0);
    FINE(coop_go_with(&outer, &copy, check_copy, &number), 0, 0);
    FINE(coop_go_with(NULL, &daemon, end_as_daemon, NULL), 0, 0);
    FINE(coop_go(NULL, stay_here, NULL), 0, 0);
    coop_scope_init(&inner, "inner", 0);
    for (int i = 0; i < 3; i++)
        FINE(coop_go(&inner, sleep_for_ever, NULL), 0, 0);
    coop_yield();
    HOLDS(coop_scope_end(&inner) == -ECANCELED);
    coop_scope_init(&late, "late", in_a_moment());
    r = (int)FINE(coop_go(&late, sleep_for_ever, NULL), ETIMEDOUT, 0);
    HOLDS(coop_scope_wait(&late) == (r == 0 ? -ETIMEDOUT : 0) || r < 0);
    HOLDS(coop_scope_wait(&outer) == 0);
    FINE(coop_set_procs(2), EPERM, 0);
}

/* ---- what blocks, and looking around ---- */

static int add_one(void *arg)
{
    ++*(int *)arg;
    return 5;
}

void block(void)
{
    int number = 0;

    coop_block_begin();
    number++;
    coop_block_end();
    coop_syscall_begin();
    number++;
    coop_syscall_end();
    HOLDS(coop_offload(add_one, &number) == 5 && number == 3);
}

static int count(const struct coop_coro_info *info, void *arg)
{
    HOLDS(info->id > 0);
    ++*(int *)arg;
    return 0;
}

void look(void)
{
    struct coop_stats stats;
    int coroutines = 0;

    coop_stats_get(&stats);
    coop_each_coro(count, &coroutines);
    HOLDS(stats.coroutines >= 1 && coroutines >= 1);
    coop_dump(-1);
    if (FINE(coop_trace_start(), 0, 0) == 0) {
        coop_yield();
        FINE(coop_trace_stop(-1), 0, 0);
    }
}
