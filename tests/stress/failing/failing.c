/*
 * failing.c - everything that can be refused is refused, one thing at a time
 *
 *   failing real|sim [KIND [N]]   the n-th thing of this kind, or of each, for every n
 *
 * KIND is the name of an error for system calls (EIO), or memory, mapping, thread.
 *
 * After each run there are as many descriptors, threads, children, allocations and mappings as
 * before.  A run that hangs, crashes, or gives an answer that is in no header ends the program.
 */
#include "everything.h"
#include "worlds.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coop/sim.h"
#include "sim/failing.h"
#include "support/failing_memory.h"

enum { HANG_SECONDS = 20 };

enum what { NOTHING, ANY_CALL, ONE_CALL, LIBC };

static const struct way {
    const char *name;
    enum what what;
    int which; /* a row of sim/failing.h, or a kind of failing_memory.h */
    int error;
} ways[] = {
    {"none", NOTHING, FAIL_ANY, 0},
    {"EIO", ANY_CALL, FAIL_ANY, EIO},
    {"ENOMEM", ANY_CALL, FAIL_ANY, ENOMEM},
    {"EMFILE", ANY_CALL, FAIL_ANY, EMFILE},
    {"EAGAIN", ANY_CALL, FAIL_ANY, EAGAIN},
    {"EINTR", ANY_CALL, FAIL_ANY, EINTR},
    /* Where a signal may really come between: as if nothing had been. */
    {"read", ONE_CALL, FAIL_read, EINTR},
    {"write", ONE_CALL, FAIL_write, EINTR},
    {"readv", ONE_CALL, FAIL_readv, EINTR},
    {"writev", ONE_CALL, FAIL_writev, EINTR},
    {"accept4", ONE_CALL, FAIL_accept4, EINTR},
    {"sendmsg", ONE_CALL, FAIL_sendmsg, EINTR},
    {"recvmsg", ONE_CALL, FAIL_recvmsg, EINTR},
    {"epoll_pwait2", ONE_CALL, FAIL_epoll_pwait2, EINTR},
    {"waitid", ONE_CALL, FAIL_waitid, EINTR},
    {"wait4", ONE_CALL, FAIL_wait4, EINTR},
    {"memory", LIBC, FAILS_ALLOCATION, ENOMEM},
    {"mapping", LIBC, FAILS_MAPPING, ENOMEM},
    {"thread", LIBC, FAILS_THREAD, EAGAIN},
};

const struct world *world;
int planted;
static const char *world_name, *way_name = "";
static unsigned nth;
static int procs = 2;

/* ---- what the scene uses ---- */

static void say_where(void)
{
    fprintf(stderr, "with %s, number %u (%s) failing: failing %s %s %u\n", way_name, nth,
            coop_sim_failed(), world_name, way_name, nth);
}

_Noreturn void does_not_hold(const char *file, int line, const char *what)
{
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    if (coop_inside())
        coop_dump(STDERR_FILENO);
    say_where();
    _Exit(1);
}

long fine(long r, int one, int two, const char *file, int line, const char *what)
{
    /* What the header has for bad luck must not come when nothing has failed. */
    bool smooth = planted == 0 && world == &fake_world;

    if (r >= 0 || (r == -EPERM && one == EPERM))
        return r;
    if (!smooth && (r == -planted || r == -ENOMEM || r == -one || r == -two))
        return r;
    fprintf(stderr, "%s:%d: %s: an answer of %ld (%s)\n", file, line, what, r,
            coop_strerror((int)r));
    say_where();
    _Exit(1);
}

static void on_end(int signo)
{
    static const char hang[] = "it hangs\n", aborted[] = "it aborts\n";

    if (write(STDERR_FILENO, signo == SIGALRM ? hang : aborted,
              signo == SIGALRM ? sizeof hang - 1 : sizeof aborted - 1) > 0)
        say_where(); /* not for handlers, but this is the end */
    _Exit(1);
}

int everything(void *arg)
{
    (void)arg;
    talk();
    lock();
    nest();
    block();
    look();
    explain();
    act();
    read_and_write();
    use_sockets();
    use_files();
    have_children();
    be_signalled();
    share();
    return 0;
}

/* ---- what is there ---- */

struct census {
    long descriptors, threads, allocations, mappings;
};

static long entries(const char *path)
{
    DIR *dir = opendir(path);
    long count = 0;

    while (dir && readdir(dir))
        count++;
    if (dir)
        closedir(dir);
    return count;
}

static struct census count_all(void)
{
    return (struct census){
        .descriptors = entries("/proc/self/fd"),
        .threads = entries("/proc/self/task"),
        .allocations = failing_memory_allocations(),
        .mappings = failing_memory_mappings(),
    };
}

static void compare(const struct census *before)
{
    struct census after = count_all();

    /* A thread that was joined may be seen for a moment longer: of this run, or before it. */
    for (int i = 0; after.threads > before->threads && i < 100000; i++)
        after = count_all();
    if (after.threads < before->threads)
        after.threads = before->threads;
    if (memcmp(&after, before, sizeof after) == 0)
        return;
    fprintf(stderr,
            "left behind: %ld descriptors, %ld threads, %ld allocations, %ld mappings\n",
            after.descriptors - before->descriptors, after.threads - before->threads,
            after.allocations - before->allocations, after.mappings - before->mappings);
    say_where();
    _Exit(1);
}

/* A child that could not be announced, because that call failed, is the scene's own. */
static int reap_left_over(void)
{
    int count = 0;

    while (waitpid(-1, NULL, 0) > 0)
        count++;
    return count;
}

/* ---- one run ---- */

static void arm(const struct way *way)
{
    planted = way->what == ONE_CALL ? 0 : way->error;
    if (way->what == LIBC)
        failing_memory_arm_kind((enum failing_kind)way->which, nth);
    else
        failing_kernel_arm((enum failing_call)way->which, way->error ? nth : 0, way->error);
}

/* True when there was an n-th thing to fail. */
static bool run_once(const struct way *way, bool compared)
{
    bool sim = world == &fake_world, failed;
    struct coop_options options = {.name = "everything",
                                   .procs = procs,
                                   .sim = sim,
                                   .seed = 7,
                                   .signals = COOP_SIGNAL(SIGUSR1) | COOP_SIGNAL(SIGUSR2)};
    struct census before = count_all();
    int r, left;

    alarm(HANG_SECONDS);
    if (sim) {
        coop_sim_begin(7);
        failing_memory_spare_kernel();
    }
    arm(way);
    r = coop_main(&options, everything, NULL);
    failed = failing_memory_disarm();
    failed = coop_sim_fail_end() || failed;
    fine(r, 0, 0, __FILE__, __LINE__, "coop_main");
    HOLDS(coop_sim_fds_open() == 0);
    if (sim)
        coop_sim_end();
    if (compared)
        compare(&before);
    left = reap_left_over();
    if (!planted)
        HOLDS(r == 0 && left == 0);
    return failed;
}

static void run_all(const struct way *way)
{
    way_name = way->name;
    /* With two processors the n-th is not always the same one, and some would never be met. */
    for (procs = way->what == LIBC ? 1 : 2; procs <= 2; procs++) {
        nth = 1;
        while (run_once(way, true))
            nth++;
        printf("%s, %d processors: %u runs\n", way->name, procs, nth);
    }
    procs = 2;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_end};

    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    world_name = argc > 1 ? argv[1] : "real";
    world = strcmp(world_name, "sim") == 0 ? &fake_world : &real_world;
    if (!mkdtemp(real_place))
        return 2;
    signal(SIGPIPE, SIG_IGN);
    run_once(&ways[0], false); /* what is made once and stays */
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        if (argc > 2 && strcmp(ways[i].name, argv[2]) != 0)
            continue;
        if (argc <= 3) {
            run_all(&ways[i]);
            continue;
        }
        way_name = argv[2];
        nth = (unsigned)atoi(argv[3]);
        run_once(&ways[i], true);
    }
    rmdir(real_place);
    return 0;
}
