/*
 * load.c - the configuration as one transaction (see load.h)
 *
 * Read everything, build everything, check the graph.  Errors do not stop the reading: a person
 * who mends a file wants to see all of them.
 */
#include "config/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "config/build.h"
#include "config/instances.h"
#include "events/board.h"

#define FIELD(name) .field = offsetof(struct coopd_spec, name)

static const char *const level_names[] = {"error", "warn", "info", "debug", NULL};

static const struct setting coopd_rows[] = {
    /* clang-format off */
    {"Coopd", "LogLevel", &setting_enum, FIELD(log_level), .names = level_names, .fallback = "info",
     .help = "Which of coopd's own messages go to its stderr."},
    /* clang-format on */
};

const struct setting_table coopd_settings = {coopd_rows, COOP_COUNT(coopd_rows)};

/* Keeps the first error for the caller and passes all on. */
struct loading {
    raw_complain *complain;
    void *arg;
    struct coop_err *first;
    int errors;
};

static void on_problem(void *arg, const struct coop_err *err)
{
    struct loading *loading = arg;

    if (err->code != COOP_OK && loading->errors++ == 0 && loading->first)
        *loading->first = *err;
    if (loading->complain)
        loading->complain(loading->arg, err);
}

static void build_coopd(struct config *config, const struct raw_section *section,
                        struct loading *loading)
{
    for (size_t i = 0; i < section->count; i++) {
        const struct raw_key *key = &section->keys[i];
        struct coop_err err = {0};

        if (settings_apply(&coopd_settings, &config->coopd, "Coopd", key->key, key->value,
                           &err) < 0) {
            coop_while(&err, "%s:%u", section->file, key->line);
            on_problem(loading, &err);
        }
    }
}

/* The service gets it, unless there is none. */
static void give_socket(struct config *config, struct socket_spec *made,
                        struct loading *loading)
{
    struct coop_err err = {0};

    for (size_t i = 0; i < config->count; i++) {
        struct svc_spec *spec = config->specs[i];

        if (strcmp(spec->name, made->service) != 0)
            continue;
        if (socket_list_add(&spec->sockets, made) < 0)
            coop_fail(&err, COOP_E_LIMIT, "no memory for the configuration");
        else if (socket_list_descriptors(&spec->sockets) + (size_t)spec->store_max >
                 LAUNCH_MAX_FDS)
            coop_fail(&err, COOP_E_LIMIT,
                      "%s:%u: service '%s' gets more than %d sockets and stored descriptors",
                      made->file, made->line, spec->name, LAUNCH_MAX_FDS);
        if (err.code != COOP_OK)
            on_problem(loading, &err);
        return;
    }
    coop_fail(&err, COOP_E_UNKNOWN, "%s:%u: socket '%s' is for service '%s', and there is none",
              made->file, made->line, made->name, made->service);
    coop_hint(&err, "Service= names it, or give it the socket's name");
    socket_spec_free(made);
    on_problem(loading, &err);
}

/* After the services: one that could not be built is not missed a second time. */
static void build_sockets(struct config *config, const struct raw_config *raw,
                          struct loading *loading)
{
    for (size_t i = 0; i < raw->count; i++) {
        struct socket_spec *made;

        if (raw->sections[i].kind != RAW_SOCKET)
            continue;
        made = build_socket(&raw->sections[i], on_problem, loading);
        if (made && loading->errors == 0)
            give_socket(config, made, loading);
        else
            socket_spec_free(made);
    }
}

static void build_timer(struct config *config, const struct raw_section *section,
                        struct loading *loading)
{
    struct timer_spec *timer = timer_build(section, on_problem, loading);

    if (timer)
        config->timers[config->timer_count++] = timer;
}

static void build_own(struct config *config, const struct raw_config *raw,
                      struct loading *loading)
{
    struct coop_err err = {0};

    config->specs = calloc(raw->count + 1, sizeof(struct svc_spec *));
    config->timers = calloc(raw->count + 1, sizeof(struct timer_spec *));
    if (!config->specs || !config->timers ||
        settings_defaults(&coopd_settings, &config->coopd, &err) < 0) {
        coop_fail(&err, COOP_E_LIMIT, "no memory for the configuration");
        on_problem(loading, &err);
        return;
    }
    build_check_sandboxes(raw, on_problem, loading);
    for (size_t i = 0; i < raw->count; i++) {
        const struct raw_section *section = &raw->sections[i];
        const struct build_from from = {.all = raw, .section = section, .name = section->name};
        struct svc_spec *spec = NULL;

        if (section->kind == RAW_COOPD)
            build_coopd(config, section, loading);
        if (section->kind == RAW_TIMER)
            build_timer(config, section, loading);
        if (instances_is_service(raw, section))
            spec = build_service(&from, on_problem, loading);
        if (spec)
            config->specs[config->count++] = spec;
    }
    build_sockets(config, raw, loading);
    config->own = config->count;
}

static void warn_unknown(void *arg, const struct svc_spec *spec, const char *key,
                         const struct name_list *list, const char *name)
{
    struct coop_err err = {0};

    coop_fail(&err, COOP_OK, "%s:%u: warning: %s=%s: there is no such service",
              svc_spec_file(spec, list->over), list->line, key, name);
    on_problem(arg, &err);
}

static void check_graph(struct config *config, const struct raw_config *raw,
                        struct loading *loading)
{
    struct coop_err err = {0};

    if (config->count > BOARD_MAX) {
        coop_fail(&err, COOP_E_LIMIT, "%zu services; one coopd runs at most %d", config->count,
                  BOARD_MAX);
        on_problem(loading, &err);
    } else if (groups_build(&config->groups, raw, config->specs, config->count, on_problem,
                            loading) > 0) {
        return;
    } else if (graph_build_ordered(&config->graph, config->specs, config->count,
                                   config->groups.order, config->groups.order_count,
                                   &err) < 0) {
        on_problem(loading, &err);
    } else {
        graph_unknown(config->specs, config->count, warn_unknown, loading);
    }
}

/* Whom timers start, and who does not start by itself for that. */
static void check_timers(struct config *config, struct loading *loading)
{
    for (size_t i = 0; i < config->timer_count; i++) {
        const struct timer_spec *timer = config->timers[i];
        struct svc_spec *found = NULL;
        struct coop_err err = {0};

        for (size_t k = 0; k < config->count && !found; k++)
            if (strcmp(config->specs[k]->name, timer->service) == 0)
                found = config->specs[k];
        if (found && found->has_timer)
            continue; /* it may be shared by now */
        if (found) {
            found->has_timer = true;
            continue;
        }
        coop_fail(&err, COOP_E_UNKNOWN, "%s:%u: timer '%s': there is no service '%s'",
                  timer->file, timer->line, timer->name, timer->service);
        coop_hint(&err, "define [Service %s], or name another one with Unit=", timer->service);
        on_problem(loading, &err);
    }
}

/* ---- programs ---- */

/* Is what the host has at a path also what the service finds there? */
static bool sees_the_host(const struct launch_spec *launch)
{
    return launch->root == LAUNCH_ROOT_HOST && launch->mounts.count == 0 &&
           launch->bind.count == 0 && launch->bind_read_only.count == 0 &&
           launch->temporary.count == 0;
}

static void check_program(const struct svc_spec *spec, enum exec_kind kind,
                          const struct exec_spec *exec, raw_complain *complain, void *arg)
{
    const char *program = exec->argv.items[0];
    struct coop_err err = {0};

    if (program[0] != '/' || strchr(program, '$') || access(program, X_OK) == 0)
        return;
    coop_fail(&err, COOP_OK, "%s:%u: warning: %s=%s: %s", svc_spec_file(spec, exec->over),
              exec->line ? exec->line : spec->line, exec_key(kind), program,
              errno == ENOENT ? "there is no such program" : coop_strerror(errno));
    complain(arg, &err);
}

void config_check_programs(const struct config *config, raw_complain *complain, void *arg)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct svc_spec *spec = config->specs[i];

        for (int kind = 0; kind < EXEC_KINDS && sees_the_host(&spec->launch); kind++)
            for (size_t k = 0; k < spec->execs[kind].count; k++)
                check_program(spec, (enum exec_kind)kind, &spec->execs[kind].items[k], complain,
                              arg);
    }
}

void config_free(struct config *config)
{
    if (!config)
        return;
    graph_done(&config->graph);
    for (size_t i = 0; i < config->count; i++)
        svc_spec_unref(config->specs[i]);
    free(config->specs);
    groups_done(&config->groups);
    for (size_t i = 0; i < config->timer_count; i++)
        timer_spec_unref(config->timers[i]);
    free(config->timers);
    templates_unref(config->templates);
    settings_done(&coopd_settings, &config->coopd);
    free(config);
}

/* The graph is what all of them together must be right for. 0 or -1. */
static int finish(struct config **ret_config, struct config *config,
                  const struct raw_config *raw, struct loading *loading)
{
    if (loading->errors == 0)
        check_timers(config, loading);
    if (loading->errors == 0)
        check_graph(config, config->templates ? templates_raw(config->templates) : raw,
                    loading);
    if (loading->errors > 0) {
        config_free(config);
        return -1;
    }
    *ret_config = config;
    return 0;
}

int config_load(struct config **ret_config, char *const *paths, size_t count,
                raw_complain *complain, void *arg, struct coop_err *err)
{
    struct loading loading = {.complain = complain, .arg = arg, .first = err};
    struct raw_config raw = {0};
    struct config *config = calloc(1, sizeof *config);
    int r;

    if (!config)
        return coop_fail(err, COOP_E_LIMIT, "no memory for the configuration");
    for (size_t i = 0; i < count; i++)
        raw_read(&raw, paths[i], on_problem, &loading);
    build_own(config, &raw, &loading);
    if (templates_take(&config->templates, &raw, on_problem, &loading) == 0 &&
        loading.errors == 0)
        instances_make(config, NULL, NULL, on_problem, &loading);
    r = finish(ret_config, config, &raw, &loading);
    raw_done(&raw);
    return r;
}

int config_wish(struct config **ret_config, const struct config *from,
                const struct wishes *wishes, raw_complain *complain, void *arg,
                struct coop_err *err)
{
    struct loading loading = {.complain = complain, .arg = arg, .first = err};
    struct config *config = calloc(1, sizeof *config);

    if (config) {
        config->specs = calloc(from->own + 1, sizeof(struct svc_spec *));
        config->timers = calloc(from->timer_count + 1, sizeof(struct timer_spec *));
    }
    if (!config || !config->specs || !config->timers ||
        settings_copy(&coopd_settings, &config->coopd, &from->coopd) < 0) {
        config_free(config);
        return coop_fail(err, COOP_E_LIMIT, "no memory for the configuration");
    }
    for (size_t i = 0; i < from->own; i++)
        config->specs[config->count++] = svc_spec_ref(from->specs[i]);
    for (size_t i = 0; i < from->timer_count; i++)
        config->timers[config->timer_count++] = timer_spec_ref(from->timers[i]);
    config->own = from->own;
    config->templates = templates_ref(from->templates);
    instances_make(config, from, wishes, on_problem, &loading);
    return finish(ret_config, config, &(struct raw_config){0}, &loading);
}
