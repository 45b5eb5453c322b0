/*
 * test_options.c - coopd's command line: where things are when nobody says
 */
#include "daemon_inside.h"
#include "options.h"

#include "base/scope.h"
#include "base/str.h"

#include <criterion/criterion.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { NOBODY = 61777 }; /* a user that no database knows */

static int parse(char *const *argv, struct options *ret_options, struct coop_err *err)
{
    int argc = 0;

    while (argv[argc])
        argc++;
    *err = (struct coop_err){0};
    return options_parse(ret_options, argc, argv, err);
}

static void forget_home(void)
{
    unsetenv("HOME");
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("XDG_STATE_HOME");
}

/* Root's places are fixed: be somebody else. */
static void become_a_stranger(void)
{
    if (geteuid() == 0)
        cr_assert_eq(setresuid(NOBODY, NOBODY, NOBODY), 0);
}

Test(options, without_home_nothing_is_read_from_where_everybody_writes)
{
    char name[] = "coopd";
    char *argv[] = {name, NULL};
    const struct passwd *entry;
    struct options options;
    struct coop_err err;

    become_a_stranger();
    forget_home();
    entry = getpwuid(geteuid());
    if (!entry) {
        cr_assert_lt(parse(argv, &options, &err), 0);
        cr_expect_str_eq(err.text, "HOME is not set: give --config, --state-dir and --log-dir");
        return;
    }
    cr_assert_eq(parse(argv, &options, &err), 0, "%s", err.text);
    cr_expect(str_starts_with(options.config.items[0], entry->pw_dir));
    options_done(&options);
}

Test(options, without_home_named_places_are_enough)
{
    char name[] = "coopd", config[] = "--config=/c", state[] = "--state-dir=/s",
         log[] = "--log-dir=/l";
    char *argv[] = {name, config, state, log, NULL};
    struct options options;
    struct coop_err err;

    become_a_stranger();
    forget_home();
    cr_assert_eq(parse(argv, &options, &err), 0, "%s", err.text);
    cr_expect_str_eq(options.config.items[0], "/c");
    options_done(&options);
}

Test(options, a_home_that_is_no_path_is_none)
{
    char name[] = "coopd";
    char *argv[] = {name, NULL};
    struct options options;
    struct coop_err err;

    become_a_stranger();
    forget_home();
    setenv("HOME", "tmp", 1);
    if (!getpwuid(geteuid()))
        cr_expect_lt(parse(argv, &options, &err), 0);
}

/* cron, su and setpriv leave XDG_RUNTIME_DIR out. */
Test(options, a_socket_without_a_place_says_what_to_set)
{
    char dir[] = "/tmp", socket[] = "/proc/no-such-place/coop/control.sock";
    struct options options = {.state_dir = dir, .log_dir = dir, .socket = socket};
    struct daemon daemon = {.options = &options, .lock_fd = -1, .state_lock_fd = -1};
    struct coop_err err = {0};

    become_a_stranger();
    cr_assert_lt(daemon_open_places(&daemon, &err), 0);
    cr_expect_str_eq(err.hint, "set XDG_RUNTIME_DIR or give --socket", "%s", err.text);
}

Test(options, who_asked_for_the_end_is_never_process_0)
{
    char text[96];

    cr_assert_geq(daemon_sender_text(SIGTERM, 7, text, sizeof text), 0);
    cr_expect_str_eq(text, "SIGTERM from process 7");
    cr_assert_geq(daemon_sender_text(SIGINT, 0, text, sizeof text), 0);
    cr_expect_str_eq(text, "SIGINT from the terminal, or outside this PID namespace");
    cr_assert_geq(daemon_sender_text(SIGTERM, 0, text, sizeof text), 0);
    cr_expect_str_eq(text, "SIGTERM from outside this PID namespace");
}
