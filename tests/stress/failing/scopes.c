/* Coroutines, scopes, threads of one's own. */
#include "everything.h"

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

/* Somebody else has a reason. */
static void cancel_one(void)
{
    struct coop_scope scope;
    int r;

    coop_scope_init(&scope, "cancelled", 0);
    r = (int)FINE(coop_go(&scope, sleep_for_ever, NULL), 0, 0);
    coop_scope_cancel(&scope, -EINTR);
    HOLDS(coop_go(&scope, sleep_for_ever, NULL) == -EINTR);
    HOLDS(coop_scope_wait(&scope) == -EINTR || r < 0);
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
    cancel_one();
    HOLDS(coop_scope_wait(&outer) == 0);
    FINE(coop_set_procs(2), EPERM, 0);
}
