/*
 * overflow.c - names the coroutine that has run out of stack
 *
 * A touch of a guard is a SIGSEGV, which comes to the alternate stack of the worker.  The handler
 * says whose stack it was and returns, so that it happens again under the handler that was there
 * before: the default one ends the process with a core whose innermost frame is the guilty one.
 */
#include "rt/overflow.h"

#include "rt/dump_text.h"
#include "rt/reaper.h"
#include "rt/stack.h"
#include "rt/switch.h"

#include <signal.h>
#include <unistd.h>

static struct sigaction before;

void coop__overflow_report(const struct coro *g)
{
    struct report r = {.fd = STDERR_FILENO};

    coop__say(&r, "coop: coroutine %lu '%s' has overflowed its stack of %lu KiB; started at ",
              (unsigned long)g->id, g->name, (unsigned long)coop__stack_slot_size(g) / 1024);
    coop__say_place(&r, g->born_at);
    coop__say(&r, "\nhint: stack_size in struct coop_attr and struct coop_options\n");
    coop__say_end(&r);
}

static void on_segv(int signo, siginfo_t *info, void *context)
{
    struct coro *g;

    (void)context;
    if (coop__signal_was_sent(info)) /* no fault: there is no address */
        return;
    g = coop__stack_of_guard(info->si_addr);
    if (g)
        coop__overflow_report(g);
    sigaction(signo, &before, NULL); /* ours or not: let it happen again */
}

void coop__overflow_start(void)
{
    struct sigaction ours = {.sa_flags = SA_SIGINFO | SA_ONSTACK};

    if (RT_ASAN || RT_TSAN)
        return;
    ours.sa_sigaction = on_segv;
    sigaction(SIGSEGV, &ours, &before);
}

void coop__overflow_end(void)
{
    if (!RT_ASAN && !RT_TSAN)
        sigaction(SIGSEGV, &before, NULL);
}
