/*
 * policy.c - Restart=, as the matrix of systemd.service(5)
 *
 * Systemd counts a signal that asks for an end (HUP, INT, TERM) or tells of a closed reader
 * (PIPE) as a clean exit, but not for a oneshot: half a job is no job.
 */
#include "service/policy.h"

#include <signal.h>
#include <stdio.h>

#include "text/signames.h"

static bool is_clean_signal(int signo)
{
    return signo == SIGHUP || signo == SIGINT || signo == SIGTERM || signo == SIGPIPE;
}

/* Did main end by itself in one of these ways? */
static bool is_among(const struct exit_set *set, const struct ending *ending)
{
    if (ending->unborn || ending->step_failed || ending->kind == EXIT_UNKNOWN)
        return false;
    return ending->kind == EXIT_SIGNAL ? exit_set_has_signal(set, ending->value)
                                       : exit_set_has_code(set, ending->value);
}

static enum ending_class exit_class(const struct svc_spec *spec, const struct ending *ending)
{
    if (is_among(&spec->success_exits, ending))
        return ENDING_SUCCESS;
    switch (ending->kind) {
    case EXIT_CODE: return ending->value == 0 ? ENDING_SUCCESS : ENDING_CODE;
    case EXIT_SIGNAL:
        if (is_clean_signal(ending->value) && spec->type != TYPE_ONESHOT)
            return ENDING_SUCCESS;
        return ending->core ? ENDING_CORE : ENDING_SIGNAL;
    case EXIT_NONE:
    case EXIT_UNKNOWN: break;
    }
    return ENDING_UNKNOWN;
}

/* The end of another command than main, or of a main that was stopped for it. */
static enum ending_class step_class(const struct ending *ending)
{
    if (ending->kind != EXIT_SIGNAL || is_clean_signal(ending->value))
        return ENDING_CODE;
    return ending->core ? ENDING_CORE : ENDING_SIGNAL;
}

enum ending_class policy_class(const struct svc_spec *spec, const struct ending *ending)
{
    enum ending_class class;

    if (ending->unborn)
        return ENDING_CODE;
    if (ending->broken != LAUNCH_RESULT_EXIT ||
        (ending->out_of_memory && exit_class(spec, ending) != ENDING_SUCCESS))
        return ENDING_BOUND;
    if (ending->watchdog)
        return ENDING_WATCHDOG;
    if (ending->timed_out)
        return ENDING_TIMEOUT;
    if (ending->step_failed)
        return step_class(ending);
    class = exit_class(spec, ending);
    return class == ENDING_SUCCESS && ending->never_ready ? ENDING_PROTOCOL : class;
}

bool policy_restarts(enum svc_restart restart, enum ending_class class)
{
    /* clang-format off */
    static const bool again[RESTART_ALWAYS + 1][ENDING_CLASSES] = {
        /*                       success code  signal core  timeout protocol watchdog bound unknown */
        [RESTART_NO]          = {false, false,false, false,false,  false,   false,   false,false},
        [RESTART_ON_SUCCESS]  = {true,  false,false, false,false,  false,   false,   false,false},
        [RESTART_ON_FAILURE]  = {false, true, true,  true, true,   true,    true,    true, true},
        [RESTART_ON_ABNORMAL] = {false, false,true,  true, true,   true,    true,    true, true},
        [RESTART_ON_WATCHDOG] = {false, false,false, false,false,  false,   true,    false,false},
        [RESTART_ON_ABORT]    = {false, false,true,  true, false,  false,   false,   false,false},
        [RESTART_ALWAYS]      = {true,  true, true,  true, true,   true,    true,    true, true},
    };
    /* clang-format on */

    return again[restart][class];
}

enum svc_event policy_verdict(const struct svc_spec *spec, const struct ending *ending)
{
    enum ending_class class = policy_class(spec, ending);
    bool again = policy_restarts((enum svc_restart)spec->restart, class) ||
                 is_among(&spec->force_exits, ending);

    if (ending->skipped)
        return EV_SUCCEEDED;
    if (again && !is_among(&spec->prevent_exits, ending))
        return EV_DIED;
    return class == ENDING_SUCCESS ? EV_SUCCEEDED : EV_HOPELESS;
}

int policy_exit_status(const struct ending *ending)
{
    if (ending->kind == EXIT_CODE)
        return ending->value;
    return ending->kind == EXIT_SIGNAL ? 128 + ending->value : 1;
}

const char *policy_ending_text(const struct ending *ending, char *buf, size_t size)
{
    char name[SIGNAME_TEXT];

    switch (ending->kind) {
    case EXIT_CODE: snprintf(buf, size, "exited with code %d", ending->value); return buf;
    case EXIT_SIGNAL:
        snprintf(buf, size, "killed by %s%s", signame_render(ending->value, name),
                 ending->core ? " (core dumped)" : "");
        return buf;
    case EXIT_UNKNOWN: snprintf(buf, size, "ended, nobody knows how"); return buf;
    case EXIT_NONE: break;
    }
    snprintf(buf, size, "never started");
    return buf;
}
