/*
 * child.c - the ends of child processes, none lost, none confused
 *
 * THE FACTS
 *   SIGCHLD coalesces: two thousand deaths can be one signal.  So it only means "look".
 *   waitid(P_ALL) walks all living children (400 us at 10 000): looking once per death is
 *   quadratic. A pid cannot be reused before we have reaped it: as long as the table has it, it
 *   is ours.
 *
 * HOW IT LOOKS, on SIGCHLD
 *   1. the child the signal names, by its pid: the common case, one cheap call
 *   2. whoever else is dead, by P_ALL without reaping (WNOWAIT), DRAIN times at most
 *   3. still more: one pass over the table, by pid (0.8 us each), then P_ALL again for orphans
 *
 * A dead child that P_ALL shows is looked up first.  Known: reaped by wait4, its note filled,
 * delivered. Unknown while somebody is inside a spawn bracket: left alone, because it may be
 * the one that is just being announced; the end of the bracket looks again.  Unknown otherwise:
 * an orphan, reaped and counted.
 *
 * STOPS are looked for only in children for which somebody asked, one call each: they come as
 * SIGCHLD, too, and coalesce with the deaths.
 *
 * LOCKS
 *   One, for the table.  Reaping happens under it, so that coop_child_kill(), which takes it
 *   too, never signals a pid that has been given back.
 */
#include "coop/child.h"

#include "base/sys.h"
#include "coop/io.h"
#include "rt/park.h"
#include "rt/reaper.h"
#include "rt/sched.h"
#include "rt/waitable.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { DRAIN = 16, BUCKETS = 4096 };
enum { CHILD_NONE, CHILD_ALIVE, CHILD_ENDED };

static struct {
    uint32_t lock;
    struct coop_child *buckets[BUCKETS];
    int spawning;    /* open brackets                        */
    bool left_alone; /* an unknown one was seen meanwhile    */
    void (*on_orphan)(const struct coop_exit *, void *);
    void *on_orphan_arg;
    struct coop_child *stoppable; /* those whose stops somebody wants to know */
    struct coop_child_stats stats;
} children;

/* ---- the table, under the lock ---- */

static struct coop_child **bucket(pid_t pid)
{
    return &children.buckets[(unsigned)pid % BUCKETS];
}

static struct coop_child *lookup(pid_t pid)
{
    struct coop_child *c = *bucket(pid);

    while (c && c->pid != pid)
        c = c->next;
    return c;
}

static void insert(struct coop_child *c)
{
    struct coop_child **head = bucket(c->pid);

    c->prev = NULL;
    c->next = *head;
    if (c->next)
        c->next->prev = c;
    *head = c;
    children.stats.alive++;
    atomic_fetch_add(&coop__rt.outside, 1);
}

static void take_out(struct coop_child *c)
{
    if (c->prev)
        c->prev->next = c->next;
    else
        *bucket(c->pid) = c->next;
    if (c->next)
        c->next->prev = c->prev;
    c->next = c->prev = NULL;
    children.stats.alive--;
    atomic_fetch_sub(&coop__rt.outside, 1);
}

/* ---- reaping, under the lock ---- */

/* What there is to say of whom, now; si_pid 0: nothing. */
static int look_at(idtype_t type, pid_t id, int what, siginfo_t *ret_info)
{
    int r;

    do {
        memset(ret_info, 0, sizeof *ret_info);
        r = sys_waitid(type, (id_t)id, ret_info, what | WNOHANG);
    } while (r == -EINTR);
    return r;
}

static void fill_exit(struct coop_exit *exit, pid_t pid, int status)
{
    exit->pid = pid;
    exit->when = sys_now();
    if (WIFEXITED(status)) {
        exit->code = CLD_EXITED;
        exit->status = WEXITSTATUS(status);
    } else {
        exit->code = WCOREDUMP(status) ? CLD_DUMPED : CLD_KILLED;
        exit->status = WTERMSIG(status);
    }
}

/* True: it was dead, and is no more. */
static bool reap_pid(pid_t pid, struct coop_exit *ret_exit)
{
    int status = 0;
    pid_t r;

    memset(ret_exit, 0, sizeof *ret_exit);
    do
        r = sys_wait4(pid, &status, WNOHANG | __WALL, &ret_exit->usage);
    while (r == -EINTR);
    if (r != pid)
        return false;
    fill_exit(ret_exit, pid, status);
    return true;
}

static void end_stops(struct coop_child *c)
{
    struct coop_child **at = &children.stoppable;

    if (!c->stop_msg)
        return;
    while (*at != c)
        at = &(*at)->stop_next;
    *at = c->stop_next;
    c->stop_msg = NULL;
}

static void close_pidfd(struct coop_child *c)
{
    if (!c->pidfd)
        return;
    coop_fd_close(c->pidfd - 1);
    c->pidfd = 0;
    children.stats.pidfds--;
}

static void deliver(struct coop_child *c, const struct coop_exit *exit)
{
    struct waiter *w = c->waiter;

    c->exit = *exit;
    take_out(c);
    end_stops(c);
    close_pidfd(c);
    children.stats.reaped++;
    __atomic_store_n(&c->state, CHILD_ENDED, __ATOMIC_RELEASE);
    if (c->actor) {
        coop_post(c->actor, &c->msg);
    } else if (w) {
        c->waiter = NULL;
        w->queued = false;
        if (coop__wait_claim(w->coro)) {
            w->coro->woken_by = w;
            w->result = 0;
            coop__wait_fire(w->coro);
        }
    }
}

static bool reap_known(struct coop_child *c)
{
    struct coop_exit exit;

    if (!reap_pid(c->pid, &exit))
        return false;
    deliver(c, &exit);
    return true;
}

static bool reap_unknown(pid_t pid)
{
    struct coop_exit exit;

    if (children.spawning) {
        children.left_alone = true;
        return false;
    }
    if (!reap_pid(pid, &exit))
        return false;
    children.stats.orphans++;
    if (children.on_orphan)
        children.on_orphan(&exit, children.on_orphan_arg);
    return true;
}

/* Somebody who is dead, by P_ALL, and reaps him. False: nobody, or one who must be left alone. */
static bool reap_anyone(void)
{
    struct coop_child *c;
    siginfo_t info;

    if (look_at(P_ALL, 0, WEXITED | WNOWAIT | __WALL, &info) < 0 || info.si_pid == 0)
        return false;
    c = lookup(info.si_pid);
    return c ? reap_known(c) : reap_unknown(info.si_pid);
}

static void sweep(void)
{
    children.stats.sweeps++;
    for (int i = 0; i < BUCKETS; i++) {
        struct coop_child *next;

        for (struct coop_child *c = children.buckets[i]; c; c = next) {
            next = c->next;
            reap_known(c);
        }
    }
}

static void look(pid_t named)
{
    struct coop_child *c;
    int drained = 0;

    if (named > 0 && (c = lookup(named)))
        reap_known(c);
    while (drained < DRAIN && reap_anyone())
        drained++;
    if (drained < DRAIN && !children.left_alone)
        return;
    /* Many are dead, or one that must be left alone stands before the others. */
    sweep();
    while (reap_anyone())
        ;
}

static void look_for_stops(void)
{
    for (struct coop_child *c = children.stoppable; c; c = c->stop_next) {
        siginfo_t info;

        while (look_at(P_PID, c->pid, WSTOPPED | WCONTINUED, &info) == 0 &&
               info.si_pid == c->pid) {
            __atomic_store_n(&c->stopped, info.si_code == CLD_CONTINUED ? 0 : info.si_status,
                             __ATOMIC_RELEASE);
            coop_post(c->stop_actor, c->stop_msg);
        }
    }
}

void coop__reap(int pid)
{
    coop__lock(&children.lock);
    look_for_stops();
    look(pid);
    coop__unlock(&children.lock);
}

void coop__children_end(void)
{
    memset(&children, 0, sizeof children);
}

/* ---- the calls ---- */

void coop_child_spawn_begin(void)
{
    coop__signals_open();
    coop__lock(&children.lock);
    children.spawning++;
    coop__unlock(&children.lock);
}

void coop_child_spawn_end(void)
{
    coop__lock(&children.lock);
    if (children.spawning == 0)
        coop__misuse("coop_child_spawn_end without a begin");
    if (--children.spawning == 0 && children.left_alone) {
        children.left_alone = false;
        look(0);
    }
    coop__unlock(&children.lock);
}

int coop_child_watch(struct coop_child *c, pid_t pid, struct coop_actor *actor, int kind)
{
    siginfo_t info;
    int r = coop__signals_open();

    if (r < 0)
        return r;
    if (pid <= 0)
        return -EINVAL;
    coop__lock(&children.lock);
    r = lookup(pid) ? -EEXIST : look_at(P_PID, pid, WEXITED | WNOWAIT | __WALL, &info);
    if (r == 0) {
        *c = (struct coop_child){.pid = pid, .actor = actor, .state = CHILD_ALIVE};
        coop_msg_init(&c->msg, kind);
        insert(c);
        if (info.si_pid == pid) /* its SIGCHLD may have come and gone */
            reap_known(c);
    }
    coop__unlock(&children.lock);
    return r;
}

void coop_child_forget(struct coop_child *c)
{
    coop__lock(&children.lock);
    if (c->state == CHILD_ALIVE && lookup(c->pid) == c) {
        take_out(c);
        end_stops(c);
        close_pidfd(c);
    }
    c->state = CHILD_NONE;
    coop__unlock(&children.lock);
    if (c->actor)
        coop_msg_unlink(c->actor, &c->msg);
}

bool coop_child_ended(const struct coop_child *c)
{
    return __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) == CHILD_ENDED;
}

int coop__child_look(const struct coop_child *c)
{
    uint32_t state = c ? __atomic_load_n(&c->state, __ATOMIC_ACQUIRE) : CHILD_NONE;

    return state == CHILD_ENDED ? 0 : state == CHILD_ALIVE ? -EAGAIN : -ECHILD;
}

bool coop__child_enqueue(struct coop_child *c, struct waiter *w)
{
    bool alive;

    coop__lock(&children.lock);
    alive = c->state == CHILD_ALIVE;
    if (alive) {
        if (c->waiter)
            coop__misuse("two coroutines wait for one child");
        c->waiter = w;
        w->queued = true;
    }
    coop__unlock(&children.lock);
    return alive;
}

void coop__child_dequeue(struct coop_child *c, struct waiter *w)
{
    coop__lock(&children.lock);
    if (c->waiter == w)
        c->waiter = NULL;
    coop__unlock(&children.lock);
}

int coop_child_wait(struct coop_child *c, coop_nsec deadline)
{
    struct coro *g = coop__self();
    struct waiter w = {.coro = g};
    int r = coop__may_begin(g, deadline);

    if (r == 0)
        r = coop__child_look(c);
    if (r != -EAGAIN || deadline == COOP_NOW)
        return r;
    if (!g)
        return -EPERM;
    coop__wait_begin(g, true);
    RT_DELAY();
    if (!coop__child_enqueue(c, &w)) {
        coop__wait_withdraw(g);
        return coop__child_look(c);
    }
    r = coop__wait(g, WAIT_FOR_CHILD, c, deadline);
    if (r < 0)
        coop__child_dequeue(c, &w);
    return r;
}

int coop_child_kill(struct coop_child *c, int signo)
{
    int r;

    coop__lock(&children.lock);
    r = c->state == CHILD_ALIVE ? sys_kill(c->pid, signo) : -ESRCH;
    coop__unlock(&children.lock);
    return r;
}

int coop_child_pidfd(struct coop_child *c)
{
    int r = -ESRCH;

    coop__lock(&children.lock);
    if (c->state == CHILD_ALIVE && c->pidfd)
        r = c->pidfd - 1;
    else if (c->state == CHILD_ALIVE && children.stats.pidfds == COOP_CHILD_PIDFDS)
        r = -EMFILE;
    else if (c->state == CHILD_ALIVE && (r = sys_pidfd_open(c->pid, 0)) >= 0) {
        c->pidfd = r + 1;
        children.stats.pidfds++;
    }
    coop__unlock(&children.lock);
    return r;
}

int coop_child_on_stop(struct coop_child *c, struct coop_actor *actor, struct coop_msg *msg)
{
    int r = 0;

    coop__lock(&children.lock);
    end_stops(c);
    if (c->state != CHILD_ALIVE) {
        r = -ESRCH;
    } else if (msg) {
        c->stop_actor = actor;
        c->stop_msg = msg;
        c->stop_next = children.stoppable;
        children.stoppable = c;
        look_for_stops(); /* it may be stopped already */
    }
    coop__unlock(&children.lock);
    return r;
}

int coop_child_stopped(const struct coop_child *c)
{
    return __atomic_load_n(&c->stopped, __ATOMIC_ACQUIRE);
}

void coop_child_on_orphan(void (*fn)(const struct coop_exit *, void *), void *arg)
{
    coop__signals_open();
    coop__lock(&children.lock);
    children.on_orphan = fn;
    children.on_orphan_arg = arg;
    coop__unlock(&children.lock);
}

void coop_child_stats(struct coop_child_stats *ret_stats)
{
    coop__lock(&children.lock);
    *ret_stats = children.stats;
    coop__unlock(&children.lock);
}
