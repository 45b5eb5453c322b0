/*
 * compile.c - all filters of a spec (see compile.h)
 */
#include "launcher/filter/compile.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/filter/bytes.h"
#include "launcher/filter/profile.h"
#include "launcher/filter/restrict.h"
#include "launcher/filter/walls.h"
#include "launcher/filter/wish.h"
#include "launcher/protect.h"

#include <asm/unistd.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "filter_default.inc" /* from gen_default, in the build tree */

/* ---- the list of programs ---- */

static int add(struct filter_programs *all, const struct sock_filter *code, size_t count,
               uint64_t guards, const char *from, struct coop_err *err)
{
    struct filter_program *program = &all->items[all->count];

    if (all->count == LAUNCH_MAX_FILTERS)
        return coop_fail(err, COOP_E_LIMIT, "more than %d filters", LAUNCH_MAX_FILTERS);
    *program = (struct filter_program){.count = count, .guards = guards};
    (void)str_copy(program->from, sizeof program->from, from);
    program->code = malloc(count * sizeof *code);
    if (!program->code)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    memcpy(program->code, code, count * sizeof *code);
    all->count++;
    return 0;
}

void filter_programs_done(struct filter_programs *programs)
{
    for (size_t i = 0; i < programs->count; i++)
        free(programs->items[i].code);
    programs->count = 0;
}

/* ---- ours ---- */

static bool is_built_in(const struct launch_spec *spec)
{
    return spec->filter.count == 1 && strcmp(spec->filter.items[0], "default") == 0 &&
           !spec->filter_refusal.set && spec->filter_log.count == 0 &&
           spec->filter_abis == 1u << FILTER_NATIVE && !filter_restricts(spec);
}

static void lines_done(struct strlist *lines)
{
    strlist_done(lines);
}

static int add_ours(const struct launch_spec *spec, uint64_t guards,
                    struct filter_programs *all, struct coop_err *err)
{
    SCOPED(struct strlist, lines_done) restricts = {0};
    const struct filter_wish wish = {
        .restricts = &restricts,
        .lines = &spec->filter,
        .log = &spec->filter_log,
        .refusal = spec->filter_refusal.set ? &spec->filter_refusal.answer : NULL,
        .abis = spec->filter_abis,
        .no_nesting = spec->restrict_namespaces,
    };
    struct sock_filter *code = NULL;
    size_t count = 0;
    int r;

    if (is_built_in(spec))
        return spec->restrict_namespaces ? add(all, filter_closed, COOP_COUNT(filter_closed),
                                               guards, "SystemCallFilter", err)
                                         : add(all, filter_nesting, COOP_COUNT(filter_nesting),
                                               guards, "SystemCallFilter", err);
    if (filter_restrict_lines(spec, &restricts) < 0)
        return coop_fail_sys(err, ENOMEM, "compiling the filter");
    if (filter_wish_compile(&wish, &code, &count, err) < 0)
        return coop_while(err, "SystemCallFilter");
    r = add(all, code, count, guards,
            guards & LAUNCH_BIT(LAUNCH_GUARD_FILTER) ? "SystemCallFilter"
                                                     : "RestrictNamespaces",
            err);
    free(code);
    return r;
}

/* ---- others' ---- */

static int add_profile(const struct launch_spec *spec, const struct launch_host *host,
                       struct filter_programs *all, struct coop_err *err)
{
    const struct filter_profile_host wanted = {~protect_dropped_caps(spec), host->kernel};
    const struct launch_text *file = &spec->filter_profile;
    struct sock_filter *code = NULL;
    uint32_t flags = 0;
    size_t count = 0;
    int r;

    if (!file->path)
        return 0;
    if (filter_profile_compile(file->text, strlen(file->text), &wanted, &code, &count, &flags,
                               err) < 0)
        return coop_while(err, "'%s'", file->path);
    r = add(all, code, count, LAUNCH_BIT(LAUNCH_GUARD_FILTER), "SeccompProfile", err);
    if (r >= 0)
        all->items[all->count - 1].flags = flags;
    free(code);
    return r;
}

static int add_codes(const struct launch_spec *spec, struct filter_programs *all,
                     struct coop_err *err)
{
    for (size_t i = 0; i < spec->filter_code_count; i++)
        if (add(all, spec->filter_codes[i].code,
                spec->filter_codes[i].size / sizeof(struct sock_filter),
                LAUNCH_BIT(LAUNCH_GUARD_FILTER), "a compiled filter", err) < 0)
            return -1;
    return 0;
}

/* ---- order ---- */

static bool allows(const struct filter_program *program, uint32_t number)
{
    struct seccomp_data data = {.nr = (int)number,
                                .arch = filter_abis[FILTER_NATIVE].audit_arch};

    if (number == __NR_seccomp)
        data.args[0] = SECCOMP_SET_MODE_FILTER;
    return filter_passes(filter_bytes_run(program->code, program->count, &data, NULL) &
                         SECCOMP_RET_ACTION_FULL);
}

static int check_exec(const struct filter_program *program, struct coop_err *err)
{
    if (allows(program, __NR_execve))
        return 0;
    (void)coop_fail(err, COOP_E_RANGE, "%s refuses execve, which starts the program",
                    program->from);
    return coop_hint(err,
                     "allow execve; what the program may do with it is for Landlock and the "
                     "file system to say");
}

/* Moves the one that refuses seccomp(2) to the end. */
static int order(struct filter_programs *all, struct coop_err *err)
{
    struct filter_program *closing = NULL, last;

    for (size_t i = 0; i < all->count; i++) {
        struct filter_program *program = &all->items[i];

        if (allows(program, __NR_seccomp))
            continue;
        if (closing) {
            (void)coop_fail(err, COOP_E_RANGE, "both %s and %s refuse the call seccomp",
                            closing->from, program->from);
            return coop_hint(err, "the second could not be loaded: allow it in one of them");
        }
        closing = program;
    }
    if (!closing)
        return 0;
    last = *closing;
    memmove(closing, closing + 1,
            (size_t)(&all->items[all->count - 1] - closing) * sizeof *closing);
    all->items[all->count - 1] = last;
    return 0;
}

/* ---- the public call ---- */

static int add_all(const struct launch_spec *spec, const struct launch_host *host,
                   bool judge_tcp, struct filter_programs *all, struct coop_err *err)
{
    uint64_t guards = 0;

    if (spec->filter.count || spec->filter_log.count || spec->filter_abis ||
        filter_restricts(spec))
        guards |= LAUNCH_BIT(LAUNCH_GUARD_FILTER);
    if (spec->restrict_namespaces)
        guards |= LAUNCH_BIT(LAUNCH_GUARD_NESTING);
    if ((guards && add_ours(spec, guards, all, err) < 0) ||
        add_profile(spec, host, all, err) < 0 || add_codes(spec, all, err) < 0)
        return -1;
    if (filter_walls_compile(spec, judge_tcp, all, err) < 0)
        return -1;
    for (size_t i = 0; i < all->count; i++)
        if (check_exec(&all->items[i], err) < 0)
            return -1;
    return order(all, err);
}

int filter_compile(const struct launch_spec *spec, const struct launch_host *host,
                   bool judge_tcp, struct filter_programs *ret_programs, struct coop_err *err)
{
    struct filter_programs all = {.count = 0};

    ret_programs->count = 0;
    if (add_all(spec, host, judge_tcp, &all, err) < 0) {
        filter_programs_done(&all);
        return -1;
    }
    *ret_programs = all;
    return 0;
}
