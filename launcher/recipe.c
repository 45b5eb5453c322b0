/*
 * recipe.c - the order in which a child is walled in
 *
 * Read the table top to bottom: the order is the security argument, and its last column is the
 * reason why a line may not move up or down.
 *
 * THE NOUNS
 *   the child   what clone(2) made: born in its new namespaces, still with the caller's view of
 *               everything else.  It may share the caller's memory.
 *   PID 1       with a PID namespace of its own the child is PID 1 in there.  At step "split" it
 *               forks: PID 1 stays as the reaper, the new process (PID 2) goes on with the table.
 *   the report  memory shared with the parent: which preferred walls are missing, what failed.
 *
 * THE TENSION
 *   Making walls needs power (mount, setuid, capset), and each wall takes power away.  So power is
 *   given up in the order in which it stops being needed; seccomp, which judges every later
 *   call, is last but for exec itself.
 *
 * WHAT WE DID NOT DO
 *   Errors by exit code       a number cannot name the path that was missing.
 *   A second helper program   exec costs more than the whole recipe (0.5 ms against 0.4).
 *   Allocation in the child   another thread of the parent may have held malloc's lock.
 *
 * ALWAYS TRUE
 *   I1  Nothing of the payload's choice is executed before the last line.
 *   I2  A step that fails ends the launch, unless its guard is preferred: then it is reported.
 *   I3  No step looks anything up that the plan could have looked up: names are numbers here.
 */
#include "launcher/recipe.h"

#include "base/scope.h"
#include "launcher/raw.h"
#include "launcher/steps.h"

#ifdef COOP_MUTATION
#include <stdlib.h>
#include <string.h>
#endif

/* ---- the recipe ---- */

#define NO_GUARD (-1)
#define G(name)  LAUNCH_GUARD_##name

static const struct step {
    const char *name;
    step_fn *run;
    int guard; /* whose protection is lost if this fails; NO_GUARD: always fatal */
    const char *why_here;
} recipe[] = {
    /* clang-format off */
    {"guard-parent", step_guard_parent, NO_GUARD,       "first: if the parent is gone already, nothing may start"},
    {"tell",         step_tell,         NO_GUARD,       "needs the caller's /proc; before anybody maps ids by what it tells"},
    {"keep-fds",     step_keep_fds,     NO_GUARD,       "/dev/null is opened while the old root is still there"},
    {"user-maps",    step_user_maps,    NO_GUARD,       "until the ids are mapped every other step is refused"},
    {"oom-score",    step_oom_score,    G(OOM_SCORE),   "needs the caller's /proc"},
    {"no-nesting",   step_no_nesting,   G(NESTING),     "needs CAP_SYS_RESOURCE in here, and a /proc that is not covered yet"},
    {"time",         step_time,         G(TIME),        "needs CAP_SYS_TIME in here, and the caller's /proc"},
    {"loopback",     step_loopback,     G(NETWORK),     "needs CAP_NET_ADMIN over the new network"},
    {"empty-network", step_empty_network, NO_GUARD,     "the last look at a network that others are in; needs the caller's /proc"},
    {"hostname",     step_hostname,     G(UTS),         "needs CAP_SYS_ADMIN over the new UTS namespace"},
    {"private-view", step_private_view, NO_GUARD,       "before the first mount: none may travel back to the host"},
    {"new-root",     step_new_root,     NO_GUARD,       "targets are resolved inside it from here on"},
    {"mounts",       step_mounts,       NO_GUARD,       "sources are opened in the old root"},
    {"pivot-root",   step_pivot_root,   NO_GUARD,       "after the last mount: the old root is gone then"},
    {"lock-files",   step_lock_files,   NO_GUARD,       "in the new root; PID 1 holds the locks, so it must not have split off yet"},
    {"second-users", step_second_users, NO_GUARD,       "after all that takes power over the first user namespace"},
    {"terminal",     step_terminal,     G(TERMINAL),    "its place is the new /dev; PID 1 leads its session, so it must not have split off yet"},
    {"split",        step_split,        NO_GUARD,       "PID 1 needs the finished view; what follows is for the program only"},
    {"session",      step_session,      NO_GUARD,       "a terminal we still hold could type into our caller"},
    {"stdio",        step_stdio,        NO_GUARD,       "moves log pipes to 0, 1, 2 before the sweep"},
    {"close-fds",    step_close_fds,    NO_GUARD,       "after the last dup: only 0-2, handed-down fds, report and gate live"},
    {"umask",        step_umask,        NO_GUARD,       "after the mounts: directories made for them had modes of ours"},
    {"nice",         step_nice,         G(LIMITS),      "a lower value needs a privilege that is dropped below"},
    {"rlimits",      step_rlimits,      G(LIMITS),      "raising a hard limit needs a privilege that is dropped below"},
    {"bounding",     step_bounding,     G(CAPS),        "needs CAP_SETPCAP, which 'caps' gives up"},
    {"securebits",   step_securebits,   G(SECUREBITS),  "needs CAP_SETPCAP, which the change of ids takes"},
    {"identity",     step_identity,     NO_GUARD,       "groups, then gid, then uid: each needs the ones after it intact"},
    {"keyring",      step_keyring,      G(KEYRING),     "it belongs to the user who asks for it"},
    {"cwd",          step_cwd,          NO_GUARD,       "in the new root and as the new user: its rights decide"},
    {"caps",         step_caps,         G(CAPS),        "the uid change has just cleared them: set what the spec keeps"},
    {"pdeathsig",    step_pdeathsig,    NO_GUARD,       "the kernel forgets it whenever credentials change"},
    {"no-new-privs", step_no_new_privs, G(NO_NEW_PRIVS), "seccomp demands it of a process without privileges"},
    {"personality",  step_personality,  NO_GUARD,       "the filter refuses it"},
    {"no-wx",        step_no_wx,        G(WRITE_EXECUTE), "nothing of ours is mapped any more"},
    {"clerk",        step_clerk,       NO_GUARD,        "in the finished view; before Landlock, which takes from the program what the clerk then does for it"},
    {"landlock",     step_landlock,     NO_GUARD,       "after the last file that we open by name; the kernel wants no-new-privs first"},
    {"assert-alone", step_assert_alone, NO_GUARD,       "in the last user namespace, and before a filter that would answer for the kernel"},
    {"signals",      step_signals,      NO_GUARD,       "default actions, empty mask: exec passes on what is ignored or blocked"},
    {"hello",        step_hello,        NO_GUARD,       "set up: the parent learns the program's PID"},
    {"gate",         step_gate,         NO_GUARD,       "the last place to wait: nothing is left to do but filter and exec"},
    {"seccomp",      step_seccomp,      NO_GUARD,       "last: the filter already judges every later call"},
    {"exec",         step_exec,         NO_GUARD,       "returns only on failure"},
    /* clang-format on */
};

/* ---- mutation: leave one step out, to see whether a test notices (tests/mutation) ---- */

#ifdef COOP_MUTATION
static bool left_out(const char *name)
{
    const char *skip = secure_getenv("COOP_SKIP_STEP");

    return skip && strcmp(skip, name) == 0;
}
#else
static bool left_out(const char *name)
{
    (void)name;
    return false;
}
#endif

/* ---- the child's side ---- */

static struct {
    void *at;
    size_t size;
} forgotten;

void launch_reaper_forgets(void *at, size_t size)
{
    forgotten.at = at;
    forgotten.size = size;
}

void recipe_forget(void)
{
    if (!forgotten.at)
        return;
    raw_zero(forgotten.at, forgotten.size);
    raw_copy_text(forgotten.at, forgotten.size, "coop-reaper"); /* what ps shows */
}

/* The filter may refuse exit_group; no filter judges an instruction that traps. */
void recipe_leave(void)
{
    raw1(SYS_exit_group, 127);
    __builtin_trap();
}

void recipe_fail(struct child *c, int sys)
{
    volatile uint32_t *failed = &c->told->failed;

    c->told->step = c->step;
    c->told->sys = sys < 0 ? -sys : sys;
    raw_copy_text(c->told->call, sizeof c->told->call, c->call);
    raw_copy_text(c->told->path, sizeof c->told->path, c->path);
    __atomic_signal_fence(__ATOMIC_RELEASE);
    *failed = 1;
}

bool recipe_may_lose(struct child *c, uint32_t guard)
{
    if (guard >= LAUNCH_GUARD_COUNT || !(c->plan->prefer & LAUNCH_BIT(guard)))
        return false;
    c->told->lost |= LAUNCH_BIT(guard);
    return true;
}

_Noreturn void recipe_run(const struct launch_plan *plan, const struct launch_io *io,
                          struct launch_report *told, int report_fd)
{
    struct child c = {.plan = plan,
                      .io = *io,
                      .told = told,
                      .report = report_fd,
                      .reaper = -1,
                      .second_users = -1,
                      .terminal = -1,
                      .root = -1,
                      .held = -1,
                      .stage = -1};

    for (c.step = 0; c.step < COOP_COUNT(recipe); c.step++) {
        const struct step *step = &recipe[c.step];
        int r;

        c.call = c.path = NULL;
        if (left_out(step->name))
            continue;
        r = step->run(&c);
        if (r >= 0)
            continue;
        if (step->guard == NO_GUARD || !recipe_may_lose(&c, (uint32_t)step->guard)) {
            recipe_fail(&c, r);
            break;
        }
    }
    recipe_leave();
}

/* ---- the parent's side ---- */

const char *recipe_step_name(unsigned step)
{
    return step < COOP_COUNT(recipe) ? recipe[step].name : NULL;
}

const char *recipe_step_why(unsigned step)
{
    return step < COOP_COUNT(recipe) ? recipe[step].why_here : NULL;
}
