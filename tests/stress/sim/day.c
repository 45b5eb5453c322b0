/*
 * day.c - a simulated day of ten thousand services, and how long it takes
 *
 *   day [SERVICES [HOURS]]
 *
 * Each service is an actor with what coopd's has: a child that ends when it likes (an hour on
 * average), a backoff timer before the next start, a watchdog that looks every minute, and now and
 * then an operator who restarts it by signal, with a time limit until the kill.  Every exit must be
 * seen once, no timer may be late, and after the day nothing may be left.
 */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "coop/sim.h"

#define SEC    COOP_NSEC_PER_SEC
#define MINUTE (60 * SEC)
#define HOUR   (60 * MINUTE)

enum { CHILD_ENDED = 1, BACKOFF_OVER, WATCHDOG, RESTART, KILL_TIME, END };

enum state { DOWN, UP, STOPPING, BACKOFF, OVER };

struct service {
    struct coop_actor actor;
    struct coop_timer backoff, watchdog, kill_time;
    struct coop_msg restart, end;
    struct coop_child child;
    enum state state;
    coop_nsec due;       /* of the timer that runs beside the watchdog */
    coop_nsec look_next; /* of the watchdog */
    pid_t pid;
    bool deaf;
};

static struct {
    struct service *services;
    size_t count, over, up;
    uint64_t births, ends, looks, restarts, kills;
    coop_nsec stop;
} day;

_Noreturn void does_not_hold(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    _Exit(1);
}

/* ---- a service ---- */

static bool is_deaf(pid_t pid, int signo, void *arg)
{
    (void)pid;
    (void)arg;
    return signo == SIGTERM;
}

static void start(struct service *s)
{
    coop_nsec life = (1 + (coop_nsec)draw(7200)) * SEC;

    coop_child_spawn_begin();
    s->pid = coop_sim_spawn(0);
    s->deaf = draw(10) == 0;
    if (s->deaf)
        coop_sim_on_signal(s->pid, is_deaf, NULL);
    coop_sim_exit_at(s->pid, coop_after(coop_now(), life), (int)draw(3));
    HOLDS(coop_child_watch(&s->child, s->pid, &s->actor, CHILD_ENDED) == 0);
    coop_child_spawn_end();
    s->state = UP;
    day.births++;
    day.up++;
}

static void stop(struct service *s)
{
    s->state = STOPPING;
    HOLDS(coop_child_kill(&s->child, SIGTERM) == 0);
    s->due = coop_after(coop_now(), 10 * SEC);
    coop_timer_set(&s->kill_time, s->due);
}

static void on_end(struct service *s)
{
    HOLDS(s->state == UP || s->state == STOPPING);
    HOLDS(s->child.exit.pid == s->pid);
    coop_timer_stop(&s->kill_time);
    day.ends++;
    day.up--;
    s->state = BACKOFF;
    s->due = coop_after(coop_now(), (1 + (coop_nsec)draw(5000)) * COOP_NSEC_PER_MSEC);
    coop_timer_set(&s->backoff, s->due);
}

static void finish(struct service *s)
{
    if (s->state == UP || s->state == STOPPING) {
        coop_sim_exit(s->pid, 0);
        coop_child_forget(&s->child);
        day.ends++;
        day.up--;
    }
    coop_timer_done(&s->backoff);
    coop_timer_done(&s->watchdog);
    coop_timer_done(&s->kill_time);
    coop_msg_unlink(&s->actor, &s->restart);
    s->state = OVER;
    day.over++;
    coop_actor_done(&s->actor);
}

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    struct service *s = actor->arg;

    switch (msg->kind) {
    case CHILD_ENDED: on_end(s); break;
    case BACKOFF_OVER:
        HOLDS(s->state == BACKOFF && coop_now() == s->due);
        start(s);
        break;
    case WATCHDOG:
        HOLDS(coop_now() == s->look_next);
        s->look_next += MINUTE;
        day.looks++;
        if (s->state == UP && draw(1000) == 0)
            coop_post(&s->actor, &s->restart);
        break;
    case RESTART:
        day.restarts++;
        if (s->state == UP)
            stop(s);
        break;
    case KILL_TIME:
        HOLDS(s->state == STOPPING && s->deaf && coop_now() == s->due);
        day.kills++;
        HOLDS(coop_child_kill(&s->child, SIGKILL) == 0);
        break;
    default: finish(s); break;
    }
}

static void init(struct service *s)
{
    coop_actor_init(&s->actor, "service", handle, s);
    coop_timer_init(&s->backoff, &s->actor, BACKOFF_OVER);
    coop_timer_init(&s->watchdog, &s->actor, WATCHDOG);
    coop_timer_init(&s->kill_time, &s->actor, KILL_TIME);
    coop_msg_init(&s->restart, RESTART);
    coop_msg_init(&s->end, END);
    s->state = BACKOFF;
    s->due = coop_after(coop_now(), 1 + (coop_nsec)draw(10000) * COOP_NSEC_PER_MSEC);
    coop_timer_set(&s->backoff, s->due);
    s->look_next = coop_after(coop_now(), MINUTE + (coop_nsec)draw(60000) * COOP_NSEC_PER_MSEC);
    coop_timer_set_periodic(&s->watchdog, s->look_next, MINUTE);
}

/* ---- the day ---- */

static int live(void *arg)
{
    struct coop_child_stats children;
    struct coop_stats stats;
    coop_nsec end = coop_after(coop_now(), *(const int *)arg * HOUR);

    for (size_t i = 0; i < day.count; i++)
        init(&day.services[i]);
    HOLDS(coop_sleep_until(end) == 0 && coop_now() == end);
    HOLDS(day.births == day.ends + day.up);
    for (size_t i = 0; i < day.count; i++)
        coop_post(&day.services[i].actor, &day.services[i].end);
    while (day.over < day.count)
        coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_MSEC));
    coop_sleep_until(coop_after(coop_now(), SEC)); /* the last ones are reaped */
    coop_child_stats(&children);
    coop_stats_get(&stats);
    HOLDS(day.births == day.ends && day.births == children.reaped + children.orphans);
    HOLDS(children.alive == 0 && stats.coroutines == 1);
    return 0;
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* The bar is two minutes; sanitizers and emulators may take their time. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { SECONDS_MOST = 540 };
#else
enum { SECONDS_MOST = 120 };
#endif

int main(int argc, char **argv)
{
    struct coop_options options = {.name = "day", .sim = true, .seed = 24};
    int hours = argc > 2 ? atoi(argv[2]) : 24;
    double begin = seconds_now(), took;

    day.count = argc > 1 ? strtoul(argv[1], NULL, 10) : 10000;
    day.services = calloc(day.count, sizeof *day.services);
    HOLDS(day.services);
    coop_sim_begin(24);
    HOLDS(coop_main(&options, live, &hours) == 0);
    HOLDS(coop_sim_fds_open() == 0 && coop_sim_zombies() == 0 && coop_sim_alive() == 0);
    coop_sim_end();
    took = seconds_now() - begin;
    printf(
        "%d hours of %zu services in %.1f s: %llu starts, %llu looks, %llu restarts, %llu kills\n",
        hours, day.count, took, (unsigned long long)day.births, (unsigned long long)day.looks,
        (unsigned long long)day.restarts, (unsigned long long)day.kills);
    free(day.services);
    return took < SECONDS_MOST || getenv("COOP_SLOWER") ? 0 : 1;
}
