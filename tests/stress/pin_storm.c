/*
 * pin_storm.c - pinned coroutines come, wait in every way, go, and take their threads along
 *
 * While processors come and go and others use brackets: each must find itself on its thread after
 * each wait, with what it has left in a thread-local there, and nobody else may have touched that.
 */
#include "stress/stress.h"

#include <errno.h>

static _Thread_local unsigned mark; /* 0: nobody is pinned here */
static struct coop_chan *there, *back;
static int rounds;
static _Atomic(int) busy;

/* Not inlined: the address of a thread-local must not be kept across a wait. */
static __attribute__((noinline)) unsigned *my_mark(void)
{
    unsigned *at = &mark;

    __asm__ volatile("" : "+r"(at));
    return at;
}

static void wait_somehow(unsigned *chance)
{
    int v = 1;

    switch (draw(chance, 6)) {
    case 0: coop_sleep_until(coop_after(coop_now(), draw(chance, 200000))); break;
    case 1:
        HOLDS(coop_send(there, &v, in_seconds(60)) == 0);
        HOLDS(coop_recv(back, &v, in_seconds(60)) == 1);
        break;
    case 2:
        coop_block_begin();
        coop_block_end();
        break;
    case 3:
        coop_syscall_begin();
        coop_syscall_end();
        break;
    default: coop_yield();
    }
}

static int pinned(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg, id = chance | 1;
    bool end_pinned = draw(&chance, 3) == 0;

    HOLDS(coop_pin() == 0);
    HOLDS(*my_mark() == 0);
    *my_mark() = id;
    for (int i = 0; i < 10; i++) {
        wait_somehow(&chance);
        HOLDS(*my_mark() == id);
    }
    if (end_pinned)
        return 0;
    *my_mark() = 0;
    HOLDS(coop_unpin() == 0);
    wait_somehow(&chance);
    return 0;
}

static int stranger(void *arg)
{
    unsigned chance = (unsigned)(uintptr_t)arg;

    while (atomic_load(&busy)) {
        HOLDS(*my_mark() == 0);
        wait_somehow(&chance);
    }
    return 0;
}

static int echo(__attribute__((unused)) void *arg)
{
    int v;

    while (coop_recv(there, &v, COOP_FOREVER) == 1) {
        HOLDS(*my_mark() == 0);
        HOLDS(coop_send(back, &v, in_seconds(60)) == 0);
    }
    return 0;
}

static int storm(__attribute__((unused)) void *arg)
{
    struct coop_scope s, talker, others;

    there = coop_chan_new(sizeof(int), 0);
    back = coop_chan_new(sizeof(int), 0);
    coop_scope_init(&talker, "talker", 0);
    coop_go(&talker, echo, NULL);
    coop_scope_init(&others, "others", 0);
    atomic_store(&busy, 1);
    for (int i = 0; i < 4; i++)
        coop_go(&others, stranger, (void *)(intptr_t)(i + 1));
    for (int n = 0; n < rounds; n++) {
        coop_set_procs(1 + n % 4);
        coop_scope_init(&s, "pinned", 0);
        for (int i = 0; i < 12; i++)
            HOLDS(coop_go(&s, pinned, (void *)(intptr_t)(n * 1000 + i * 7 + 1)) == 0);
        HOLDS(coop_scope_wait(&s) == 0);
    }
    atomic_store(&busy, 0);
    HOLDS(coop_scope_wait(&others) == 0);
    coop_close(there);
    HOLDS(coop_scope_wait(&talker) == 0);
    coop_chan_unref(there);
    coop_chan_unref(back);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options o = {.name = "pin-storm", .procs = 2};

    rounds = 8 * times_more(argc, argv);
    HOLDS(coop_main(&o, storm, NULL) == 0);
    return 0;
}
