/*
 * act.c - Start, Stop, Restart, Reload, Kill, Scale: commands to services, and what came of them
 *
 * A command is posted into the mailbox of each service; their answers come back through one
 * channel that has a place for each of them, so that no service ever waits for a client.  The
 * client's coroutine waits on that channel, on the client (which may go away: the command goes
 * on without it) and on the end of coopd.
 */
#include "control/room.h"

#include "base/scope.h"
#include "base/sys.h"
#include "coop/io.h"
#include "coop/select.h"
#include "daemon.h"
#include "events/board.h"
#include "service/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The services a command is for, each with a reference. */
struct targets {
    struct svc **at;
    size_t count, room;
};

/* A command under way. */
struct action {
    struct ctl_call *call;
    struct targets targets;
    struct coop_chan *replies; /* of struct svc_reply, tagged with the place in targets */
    bool *answered;
    size_t pending;
    coop_nsec deadline;
    json_t *results; /* not sent yet */
};

/* ---- whom ---- */

static void targets_done(struct targets *targets)
{
    for (size_t i = 0; i < targets->count; i++)
        svc_unref(targets->at[i]);
    free(targets->at);
    *targets = (struct targets){0};
}

/* Adds the service of that name. 0, -ENOENT, -ENOMEM. */
static int add_target(struct targets *targets, struct daemon *daemon, const char *name)
{
    struct svc *svc = daemon_find(daemon, name);

    if (!svc)
        return -ENOENT;
    if (targets->count == targets->room) {
        size_t room = targets->room ? targets->room * 2 : 16;
        struct svc **more = reallocarray(targets->at, room, sizeof *more);

        if (!more) {
            svc_unref(svc);
            return -ENOMEM;
        }
        targets->at = more;
        targets->room = room;
    }
    targets->at[targets->count++] = svc;
    return 0;
}

/* Whom does "all" mean?  A restart of all leaves alone what nobody wants up, a reload what does
 * not run. */
static bool all_means(enum ctl_verb_id verb, const struct svc_view *view)
{
    if (verb == CTL_RESTART)
        return view->wanted_up;
    if (verb == CTL_RELOAD)
        return svc_place_state(view->place) == ST_UP;
    return true;
}

static int add_all(struct targets *targets, struct daemon *daemon, enum ctl_verb_id verb)
{
    struct board *board = daemon_board(daemon);
    struct svc_view view;
    int r = 0;

    for (unsigned i = 0; r >= 0 && i < board_limit(board); i++) {
        if (!board_read(board, i, &view) || !all_means(verb, &view))
            continue;
        r = add_target(targets, daemon, view.name);
        if (r == -ENOENT) /* removed just now by a reload */
            r = 0;
    }
    return r;
}

/* 0; -ENOENT and '*ret_unknown' is the name; -ENOMEM. */
static int find_targets(struct targets *ret_targets, struct daemon *daemon,
                        const struct ctl_verb *verb, const struct ctl_args *args,
                        const char **ret_unknown)
{
    struct targets targets = {0};
    int r = args->all ? add_all(&targets, daemon, verb->id) : 0;

    for (size_t i = 0; r == 0 && i < args->count; i++) {
        r = add_target(&targets, daemon, args->services[i]);
        if (r < 0)
            *ret_unknown = args->services[i];
    }
    if (r < 0)
        targets_done(&targets);
    else
        *ret_targets = targets;
    return r;
}

/* ---- asking ---- */

static enum svc_command_kind kind_of(enum ctl_verb_id verb)
{
    static const enum svc_command_kind kinds[CTL_VERBS] = {
        [CTL_START] = CMD_START,   [CTL_STOP] = CMD_STOP, [CTL_RESTART] = CMD_RESTART,
        [CTL_RELOAD] = CMD_RELOAD, [CTL_KILL] = CMD_KILL, [CTL_SCALE] = CMD_START,
    };

    return kinds[verb];
}

/* Who is asked together waits for the others as the graph says, whoever hears of it first. */
static void announce_all(const struct targets *targets, const struct ctl_verb *verb)
{
    for (size_t i = 0; i < targets->count; i++)
        svc_announce(targets->at[i], kind_of(verb->id));
}

static int post(struct svc *svc, const struct ctl_verb *verb, const struct ctl_args *args,
                uint64_t tag, struct coop_chan *replies)
{
    struct svc_command command = {
        .kind = kind_of(verb->id), .signo = args->signo, .tag = tag, .reply = replies};

    return svc_command_announced(svc, &command);
}

/* ---- telling what came of it ---- */

static const char *result_word(enum svc_result result)
{
    switch (result) {
    case SVC_OK: return "ok";
    case SVC_FAILED: return "failed";
    case SVC_CANCELED: return "canceled";
    case SVC_REFUSED: return "refused";
    case SVC_BUSY: return "busy";
    }
    return "failed";
}

static void add_result(json_t *results, const char *name, const char *word,
                       enum svc_place place, const char *message, const char *hint)
{
    json_array_append_new(
        results, json_pack("{s:s, s:s, s:s, s:s, s:o, s:o}", "service", name, "result", word,
                           "state", svc_state_word(svc_place_state(place)), "substate",
                           svc_place_sub(place), "message",
                           message[0] ? varlink_string(message, strlen(message)) : json_null(),
                           "hint", hint[0] ? varlink_string(hint, strlen(hint)) : json_null()));
}

static void add_reply(struct action *action, json_t *results, const struct svc_reply *reply)
{
    if (reply->tag >= action->targets.count || action->answered[reply->tag])
        return;
    action->answered[reply->tag] = true;
    action->pending--;
    add_result(results, svc_name(action->targets.at[reply->tag]), result_word(reply->result),
               reply->place, reply->text, reply->hint);
}

/* All replies that are there already. */
static void add_ready(struct action *action, json_t *results)
{
    struct svc_reply reply;

    while (action->pending > 0 && coop_recv(action->replies, &reply, COOP_NOW) == 1)
        add_reply(action, results, &reply);
}

/* Those that will not answer any more, and why. */
static void add_missing(struct action *action, json_t *results, const char *word,
                        const char *message)
{
    struct board *board = daemon_board(action->call->control->daemon);

    for (size_t i = 0; i < action->targets.count; i++) {
        struct svc_view view = {.place = AT_DOWN};

        if (action->answered[i])
            continue;
        board_read(board, svc_slot(action->targets.at[i]), &view);
        add_result(results, svc_name(action->targets.at[i]), word, view.place, message, "");
    }
    action->pending = 0;
}

/* ---- waiting ---- */

/* Waits for replies, the client's end, the deadline, or coopd's end; adds what it learns to the
 * results.  0, -EPIPE when the client has gone, -ECANCELED when the room pauses. */
static int wait_for_news(struct action *action)
{
    json_t *results = action->results;
    struct session *session = action->call->session;
    struct svc_reply reply;
    struct coop_case cases[] = {
        COOP_RECV(action->replies, &reply),
        COOP_RECV(action->call->control->stop, NULL),
        COOP_FD(session->fd, COOP_IN),
    };
    int r = coop_select(cases, session_listens(session) ? 3 : 2, action->deadline);

    if (ctl_pauses(action->call->control, r))
        return r;
    if (r == 0 && cases[0].result == 1)
        add_reply(action, results, &reply);
    add_ready(action, results);
    if (r == 2)
        return session_take_in(session, cases[2].result);
    if (r == -ETIMEDOUT)
        add_missing(action, results, "timeout", "not finished in the time given; it goes on");
    else if (r < 0 || r == 1)
        add_missing(action, results, "canceled", "coopd is ending");
    return 0;
}

/* Answers as results come in ('more'), or once with all of them. */
static int tell_results(struct action *action)
{
    struct ctl_call *call = action->call;
    int r = 0;

    while (r == 0 && action->pending > 0) {
        r = wait_for_news(action);
        if (r == 0 && call->more && json_array_size(action->results) > 0) {
            r = ctl_stream(call, json_pack("{s:o}", "results", action->results));
            r = r < 0 ? r : ctl_flush(call);
            action->results = json_array();
        }
    }
    if (r == 0 && call->verb->id == CTL_STOP)
        r = daemon_sweep(call->control->daemon);
    if (r < 0)
        return r;
    return ctl_stream_end(call, json_pack("{s:o}", "results", ptr_take(&action->results)));
}

static void post_all(struct action *action)
{
    const struct ctl_call *call = action->call;

    announce_all(&action->targets, call->verb);
    for (size_t i = 0; i < action->targets.count; i++) {
        struct svc_reply refused = {.tag = i, .result = SVC_FAILED, .text = "out of memory"};

        if (post(action->targets.at[i], call->verb, &call->args, i, action->replies) < 0 &&
            action->replies)
            coop_send(action->replies, &refused, COOP_NOW);
    }
}

static int no_memory(struct ctl_call *call)
{
    return ctl_error(call, CTL_INTERFACE ".LimitReached",
                     json_pack("{s:s, s:i}", "limit", "memory", "value", 0));
}

void ctl_action_free(struct action *action)
{
    if (!action)
        return;
    targets_done(&action->targets);
    coop_chan_unref(action->replies);
    free(action->answered);
    json_decref(action->results);
    free(action);
}

/* For these targets, which are its own then; NULL: no memory. */
static struct action *new_action(struct targets *targets)
{
    struct action *action = calloc(1, sizeof *action);
    size_t count = targets->count;

    if (!action)
        return NULL;
    action->targets = *targets;
    *targets = (struct targets){0};
    action->replies = coop_chan_new(sizeof(struct svc_reply), count > 0 ? count : 1);
    action->answered = calloc(count + 1, sizeof *action->answered);
    action->results = json_array();
    action->pending = count;
    action->deadline = COOP_FOREVER;
    if (action->replies && action->answered && action->results)
        return action;
    ctl_action_free(action);
    return NULL;
}

/* Waits for what comes of it; when the room pauses it is the session's until that is over. */
static int see_through(struct ctl_call *call, struct action *action)
{
    int r;

    action->call = call;
    r = tell_results(action);
    if (ctl_pauses(call->control, r))
        call->session->action = action;
    else
        ctl_action_free(action);
    return r;
}

static int act_and_wait(struct ctl_call *call, struct targets *targets)
{
    struct action *action = new_action(targets);

    if (!action)
        return no_memory(call);
    action->call = call;
    if (call->args.timeout_ms > 0)
        action->deadline = coop_after(coop_now(), call->args.timeout_ms * COOP_NSEC_PER_MSEC);
    post_all(action);
    return see_through(call, action);
}

/* ---- a re-execution ---- */

json_t *ctl_action_record(struct action *action)
{
    json_t *pending = json_array();

    add_ready(action, action->results);
    for (size_t i = 0; i < action->targets.count; i++)
        if (!action->answered[i])
            json_array_append_new(pending, json_string(svc_name(action->targets.at[i])));
    return json_pack("{s:o, s:O, s:I}", "pending", pending, "results", action->results,
                     "deadline", (json_int_t)action->deadline);
}

static enum svc_command_kind wait_of(enum ctl_verb_id verb)
{
    if (verb == CTL_STOP)
        return CMD_AWAIT_DOWN;
    return verb == CTL_RELOAD ? CMD_AWAIT_RELOAD : CMD_AWAIT_UP;
}

/* The program before has posted the commands: what is left is to hear of them. */
static int wait_again(struct ctl_call *call)
{
    struct targets targets = {0};
    struct action *action;
    json_t *name, *results = json_object_get(call->progress, "results");
    size_t i;

    json_array_foreach(json_object_get(call->progress, "pending"), i, name)
    {
        if (add_target(&targets, call->control->daemon, json_string_value(name)) < 0)
            add_result(results, json_string_value(name), "canceled", AT_DOWN,
                       "it was taken out of the configuration", "");
    }
    action = new_action(&targets);
    if (!action)
        return no_memory(call);
    json_array_extend(action->results, results);
    action->deadline = json_integer_value(json_object_get(call->progress, "deadline"));
    for (i = 0; i < action->targets.count; i++) {
        const struct svc_command wait = {
            .kind = wait_of(call->verb->id), .tag = i, .reply = action->replies};

        (void)svc_command(action->targets.at[i], &wait);
    }
    return see_through(call, action);
}

/* One that was under way when the room paused. */
static int act_again(struct ctl_call *call)
{
    struct action *action = ptr_take(&call->session->action);

    return action ? see_through(call, action) : wait_again(call);
}

/* There may have been no turn for what comes before that. */
bool ctl_is_posted(const struct ctl_call *call)
{
    return call->session->action || json_object_get(call->progress, "pending");
}

/* Reload without a name: coopd's own configuration. */
static int reload_configuration(struct ctl_call *call)
{
    struct reload_report report = {0};
    struct coop_err err;

    if (daemon_reload(call->control->daemon, &report, &err) < 0)
        return ctl_fail_turn(call, &err);
    return ctl_reply(call, json_pack("{s:[], s:{s:i, s:i, s:i, s:i}}", "results",
                                     "configuration", "added", (int)report.added, "removed",
                                     (int)report.removed, "changed", (int)report.changed,
                                     "unchanged", (int)report.unchanged));
}

/* ---- the public calls ---- */

int ctl_act(struct ctl_call *call)
{
    struct targets targets = {0};
    const char *unknown = "";
    int r;

    if (call->verb->id == CTL_RELOAD && !call->args.named && !call->args.all)
        return reload_configuration(call);
    if (ctl_is_posted(call))
        return act_again(call);
    r = find_targets(&targets, call->control->daemon, call->verb, &call->args, &unknown);
    if (r == -ENOENT)
        return ctl_no_such_service(call, unknown);
    if (r < 0)
        return no_memory(call);
    if (call->args.wait && !call->oneway) {
        r = act_and_wait(call, &targets);
    } else {
        for (size_t i = 0; i < targets.count; i++)
            (void)post(targets.at[i], call->verb, &call->args, i, NULL);
        r = ctl_stream_end(call, json_pack("{s:[]}", "results"));
    }
    targets_done(&targets);
    return r;
}

/* The number first: then there is something to start, or it is down already. */
int ctl_scale(struct ctl_call *call)
{
    struct coop_err err = {0};

    if (!ctl_is_posted(call) && (daemon_scale(call->control->daemon, call->args.services[0],
                                              (unsigned)call->args.number, &err) < 0 ||
                                 ctl_expand(call->control, call->verb, &call->args, &err) < 0))
        return ctl_fail_turn(call, &err);
    return ctl_act(call);
}

int ctl_act_blindly(struct control *control, const struct ctl_verb *verb, struct ctl_args *args,
                    struct coop_err *err)
{
    struct targets targets = {0};
    const char *unknown = "";
    int r = 0;

    if (verb->id == CTL_SHUTDOWN) {
        daemon_shutdown(control->daemon);
        return 0;
    }
    if (verb->id == CTL_RELOAD && !args->named && !args->all) {
        struct reload_report report;

        return daemon_reload(control->daemon, &report, err);
    }
    if (verb->id == CTL_SCALE &&
        daemon_scale(control->daemon, args->services[0], (unsigned)args->number, err) < 0)
        return -1;
    if (ctl_expand(control, verb, args, err) < 0)
        return -1;
    r = find_targets(&targets, control->daemon, verb, args, &unknown);
    if (r == -ENOENT)
        return coop_fail(err, COOP_E_UNKNOWN, "no service '%s'", unknown);
    if (r == 0)
        announce_all(&targets, verb);
    for (size_t i = 0; i < targets.count; i++)
        r = post(targets.at[i], verb, args, 0, NULL) < 0 ? -ENOMEM : r;
    targets_done(&targets);
    return r < 0 ? coop_fail_sys(err, r, "%s", verb->word) : 0;
}
