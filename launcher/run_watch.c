/*
 * run_watch.c - the loop in which a command is watched, and how it is ended (see run.h)
 *
 * It waits for signals, for the command's output and for the next moment at which a bound may be
 * used up, and for nothing else, so that neither a stopped command nor a reader that does not read
 * can keep it from ending what has to end.
 */
#include "launcher/run.h"

#include "launcher/plan.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

/* A reader's time to take the last output of an ended run. */
#define FLUSH_MOST COOP_NSEC_PER_SEC

/* ---- ending ---- */

/* Everything below us, but not us, nor the keeper of our cgroup: without a PID namespace there is
 * no PID 1 whose end is all's.  False: nothing was there. */
static bool kill_one_by_one(struct run *run)
{
    struct tree_usage tree = {.root = getpid()};
    bool found = false;

    (void)launch_tree_kill(run->child.pid); /* the reaper does the same from nearer by */
    if (tree_usage_look(&tree) == 0)
        for (size_t i = 0; i < tree.count; i++) {
            pid_t pid = tree.members[i].pid;

            if (pid == tree.root || pid == run->keeper)
                continue;
            found = true;
            if (pid != run->child.pid)
                kill(pid, SIGKILL);
        }
    tree_usage_done(&tree);
    return found;
}

#define KILL_AGAIN (20 * COOP_NSEC_PER_MSEC) /* what was forked while we looked */

static void kill_tree(struct run *run)
{
    if (!run->killed && run->options->receipt)
        bounds_account(
            &run->bounds); /* who is killed is not waited for, and shows nowhere else */
    run->killed = true;
    run->kill_at = COOP_FOREVER;
    if (run_has_own_pids(run->plan)) {
        kill(run->child.pid, SIGKILL);
        return;
    }
    (void)kill_one_by_one(run);
    run->kill_at = run_now() + KILL_AGAIN;
}

void run_let_end(struct run *run)
{
    coop_nsec grace = launch_plan_bounds(run->plan)->stop_grace;

    if (run->kill_at == COOP_FOREVER && grace != LAUNCH_UNBOUND)
        run->kill_at = run_now() + grace;
}

static void end(struct run *run, enum launch_result why)
{
    coop_nsec grace = launch_plan_bounds(run->plan)->stop_grace;

    if (run->broken != LAUNCH_RESULT_EXIT)
        return;
    run->broken = why;
    run->bounds.deadline = run->bounds.next = COOP_FOREVER;
    if (grace == 0 || grace == LAUNCH_UNBOUND) {
        kill_tree(run);
        return;
    }
    kill(run->child.pid, SIGTERM);
    kill(run->child.pid, SIGCONT); /* a stopped program cannot end by itself */
    run_let_end(run);
}

/* ---- watching ---- */

#define FIXED_FDS 4 /* signals, --life-fd, the reaper's notes, FrozenPaths= */
#define MOST_FDS  (FIXED_FDS + RUN_OUTPUT_STREAMS + RUN_TERMINAL_FDS)
/* Nothing tells a process that it is in the foreground of its terminal again. */
#define LOOK_AGAIN (200 * COOP_NSEC_PER_MSEC)

static coop_nsec next_moment(const struct run *run)
{
    coop_nsec next = bounds_next(&run->bounds);

    next = run->kill_at < next ? run->kill_at : next;
    if (run->has_terminal && run_terminal_waits(&run->terminal) &&
        run_now() + LOOK_AGAIN < next)
        next = run_now() + LOOK_AGAIN;
    return next;
}

static void enforce(struct run *run)
{
    coop_nsec time = run_now();
    enum launch_result used_up = bounds_look(&run->bounds, time);

    if (run->has_output && run->output.over)
        used_up = LAUNCH_RESULT_OUTPUT;
    if (used_up != LAUNCH_RESULT_EXIT)
        end(run, used_up);
    if (time >= run->kill_at)
        kill_tree(run);
}

/* Without a grace: nobody is there to care any more; or a name is there as long as its maker. */
static void kill_for_others(struct run *run, struct pollfd *life, const struct pollfd *frozen)
{
    if (life->revents && !run->ended) {
        life->fd = -1;
        kill_tree(run);
    }
    if (frozen->revents && !run->ended && run_frozen_touched(&run->options->frozen))
        kill_tree(run);
}

/* All that may wake us. */
struct watched {
    struct pollfd fds[MOST_FDS];
    unsigned output, terminal; /* how many of each, behind the fixed ones */
};

static void look_at(struct run *run, int life, struct watched *ret_watched)
{
    struct watched *w = ret_watched;

    *w = (struct watched){.fds = {{.fd = run->signals, .events = POLLIN},
                                  {.fd = life},
                                  {.fd = run->note[0], .events = POLLIN},
                                  {.fd = run->options->frozen.news, .events = POLLIN}}};
    if (run->has_output)
        w->output = run_output_poll(&run->output, w->fds + FIXED_FDS);
    if (run->has_terminal)
        w->terminal = run_terminal_poll(&run->terminal, w->fds + FIXED_FDS + w->output);
}

static void take_news(struct run *run, const struct watched *w)
{
    if (w->fds[0].revents)
        run_take_signals(run);
    if (w->output > 0)
        run_output_ready(&run->output, w->fds + FIXED_FDS, w->output);
    if (w->terminal > 0)
        run_terminal_ready(&run->terminal, w->fds + FIXED_FDS + w->output, w->terminal);
    if (w->fds[2].revents)
        run_take_notes(run);
}

void run_watch(struct run *run)
{
    int life = run->options->life_fd;

    while (!run->ended) {
        struct watched w;
        bool news;

        look_at(run, life, &w);
        news = run_wait_for(w.fds, FIXED_FDS + w.output + w.terminal, next_moment(run)) > 0;
        if (news) {
            take_news(run, &w);
            kill_for_others(run, &w.fds[1], &w.fds[3]);
            life = w.fds[1].fd;
        } else if (run->has_terminal && run_terminal_waits(&run->terminal)) {
            run_terminal_enter(&run->terminal);
        }
        if (!run->ended)
            enforce(run);
    }
}

/* Until no child is left; the keeper is one, and then its group is emptied after us, whole. */
void run_end_rest(struct run *run)
{
    if (run_has_own_pids(run->plan) || !run_has_tree_bounds(launch_plan_bounds(run->plan)))
        return;
    while (run_reap(run)) {
        struct pollfd fds = {.fd = run->signals, .events = POLLIN};

        if (!kill_one_by_one(run) && run->keeper > 0)
            return;
        (void)run_wait_for(&fds, 1, run_now() + KILL_AGAIN);
        run_take_signals(run);
    }
}

/* The last output goes to whoever reads it, for as long as it takes; but who has used up a bound
 * has no claim on our waiting, and whoever tells us to end, or is gone, does not want to wait. */
void run_flush_output(struct run *run)
{
    coop_nsec deadline =
        run->broken == LAUNCH_RESULT_EXIT ? COOP_FOREVER : run_now() + FLUSH_MOST;
    struct signalfd_siginfo info;

    for (;;) {
        struct pollfd fds[FIXED_FDS + RUN_OUTPUT_STREAMS] = {
            {.fd = run->signals, .events = POLLIN},
            {.fd = run->options->life_fd},
            {.fd = -1},
            {.fd = -1}};
        unsigned count;

        run_output_finish(&run->output);
        if (!run_output_holds(&run->output))
            break;
        count = run_output_poll(&run->output, fds + FIXED_FDS);
        if (run_wait_for(fds, FIXED_FDS + count, deadline) == 0 || fds[1].revents)
            break;
        if (fds[0].revents && read(run->signals, &info, sizeof info) == (ssize_t)sizeof info &&
            run_asks_to_end((int)info.ssi_signo))
            break;
        run_output_ready(&run->output, fds + FIXED_FDS, count);
    }
    if (run->output.over && run->broken == LAUNCH_RESULT_EXIT)
        run->broken = LAUNCH_RESULT_OUTPUT;
}

void run_flush_terminal(struct run *run)
{
    coop_nsec deadline =
        run->broken == LAUNCH_RESULT_EXIT ? COOP_FOREVER : run_now() + FLUSH_MOST;
    struct signalfd_siginfo info;

    while (run_terminal_finish(&run->terminal)) {
        struct pollfd fds[2 + RUN_TERMINAL_FDS] = {{.fd = run->signals, .events = POLLIN},
                                                   {.fd = run->options->life_fd}};
        unsigned count = run_terminal_poll(&run->terminal, fds + 2);

        fds[3].fd = -1; /* only out of what is held */
        if (run_wait_for(fds, 2 + count, deadline) == 0 || fds[1].revents)
            break;
        if (fds[0].revents && read(run->signals, &info, sizeof info) == (ssize_t)sizeof info &&
            run_asks_to_end((int)info.ssi_signo))
            break;
        run_terminal_ready(&run->terminal, fds + 2, count);
    }
    run_terminal_leave(&run->terminal);
}
