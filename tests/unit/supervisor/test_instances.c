/*
 * Templates and what is made of them: which instances there are and why, what their keys say, and
 * what is refused with which words.
 */
#include "config/instances.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"
#include "config/instance.h"
#include "config/load.h"
#include "config/specifier.h"

static char dir[] = "/tmp/coop-instances-XXXXXX";
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
    static const char *const names[] = {"a.ini", "b.ini", "job@.service", "job@7.service"};

    for (size_t i = 0; i < COOP_COUNT(names); i++) {
        char path[128];

        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    cr_expect_eq(rmdir(dir), 0);
}

TestSuite(instances, .init = set_up, .fini = tear_down);

static struct config *load(void)
{
    struct config *config = NULL;
    char *paths[] = {dir};

    told[0] = '\0';
    config_load(&config, paths, 1, tell, NULL, NULL);
    return config;
}

/* An empty one where there is none: expectations fail instead of the program. */
static const struct svc_spec *spec_of(const struct config *config, const char *name)
{
    static char nothing[] = "";
    static char *words[] = {nothing, nothing, NULL};
    static struct exec_spec none = {.argv.items = words};
    static const struct svc_spec missing = {.execs[EXEC_START].items = &none, .set = nothing};

    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->specs[i]->name, name) == 0)
            return config->specs[i];
    cr_expect_fail("there is no '%s'", name);
    return &missing;
}

static const char *word(const struct config *config, const char *name, size_t at)
{
    return spec_of(config, name)->execs[EXEC_START].items[0].argv.items[at];
}

/* All names, in their order, with blanks between them. */
static const char *names_of(const struct config *config)
{
    static char text[4096];

    cr_assert_not_null(config, "%s", told);
    text[0] = '\0';
    for (size_t i = 0; i < config->count; i++)
        snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", i ? " " : "",
                 config->specs[i]->name);
    return text;
}

static void refuses(const char *text, const char *why)
{
    struct config *config;

    put("a.ini", text);
    config = load();
    cr_expect_null(config, "not refused: %s", text);
    cr_expect_not_null(strstr(told, why), "'%s' is not in: %s", why, told);
    config_free(config);
}

/* ---- names ---- */

Test(instances, names_are_split_numbered_and_checked)
{
    static const char *const good[] = {"a@b", "a@.b", "a@b@c", "a@x\\x2dy", "a@1", "a-b@c-d"};
    static const char *const bad[] = {"@a",    "a\\x2d@b", "a@b\\x2", "a@b\\x00", "a@b c",
                                      "a@b/c", "a@@",      "a@b@",    "a@b\\y",   ""};
    struct coop_err err = {0};

    for (size_t i = 0; i < COOP_COUNT(good); i++)
        cr_expect_eq(instance_check_name("Service", good[i], strlen(good[i]), true, &err), 0,
                     "%s: %s", good[i], err.text);
    for (size_t i = 0; i < COOP_COUNT(bad); i++)
        cr_expect_eq(instance_check_name("Service", bad[i], strlen(bad[i]), true, &err), -1,
                     "%s", bad[i]);
    cr_expect_eq(instance_check_name("Service", "a@", 2, true, &err), 0);
    cr_expect_eq(instance_check_name("Sandbox", "a@", 2, false, &err), -1);
    cr_expect_eq(instance_number("a@17"), 17);
    cr_expect_eq(instance_number("a@017"), 0);
    cr_expect_eq(instance_number("a@0"), 0);
    cr_expect_eq(instance_number("a@16385"), 0);
    cr_expect_eq(instance_number("a@1x"), 0);
    cr_expect_eq(instance_number("a@"), 0);
    cr_expect_eq(instance_number("a17"), 0);
}

static void expect_expanded(const char *service, const char *text, const char *wanted)
{
    const struct specifiers about = {.service = service};
    struct coop_err err = {0};
    char *got = specifiers_expand(&about, text, &err);

    cr_expect_str_eq(got ? got : err.text, wanted, "%s of %s", text, service);
    free(got);
}

Test(instances, specifiers_tell_of_the_instance)
{
    expect_expanded("web@x", "%i %I %p %P %n %N %j %f %%",
                    "x x web web web@x.service web@x web /x %");
    expect_expanded("a-b@c-d\\x2de", "%i|%I|%p|%P|%j|%J|%f",
                    "c-d\\x2de|c/d-e|a-b|a/b|b|b|/c/d-e");
    expect_expanded("web", "[%i][%I][%p][%j][%f]", "[][][web][web][/web]");
    expect_expanded("a@b@c", "%p %i", "a b@c");
}

/* ---- which ones there are ---- */

Test(instances, a_set_has_its_numbers)
{
    struct config *config;

    put("a.ini", "[Service web]\nInstances=3\nExecStart=/bin/sleep 1%i\n"
                 "[Service all]\nExecStart=/bin/a\nAfter=web\nRequires=web.service\n");
    config = load();
    cr_expect_str_eq(names_of(config), "all web@1 web@2 web@3");
    cr_expect_str_eq(word(config, "web@2", 1), "12");
    cr_expect_str_eq(spec_of(config, "web@2")->set, "web");
    cr_expect(svc_spec_starts_by_itself(spec_of(config, "web@3")));
    cr_expect_eq(config->graph.nodes[0].count, 3);
    cr_expect_eq(config->graph.nodes[0].links[2].is, LINK_REQUIRES | LINK_AFTER);
    cr_expect_eq(instances_written(config, "web"), 3);
    cr_expect_eq(instances_written(config, "all"), 0);
    config_free(config);
}

Test(instances, a_template_alone_makes_nothing_and_is_checked)
{
    struct config *config;

    put("a.ini", "[Service job@]\nExecStart=/bin/job %i\n");
    config = load();
    cr_expect_str_eq(names_of(config), "");
    config_free(config);
    refuses("[Service job@]\nExecStart=/bin/job %i\nExecStrat=x\n",
            "a.ini:3: ExecStrat: no such key");
    refuses("[Service job@]\nExecStart=/bin/job %Y\n", "'%Y' is not a specifier");
    refuses("[Service job@]\nExecStart=/bin/job %i\nUMask=9\n", "a.ini:3: UMask=9");
}

Test(instances, what_is_named_is_made_and_does_not_start_by_itself)
{
    struct config *config;

    put("a.ini",
        "[Service job@]\nExecStart=/bin/job %i\nWants=help@%i.service\n"
        "OnFailure=alert@%N\n"
        "[Service help@]\nExecStart=/bin/help\n"
        "[Service alert@]\nExecStart=/bin/alert %i\n"
        "[Service web]\nExecStart=/bin/a\nWants=job@1.service nothing@1\nAfter=job@2\n");
    config = load();
    cr_expect_str_eq(names_of(config), "web job@1 help@1 alert@job@1");
    cr_expect(!svc_spec_starts_by_itself(spec_of(config, "alert@job@1")));
    cr_expect_str_eq(word(config, "alert@job@1", 1), "job@1");
    config_free(config);
}

Test(instances, one_with_a_section_has_its_keys_over_those_of_the_template)
{
    const struct svc_spec *spec;
    struct config *config;

    put("a.ini", "[Service job@]\nExecStart=/bin/job %i\nEnvironment=A=1\nUMask=0077\n");
    put("b.ini", "[Service job@x]\nEnvironment=B=%i\nUMask=0027\nWants=gone\n");
    config = load();
    cr_expect_str_eq(names_of(config), "job@x");
    cr_expect(svc_spec_starts_by_itself(config->specs[0]));
    spec = config->specs[0];
    cr_expect_eq(spec->env.count, 2);
    cr_expect_str_eq(spec->env.items[1], "B=x");
    cr_expect_not_null(strstr(told, "b.ini:4: warning: Wants=gone"), "%s", told);
    config_free(config);
    put("b.ini", "[Service job@x]\nRestartSec=soon\n");
    config = load();
    cr_expect_null(config);
    cr_expect_not_null(strstr(told, "b.ini:2: instance 'job@x': RestartSec=soon"), "%s", told);
    put("b.ini", "[Service job@x]\nRequires=gone\n");
    config = load();
    cr_expect_null(config);
    cr_expect_not_null(strstr(told, "b.ini:2: service 'job@x' has Requires=gone"), "%s", told);
}

Test(instances, unit_files_have_systemds_rules)
{
    struct config *config;

    put("job@.service", "[Service]\nExecStart=/bin/job %i\n[Install]\nDefaultInstance=d\n"
                        "WantedBy=multi-user.target\n");
    put("job@7.service", "[Service]\nExecStart=/bin/other %i\n");
    config = load();
    cr_expect_str_eq(names_of(config), "job@7 job@d");
    cr_expect_str_eq(word(config, "job@7", 0), "/bin/other");
    cr_expect(svc_spec_starts_by_itself(spec_of(config, "job@d")));
    cr_expect(spec_of(config, "job@d")->is_unit);
    config_free(config);
}

Test(instances, mistakes_are_told)
{
    refuses("[Service web]\nInstances=2\nExecStart=/bin/a\n[Service web@x]\nUMask=0\n",
            "a.ini:4: 'web@x': [Service web] has Instances=, so they are numbers");
    refuses("[Service web]\nInstances=2\nExecStart=/bin/a\n[Service web@1]\nInstances=3\n",
            "a.ini:5: Instances= belongs into [Service web]");
    refuses("[Service web@]\nInstances=2\nExecStart=/bin/a\n[Service web]\nExecStart=/bin/b\n",
            "'web' is the set of [Service web@], and a service at");
    refuses("[Service web@]\nInstances=2\nDefaultInstance=x\nExecStart=/bin/a\n",
            "a.ini:3: DefaultInstance= of a set");
    refuses("[Service web@]\nDefaultInstance=x/y\nExecStart=/bin/a\n",
            "'web@x/y' is not a name");
    refuses("[Service web]\nInstances=0\nExecStart=/bin/a\n", "Instances=0");
    refuses("[Service web]\nInstances=20000\nExecStart=/bin/a\n", "Instances=20000");
    refuses("[Service a]\nInstances=16384\nExecStart=/bin/a\n[Service b]\nExecStart=/bin/b\n",
            "instance 'a@16384': one coopd runs at most 16384 services");
    refuses("[Service web]\nInstances=2\nExecStart=/bin/a\n[Service b]\nExecStart=/bin/b\n"
            "Requires=web@3\n",
            "service 'b' has Requires=web@3, which does not exist");
    refuses("[Service w@]\nExecStart=/bin/a\nWants=w@%i1\n[Service b]\nExecStart=/bin/b\n"
            "Wants=w@1\nRequires=none\n",
            "Requires=none");
    refuses("[Service web]\nInstances=2\nExecStart=/bin/a\nAfter=web\n", "dependency cycle");
}

/* ---- wishes ---- */

static struct config *wish(const struct config *from, const struct wishes *wishes)
{
    struct config *config = NULL;

    told[0] = '\0';
    cr_assert_eq(config_wish(&config, from, wishes, tell, NULL, NULL), 0, "%s", told);
    return config;
}

Test(instances, a_wish_makes_one_and_shares_all_others)
{
    struct config *config, *more, *less;
    struct wishes wishes = {0};

    put("a.ini",
        "[Service job@]\nExecStart=/bin/job %i\n[Service job@a]\n"
        "[Service web]\nInstances=2\nExecStart=/bin/web\n[Service own]\nExecStart=/bin/o\n");
    config = load();
    cr_assert_str_eq(names_of(config), "own web@1 web@2 job@a");
    wishes_put(&wishes, &(struct wish){.name = "job@b"});
    wishes_put(&wishes, &(struct wish){.name = "web", .count = 3, .instead = 2});
    more = wish(config, &wishes);
    cr_expect_str_eq(names_of(more), "own web@1 web@2 web@3 job@a job@b");
    cr_expect_eq(spec_of(more, "web@2"), spec_of(config, "web@2"));
    cr_expect_eq(spec_of(more, "own"), spec_of(config, "own"));
    cr_expect_eq(spec_of(more, "job@b")->origin, ORIGIN_ASKED);
    cr_expect(!svc_spec_starts_by_itself(spec_of(more, "job@b")));
    wishes_remove(&wishes, "job@b");
    wishes_put(&wishes, &(struct wish){.name = "web", .count = 1, .instead = 2});
    less = wish(more, &wishes);
    cr_expect_str_eq(names_of(less), "own web@1 job@a");
    config_free(config);
    config_free(more);
    /* The files say something else by now: their number counts. */
    wishes_put(&wishes, &(struct wish){.name = "web", .count = 9, .instead = 5});
    config = wish(less, &wishes);
    cr_expect_str_eq(names_of(config), "own web@1 web@2 job@a");
    config_free(config);
    config_free(less);
    wishes_done(&wishes);
}

Test(instances, what_may_be_asked_for)
{
    struct coop_err err = {0};
    struct config *config;

    put("a.ini",
        "[Service job@]\nExecStart=/bin/job %i\n"
        "[Service web]\nInstances=2\nExecStart=/bin/web\n[Service own]\nExecStart=/bin/o\n");
    config = load();
    cr_expect_eq(instances_may_be(config, "job@a-b\\x2d", &err), 0, "%s", err.text);
    cr_expect_eq(instances_may_be(config, "job@a/b", &err), -1);
    cr_expect_str_eq(err.text, "'job@a/b' is not a name");
    cr_expect_eq(instances_may_be(config, "web@3", &err), -1);
    cr_expect_not_null(strstr(err.hint, "coopctl scale web=N"), "%s", err.hint);
    cr_expect_eq(instances_may_be(config, "own@3", &err), -1);
    cr_expect_str_eq(err.text, "no service 'own@3'");
    cr_expect_eq(instances_may_be(config, "job@", &err), -1);
    config_free(config);
}
