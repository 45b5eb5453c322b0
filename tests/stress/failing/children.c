/* Children: of the world, and of a program. */
#include "everything.h"

#include <signal.h>
#include <string.h>

static void note_orphan(const struct coop_exit *exit, void *arg)
{
    (void)exit;
    atomic_fetch_add((_Atomic int *)arg, 1);
}

/* Its pid, when it is announced; else nobody will tell us of its end: it is an orphan, if anything
 * reaps at all. */
static pid_t bear(struct coop_child *child, bool sleeps)
{
    int r = -ECHILD;
    pid_t pid;

    coop_child_spawn_begin();
    pid = sleeps ? world->sleeper() : world->child();
    if (pid > 0)
        r = (int)FINE(coop_child_watch(child, pid, NULL, 0), 0, 0);
    coop_child_spawn_end();
    if (r < 0 && pid > 0 && sleeps)
        world->end(pid);
    return r < 0 ? -1 : pid;
}

static void await_end(struct coop_child *child, pid_t pid, int status)
{
    if (FINE(coop_child_wait(child, in_patience()), ETIMEDOUT, 0) == 0) {
        HOLDS(coop_child_ended(child) && child->exit.pid == pid);
        HOLDS(child->exit.status == status);
        HOLDS(coop_child_pidfd(child) == -ESRCH);
    }
    coop_child_forget(child);
}

static void kill_it(struct coop_child *child, pid_t pid)
{
    if (FINE(coop_child_kill(child, SIGKILL), 0, 0) < 0)
        FINE(coop_child_kill(child, SIGKILL), 0, 0);
    await_end(child, pid, SIGKILL);
}

/* ---- stops and continuations ---- */

enum { STOPPED = DESK_LAST + 1 };

static struct {
    struct desk desk;
    struct coop_msg msg;
    struct coop_sem stops;
} watchman;

static void on_stop(struct coop_actor *actor, struct coop_msg *msg)
{
    (void)actor;
    if (msg->kind == DESK_LAST)
        desk_leave(&watchman.desk);
    else
        coop_sem_release(&watchman.stops, 1);
}

static void stop_it(struct coop_child *child)
{
    memset(&watchman, 0, sizeof watchman);
    desk_open(&watchman.desk, "watchman", on_stop);
    coop_msg_init(&watchman.msg, STOPPED);
    HOLDS(coop_child_on_stop(child, &watchman.desk.actor, &watchman.msg) == 0);
    if (FINE(coop_child_kill(child, SIGSTOP), 0, 0) == 0 &&
        FINE(coop_sem_acquire(&watchman.stops, 1, in_patience()), ETIMEDOUT, 0) == 0)
        HOLDS(coop_child_stopped(child) == SIGSTOP);
    HOLDS(coop_child_on_stop(child, NULL, NULL) == 0);
    desk_close(&watchman.desk);
}

/* ---- a program ---- */

static void start_program(void)
{
    static char sh[] = "/bin/sh", option[] = "-c", script[] = "exit 7";
    char *words[] = {sh, option, script, NULL};
    struct coop_spawn what = {.argv = words, .flags = COOP_SPAWN_GROUP};
    struct coop_child child = {0};

    if (FINE(coop_child_spawn(&child, &what, NULL, 0), 0, 0) == 0)
        await_end(&child, child.pid, CHILD_STATUS);
}

void have_children(void)
{
    static _Atomic int orphans;
    struct coop_child_stats stats;
    struct coop_child child = {0};
    pid_t pid;

    coop_child_on_orphan(note_orphan, &orphans);
    if ((pid = bear(&child, false)) > 0)
        await_end(&child, pid, CHILD_STATUS);
    if ((pid = bear(&child, true)) > 0) {
        FINE(coop_child_pidfd(&child), EMFILE, 0);
        if (world->shares)
            stop_it(&child);
        kill_it(&child, pid);
    }
    if (world->shares)
        start_program();
    coop_child_stats(&stats);
    HOLDS(stats.pidfds == 0);
    coop_child_on_orphan(NULL, NULL);
}
