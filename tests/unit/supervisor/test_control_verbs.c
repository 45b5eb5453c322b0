/*
 * test_control_verbs.c - one row per verb, and what a call of it may hold
 */
#include "control/verbs.h"

#include "base/scope.h"
#include "control/places.h"
#include "text/json.h"
#include "text/words.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

Test(verbs, rows_stand_in_the_order_of_the_enum_and_are_found)
{
    for (size_t i = 0; i < CTL_VERBS; i++) {
        cr_expect_eq((size_t)ctl_verbs[i].id, i);
        cr_expect_eq(ctl_verb_find(ctl_verbs[i].word), &ctl_verbs[i]);
        cr_expect_eq(ctl_verb_of_method(ctl_verbs[i].method), &ctl_verbs[i]);
        cr_expect_eq(ctl_verbs[i].help[strlen(ctl_verbs[i].help) - 1], '.');
    }
    cr_expect_null(ctl_verb_find("frobnicate"));
    cr_expect_null(ctl_verb_of_method("Frobnicate"));
    cr_expect_str_eq(ctl_verb_nearest("statsu"), "status");
    cr_expect_null(ctl_verb_nearest("xyzzyxyzzy"));
}

Test(verbs, changing_needs_more_right_than_looking)
{
    cr_expect_eq(ctl_verb_find("status")->right, CTL_RIGHT_VIEW);
    cr_expect_eq(ctl_verb_find("tree")->right, CTL_RIGHT_VIEW);
    cr_expect_eq(ctl_verb_find("daemon")->right, CTL_RIGHT_VIEW);
    cr_expect_eq(ctl_verb_find("stop")->right, CTL_RIGHT_OPERATE);
    cr_expect_eq(ctl_verb_find("shutdown")->right, CTL_RIGHT_ADMIN);
    cr_expect_str_eq(ctl_right_word(CTL_RIGHT_OPERATE), "operate");
    cr_expect_str_eq(ctl_right_word(CTL_RIGHT_NONE), "none");
    cr_expect_str_eq(ctl_right_word(CTL_RIGHT_VIEW), "view");
    cr_expect_str_eq(ctl_right_word(CTL_RIGHT_ADMIN), "admin");
}

static int check(const char *verb, const char *json, struct ctl_args *ret_args,
                 const char **ret_bad)
{
    static json_t *parameters; /* kept until the next call: names point into it */

    json_decref(parameters);
    parameters = json_loads(json, 0, NULL);
    cr_assert(parameters, "%s", json);
    return ctl_args_check(ctl_verb_find(verb), parameters, ret_args, ret_bad);
}

Test(verbs, parameters_are_read_and_defaults_filled_in)
{
    struct ctl_args args;
    const char *bad;

    cr_assert_eq(check("start", "{\"services\":[\"a\",\"b\"],\"wait\":false,\"timeout_ms\":5}",
                       &args, &bad),
                 0);
    cr_expect_eq(args.count, 2);
    cr_expect_str_eq(args.services[1], "b");
    cr_expect_not(args.wait);
    cr_expect_eq(args.timeout_ms, 5);
    ctl_args_done(&args);

    cr_assert_eq(check("logs", "{\"service\":\"a\"}", &args, &bad), 0);
    cr_expect_eq(args.lines, CTL_LINES_USUAL);
    cr_expect_not(args.follow);
    ctl_args_done(&args);

    cr_assert_eq(check("kill", "{\"services\":[\"a\"],\"signal\":\"SIGHUP\"}", &args, &bad), 0);
    cr_expect_eq(args.signo, SIGHUP);
    ctl_args_done(&args);

    cr_assert_eq(check("status", "{}", &args, &bad), 0);
    cr_expect_not(args.named);
    cr_expect(args.wait);
    ctl_args_done(&args);

    cr_assert_eq(check("stop", "{\"all\":true,\"services\":null}", &args, &bad), 0);
    cr_expect(args.all);
    ctl_args_done(&args);
}

Test(verbs, a_wrong_parameter_is_named)
{
    static const struct {
        const char *verb, *json, *bad;
    } cases[] = {
        {"start", "{}", "services"},
        {"start", "{\"services\":[]}", "services"},
        {"start", "{\"services\":\"web\"}", "services"},
        {"start", "{\"services\":[7]}", "services"},
        {"start", "{\"services\":[\"a\"],\"all\":true}", "services"},
        {"start", "{\"names\":[\"a\"]}", "names"},
        {"start", "{\"services\":[\"a\"],\"wait\":1}", "wait"},
        {"start", "{\"services\":[\"a\"],\"timeout_ms\":-1}", "timeout_ms"},
        {"start", "{\"services\":[\"a\"],\"timeout_ms\":99999999999}", "timeout_ms"},
        {"start", "{\"services\":[\"a\"],\"signal\":\"TERM\"}", "signal"},
        {"kill", "{\"services\":[\"a\"],\"signal\":\"NONSENSE\"}", "signal"},
        {"kill", "{\"services\":[\"a\"],\"signal\":9}", "signal"},
        {"kill", "{\"all\":true}", "all"},
        {"logs", "{}", "service"},
        {"logs", "{\"service\":[\"a\"]}", "service"},
        {"logs", "{\"service\":\"a\",\"lines\":1e3}", "lines"},
        {"logs", "{\"service\":\"a\",\"lines\":100001}", "lines"},
        {"daemon", "{\"services\":[\"a\"]}", "services"},
    };

    for (size_t i = 0; i < COOP_COUNT(cases); i++) {
        struct ctl_args args = {.lines = -7};
        const char *bad = "";

        cr_expect_eq(check(cases[i].verb, cases[i].json, &args, &bad), -EINVAL, "%s",
                     cases[i].json);
        cr_expect_str_eq(bad, cases[i].bad, "%s: %s", cases[i].json, bad);
        cr_expect_eq(args.lines, -7, "untouched on failure");
    }
}

/* ---- lines of the FIFO ---- */

static int words(const char *line, const struct ctl_verb **ret_verb, struct ctl_args *ret_args,
                 struct coop_err *err)
{
    static struct strlist list; /* kept: names point into it */

    strlist_done(&list);
    cr_assert_eq(words_split(line, &list, err), 0);
    return ctl_args_words(&list, ret_verb, ret_args, err);
}

Test(verbs, a_line_is_read_like_a_command_line)
{
    const struct ctl_verb *verb;
    struct ctl_args args;
    struct coop_err err;

    cr_assert_eq(words("restart web db", &verb, &args, &err), 0);
    cr_expect_eq(verb->id, CTL_RESTART);
    cr_expect_eq(args.count, 2);
    cr_expect_not(args.wait);
    ctl_args_done(&args);
    cr_assert_eq(words("kill -s HUP web", &verb, &args, &err), 0);
    cr_expect_eq(args.signo, SIGHUP);
    ctl_args_done(&args);
    cr_assert_eq(words("stop all", &verb, &args, &err), 0);
    cr_expect(args.all);
    ctl_args_done(&args);
    cr_assert_eq(words("reload", &verb, &args, &err), 0);
    ctl_args_done(&args);
    cr_assert_eq(words("shutdown", &verb, &args, &err), 0);
    ctl_args_done(&args);
}

Test(verbs, a_line_that_is_no_command_is_refused)
{
    static const char *const bad[] = {
        "frobnicate web",   "status",         "logs web",         "tree",
        "daemon",           "start",          "stop all web",     "kill all",
        "kill -s",          "kill -s XX web", "start -s HUP web", "shutdown now",
        "start --force web"};

    for (size_t i = 0; i < COOP_COUNT(bad); i++) {
        const struct ctl_verb *verb;
        struct ctl_args args;
        struct coop_err err = {0};
        int r = words(bad[i], &verb, &args, &err);

        if (r == 0 && strcmp(bad[i], "kill all") == 0) { /* a service may be called so */
            ctl_args_done(&args);
            continue;
        }
        cr_expect_lt(r, 0, "%s", bad[i]);
        cr_expect_gt(strlen(err.text), 5, "%s", bad[i]);
    }
}

/* ---- places ---- */

Test(places, each_kind_of_user_has_a_default)
{
    char path[CTL_PATH_MAX], small[8];

    cr_assert_eq(ctl_default_socket(0, "/run/user/0", path, sizeof path), 0);
    cr_expect_str_eq(path, "/run/coop/control.sock");
    cr_assert_eq(ctl_default_socket(7, "/x", path, sizeof path), 0);
    cr_expect_str_eq(path, "/x/coop/control.sock");
    cr_assert_eq(ctl_default_socket(7, NULL, path, sizeof path), 0);
    cr_expect_str_eq(path, "/run/user/7/coop/control.sock");
    cr_assert_eq(ctl_default_socket(7, "", path, sizeof path), 0);
    cr_expect_str_eq(path, "/run/user/7/coop/control.sock");
    cr_expect_lt(ctl_default_socket(0, NULL, small, sizeof small), 0);
}

Test(places, the_fifo_is_beside_the_socket)
{
    char path[CTL_PATH_MAX];

    cr_assert_eq(ctl_fifo_path("/run/coop/control.sock", path, sizeof path), 0);
    cr_expect_str_eq(path, "/run/coop/control.fifo");
    cr_assert_eq(ctl_fifo_path("here.sock", path, sizeof path), 0);
    cr_expect_str_eq(path, "control.fifo");
}
