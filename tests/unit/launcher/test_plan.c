/*
 * Plans: what a spec compiles to, as the text that --explain prints.
 *
 * tests/golden/plan-*.txt hold the expected text; COOP_GOLDEN_UPDATE=1 writes them anew.
 */
#include "launcher/landlock.h"
#include "launcher/plan.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "launcher/kernel.h"
#include "launcher/recipe.h"

static struct launch_spec spec;
static struct launch_plan *plan;
static struct coop_err err;

/* Golden texts are of these two callers, whoever runs the test. */
static const struct launch_host root_host = {.uid = 0, .gid = 0, .privileged = true};
static const struct launch_host user_host = {.uid = 1000, .gid = 100};

static void with_command(void)
{
    memset(&err, 0, sizeof err);
    launch_spec_init(&spec);
    strlist_add(&spec.argv, "tool");
    strlist_add(&spec.argv, "two words");
    launch_env_set(&spec, "PATH", "/usr/bin:/bin");
}

static void done(void)
{
    launch_spec_done(&spec);
    launch_plan_free(plan);
}

TestSuite(plan, .init = with_command, .fini = done);

static void compile(const struct launch_host *host)
{
    launch_plan_free(plan);
    plan = NULL;
    cr_assert_eq(launch_compile(&spec, host, &plan, &err), 0, "%s", err.text);
}

static void refused(const struct launch_host *host, const char *part)
{
    cr_assert_eq(launch_compile(&spec, host, &plan, &err), -1, "expected: %s", part);
    cr_assert(strstr(err.text, part), "'%s' has no '%s'", err.text, part);
}

static void profile(const char *name)
{
    cr_assert_eq(launch_spec_profile(&spec, name, &err), 0, "%s", err.text);
}

static void set(const char *key, const char *text)
{
    cr_assert_eq(launch_spec_set(&spec, key, text, &err), 0, "%s", err.text);
}

static void matches_golden(const char *name)
{
    char path[256], *now = NULL, *golden = NULL;
    size_t size = 0, golden_size = 0;
    FILE *out = open_memstream(&now, &size), *file;

    launch_explain(plan, out);
    fclose(out);
    snprintf(path, sizeof path, TEST_GOLDEN "/plan-%s.txt", name);
    if (getenv("COOP_GOLDEN_UPDATE")) {
        file = fopen(path, "we");
        fputs(now, file);
        fclose(file);
    }
    file = fopen(path, "re");
    cr_assert_not_null(file, "%s", path);
    cr_assert(getdelim(&golden, &golden_size, '\0', file) > 0);
    fclose(file);
    cr_assert_str_eq(now, golden,
                     "%s: the plan has changed: COOP_GOLDEN_UPDATE=1 if that is meant", name);
    free(now);
    free(golden);
}

Test(plan, of_profile_default_is_golden)
{
    profile("default");
    compile(&root_host);
    matches_golden("default-root");
    compile(&user_host);
    matches_golden("default-user");
}

Test(plan, of_profile_service_is_golden)
{
    profile("service");
    compile(&root_host);
    matches_golden("service-root");
}

Test(plan, of_profile_none_is_golden)
{
    profile("none");
    compile(&user_host);
    matches_golden("none-user");
}

Test(plan, of_systemd_keys_is_golden)
{
    set("ProtectSystem", "strict");
    set("ProtectHome", "tmpfs");
    set("PrivateDevices", "yes");
    set("ReadWritePaths", "/var/lib/x -/var/cache/x");
    set("InaccessiblePaths", "/var/spool");
    set("BindReadOnlyPaths", "/srv/data:/data");
    set("TemporaryFileSystem", "/opt:ro,size=1M");
    set("LimitNOFILE", "10:20");
    set("CapabilityBoundingSet", "CAP_NET_BIND_SERVICE");
    set("AmbientCapabilities", "CAP_NET_BIND_SERVICE");
    set("OOMScoreAdjust", "500");
    set("Nice", "5");
    spec.uid = 33;
    spec.gid = 33;
    strlist_add(&spec.groups, "4");
    compile(&root_host);
    matches_golden("systemd-root");
}

Test(plan, nothing_asked_is_light_and_born_in_no_namespace)
{
    compile(&user_host);
    cr_assert_eq(plan->clone_flags, 0u);
    cr_assert(launch_plan_is_light(plan) && !launch_plan_has_reaper(plan));
    cr_assert_eq(plan->ops.count, 0u);
    cr_assert_eq(plan->filters.count, 0u);
}

Test(plan, ordinary_user_gets_a_user_namespace_with_any_other)
{
    set("PrivateNetwork", "yes");
    compile(&user_host);
    cr_assert_eq(plan->clone_flags, (uint32_t)(CLONE_NEWUSER | CLONE_NEWNET));
    cr_assert(plan->flags & PLAN_MAP_IDS);
    cr_assert_eq(plan->map_inside_uid, 1000u);
    cr_assert_eq(plan->map_outside_gid, 100u);
    compile(&root_host);
    cr_assert_eq(plan->clone_flags, (uint32_t)CLONE_NEWNET);
}

Test(plan, file_system_key_brings_a_mount_namespace)
{
    set("ReadOnlyPaths", "/usr");
    compile(&root_host);
    cr_assert(plan->clone_flags & CLONE_NEWNS);
    cr_assert(plan->flags & PLAN_PRIVATE_VIEW, "or a mount would show on the host");
}

Test(plan, own_pids_bring_a_reaper_and_their_own_proc)
{
    set("PrivatePIDs", "yes");
    set("PrivateTmp", "yes");
    compile(&root_host);
    cr_assert(launch_plan_has_reaper(plan) && !launch_plan_is_light(plan));
    set("AsPid1", "yes");
    compile(&root_host);
    cr_assert(!launch_plan_has_reaper(plan));
}

Test(plan, filter_implies_no_new_privileges)
{
    set("SystemCallFilter", "default");
    compile(&root_host);
    cr_assert(plan->flags & PLAN_NO_NEW_PRIVS);
    cr_assert_eq(plan->filters.count, 1u);
}

Test(plan, restricted_namespaces_bring_a_filter_of_their_own)
{
    set("RestrictNamespaces", "yes");
    compile(&root_host);
    cr_assert_eq(plan->filters.count, 1u);
    cr_assert_eq(((const struct plan_filter *)plan_at(plan, plan->filters.at))->guards,
                 LAUNCH_BIT(LAUNCH_GUARD_NESTING));
    cr_assert(plan->flags & PLAN_NO_NEW_PRIVS);
}

Test(plan, preferred_and_refused_is_left_out_and_named)
{
    struct launch_host host = user_host;

    profile("service");
    set("Prefer", "all");
    host.refused = LAUNCH_BIT(LAUNCH_GUARD_MOUNTS) | LAUNCH_BIT(LAUNCH_GUARD_PIDS);
    compile(&host);
    cr_assert(!(plan->clone_flags & (CLONE_NEWNS | CLONE_NEWPID)));
    cr_assert(launch_plan_lost(plan) & LAUNCH_BIT(LAUNCH_GUARD_PIDS));
    cr_assert(launch_plan_lost(plan) & LAUNCH_BIT(LAUNCH_GUARD_TMP), "it goes with the mounts");
    cr_assert_eq(plan->ops.count, 0u);
    cr_assert(!launch_plan_has_reaper(plan));
}

Test(plan, required_and_refused_is_compiled_so_that_it_fails_loudly)
{
    struct launch_host host = root_host;

    profile("service");
    host.refused = LAUNCH_BIT(LAUNCH_GUARD_PIDS);
    compile(&host);
    cr_assert(plan->clone_flags & CLONE_NEWPID);
    cr_assert_eq(launch_plan_lost(plan), 0u);
}

Test(plan, what_is_required_by_name_is_never_left_out)
{
    struct launch_host host = root_host;

    profile("service");
    set("Require", "PrivatePIDs");
    set("Prefer", "all");
    host.refused = LAUNCH_BIT(LAUNCH_GUARD_PIDS) | LAUNCH_BIT(LAUNCH_GUARD_IPC);
    compile(&host);
    cr_assert(plan->clone_flags & CLONE_NEWPID);
    cr_assert_eq(launch_plan_lost(plan), LAUNCH_BIT(LAUNCH_GUARD_IPC));
}

Test(plan, what_is_required_by_name_must_be_asked_for)
{
    profile("service");
    set("Require", "PrivateNetwork");
    refused(&root_host, "nothing asks for it");
    set("Require", "");
    set("Require", "namespaces");
    compile(&root_host);
}

static uint64_t granted(const char *path)
{
    const struct plan_rule *rules = plan_at(plan, plan->land_rules.at);

    for (uint32_t i = 0; i < plan->land_rules.count; i++)
        if (strcmp(plan_str(plan, rules[i].path), path) == 0)
            return rules[i].access;
    return 0;
}

Test(plan, landlock_grants_what_the_mounts_show)
{
    profile("default");
    compile(&user_host);
    cr_assert_eq(granted("/"), LAND_READ | LAND_EXECUTE);
    cr_assert_eq(granted("/tmp"), LAND_WRITE);
    cr_assert_eq(granted("/proc"), LAND_CHANGE);
    cr_assert_eq(granted("/dev/null"), 0u, "/dev grants it");
    cr_assert_eq(granted("/usr"), 0u, "/ grants it");
    cr_assert_eq(plan->land_fs, LAND_ALL);
    cr_assert(plan->flags & PLAN_NO_NEW_PRIVS);
    cr_assert(!(plan->guards & LAUNCH_BIT(LAUNCH_GUARD_TRUNCATE)), "a second wall");
    cr_assert(!(plan->guards & LAUNCH_BIT(LAUNCH_GUARD_SIGNALS)), "PIDs of its own do that");
}

Test(plan, landlock_is_the_only_wall_where_mounts_are_refused)
{
    struct launch_host host = user_host;

    profile("default");
    set("Prefer", "all");
    set("BindTCP", "80");
    host.refused = launch_guards_find("namespaces");
    compile(&host);
    cr_assert_eq(plan->clone_flags, 0u);
    cr_assert_eq(granted("/"), 0u);
    cr_assert_eq(granted("/usr"), LAND_READ | LAND_EXECUTE);
    cr_assert_eq(granted("/etc/passwd"), LAND_READ | LAND_EXECUTE);
    cr_assert_eq(granted("/tmp"), 0u, "the host's /tmp is no substitute");
    cr_assert_eq(granted("/dev"), 0u);
    cr_assert(granted("/dev/null") & LAND_WRITE_FILE);
    cr_assert_eq(plan->land_net, LAND_BIND_TCP | LAND_CONNECT_TCP);
    cr_assert_eq(plan->land_ports.count, 1u);
    cr_assert(plan->guards & LAUNCH_BIT(LAUNCH_GUARD_TRUNCATE));
    cr_assert(plan->guards & LAUNCH_BIT(LAUNCH_GUARD_SIGNALS));
    cr_assert(launch_plan_is_light(plan));
}

Test(plan, strict_is_said_by_granting_where_mounts_are_refused)
{
    struct launch_host host = user_host;

    set("Landlock", "yes");
    set("ProtectSystem", "strict");
    set("ReadWritePaths", "/var/lib/x");
    set("Prefer", "all");
    host.refused = launch_guards_find("namespaces");
    compile(&host);
    cr_assert_eq(granted("/"), LAND_READ | LAND_EXECUTE);
    cr_assert_eq(granted("/var/lib/x"), LAND_ALL);
    cr_assert_eq(granted("/proc"), LAND_ALL);
}

Test(plan, more_ports_than_there_is_room_for_are_refused)
{
    set("BindTCP", "1-65535");
    refused(&root_host, "more than 4096 ports");
}

Test(plan, ordinary_user_cannot_become_somebody_else)
{
    spec.uid = 33;
    refused(&user_host, "cannot become");
}

Test(plan, another_user_in_a_user_namespace_is_born_with_its_ids)
{
    spec.uid = 33;
    spec.gid = 34;
    set("PrivateUsers", "yes");
    compile(&root_host);
    cr_assert(plan->flags & PLAN_BORROW_IDS);
    cr_assert(!(plan->flags & PLAN_SET_IDS), "inside there is nothing left to become");
    cr_assert_eq(plan->map_outside_uid, 33u);
    cr_assert_eq(plan->map_inside_gid, 34u);
    cr_assert(!launch_plan_is_light(plan));
    refused(&user_host, "cannot become");
}

Test(plan, command_with_a_slash_is_taken_as_it_stands)
{
    const plan_off *paths;

    free(spec.argv.items[0]);
    spec.argv.items[0] = strdup("./tool");
    compile(&user_host);
    cr_assert_eq(plan->exec_paths.count, 1u);
    paths = plan_at(plan, plan->exec_paths.at);
    cr_assert_str_eq(plan_str(plan, paths[0]), "./tool");
}

Test(plan, command_is_looked_for_in_the_path_inside)
{
    const plan_off *paths;

    launch_env_set(&spec, "PATH", "/a::/b");
    compile(&user_host);
    cr_assert_eq(plan->exec_paths.count, 3u);
    paths = plan_at(plan, plan->exec_paths.at);
    cr_assert_str_eq(plan_str(plan, paths[0]), "/a/tool");
    cr_assert_str_eq(plan_str(plan, paths[1]), "./tool");
    cr_assert_str_eq(plan_str(plan, paths[2]), "/b/tool");
    launch_env_unset(&spec, "PATH");
    compile(&user_host);
    cr_assert_eq(plan->exec_paths.count, 6u);
}

Test(plan, block_can_be_moved_and_bound_again)
{
    size_t size;
    const void *bytes;
    struct launch_plan *moved;
    char *const *argv;

    profile("default");
    compile(&user_host);
    bytes = launch_plan_bytes(plan, &size);
    moved = malloc(size);
    memcpy(moved, bytes, size);
    cr_assert_eq(plan_verify(moved, size), 0);
    plan_bind(moved);
    argv = plan_at(moved, moved->argv.at);
    cr_assert_str_eq(argv[1], "two words");
    cr_assert(argv[1] > (char *)moved && argv[1] < (char *)moved + size);
    cr_assert_null(argv[2]);
    free(moved);
}

Test(plan, damaged_blocks_are_not_plans)
{
    size_t size;
    struct launch_plan *bad;

    profile("default");
    compile(&user_host);
    launch_plan_bytes(plan, &size);
    bad = malloc(size);
    cr_assert_eq(plan_verify(plan, size), 0);
    cr_assert_eq(plan_verify(plan, size - 1), -EINVAL);
    cr_assert_eq(plan_verify(plan, 4), -EINVAL);
#define DAMAGE(field, value)                                                                   \
    do {                                                                                       \
        memcpy(bad, plan, size);                                                               \
        bad->field = (value);                                                                  \
        cr_assert_eq(plan_verify(bad, size), -EINVAL, #field);                                 \
    } while (0)
    DAMAGE(magic, 0);
    DAMAGE(version, PLAN_VERSION + 1);
    DAMAGE(size, (uint32_t)size + 1);
    DAMAGE(ops.count, UINT32_MAX);
    DAMAGE(ops.at, plan->ops.at + 4);
    DAMAGE(filters.at, (uint32_t)size);
    DAMAGE(argv.count, plan->argv.count + 1);
    DAMAGE(cwd, (uint32_t)size);
    DAMAGE(program, 1);
    DAMAGE(filters.count, LAUNCH_MAX_FILTERS + 1);
    DAMAGE(groups.count, LAUNCH_MAX_GROUPS + 1);
    DAMAGE(argv.at, plan->ops.at); /* the pointers would be written over the operations */
    DAMAGE(env.at, plan->argv_off.at);
    DAMAGE(env.at, plan->filters.at + 4);
#undef DAMAGE
    free(bad);
}

Test(plan, damaged_operations_and_limits_are_not_plans)
{
    size_t size;
    struct launch_plan *bad;
    union {
        const void *from;
        struct plan_op *ops;
        struct plan_limit *limits;
    } at;

    profile("default");
    set("LimitNOFILE", "100");
    compile(&user_host);
    launch_plan_bytes(plan, &size);
    bad = malloc(size);
    memcpy(bad, plan, size);
    at.from = plan_at(bad, bad->ops.at);
    at.ops[0].src = 0; /* a bind of nothing */
    cr_assert_eq(plan_verify(bad, size), -EINVAL);
    memcpy(bad, plan, size);
    at.from = plan_at(bad, bad->limits.at);
    at.limits[0].name = (plan_off)size;
    cr_assert_eq(plan_verify(bad, size), -EINVAL);
    memcpy(bad, plan, size);
    at.limits[0].which = LAUNCH_LIMITS;
    cr_assert_eq(plan_verify(bad, size), -EINVAL);
    free(bad);
}

Test(plan, too_much_is_an_error_not_a_crash)
{
    char *big = malloc(LAUNCH_MAX_BLOB);

    memset(big, 'x', LAUNCH_MAX_BLOB - 1);
    big[LAUNCH_MAX_BLOB - 1] = '\0';
    strlist_take(&spec.argv, big);
    refused(&user_host, "at most 32 MiB");
}

Test(plan, every_step_has_a_name_and_a_reason)
{
    unsigned count = 0;

    for (; recipe_step_name(count); count++)
        cr_assert_gt(strlen(recipe_step_why(count)), 20u, "%s", recipe_step_name(count));
    cr_assert_gt(count, 20u);
    cr_assert_str_eq(recipe_step_name(count - 1), "exec");
    cr_assert_str_eq(recipe_step_name(count - 2), "seccomp");
}

Test(plan, failed_step_is_explained_with_step_call_path_cause_and_hint)
{
    struct launch_report report = {.failed = 1, .sys = ENOENT};

    profile("default");
    compile(&user_host);
    while (strcmp(recipe_step_name(report.step), "mounts") != 0)
        report.step++;
    strcpy(report.call, "open_tree");
    strcpy(report.path, "/nosuch");
    cr_assert_eq(recipe_explain_failure(&report, plan, &err), -1);
    cr_assert_str_eq(err.text, "step 'mounts': open_tree /nosuch: No such file or directory");
    cr_assert(strstr(err.hint, "-try"), "%s", err.hint);
    cr_assert_eq(err.code, COOP_E_SYS);
}

Test(plan, readme_has_the_recipe_as_it_is)
{
    FILE *file = fopen(TEST_SOURCE "/launcher/README.md", "re");
    char *page = NULL;
    size_t size = 0;

    cr_assert_not_null(file);
    cr_assert(getdelim(&page, &size, '\0', file) > 0);
    fclose(file);
    for (unsigned i = 0; recipe_step_name(i); i++) {
        char row[512];

        snprintf(row, sizeof row, "\n| `%s` | %s |\n", recipe_step_name(i), recipe_step_why(i));
        cr_assert(strstr(page, row), "launcher/README.md lacks: %s", row);
    }
    free(page);
}
