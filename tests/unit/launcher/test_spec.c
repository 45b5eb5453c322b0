/* Specs: profiles, copies, cross-field checks, environment. */
#include "launcher/launch.h"

#include <criterion/criterion.h>
#include <string.h>

static struct launch_spec spec;
static struct coop_err err;

static void with_command(void)
{
    memset(&err, 0, sizeof err);
    launch_spec_init(&spec);
    strlist_add(&spec.argv, "true");
}

static void done(void)
{
    launch_spec_done(&spec);
}

TestSuite(spec, .init = with_command, .fini = done);

Test(spec, fresh_one_asks_for_nothing_and_is_valid)
{
    cr_assert_eq(launch_spec_check(&spec, &err), 0, "%s", err.text);
    cr_assert(!spec.private_users && !spec.no_new_privs && spec.cap_dropped == 0);
    cr_assert_eq(spec.root, LAUNCH_ROOT_HOST);
    cr_assert_eq(spec.uid, LAUNCH_NO_ID);
    cr_assert(spec.loopback);
}

Test(spec, profiles_are_default_service_and_none)
{
    const char *const names[] = {"default", "service", "none"};

    for (size_t i = 0; i < 3; i++) {
        struct launch_spec one;

        launch_spec_init(&one);
        cr_assert_eq(launch_spec_profile(&one, names[i], &err), 0, "%s: %s", names[i],
                     err.text);
        launch_spec_done(&one);
    }
    cr_assert_eq(launch_spec_profile(&spec, "nosuch", &err), -1);
    cr_assert_eq(err.code, COOP_E_UNKNOWN);
    cr_assert(strstr(err.hint, "default"));
}

Test(spec, default_profile_closes_everything)
{
    launch_spec_profile(&spec, "default", &err);
    cr_assert(spec.private_users && spec.private_pids && spec.private_mounts &&
              spec.private_network && spec.private_ipc && spec.protect_hostname &&
              spec.private_cgroup);
    cr_assert(spec.no_new_privs && spec.restrict_namespaces && spec.scrub_environment);
    cr_assert_eq(spec.cap_dropped, UINT64_MAX);
    cr_assert(spec.filter.count == 1 && strcmp(spec.filter.items[0], "default") == 0);
    cr_assert_eq(spec.root, LAUNCH_ROOT_EMPTY);
    cr_assert(spec.umask.set && spec.umask.value == 022);
    cr_assert_eq(spec.prefer & ~launch_guards_find("landlock"), 0u,
                 "everything is required but the second wall");
    cr_assert(!(spec.prefer & LAUNCH_BIT(LAUNCH_GUARD_BIND_TCP)),
              "whoever asks for it needs it");
}

Test(spec, default_profile_shows_nothing_of_etc_that_may_hold_a_secret)
{
    const char *const never[] = {"shadow",  "gshadow", "sudoers",  "ssh",
                                 "private", "krb5",    "wireguard"};

    launch_spec_profile(&spec, "default", &err);
    for (size_t i = 0; i < spec.mounts.count; i++) {
        const char *src = spec.mounts.items[i].src;

        cr_assert(!src || strcmp(src, "/etc") != 0, "all of /etc");
        for (size_t n = 0; src && n < sizeof never / sizeof never[0]; n++)
            cr_assert(strncmp(src, "/etc", 4) != 0 || !strstr(src, never[n]) ||
                          strcmp(src, "/etc/ssl/certs") == 0,
                      "%s", src);
    }
}

Test(spec, service_profile_keeps_the_network_and_the_files)
{
    launch_spec_profile(&spec, "service", &err);
    cr_assert(!spec.private_network && !spec.private_users);
    cr_assert_eq(spec.root, LAUNCH_ROOT_HOST);
    cr_assert_eq(spec.protect_system, LAUNCH_SYSTEM_FULL);
    cr_assert(spec.private_tmp && spec.private_pids && spec.no_new_privs);
}

Test(spec, copy_is_deep)
{
    struct launch_spec copy;

    launch_spec_profile(&spec, "default", &err);
    launch_spec_set(&spec, "ReadOnlyPaths", "/a", &err);
    launch_env_set(&spec, "A", "1");
    cr_assert_eq(launch_spec_copy(&copy, &spec, &err), 0);
    cr_assert_neq(copy.mounts.items, spec.mounts.items);
    cr_assert_eq(copy.mounts.count, spec.mounts.count);
    launch_spec_done(&spec);
    cr_assert_str_eq(copy.argv.items[0], "true");
    cr_assert_str_eq(copy.mounts.items[0].dst, "/usr");
    cr_assert_str_eq(copy.hostname, "sandbox");
    cr_assert_str_eq(copy.read_only.items[0], "/a");
    cr_assert_str_eq(strlist_env_get(&copy.env, "A"), "1");
    launch_spec_done(&copy);
}

static void refuses(const char *part)
{
    memset(&err, 0, sizeof err);
    cr_assert_eq(launch_spec_check(&spec, &err), -1, "expected: %s", part);
    cr_assert(strstr(err.text, part), "'%s' has no '%s'", err.text, part);
}

Test(spec, check_wants_a_command)
{
    strlist_remove(&spec.argv, 0);
    refuses("no command");
}

Test(spec, check_wants_an_absolute_working_directory)
{
    spec.cwd = strdup("a/b");
    refuses("must be absolute");
}

Test(spec, check_wants_a_uts_namespace_for_a_hostname)
{
    spec.hostname = strdup("x");
    refuses("ProtectHostname");
}

Test(spec, check_wants_a_pid_namespace_for_pid_1)
{
    spec.as_pid_1 = true;
    refuses("PrivatePIDs");
}

Test(spec, check_wants_a_user_namespace_for_other_ids_inside)
{
    spec.inside_uid = 0;
    refuses("PrivateUsers");
}

Test(spec, check_refuses_an_ambient_capability_that_is_dropped)
{
    spec.cap_ambient = 1;
    spec.cap_dropped = 3;
    refuses("AmbientCapabilities");
}

Test(spec, check_refuses_a_second_root)
{
    struct launch_mount root = {.kind = LAUNCH_MOUNT_TMPFS, .dst = (char[]){"/"}};

    launch_spec_mount(&spec, &root, &err);
    refuses("'/'");
}

Test(spec, check_refuses_a_group_that_is_no_number)
{
    strlist_add(&spec.groups, "wheel");
    refuses("wheel");
}

Test(spec, mount_targets_are_absolute_and_without_dotdot)
{
    struct launch_mount bad = {.kind = LAUNCH_MOUNT_DIR, .dst = (char[]){"a"}};
    struct launch_mount up = {.kind = LAUNCH_MOUNT_DIR, .dst = (char[]){"/a/../b"}};

    cr_assert_eq(launch_spec_mount(&spec, &bad, &err), -1);
    cr_assert_eq(launch_spec_mount(&spec, &up, &err), -1);
    cr_assert_eq(spec.mounts.count, 0u);
}

Test(spec, mount_targets_become_plain)
{
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_DIR, .dst = (char[]){"//a/./b//"}};

    cr_assert_eq(launch_spec_mount(&spec, &mount, &err), 0);
    cr_assert_str_eq(spec.mounts.items[0].dst, "/a/b");
}

Test(spec, mounts_have_a_ceiling)
{
    struct launch_mount mount = {.kind = LAUNCH_MOUNT_DIR, .dst = (char[]){"/a"}};

    for (int i = 0; i < LAUNCH_MAX_MOUNTS; i++)
        cr_assert_eq(launch_spec_mount(&spec, &mount, &err), 0);
    cr_assert_eq(launch_spec_mount(&spec, &mount, &err), -1);
    cr_assert_eq(err.code, COOP_E_LIMIT);
}

Test(spec, environment_is_set_replaced_and_removed)
{
    launch_env_set(&spec, "A", "1");
    launch_env_set(&spec, "AB", "2");
    launch_env_set(&spec, "A", "3");
    cr_assert_eq(spec.env.count, 2u);
    cr_assert_str_eq(strlist_env_get(&spec.env, "A"), "3");
    launch_env_unset(&spec, "A");
    cr_assert_null(strlist_env_get(&spec.env, "A"));
    cr_assert_str_eq(strlist_env_get(&spec.env, "AB"), "2");
}

Test(spec, environment_loses_what_looks_like_a_secret)
{
    static const char *const secret[] = {"AWS_SECRET_ACCESS_KEY",
                                         "GITHUB_TOKEN",
                                         "DB_PASSWORD",
                                         "SSH_AUTH_SOCK",
                                         "API_KEY",
                                         "npm_config_auth",
                                         "DBUS_SESSION_BUS_ADDRESS",
                                         "XAUTHORITY",
                                         "TOKEN",
                                         "DB_PASS",
                                         "SSHPASS",
                                         "DBPASSWORD",
                                         "authToken",
                                         "SENTRY_DSN",
                                         "TMPDIR"};
    static const char *const harmless[] = {
        "PATH",           "HOME", "LANG",    "KEYBOARD",  "MONKEY",  "TERM",          "AUTHOR",
        "TOKENIZER_PATH", "PWD",  "TMPDIRS", "COLORTERM", "COMPASS", "PASSENGER_ROOT"};

    for (size_t i = 0; i < sizeof secret / sizeof secret[0]; i++)
        cr_assert(launch_scrubs(secret[i], strlen(secret[i])), "%s", secret[i]);
    for (size_t i = 0; i < sizeof harmless / sizeof harmless[0]; i++)
        cr_assert(!launch_scrubs(harmless[i], strlen(harmless[i])), "%s", harmless[i]);
}

Test(spec, inherited_environment_is_scrubbed_only_when_asked)
{
    char *const environment[] = {(char[]){"A=1"}, (char[]){"MY_TOKEN=2"}, NULL};

    launch_env_inherit(&spec, environment);
    cr_assert_eq(spec.env.count, 2u);
    strlist_done(&spec.env);
    spec.scrub_environment = true;
    launch_env_inherit(&spec, environment);
    cr_assert_eq(spec.env.count, 1u);
}
