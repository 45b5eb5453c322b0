/*
 * shared_sem - never more holders than permits, and none lost with the dead
 */
#include "stress/processes.h"

#include "coop/shared_sem.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

enum { WORKERS = 4, ROUNDS = 300 };

/* In memory that all of them see. */
static struct {
    int inside, most; /* holders now, ever; changed by holders only */
    long sum;         /* not atomic: one permit protects it         */
    _Atomic(int) begun;
} * shared;

static struct coop_shared_sem *sem;
static int times;

static void enter(void)
{
    int now = __atomic_add_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);

    if (now > __atomic_load_n(&shared->most, __ATOMIC_SEQ_CST))
        __atomic_store_n(&shared->most, now, __ATOMIC_SEQ_CST);
}

static void leave(void)
{
    __atomic_sub_fetch(&shared->inside, 1, __ATOMIC_SEQ_CST);
}

static void reset(int permits)
{
    memset(shared, 0, sizeof *shared);
    HOLDS(coop_shared_sem_new(&sem, permits) == 0);
}

/* ---- several processes, with and without a runtime ---- */

static int one_round(void *arg)
{
    int rounds = *(int *)arg;

    for (int i = 0; i < rounds; i++) {
        long sum;

        CHILD_HOLDS(coop_shared_sem_acquire(sem, COOP_FOREVER) == 0);
        enter();
        sum = *(volatile long *)&shared->sum;
        if (i % 7 == 0)
            sched_yield();
        *(volatile long *)&shared->sum = sum + 1;
        leave();
        CHILD_HOLDS(coop_shared_sem_release(sem) == 0);
    }
    return 0;
}

static int several(void *arg)
{
    for (int i = 0; i < 5; i++)
        CHILD_HOLDS(coop_go(NULL, one_round, arg) == 0);
    return 0;
}

static void one_permit_excludes_all_others(void)
{
    pid_t pids[WORKERS];
    int rounds = ROUNDS * times, each = rounds / 5;

    reset(1);
    for (int i = 0; i < WORKERS; i++) {
        pids[i] = child_begin();
        if (pids[i] == 0 && i % 2)
            _exit(one_round(&rounds));
        if (pids[i] == 0)
            _exit(coop_main(&(struct coop_options){.procs = 2}, several, &each));
    }
    for (int i = 0; i < WORKERS; i++)
        HOLDS(child_end(pids[i]) == 0);
    HOLDS(shared->sum == (long)rounds * 2 + (long)each * 5 * 2 && shared->most == 1);
    HOLDS(coop_shared_sem_free_permits(sem) == 1);
    coop_shared_sem_close(sem);
}

/* ---- the calls ---- */

static int pulse(void *arg)
{
    int *beats = arg;

    while (*beats >= 0) {
        ++*beats;
        coop_yield();
    }
    return 0;
}

static int take_one(void *arg)
{
    (void)arg;
    HOLDS(coop_shared_sem_acquire(sem, in_seconds(PATIENCE)) == 0);
    return 0;
}

static void it_waits_as_its_deadline_says_and_holds_up_nobody(void)
{
    coop_nsec deadline;
    struct coop_scope scope;
    int fds[2], beats = 0;
    struct coop_shared_sem *other;
    pid_t pid;

    HOLDS(coop_shared_sem_new(&sem, 0) == -EINVAL);
    HOLDS(coop_shared_sem_new(&sem, COOP_SHARED_SEM_MAX + 1) == -EINVAL);
    reset(2);
    HOLDS(coop_shared_sem_release(sem) == -EPERM);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == 0);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == 0);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == -EAGAIN);
    coop_scope_init(&scope, "pulse", 0);
    coop_go(&scope, pulse, &beats);
    deadline = coop_after(coop_now(), 3 * COOP_NSEC_PER_MSEC);
    HOLDS(coop_shared_sem_acquire(sem, deadline) == -ETIMEDOUT && coop_now() >= deadline);
    HOLDS(beats > 0); /* on the only processor */
    coop_go(&scope, take_one, NULL);
    for (int i = 0; i < 10; i++)
        coop_yield();
    HOLDS(coop_shared_sem_release(sem) == 0); /* what another coroutine took */
    beats = -2;
    HOLDS(coop_scope_wait(&scope) == 0);
    pid = child_begin();
    if (pid == 0) { /* a fork holds nothing of its parent's */
        CHILD_HOLDS(coop_shared_sem_release(sem) == -EPERM);
        CHILD_HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == -EAGAIN);
        _exit(0);
    }
    HOLDS(child_end(pid) == 0);
    coop_shared_sem_fds(sem, fds);
    HOLDS(coop_shared_sem_attach(&other, STDERR_FILENO, fds[1]) == -EINVAL);
    HOLDS(coop_shared_sem_attach(&other, dup(fds[0]), dup(fds[1])) == 0);
    HOLDS(coop_shared_sem_free_permits(other) == 0);
    HOLDS(coop_shared_sem_release(other) == 0 && coop_shared_sem_release(sem) == 0);
    HOLDS(coop_shared_sem_free_permits(sem) == 2);
    coop_shared_sem_close(other);
    coop_shared_sem_close(sem);
    coop_shared_sem_close(NULL);
}

/* ---- the dead ---- */

/* A child that holds one. */
static pid_t a_holder(void)
{
    int begun = shared->begun;
    pid_t pid = child_begin();

    if (pid == 0) {
        CHILD_HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == 0);
        shared->begun++;
        for (;;)
            pause();
    }
    while (shared->begun == begun)
        coop_yield();
    return pid;
}

/* Waits till a process sleeps in the kernel; the third field of its stat says so. */
static void await_sleep(pid_t pid)
{
    char path[32], text[256] = "", *at = text;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    while (!at || *at != 'S') {
        FILE *f = fopen(path, "re");

        HOLDS(f && fgets(text, sizeof text, f));
        fclose(f);
        at = strrchr(text, ')');
        at = at ? at + 2 : at;
        coop_yield();
    }
}

static int result;

static int wait_for_it(void *arg)
{
    (void)arg;
    result = coop_shared_sem_acquire(sem, in_seconds(PATIENCE));
    return 0;
}

static void what_the_dead_held_goes_to_who_waits(void)
{
    struct coop_scope scope;
    pid_t holder, waiter;

    reset(1);
    holder = a_holder();
    coop_scope_init(&scope, "waiter", 0);
    coop_go(&scope, wait_for_it, NULL);
    for (int i = 0; i < 10; i++)
        coop_yield();
    HOLDS(kill(holder, SIGKILL) == 0);
    HOLDS(coop_scope_wait(&scope) == 0 && result == COOP_SEM_INHERITED);
    child_end(holder); /* it was a zombie till now, which is dead enough */
    HOLDS(coop_shared_sem_release(sem) == 0);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == 0); /* of the living */
    HOLDS(coop_shared_sem_release(sem) == 0);

    holder = a_holder();
    waiter = child_begin();
    if (waiter == 0) /* without a runtime */
        _exit(coop_shared_sem_acquire(sem, in_seconds(PATIENCE)) == COOP_SEM_INHERITED ? 5 : 1);
    await_sleep(waiter);
    HOLDS(child_kill(holder) == 128 + SIGKILL);
    HOLDS(child_end(waiter) == 5);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == COOP_SEM_INHERITED); /* it ended with it */
    HOLDS(coop_shared_sem_release(sem) == 0);
    coop_shared_sem_close(sem);
}

/* Its place in the count of waiters stays; the next release must still reach the others. */
static void a_waiter_that_is_killed_takes_no_wake_up_along(void)
{
    struct coop_scope scope;

    reset(1);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == 0);
    for (int i = 0; i < 20; i++) {
        pid_t pid = child_begin();

        if (pid == 0)
            _exit(coop_shared_sem_acquire(sem, COOP_FOREVER));
        coop_scope_init(&scope, "waiter", 0);
        coop_go(&scope, wait_for_it, NULL);
        for (int k = 0; k < 10; k++)
            coop_yield();
        HOLDS(kill(pid, SIGKILL) == 0);
        HOLDS(coop_shared_sem_release(sem) == 0);
        HOLDS(coop_scope_wait(&scope) == 0);
        HOLDS(result == 0 || result == COOP_SEM_INHERITED);
        child_end(pid);
    }
    HOLDS(coop_shared_sem_release(sem) == 0);
    coop_shared_sem_close(sem);
}

static _Noreturn void work_till_killed(void)
{
    for (;;) {
        CHILD_HOLDS(coop_shared_sem_acquire(sem, COOP_FOREVER) >= 0);
        CHILD_HOLDS(coop_shared_sem_release(sem) == 0);
    }
}

static void nothing_is_lost_in_a_storm_of_deaths(void)
{
    enum { PERMITS = 3 };
    pid_t pids[WORKERS];
    unsigned chance = 7;

    reset(PERMITS);
    for (int i = 0; i < WORKERS; i++)
        if ((pids[i] = child_begin()) == 0)
            work_till_killed();
    for (int i = 0; i < 40 * times; i++) {
        unsigned who = draw(&chance, WORKERS);

        for (unsigned k = draw(&chance, 20); k > 0; k--) {
            HOLDS(coop_shared_sem_acquire(sem, in_seconds(PATIENCE)) >= 0);
            HOLDS(coop_shared_sem_release(sem) == 0);
        }
        HOLDS(child_kill(pids[who]) == 128 + SIGKILL);
        if ((pids[who] = child_begin()) == 0)
            work_till_killed();
    }
    for (int i = 0; i < WORKERS; i++)
        child_kill(pids[i]);
    for (int i = 0; i < PERMITS; i++)
        HOLDS(coop_shared_sem_acquire(sem, in_seconds(PATIENCE)) >= 0);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == -EAGAIN);
    coop_shared_sem_close(sem);
}

/* The holder's word with another time of birth: as if its pid had come again. */
static void who_has_a_dead_ones_pid_is_not_the_dead_one(void)
{
    uint64_t *words;
    pid_t holder;
    int fds[2];

    reset(1);
    holder = a_holder();
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == -EAGAIN);
    coop_shared_sem_fds(sem, fds);
    words = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fds[0], 0);
    HOLDS(words != MAP_FAILED);
    for (int i = 3; i < 512; i++)
        if ((pid_t)(words[i] & 0xffffff) == holder)
            words[i] += UINT64_C(1) << 24;
    munmap(words, 4096);
    HOLDS(coop_shared_sem_acquire(sem, COOP_NOW) == COOP_SEM_INHERITED);
    HOLDS(child_kill(holder) == 128 + SIGKILL);
    coop_shared_sem_close(sem);
}

static int root(void *arg)
{
    int open_before = fds_open();

    (void)arg;
    it_waits_as_its_deadline_says_and_holds_up_nobody();
    what_the_dead_held_goes_to_who_waits();
    who_has_a_dead_ones_pid_is_not_the_dead_one();
    a_waiter_that_is_killed_takes_no_wake_up_along();
    nothing_is_lost_in_a_storm_of_deaths();
    HOLDS(fds_open() == open_before);
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options options = {.procs = 1};

    times = times_more(argc, argv);
    shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    HOLDS(shared != MAP_FAILED);
    one_permit_excludes_all_others(); /* its children have runtimes of their own */
    return coop_main(&options, root, NULL);
}
