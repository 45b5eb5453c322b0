/*
 * explain_failure.c - a failed step as a person understands it: what, why, and what to do
 */
#include "launcher/recipe.h"

#include "base/str.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

/* An empty root in which nobody has put any programs: the usual surprise of a first --bind. */
static bool has_no_programs(const struct launch_plan *plan)
{
    const struct plan_op *ops = plan_at(plan, plan->ops.at);

    if (!(plan->flags & PLAN_NEW_ROOT) || plan->flags & PLAN_ROOT_BIND)
        return false;
    for (uint32_t i = 0; i < plan->ops.count; i++) {
        const char *dst = plan_str(plan, ops[i].dst);

        if (dst && (str_starts_with(dst, "/usr") || str_starts_with(dst, "/bin")))
            return false;
    }
    return true;
}

static void hint_for_exec(const struct launch_report *report, const struct launch_plan *plan,
                          struct coop_err *err)
{
    bool by_name = !memchr(report->path, '/', sizeof report->path);

    if (report->sys == ENOENT && has_no_programs(plan))
        coop_hint(err, "the root is empty but for what the options put there, and no /usr is: "
                       "add it (--ro-bind /usr /usr ...), or say --bind-paths=SRC[:DST], which "
                       "leaves the rest of the profile's files in place");
    else if (report->sys == ENOENT && by_name)
        coop_hint(err, "it is in no directory of PATH%s",
                  plan->flags & PLAN_NEW_ROOT ? " inside the sandbox" : "; is it installed?");
    else if (report->sys == ENOENT)
        coop_hint(err, "%s",
                  plan->flags & PLAN_NEW_ROOT
                      ? "it must exist inside the sandbox, and so must its interpreter"
                      : "is it installed, and is its interpreter?");
    else if (report->sys == ENOEXEC)
        coop_hint(err, "a script needs a first line such as #!/bin/sh; a binary must be made "
                       "for this machine");
    else
        coop_hint(err, "it must be a program that this user may execute");
}

/* A joined PID namespace, seen from a new user namespace that has no power over it. */
static bool has_foreign_pids(const struct launch_plan *plan)
{
    const struct plan_join *joins = plan_at(plan, plan->joins.at);

    for (uint32_t i = 0; i < plan->joins.count; i++)
        if (joins[i].flag == CLONE_NEWPID)
            return plan->clone_flags & CLONE_NEWUSER;
    return false;
}

static bool hint_for_proc(const struct launch_report *report, const struct launch_plan *plan,
                          struct coop_err *err)
{
    if (report->sys == EPERM && strcmp(report->call, "fsconfig") == 0 && has_foreign_pids(plan))
        coop_hint(err, "the /proc of a joined PID namespace takes power over it: join its user "
                       "namespace, too (UserNamespacePath=), or make none "
                       "(PrivateUsers=no)");
    else if (strcmp(report->call, "fsmount") == 0)
        coop_hint(err,
                  "parts of the host's /proc are covered, probably by a container: then the "
                  "kernel refuses a fresh one");
    else
        return false;
    return true;
}

static void hint_for_mounts(const struct launch_report *report, struct coop_err *err)
{
    if (report->sys == EROFS)
        coop_hint(err,
                  "mount points are made only in the sandbox's own directories, never in "
                  "the host's files: make '%s' first, or put a tmpfs above it (--tmpfs, "
                  "TemporaryFileSystem=, ProtectHome=tmpfs)",
                  report->path);
    else
        coop_hint(err,
                  "'%s' does not exist; the -try form of an option, or a '-' before the path "
                  "of a key, skips what is missing",
                  report->path);
}

const char *recipe_limit_hint(int sys)
{
    switch (sys) {
    case ENOSPC:
    case EUSERS:
        return "the limit on namespaces is reached: see /proc/sys/user/max_*_namespaces";
    case EAGAIN:
        return "the limit on processes is reached: ulimit -u, LimitNPROC=, TasksMax=, or "
               "kernel.pid_max";
    default: return NULL;
    }
}

/* What goes wrong before there is a view of its own. */
static bool hint_for_birth(const struct launch_report *report, const struct launch_plan *plan,
                           const char *step, struct coop_err *err)
{
    if (plan->flags & PLAN_HOLD_MAPS && report->sys == EOVERFLOW)
        coop_hint(err, "no ids were mapped before the byte (or end) on --userns-block-fd");
    else if (strcmp(report->call, "clone") == 0 && recipe_limit_hint(report->sys))
        coop_hint(err, "%s", recipe_limit_hint(report->sys));
    else if (strcmp(step, "user-maps") == 0)
        coop_hint(err, "user namespaces are restricted here: look at "
                       "kernel.apparmor_restrict_unprivileged_userns, "
                       "kernel.unprivileged_userns_clone and user.max_user_namespaces");
    else if (strcmp(step, "empty-network") == 0 && report->sys == EBUSY)
        coop_hint(err,
                  "what many sandboxes share must lead nowhere: coop-run --hold-network, or "
                  "--empty-network");
    else if (strcmp(step, "clerk") == 0)
        coop_hint(err, "FrozenPaths= needs Landlock (in the kernel's lsm=) and a filter that "
                       "can ask, which a container around us may have taken; --prefer "
                       "FrozenPaths goes without");
    else if (strcmp(step, "second-users") == 0)
        coop_hint(err, "it must lie below the user namespace that the sandbox is in");
    else if (strcmp(step, "assert-alone") == 0)
        coop_hint(err, "--disable-userns makes it impossible inside a new user namespace");
    else if (strcmp(step, "time") == 0 && report->sys == ERANGE)
        coop_hint(err, "a clock cannot be shifted below zero, nor by more than 146 years");
    else
        return false;
    return true;
}

static void hint_for(const struct launch_report *report, const struct launch_plan *plan,
                     struct coop_err *err)
{
    const char *step = recipe_step_name(report->step);
    bool exec = strcmp(step, "exec") == 0, mounts = strcmp(step, "mounts") == 0;

    if (report->sys == EMFILE) /* has its hint, whatever the step */
        return;
    if (hint_for_birth(report, plan, step, err))
        return;
    if (mounts && (report->sys == EROFS || report->sys == ENOENT))
        hint_for_mounts(report, err);
    else if (mounts && hint_for_proc(report, plan, err))
        return;
    else if (exec && (report->sys == ENOENT || report->sys == ENOEXEC))
        hint_for_exec(report, plan, err);
    else if (strcmp(step, "cwd") == 0 && report->sys == ENOENT)
        coop_hint(err, "it must exist inside the sandbox; a '-' before it starts in / instead");
    else if (report->sys == EISDIR)
        coop_hint(err,
                  "through the descriptor of a directory the program could leave its root: "
                  "redirect 0, 1 and 2 from and to files, pipes or terminals");
    else if (report->sys == ENODEV && strncmp(report->path, "/dev/", 5) == 0)
        coop_hint(err, "it is missing here, or no such device: what is in its place would be "
                       "shown to the program");
    else if (report->sys == ENOSYS)
        coop_hint(err, "this kernel lacks the call, or a filter around us hides it");
    else if (report->sys == EPERM || (report->sys == EACCES && !exec))
        coop_hint(err, "the kernel refuses it: for lack of a right, or by a security module or "
                       "container around us; Prefer= names what may be missing");
    else if (exec)
        hint_for_exec(report, plan, err);
}

int recipe_explain_failure(const struct launch_report *report, const struct launch_plan *plan,
                           struct coop_err *err)
{
    const char *step = recipe_step_name(report->step);
    char what[512];

    if (!step)
        return coop_fail(err, COOP_E_CHILD, "the child failed in an unknown step");
    str_format(what, sizeof what, "%.*s%s%.*s", (int)sizeof report->call, report->call,
               report->path[0] ? " " : "", (int)sizeof report->path, report->path);
    coop_fail_sys(err, report->sys, "step '%s': %s", step, what);
    /* So that a caller can tell "no such program" from "no such directory to bind". */
    if (err && strcmp(step, "exec") == 0)
        err->code = COOP_E_CHILD;
    hint_for(report, plan, err);
    return -1;
}
