/*
 * subject.c - a program for gdb to look at: three parked coroutines, and one that runs
 *
 * It stops in look_here(), where tests/gdb/look.sh has put a breakpoint; called with the word
 * "abort" it leaves a core there.  With "old" its stacks have guards by mprotect: gcore(1) cannot
 * read past the other kind.
 */
#include "coop/coop.h"
#include "rt/guard.h"

#include <stdlib.h>
#include <string.h>

static bool leave_a_core;

__attribute__((noinline)) void look_here(int value);
__attribute__((noinline)) void look_here(int value)
{
    __asm__ volatile("" : : "r"(value) : "memory");
    if (leave_a_core)
        abort();
}

static __attribute__((noinline)) int wait_deep_inside(struct coop_chan *ch, int level)
{
    int v = 0, r;

    if (level > 0) {
        r = wait_deep_inside(ch, level - 1);
        __asm__ volatile("" : : : "memory"); /* no tail call: each level has its frame */
        return r;
    }
    r = coop_recv(ch, &v, COOP_FOREVER);
    __asm__ volatile("" : : : "memory");
    return r;
}

static int receiver(void *arg)
{
    int r = wait_deep_inside(arg, 3);

    return r < 0 ? r : 0;
}

static int sleeper(__attribute__((unused)) void *arg)
{
    int r = coop_sleep_until(COOP_FOREVER);

    return r == -1 ? 1 : 0;
}

static int runner(void *arg)
{
    for (int i = 0; i < 10; i++)
        coop_yield(); /* the others come to their waits */
    look_here(42);
    coop_close(arg);
    return 0;
}

static int root(__attribute__((unused)) void *arg)
{
    struct coop_attr first = {.name = "first"}, second = {.name = "second"},
                     background = {.name = "background", .flags = COOP_DAEMON};
    struct coop_chan *ch = coop_chan_new(sizeof(int), 0);
    struct coop_scope scope;
    int r;

    coop_scope_init(&scope, "all", 0);
    coop_go_with(&scope, &first, receiver, ch);
    coop_go_with(&scope, &second, receiver, ch);
    coop_go_with(NULL, &background, sleeper, NULL);
    coop_go(&scope, runner, ch);
    r = coop_scope_wait(&scope);
    coop_chan_unref(ch);
    return r;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.procs = 1};

    leave_a_core = argc > 1 && strcmp(argv[1], "abort") == 0;
    if (argc > 1 && strcmp(argv[1], "old") == 0)
        coop__old_guards = 100;
    return coop_main(&o, root, NULL) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
