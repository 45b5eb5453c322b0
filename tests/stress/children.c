/*
 * children - thousands that die under one SIGCHLD are all told, each with its own end
 *
 * The number of children is the argument (2 000).  No descriptor per child is needed, and
 * pidfds are given out as far as their budget goes.
 */
#include "stress/processes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

enum { STRANGERS = 20 };

struct crowd {
    struct coop_actor actor;
    struct coop_child *children;
    int count, ended, strangers;
};

static int gate[2];

/* How the child of this number ends. */
static int code_of(int number)
{
    return number % 3 == 0 ? CLD_KILLED : CLD_EXITED;
}

static int status_of(int number)
{
    if (number % 3 != 0)
        return number % 200;
    return number % 2 ? SIGKILL : SIGTERM;
}

/* Lives till the gate is opened; its end tells its number. */
static pid_t stand_by(int number)
{
    pid_t pid = child_begin();
    char c;

    if (pid != 0)
        return pid;
    close(gate[1]);
    if (read(gate[0], &c, 1) != 0)
        _exit(255);
    if (code_of(number) == CLD_KILLED)
        kill(getpid(), status_of(number));
    _exit(status_of(number));
}

static void on_end(struct coop_actor *actor, struct coop_msg *msg)
{
    struct crowd *crowd = actor->arg;
    struct coop_child *c = (struct coop_child *)msg;
    int number = (int)(c - crowd->children);

    HOLDS(c->exit.pid == c->pid && coop_child_ended(c));
    if (c->exit.code != code_of(number) || c->exit.status != status_of(number))
        fprintf(stderr, "child %d, pid %d, number %d: code %d, status %d\n", number, c->pid,
                crowd->ended, c->exit.code, c->exit.status);
    HOLDS(c->exit.code == code_of(number) && c->exit.status == status_of(number));
    HOLDS(coop_child_kill(c, SIGKILL) == -ESRCH && coop_child_pidfd(c) == -ESRCH);
    crowd->ended++;
}

static void on_orphan(const struct coop_exit *exit, void *arg)
{
    struct crowd *crowd = arg;

    HOLDS(exit->code == CLD_EXITED && exit->status == 1);
    crowd->strangers++;
}

static void begin_all(struct crowd *crowd)
{
    for (int i = 0; i < crowd->count; i++) {
        coop_child_spawn_begin();
        HOLDS(coop_child_watch(&crowd->children[i], stand_by(i), &crowd->actor, 1) == 0);
        coop_child_spawn_end();
    }
}

static void spend_the_budget(struct crowd *crowd)
{
    struct coop_child_stats stats;

    for (int i = 0; i < crowd->count; i++) {
        int fd = coop_child_pidfd(&crowd->children[i]);

        HOLDS(i < COOP_CHILD_PIDFDS ? fd >= 0 : fd == -EMFILE);
        HOLDS(fd < 0 || coop_child_pidfd(&crowd->children[i]) == fd);
    }
    coop_child_stats(&stats);
    HOLDS(stats.pidfds ==
          (size_t)(crowd->count < COOP_CHILD_PIDFDS ? crowd->count : COOP_CHILD_PIDFDS));
    HOLDS(coop_child_kill(&crowd->children[crowd->count - 1], 0) == 0); /* also without */
}

/* The only processor is ours: nobody looks before all of them are dead. */
static void all_die_under_one_signal(struct crowd *crowd)
{
    pid_t strangers[STRANGERS];
    siginfo_t info;

    for (int i = 0; i < STRANGERS; i++)
        strangers[i] = stand_by(1);
    HOLDS(close(gate[0]) == 0 && close(gate[1]) == 0);
    for (int i = 0; i < crowd->count; i++)
        HOLDS(waitid(P_PID, (id_t)crowd->children[i].pid, &info, WEXITED | WNOWAIT) == 0);
    for (int i = 0; i < STRANGERS; i++)
        HOLDS(waitid(P_PID, (id_t)strangers[i], &info, WEXITED | WNOWAIT) == 0);
    HOLDS(crowd->ended == 0);
}

static int root(void *arg)
{
    struct crowd *crowd = arg;
    struct coop_child_stats before, after;
    coop_nsec limit;
    int open_before = fds_open();

    coop_actor_init(&crowd->actor, "crowd", on_end, crowd);
    coop_child_on_orphan(on_orphan, crowd);
    HOLDS(pipe2(gate, O_CLOEXEC) == 0);
    begin_all(crowd);
    spend_the_budget(crowd);
    coop_child_stats(&before);
    HOLDS(before.reaped == 0 && before.alive == (size_t)crowd->count);
    all_die_under_one_signal(crowd);
    for (limit = in_seconds(60); crowd->ended < crowd->count; coop_yield())
        HOLDS(coop_now() < limit);
    coop_child_stats(&after);
    HOLDS(after.reaped == (uint64_t)crowd->count && after.alive == 0 && after.pidfds == 0);
    HOLDS(after.orphans == STRANGERS && crowd->strangers == STRANGERS);
    HOLDS(after.sweeps ==
          1); /* one look was enough, and it was not one call per death over all */
    HOLDS(waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED | WNOHANG) < 0 && errno == ECHILD);
    HOLDS(fds_open() <= open_before + 1); /* the signalfd */
    return 0;
}

/* A login's 1 024 descriptors are less than the budget of pidfds. */
static void take_descriptors(void)
{
    struct rlimit limit = {0, 0};

    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_max >= COOP_CHILD_PIDFDS + 100) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
        return;
    }
    printf("SKIP: needs %d descriptors\n", COOP_CHILD_PIDFDS + 100);
    exit(77);
}

int main(int argc, char **argv)
{
    struct coop_options options = {.procs = 1};
    struct crowd crowd = {.count = argc > 1 ? atoi(argv[1]) : 2000};
    int r = 1;

    take_descriptors();
    crowd.children = calloc((size_t)crowd.count, sizeof *crowd.children);
    if (crowd.children)
        r = coop_main(&options, root, &crowd);
    free(crowd.children);
    return r;
}
