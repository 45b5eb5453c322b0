/*
 * script.c - processes of the fake kernel that do things by themselves (see coop/sim.h)
 *
 * One planned step at a time: the clock may stop between any two of them, and what the process was
 * before a step (dead, stopped, its number reused) is looked at when the step comes.
 */
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

#define TRY_AGAIN COOP_NSEC_PER_MSEC /* a full pipe, a stopped process */

struct reader {
    pid_t pid;
    uint64_t birth;
    const struct coop_sim_act *at;
    size_t written; /* of the text of a COOP_SIM_WRITE */
};

/* ---- helpers ---- */

static void take_step(void *arg);

static void plan_step(const struct reader *r, coop_nsec delay)
{
    struct reader *copy = fake_grow(NULL, sizeof *copy);

    *copy = *r;
    fake_plan(coop_after(coop_sim_now(), delay), take_step, copy, true);
}

/* True when all is written, or nobody reads any more. */
static bool write_rest(struct reader *r)
{
    ssize_t n = coop_sim_write_as(r->pid, r->at->number, r->at->text + r->written);

    if (n == -EPIPE && !fake_ignores(fake_proc(r->pid), SIGPIPE))
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
    case COOP_SIM_SLEEP: delay = r.at->delay; break;
    case COOP_SIM_WRITE:
        if (!write_rest(&r)) {
            plan_step(&r, TRY_AGAIN);
            return;
        }
        break;
    case COOP_SIM_SEND:
        if (coop_sim_send_as(r.pid, r.at->to, r.at->text) == -EAGAIN) {
            plan_step(&r, TRY_AGAIN);
            return;
        }
        break;
    case COOP_SIM_CLOSE: coop_sim_close_as(r.pid, r.at->number); break;
    case COOP_SIM_FORK: coop_sim_script(fake_fork(r.pid), r.at->child); break;
    case COOP_SIM_GROUP: proc->group = r.pid; break;
    case COOP_SIM_EXEC: proc->on_signal = NULL; break;
    case COOP_SIM_IGNORE: proc->ignored |= UINT64_C(1) << (r.at->number - 1); break;
    case COOP_SIM_DIE: coop_sim_die(r.pid, r.at->number, false); return;
    case COOP_SIM_EXIT: coop_sim_exit(r.pid, r.at->number); return;
    }
    r.at++;
    r.written = 0;
    plan_step(&r, delay);
}

/* ---- programs ---- */

struct program {
    struct list link;
    const struct coop_sim_act *acts;
    coop_sim_life_fn *fn;
    void *arg;
    char path[];
};

static struct list programs = LIST_INIT(programs);

void fake_programs_reset(void)
{
    list_for_each_safe (it, &programs) {
        list_remove(it);
        free(list_entry(it, struct program, link));
    }
}

static const struct program *find_program(const char *path)
{
    list_for_each (it, &programs) {
        const struct program *program = list_entry(it, struct program, link);

        if (strcmp(program->path, path) == 0)
            return program;
    }
    return NULL;
}

static bool leads_a_group(const posix_spawnattr_t *attr)
{
    short flags = 0;

    return attr && posix_spawnattr_getflags(attr, &flags) == 0 &&
           flags & (POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSID);
}

/* The real standard descriptors are none here: a child's copies of them lead nowhere. */
int fake_sys_spawn(pid_t *ret_pid, const struct sys_spawn *what)
{
    const struct program *program = find_program(what->path);
    struct proc *proc;
    size_t held = 0;

    if (!program)
        return -ENOENT;
    for (int i = 0; i < what->fd_count; i++)
        held += fake_file(what->fds[i]) ? 1 : 0;
    if (held > FAKE_HELD_MAX)
        return -EMFILE;
    *ret_pid = coop_sim_spawn(fake_running());
    proc = fake_proc(*ret_pid);
    if (leads_a_group(what->attr))
        proc->group = *ret_pid;
    held = 0;
    for (int i = 0; i < what->fd_count; i++) {
        struct file *file = fake_file(what->fds[i]);

        if (!file)
            continue;
        file->refs++;
        proc->held[held].number = i;
        proc->held[held++].file = file;
    }
    if (program->acts)
        coop_sim_script(*ret_pid, program->acts);
    if (program->fn)
        coop_sim_run(*ret_pid, program->fn, program->arg);
    return 0;
}

/* ---- the public calls ---- */

static struct program *new_program(const char *path)
{
    struct program *program = fake_grow(NULL, sizeof *program + strlen(path) + 1);

    *program = (struct program){.acts = NULL};
    memcpy(program->path, path, strlen(path) + 1);
    list_push_front(&programs, &program->link); /* the last one of a name counts */
    return program;
}

void coop_sim_program(const char *path, const struct coop_sim_act *acts)
{
    new_program(path)->acts = acts;
}

void coop_sim_program_run(const char *path, coop_sim_life_fn *fn, void *arg)
{
    struct program *program = new_program(path);

    program->fn = fn;
    program->arg = arg;
}

void coop_sim_script(pid_t pid, const struct coop_sim_act *acts)
{
    struct proc *proc = fake_proc(pid);

    if (!proc)
        fake_give_up("a script for a process that is not there");
    plan_step(&(struct reader){.pid = pid, .birth = proc->birth, .at = acts}, 0);
}
