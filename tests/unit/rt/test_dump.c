/* Seeing inside: what the dump tells, and from where it may be called. */
#include "rt_test.h"

#include "coop/sim.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* What coop_dump() writes. */
static const char *dump_text(void)
{
    static char text[256 * 1024];
    int fd = memfd_create("dump", MFD_CLOEXEC);
    ssize_t n;

    CHECK(fd >= 0);
    coop_dump(fd);
    n = pread(fd, text, sizeof text - 1, 0);
    CHECK(n > 0);
    text[n] = '\0';
    close(fd);
    return text;
}

/* The two lines about one coroutine. */
static const char *lines_of(const char *text, const char *name)
{
    static char lines[1024];
    const char *at = strstr(text, name), *end;

    CHECK(at);
    end = strchr(strchr(at, '\n') + 1, '\n');
    CHECK(end && (size_t)(end - at) < sizeof lines);
    memcpy(lines, at, (size_t)(end - at));
    lines[end - at] = '\0';
    return lines;
}

static int parked_deep(void *arg)
{
    volatile char frame[5000];
    int r;

    for (size_t i = 0; i < sizeof frame; i++)
        frame[i] = 1;
    r = coop_recv(arg, NULL, coop_after(coop_now(), 60 * COOP_NSEC_PER_SEC));
    return r == 0 && frame[4999] == 1 ? 0 : 1;
}

static void wait_for_close(__attribute__((unused)) struct coop_actor *a,
                           __attribute__((unused)) struct coop_msg *m)
{
    coop_recv(a->arg, NULL, COOP_FOREVER);
}

CORO_TEST_ON_ONE(dump, tells_where_a_coroutine_comes_from_and_how_deep_its_stack_is)
{
    struct coop_attr attr = {.name = "deep", .flags = COOP_URGENT};
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_scope outer, inner;
    struct coop_actor actor;
    struct coop_msg msg = {0};
    unsigned long used = 0, size = 0, deepest = 0;
    const char *lines;

    coop_actor_init(&actor, "boxes", wait_for_close, ch);
    coop_post(&actor, &msg);
    coop_scope_init(&outer, "sessions", 0);
    coop_scope_init(&inner, "upload", 0);
    CHECK(coop_go_with(&inner, &attr, parked_deep, ch) == 0);
    settle();
    lines = lines_of(dump_text(), "deep ");
    CHECK(strstr(lines, "(urgent): waiting in recv on 0x"));
    CHECK(strstr(lines, ", deadline in 59.") || strstr(lines, ", deadline in 60.0"));
    CHECK(strstr(lines, "runs parked_deep, made in "));
    CHECK(strstr(lines, "how_deep_its_stack") && strstr(lines, "test_rt_dump+0x"));
    CHECK(strstr(lines, ", scope root/sessions/upload, "));
    CHECK(sscanf(strstr(lines, "stack "), "stack %lu of %lu bytes, %lu at", &used, &size,
                 &deepest) == 3);
    CHECK(used > 5000 && used <= deepest && deepest < size);
    lines = lines_of(dump_text(), "boxes ");
    CHECK(strstr(lines, "(daemon): waiting in recv"));
    CHECK(strstr(lines, "runs wait_for_close, an actor's handler, scope daemons, "));
    coop_close(ch);
    CHECK(coop_scope_wait(&inner) == 0 && coop_scope_wait(&outer) == 0);
    settle();
    coop_actor_done(&actor);
    coop_chan_unref(ch);
    return 0;
}

static struct coop_wg arriving;

static int park(void *arg)
{
    coop_wg_done(&arriving);
    coop_recv(arg, NULL, COOP_FOREVER);
    return 0;
}

CORO_TEST_ON_ONE(dump, thousands_are_told_in_groups)
{
    struct coop_attr attr = {.name = "crowd"};
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_scope scope;
    const char *text;

    coop_scope_init(&scope, "many", 0);
    coop_wg_add(&arriving, 3700);
    for (int i = 0; i < 3000; i++)
        CHECK(coop_go(&scope, park, ch) == 0);
    for (int i = 0; i < 700; i++)
        CHECK(coop_go_with(&scope, &attr, park, ch) == 0);
    coop_wg_wait(&arriving); /* woken by the last one, who waits before we run */
    text = dump_text();
    CHECK(strstr(text, "3701 coroutines on 1 processors"));
    CHECK(strstr(text, "\n3000 coroutines -: waiting in recv for "));
    CHECK(strstr(text, "\n700 coroutines crowd: waiting in recv for "));
    CHECK(strstr(text, "\n1 coroutine dump: running"));
    CHECK(strlen(text) < 2000);
    coop_close(ch);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(ch);
    return 0;
}

static int look(const struct coop_coro_info *info, void *arg)
{
    int *seen = arg;

    if (strcmp(info->name, "deep") == 0) {
        CHECK(strcmp(info->scope, "root/each") == 0 && info->function && info->born_at);
        CHECK(info->stack_used > 5000 && info->stack_deepest >= info->stack_used);
        CHECK(info->urgent == 0 && info->daemon == 0 && info->pinned == 0);
    } else {
        CHECK(strcmp(info->state, "running") == 0 && info->pinned == 1);
    }
    return ++*seen == 2;
}

CORO_TEST_ON_ONE(dump, is_to_be_had_as_data_too)
{
    struct coop_attr attr = {.name = "deep"};
    struct coop_chan *ch = coop_chan_new(0, 0);
    struct coop_scope scope;
    int seen = 0;

    coop_scope_init(&scope, "each", 0);
    CHECK(coop_go_with(&scope, &attr, parked_deep, ch) == 0);
    settle();
    CHECK(coop_pin() == 0);
    coop_each_coro(look, &seen);
    CHECK(seen == 2);
    CHECK(coop_unpin() == 0);
    coop_close(ch);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(ch);
    return 0;
}

Test(dump, without_a_runtime_there_is_nobody)
{
    cr_assert(strstr(dump_text(), "0 coroutines on 0 processors"));
}

static int end(__attribute__((unused)) void *arg)
{
    return 0;
}

Test(dump, after_the_end_of_a_runtime_there_is_nobody)
{
    struct coop_stats s;

    cr_assert_eq(coop_main(NULL, end, NULL), 0);
    coop_stats_get(&s);
    cr_assert(s.coroutines == 0 && s.procs == 0);
    cr_assert(strstr(dump_text(), "0 coroutines on 0 processors"));
}

/* ---- by signal ---- */

static _Atomic(int) computing;

static int compute(__attribute__((unused)) void *arg)
{
    computing++;
    while (computing != 3)
        ;
    return 0;
}

/* Both processors compute and nobody waits: only a signal handler can still tell. */
static void *signal_from_outside(void *arg)
{
    static char text[16384];
    int *fds = arg;
    size_t len = 0;
    ssize_t n;

    while (computing != 2)
        ;
    kill(getpid(), SIGQUIT);
    while (!strstr(text, "compute") &&
           (n = read(fds[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    CHECK(strstr(text, "coroutines on 2 processors (0 idle)"));
    computing = 3;
    return NULL;
}

static int compute_on_both(void *arg)
{
    struct coop_scope scope;
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, signal_from_outside, arg) == 0);
    coop_scope_init(&scope, "busy", 0);
    CHECK(coop_go(&scope, compute, NULL) == 0);
    CHECK(coop_go(&scope, compute, NULL) == 0);
    CHECK(coop_scope_wait(&scope) == 0);
    pthread_join(thread, NULL);
    return 0;
}

static void not_called(__attribute__((unused)) int signo) {}

Test(dump, a_signal_tells_even_when_everybody_computes_and_kills_nobody, .timeout = 50)
{
    struct coop_options o = {.procs = 2, .dump_signal = SIGQUIT};
    struct sigaction before = {.sa_handler = not_called}, after;
    int fds[2], kept = dup(STDERR_FILENO);

    cr_assert(sigaction(SIGQUIT, &before, NULL) == 0);
    cr_assert(pipe2(fds, O_CLOEXEC) == 0 && dup2(fds[1], STDERR_FILENO) >= 0);
    cr_expect(coop_main(&o, compute_on_both, fds) == 0);
    dup2(kept, STDERR_FILENO);
    cr_assert(sigaction(SIGQUIT, NULL, &after) == 0);
    cr_assert(after.sa_handler == not_called);
}

static int raise_it(__attribute__((unused)) void *arg)
{
    int stderr_kept = dup(STDERR_FILENO);

    close(STDERR_FILENO); /* the dump's write fails, and sets errno */
    errno = EXDEV;
    kill(getpid(), SIGUSR2);
    CHECK(errno == EXDEV);
    dup2(stderr_kept, STDERR_FILENO);
    close(stderr_kept);
    return 0;
}

Test(dump, a_signal_leaves_errno_alone)
{
    struct coop_options o = {.procs = 1, .dump_signal = SIGUSR2};

    cr_assert(coop_main(&o, raise_it, NULL) == 0);
}

Test(dump, a_signal_that_there_is_not_is_refused)
{
    struct coop_options o = {.dump_signal = SIGKILL};

    cr_assert_eq(coop_main(&o, raise_it, NULL), -EINVAL);
}

/* ---- the report of a deadlock ---- */

static struct coop_once once_a, once_b;
static struct coop_mutex mutex;

static int need_a(__attribute__((unused)) void *arg)
{
    coop_yield();
    return coop_once(&once_a, need_a, NULL);
}

static int need_b(__attribute__((unused)) void *arg)
{
    coop_yield();
    return coop_once(&once_b, need_b, NULL);
}

static int begin_with_a(__attribute__((unused)) void *arg)
{
    return coop_once(&once_a, need_b, NULL);
}

static int begin_with_b(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&mutex);
    return coop_once(&once_b, need_a, NULL);
}

static int want_the_mutex(__attribute__((unused)) void *arg)
{
    coop_mutex_lock(&mutex);
    return 0;
}

static int deadlock(__attribute__((unused)) void *arg)
{
    struct coop_attr a = {.name = "first"}, b = {.name = "second"}, c = {.name = "third"},
                     d = {.name = "background", .flags = COOP_DAEMON};
    struct coop_scope scope;

    coop_scope_init(&scope, "stuck", 0);
    coop_go_with(NULL, &d, park, NULL);
    coop_go_with(&scope, &a, begin_with_a, NULL);
    coop_go_with(&scope, &b, begin_with_b, NULL);
    coop_yield();
    coop_go_with(&scope, &c, want_the_mutex, NULL);
    return coop_scope_wait(&scope);
}

/* Runs it in a child and returns what it says on stderr; the status of its end. */
static const char *said_by(const struct coop_options *o, int (*fn)(void *), int *ret_status)
{
    struct rlimit none = {0};
    static char text[16384];
    size_t len = 0;
    int fds[2];
    ssize_t n;
    pid_t pid;

    cr_assert(pipe2(fds, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
        setrlimit(RLIMIT_CORE, &none);
        dup2(fds[1], STDERR_FILENO);
        _exit(coop_main(o, fn, NULL) == 0 ? 0 : 1);
    }
    close(fds[1]);
    while ((n = read(fds[0], text + len, sizeof text - 1 - len)) > 0)
        len += (size_t)n;
    text[len] = '\0';
    close(fds[0]);
    cr_assert(waitpid(pid, ret_status, 0) == pid);
    return text;
}

Test(dump, the_report_of_a_deadlock_names_who_waits_for_whom, .timeout = 50)
{
    struct coop_options o = {.procs = 1, .name = "stuck"};
    const char *text;
    int status = 0;

    coop_wg_add(&arriving, 1);
    text = said_by(&o, deadlock, &status);
    cr_expect(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
    cr_expect(
        strncmp(text, "coop: all coroutines are asleep, and nothing can wake them\n", 59) == 0);
    cr_expect(strstr(text, "coroutine 1 'stuck' waits in scope on 0x"), "%s", text);
    cr_expect(strstr(text, "coroutine 3 'first' waits in once on 0x"));
    cr_expect(strstr(text, ", which is run by coroutine 4 'second'\na circle: 3 -> 4 -> 3\n"));
    cr_expect(!strstr(text, "a circle: 4"));
    cr_expect(strstr(text, "coroutine 2 background (daemon): waiting in null-channel"));
#ifdef COOP_DEBUG
    cr_expect(strstr(text, "coroutine 5 'third' waits in mutex on 0x"));
    cr_expect(strstr(text, ", held by coroutine 4 'second'\n"));
#endif
}

/* ---- what was left behind ---- */

static void ignore(__attribute__((unused)) struct coop_actor *a,
                   __attribute__((unused)) struct coop_msg *m)
{
}

static struct coop_actor left_actor, done_actor;
static struct coop_timer left_timer, stopped_timer;
static void *make(__attribute__((unused)) void *arg)
{
    return malloc(64);
}

static struct coop_pool pool = {.make = make};

static int wait_on_pipe(void *arg)
{
    int *fds = arg;
    char c;

    CHECK(coop_read(fds[0], &c, 1, in_ms(1)) == -ETIMEDOUT);
    CHECK(coop_read(fds[2], &c, 1, in_ms(1)) == -ETIMEDOUT);
    return 0;
}

static int leave_much(__attribute__((unused)) void *arg)
{
    static struct coop_chan *left[3]; /* reachable: for the address sanitizer it is no leak */
    static void *object;
    struct coop_scope waits;
    int fds[4];

    for (volatile int i = 0; i < 3; i++) /* one place: not a call for each */
        left[i] = coop_chan_new(8, 8);
    for (int i = 0; i < 1000; i++)
        coop_chan_unref(coop_chan_new(8, 8));
    coop_actor_init(&left_actor, "left", ignore, NULL);
    coop_actor_init(&done_actor, "done", ignore, NULL);
    coop_timer_init(&left_timer, &left_actor, 1);
    coop_timer_init(&stopped_timer, &left_actor, 1);
    coop_timer_set(&left_timer, coop_after(coop_now(), 3600 * COOP_NSEC_PER_SEC));
    coop_timer_set(&stopped_timer, coop_after(coop_now(), 3600 * COOP_NSEC_PER_SEC));
    coop_timer_stop(&stopped_timer);
    coop_actor_done(&done_actor);
    object = coop_pool_get(&pool);
    coop_pool_put(&pool, coop_pool_get(&pool));
    CHECK(pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0 &&
          pipe2(fds + 2, O_CLOEXEC | O_NONBLOCK) == 0);
    coop_scope_init(&waits, "waits", 0);
    CHECK(coop_go(&waits, wait_on_pipe, fds) == 0);
    CHECK(coop_scope_wait(&waits) == 0);
    coop_fd_close(fds[2]);
    return left[2] && object ? 0 : 1;
}

Test(dump, what_is_left_at_the_end_is_told_with_its_place, .timeout = 50)
{
    struct coop_options o = {.procs = 1, .leaks = true};
    const char *text;
    int status = 0;

    text = said_by(&o, leave_much, &status);
    cr_expect(status == 0);
    cr_expect(strncmp(text, "coop: left behind at the end of coop_main():\n", 45) == 0, "%s",
              text);
    cr_expect(strstr(text, "    3 channels (0x"));
    cr_expect(strstr(text, ", ...), from leave_much+0x"));
    cr_expect(strstr(text, "    1 actor (0x"));
    cr_expect(strstr(text, "    1 pending timer (0x"));
    cr_expect(strstr(text, "    1 object of a pool (0x"));
    cr_expect(strstr(text, "    1 watched descriptor ("));
    cr_expect(strstr(text, "), from wait_on_pipe+0x0 "));
    cr_expect(strstr(text, " in coroutine 1\n"));
    o.leaks = false;
    text = said_by(&o, leave_much, &status);
    cr_expect(status == 0 && text[0] == '\0');
}

static int leave_nothing(__attribute__((unused)) void *arg)
{
    struct coop_chan *signals = coop_chan_new(sizeof(int), 1);

    CHECK(coop_signal_notify(signals, SIGUSR1) == 0);
    coop_child_spawn_begin();
    coop_child_spawn_end();
    coop_signal_stop(signals);
    coop_chan_unref(signals);
    coop_chan_unref(coop_chan_new(8, 8));
    return coop_sleep_until(in_ms(1));
}

Test(dump, who_leaves_nothing_is_not_told_of, .timeout = 50)
{
    struct coop_options o = {.procs = 2, .leaks = true, .signals = COOP_SIGNAL(SIGUSR1)};
    const char *text;
    int status = 0;

    text = said_by(&o, leave_nothing, &status);
    cr_expect(status == 0);
    cr_expect_str_eq(text, "");
}

static int stay(__attribute__((unused)) void *arg)
{
    struct coop_shield shield;
    int r;

    coop_shield_begin(&shield, in_ms(20000));
    r = coop_sleep_until(in_ms(10000));
    coop_shield_end(&shield);
    return r;
}

static int go_when_told(__attribute__((unused)) void *arg)
{
    coop_sleep_until(COOP_FOREVER);
    return 0;
}

static int start_one_that_stays(bool fails)
{
    struct coop_attr stays = {.name = "stays", .flags = fails ? 0 : COOP_DAEMON};
    struct coop_attr goes = {.name = "goes", .flags = COOP_DAEMON};

    CHECK(coop_go_with(NULL, &goes, go_when_told, NULL) == 0);
    CHECK(coop_go_with(NULL, &stays, stay, NULL) == 0);
    settle();
    return fails ? 1 : 0;
}

static int leave_a_daemon(__attribute__((unused)) void *arg)
{
    return start_one_that_stays(false);
}

static int leave_a_member(__attribute__((unused)) void *arg)
{
    return start_one_that_stays(true);
}

/* In virtual time. */
Test(dump, who_stays_when_all_ends_is_told_of_with_what_it_waits_for, .timeout = 50)
{
    struct coop_options o = {.sim = true, .leaks = true};
    int (*const ways[])(void *) = {leave_a_daemon, leave_a_member};

    for (int i = 0; i < 2; i++) {
        const char *text, *headline = "coop: cancelled at the end of coop_main(), and still ";
        int status = 0;

        coop_sim_begin(1);
        text = said_by(&o, ways[i], &status);
        coop_sim_end();
        cr_expect(WEXITSTATUS(status) == i, "%d", status);
        cr_expect(strncmp(text, headline, strlen(headline)) == 0, "%s", text);
        cr_expect(strstr(text, " stays"), "%s", text);
        cr_expect(strstr(text, ": waiting in sleep for 5.000s, deadline in 5.000s, cancelled"),
                  "%s", text);
        cr_expect(strstr(text, "runs stay, made in start_one_that_stays+0x"), "%s", text);
        cr_expect(!strstr(text, " goes") || i == 1, "%s", text);
    }
}
