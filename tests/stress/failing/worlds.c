/* The two worlds (see worlds.h). */
#include "worlds.h"

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "coop/sim.h"
#include "support/failing_memory.h"

/* The linker's --wrap names are reserved identifiers by its own design. */
int __real_kill(pid_t pid, int signo);
int __wrap_kill(pid_t pid, int signo);

char real_place[] = "/tmp/coop-failing-XXXXXX";

/* ---- the real world ---- */

static pid_t real_process(bool sleeps)
{
    pid_t pid = fork();

    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (sleeps)
        pause();
    _exit(CHILD_STATUS);
}

static pid_t real_child(void)
{
    return real_process(false);
}

static pid_t real_sleeper(void)
{
    return real_process(true);
}

static void real_end(pid_t pid)
{
    kill(pid, SIGKILL);
}

static void real_raise(int signo)
{
    kill(getpid(), signo);
}

/* ---- the made-up world ---- */

/* A made-up number is somebody else's in the real kernel. */
int __wrap_kill(pid_t pid, int signo)
{
    HOLDS(world == &real_world);
    return __real_kill(pid, signo);
}

static pid_t fake_child(void)
{
    pid_t pid;

    failing_memory_spare_begin();
    pid = coop_sim_spawn(0);
    coop_sim_exit_at(pid, coop_after(coop_sim_now(), COOP_NSEC_PER_MSEC), CHILD_STATUS);
    failing_memory_spare_end();
    return pid;
}

static pid_t fake_sleeper(void)
{
    return coop_sim_spawn(0);
}

static void fake_end(pid_t pid)
{
    failing_memory_spare_begin();
    coop_sim_die(pid, SIGKILL, false);
    failing_memory_spare_end();
}

static void fake_raise_one(int signo)
{
    coop_sim_raise(signo);
}

const struct world real_world = {
    .dir = real_place,
    .child = real_child,
    .sleeper = real_sleeper,
    .end = real_end,
    .raise = real_raise,
    .patience = 100 * COOP_NSEC_PER_MSEC,
    .moment = 200 * COOP_NSEC_PER_USEC,
    .shares = true,
};

const struct world fake_world = {
    .dir = "/run",
    .child = fake_child,
    .sleeper = fake_sleeper,
    .end = fake_end,
    .raise = fake_raise_one,
    .patience = 3600 * COOP_NSEC_PER_SEC,
    .moment = COOP_NSEC_PER_MSEC,
};
