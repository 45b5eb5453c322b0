/*
 * late_stores.c - what a birth or a death has written is seen late by other processors
 *
 * A processor keeps its stores in a queue till it has the lines they go to, and looks at other
 * words meanwhile.  So who is born or ends here first writes to lines that no cache has: what
 * outermost.c writes after that stands behind them, while the look that follows does not wait.
 *
 * In even rounds the root begins to wait while its last members end: a death that the owner does
 * not see, of one who does not see that the owner looks, is a wait without end.  In odd rounds
 * the root fails while they start children that sleep for ever: one that the canceller does not
 * see, born of one who does not see the cancelling, is never woken.
 *
 * tests/stress/CMakeLists.txt builds it over a runtime without the fence of the owner and of the
 * canceller (coop__wait_fence() in outermost.c): then it must fail.  The even rounds do so at
 * once, the odd ones seldom.
 */
#include "stress/stress.h"

#include <signal.h>
#include <unistd.h>

enum { LINES = 49, LINE = 64, MEMBERS = 3 };

static char far[MEMBERS][LINES][LINE] __attribute__((aligned(LINE)));
static _Atomic(int) there, gone, go_on;
static int late; /* lines */
static bool fails;

static void out_of_caches(__attribute__((unused)) char (*lines)[LINE])
{
#ifdef __x86_64__ /* elsewhere they are as late as they are */
    for (int i = 0; i < late; i++)
        __builtin_ia32_clflush(lines[i]);
    __builtin_ia32_mfence();
#endif
}

static void delay_stores(char (*lines)[LINE])
{
    for (int i = 0; i < late; i++)
        *(volatile char *)lines[i] = 1;
}

static int sleep_for_ever(__attribute__((unused)) void *arg)
{
    int r = coop_sleep_until(COOP_FOREVER);

    HOLDS(r < 0);
    return 0;
}

/* Leaves a slot that is looked at early. */
static int make_room(__attribute__((unused)) void *arg)
{
    while (atomic_load(&there) < MEMBERS)
        coop_yield();
    atomic_fetch_add(&gone, 1);
    return 0;
}

static int live(void *lines)
{
    out_of_caches(lines);
    atomic_fetch_add(&there, 1);
    while (!atomic_load(&go_on))
        coop_yield();
    delay_stores(lines);
    if (fails)
        coop_go(NULL, sleep_for_ever, NULL);
    return 0;
}

static int root(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;

    for (int i = 0; i < MEMBERS; i++)
        HOLDS(coop_go(NULL, make_room, NULL) == 0);
    for (int i = 0; i < MEMBERS; i++)
        HOLDS(coop_go(NULL, live, far[i]) == 0);
    while (atomic_load(&gone) < MEMBERS)
        coop_yield();
    atomic_store(&go_on, 1);
    for (unsigned k = draw(&chance, 3000); k; k--)
        __asm__ volatile("");
    return fails ? -1 : 0;
}

static void never_ends(void)
{
    static const char words[] = "a round never ends\n";

    _Exit(write(2, words, sizeof words - 1) > 0);
}

static void on_alarm(__attribute__((unused)) int signal)
{
    never_ends();
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "late-stores", .procs = 2, .on_deadlock = never_ends};
    int rounds = 100 * times_more(argc, argv);

    HOLDS(signal(SIGALRM, on_alarm) != SIG_ERR);
    for (int n = 0; n < rounds; n++) {
        fails = n % 2; /* a birth writes more than a death before it looks */
        late = fails ? n / 2 % 16 : 16 + n * 7 % 33;
        there = gone = go_on = 0;
        alarm(argc > 1 ? 10 : 60); /* mutants hang */
        HOLDS((coop_main(&o, root, (void *)(intptr_t)n) != 0) == fails);
    }
    return 0;
}
