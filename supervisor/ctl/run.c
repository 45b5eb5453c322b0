/*
 * run.c - one verb, from the call to what is printed
 */
#include "ctl/run.h"

#include "base/scope.h"
#include "ctl/ask.h"
#include "ctl/show.h"
#include "text/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* With --timeout coopd itself says what is not finished; this much later we stop listening. */
#define LAST_WORD_PATIENCE (1 * COOP_NSEC_PER_SEC)

enum { HINT_LINES = 5 }; /* of the log, below a service that did not start */

/* ---- printing JSON ---- */

/* An array as one line per element, so that scripts without a JSON parser manage, too. */
static void print_array(const json_t *array)
{
    size_t i;
    json_t *value;

    fputs("[", stdout);
    json_array_foreach(array, i, value)
    {
        fputs(i == 0 ? "\n " : ",\n ", stdout);
        json_dumpf(value, stdout, JSON_ENCODE_ANY);
    }
    fputs(json_array_size(array) ? "\n]\n" : "]\n", stdout);
}

static void print_object(const json_t *object)
{
    json_dumpf(object, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
}

static coop_nsec wall_now(void)
{
    struct timespec now = {0};

    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec * COOP_NSEC_PER_SEC + now.tv_nsec;
}

/* ---- status, tree ---- */

static void show_in_full(struct run *run, const json_t *service, bool first)
{
    const char *name = show_text(service, "name");
    SCOPED_JSON json_t *trees = json_array();
    SCOPED_JSON json_t *lines = last_lines(run, name, CTL_LINES_USUAL);

    if (collect(run, &ctl_verbs[CTL_TREE], only_service(name), "tree", trees) < 0)
        return;
    if (!first)
        fputc('\n', stdout);
    show_service(service, json_array_get(trees, 0), lines, wall_now(), stdout, run->screen);
}

static void run_status(struct run *run)
{
    const struct ctl_options *options = run->options;
    SCOPED_JSON json_t *services = json_array();
    size_t i;
    json_t *service;

    if (collect(run, options->verb, name_parameters(options), "service", services) < 0)
        return;
    if (options->json)
        print_array(services);
    else if (json_array_size(services) == 0)
        puts("coopd has no services");
    else if (options->count == 0)
        show_services(services, wall_now(), stdout, run->screen);
    json_array_foreach(services, i, service)
    {
        if (!options->json && options->count > 0)
            show_in_full(run, service, i == 0);
        if (options->count > 0 && !service_runs(service))
            set_exit(run, CTL_EXIT_NOT_RUNNING);
    }
}

static void run_tree(struct run *run)
{
    SCOPED_JSON json_t *trees = json_array();

    if (collect(run, run->options->verb, name_parameters(run->options), "tree", trees) < 0)
        return;
    if (run->options->json)
        print_array(trees);
    else
        show_trees(trees, stdout, run->screen);
}

/* ---- start, stop, restart, reload, kill ---- */

/* Why it failed, and what it said last. */
static void print_failure(struct run *run, const json_t *result)
{
    const char *name = show_text(result, "service"), *message = show_text(result, "message");
    enum ctl_verb_id verb = run->options->verb->id;
    bool started = verb == CTL_START || verb == CTL_RESTART || verb == CTL_SCALE;
    bool hint = show_text(result, "hint")[0] != '\0';
    json_t *lines = started && !hint ? last_lines(run, name, HINT_LINES) : NULL;
    struct coop_err err = {0};
    size_t i;
    json_t *line;

    coop_fail(&err, COOP_E_CHILD, "%s: %s", name,
              message[0] ? message : show_text(result, "result"));
    if (hint)
        coop_hint(&err, "%s", show_text(result, "hint"));
    else if (json_array_size(lines) > 0)
        coop_hint(&err, "the last lines of 'coopctl logs %s':", name);
    print_error(&err);
    json_array_foreach(lines, i, line)
    {
        SCOPED_FREE char *clean = text_clean(json_string_value(line));

        fprintf(stderr, "    %s\n", clean ? clean : "?");
    }
    json_decref(lines);
}

static void take_result(struct run *run, const json_t *result)
{
    const char *word = show_text(result, "result");

    if (strcmp(word, "ok") != 0)
        set_exit(run, strcmp(word, "timeout") == 0 ? CTL_EXIT_TIMEOUT : CTL_EXIT_FAILED);
    if (run->options->json)
        return;
    if (strcmp(word, "ok") == 0 && run->options->verb->id != CTL_KILL) {
        SCOPED_FREE char *name = text_clean(show_text(result, "service"));

        printf("%s: %s\n", name ? name : "?", show_text(result, "state"));
        fflush(stdout);
    }
}

static void print_changes(const json_t *changes)
{
    printf("configuration: %lld added, %lld removed, %lld changed, %lld unchanged\n",
           (long long)json_integer_value(json_object_get(changes, "added")),
           (long long)json_integer_value(json_object_get(changes, "removed")),
           (long long)json_integer_value(json_object_get(changes, "changed")),
           (long long)json_integer_value(json_object_get(changes, "unchanged")));
}

/* "web=5"; options.c has looked at it. */
static json_t *numbered(const struct ctl_options *options)
{
    const char *word = options->names[0];
    size_t len = 0;
    int64_t number = 0;
    struct coop_err err;

    (void)ctl_split_number(word, &len, &number, &err);
    return json_pack("{s:o, s:I}", "service", varlink_string(word, len), "count",
                     (json_int_t)number);
}

static json_t *act_parameters(const struct ctl_options *options)
{
    json_t *parameters =
        options->verb->params & CTL_P_COUNT ? numbered(options) : name_parameters(options);

    if (options->all)
        json_object_set_new(parameters, "all", json_true());
    if (options->no_wait)
        json_object_set_new(parameters, "wait", json_false());
    if (options->signal)
        json_object_set_new(parameters, "signal", json_string(options->signal));
    if (options->timeout != COOP_FOREVER && (options->verb->params & CTL_P_TIMEOUT))
        json_object_set_new(parameters, "timeout_ms",
                            json_integer(options->timeout / COOP_NSEC_PER_MSEC));
    return parameters;
}

/* Takes the results in as they come. 0, or -1 with everything said. */
static int take_results(struct run *run, json_t *results)
{
    coop_nsec deadline = run->deadline == COOP_FOREVER
                             ? COOP_FOREVER
                             : coop_after(run->deadline, LAST_WORD_PATIENCE);
    struct varlink_reply reply;
    bool more = true;

    while (more) {
        json_t *changes, *some, *result;
        size_t i;

        if (hear(run, &reply, deadline) < 0)
            return -1;
        some = json_object_get(reply.parameters, "results");
        changes = json_object_get(reply.parameters, "configuration");
        json_array_foreach(some, i, result) take_result(run, result);
        json_array_extend(results, some);
        if (json_is_object(changes) && run->options->json)
            print_object(changes);
        else if (json_is_object(changes))
            print_changes(changes);
        more = reply.continues;
        varlink_reply_done(&reply);
    }
    return 0;
}

static void run_act(struct run *run)
{
    const struct ctl_options *options = run->options;
    bool configuration =
        options->verb->id == CTL_RELOAD && options->count == 0 && !options->all;
    SCOPED_JSON json_t *results = json_array();
    size_t i;
    json_t *result;

    if (ask(run, options->verb, act_parameters(options), true) < 0 ||
        take_results(run, results) < 0)
        return;
    if (options->json && !configuration)
        print_array(results);
    json_array_foreach(results, i, result) if (strcmp(show_text(result, "result"), "ok") != 0 &&
                                               !options->json) print_failure(run, result);
}

/* ---- logs ---- */

/* Raw into a pipe or file; without control characters on a terminal, which they could steer. */
static void print_lines(const struct run *run, const json_t *lines)
{
    size_t i;
    json_t *line;

    json_array_foreach(lines, i, line)
    {
        if (run->options->json) {
            json_dumpf(line, stdout, JSON_ENCODE_ANY);
        } else if (run->screen->width == 0) {
            fwrite(json_string_value(line), 1, json_string_length(line), stdout);
        } else {
            SCOPED_FREE char *clean = text_clean(json_string_value(line));

            fputs(clean ? clean : "?", stdout);
        }
        fputc('\n', stdout);
    }
    fflush(stdout);
}

static void run_logs(struct run *run)
{
    const struct ctl_options *options = run->options;
    json_t *parameters = one_service(options->names[0]);
    struct varlink_reply reply;
    bool more = true;

    if (options->lines >= 0)
        json_object_set_new(parameters, "lines", json_integer(options->lines));
    if (options->follow)
        json_object_set_new(parameters, "follow", json_true());
    if (ask(run, options->verb, parameters, true) < 0)
        return;
    while (more) {
        coop_nsec deadline = options->follow ? run->deadline : answer_deadline(run);

        if (hear(run, &reply, deadline) < 0)
            return;
        print_lines(run, json_object_get(reply.parameters, "lines"));
        more = reply.continues;
        varlink_reply_done(&reply);
    }
}

/* ---- coopd itself ---- */

static void run_daemon(struct run *run)
{
    struct varlink_reply reply;

    if (ask(run, run->options->verb, NULL, false) < 0 ||
        hear(run, &reply, answer_deadline(run)) < 0)
        return;
    if (run->options->json)
        print_object(reply.parameters);
    else
        show_daemon(reply.parameters, stdout, run->screen);
    varlink_reply_done(&reply);
}

static void run_coroutines(struct run *run)
{
    struct varlink_reply reply;

    if (ask(run, run->options->verb, NULL, false) < 0 ||
        hear(run, &reply, answer_deadline(run)) < 0)
        return;
    if (run->options->json)
        print_array(json_object_get(reply.parameters, "coroutines"));
    else
        show_coroutines(reply.parameters, stdout, run->screen);
    varlink_reply_done(&reply);
}

/* What is in the member 'what', which is also the word for people. */
static void run_table(struct run *run, const char *what,
                      void (*show)(const json_t *, FILE *, const struct screen *))
{
    struct varlink_reply reply;
    const json_t *rows;

    if (ask(run, run->options->verb, NULL, false) < 0 ||
        hear(run, &reply, answer_deadline(run)) < 0)
        return;
    rows = json_object_get(reply.parameters, what);
    if (run->options->json)
        print_array(rows);
    else if (json_array_size(rows) == 0)
        printf("coopd has no %s\n", what);
    else
        show(rows, stdout, run->screen);
    varlink_reply_done(&reply);
}

static void run_groups(struct run *run)
{
    run_table(run, "groups", show_groups);
}

static void run_timers(struct run *run)
{
    run_table(run, "timers", show_timers);
}

static void run_shutdown(struct run *run)
{
    struct varlink_reply reply;
    struct coop_err err;

    if (ask(run, run->options->verb, NULL, false) < 0 ||
        hear(run, &reply, answer_deadline(run)) < 0)
        return;
    varlink_reply_done(&reply);
    if (ctl_client_wait_gone(run->client, run->deadline, &err) < 0) {
        coop_while(&err, "coopd is stopping its services");
        give_up(run, &err);
    } else if (run->options->json) {
        puts("{}");
    }
}

/* coopd's working directory is not ours. */
static json_t *path_parameters(const struct ctl_options *options)
{
    const char *path = options->count ? options->names[0] : NULL;
    SCOPED_FREE char *here = path && path[0] != '/' ? getcwd(NULL, 0) : NULL;

    if (here)
        return json_pack("{s:s++}", "path", here, "/", path);
    return path ? json_pack("{s:s}", "path", path) : json_object();
}

static void run_reexec(struct run *run)
{
    struct varlink_reply reply;

    if (ask(run, run->options->verb, path_parameters(run->options), false) < 0 ||
        hear(run, &reply, run->deadline) < 0)
        return;
    if (run->options->json)
        print_object(reply.parameters);
    else
        printf("process %lld goes on as '%s', version %s\n",
               (long long)json_integer_value(json_object_get(reply.parameters, "pid")),
               show_text(reply.parameters, "program"), show_text(reply.parameters, "version"));
    varlink_reply_done(&reply);
}

/* ---- the whole ---- */

static enum ctl_exit unreached(const char *socket_path, struct coop_err *err)
{
    bool denied = err->sys == EACCES || err->sys == EPERM;

    if (err->code == COOP_E_TIMEOUT) {
        print_error(err);
        return CTL_EXIT_TIMEOUT;
    }
    if (denied)
        coop_hint(err, "only root and the user who runs coopd may use '%s'", socket_path);
    else
        coop_hint(err,
                  "start coopd, or name its socket with --socket or COOP_SOCKET (one that is "
                  "still ending what a killed coopd left does not listen yet)");
    print_error(err);
    return denied ? CTL_EXIT_UNKNOWN : CTL_EXIT_UNREACHED;
}

enum ctl_exit run_verb(const struct ctl_options *options, const char *socket_path,
                       const struct screen *screen)
{
    static void (*const runs[CTL_VERBS])(struct run *) = {
        /* clang-format off */
        [CTL_STATUS] = run_status,
        [CTL_START] = run_act,
        [CTL_STOP] = run_act,
        [CTL_RESTART] = run_act,
        [CTL_RELOAD] = run_act,
        [CTL_KILL] = run_act,
        [CTL_SCALE] = run_act,
        [CTL_TREE] = run_tree,
        [CTL_LOGS] = run_logs,
        [CTL_SHUTDOWN] = run_shutdown,
        [CTL_DAEMON] = run_daemon,
        [CTL_COROUTINES] = run_coroutines,
        [CTL_GROUPS] = run_groups,
        [CTL_TIMERS] = run_timers,
        [CTL_REEXEC] = run_reexec,
        /* clang-format on */
    };
    struct run run = {.options = options, .screen = screen, .deadline = COOP_FOREVER};
    struct coop_err err;

    if (options->timeout != COOP_FOREVER)
        run.deadline = coop_after(ctl_client_now(), options->timeout);
    if (ctl_client_open(&run.client, socket_path, answer_deadline(&run), &err) < 0)
        return unreached(socket_path, &err);
    runs[options->verb->id](&run);
    ctl_client_close(run.client);
    return run.exit;
}
