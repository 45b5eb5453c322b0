/*
 * Races that are made to happen: a short lock of the runtime is held until somebody sleeps at it.
 * Then it is known where he is, and what he looked at before and will look at behind.
 * Points 34, 48 and 99.
 */
#include "rt_test.h"

#include "rt/chan.h"
#include "rt/ready.h"

#include <pthread.h>
#include <sched.h>

/* Somebody has looked at this lock in vain. Of those that share its place here one is held. */
static bool sleeps_at(const uint32_t *lock)
{
    return __atomic_load_n(coop__sleepers_at(lock), __ATOMIC_ACQUIRE) & ~LOCK_CALM;
}

static struct selecting {
    struct coop_case cases[2];
    coop_nsec deadline;
    int value, answer;
    _Atomic(bool) over;
} sel;

static void *do_select(void *arg)
{
    sel.answer = coop_select(sel.cases, 2, sel.deadline);
    atomic_store(&sel.over, true);
    return arg;
}

static pthread_t begin_select(struct coop_chan *first, struct coop_chan *second,
                              coop_nsec deadline)
{
    pthread_t thread;

    sel = (struct selecting){.deadline = deadline};
    sel.cases[0] = COOP_RECV(first, &sel.value);
    sel.cases[1] = COOP_RECV(second, &sel.value);
    cr_assert_eq(pthread_create(&thread, NULL, do_select, NULL), 0);
    return thread;
}

/* Two channels whose sleepers are counted apart, the lower address first. */
static void two_channels(struct coop_chan *ch[2])
{
    struct coop_chan *low = coop_chan_new(sizeof(int), 1),
                     *high = coop_chan_new(sizeof(int), 1);

    cr_assert(low && high);
    cr_assert_neq(coop__sleepers_at(&low->lock), coop__sleepers_at(&high->lock));
    ch[0] = (uintptr_t)low < (uintptr_t)high ? low : high;
    ch[1] = ch[0] == low ? high : low;
}

/* However its cases are ordered: else two that begin at different ends lock each other out. */
Test(select, who_waits_for_the_lock_of_one_channel_holds_none_above_it, .timeout = 50)
{
    struct coop_chan *ch[2];

    two_channels(ch);
    for (int i = 0; i < 2; i++) {
        pthread_t thread;

        coop__lock(&ch[0]->lock);
        thread = begin_select(ch[i], ch[!i], 1); /* past: it looks, and stands nevertheless */
        while (!sleeps_at(&ch[0]->lock))
            sched_yield();
        cr_assert(coop__trylock(&ch[1]->lock));
        coop__unlock(&ch[1]->lock);
        coop__unlock(&ch[0]->lock);
        pthread_join(thread, NULL);
        cr_assert_eq(sel.answer, -ETIMEDOUT);
    }
    coop_chan_unref(ch[0]);
    coop_chan_unref(ch[1]);
}

/* From a channel whose lock is ours to one whose lock is ours, too. */
static void carry(struct coop_chan *from, struct coop_chan *to)
{
    struct coro *nobody = NULL;
    int value = 0;

    cr_assert_eq(coop__recv_locked(from, &value, &nobody), 1);
    cr_assert_eq(coop__send_locked(to, &value, &nobody), 0);
    cr_assert_eq(value, 5);
    cr_assert_null(nobody);
}

/* Whenever it is about to take the value that one has, the other has it; at last it holds the lock
 * of the one and waits for that of the other, and nothing can move any more. */
Test(select, what_moves_whenever_it_is_looked_for_is_found_under_all_locks, .timeout = 50)
{
    struct coop_chan *ch[2];

    two_channels(ch);
    for (int round = 0; round < 20; round++) {
        int at = round % 2, value = 5;
        pthread_t thread;

        cr_assert_eq(coop_send(ch[at], &value, COOP_NOW), 0);
        coop__lock(&ch[at]->lock);
        thread = begin_select(ch[0], ch[1], COOP_NOW);
        while (!atomic_load(&sel.over)) {
            if (!sleeps_at(&ch[at]->lock)) {
                sched_yield();
                continue;
            }
            if (!coop__trylock(&ch[!at]->lock))
                break; /* it has that one */
            carry(ch[at], ch[!at]);
            coop__unlock(&ch[at]->lock);
            at = !at;
        }
        coop__unlock(&ch[at]->lock);
        pthread_join(thread, NULL);
        cr_assert_eq(sel.answer, at);
        cr_assert(sel.cases[at].result == 1 && sel.value == 5);
    }
    coop_chan_unref(ch[0]);
    coop_chan_unref(ch[1]);
}

/* ---- making work while another worker falls asleep ---- */

static _Atomic(bool) begun, there, leave;
static _Atomic(int) ran;
static struct coop_chan *rest, *work;

/* Keeps its processor until it is told to leave; then that has nothing to do. */
static int keep_busy(void *arg)
{
    bool polled = *(bool *)arg;

    atomic_store(&begun, true);
    if (polled) { /* who is given the processor has nothing to do, and sleeps in the poller */
        coop_block_begin();
        while (!atomic_load(&coop__rt.poll_until))
            sched_yield();
        coop_block_end();
    }
    atomic_store(&there, true);
    while (!atomic_load(&leave))
        sched_yield();
    return coop_recv(rest, NULL, COOP_FOREVER);
}

static int run_once(__attribute__((unused)) void *arg)
{
    CHECK(coop_recv(work, NULL, COOP_FOREVER) == 1);
    atomic_fetch_add(&ran, 1);
    return 0;
}

/* The other worker is about to put its processor aside: it has not found anything in the queues.
 * Then two are woken into ours, which we keep: nobody is idle yet, so nobody is called. */
static int make_work_beside(void *arg)
{
    coop_nsec deadline;

    atomic_store(&coop__refuse_threads, false);
    CHECK(!coop__rt.monitor_runs); /* or it would mend what is lost */
    rest = coop_chan_new(0, 0);
    work = coop_chan_new(0, 0);
    for (int i = 0; i < 2; i++)
        CHECK(coop_go(NULL, run_once, NULL) == 0);
    settle();
    CHECK(coop_go(NULL, keep_busy, arg) == 0);
    for (; !atomic_load(&begun); sched_yield())
        coop__wake_one();
    while (!atomic_load(&there))
        sched_yield();
    coop__lock(&coop__rt.lock);
    atomic_store(&leave, true);
    while (!sleeps_at(&coop__rt.lock))
        sched_yield();
    for (int i = 0; i < 2; i++)
        CHECK(coop_send(work, NULL, COOP_NOW) == 0);
    coop__unlock(&coop__rt.lock);
    deadline = soon();
    for (; atomic_load(&ran) < 2; sched_yield())
        CHECK(coop_now() < deadline);
    return coop_close(rest);
}

static void falls_asleep(bool polled)
{
    struct coop_options options = {.procs = 2};

    atomic_store(&coop__refuse_threads, true); /* the monitor's */
    cr_assert_eq(coop_main(&options, make_work_beside, &polled), 0);
}

/* The last look of who goes to sleep in the poller... */
Test(wake, work_made_while_a_worker_goes_to_the_poller_is_seen, .timeout = 50)
{
    falls_asleep(false);
}

/* ...and of who sleeps elsewhere, since somebody is there. */
Test(wake, work_made_while_a_worker_goes_to_sleep_beside_the_poller_is_seen, .timeout = 50)
{
    falls_asleep(true);
}
