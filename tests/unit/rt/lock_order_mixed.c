/*
 * lock_order_mixed.c - a program built without COOP_DEBUG over a library built with it
 *
 * sync.h gives such a program the short way to a mutex; a library that watches must see its locks
 * all the same.  Over a library that does not watch, nothing is told.
 */
#ifdef COOP_DEBUG
#define LIBRARY_WATCHES 1
#undef COOP_DEBUG
#else
#define LIBRARY_WATCHES 0
#endif

#include "misuse.h"

static struct coop_mutex a, b;

static void nest(struct coop_mutex *outer, struct coop_mutex *inner)
{
    coop_mutex_lock(outer);
    CHECK(coop_mutex_trylock(inner));
    coop_mutex_unlock(inner);
    coop_mutex_lock(inner);
    CHECK(!coop_mutex_trylock(inner));
    coop_mutex_unlock(inner);
    coop_mutex_unlock(outer);
}

static int both_orders(__attribute__((unused)) void *arg)
{
    nest(&a, &b);
    CHECK(coop_lock_order_reports() == 0);
    nest(&b, &a);
    CHECK(coop_lock_order_reports() == LIBRARY_WATCHES);
    return 0;
}

static int two_orders(void)
{
    return inside(both_orders);
}

static int unlock_open(void)
{
    coop_mutex_unlock(&a);
    return 0;
}

static const struct misuse rows[] = {
#if LIBRARY_WATCHES
    TELLS("two orders", two_orders, "coop: locks are taken in orders that can deadlock:\n*"),
#else
    RETURNS("two orders", two_orders),
#endif
    ABORTS("unlock of what is not locked", unlock_open,
           "coop: unlock of a mutex that is not locked*"),
};

MISUSE_MAIN(rows)
