/* What must not be done with sync.h and pool.h, and what they answer; lock_order.c has the rest. */
#include "misuse.h"

static struct coop_mutex mutex;
static struct coop_rwlock rw;
static struct coop_cond cond;
static struct coop_sem sem;
static struct coop_wg group;
static struct coop_once once;
static struct coop_pool pool;

/* ---- mutex, read-write lock, condition ---- */

static int unlock_open(void)
{
    coop_mutex_unlock(&mutex);
    return 0;
}

static int unlock_twice(void)
{
    coop_mutex_lock(&mutex);
    coop_mutex_unlock(&mutex);
    coop_mutex_unlock(&mutex);
    return 0;
}

static int unlock_unread(void)
{
    CHECK(coop_rwlock_tryrdlock(&rw));
    coop_rwlock_unlock(&rw);
    coop_rwlock_unlock(&rw);
    return 0;
}

static int wait_unlocked(__attribute__((unused)) void *arg)
{
    return coop_cond_wait(&cond, &mutex, COOP_FOREVER);
}

static int condition_without_mutex(void)
{
    return inside(wait_unlocked);
}

static int wait_with_mutex(void *arg)
{
    struct coop_mutex *with = arg ? arg : &(struct coop_mutex){0};

    coop_mutex_lock(with);
    return coop_cond_wait(&cond, with, COOP_FOREVER);
}

static int wait_with_both(__attribute__((unused)) void *arg)
{
    coop_go(NULL, wait_with_mutex, &mutex);
    coop_yield();
    return wait_with_mutex(NULL);
}

static int condition_with_two(void)
{
    return inside(wait_with_both);
}

static int poll_condition(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&mutex);
    CHECK(coop_cond_wait(&cond, &mutex, COOP_NOW) == -EAGAIN);
    CHECK(!coop_mutex_trylock(&mutex)); /* still ours */
    coop_mutex_unlock(&mutex);
    return 0;
}

static int polled_condition(void)
{
    return inside(poll_condition);
}

static int hold_and_block(__attribute__((unused)) void *arg)
{
    coop_block_begin();
    CHECK(!coop_mutex_trylock(&mutex));
    coop_mutex_lock(&mutex);
    return 0;
}

static int hold_and_block_till(__attribute__((unused)) void *arg)
{
    coop_block_begin();
    CHECK(coop_mutex_lock_until(&mutex, COOP_NOW) == -EAGAIN);
    return coop_mutex_lock_until(&mutex, coop_after(coop_now(), COOP_NSEC_PER_SEC));
}

static int lock_in_bracket_of_another(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&mutex);
    coop_go_with(NULL, &(struct coop_attr){.name = "blocked"}, hold_and_block, NULL);
    return coop_sleep_until(COOP_FOREVER);
}

static int lock_in_bracket(void)
{
    return inside(lock_in_bracket_of_another);
}

static int lock_in_bracket_till_of_another(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&mutex);
    coop_go_with(NULL, &(struct coop_attr){.name = "blocked"}, hold_and_block_till, NULL);
    return coop_sleep_until(COOP_FOREVER);
}

static int lock_in_bracket_till(void)
{
    return inside(lock_in_bracket_till_of_another);
}

static int lock_in_copy(__attribute__((unused)) void *arg)
{
    int status = 0;
    pid_t pid;

    coop_mutex_lock(&mutex);
    pid = fork();
    if (pid == 0) {
        CHECK(coop_mutex_lock_until(&mutex, COOP_FOREVER) == -EPERM);
        CHECK(coop_mutex_lock_until(&mutex, COOP_NOW) == -EAGAIN);
        coop_mutex_lock(&mutex);
        _exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid && WTERMSIG(status) == SIGABRT);
    coop_mutex_unlock(&mutex);
    return 0;
}

static int lock_in_forked_child(void)
{
    return inside(lock_in_copy);
}

/* ---- semaphore ---- */

static int negative_semaphore(void)
{
    coop_sem_init(&sem, -1);
    return 0;
}

static int negative_release(void)
{
    coop_sem_release(&sem, -1);
    return 0;
}

static int boundless_release(void)
{
    coop_sem_init(&sem, INT64_MAX);
    coop_sem_release(&sem, 1);
    return 0;
}

static int negative_acquire(void)
{
    CHECK(coop_sem_acquire(&sem, -1, COOP_NOW) == -EINVAL);
    CHECK(coop_sem_acquire(&sem, 0, COOP_NOW) == 0);
    return 0;
}

/* ---- wait group ---- */

static int below_zero(void)
{
    coop_wg_add(&group, 2);
    coop_wg_add(&group, -3);
    return 0;
}

static int await_group(__attribute__((unused)) void *arg)
{
    coop_wg_wait(&group);
    return 0;
}

/* The waiter is released, but has not left yet when the next round begins. */
static int begin_next_round(__attribute__((unused)) void *arg)
{
    coop_wg_add(&group, 1);
    coop_go(NULL, await_group, NULL);
    coop_yield();
    coop_wg_done(&group);
    coop_wg_add(&group, 1);
    return 0;
}

static int reused_too_early(void)
{
    return inside(begin_next_round);
}

static int add_late(__attribute__((unused)) void *arg)
{
    coop_wg_add(&group, 1);
    coop_wg_done(&group);
    return 0;
}

/* The classic: who is to be waited for counts itself. */
static int wait_beside_add(__attribute__((unused)) void *arg)
{
    coop_go_with(NULL, &(struct coop_attr){.name = "late"}, add_late, NULL);
    coop_wg_wait(&group);
    return 0;
}

static int add_beside_wait(void)
{
    return inside(wait_beside_add);
}

static int use_it_well(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    for (int round = 0; round < 3; round++) {
        coop_wg_add(&group, 1);
        coop_scope_init(&scope, "waiters", 0);
        for (int i = 0; i < 3; i++)
            coop_go(&scope, await_group, NULL);
        coop_yield();
        CHECK(coop_wg_wait_until(&group, coop_after(coop_now(), 1000)) == -ETIMEDOUT);
        coop_wg_add(&group, 1); /* not at zero: fine while others wait */
        coop_wg_add(&group, -2);
        coop_wg_wait(&group);
        CHECK(coop_scope_wait(&scope) == 0);
    }
    return 0;
}

static int rounds(void)
{
    return inside(use_it_well);
}

/* ---- once ---- */

static int call_once(__attribute__((unused)) void *arg)
{
    return coop_once(&once, call_once, NULL);
}

static int once_in_once(void)
{
    return inside(call_once);
}

static int once_without_function(void)
{
    return coop_once(&once, NULL, NULL) == -EINVAL ? 0 : 1;
}

/* ---- pool.h ---- */

static int put_twice(void)
{
    void *object = malloc(16);

    coop_pool_put(&pool, object);
    coop_pool_put(&pool, object);
    return 0;
}

static int empty_pool(void)
{
    coop_pool_put(&pool, NULL);
    CHECK(coop_pool_get(&pool) == NULL && coop_pool_trim(&pool) == 0);
    coop_pool_done(&pool);
    coop_pool_done(&pool);
    return 0;
}

#define NOBODY " (coroutine 0 '')"
#define MAIN   " (coroutine 1 'main')"

static const struct misuse rows[] = {
    ABORTS("unlock of what is not locked", unlock_open,
           "coop: unlock of a mutex that is not locked" NOBODY),
    ABORTS("unlock twice", unlock_twice, "coop: unlock of a mutex that is not locked" NOBODY),
    ABORTS("unlock of what nobody reads", unlock_unread,
           "coop: unlock of a read-write lock that nobody holds" NOBODY),
    ABORTS("waiting for a condition without the mutex", condition_without_mutex,
           "coop: unlock of a mutex that is not locked" MAIN),
    ABORTS_IN_DEBUG("waiting for a condition with two mutexes", condition_with_two,
                    "coop: a condition is waited for with two mutexes" MAIN),
    RETURNS("polling a condition", polled_condition),
    ABORTS("a lock that must be waited for in a bracket", lock_in_bracket,
           "coop: waiting inside a blocking bracket (coroutine 2 'blocked')"),
    ABORTS("the same with a deadline", lock_in_bracket_till,
           "coop: waiting inside a blocking bracket (coroutine 2 'blocked')"),
    TELLS("a lock that must be waited for in a forked child", lock_in_forked_child,
          "coop: locking a mutex where nothing may wait" NOBODY),
    ABORTS("a semaphore with a negative count", negative_semaphore,
           "coop: a semaphore starts with a negative count" NOBODY),
    ABORTS("a negative release", negative_release,
           "coop: a semaphore is released by a negative count, or beyond all bounds" NOBODY),
    ABORTS("a release beyond all bounds", boundless_release,
           "coop: a semaphore is released by a negative count, or beyond all bounds" NOBODY),
    RETURNS("acquiring a negative count, and none", negative_acquire),
    ABORTS("a group below zero", below_zero,
           "coop: a wait group's count went below zero" NOBODY),
    ABORTS_IN_DEBUG("a group used again too early", reused_too_early,
                    "coop: a wait group is added to while waiters leave it" MAIN),
    ABORTS_IN_DEBUG("an add beside a wait at zero", add_beside_wait,
                    "coop: a wait group is added to while waiters leave it "
                    "(coroutine 2 'late')"),
    RETURNS("a group used again in time", rounds),
    ABORTS("once inside itself", once_in_once, "coop: coop_once waits for itself" MAIN),
    RETURNS("once without a function", once_without_function),
    ABORTS_IN_DEBUG("an object put twice", put_twice,
                    "coop: an object was put into a pool that lies in it already" NOBODY),
    RETURNS("an empty pool", empty_pool),
};

MISUSE_MAIN(rows)
