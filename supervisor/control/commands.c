/*
 * commands.c - which command answers which method, and who may ask
 *
 * The order of the questions is fixed: is there such a method, may this peer ask it, are its
 * parameters right.  Only then does a command see the call.
 */
#include "control/room.h"

#include "base/log.h"
#include "base/str.h"
#include "base/strlist.h"
#include "control/interface.h"
#include "daemon.h"
#include "events/board.h"
#include "text/words.h"

#include <errno.h>
#include <string.h>

#define STANDARD "org.varlink.service"

/* In the order of the verbs. */
static ctl_command_fn *const commands[CTL_VERBS] = {
    /* clang-format off */
    [CTL_STATUS] = ctl_list,
    [CTL_START] = ctl_act,
    [CTL_STOP] = ctl_act,
    [CTL_RESTART] = ctl_act,
    [CTL_RELOAD] = ctl_act,
    [CTL_KILL] = ctl_act,
    [CTL_SCALE] = ctl_scale,
    [CTL_TREE] = ctl_tree,
    [CTL_LOGS] = ctl_logs,
    [CTL_TIMERS] = ctl_timers,
    [CTL_DAEMON] = ctl_daemon,
    [CTL_SHUTDOWN] = ctl_shutdown,
    [CTL_COROUTINES] = ctl_coroutines,
    [CTL_GROUPS] = ctl_groups,
    [CTL_REEXEC] = ctl_reexec,
    /* clang-format on */
};

/* ---- errors that several commands need ---- */

int ctl_no_such_service(struct ctl_call *call, const char *name)
{
    struct board *board = daemon_board(call->control->daemon);
    char nearest[SVC_NAME_MAX + 1] = "";
    size_t distance = SIZE_MAX;
    struct svc_view view;

    for (unsigned i = 0; i < board_limit(board); i++) {
        if (!board_read(board, i, &view) || !str_is_near(view.name, name) ||
            str_distance(view.name, name) >= distance)
            continue;
        distance = str_distance(view.name, name);
        memcpy(nearest, view.name, sizeof nearest);
    }
    return ctl_error(
        call, CTL_INTERFACE ".NoSuchService",
        json_pack("{s:o, s:o}", "service", varlink_string(name, strlen(name)), "nearest",
                  nearest[0] ? varlink_string(nearest, strlen(nearest)) : json_null()));
}

static int bad_parameter(struct ctl_call *call, const char *name)
{
    return ctl_error(call, STANDARD ".InvalidParameter",
                     json_pack("{s:o}", "parameter", varlink_string(name, strlen(name))));
}

/* ---- org.varlink.service ---- */

static int get_info(struct ctl_call *call)
{
    struct daemon_info info;

    daemon_describe(call->control->daemon, &info);
    return ctl_reply(call, json_pack("{s:s, s:s, s:s, s:s, s:[s, s]}", "vendor", "coop",
                                     "product", "coopd", "version", info.version, "url", "",
                                     "interfaces", STANDARD, CTL_INTERFACE));
}

static int get_description(struct ctl_call *call, json_t *parameters)
{
    const char *name = json_string_value(json_object_get(parameters, "interface"));
    const char *text = NULL;

    if (!name)
        return bad_parameter(call, "interface");
    if (strcmp(name, CTL_INTERFACE) == 0)
        text = interface_io_coop_Supervisor;
    else if (strcmp(name, STANDARD) == 0)
        text = interface_org_varlink_service;
    if (!text)
        return ctl_error(call, STANDARD ".InterfaceNotFound",
                         json_pack("{s:o}", "interface", varlink_string(name, strlen(name))));
    return ctl_reply(call, json_pack("{s:s}", "description", text));
}

/* ---- dispatch ---- */

static int no_method(struct ctl_call *call, const char *method)
{
    return ctl_error(call, STANDARD ".MethodNotFound",
                     json_pack("{s:o}", "method", varlink_string(method, strlen(method))));
}

/* What changes something is told in the log, with who asked. */
static void log_command(const struct ctl_call *call)
{
    const struct ctl_args *args = &call->args;

    log_info("control", "%s%s%s%s, asked by pid %d uid %u", call->verb->word,
             args->all     ? " all"
             : args->count ? " "
                           : "",
             args->count ? args->services[0] : "", args->count > 1 ? " ..." : "",
             call->session->peer.pid, (unsigned)call->session->peer.uid);
}

static int run_expanded(struct ctl_call *call)
{
    struct coop_err err = {0};

    if (call->verb->params & CTL_P_SERVICES && !ctl_is_posted(call) &&
        ctl_expand(call->control, call->verb, &call->args, &err) < 0)
        return ctl_fail_turn(call, &err);
    return commands[call->verb->id](call);
}

static int run_command(struct ctl_call *call)
{
    const char *bad = "";
    int r = ctl_args_check(call->verb, call->parameters, &call->args, &bad);

    if (r == 0 && (r = ctl_expand_groups(call->control->daemon, call->verb, &call->args)) < 0)
        ctl_args_done(&call->args);
    if (r == -ENOMEM)
        return ctl_error(call, CTL_INTERFACE ".LimitReached",
                         json_pack("{s:s, s:i}", "limit", "memory", "value", 0));
    if (r < 0)
        return bad_parameter(call, bad);
    if (call->verb->stream && !call->more && (call->args.count != 1 || call->args.follow)) {
        r = ctl_error(call, STANDARD ".ExpectedMore", NULL);
    } else {
        if (call->verb->fifo && !call->again)
            log_command(call);
        r = run_expanded(call);
        if (r == 0 && !call->answered && !call->oneway)
            r = ctl_stream_end(call, NULL);
    }
    ctl_args_done(&call->args);
    return r;
}

/* A method of ours: may they, then do. */
static int supervise(struct ctl_call *call, const char *method, const char *name)
{
    const struct session *session = call->session;

    call->verb = ctl_verb_of_method(name);
    if (!call->verb)
        return no_method(call, method);
    if (session->right < call->verb->right) {
        log_warn("control", "%s refused to pid %d uid %u: needs the right to %s",
                 call->verb->word, session->peer.pid, (unsigned)session->peer.uid,
                 ctl_right_word(call->verb->right));
        return ctl_error(call, STANDARD ".PermissionDenied", NULL);
    }
    return run_command(call);
}

int ctl_dispatch(struct session *session, const struct varlink_call *asked, bool again,
                 const json_t *progress)
{
    struct ctl_call call = {.session = session,
                            .control = session->control,
                            .parameters = asked->parameters,
                            .again = again,
                            .progress = progress,
                            .more = asked->more,
                            .oneway = asked->oneway};
    const char *name;
    size_t length;

    if (!varlink_method_split(asked->method, &length, &name))
        return no_method(&call, asked->method);
    if (length == sizeof STANDARD - 1 && memcmp(asked->method, STANDARD, length) == 0) {
        if (strcmp(name, "GetInfo") == 0)
            return get_info(&call);
        if (strcmp(name, "GetInterfaceDescription") == 0)
            return get_description(&call, asked->parameters);
        return no_method(&call, asked->method);
    }
    if (length == sizeof CTL_INTERFACE - 1 && memcmp(asked->method, CTL_INTERFACE, length) == 0)
        return supervise(&call, asked->method, name);
    return ctl_error(&call, STANDARD ".InterfaceNotFound",
                     json_pack("{s:o}", "interface", varlink_string(asked->method, length)));
}

int ctl_obey(struct control *control, const char *line, const char *who)
{
    const struct ctl_verb *verb;
    struct strlist words = {0};
    struct ctl_args args;
    struct coop_err err = {0};
    int r = words_split(line, &words, &err);

    if (r == 0 && words.count > 0) {
        r = ctl_args_words(&words, &verb, &args, &err);
        if (r == 0) {
            log_info("control", "%s: %s", who, line);
            r = ctl_expand_groups(control->daemon, verb, &args);
            r = r < 0 ? coop_fail_sys(&err, r, "%s", verb->word)
                      : ctl_act_blindly(control, verb, &args, &err);
            ctl_args_done(&args);
        }
    }
    strlist_done(&words);
    if (r == 0 || ctl_pauses(control, -err.sys))
        return r == 0 ? 0 : -ECANCELED;
    coop_while(&err, "%s: '%.80s'", who, line);
    log_err(LOG_LEVEL_WARN, "control", &err);
    return 0;
}
