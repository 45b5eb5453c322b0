/*
 * From text to specs, and from mistakes to sentences that name file, line and key.
 */
#include "config/load.h"
#include "config/service_settings.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "service/command.h"

static char dir[] = "/tmp/coop-config-XXXXXX";
static char told[8192];

static void tell(void *arg, const struct coop_err *err)
{
    (void)arg;
    strncat(told, err->text, sizeof told - strlen(told) - 2);
    strcat(told, "\n");
    strncat(told, err->hint, sizeof told - strlen(told) - 2);
    strcat(told, "\n");
}

static void put(const char *name, const char *text)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    file = fopen(path, "we");
    cr_assert_not_null(file);
    fputs(text, file);
    fclose(file);
}

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(dir));
}

static void tear_down(void)
{
    static const char *const names[] = {"a.ini", "b.ini", "web.service", "web.socket", "env"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    cr_expect_eq(rmdir(dir), 0);
}

TestSuite(config, .init = set_up, .fini = tear_down);

static struct config *load(void)
{
    struct config *config = NULL;
    char *paths[] = {dir};

    told[0] = '\0';
    config_load(&config, paths, 1, tell, NULL, NULL);
    return config;
}

static struct svc_spec *only(struct config *config)
{
    cr_assert_not_null(config, "%s", told);
    cr_assert_eq(config->count, 1);
    return config->specs[0];
}

Test(config, a_service_has_systemds_defaults)
{
    struct config *config;
    struct svc_spec *spec;

    put("a.ini", "[Service web]\nExecStart=/bin/sleep 1\n");
    spec = only(config = load());
    cr_expect_str_eq(spec->name, "web");
    cr_expect_eq(spec->type, TYPE_SIMPLE);
    cr_expect_eq(spec->restart, RESTART_NO);
    cr_expect_eq(spec->pace.delay, 100 * COOP_NSEC_PER_MSEC);
    cr_expect_eq(spec->start_timeout, 90 * COOP_NSEC_PER_SEC);
    cr_expect_eq(spec->stop_timeout, 90 * COOP_NSEC_PER_SEC);
    cr_expect_eq(spec->limit_burst, 5);
    cr_expect_eq(spec->kill_signal, SIGTERM);
    cr_expect_eq(spec->out.kind, OUTPUT_LOG);
    cr_expect_eq(spec->err.kind, OUTPUT_SAME);
    cr_expect(svc_spec_starts_by_itself(spec));
    cr_expect(spec->launch.private_pids, "profile service");
    cr_expect_eq(spec->launch.prefer, LAUNCH_ALL_GUARDS, "all of it preferred");
    config_free(config);
}

Test(config, a_profile_that_is_written_out_is_required)
{
    struct config *config;
    struct svc_spec *spec;

    put("a.ini", "[Service web]\nExecStart=/bin/sleep 1\nSandbox=service\n");
    spec = only(config = load());
    cr_expect(spec->launch.private_pids);
    cr_expect_eq(spec->launch.prefer, 0);
    config_free(config);
}

Test(config, a_unit_file_names_its_service_and_has_no_profile)
{
    struct config *config;
    struct svc_spec *spec;

    put("web.service", "[Unit]\nDescription=Runs %n\nDocumentation=man:web(8)\n"
                       "After=network.target\nConflicts=shutdown.target\n\n"
                       "[Service]\nType=exec\nExecStart=-/bin/echo $A ${B}x $$\n"
                       "KillMode=control-group\nTimeoutSec=5\n\n"
                       "[Install]\nWantedBy=multi-user.target\n");
    spec = only(config = load());
    cr_expect_str_eq(spec->name, "web");
    cr_expect_str_eq(spec->description, "Runs web.service");
    cr_expect(spec->is_unit);
    cr_expect(svc_spec_starts_by_itself(spec));
    cr_expect(spec->execs[EXEC_START].items[0].may_fail);
    cr_expect_eq(spec->stop_timeout, 5 * COOP_NSEC_PER_SEC);
    cr_expect_not(spec->launch.private_pids);
    config_free(config);
}

/* A key that has a row is read, whatever the list of missing ones says: it would lie. */
static void expect_no_row_is_missing(const struct setting_table *table)
{
    settings_for_each (row, table)
        cr_expect_eq(unit_key_kind(row->section, row->key), UNIT_KEY_UNKNOWN, "%s", row->key);
}

Test(config, no_key_is_read_and_called_missing)
{
    expect_no_row_is_missing(&service_settings);
    expect_no_row_is_missing(&launch_settings);
}

Test(config, a_socket_unit_gives_its_service_what_it_listens_on)
{
    struct config *config, *other;
    struct svc_spec *spec;

    put("web.service",
        "[Unit]\nAfter=web.socket\n[Service]\nExecStart=/bin/true\nNonBlocking=yes\n");
    put("web.socket", "[Unit]\nDescription=Front of %N\nBefore=web.service\n[Socket]\n"
                      "ListenStream=80\nListenDatagram=/run/%N/x\nSocketMode=0600\n"
                      "MaxConnections=9\nX-Mine=1\n[Install]\nWantedBy=sockets.target\n");
    spec = only(config = load());
    cr_assert_eq(spec->sockets.count, 1, "%s", told);
    cr_expect_eq(socket_list_descriptors(&spec->sockets), 2);
    cr_expect_str_eq(spec->sockets.items[0]->listen.items[1].text, "/run/web/x");
    cr_expect_eq(spec->sockets.items[0]->listen.items[1].line, 6);
    cr_expect_str_eq(spec->sockets.items[0]->fd_name, "web.socket");
    cr_expect_str_eq(spec->sockets.items[0]->service, "web");
    cr_expect_eq(spec->sockets.items[0]->mode, 0600u);
    cr_expect_not(svc_spec_starts_by_itself(spec));
    put("web.socket", "[Socket]\nListenStream=81\n");
    other = load();
    cr_assert_not_null(other, "%s", told);
    cr_expect_not(svc_spec_equal(spec, other->specs[0]));
    cr_expect(svc_spec_needs_restart(spec, other->specs[0]));
    cr_expect_neq(svc_spec_digest(spec), svc_spec_digest(other->specs[0]));
    config_free(config);
    config_free(other);
}

Test(config, a_sandbox_extends_another)
{
    struct config *config;
    struct svc_spec *spec;

    put("a.ini", "[Service web]\nExecStart=/bin/sleep 1\nSandbox=hard\nPrivateTmp=no\n"
                 "[Sandbox hard]\nExtends=mine\nPrivateNetwork=yes\n"
                 "[Sandbox mine]\nExtends=service\nPrivateNetwork=no\nPrivateTmp=yes\n");
    spec = only(config = load());
    cr_expect(spec->launch.private_network);
    cr_expect_not(spec->launch.private_tmp, "the service's own key is the last word");
    config_free(config);
}

static void refuses(const char *name, const char *text, const char *sentence)
{
    struct config *config;

    put(name, text);
    config = load();
    cr_expect_null(config, "%s", text);
    cr_expect(strstr(told, sentence), "wanted: %s\ntold:   %s", sentence, told);
    config_free(config);
}

/* What coop.service(5) offers as ours must work in a service; agent cannot. */
Test(config, profiles_that_the_manual_offers_to_services_are_accepted)
{
    static const char *const ours[] = {"none",  "service", "default", "strict",
                                       "build", "judge",   "bwrap"};
    struct config *config;
    char text[128];

    for (size_t i = 0; i < COOP_COUNT(ours); i++) {
        str_format(text, sizeof text, "[Service web]\nExecStart=/bin/true\nSandbox=%s\n",
                   ours[i]);
        put("a.ini", text);
        config = load();
        cr_expect(config, "%s: %s", ours[i], told);
        config_free(config);
    }
    put("a.ini", "[Service web]\nExecStart=/bin/true\nSandbox=agent\nFrozenPaths=\n");
    config = load();
    cr_expect(config, "%s", told);
    config_free(config);
}

Test(config, mistakes_are_told_with_file_line_and_the_nearest_key)
{
    refuses("a.ini", "[Service web]\nExecStart=/bin/true\nRestrat=always\n", "a.ini:3: ");
    cr_expect(strstr(told, "did you mean Restart?"), "%s", told);
    refuses("a.ini", "[Service web]\nExecStart=/bin/true\nPrivateTemp=yes\n",
            "did you mean PrivateTmp?");
    refuses("a.ini", "[Servise web]\nExecStart=/bin/true\n", "did you mean [Service]");
    refuses("a.ini", "[Service web]\nExecStart=/bin/true\nRestart=sometimes\n", "a.ini:3: ");
    refuses("a.ini", "[Service web]\nType=simple\n", "has no ExecStart=");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nExecStart=/bin/b\n",
            "only Type=oneshot may have several");
    refuses("a.ini", "[Service web]\nType=dbus\nExecStart=/bin/a\n",
            "a.ini:2: Type=dbus: not supported yet");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nRuntimeMaxSec=1\n",
            "a.ini:3: RuntimeMaxSec= is not supported yet");
    refuses("a.ini",
            "[Service web]\nExecStart=/bin/a\nExecStop=/bin/b\nExecStop=/bin/c $MAINPID\n",
            "a.ini:4: ExecStop= cannot reach $MAINPID");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nType=notify-reload\nExecReload=/bin/b\n",
            "a.ini:4: service 'web' has Type=notify-reload and ExecReload=");
    refuses("a.ini", "[Service web]\nExecStart=+/bin/a\n", "prefix '+' is not supported yet");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nDevicePolicy=strict\nSandbox=none\n",
            "a.ini:3: service 'web': DevicePolicy= and DeviceAllow= need PrivateDevices=yes");
    refuses("a.ini",
            "[Service web]\nExecStart=/bin/a\nPrivateDevices=yes\nDeviceAllow=/dev/null rw\n"
            "DeviceAllow=/dev/sda r\n",
            "DeviceAllow=/dev/sda r: PrivateDevices=yes has no such device");
    refuses("a.ini",
            "[Service web]\nExecStart=/bin/a\nUser=root\nSandbox=none\nRemoveIPC=yes\n",
            "a.ini:5: service 'web': RemoveIPC=yes needs PrivateDevices=yes");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nOOMPolicy=kill\n",
            "a.ini:3: OOMPolicy=kill is not supported yet");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nTasksMax=101%\n",
            "a.ini:3: TasksMax=101%: expected a number, or 1% to 100%");
    refuses("a.ini", "[Service web]\nExecStart=/bin/date %Y\n", "'%Y' is not a specifier");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nUser=no-such-user-here\n",
            "a.ini:3: user 'no-such-user-here' does not exist");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nSandbox=nothere\n", "a.ini:3: ");
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nSandbox=agent\n",
            "a.ini:3: FrozenPaths= is coop-run's");
    cr_expect(strstr(told, "an empty line FrozenPaths= in the service"), "%s", told);
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nSetEnvironment=A=b\n",
            "a.ini:3: SetEnvironment= is coop-run's");
    cr_expect(strstr(told, "Environment= does that for a service"), "%s", told);
    refuses("a.ini", "[Service web]\nExecStart=/bin/a\nInheritDescriptors=yes\n",
            "a.ini:3: InheritDescriptors= is coop-run's");
    refuses("a.ini", "[Sandbox a]\nExtends=b\n[Sandbox b]\nExtends=a\n", "circle");
    refuses("a.ini", "[Sandbox web@]\nPrivateTmp=yes\n", "only services are made of templates");
    refuses("a.ini", "[Service we b]\nExecStart=/bin/a\n", "is not a name");
    refuses("a.ini", "[Path web]\nOnCalendar=daily\n", "not supported yet");
    refuses("a.ini", "[Socket web]\nListenStream=1\n",
            "socket 'web' is for service 'web', and there is none");
    refuses("a.ini", "[Service w]\nType=oneshot\nExecStart=/bin/a\nRestart=always\n",
            "a.ini:4: Restart=always");
}

Test(config, two_sections_of_one_name_are_one_in_a_unit_file_and_refused_elsewhere)
{
    struct config *config;
    struct svc_spec *spec;

    refuses("a.ini", "[Service a]\nExecStart=/bin/a\n[Service a]\nRestart=always\n",
            "a.ini:3: section [Service a] is there already, in line 1");
    refuses("a.ini", "[Service]\nExecStart=/bin/a\n[Service]\nRestart=always\n",
            "is there already");
    put("a.ini", "");
    put("web.service", "[Service]\nExecStart=/bin/a\nRestartSec=1\n[X-Mine]\nA=1\n[Unit]\n"
                       "After=b.service\n[Service]\nRestart=always\nRestartSec=2\n[X-Mine]\n"
                       "B=2\n[Unit]\nDescription=two halves\n");
    spec = only(config = load());
    cr_expect_eq(spec->restart, RESTART_ALWAYS);
    cr_expect_eq(spec->pace.delay, 2 * COOP_NSEC_PER_SEC);
    cr_expect_str_eq(spec->description, "two halves");
    config_free(config);
    refuses("web.service", "[Service]\nExecStart=/bin/a\n[Service]\nNoKey=1\n",
            "web.service:4: ");
}

Test(config, all_mistakes_are_told_at_once)
{
    refuses("a.ini", "[Service a]\nExecStart=/bin/a\nX=1\n[Service b]\nExecStart=/bin/a\nY=1\n",
            "a.ini:3: ");
    cr_expect(strstr(told, "a.ini:6: "), "%s", told);
}

Test(config, one_name_in_two_files_is_an_error_that_names_both)
{
    put("a.ini", "[Service web]\nExecStart=/bin/a\n");
    refuses("b.ini", "[Service web]\nExecStart=/bin/a\n", "a.ini:1");
    cr_expect(strstr(told, "b.ini:1"), "%s", told);
}

Test(config, a_reload_sees_what_differs_and_what_needs_a_restart)
{
    static const struct {
        const char *line;
        bool equal, restart;
    } changes[] = {
        {"", true, false},
        {"# a comment\n", true, false},
        {"RestartSec=9s\n", false, false},
        {"Description=x\n", false, false},
        {"TimeoutStopSec=1s\n", false, false},
        {"Environment=A=1\n", false, true},
        {"PrivateTmp=no\n", false, true},
        {"ReadOnlyPaths=/opt\n", false, true},
        {"ExecStart=\nExecStart=/bin/other\n", false, true},
    };
    struct config *before;

    put("a.ini", "[Service web]\nExecStart=/bin/sleep 1\n");
    before = load();
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char text[256];
        struct config *after;

        snprintf(text, sizeof text, "[Service web]\nExecStart=/bin/sleep 1\n%s",
                 changes[i].line);
        put("a.ini", text);
        after = load();
        cr_expect_eq(svc_spec_equal(only(before), only(after)), changes[i].equal, "%s", text);
        cr_expect_eq(svc_spec_needs_restart(only(before), only(after)), changes[i].restart,
                     "%s", text);
        config_free(after);
    }
    config_free(before);
}

static void expands(bool strict, const char *word, const char *expected)
{
    struct strlist words = {0}, env = {0}, out = {0};
    char joined[256] = "";

    strlist_add(&words, "prog");
    strlist_add(&words, word);
    strlist_add(&env, "A=one two");
    strlist_add(&env, "E=");
    cr_expect_eq(command_expand(&words, &env, strict, &out, NULL), 0);
    for (size_t i = 1; i < out.count; i++) {
        strcat(joined, out.items[i]);
        strcat(joined, "|");
    }
    cr_expect_str_eq(joined, expected, "%s: %s", word, joined);
    strlist_done(&words);
    strlist_done(&env);
    strlist_done(&out);
}

Test(config, dollars_mean_what_they_mean_to_systemd_in_unit_files)
{
    expands(true, "$A", "one|two|");
    expands(true, "${A}", "one two|");
    expands(true, "x${A}y$A", "xone twoy$A|");
    expands(true, "$E", "");
    expands(true, "$UNSET", "");
    expands(true, "a${UNSET}b", "ab|");
    expands(true, "$$", "$|");
    expands(true, "$$A", "$A|");
}

Test(config, dollars_of_a_shell_stay_in_ini_files)
{
    expands(false, "$A", "one|two|");
    expands(false, "echo $$ ${A} ${i} $((1+1))", "echo $$ one two ${i} $((1+1))|");
    expands(false, "$UNSET", "$UNSET|");
}

Test(config, environment_files_have_comments_quotes_and_continuations)
{
    struct strlist env = {0};
    char path[128];

    put("env",
        "# no\n; no\nA=1\n B = x \nC=\"two words\" \nD='a\"b'\nE=a\\\nb\nnonsense\nA=2\n");
    snprintf(path, sizeof path, "%s/env", dir);
    cr_expect_eq(command_read_env_file(path, &env, NULL), 0);
    cr_expect_str_eq(strlist_env_get(&env, "A"), "2");
    cr_expect_str_eq(strlist_env_get(&env, "C"), "two words");
    cr_expect_str_eq(strlist_env_get(&env, "D"), "a\"b");
    cr_expect_str_eq(strlist_env_get(&env, "E"), "ab");
    cr_expect_eq(command_read_env_file("-/no/such/file", &env, NULL), 0);
    cr_expect_eq(command_read_env_file("/no/such/file", &env, NULL), -1);
    strlist_done(&env);
}

/* ---- groups ---- */

#define TWO "[Service a]\nExecStart=/bin/a\n[Service b]\nExecStart=/bin/b\n"

Test(config, groups_that_make_no_tree_are_refused_with_file_and_line)
{
    refuses("a.ini", TWO "[Group g]\n", "a.ini:5: group 'g': has no Members=");
    refuses("a.ini", TWO "[Group g]\nMembers=a nobody\n",
            "a.ini:6: group 'g': Members=nobody: ");
    refuses("a.ini", TWO "[Group a]\nMembers=b\n", "a service has this name, too");
    refuses("a.ini", TWO "[Group g]\nMembers=a\n[Group h]\nMembers=b a\n",
            "a.ini:8: group 'h': Members=a: is a member of group 'g' already");
    refuses("a.ini", TWO "[Group g]\nMembers=a a\n", "is a member of group 'g' already");
    refuses("a.ini", TWO "[Group g]\nMembers=h a\n[Group h]\nMembers=g b\n",
            "Members= goes round in a circle");
    refuses("a.ini", TWO "[Group g]\nMembers=g\n", "Members= goes round in a circle");
    refuses("a.ini", TWO "[Group g]\nMembers=a\nEssential=yes\n[Group h]\nMembers=b g\n",
            "Essential= of a group that is in group 'h'");
    refuses("a.ini", TWO "[Group g]\nMembers=a b\nStrategy=all_for_one\n", "a.ini:7: ");
    refuses("a.ini", TWO "[Group g]\nMembers=a b\nIntensity=-1\n", "a.ini:7: ");
    refuses("a.ini", TWO "After=a\n[Group g]\nMembers=b a\nStrategy=one_for_all\n",
            "dependency cycle: ");
    refuses("a.ini", TWO "[Group g]\nMembers=a\n[Group g]\nMembers=b\n", "is there already");
}

Test(config, groups_in_groups_know_all_services_below_them)
{
    const struct group_set *set;
    struct config *config;

    put("a.ini", TWO "[Service c]\nExecStart=/bin/c\n"
                     "[Group outer]\nMembers=a inner\nStrategy=rest_for_one\nPeriod=1min\n"
                     "[Group inner]\nMembers=c.service b\nIntensity=7\n");
    config = load();
    cr_assert(config, "%s", told);
    set = &config->groups;
    cr_assert_eq(set->count, 2);
    cr_expect_eq(set->list[0]->leaf_count, 3);
    cr_expect_eq(set->list[0]->leaves[1].service, 2);
    cr_expect_eq(set->list[0]->leaves[1].member, 1);
    cr_expect_eq(set->list[0]->leaves[1].direct, false);
    cr_expect_eq(set->list[0]->child_count, 1);
    cr_expect_eq(set->list[0]->parent, -1);
    cr_expect_eq(set->list[1]->parent, 0);
    cr_expect_eq(set->list[1]->intensity, 7);
    cr_expect_eq(set->list[0]->period, 60 * COOP_NSEC_PER_SEC);
    cr_expect_eq(set->group_of[0], 0);
    cr_expect_eq(set->group_of[1], 1);
    cr_expect_eq(set->order_count, 2, "b and c after a, and nothing between them");
    config_free(config);
}
