/* An epoll for each processor: where descriptors are, and that each is looked into. */
#include "rt_test.h"

#include "base/sys.h"
#include "rt/poller.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what the kernel says ---- */

static bool has_line_for(const char *epoll, int fd)
{
    char path[300], line[200];
    int tfd = -1;
    bool has = false;
    FILE *info;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%s", epoll);
    info = fopen(path, "re");
    while (info && fgets(line, sizeof line, info))
        has = has || (sscanf(line, "tfd: %d", &tfd) == 1 && tfd == fd);
    if (info)
        fclose(info);
    return has;
}

/* The number of epolls, of those that 'fd' is in, and the last of these. */
static int count_epolls(int fd, int *ret_having, int *ret_last)
{
    DIR *all = opendir("/proc/self/fd");
    struct dirent *entry;
    int count = 0;

    *ret_having = 0;
    *ret_last = -1;
    while (all && (entry = readdir(all))) {
        char path[300], to[100] = "";

        snprintf(path, sizeof path, "/proc/self/fd/%s", entry->d_name);
        if (readlink(path, to, sizeof to - 1) < 0 || strcmp(to, "anon_inode:[eventpoll]") != 0)
            continue;
        count++;
        if (has_line_for(entry->d_name, fd)) {
            ++*ret_having;
            *ret_last = atoi(entry->d_name);
        }
    }
    if (all)
        closedir(all);
    return count;
}

/* Those of the program that runs the tests count, too. */
static int epolls(void)
{
    int having, last;

    return count_epolls(-1, &having, &last);
}

static int epoll_of(int fd)
{
    int having, last;

    count_epolls(fd, &having, &last);
    CHECK(having == 1);
    return last;
}

/* ---- two processors at work ---- */

static int here[2], there[2]; /* pipes, registered by the test and by the other processor */
static int there_now, stop, got;
static bool leaves;

static bool is_set(const int *flag)
{
    return __atomic_load_n(flag, __ATOMIC_ACQUIRE);
}

static void set(int *flag)
{
    __atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

static void compute_until(const int *flag)
{
    coop_nsec end = soon();

    while (!is_set(flag))
        CHECK(coop_now() < end);
}

static void register_it(int fd)
{
    CHECK(coop_fd_wait(fd, COOP_IN, COOP_NOW) == -EAGAIN);
}

/* Runs while the test computes: on the other processor. */
static int be_there(__attribute__((unused)) void *arg)
{
    register_it(there[0]);
    set(&there_now);
    if (!leaves)
        compute_until(&stop);
    return 0;
}

static void begin(struct coop_scope *scope)
{
    CHECK(pipe2(here, O_CLOEXEC | O_NONBLOCK) == 0 &&
          pipe2(there, O_CLOEXEC | O_NONBLOCK) == 0);
    register_it(here[0]);
    coop_scope_init(scope, "there", 0);
    CHECK(coop_go(scope, be_there, NULL) == 0);
    compute_until(&there_now);
}

/* NULL: has been waited for. */
static void end(struct coop_scope *scope)
{
    set(&stop);
    CHECK(!scope || coop_scope_wait(scope) == 0);
    for (int i = 0; i < 2; i++) {
        coop_fd_close(here[i]);
        coop_fd_close(there[i]);
    }
}

static int read_there(__attribute__((unused)) void *arg)
{
    char c;

    while (coop_read(there[0], &c, 1, soon()) == 1 && c != '.')
        __atomic_fetch_add(&got, 1, __ATOMIC_RELEASE);
    return 0;
}

static uint32_t turn_there(void)
{
    return coop__desc_turn(coop__desc_at(there[0]), DIR_IN);
}

static void await_turn_after(uint32_t turn)
{
    coop_nsec end = in_ms(5000);

    while (turn_there() == turn)
        CHECK(coop_now() < end && "nobody has looked");
}

/* ---- the tests ---- */

CORO_TEST(epolls, each_processor_that_registers_has_its_own)
{
    struct coop_scope scope;

    int before = epolls();

    begin(&scope);
    CHECK(epolls() == before + 1 && epoll_of(here[0]) != epoll_of(there[0]));
    end(&scope);
    return 0;
}

static int register_there(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;
    int before = epolls();

    begin(&scope);
    CHECK(epolls() == before + 1);
    end(&scope);
    there_now = stop = 0;
    return 0;
}

Test(epolls, they_end_with_the_runtime, .timeout = 50)
{
    struct coop_options options = {.procs = 2};
    int before = epolls();

    for (int i = 0; i < 3; i++) {
        cr_assert_eq(coop_main(&options, register_there, NULL), 0);
        cr_assert_eq(epolls(), before);
    }
}

/* Less than the monitor's 10 ms, which are some hundred thousand picks. */
enum { ROUNDS = 20, PICKS = 4 * POLL_EVERY };

CORO_TEST(epolls, a_busy_processor_looks_for_one_that_computes_on)
{
    struct coop_scope scope, readers;
    int soon_enough = 0;

    begin(&scope);
    coop_scope_init(&readers, "reader", 0);
    CHECK(coop_go(&readers, read_there, NULL) == 0);
    settle();
    for (int i = 0; i < ROUNDS; i++) {
        int before = __atomic_load_n(&got, __ATOMIC_ACQUIRE), picks = 0;

        CHECK(write(there[1], "x", 1) == 1);
        for (; __atomic_load_n(&got, __ATOMIC_ACQUIRE) == before; picks++)
            coop_yield();
        soon_enough += picks <= PICKS;
    }
    CHECK(soon_enough > ROUNDS / 2);
    CHECK(write(there[1], ".", 1) == 1 && coop_scope_wait(&readers) == 0);
    end(&scope);
    return 0;
}

CORO_TEST(epolls, the_monitor_looks_while_all_compute)
{
    struct coop_scope scope;
    uint32_t turn;

    begin(&scope);
    for (int i = 0; i < 3; i++) {
        turn = turn_there();
        CHECK(write(there[1], "x", 1) == 1);
        await_turn_after(turn);
    }
    end(&scope);
    return 0;
}

static void talk(void)
{
    struct coop_scope readers;

    got = 0;
    coop_scope_init(&readers, "reader", 0);
    CHECK(coop_go(&readers, read_there, NULL) == 0);
    for (int i = 0; i < 40; i++) {
        CHECK(coop_sleep_until(coop_after(coop_now(), 100 * COOP_NSEC_PER_USEC)) == 0);
        CHECK(write(there[1], "x", 1) == 1);
    }
    CHECK(write(there[1], ".", 1) == 1 && coop_scope_wait(&readers) == 0 && got == 40);
}

CORO_TEST(epolls, one_that_is_out_of_use_is_heard_and_may_come_back)
{
    struct coop_scope scope;

    leaves = true;
    begin(&scope);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(coop_set_procs(1) == 2);
    talk();
    CHECK(coop_set_procs(3) == 1);
    talk();
    end(NULL);
    return 0;
}

/* Registers, and then tells something from within a bracket while the sleeper sleeps. */
static int tell_from_a_call(void *arg)
{
    coop_nsec end = soon();
    uint32_t turn;

    register_it(there[0]);
    coop_block_begin();
    set(&there_now);
    while (atomic_load(&coop__rt.procs_count) != *(int *)arg)
        CHECK(coop_now() < end);
    /* More than once: who is about to sleep may just have looked. */
    for (int i = 0; i < ROUNDS; i++) {
        while (atomic_load(&coop__rt.poll_until) != COOP_FOREVER)
            CHECK(coop_now() < end);
        turn = turn_there();
        CHECK(write(there[1], "x", 1) == 1);
        await_turn_after(turn);
    }
    coop_block_end();
    return 0;
}

static void hear_it(int procs)
{
    struct coop_scope scope;

    CHECK(coop__worker()->proc->id == 0);
    CHECK(pipe2(there, O_CLOEXEC | O_NONBLOCK) == 0);
    coop_scope_init(&scope, "there", 0);
    CHECK(coop_go(&scope, tell_from_a_call, &procs) == 0);
    compute_until(&there_now);
    CHECK(coop_set_procs(procs) == 2);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_fd_close(there[0]);
    coop_fd_close(there[1]);
}

CORO_TEST(epolls, the_sleeper_hears_one_whose_worker_is_in_a_call)
{
    hear_it(2);
    return 0;
}

CORO_TEST(epolls, the_sleeper_hears_one_that_goes_out_of_use)
{
    hear_it(1);
    return 0;
}

static int register_while_the_other_sleeps(__attribute__((unused)) void *arg)
{
    coop_nsec end = soon();
    uint32_t turn;

    set(&there_now);
    while (!atomic_load(&coop__rt.poll_until))
        CHECK(coop_now() < end);
    register_it(there[0]);
    turn = turn_there();
    CHECK(write(there[1], "x", 1) == 1);
    await_turn_after(turn);
    return 0;
}

/* Its first one, while the sleeper sleeps on the others. */
CORO_TEST(epolls, a_new_one_is_heard_by_who_sleeps_already)
{
    struct coop_scope scope;

    CHECK(pipe2(there, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(coop__worker()->proc->id ==
          0); /* the other one is not the first, which is always there */
    coop_scope_init(&scope, "there", 0);
    CHECK(coop_go(&scope, register_while_the_other_sleeps, NULL) == 0);
    compute_until(&there_now);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_fd_close(there[0]);
    coop_fd_close(there[1]);
    return 0;
}

CORO_TEST(epolls, a_descriptor_follows_its_coroutine_that_stays_away)
{
    struct coop_scope scope;
    int home;

    begin(&scope);
    home = epoll_of(here[0]);
    CHECK(epoll_of(there[0]) != home);
    talk();
    CHECK(epoll_of(there[0]) == home);
    CHECK(coop_fd_close(there[0]) == 0);
    end(&scope);
    return 0;
}

static void notice(__attribute__((unused)) struct coop_actor *actor, struct coop_msg *msg)
{
    CHECK(msg->kind == 7);
}

/* What has been told of an edge is not told of it again by an epoll that has just been joined. */
CORO_TEST(epolls, a_descriptor_with_a_watch_stays)
{
    struct coop_fdwatch watch = {0};
    struct coop_actor actor;
    struct coop_scope scope;
    int home;

    begin(&scope);
    home = epoll_of(there[0]);
    coop_actor_init(&actor, "watcher", notice, NULL);
    CHECK(coop_fdwatch_start(&watch, there[0], COOP_IN, &actor, 7) == 0);
    talk();
    CHECK(epoll_of(there[0]) == home);
    coop_fdwatch_stop(&watch);
    talk();
    CHECK(epoll_of(there[0]) == epoll_of(here[0]));
    coop_actor_done(&actor);
    end(&scope);
    return 0;
}

static int stand_there(__attribute__((unused)) void *arg)
{
    struct coop_case only = COOP_FD(there[0], COOP_OUT); /* a reading end: never */

    CHECK(coop_select(&only, 1, COOP_FOREVER) == -ECANCELED);
    return 0;
}

CORO_TEST(epolls, a_descriptor_at_which_a_select_stands_stays)
{
    struct coop_scope scope, standing;
    int home;

    begin(&scope);
    home = epoll_of(there[0]);
    coop_scope_init(&standing, "standing", 0);
    CHECK(coop_go(&standing, stand_there, NULL) == 0);
    settle();
    talk();
    CHECK(epoll_of(there[0]) == home);
    coop_scope_cancel(&standing, -ECANCELED);
    CHECK(coop_scope_wait(&standing) == -ECANCELED);
    talk();
    CHECK(epoll_of(there[0]) == epoll_of(here[0]));
    end(&scope);
    return 0;
}

static struct sys_ops refusing;
static int refuse, refused;

static int refuse_to_join(int ep, int op, int fd, struct epoll_event *event)
{
    if (op == EPOLL_CTL_ADD && fd == there[0] && is_set(&refuse)) {
        __atomic_fetch_add(&refused, 1, __ATOMIC_RELEASE);
        return -ENOSPC;
    }
    return sys_kernel.epoll_ctl(ep, op, fd, event);
}

static int talk_while_no_move_works(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;
    int home;

    begin(&scope);
    home = epoll_of(there[0]);
    set(&refuse);
    talk();
    CHECK(is_set(&refused) && epoll_of(there[0]) == home);
    __atomic_store_n(&refuse, 0, __ATOMIC_RELEASE);
    talk();
    CHECK(epoll_of(there[0]) == epoll_of(here[0]));
    end(&scope);
    return 0;
}

Test(epolls, a_descriptor_that_is_refused_stays_where_it_is_heard, .timeout = 50)
{
    struct coop_options options = {.procs = 2};

    refusing = sys_kernel;
    refusing.epoll_ctl = refuse_to_join;
    sys_install(&refusing);
    cr_assert_eq(coop_main(&options, talk_while_no_move_works, NULL), 0);
}

static rlim_t limit_files(rlim_t to)
{
    struct rlimit now, then;

    CHECK(getrlimit(RLIMIT_NOFILE, &now) == 0);
    then = (struct rlimit){to, now.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &then) == 0);
    return now.rlim_cur;
}

/* Both pipes are heard through the first one. */
static void share_the_first(rlim_t limit, bool full)
{
    struct coop_scope scope;
    int count = epolls(), more[200], filled = 0;
    rlim_t before;

    CHECK(pipe2(here, O_CLOEXEC | O_NONBLOCK) == 0 &&
          pipe2(there, O_CLOEXEC | O_NONBLOCK) == 0);
    register_it(here[0]);
    before = limit_files(limit);
    while (full && filled < 200 && (more[filled] = dup(here[0])) >= 0)
        filled++;
    CHECK(!full || (filled < 200 && errno == EMFILE));
    coop_scope_init(&scope, "there", 0);
    CHECK(coop_go(&scope, be_there, NULL) == 0);
    compute_until(&there_now);
    talk();
    limit_files(before);
    while (filled > 0)
        close(more[--filled]);
    CHECK(epolls() == count && epoll_of(there[0]) == epoll_of(here[0]));
    end(&scope);
}

CORO_TEST(epolls, where_none_can_be_had_the_first_takes_its_place)
{
    share_the_first(128, true);
    return 0;
}

CORO_TEST(epolls, where_few_may_be_open_there_is_one)
{
    share_the_first(63, false);
    return 0;
}

/* poll(2) takes no more descriptors than may be open. */
CORO_TEST(epolls, the_sleeper_hears_all_under_the_lowest_of_limits)
{
    struct coop_scope scope;
    struct coop_stats stats;
    uint64_t polls;
    rlim_t before;
    int count = epolls();

    leaves = true;
    begin(&scope);
    CHECK(coop_scope_wait(&scope) == 0 && epolls() == count + 1);
    before = limit_files(1);
    talk();
    coop_stats_get(&stats);
    polls = stats.polls;
    CHECK(coop_sleep_until(in_ms(50)) == 0);
    coop_stats_get(&stats);
    CHECK(stats.polls - polls < 20); /* it sleeps, and does not ask all the time */
    limit_files(before);
    end(NULL);
    return 0;
}

CORO_TEST(epolls, what_a_forked_child_closes_stays_with_its_parent)
{
    struct coop_scope scope;
    int status;
    pid_t pid;

    begin(&scope);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        coop_fd_close(there[0]);
        coop_fd_forget(here[0]);
        _exit(coop_fd_wait(there[1], COOP_IN, COOP_NOW) < 0 ? 0 : 1);
    }
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
    CHECK(epoll_of(there[0]) != epoll_of(here[0]));
    talk();
    end(&scope);
    return 0;
}

/* As a descriptor's number that was closed and has become the number of one of them. */
CORO_TEST(epolls, none_of_them_is_the_programs)
{
    struct coop_scope scope;

    begin(&scope);
    CHECK(coop_fd_wait(epoll_of(there[0]), COOP_IN, COOP_NOW) == -EBADF);
    CHECK(coop_fd_close(epoll_of(there[0])) == -EBADF);
    talk();
    end(&scope);
    return 0;
}

static int just_made, joined;

#define HELD (20 * COOP_NSEC_PER_MSEC) /* who does not wait for it to be made asks meanwhile */

/* The kernel has given its number, and nobody else knows yet whose that is. */
static int make_slowly(int flags)
{
    int fd = sys_kernel.epoll_create1(flags);
    coop_nsec end = in_ms(5000);

    if (!is_set(&there_now)) /* the first one, at the start */
        return fd;
    __atomic_store_n(&just_made, fd, __ATOMIC_RELEASE);
    while (!is_set(&joined) && sys_now() < end)
        ;
    for (end = sys_now() + HELD; sys_now() < end;)
        ;
    return fd;
}

static int note_join(int ep, int op, int fd, struct epoll_event *event)
{
    int r = sys_kernel.epoll_ctl(ep, op, fd, event);

    if (fd == __atomic_load_n(&just_made, __ATOMIC_ACQUIRE))
        set(&joined);
    return r;
}

static int make_one_there(__attribute__((unused)) void *arg)
{
    set(&there_now);
    register_it(there[0]);
    return 0;
}

static int wait_for_a_new_one(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    CHECK(pipe2(there, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(coop__worker()->proc->id == 0);
    coop_scope_init(&scope, "there", 0);
    CHECK(coop_go(&scope, make_one_there, NULL) == 0);
    compute_until(&just_made);
    CHECK(coop_fd_wait(just_made, COOP_IN, COOP_NOW) == -EBADF && is_set(&joined));
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(epoll_of(there[0]) == just_made);
    coop_fd_close(there[0]);
    coop_fd_close(there[1]);
    return 0;
}

Test(epolls, one_that_is_being_made_is_not_the_programs, .timeout = 50)
{
    struct coop_options options = {.procs = 2};

    refusing = sys_kernel;
    refusing.epoll_create1 = make_slowly;
    refusing.epoll_ctl = note_join;
    sys_install(&refusing);
    cr_assert_eq(coop_main(&options, wait_for_a_new_one, NULL), 0);
}
