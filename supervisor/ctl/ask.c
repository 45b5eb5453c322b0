/*
 * ask.c - calls of coopctl, and what goes wrong with them in words
 */
#include "ctl/ask.h"

#include "base/scope.h"
#include "base/str.h"
#include "ctl/show.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How long coopd may take to say anything when nobody gave a --timeout. */
#define ANSWER_PATIENCE (30 * COOP_NSEC_PER_SEC)

/* ---- errors ---- */

void print_error(const struct coop_err *err)
{
    SCOPED_FREE char *text = text_clean(err->text);
    SCOPED_FREE char *hint = text_clean(err->hint);

    fprintf(stderr, "coopctl: %s\n", text ? text : "out of memory");
    if (hint && hint[0])
        fprintf(stderr, "hint: %s\n", hint);
}

void set_exit(struct run *run, enum ctl_exit exit)
{
    if (run->exit == CTL_EXIT_OK || run->exit == CTL_EXIT_FAILED)
        run->exit = exit;
}

int give_up(struct run *run, const struct coop_err *err)
{
    print_error(err);
    set_exit(run, err->code == COOP_E_TIMEOUT ? CTL_EXIT_TIMEOUT
                  : err->code == COOP_E_LIMIT ? CTL_EXIT_USAGE
                                              : CTL_EXIT_FAILED);
    return -1;
}

static bool is_error(const struct varlink_reply *reply, const char *name)
{
    const char *dot = strrchr(reply->error, '.');

    return dot && strcmp(dot + 1, name) == 0;
}

/* Says an error reply in words and sets the exit code. Always -1. */
static int explain(struct run *run, const struct varlink_reply *reply)
{
    const json_t *about = reply->parameters;
    const char *service = show_text(about, "service"), *nearest = show_text(about, "nearest");
    struct coop_err err = {0};
    enum ctl_exit exit = CTL_EXIT_FAILED;

    if (is_error(reply, "NoSuchService")) {
        exit = CTL_EXIT_UNKNOWN;
        coop_fail(&err, COOP_E_UNKNOWN, "no service '%s'", service);
        if (nearest[0])
            coop_hint(&err, "did you mean '%s'?", nearest);
    } else if (is_error(reply, "PermissionDenied")) {
        exit = CTL_EXIT_UNKNOWN;
        coop_fail(&err, COOP_E_DENIED, "no right to %s here", run->options->verb->word);
        coop_hint(&err, "coopd obeys root and its own user, and nobody inside a sandbox");
    } else if (is_error(reply, "InvalidParameter")) {
        exit = CTL_EXIT_USAGE;
        coop_fail(&err, COOP_E_RANGE, "%s: coopd does not accept '%s'",
                  run->options->verb->word, show_text(about, "parameter"));
    } else if (is_error(reply, "NoLog")) {
        coop_fail(&err, COOP_E_MISSING, "'%s' does not keep its output in a file", service);
    } else if (is_error(reply, "LimitReached")) {
        coop_fail(&err, COOP_E_LIMIT, "coopd is at its limit of %s", show_text(about, "limit"));
    } else if (is_error(reply, "SlowReader")) {
        coop_fail(&err, COOP_E_LIMIT, "cut off: the lines came faster than they were read");
    } else if (show_text(about, "message")[0]) {
        coop_fail(&err, COOP_E_CHILD, "%s", show_text(about, "message"));
        if (show_text(about, "hint")[0])
            coop_hint(&err, "%s", show_text(about, "hint"));
    } else {
        coop_fail(&err, COOP_E_CHILD, "coopd refuses: %s", reply->error);
    }
    print_error(&err);
    set_exit(run, exit);
    return -1;
}

/* ---- calls ---- */

int ask(struct run *run, const struct ctl_verb *verb, json_t *parameters, bool more)
{
    char method[64];
    struct coop_err err;

    str_format(method, sizeof method, "%s.%s", CTL_INTERFACE, verb->method);
    if (ctl_client_call(run->client, method, parameters, more, &err) < 0)
        return give_up(run, &err);
    return 0;
}

int hear(struct run *run, struct varlink_reply *ret_reply, coop_nsec deadline)
{
    struct coop_err err;

    if (ctl_client_next(run->client, ret_reply, deadline, &err) < 0)
        return give_up(run, &err);
    if (!ret_reply->error)
        return 0;
    explain(run, ret_reply);
    varlink_reply_done(ret_reply);
    return -1;
}

coop_nsec answer_deadline(const struct run *run)
{
    return run->deadline != COOP_FOREVER ? run->deadline
                                         : coop_after(ctl_client_now(), ANSWER_PATIENCE);
}

int collect(struct run *run, const struct ctl_verb *verb, json_t *parameters,
            const char *member, json_t *to)
{
    struct varlink_reply reply;
    bool more = true;

    if (ask(run, verb, parameters, true) < 0)
        return -1;
    while (more) {
        json_t *value;

        if (hear(run, &reply, answer_deadline(run)) < 0)
            return -1;
        value = json_object_get(reply.parameters, member);
        if (json_is_array(value))
            json_array_extend(to, value);
        else if (json_is_object(value))
            json_array_append(to, value);
        more = reply.continues;
        varlink_reply_done(&reply);
    }
    return 0;
}

json_t *name_parameters(const struct ctl_options *options)
{
    json_t *parameters = json_object(), *names = json_array();

    for (size_t i = 0; i < options->count; i++)
        json_array_append_new(names,
                              varlink_string(options->names[i], strlen(options->names[i])));
    if (options->count > 0)
        json_object_set_new(parameters, "services", names);
    else
        json_decref(names);
    return parameters;
}

json_t *one_service(const char *name)
{
    return json_pack("{s:o}", "service", varlink_string(name, strlen(name)));
}

json_t *only_service(const char *name)
{
    return json_pack("{s:[o]}", "services", varlink_string(name, strlen(name)));
}

json_t *last_lines(struct run *run, const char *name, int count)
{
    json_t *parameters = one_service(name), *lines = json_array();
    struct varlink_reply reply;
    struct coop_err err;
    bool more = true;

    json_object_set_new(parameters, "lines", json_integer(count));
    if (ctl_client_call(run->client, CTL_INTERFACE ".Logs", parameters, true, &err) < 0)
        return lines;
    while (more && ctl_client_next(run->client, &reply, answer_deadline(run), &err) == 0) {
        json_t *some = json_object_get(reply.parameters, "lines");

        more = reply.continues;
        if (json_is_array(some))
            json_array_extend(lines, some);
        varlink_reply_done(&reply);
    }
    return lines;
}
