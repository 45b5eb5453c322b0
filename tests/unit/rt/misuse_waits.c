/* What must not be done with channels, select, actors, descriptors, children and signals. */
#include "misuse.h"

#include <fcntl.h>
#include <sys/prctl.h>

/* ---- chan.h ---- */

static struct coop_chan *ch;

static int impossible_channels(void)
{
    CHECK(coop_chan_new(65537, 1) == NULL);
    CHECK(coop_chan_new(65536, 16385) == NULL);
    CHECK(coop_chan_new(SIZE_MAX, SIZE_MAX) == NULL);
    CHECK(coop_chan_new(0, SIZE_MAX) != NULL); /* a counter */
    return 0;
}

static int null_and_closed(void)
{
    int v = 7;

    coop_chan_unref(NULL);
    CHECK(coop_close(NULL) == -EINVAL);
    CHECK(coop_chan_len(NULL) == 0 && coop_chan_cap(NULL) == 0);
    CHECK(coop_send(NULL, &v, COOP_NOW) == -EAGAIN && coop_recv(NULL, &v, COOP_NOW) == -EAGAIN);
    ch = coop_chan_new(sizeof(int), 1);
    CHECK(coop_close(ch) == 0 && coop_close(ch) == -EPIPE);
    CHECK(coop_send(ch, &v, COOP_NOW) == -EPIPE);
    CHECK(coop_recv(ch, &v, COOP_NOW) == 0 && v == 0);
    coop_chan_unref(ch);
    return 0;
}

static int receive(__attribute__((unused)) void *arg)
{
    int v;

    return coop_recv(ch, &v, COOP_FOREVER);
}

static int free_under_waiter(__attribute__((unused)) void *arg)
{
    ch = coop_chan_new(sizeof(int), 1);
    coop_go(NULL, receive, NULL);
    coop_yield();
    coop_chan_unref(ch);
    return 0;
}

static int freed_channel(void)
{
    return inside(free_under_waiter);
}

static int past_deadlines(__attribute__((unused)) void *arg)
{
    int v;

    ch = coop_chan_new(sizeof(int), 1);
    CHECK(coop_recv(ch, &v, COOP_NOW) == -EAGAIN);
    CHECK(coop_recv(ch, &v, -5) == -ETIMEDOUT && coop_recv(ch, &v, 1) == -ETIMEDOUT);
    CHECK(coop_sleep_until(-5) == 0 && coop_sleep_until(0) == 0);
    CHECK(coop_select(NULL, 0, -5) == -ETIMEDOUT);
    coop_chan_unref(ch);
    return 0;
}

static int past(void)
{
    return inside(past_deadlines);
}

/* ---- select.h ---- */

static int odd_selects(__attribute__((unused)) void *arg)
{
    static struct coop_case cases[COOP_SELECT_MAX + 1];
    struct coop_case bad = COOP_FD(-1, COOP_IN);
    int ends[2];

    for (int i = 0; i <= COOP_SELECT_MAX; i++)
        cases[i] = COOP_RECV(NULL, NULL);
    CHECK(coop_select(cases, COOP_SELECT_MAX + 1, COOP_NOW) == -EINVAL);
    CHECK(coop_select(cases, -1, COOP_NOW) == -EINVAL);
    CHECK(coop_select(cases, COOP_SELECT_MAX, COOP_NOW) == -EAGAIN);
    CHECK(coop_select(&bad, 1, COOP_FOREVER) == 0 && bad.result == -EBADF);
    bad.fd = memfd_create("always ready", MFD_CLOEXEC);
    CHECK(coop_select(&bad, 1, COOP_FOREVER) == 0 && bad.result == -EPERM);
    CHECK(close(bad.fd) == 0);
    CHECK(pipe2(ends, O_NONBLOCK) == 0 && write(ends[1], "x", 1) == 1);
    bad = COOP_FD(ends[0], 0); /* there is something, but nobody asks for it */
    CHECK(coop_select(&bad, 1, COOP_NOW) == -EAGAIN);
    CHECK(coop_select(&bad, 1, 1) == -ETIMEDOUT);
    CHECK(coop_fd_close(ends[0]) == 0 && coop_fd_close(ends[1]) == 0);
    return 0;
}

static int wrong_selects(void)
{
    return inside(odd_selects);
}

/* ---- actor.h ---- */

static struct coop_actor actor;
static struct coop_timer timer;
static struct coop_msg msg;

static void ignore(__attribute__((unused)) struct coop_actor *a,
                   __attribute__((unused)) struct coop_msg *m)
{
}

static int no_handler(void)
{
    coop_actor_init(&actor, "idle", NULL, NULL);
    return 0;
}

static struct coop_scope left_open;

static void leave_open(__attribute__((unused)) struct coop_actor *a,
                       __attribute__((unused)) struct coop_msg *m)
{
    coop_scope_init(&left_open, "left", 0);
}

static void stay_in_bracket(__attribute__((unused)) struct coop_actor *a,
                            __attribute__((unused)) struct coop_msg *m)
{
    coop_block_begin();
}

static int post_once(__attribute__((unused)) void *arg)
{
    coop_post(&actor, &msg);
    return coop_sleep_until(coop_after(coop_now(), 30 * COOP_NSEC_PER_SEC));
}

static int handler_leaves_scope(void)
{
    coop_actor_init(&actor, "careless", leave_open, NULL);
    return inside(post_once);
}

static int handler_stays_in_bracket(void)
{
    coop_actor_init(&actor, "careless", stay_in_bracket, NULL);
    return inside(post_once);
}

static int timer_outside(void)
{
    coop_actor_init(&actor, "idle", ignore, NULL);
    coop_timer_init(&timer, &actor, 1);
    CHECK(!coop_timer_stop(&timer)); /* is no misuse */
    coop_timer_set(&timer, 1);
    return 0;
}

enum { TIMERS_MOST = 2 * 1024 * 1024 }; /* on one processor, and there is only one */

static int set_timers(void *arg)
{
    int count = *(int *)arg;
    struct coop_timer *timers = calloc((size_t)count, sizeof *timers);
    coop_nsec in_an_hour = coop_after(coop_now(), 3600 * COOP_NSEC_PER_SEC);

    CHECK(timers);
    coop_actor_init(&actor, "clock", ignore, NULL);
    for (int i = 0; i < count; i++) {
        coop_timer_init(&timers[i], &actor, 1);
        CHECK(!coop_timer_set(&timers[i], coop_after(in_an_hour, i)));
    }
    for (int i = 0; i < count; i++)
        CHECK(coop_timer_stop(&timers[i]));
    coop_actor_done(&actor);
    free(timers);
    return 0;
}

static int with_timers(int count)
{
    struct coop_options o = {.name = "main", .procs = 1};

    return coop_main(&o, set_timers, &count);
}

static int all_timers(void)
{
    return with_timers(TIMERS_MOST);
}

static int too_many_timers(void)
{
    return with_timers(TIMERS_MOST + 1);
}

static int odd_watches(__attribute__((unused)) void *arg)
{
    struct coop_fdwatch watch = {0};
    int ends[2];

    coop_actor_init(&actor, "watcher", ignore, NULL);
    coop_fdwatch_stop(&watch); /* never started */
    CHECK(coop_fdwatch_start(&watch, -1, COOP_IN, &actor, 1) == -EBADF);
    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(coop_fdwatch_start(&watch, ends[0], COOP_IN, &actor, 1) == 0);
    CHECK(coop_fdwatch_start(&watch, ends[0], COOP_IN, &actor, 1) == -EEXIST);
    coop_fdwatch_stop(&watch);
    coop_fdwatch_stop(&watch);
    CHECK(!coop_recall(&msg));
    coop_actor_done(&actor);
    coop_post(&actor, &msg); /* dropped */
    CHECK(coop_fd_close(ends[0]) == 0 && coop_fd_close(ends[1]) == 0);
    return 0;
}

static int wrong_watches(void)
{
    return inside(odd_watches);
}

/* ---- io.h ---- */

static int odd_descriptors(__attribute__((unused)) void *arg)
{
    char byte;
    int ends[2];

    CHECK(coop_read(-1, &byte, 1, COOP_FOREVER) == -EBADF);
    CHECK(coop_fd_wait(-1, COOP_IN, COOP_FOREVER) == -EBADF);
    CHECK(coop_fd_wait(0, 0, COOP_FOREVER) == -EINVAL);
    CHECK(coop_fd_close(-1) == -EBADF && coop_fd_nonblock(-1) == -EBADF);
    CHECK(coop_pipe(ends, COOP_IN | COOP_HUP) == -EINVAL);
    coop_fd_forget(-1);
    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(coop_fd_close(ends[0]) == 0 && coop_fd_close(ends[0]) == -EBADF);
    CHECK(coop_fd_close(ends[1]) == 0);
    return 0;
}

static int wrong_descriptors(void)
{
    return inside(odd_descriptors);
}

static int read_outside(void)
{
    char byte;
    int ends[2];

    CHECK(pipe2(ends, O_NONBLOCK) == 0);
    CHECK(coop_read(ends[0], &byte, 1, COOP_NOW) == -EAGAIN);
    CHECK(coop_read(ends[0], &byte, 1, COOP_FOREVER) == -EPERM);
    CHECK(coop_write(ends[1], "x", 1, COOP_FOREVER) == 1);
    CHECK(coop_fd_wait(ends[0], COOP_IN, COOP_FOREVER) == -EPERM);
    CHECK(coop_read(ends[0], &byte, 1, COOP_FOREVER) == 1);
    return 0;
}

/* ---- child.h ---- */

static int children_outside(void)
{
    struct coop_child child = {0};

    CHECK(coop_child_watch(&child, getpid(), NULL, 0) == -EPERM);
    CHECK(coop_child_wait(&child, COOP_NOW) == -ECHILD);
    CHECK(coop_child_kill(&child, SIGKILL) == -ESRCH && !coop_child_ended(&child));
    return 0;
}

static int spawn_outside(void)
{
    char path[] = "/bin/true", *program[] = {path, NULL};
    struct coop_child child = {0};
    int status;

    CHECK(coop_child_spawn(&child, &(struct coop_spawn){.argv = program}, NULL, 0) == -EPERM);
    CHECK(waitpid(-1, &status, 0) < 0); /* nothing was started */
    return 0;
}

/* Its end could not be told: so it is not started. */
static int spawn_without_descriptors(__attribute__((unused)) void *arg)
{
    char path[] = "/bin/true", *program[] = {path, NULL};
    struct coop_child child = {0};
    int next = dup(STDERR_FILENO);
    struct rlimit none = {(rlim_t)next, (rlim_t)next};

    CHECK(close(next) == 0);
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0);
    CHECK(coop_child_spawn(&child, &(struct coop_spawn){.argv = program}, NULL, 0) == -EMFILE);
    CHECK(waitpid(-1, NULL, 0) < 0);
    return 0;
}

static int spawn_at_the_limit(void)
{
    return inside(spawn_without_descriptors);
}

static int spawn_inside_bracket(__attribute__((unused)) void *arg)
{
    char path[] = "/bin/true", *program[] = {path, NULL};
    struct coop_child child = {0};

    coop_block_begin();
    CHECK(coop_child_spawn(&child, &(struct coop_spawn){.argv = program}, NULL, 0) == 0);
    coop_block_end();
    return coop_child_wait(&child, COOP_FOREVER);
}

static int spawn_in_bracket(void)
{
    return inside(spawn_inside_bracket);
}

/* A child that ends with its parent at the latest. */
static _Noreturn void live(pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent) /* it may have been faster */
        pause();
    _exit(0);
}

static int odd_children(__attribute__((unused)) void *arg)
{
    struct coop_child child = {0}, again = {0};
    pid_t pid, parent = getpid();

    CHECK(coop_child_watch(&child, 0, NULL, 0) == -EINVAL);
    CHECK(coop_child_watch(&child, -1, NULL, 0) == -EINVAL);
    CHECK(coop_child_watch(&child, 1, NULL, 0) == -ECHILD);
    CHECK(coop_child_wait(&child, COOP_FOREVER) == -ECHILD);
    for (int i = 0; i < 2; i++) {
        struct coop_case nobody = COOP_CHILD(i ? NULL : &child);

        CHECK(coop_select(&nobody, 1, COOP_NOW) == 0 && nobody.result == -ECHILD);
        nobody.result = 0;
        CHECK(coop_select(&nobody, 1, COOP_FOREVER) == 0 && nobody.result == -ECHILD);
    }
    coop_child_forget(&child);
    coop_child_spawn_begin();
    pid = fork();
    if (pid == 0)
        live(parent);
    CHECK(coop_child_watch(&child, pid, NULL, 0) == 0);
    CHECK(coop_child_watch(&again, pid, NULL, 0) == -EEXIST);
    coop_child_spawn_end();
    CHECK(coop_child_kill(&child, SIGKILL) == 0);
    CHECK(coop_child_wait(&child, COOP_FOREVER) == 0);
    CHECK(coop_child_kill(&child, SIGKILL) == -ESRCH);
    return 0;
}

static int odd_spawns(__attribute__((unused)) void *arg)
{
    static int fds[COOP_SPAWN_FDS_MAX + 1];
    char path[] = "/nonexistent/program", *nothing[] = {NULL}, *program[] = {path, NULL};
    struct coop_child child = {0};
    struct coop_spawn what = {0};

    CHECK(coop_child_spawn(&child, &what, NULL, 0) == -EINVAL);
    what.argv = nothing;
    CHECK(coop_child_spawn(&child, &what, NULL, 0) == -EINVAL);
    what.argv = program;
    if (!getenv("COOP_SLOWER")) /* emulators get in its way: tests/emulated.cmake */
        CHECK(coop_child_spawn(&child, &what, NULL, 0) == -ENOENT);
    what.fds = fds;
    what.fd_count = COOP_SPAWN_FDS_MAX + 1;
    CHECK(coop_child_spawn(&child, &what, NULL, 0) == -EINVAL);
    what.fd_count = -1;
    CHECK(coop_child_spawn(&child, &what, NULL, 0) == -EINVAL);
    CHECK(coop_child_pidfd(&child) == -ESRCH && coop_child_stopped(&child) == 0);
    CHECK(coop_child_on_stop(&child, &actor, &msg) == -ESRCH);
    return 0;
}

static int wrong_spawns(void)
{
    return inside(odd_spawns);
}

static int wrong_children(void)
{
    return inside(odd_children);
}

static int end_spawning(__attribute__((unused)) void *arg)
{
    coop_child_spawn_end();
    return 0;
}

static int spawn_end_only(void)
{
    return inside(end_spawning);
}

static int await_child(void *arg)
{
    return coop_child_wait(arg, COOP_FOREVER);
}

static int wait_for_one_twice(__attribute__((unused)) void *arg)
{
    struct coop_child child;
    pid_t pid, parent = getpid();

    coop_child_spawn_begin();
    pid = fork();
    if (pid == 0)
        live(parent);
    CHECK(coop_child_watch(&child, pid, NULL, 0) == 0);
    coop_child_spawn_end();
    coop_go_with(NULL, &(struct coop_attr){.name = "first"}, await_child, &child);
    coop_yield();
    return coop_child_wait(&child, COOP_FOREVER);
}

static int two_wait_for_one(void)
{
    return inside(wait_for_one_twice);
}

/* ---- signal.h ---- */

static int odd_signals(__attribute__((unused)) void *arg)
{
    struct coop_chan *small = coop_chan_new(1, 1), *right = coop_chan_new(sizeof(int), 1);

    CHECK(coop_signal_notify(NULL, SIGUSR1) == -EINVAL);
    CHECK(coop_signal_notify(small, SIGUSR1) == -EINVAL);
    CHECK(coop_signal_notify(right, SIGUSR2) == -EINVAL); /* was not announced */
    CHECK(coop_signal_notify(right, 0) == -EINVAL && coop_signal_notify(right, 65) == -EINVAL);
    CHECK(coop_signal_notify(right, SIGKILL) == -EINVAL);
    CHECK(coop_signal_post(SIGUSR2, &actor, &msg) == -EINVAL);
    for (int i = 0; i < COOP_SIGNAL_CHANNELS; i++)
        CHECK(coop_signal_notify(right, SIGUSR1) == 0);
    CHECK(coop_signal_notify(right, SIGUSR1) == -ENOSPC);
    coop_signal_stop(NULL);
    coop_signal_stop(small);
    coop_signal_stop(right);
    CHECK(coop_signal_notify(right, SIGUSR1) == 0);
    CHECK(coop_signal_sender(0) == 0 && coop_signal_sender(1000) == 0);
    return 0;
}

static int wrong_signals(void)
{
    struct coop_options o = {.signals = COOP_SIGNAL(SIGUSR1)};
    struct coop_chan *right = coop_chan_new(sizeof(int), 1);

    CHECK(coop_signal_notify(right, SIGUSR1) == -EINVAL); /* no runtime */
    return coop_main(&o, odd_signals, NULL);
}

static int notify_and_end(void *arg)
{
    CHECK(coop_signal_notify(arg, SIGUSR1) == 0);
    CHECK(coop_signal_post(SIGUSR1, &actor, &msg) == 0);
    return 0;
}

static int signals_after_the_end(void)
{
    struct coop_options o = {.signals = COOP_SIGNAL(SIGUSR1)};
    struct coop_chan *stop = coop_chan_new(sizeof(int), 1);
    struct coop_signal_info info;
    int v = 0;

    coop_actor_init(&actor, "idle", ignore, NULL);
    CHECK(coop_main(&o, notify_and_end, stop) == 0);
    coop_signal_stop(stop); /* is not registered any more */
    CHECK(!coop_signal_take(SIGUSR1, &info));
    CHECK(coop_signal_notify(stop, SIGUSR1) == -EINVAL);
    CHECK(coop_send(stop, &v, COOP_NOW) == 0);
    coop_chan_unref(stop);
    return 0;
}

static const struct misuse rows[] = {
    RETURNS("channels beyond the limits", impossible_channels),
    RETURNS("NULL, closed and closed twice", null_and_closed),
    ABORTS("a channel freed under a waiter", freed_channel,
           "coop: a channel was freed while somebody waits on it (coroutine 1 'main')"),
    RETURNS("deadlines of zero and in the past", past),
    RETURNS("selects with wrong cases", wrong_selects),
    ABORTS("an actor without a handler", no_handler,
           "coop: an actor without a handler (coroutine 0 '')"),
    ABORTS("a handler leaves a scope open", handler_leaves_scope,
           "coop: an actor's handler left a scope open (coroutine 2 'careless')"),
    ABORTS("a handler stays in a bracket", handler_stays_in_bracket,
           "coop: an actor's handler ended inside a blocking bracket "
           "(coroutine 2 'careless')"),
    RETURNS("as many timers as a processor has room for", all_timers),
    ABORTS("one more", too_many_timers,
           "coop: more than two million timers on one processor (coroutine 1 'main')"),
    ABORTS("a timer without a runtime", timer_outside,
           "coop: a timer was set while no runtime runs (coroutine 0 '')"),
    RETURNS("watches of nothing, started twice, never started", wrong_watches),
    RETURNS("descriptors that are none, closed twice", wrong_descriptors),
    RETURNS("waiting for a descriptor outside", read_outside),
    RETURNS("children outside", children_outside),
    RETURNS("starting a child outside", spawn_outside),
    RETURNS("starting a child whose end could not be told", spawn_at_the_limit),
    RETURNS("starting a child in a bracket", spawn_in_bracket),
    RETURNS("children that are none, watched twice, ended", wrong_children),
    RETURNS("programs that are none, descriptors beyond the limits", wrong_spawns),
    ABORTS("the end of a spawn bracket without its begin", spawn_end_only,
           "coop: coop_child_spawn_end without a begin (coroutine 1 'main')"),
    ABORTS("two wait for one child", two_wait_for_one,
           "coop: two coroutines wait for one child (coroutine 1 'main')"),
    RETURNS("signals not announced, too many, wrong channels", wrong_signals),
    RETURNS("signals after the end", signals_after_the_end),
};

MISUSE_MAIN(rows)
