/* Simulation: the runtime over the fake kernel, where the clock jumps. */
#include "rt_test.h"

#include "coop/sim.h"

#include "base/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#define SEC  COOP_NSEC_PER_SEC
#define HOUR (3600 * SEC)

static int sleep_hours(__attribute__((unused)) void *arg)
{
    coop_nsec start = coop_now();

    for (int i = 1; i <= 1000; i++) {
        CHECK(coop_sleep_until(coop_after(start, i * HOUR)) == 0);
        CHECK(coop_now() >= start + i * HOUR);
    }
    return 0;
}

static int simulate(int (*fn)(void *), void *arg, uint64_t seed)
{
    struct coop_options o = {.sim = true, .seed = seed};
    int r;

    coop_sim_begin(seed);
    r = coop_main(&o, fn, arg);
    coop_sim_end();
    return r;
}

Test(sim, a_thousand_hours_pass_at_once, .timeout = 20)
{
    cr_assert_eq(simulate(sleep_hours, NULL, 1), 0);
}

static char trace[2000];
static int trace_used;

static int write_trace(void *arg)
{
    for (int i = 0; i < 20; i++) {
        trace[trace_used++] = (char)('a' + (int)(intptr_t)arg);
        if (i % 3)
            coop_yield();
        else
            coop_sleep_until(coop_after(coop_now(), COOP_NSEC_PER_MSEC));
    }
    return 0;
}

static int trace_all(__attribute__((unused)) void *arg)
{
    struct coop_scope s;

    trace_used = 0;
    coop_scope_init(&s, "trace", 0);
    for (int i = 0; i < 10; i++)
        coop_go(&s, write_trace, (void *)(intptr_t)i);
    return coop_scope_wait(&s);
}

Test(sim, the_same_seed_gives_the_same_order_and_another_one_another, .timeout = 20)
{
    char first[sizeof trace];

    cr_assert_eq(simulate(trace_all, NULL, 7), 0);
    memcpy(first, trace, sizeof trace);
    cr_assert_eq(simulate(trace_all, NULL, 7), 0);
    cr_assert_eq(memcmp(first, trace, sizeof trace), 0);
    cr_assert_eq(simulate(trace_all, NULL, 8), 0);
    cr_assert_neq(memcmp(first, trace, sizeof trace), 0);
}

static int fake_children(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 100; i++) {
        struct coop_child c;
        coop_nsec end = coop_after(coop_now(), (i % 5) * COOP_NSEC_PER_SEC);
        pid_t pid;

        coop_child_spawn_begin();
        pid = coop_sim_spawn(0);
        coop_sim_exit_at(pid, end, i);
        CHECK(coop_child_watch(&c, pid, NULL, 0) == 0);
        coop_child_spawn_end();
        CHECK(coop_child_wait(&c, coop_after(coop_now(), HOUR)) == 0);
        CHECK(c.exit.status == i && coop_now() >= end && coop_sim_zombies() == 0);
    }
    return 0;
}

Test(sim, fake_children_end_in_fake_time, .timeout = 20)
{
    cr_assert_eq(simulate(fake_children, NULL, 3), 0);
}

enum { MANY = 1000 }; /* more than a processor's own queue holds */

static int many_die(__attribute__((unused)) void *arg)
{
    static struct coop_child c[MANY];
    struct coop_child_stats stats;
    coop_nsec when = coop_after(coop_now(), COOP_NSEC_PER_SEC);

    for (int i = 0; i < MANY; i++) {
        pid_t pid;

        coop_child_spawn_begin();
        pid = coop_sim_spawn(0);
        coop_sim_die_at(pid, when, i % 2 ? SIGKILL : SIGTERM);
        CHECK(coop_child_watch(&c[i], pid, NULL, 0) == 0);
        coop_child_spawn_end();
    }
    for (int i = 0; i < MANY; i++) {
        CHECK(coop_child_wait(&c[i], coop_after(coop_now(), HOUR)) == 0);
        CHECK(c[i].exit.code == CLD_KILLED && c[i].exit.status == (i % 2 ? SIGKILL : SIGTERM));
    }
    coop_child_stats(&stats);
    CHECK(stats.reaped == MANY && stats.sweeps >= 1); /* coalesced: the passes were needed */
    return 0;
}

Test(sim, a_thousand_deaths_in_one_instant_are_all_seen, .timeout = 20)
{
    cr_assert_eq(simulate(many_die, NULL, 5), 0);
}

struct ticker {
    struct coop_actor actor;
    struct coop_timer timer;
    int ticks;
};

static void on_tick(struct coop_actor *actor, __attribute__((unused)) struct coop_msg *m)
{
    ((struct ticker *)actor->arg)->ticks++;
}

static int tick_for_a_day(__attribute__((unused)) void *arg)
{
    struct ticker t = {0};

    coop_actor_init(&t.actor, "ticker", on_tick, &t);
    coop_timer_init(&t.timer, &t.actor, 1);
    coop_timer_set_periodic(&t.timer, coop_after(coop_now(), HOUR), HOUR);
    coop_sleep_until(coop_after(coop_now(), 24 * HOUR + HOUR / 2));
    coop_timer_stop(&t.timer);
    CHECK(t.ticks == 24);
    return 0;
}

Test(sim, a_ticker_counts_the_hours_of_a_day, .timeout = 20)
{
    cr_assert_eq(simulate(tick_for_a_day, NULL, 0), 0);
}

static int sleep_over_a_shift(__attribute__((unused)) void *arg)
{
    coop_nsec start = coop_now();

    coop_sim_shift_wall_clock(1000 * HOUR);
    CHECK(coop_now() == start || coop_now() - start < HOUR);
    CHECK(coop_sleep_until(coop_after(start, HOUR)) == 0);
    CHECK(coop_now() >= start + HOUR && coop_now() < start + 2 * HOUR);
    return 0;
}

Test(sim, setting_the_wall_clock_moves_no_deadline, .timeout = 20)
{
    cr_assert_eq(simulate(sleep_over_a_shift, NULL, 1), 0);
}

static int reuse_a_pid(__attribute__((unused)) void *arg)
{
    struct coop_child c;
    pid_t pid;

    coop_child_spawn_begin();
    pid = coop_sim_spawn(0);
    CHECK(coop_child_watch(&c, pid, NULL, 0) == 0);
    coop_child_spawn_end();
    coop_sim_exit(pid, 0);
    CHECK(coop_child_wait(&c, coop_after(coop_now(), HOUR)) == 0);
    coop_sim_next_pid(pid);
    CHECK(coop_sim_spawn(0) == pid); /* a stranger under the old number */
    CHECK(coop_child_kill(&c, SIGKILL) == -ESRCH);
    CHECK(coop_sim_is_alive(pid) && coop_sim_last_signal(pid) == 0);
    coop_sim_exit(pid, 0);
    return 0;
}

Test(sim, a_reused_pid_is_never_signalled, .timeout = 20)
{
    cr_assert_eq(simulate(reuse_a_pid, NULL, 1), 0);
}

static int talk_by_queue(__attribute__((unused)) void *arg)
{
    char room[8];
    struct coop_queue_message message = {.data = room, .room = sizeof room};
    int ends[2];

    CHECK(coop_queue_pair(ends, 0) == 0);
    CHECK(coop_queue_send(ends[0], "word", 4, NULL, 0, COOP_NOW) == 0);
    CHECK(coop_queue_recv(ends[1], &message, COOP_NOW) == 1 && message.size == 4);
    CHECK(message.pid == coop_sim_self());
    coop_fd_close(ends[0]);
    CHECK(coop_queue_recv(ends[1], &message, COOP_NOW) == 0);
    coop_fd_close(ends[1]);
    return 0;
}

Test(sim, a_queue_carries_messages)
{
    cr_assert_eq(simulate(talk_by_queue, NULL, 3), 0);
}

static void on_stop(struct coop_actor *actor, struct coop_msg *msg)
{
    (void)msg;
    ++*(int *)actor->arg;
}

static int spawn_and_stop(__attribute__((unused)) void *arg)
{
    static const struct coop_sim_act acts[] = {{COOP_SIM_WRITE, .number = 1, .text = "born"},
                                               {COOP_SIM_SLEEP, .delay = SEC},
                                               {COOP_SIM_EXIT, .number = 5}};
    char *argv[] = {(char *)(uintptr_t) "/usr/bin/web", NULL};
    struct coop_spawn what = {.argv = argv, .fds = (int[]){-1, -1}, .fd_count = 2};
    struct coop_child child;
    struct coop_actor actor;
    struct coop_msg stopped;
    int stops = 0;
    int ends[2], fds[2] = {-1, -1};
    char text[8];

    CHECK(coop_child_spawn(&child, &what, NULL, 0) == -ENOENT);
    coop_sim_program("/usr/bin/web", acts);
    CHECK(sys_pipe2(ends, O_NONBLOCK) == 0);
    fds[1] = ends[1];
    what.fds = fds;
    CHECK(coop_child_spawn(&child, &what, NULL, 0) == 0);
    sys_close(ends[1]);
    coop_actor_init(&actor, "stops", on_stop, &stops);
    coop_msg_init(&stopped, 1);
    CHECK(coop_child_on_stop(&child, &actor, &stopped) == 0);
    CHECK(coop_read(ends[0], text, sizeof text, COOP_FOREVER) == 4);
    CHECK(coop_child_kill(&child, SIGSTOP) == 0);
    coop_sleep_until(coop_after(coop_now(), 60 * SEC));
    CHECK(coop_child_stopped(&child) == SIGSTOP && !coop_child_ended(&child));
    CHECK(coop_child_kill(&child, SIGCONT) == 0);
    CHECK(coop_child_wait(&child, COOP_FOREVER) == 0 && child.exit.status == 5);
    CHECK(coop_child_stopped(&child) == 0 && stops == 2);
    coop_actor_done(&actor); /* its child has ended: nobody posts */
    CHECK(coop_read(ends[0], text, sizeof text, COOP_FOREVER) == 0);
    coop_fd_close(ends[0]);
    return 0;
}

Test(sim, a_program_is_spawned_stopped_and_ends)
{
    cr_assert_eq(simulate(spawn_and_stop, NULL, 3), 0);
}
