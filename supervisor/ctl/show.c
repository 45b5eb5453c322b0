/*
 * show.c - what coopd told, for people
 */
#include "ctl/show.h"

#include "base/scope.h"
#include "base/str.h"
#include "text/units.h"

#include <stdlib.h>
#include <string.h>

/* ---- members ---- */

const char *show_text(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));

    return text ? text : "";
}

enum { NUMBER_TEXT = 24 };

/* A member that is a number, as text; "" when it is none. */
static const char *number_text(const json_t *object, const char *name, char ret[NUMBER_TEXT])
{
    const json_t *value = json_object_get(object, name);

    ret[0] = '\0';
    if (json_is_integer(value))
        snprintf(ret, NUMBER_TEXT, "%lld", (long long)json_integer_value(value));
    return ret;
}

bool service_runs(const json_t *service)
{
    static const char *const running[] = {"starting", "up", "reloading", "stopping"};
    const char *state = show_text(service, "state");

    for (size_t i = 0; i < COOP_COUNT(running); i++)
        if (strcmp(state, running[i]) == 0)
            return true;
    return false;
}

/* How long it has been in its state. */
static const char *age_text(const json_t *service, coop_nsec now, char ret[UNITS_TEXT])
{
    coop_nsec since;

    if (units_parse_time(show_text(service, "since"), &since) < 0)
        return "";
    return units_render_age(now > since ? now - since : 0, ret);
}

/* "up"; "stopping/tree": the phase where a state has several. */
static void state_text(const json_t *service, char *ret, size_t size)
{
    const char *state = show_text(service, "state"), *sub = show_text(service, "substate");
    bool plain = !sub[0] || strcmp(sub, "main") == 0 || strcmp(state, "waiting") == 0;

    str_format(ret, size, "%s%s%s", state, plain ? "" : "/", plain ? "" : sub);
}

static void exit_text(const json_t *service, char *ret, size_t size)
{
    const json_t *how = json_object_get(service, "last_exit");
    const json_t *code = json_object_get(how, "code");
    const char *signal = show_text(how, "signal");

    ret[0] = '\0';
    if (json_is_integer(code))
        str_format(ret, size, "exit code %lld", (long long)json_integer_value(code));
    else if (signal[0])
        str_format(ret, size, "killed by %s%s", signal,
                   json_is_true(json_object_get(how, "core")) ? ", core dumped" : "");
}

/* ---- colours ---- */

static const char *state_colour(const char *state)
{
    static const struct {
        const char *state, *sgr;
    } colours[] = {{"up", "32"},       {"done", "32"},     {"failed", "31"},
                   {"backoff", "33"},  {"starting", "36"}, {"reloading", "36"},
                   {"stopping", "36"}, {"waiting", "36"},  {"down", "2"}};

    for (size_t i = 0; i < COOP_COUNT(colours); i++)
        if (str_starts_with(state, colours[i].state))
            return colours[i].sgr;
    return NULL;
}

/* ---- the table of services ---- */

/* "/run/web.sock and 2 more"; false when it listens on nothing. */
static bool listens_on(const json_t *service, char *ret, size_t size)
{
    const json_t *sockets = json_object_get(service, "sockets");
    size_t count = json_array_size(sockets);
    const char *first = json_string_value(json_array_get(sockets, 0));
    const char *address = first ? strchr(first, '=') : NULL;

    if (!address)
        return false;
    if (count > 1)
        str_format(ret, size, "%s and %zu more", address + 1, count - 1);
    else
        str_format(ret, size, "%s", address + 1);
    return true;
}

/* What is worth a look in one line: what it waits for, else why it is there. */
static void info_text(const json_t *service, char *ret, size_t size)
{
    const char *waiting = show_text(service, "waiting_for");
    const char *reason = show_text(service, "reason"), *status = show_text(service, "status");
    char listens[256];

    if (waiting[0] && strcmp(show_text(service, "state"), "up") != 0)
        str_format(ret, size, "%s; waits for %s", reason, waiting);
    else if (status[0])
        str_format(ret, size, "%s; %s", reason, status);
    else if (listens_on(service, listens, sizeof listens) && !service_runs(service))
        str_format(ret, size, "%s; listens on %s", reason, listens);
    else
        str_format(ret, size, "%s", reason);
}

void show_services(const json_t *services, coop_nsec now, FILE *out,
                   const struct screen *screen)
{
    static const struct table_column columns[] = {
        {.title = "NAME"},
        {.title = "STATE", .colour = state_colour},
        {.title = "PID", .right = true, .drop = 1},
        {.title = "FOR", .right = true, .drop = 2},
        {.title = "RESTARTS", .right = true, .drop = 3},
        {.title = "WHY"},
    };
    struct table table;
    size_t i;
    json_t *service;

    table_init(&table, columns, COOP_COUNT(columns));
    json_array_foreach(services, i, service)
    {
        char pid[NUMBER_TEXT], restarts[NUMBER_TEXT], age[UNITS_TEXT], state[64], info[512];

        state_text(service, state, sizeof state);
        info_text(service, info, sizeof info);
        table_row(&table, (const char *[]){show_text(service, "name"), state,
                                           number_text(service, "pid", pid),
                                           age_text(service, now, age),
                                           number_text(service, "restarts", restarts), info});
    }
    table_print(&table, out, screen);
    table_done(&table);
}

/* ---- processes ---- */

/* The lines drawn in front of a process: one piece per level above it. */
static void branch_text(const json_t *processes, size_t at, const struct screen *screen,
                        char *ret, size_t size)
{
    static const char *const fancy[] = {"│  ", "   ", "├─ ", "└─ "};
    static const char *const plain[] = {"|  ", "   ", "|- ", "`- "};
    const char *const *pieces = screen->utf8 ? fancy : plain;
    json_int_t depth =
        json_integer_value(json_object_get(json_array_get(processes, at), "depth"));
    size_t used = 0;

    ret[0] = '\0';
    for (json_int_t level = 0; level <= depth && used + 8 < size; level++) {
        bool goes_on = false; /* is there a later sibling at this level? */

        for (size_t i = at + 1; i < json_array_size(processes); i++) {
            json_int_t other =
                json_integer_value(json_object_get(json_array_get(processes, i), "depth"));

            if (other <= level) {
                goes_on = other == level;
                break;
            }
        }
        used += (size_t)snprintf(ret + used, size - used, "%s",
                                 pieces[level == depth ? goes_on ? 2 : 3
                                        : goes_on      ? 0
                                                       : 1]);
    }
}

static const char *process_colour(const char *state)
{
    return state[0] == 'Z' ? "31" : state[0] == 'D' || state[0] == 'T' ? "33" : NULL;
}

static void show_processes(const json_t *tree, FILE *out, const struct screen *screen)
{
    static const struct table_column columns[] = {
        {.title = "PID", .right = true},
        {.title = "PPID", .right = true, .drop = 2},
        {.title = "S", .colour = process_colour},
        {.title = "INSIDE", .right = true, .drop = 1},
        {.title = "COMMAND"},
    };
    const json_t *processes = json_object_get(tree, "processes");
    json_int_t left_out = json_integer_value(json_object_get(tree, "left_out"));
    struct table table;
    size_t i;
    json_t *process;

    table_init(&table, columns, COOP_COUNT(columns));
    json_array_foreach(processes, i, process)
    {
        char pid[NUMBER_TEXT], ppid[NUMBER_TEXT], inside[NUMBER_TEXT], branch[512],
            command[1024];

        branch_text(processes, i, screen, branch, sizeof branch);
        str_format(command, sizeof command, "%s%s", branch, show_text(process, "command"));
        table_row(&table, (const char *[]){number_text(process, "pid", pid),
                                           number_text(process, "ppid", ppid),
                                           show_text(process, "state"),
                                           number_text(process, "inside", inside), command});
    }
    if (table.count > 0)
        table_print(&table, out, screen);
    if (left_out > 0)
        fprintf(out, "(and %lld more)\n", (long long)left_out);
    table_done(&table);
}

void show_trees(const json_t *trees, FILE *out, const struct screen *screen)
{
    size_t i;
    json_t *tree;

    json_array_foreach(trees, i, tree)
    {
        SCOPED_FREE char *name = text_clean(show_text(tree, "service"));
        const char *state = show_text(tree, "state");

        if (i > 0)
            fputc('\n', out);
        text_print(out, screen, "1", name ? name : "?");
        fputc(' ', out);
        text_print(out, screen, state_colour(state), state);
        if (json_array_size(json_object_get(tree, "processes")) == 0)
            fputs(" (no processes)", out);
        fputc('\n', out);
        show_processes(tree, out, screen);
    }
}

/* ---- one service, and coopd ---- */

static void field(FILE *out, const char *title, const char *text)
{
    SCOPED_FREE char *clean = text_clean(text);

    if (text[0])
        fprintf(out, "%14s  %s\n", title, clean ? clean : "?");
}

static void show_holder(const json_t *service, FILE *out)
{
    char pid[NUMBER_TEXT], top[NUMBER_TEXT], text[128];
    const char *holder = show_text(service, "holder");

    number_text(service, "pid", pid);
    number_text(service, "top_pid", top);
    field(out, "PID", pid);
    if (strcmp(holder, "pid_namespace") == 0)
        str_format(text, sizeof text, "in a PID namespace of its own, under %s", top);
    else if (strcmp(holder, "subreaper") == 0)
        str_format(text, sizeof text, "under the subreaper %s", top);
    else if (strcmp(holder, "cgroup") == 0)
        str_format(text, sizeof text, "in a control group of its own");
    else
        text[0] = '\0';
    field(out, "Processes", text);
}

static void show_state(const json_t *service, coop_nsec now, FILE *out,
                       const struct screen *screen)
{
    char state[64], age[UNITS_TEXT];

    state_text(service, state, sizeof state);
    fprintf(out, "%14s  ", "State");
    text_print(out, screen, state_colour(state), state);
    fprintf(out, " for %s, since %s\n", age_text(service, now, age),
            show_text(service, "since"));
}

static void show_sockets(const json_t *service, FILE *out)
{
    const json_t *sockets = json_object_get(service, "sockets");
    json_int_t open = json_integer_value(json_object_get(service, "listening"));
    json_int_t stored = json_integer_value(json_object_get(service, "stored"));
    char text[64];
    size_t i;
    json_t *socket;

    json_array_foreach(sockets, i, socket)
        field(out, i == 0 ? "Sockets" : "", json_string_value(socket));
    str_format(text, sizeof text, "%lld of %zu", (long long)open, i);
    if (open < (json_int_t)i)
        field(out, "Open", text);
    str_format(text, sizeof text, "%lld descriptor%s", (long long)stored,
               stored == 1 ? "" : "s");
    if (stored > 0)
        field(out, "Stored", text);
}

void show_service(const json_t *service, const json_t *tree, const json_t *lines, coop_nsec now,
                  FILE *out, const struct screen *screen)
{
    SCOPED_FREE char *name = text_clean(show_text(service, "name"));
    SCOPED_FREE char *description = text_clean(show_text(service, "description"));
    char text[128], number[NUMBER_TEXT];
    size_t i;
    json_t *line;

    text_print(out, screen, "1", name ? name : "?");
    fprintf(out, "%s%s\n", description && description[0] ? "  " : "",
            description ? description : "");
    show_state(service, now, out, screen);
    field(out, "Wanted", show_text(service, "wanted"));
    show_holder(service, out);
    field(out, "Why", show_text(service, "reason"));
    field(out, "Waits for", show_text(service, "waiting_for"));
    number_text(service, "patience_s", number);
    str_format(text, sizeof text, number[0] ? "within %s s" : "%s", number);
    field(out, "Next step", text);
    field(out, "Says", show_text(service, "status"));
    field(out, "Restarts", number_text(service, "restarts", number));
    exit_text(service, text, sizeof text);
    field(out, "Last exit", text);
    field(out, "Result", show_text(service, "result"));
    field(out, "Failed", show_text(service, "failed_command"));
    field(out, "Sandbox", show_text(service, "sandbox"));
    show_sockets(service, out);
    if (json_is_true(json_object_get(service, "adopted")))
        field(out, "Adopted", "found running by this coopd");
    if (json_array_size(json_object_get(tree, "processes")) > 0) {
        fputc('\n', out);
        show_processes(tree, out, screen);
    }
    if (json_array_size(lines) > 0)
        fputc('\n', out);
    json_array_foreach(lines, i, line)
    {
        SCOPED_FREE char *clean = text_clean(json_string_value(line));

        fprintf(out, "%s\n", clean ? clean : "?");
    }
}

void show_daemon(const json_t *daemon, FILE *out, const struct screen *screen)
{
    static const struct {
        const char *member, *title;
        bool bytes;
    } rows[] = {{"pid", "PID", false},
                {"version", "Version", false},
                {"started", "Started", false},
                {"services", "Services", false},
                {"clients", "Clients", false},
                {"fds", "Descriptors", false},
                {"memory_rss", "Memory (RSS)", true},
                {"memory_pss", "Memory (PSS)", true},
                {"orphans_reaped", "Orphans reaped", false},
                {"reloads", "Reloads", false},
                {"socket", "Socket", false},
                {"state_dir", "State", false},
                {"log_dir", "Logs", false}};

    text_print(out, screen, "1", "coopd");
    fputc('\n', out);
    for (size_t i = 0; i < COOP_COUNT(rows); i++) {
        const json_t *value = json_object_get(daemon, rows[i].member);
        char text[NUMBER_TEXT], size[64];

        number_text(daemon, rows[i].member, text);
        snprintf(size, sizeof size, "%.1f MiB", (double)json_integer_value(value) / 1048576.0);
        if (json_is_string(value))
            field(out, rows[i].title, json_string_value(value));
        else
            field(out, rows[i].title, rows[i].bytes && text[0] ? size : text);
    }
}

/* "3h", "" when the member is null. */
static const char *span_text(const json_t *object, const char *name, char text[UNITS_TEXT])
{
    const json_t *value = json_object_get(object, name);

    text[0] = '\0';
    if (json_is_integer(value))
        units_render_age(json_integer_value(value) * COOP_NSEC_PER_SEC, text);
    return text;
}

void show_timers(const json_t *timers, FILE *out, const struct screen *screen)
{
    static const struct table_column columns[] = {
        {.title = "TIMER"},           {.title = "STARTS"},
        {.title = "NEXT", .drop = 2}, {.title = "IN", .right = true},
        {.title = "LAST", .drop = 1}, {.title = "AGO", .right = true}};
    struct table table;
    json_t *timer;
    size_t i;

    table_init(&table, columns, COOP_COUNT(columns));
    json_array_foreach(timers, i, timer)
    {
        char left[UNITS_TEXT], passed[UNITS_TEXT];

        table_row(&table, (const char *[]){
                              show_text(timer, "name"), show_text(timer, "service"),
                              show_text(timer, "next"), span_text(timer, "left_s", left),
                              show_text(timer, "last"), span_text(timer, "passed_s", passed)});
    }
    table_print(&table, out, screen);
    table_done(&table);
}

void show_coroutines(const json_t *reply, FILE *out, const struct screen *screen)
{
    static const struct table_column columns[] = {
        {.title = "ID", .right = true},
        {.title = "NAME"},
        {.title = "STATE"},
        {.title = "IN"},
        {.title = "FOR", .right = true},
        {.title = "STACK", .right = true, .drop = 3},
        {.title = "DEEPEST", .right = true, .drop = 2},
        {.title = "SCOPE", .drop = 1},
        {.title = "RUNS"}};
    enum { COLUMNS = COOP_COUNT(columns) };
    json_int_t left_out = json_integer_value(json_object_get(reply, "left_out"));
    struct table table;
    json_t *g;
    size_t i;

    table_init(&table, columns, COLUMNS);
    json_array_foreach(json_object_get(reply, "coroutines"), i, g)
    {
        char id[NUMBER_TEXT], wait[NUMBER_TEXT], used[NUMBER_TEXT], deepest[NUMBER_TEXT];
        json_int_t age = json_integer_value(json_object_get(g, "waiting_s"));
        bool waits = json_is_integer(json_object_get(g, "waiting_s"));

        snprintf(wait, sizeof wait, "%llds", (long long)age);
        number_text(g, "stack_used", used);
        table_row(&table,
                  (const char *[]){
                      number_text(g, "id", id), show_text(g, "name"), show_text(g, "state"),
                      show_text(g, "waiting_in")[0] ? show_text(g, "waiting_in") : NULL,
                      waits ? wait : NULL, used[0] ? used : NULL,
                      number_text(g, "stack_deepest", deepest), show_text(g, "scope"),
                      show_text(g, "function")});
    }
    table_print(&table, out, screen);
    table_done(&table);
    if (left_out > 0)
        fprintf(out, "and %lld more\n", (long long)left_out);
}

static void join_text(const json_t *names, char *text, size_t size)
{
    size_t i, used = 0;
    json_t *name;

    text[0] = '\0';
    json_array_foreach(names, i, name) if (used < size) used += (size_t)snprintf(
        text + used, size - used, "%s%s", i ? " " : "", json_string_value(name));
}

void show_groups(const json_t *groups, FILE *out, const struct screen *screen)
{
    static const struct table_column columns[] = {
        {.title = "GROUP"},
        {.title = "STATE", .colour = state_colour},
        {.title = "STRATEGY", .drop = 2},
        {.title = "FAILURES", .right = true, .drop = 3},
        {.title = "MEMBERS", .drop = 1},
        {.title = "WHY"}};
    struct table table;
    json_t *group;
    size_t i;

    table_init(&table, columns, COOP_COUNT(columns));
    json_array_foreach(groups, i, group)
    {
        char failures[NUMBER_TEXT], members[256];

        join_text(json_object_get(group, "members"), members, sizeof members);
        table_row(&table, (const char *[]){show_text(group, "name"), show_text(group, "state"),
                                           show_text(group, "strategy"),
                                           number_text(group, "failures", failures), members,
                                           show_text(group, "reason")});
    }
    table_print(&table, out, screen);
    table_done(&table);
}
