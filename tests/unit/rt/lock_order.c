/*
 * lock_order.c - locks taken in orders that can deadlock are told, before they do; others not
 *
 * A plain program: each row has a process of its own, since what is known stays known.
 */
#include "misuse.h"

#include <pthread.h>

#ifdef COOP_DEBUG

static struct coop_mutex a, b, c;
static struct coop_rwlock rw;
static struct coop_cond cond;

static void nest(struct coop_mutex *outer, struct coop_mutex *inner)
{
    coop_mutex_lock(outer);
    coop_mutex_lock(inner);
    coop_mutex_unlock(inner);
    coop_mutex_unlock(outer);
}

static int a_then_b(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&a);
    coop_mutex_lock(&b);
    coop_mutex_unlock(&b);
    coop_mutex_unlock(&a);
    return 0;
}

static int b_then_a(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&b);
    coop_mutex_lock(&a);
    coop_mutex_unlock(&a);
    coop_mutex_unlock(&b);
    return 0;
}

/* One after the other: they never wait for each other here. */
static int run(const char *name, int (*fn)(void *))
{
    struct coop_attr attr = {.name = name};
    struct coop_scope scope;

    coop_scope_init(&scope, name, 0);
    CHECK(coop_go_with(&scope, &attr, fn, NULL) == 0);
    return coop_scope_wait(&scope);
}

static int both_orders(__attribute__((unused)) void *arg)
{
    run("counter", a_then_b);
    CHECK(coop_lock_order_reports() == 0);
    for (int i = 0; i < 3; i++)
        run("mover", b_then_a);
    CHECK(coop_lock_order_reports() == 1);
    return 0;
}

static int two_orders(void)
{
    return inside(both_orders);
}

static int round_three(__attribute__((unused)) void *arg)
{
    nest(&a, &b);
    nest(&b, &c);
    CHECK(coop_lock_order_reports() == 0);
    nest(&c, &a);
    CHECK(coop_lock_order_reports() == 1);
    nest(&a, &c); /* known by now, or told in another way: the chain a, b, c agrees with it */
    return 0;
}

static int three_orders(void)
{
    return inside(round_three);
}

static int try_it(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&a);
    CHECK(coop_mutex_trylock(&b));
    coop_mutex_unlock(&b);
    CHECK(coop_mutex_lock_until(&b, COOP_NOW) == 0);
    coop_mutex_unlock(&b);
    coop_mutex_unlock(&a);
    nest(&b, &a);
    return coop_lock_order_reports();
}

static int trying(void)
{
    return inside(try_it);
}

static int try_and_lock(__attribute__((unused)) void *arg)
{
    CHECK(coop_mutex_trylock(&a));
    coop_mutex_lock(&b); /* this may wait while it holds 'a' */
    coop_mutex_unlock(&b);
    coop_mutex_unlock(&a);
    nest(&b, &a);
    return coop_lock_order_reports() == 1 ? 0 : 1;
}

static int tried_is_held(void)
{
    return inside(try_and_lock);
}

/* A tree: parent before child, the left child before the right one. */
static struct node {
    struct coop_mutex lock;
} nodes[127];

static void walk(size_t at)
{
    if (at >= 127)
        return;
    coop_mutex_lock(&nodes[at].lock);
    walk(2 * at + 1);
    walk(2 * at + 2);
    coop_mutex_unlock(&nodes[at].lock);
}

static int walk_tree(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 20; i++)
        walk(0);
    for (size_t i = 1; i + 1 < 127; i++)
        nest(&nodes[i].lock, &nodes[2 * i + 1 < 127 ? 2 * i + 1 : 126].lock);
    return coop_lock_order_reports();
}

static int walk_and_walk(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "walkers", 0);
    for (int i = 0; i < 20; i++)
        coop_go(&scope, walk_tree, NULL);
    return coop_scope_wait(&scope);
}

static int hierarchy(void)
{
    struct coop_options o = {.procs = 2};

    return coop_main(&o, walk_and_walk, NULL);
}

/* The same memory, zeroed: another lock. */
static int reuse(__attribute__((unused)) void *arg)
{
    nest(&a, &b);
    b = (struct coop_mutex){0};
    nest(&b, &a);
    nest(&a, &c);
    return coop_lock_order_reports();
}

static int zeroed_memory(void)
{
    return inside(reuse);
}

static int read_and_lock(__attribute__((unused)) void *arg)
{
    CHECK(coop_rwlock_rdlock(&rw, COOP_FOREVER) == 0);
    coop_mutex_lock(&a);
    coop_mutex_unlock(&a);
    coop_rwlock_unlock(&rw);
    coop_mutex_lock(&a);
    CHECK(coop_rwlock_wrlock(&rw, COOP_FOREVER) == 0);
    coop_rwlock_unlock(&rw);
    coop_mutex_unlock(&a);
    return coop_lock_order_reports() == 1 ? 0 : 1;
}

static int rwlock_and_mutex(void)
{
    return inside(read_and_lock);
}

/* A wait locks again while it holds the other. */
static int wait_with_another(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&a);
    coop_mutex_lock(&b);
    CHECK(coop_cond_wait(&cond, &a, coop_after(coop_now(), 1)) == -ETIMEDOUT);
    coop_mutex_unlock(&b);
    coop_mutex_unlock(&a);
    return coop_lock_order_reports() == 1 ? 0 : 1;
}

static int wait_on_condition(void)
{
    return inside(wait_with_another);
}

static void *thread_main(void *arg)
{
    nest(&b, &a);
    return arg;
}

static int order_in_thread(__attribute__((unused)) void *arg)
{
    pthread_t thread;

    nest(&a, &b);
    CHECK(pthread_create(&thread, NULL, thread_main, NULL) == 0);
    pthread_join(thread, NULL);
    return coop_lock_order_reports() == 1 ? 0 : 1;
}

static int thread_and_coroutine(void)
{
    return inside(order_in_thread);
}

/* More than there is room for: what was known before goes on being checked. */
static int fill(__attribute__((unused)) void *arg)
{
    static struct coop_mutex many[17000];

    nest(&a, &b);
    for (size_t i = 0; i < 17000; i++)
        nest(&c, &many[i]);
    CHECK(coop_lock_order_reports() == 0);
    nest(&b, &a);
    return coop_lock_order_reports() == 1 ? 0 : 1;
}

static int full(void)
{
    return inside(fill);
}

static int hold_many(__attribute__((unused)) void *arg)
{
    static struct coop_mutex many[20];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 20; i++)
            coop_mutex_lock(&many[i]);
        for (int i = 0; i < 20; i++)
            coop_mutex_unlock(&many[i]);
    }
    return coop_lock_order_reports();
}

static int many_in_one_hand(void)
{
    return inside(hold_many);
}

/* And now for real: it is told before they hang. */
static int halves;

static int take_first(void *arg)
{
    struct coop_mutex *first = arg ? &a : &b, *second = arg ? &b : &a;

    coop_mutex_lock(first);
    for (halves++; halves < 2;)
        coop_yield();
    coop_mutex_lock(second);
    return 0;
}

static int embrace(__attribute__((unused)) void *arg)
{
    coop_go(NULL, take_first, &a);
    coop_go(NULL, take_first, NULL);
    return 0;
}

static void hang(void)
{
    _exit(coop_lock_order_reports() == 1 ? 0 : 1);
}

static int real_deadlock(void)
{
    struct coop_options o = {.procs = 1, .on_deadlock = hang};

    coop_main(&o, embrace, NULL);
    return 1;
}

/* A function pointer has no place of its own: then it is the address of the call. */
static int by_pointer(__attribute__((unused)) void *arg)
{
    void (*volatile lock)(struct coop_mutex *) = coop_mutex_lock;

    lock(&a);
    lock(&b);
    coop_mutex_unlock(&b);
    coop_mutex_unlock(&a);
    nest(&b, &a);
    return coop_lock_order_reports() == 1 ? 0 : 1;
}

static int without_a_place(void)
{
    return inside(by_pointer);
}

/* ---- what aborts ---- */

static int lock_twice(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&a);
    CHECK(!coop_mutex_trylock(&a)); /* trying waits for nobody */
    CHECK(coop_mutex_lock_until(&a, COOP_NOW) == -EAGAIN);
    coop_mutex_lock(&a);
    return 0;
}

static int mutex_again(void)
{
    return inside(lock_twice);
}

static int read_twice(__attribute__((unused)) void *arg)
{
    CHECK(coop_rwlock_tryrdlock(&rw) && coop_rwlock_tryrdlock(&rw));
    coop_rwlock_unlock(&rw);
    CHECK(coop_rwlock_rdlock(&rw, COOP_FOREVER) == 0);
    return 0;
}

static int recursive_read(void)
{
    return inside(read_twice);
}

static int write_then_read(__attribute__((unused)) void *arg)
{
    CHECK(coop_rwlock_wrlock(&rw, COOP_FOREVER) == 0);
    CHECK(coop_rwlock_rdlock(&rw, COOP_FOREVER) == 0);
    return 0;
}

static int downgrade(void)
{
    return inside(write_then_read);
}

static int read_then_write(__attribute__((unused)) void *arg)
{
    CHECK(coop_rwlock_rdlock(&rw, COOP_FOREVER) == 0);
    CHECK(coop_rwlock_wrlock(&rw, coop_after(coop_now(), COOP_NSEC_PER_SEC)) == 0);
    return 0;
}

static int upgrade(void)
{
    return inside(read_then_write);
}

static int unlock_a(__attribute__((unused)) void *arg)
{
    coop_mutex_unlock(&a);
    return 0;
}

static int unlock_anothers(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&a);
    return run("stranger", unlock_a);
}

static int stranger(void)
{
    return inside(unlock_anothers);
}

static int keep(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&a);
    return 0;
}

static int kept(void)
{
    return inside(keep);
}

#define ORDERS "coop: locks are taken in orders that can deadlock:\n"
#define TWO    "  * takes *\n  * took *"
#define AGAIN                                                                                  \
    "coop: a lock is taken again by its holder, at lock_order.c:*; taken at lock_order.c:* "   \
    "(coroutine 1 'main')"

static const struct misuse rows[] = {
    TELLS("two orders", two_orders,
          ORDERS "  coroutine * 'mover' takes 0x* at lock_order.c:*, while it holds 0x*, "
                 "taken at lock_order.c:*\n"
                 "  coroutine * 'counter' took 0x* at lock_order.c:*, while it held 0x*, "
                 "taken at lock_order.c:*"),
    TELLS("three locks in a ring", three_orders, ORDERS "  * takes *\n  * took *\n  * took *"),
    RETURNS("trying is no order", trying),
    TELLS("what was tried is held", tried_is_held, ORDERS TWO),
    RETURNS("a hierarchy is correct", hierarchy),
    RETURNS("zeroed memory is another lock", zeroed_memory),
    TELLS("a reader and a mutex", rwlock_and_mutex, ORDERS TWO),
    TELLS("a condition locks again", wait_on_condition, ORDERS TWO),
    TELLS("a thread and a coroutine", thread_and_coroutine,
          ORDERS "  a thread takes *\n  coroutine * 'main' took *"),
    TELLS("the table is full", full,
          "coop: lock orders: 16384 are known, no more are learned\n" ORDERS TWO),
    TELLS("more than eight in one hand", many_in_one_hand,
          "coop: lock orders: a coroutine holds more than 8 locks, the others are not checked"),
    TELLS("a real deadlock", real_deadlock, ORDERS TWO),
    TELLS("no file and line", without_a_place,
          ORDERS "  * takes *\n"
                 "  * took 0x* at *+0x*, while it held 0x*, taken at *+0x*"),
    ABORTS("a mutex again", mutex_again, AGAIN),
    ABORTS("reading twice", recursive_read, AGAIN),
    ABORTS("reading while writing", downgrade, AGAIN),
    ABORTS("writing while reading", upgrade, AGAIN),
    ABORTS("opened by a stranger", stranger,
           "coop: a lock is opened by who does not hold it (coroutine * 'stranger')"),
    ABORTS("kept to the end", kept,
           "coop: a coroutine ended while it holds a lock, taken at lock_order.c:* "
           "(coroutine 1 'main')"),
};

MISUSE_MAIN(rows)

#else

int main(void)
{
    return 77; /* a build without COOP_DEBUG has nothing to test */
}

#endif
