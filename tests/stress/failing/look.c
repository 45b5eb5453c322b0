/* What blocks; looking around; errors with words. */
#include "everything.h"

#include <string.h>

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
    char place[ROOM] = "";
    int coroutines = 0;

    coop_stats_get(&stats);
    coop_each_coro(count, &coroutines);
    HOLDS(stats.coroutines >= 1 && coroutines >= 1);
    coop_dump(-1);
    coop_place((const void *)(uintptr_t)look, place, sizeof place);
    HOLDS(*place);
    if (FINE(coop_trace_start(), 0, 0) == 0) {
        coop_yield();
        FINE(coop_trace_stop(-1), 0, 0);
    }
}

/* ---- errors with words ---- */

void explain(void)
{
    struct coop_err err;

    HOLDS(coop_fail_sys(&err, -EIO, "read '%s'", "it") < 0 && err.sys == EIO);
    HOLDS(strstr(err.text, coop_strerror(EIO)));
    HOLDS(coop_fail(&err, COOP_E_LIMIT, "%d are too many", 7) < 0);
    HOLDS(coop_while(&err, "counting") < 0 && coop_hint(&err, "take fewer") < 0);
    HOLDS(strcmp(err.text, "counting: 7 are too many") == 0);
    HOLDS(strcmp(err.hint, "take fewer") == 0 && *coop_code_word(err.code));
}
