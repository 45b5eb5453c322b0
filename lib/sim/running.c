/*
 * running.c - processes of the fake kernel that are functions (see coop/sim.h)
 *
 * Each has a thread, because a thread is a stack that every debugger and sanitizer knows.  Only one
 * thread of all ever runs: who lets a process go on waits until it waits itself, or has ended.  So
 * there is still one order of events, that of the plan.
 *
 *     the program ... fake_step() --go--> a process's function
 *                         ^                      | waits: notes for what
 *                         +--------back----------+
 *
 * Who waits is looked at before each step of the clock; who has what he wants is planned for this
 * very instant.  A process that dies while it waits goes on once more, back to the beginning of its
 * thread: what is on its stack is left as it lies.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim/internal.h"

#define STACK ((size_t)1024 * 1024) /* address space; the sanitizers' frames are large */

struct running {
    struct list link;
    pid_t pid;
    coop_sim_life_fn *fn;
    void *arg;
    pthread_t thread;
    sem_t go, back;
    jmp_buf beginning;
    bool dead, ended, planned;
    bool (*ready)(void *arg); /* what it waits for; NULL: for nothing but its first step */
    void *ready_arg;
    bool has_it, signalled;
    coop_nsec until;
};

static struct list all = LIST_INIT(all);
static struct running *current;

/* ---- from one stack to the other ---- */

static void await(sem_t *sem)
{
    while (sem_wait(sem) < 0)
        continue;
}

static void bury(struct running *r)
{
    pthread_join(r->thread, NULL);
    sem_destroy(&r->go);
    sem_destroy(&r->back);
    list_remove(&r->link);
    free(r);
}

static void go_on(struct running *r)
{
    struct running *before = current;

    current = r;
    sem_post(&r->go);
    await(&r->back);
    current = before;
    if (r->ended)
        bury(r);
}

/* Back to where it left off, unless it is dead. */
static void go_away(struct running *r)
{
    if (!r->dead) {
        sem_post(&r->back);
        await(&r->go);
    }
    if (r->dead)
        longjmp(r->beginning, 1);
}

static void *live(void *arg)
{
    struct running *r = arg;

    await(&r->go);
    if (setjmp(r->beginning) == 0 && !r->dead)
        fake_proc_end(r->pid, CLD_EXITED, r->fn(r->arg) & 0xff);
    r->ended = true;
    sem_post(&r->back);
    return NULL;
}

/* ---- its turn ---- */

static struct running *find(pid_t pid)
{
    list_for_each (it, &all) {
        struct running *r = list_entry(it, struct running, link);

        if (r->pid == pid && !r->dead)
            return r;
    }
    return NULL;
}

struct turn {
    pid_t pid;
    uint64_t birth;
};

static void take_turn(void *arg)
{
    const struct turn *turn = arg;
    const struct proc *proc = fake_proc(turn->pid);
    struct running *r = proc && proc->birth == turn->birth ? find(turn->pid) : NULL;

    if (!r)
        return;
    r->planned = false;
    if (proc->life != STOPPED)
        go_on(r);
}

static void plan_turn(const struct running *r, coop_nsec when, void (*fn)(void *arg))
{
    struct turn *turn = fake_grow(NULL, sizeof *turn);

    *turn = (struct turn){r->pid, fake_proc(r->pid)->birth};
    fake_plan(when, fn, turn, true);
}

static bool has_what_it_wants(struct running *r)
{
    struct running *before = current;

    current = r; /* its descriptors */
    r->has_it = r->has_it || !r->ready || r->ready(r->ready_arg);
    current = before;
    return r->has_it || coop_sim_now() >= r->until;
}

/* ---- inside ---- */

void fake_running_look(void)
{
    if (current)
        return;
    list_for_each (it, &all) {
        struct running *r = list_entry(it, struct running, link);

        if (r->planned || r->dead || fake_proc(r->pid)->life == STOPPED ||
            !has_what_it_wants(r))
            continue;
        r->planned = true;
        plan_turn(r, coop_sim_now(), take_turn);
    }
}

pid_t fake_running(void)
{
    return current ? current->pid : 0;
}

/* Only so that the clock stops there. */
static void be_time(__attribute__((unused)) void *arg) {}

bool fake_running_wait(bool (*ready)(void *arg), void *arg, coop_nsec until)
{
    struct running *r = current;

    if (ready(arg))
        return true;
    r->ready = ready;
    r->ready_arg = arg;
    r->has_it = false;
    r->until = until;
    if (until != COOP_FOREVER)
        plan_turn(r, until, be_time);
    go_away(r);
    return r->has_it;
}

void fake_running_signalled(pid_t pid)
{
    struct running *r = find(pid);

    if (r)
        r->signalled = true;
}

void fake_running_end(pid_t pid)
{
    struct running *r = find(pid);

    if (!r)
        return;
    r->dead = true;
    if (r != current)
        go_on(r);
}

/* ---- a life begins ---- */

void coop_sim_run(pid_t pid, coop_sim_life_fn *fn, void *arg)
{
    struct running *r = fake_grow(NULL, sizeof *r);
    pthread_attr_t attr;
    sigset_t every, before;
    int failed;

    if (!fake_proc(pid) || find(pid))
        fake_give_up("a function for a process that is not there, or has one");
    *r = (struct running){.pid = pid, .fn = fn, .arg = arg};
    sem_init(&r->go, 0, 0);
    sem_init(&r->back, 0, 0);
    sigfillset(&every);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    pthread_sigmask(SIG_SETMASK, &every, &before);
    failed = pthread_create(&r->thread, &attr, live, r);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attr);
    if (failed)
        fake_give_up("no thread for a process");
    list_push_back(&all, &r->link);
}

pid_t coop_sim_fork(coop_sim_life_fn *fn, void *arg)
{
    pid_t pid = fake_fork(fake_running());

    coop_sim_run(pid, fn, arg);
    return pid;
}

/* ---- what it calls ---- */

/* It may have died of its own call. */
static ssize_t unless_dead(ssize_t result)
{
    if (current && current->dead)
        go_away(current);
    return result;
}

static bool was_signalled(void *arg)
{
    return ((const struct running *)arg)->signalled;
}

int coop_sim_pause(coop_nsec until)
{
    struct running *r = current;

    if (!r)
        fake_give_up("coop_sim_pause() is for processes that are functions");
    if (!fake_running_wait(was_signalled, r, until))
        return 0;
    r->signalled = false;
    return -EINTR;
}

ssize_t coop_sim_read(int fd, void *ret_buf, size_t size)
{
    return fake_sys_read(fd, ret_buf, size);
}

ssize_t coop_sim_write(int fd, const void *bytes, size_t size)
{
    size_t done = 0;
    ssize_t n = 0;

    while (done < size && (n = fake_sys_write(fd, (const char *)bytes + done, size - done)) > 0)
        done += (size_t)n;
    if (n == -EPIPE && current && !fake_ignores(fake_proc(current->pid), SIGPIPE))
        coop_sim_die(current->pid, SIGPIPE, false);
    return unless_dead(done ? (ssize_t)done : n);
}

int coop_sim_close(int fd)
{
    return fake_sys_close(fd);
}

int coop_sim_pipe(int ret_fds[2])
{
    return fake_sys_pipe2(ret_fds, 0);
}

int coop_sim_connect(const char *name, int type)
{
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    size_t size = strlen(name);
    int fd, r;

    if (size == 0 || size >= sizeof addr.sun_path)
        return -EINVAL;
    memcpy(addr.sun_path, name, size);
    if (name[0] == '@')
        addr.sun_path[0] = '\0';
    fd = fake_sys_socket(AF_UNIX, type, 0);
    if (fd < 0)
        return fd;
    r = fake_sys_connect(fd, (struct sockaddr *)&addr,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size));
    if (r < 0)
        fake_sys_close(fd);
    return r < 0 ? r : fd;
}

int coop_sim_kill(pid_t pid, int signo)
{
    return (int)unless_dead(fake_sys_kill(pid, signo));
}

pid_t coop_sim_wait(pid_t pid, int *ret_status)
{
    return fake_sys_wait4(pid, ret_status, 0, NULL);
}
