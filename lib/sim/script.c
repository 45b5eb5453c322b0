/*
 * script.c - processes of the fake kernel that do things by themselves (see coop/sim.h)
 *
 * One planned step at a time: the clock may stop between any two of them, and what the process was
 * before a step (dead, stopped, its number reused) is looked at when the step comes.
 */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "sim/internal.h"

#define TRY_AGAIN COOP_NSEC_PER_MSEC /* a full pipe, a stopped process */

struct reader {
    pid_t pid;
    uint64_t birth;
    const struct fake_act *at;
    size_t written; /* of the text of a FAKE_DO_WRITE */
};

/* ---- helpers ---- */

static void take_step(void *arg);

static void plan_step(const struct reader *r, coop_nsec delay)
{
    struct reader *copy = fake_grow(NULL, sizeof *copy);

    *copy = *r;
    fake_plan(coop_after(coop_sim_now(), delay), take_step, copy, true);
}

/* A child with copies of all that its parent holds. */
static void fork_here(struct proc *parent, pid_t pid, const struct fake_act *acts)
{
    pid_t child = coop_sim_spawn(pid);
    struct proc *proc = fake_proc(child);

    memcpy(proc->held, parent->held, sizeof proc->held);
    for (size_t i = 0; i < FAKE_HELD_MAX; i++)
        if (proc->held[i].file)
            proc->held[i].file->refs++;
    proc->ignored = parent->ignored;
    proc->on_signal = parent->on_signal;
    proc->on_signal_arg = parent->on_signal_arg;
    fake_script(child, acts);
}

/* True when all is written, or nobody reads any more. */
static bool write_rest(struct reader *r)
{
    ssize_t n = coop_sim_write_as(r->pid, r->at->number, r->at->text + r->written);

    if (n == -EPIPE && !(fake_proc(r->pid)->ignored & UINT64_C(1) << (SIGPIPE - 1)))
        coop_sim_die(r->pid, SIGPIPE, false);
    if (n >= 0)
        r->written += (size_t)n;
    return n < 0 ? n != -EAGAIN : r->at->text[r->written] == '\0';
}

static void take_step(void *arg)
{
    struct reader r = *(struct reader *)arg;
    struct proc *proc = fake_proc(r.pid);
    coop_nsec delay = 0;

    if (!proc || proc->birth != r.birth || fake_proc_is_dead(proc))
        return;
    if (proc->life == STOPPED) {
        plan_step(&r, TRY_AGAIN);
        return;
    }
    switch (r.at->kind) {
    case FAKE_DO_SLEEP: delay = r.at->delay; break;
    case FAKE_DO_WRITE:
        if (!write_rest(&r)) {
            plan_step(&r, TRY_AGAIN);
            return;
        }
        break;
    case FAKE_DO_CLOSE: coop_sim_close_as(r.pid, r.at->number); break;
    case FAKE_DO_FORK: fork_here(proc, r.pid, r.at->child); break;
    case FAKE_DO_EXEC: proc->on_signal = NULL; break;
    case FAKE_DO_IGNORE: proc->ignored |= UINT64_C(1) << (r.at->number - 1); break;
    case FAKE_DO_DIE: coop_sim_die(r.pid, r.at->number, false); return;
    case FAKE_DO_EXIT: coop_sim_exit(r.pid, r.at->number); return;
    }
    r.at++;
    r.written = 0;
    plan_step(&r, delay);
}

/* ---- the public call ---- */

void fake_script(pid_t pid, const struct fake_act *acts)
{
    struct proc *proc = fake_proc(pid);

    if (!proc)
        fake_give_up("a script for a process that is not there");
    plan_step(&(struct reader){.pid = pid, .birth = proc->birth, .at = acts}, 0);
}
