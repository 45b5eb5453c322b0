/*
 * verbs.c - everything that can be asked of coopd: one row per verb
 */
#include "control/verbs.h"

#include "base/scope.h"
#include "base/str.h"
#include "text/signames.h"

#include <errno.h>
#include <signal.h>
#include <string.h>

/* clang-format off */
#define ACT_PARAMS (CTL_P_SERVICES | CTL_P_ALL | CTL_P_WAIT | CTL_P_TIMEOUT)

const struct ctl_verb ctl_verbs[CTL_VERBS] = {
    {CTL_STATUS,   "status",   "List",     CTL_RIGHT_VIEW,    CTL_NAMES_ANY,  true,  true,  false,
     CTL_P_SERVICES,                  "[SERVICE...]",
     "Shows services: a table of all, or each named one in detail with its processes and last log lines."},
    {CTL_START,    "start",    "Start",    CTL_RIGHT_OPERATE, CTL_NAMES_SOME, true,  false, true,
     ACT_PARAMS,                      "SERVICE...|all",
     "Starts services and waits until they are up."},
    {CTL_STOP,     "stop",     "Stop",     CTL_RIGHT_OPERATE, CTL_NAMES_SOME, true,  false, true,
     ACT_PARAMS,                      "SERVICE...|all",
     "Stops services and waits until no process of them is left."},
    {CTL_RESTART,  "restart",  "Restart",  CTL_RIGHT_OPERATE, CTL_NAMES_SOME, true,  false, true,
     ACT_PARAMS,                      "SERVICE...|all",
     "Makes services freshly running; a stopped one is started, 'all' leaves stopped ones alone."},
    {CTL_RELOAD,   "reload",   "Reload",   CTL_RIGHT_OPERATE, CTL_NAMES_ANY,  true,  false, true,
     ACT_PARAMS,                      "[SERVICE...|all]",
     "Tells services to reload; without a name coopd reads its own configuration again."},
    {CTL_KILL,     "kill",     "Kill",     CTL_RIGHT_OPERATE, CTL_NAMES_SOME, false, false, true,
     CTL_P_SERVICES | CTL_P_SIGNAL,   "[-s SIGNAL] SERVICE...",
     "Sends a signal, SIGTERM unless named, to the main process of services."},
    {CTL_SCALE,    "scale",    "Scale",    CTL_RIGHT_OPERATE, CTL_NAMES_ONE,  false, false, true,
     CTL_P_SERVICE | CTL_P_COUNT | CTL_P_WAIT | CTL_P_TIMEOUT, "NAME=N",
     "Changes how many instances a set has, and waits until they are up, or down those that are too many."},
    {CTL_TREE,     "tree",     "Tree",     CTL_RIGHT_VIEW,    CTL_NAMES_ANY,  true,  true,  false,
     CTL_P_SERVICES,                  "[SERVICE...]",
     "Draws every process below services, with its state and its PID inside its namespace."},
    {CTL_LOGS,     "logs",     "Logs",     CTL_RIGHT_OPERATE, CTL_NAMES_ONE,  false, true,  false,
     CTL_P_SERVICE | CTL_P_LINES | CTL_P_FOLLOW, "[-f] [-n LINES] SERVICE",
     "Shows the last lines of a service's log; -f goes on with those to come."},
    {CTL_TIMERS,   "timers",   "Timers",   CTL_RIGHT_VIEW,    CTL_NAMES_NONE, false, false, false,
     0,                               "",
     "Shows timers: when each comes next, when it last came, and what it starts."},
    {CTL_SHUTDOWN, "shutdown", "Shutdown", CTL_RIGHT_ADMIN,   CTL_NAMES_NONE, false, false, true,
     0,                               "",
     "Stops all services in order and ends coopd; returns when coopd is gone."},
    {CTL_DAEMON,   "daemon",   "Daemon",   CTL_RIGHT_VIEW,    CTL_NAMES_NONE, false, false, false,
     0,                               "",
     "Tells of coopd itself: PID, version, descriptors, memory."},
    {CTL_COROUTINES, "coroutines", "Coroutines", CTL_RIGHT_ADMIN, CTL_NAMES_NONE, false, false, false,
     0,                               "",
     "Shows what coopd's own coroutines do and wait for."},
    {CTL_GROUPS,   "groups",   "Groups",   CTL_RIGHT_VIEW,    CTL_NAMES_NONE, false, false, false,
     0,                               "",
     "Shows groups of services: strategy, state, failures; a group's name may stand wherever services are named."},
    {CTL_REEXEC,   "reexec",   "Reexec",   CTL_RIGHT_ADMIN,   CTL_NAMES_PATH, false, false, false,
     CTL_P_PATH,                      "[PATH]",
     "Puts a new program, the same path unless named, in coopd's place: nothing is stopped or lost."},
};

const struct ctl_param_row ctl_params[] = {
    {CTL_P_SERVICES, "services",   "[]string"},
    {CTL_P_SERVICE,  "service",    "string"},
    {CTL_P_ALL,      "all",        "bool"},
    {CTL_P_WAIT,     "wait",       "bool"},
    {CTL_P_TIMEOUT,  "timeout_ms", "int"},
    {CTL_P_SIGNAL,   "signal",     "string"},
    {CTL_P_LINES,    "lines",      "int"},
    {CTL_P_FOLLOW,   "follow",     "bool"},
    {CTL_P_PATH,     "path",       "string"},
    {CTL_P_COUNT,    "count",      "int"},
};
/* clang-format on */
const size_t ctl_param_count = COOP_COUNT(ctl_params);

/* ---- finding ---- */

const struct ctl_verb *ctl_verb_find(const char *word)
{
    for (size_t i = 0; i < CTL_VERBS; i++)
        if (strcmp(ctl_verbs[i].word, word) == 0)
            return &ctl_verbs[i];
    return NULL;
}

const struct ctl_verb *ctl_verb_of_method(const char *method)
{
    for (size_t i = 0; i < CTL_VERBS; i++)
        if (strcmp(ctl_verbs[i].method, method) == 0)
            return &ctl_verbs[i];
    return NULL;
}

const char *ctl_verb_nearest(const char *word)
{
    const char *words[CTL_VERBS + 1] = {NULL};

    for (size_t i = 0; i < CTL_VERBS; i++)
        words[i] = ctl_verbs[i].word;
    return str_nearest(word, words);
}

const char *ctl_right_word(enum ctl_right right)
{
    switch (right) {
    case CTL_RIGHT_NONE: return "none";
    case CTL_RIGHT_VIEW: return "view";
    case CTL_RIGHT_OPERATE: return "operate";
    case CTL_RIGHT_ADMIN: return "admin";
    }
    return "none";
}

/* ---- parameters in JSON ---- */

static const struct ctl_args defaults = {
    .wait = true, .lines = CTL_LINES_USUAL, .signo = SIGTERM};

static int take_services(struct ctl_args *args, const json_t *value)
{
    size_t count = json_array_size(value);

    if (!json_is_array(value) || count > CTL_NAMES_MAX)
        return -EINVAL;
    args->services = reallocarray(NULL, count + 1, sizeof *args->services);
    if (!args->services)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        args->services[i] = json_string_value(json_array_get(value, i));
        if (!args->services[i])
            return -EINVAL;
    }
    args->count = count;
    args->named = true;
    return 0;
}

static int take_service(struct ctl_args *args, const json_t *value)
{
    if (!json_is_string(value))
        return -EINVAL;
    args->services = reallocarray(NULL, 1, sizeof *args->services);
    if (!args->services)
        return -ENOMEM;
    args->services[0] = json_string_value(value);
    args->count = 1;
    args->named = true;
    return 0;
}

static int take_bool(bool *ret_flag, const json_t *value)
{
    if (!json_is_boolean(value))
        return -EINVAL;
    *ret_flag = json_is_true(value);
    return 0;
}

static int take_int(int64_t *ret_number, const json_t *value, int64_t max)
{
    int64_t number = json_integer_value(value);

    if (!json_is_integer(value) || number < 0 || number > max)
        return -EINVAL;
    *ret_number = number;
    return 0;
}

static int take_signal(int *ret_signo, const json_t *value)
{
    int signo = json_is_string(value) ? signame_parse(json_string_value(value)) : -EINVAL;

    if (signo < 0)
        return -EINVAL;
    *ret_signo = signo;
    return 0;
}

static int take_path(const char **ret_path, const json_t *value)
{
    *ret_path = json_string_value(value);
    return *ret_path && (*ret_path)[0] == '/' ? 0 : -EINVAL;
}

static int take_param(struct ctl_args *args, enum ctl_param param, const json_t *value)
{
    /* a day is longer than any wait makes sense, and far from overflowing nanoseconds */
    enum { TIMEOUT_MAX_MS = 24 * 60 * 60 * 1000 };

    switch (param) {
    case CTL_P_SERVICES: return take_services(args, value);
    case CTL_P_SERVICE: return take_service(args, value);
    case CTL_P_ALL: return take_bool(&args->all, value);
    case CTL_P_WAIT: return take_bool(&args->wait, value);
    case CTL_P_TIMEOUT: return take_int(&args->timeout_ms, value, TIMEOUT_MAX_MS);
    case CTL_P_SIGNAL: return take_signal(&args->signo, value);
    case CTL_P_LINES: return take_int(&args->lines, value, CTL_LINES_MAX);
    case CTL_P_FOLLOW: return take_bool(&args->follow, value);
    case CTL_P_PATH: return take_path(&args->path, value);
    case CTL_P_COUNT: return take_int(&args->number, value, CTL_NUMBER_MAX);
    }
    return -EINVAL;
}

static const struct ctl_param_row *find_param(const struct ctl_verb *verb, const char *name)
{
    for (size_t i = 0; i < ctl_param_count; i++)
        if ((verb->params & ctl_params[i].bit) && strcmp(ctl_params[i].name, name) == 0)
            return &ctl_params[i];
    return NULL;
}

/* Has the call as many services as the verb wants? */
static bool has_its_names(const struct ctl_verb *verb, const struct ctl_args *args)
{
    switch (verb->names) {
    case CTL_NAMES_NONE:
    case CTL_NAMES_PATH:
    case CTL_NAMES_ANY: return !(args->all && args->named);
    case CTL_NAMES_SOME: return args->all ? !args->named : args->count > 0;
    case CTL_NAMES_ONE: return args->count == 1;
    }
    return false;
}

int ctl_args_check(const struct ctl_verb *verb, json_t *parameters, struct ctl_args *ret_args,
                   const char **ret_bad)
{
    struct ctl_args args = defaults;
    const char *name;
    json_t *value;
    int r = 0;

    json_object_foreach(parameters, name, value)
    {
        const struct ctl_param_row *row = find_param(verb, name);

        if (json_is_null(value) && row)
            continue;
        r = row ? take_param(&args, row->bit, value) : -EINVAL;
        if (r < 0) {
            *ret_bad = name;
            break;
        }
    }
    if (r == 0 && !has_its_names(verb, &args)) {
        *ret_bad = verb->params & CTL_P_SERVICE ? "service" : "services";
        r = -EINVAL;
    } else if (r == 0 && verb->params & CTL_P_COUNT && args.number == 0) {
        *ret_bad = "count";
        r = -EINVAL;
    }
    if (r < 0)
        ctl_args_done(&args);
    else
        *ret_args = args;
    return r;
}

/* ---- parameters as words ---- */

int ctl_split_number(const char *word, size_t *ret_name_len, int64_t *ret_number,
                     struct coop_err *err)
{
    const char *sign = strchr(word, '=');
    long long number;

    if (!sign || sign == word || str_to_int(sign + 1, 1, CTL_NUMBER_MAX, &number) < 0)
        return coop_fail(err, COOP_E_RANGE, "'%.40s' is not NAME=N with a number from 1 to %d",
                         word, CTL_NUMBER_MAX);
    *ret_name_len = (size_t)(sign - word);
    *ret_number = number;
    return 0;
}

static int take_numbered(const char *word, struct ctl_args *args, struct coop_err *err)
{
    size_t len = 0;

    if (ctl_split_number(word, &len, &args->number, err) < 0)
        return -1;
    if (args->count == 0 && strlist_add_n(&args->own, word, len) < 0)
        return coop_fail_sys(err, ENOMEM, "%s", word);
    args->services[args->count++] = args->own.items[0];
    args->named = true;
    return 0;
}

/* The words after the verb: options that this verb has, and names. */
static int take_words(const struct ctl_verb *verb, char *const *words, struct ctl_args *args,
                      struct coop_err *err)
{
    for (size_t i = 0; words[i]; i++) {
        if (strcmp(words[i], "-s") == 0 && (verb->params & CTL_P_SIGNAL)) {
            args->signo = words[i + 1] ? signame_parse(words[++i]) : -EINVAL;
            if (args->signo < 0)
                return coop_fail(err, COOP_E_RANGE, "%s: -s wants the name of a signal",
                                 verb->word);
        } else if (words[i][0] == '-') {
            return coop_fail(err, COOP_E_UNKNOWN, "%s: unknown option '%.40s'", verb->word,
                             words[i]);
        } else if (verb->all && strcmp(words[i], "all") == 0) {
            args->all = true;
        } else if (verb->params & CTL_P_COUNT) {
            if (take_numbered(words[i], args, err) < 0)
                return -1;
        } else {
            args->services[args->count++] = words[i];
            args->named = true;
        }
    }
    return 0;
}

int ctl_args_words(const struct strlist *words, const struct ctl_verb **ret_verb,
                   struct ctl_args *ret_args, struct coop_err *err)
{
    const struct ctl_verb *verb = words->count ? ctl_verb_find(words->items[0]) : NULL;
    struct ctl_args args = defaults;

    if (!verb)
        return coop_fail(err, COOP_E_UNKNOWN, "unknown command '%.40s'",
                         words->count ? words->items[0] : "");
    if (!verb->fifo)
        return coop_fail(err, COOP_E_RANGE, "%s: has an answer, and here nobody hears it",
                         verb->word);
    args.wait = false;
    args.services = reallocarray(NULL, words->count + 1, sizeof *args.services);
    if (!args.services)
        return coop_fail_sys(err, ENOMEM, "%s", verb->word);
    if (take_words(verb, words->items + 1, &args, err) < 0) {
        ctl_args_done(&args);
        return -1;
    }
    if (!has_its_names(verb, &args) || (verb->names == CTL_NAMES_NONE && args.named)) {
        ctl_args_done(&args);
        return coop_fail(err, COOP_E_RANGE, "usage: %s %s", verb->word, verb->usage);
    }
    *ret_verb = verb;
    *ret_args = args;
    return 0;
}

void ctl_args_done(struct ctl_args *args)
{
    free(args->services);
    strlist_done(&args->expanded);
    strlist_done(&args->own);
    *args = (struct ctl_args){0};
}
