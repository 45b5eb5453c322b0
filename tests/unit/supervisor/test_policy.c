/*
 * Restart= times ending, against the matrix of systemd.service(5) typed in once more.
 */
#include "service/policy.h"

#include <criterion/criterion.h>
#include <signal.h>

static const struct ending well = {.kind = EXIT_CODE};
static const struct ending code = {.kind = EXIT_CODE, .value = 3};
static const struct ending term = {.kind = EXIT_SIGNAL, .value = SIGTERM};
static const struct ending killed = {.kind = EXIT_SIGNAL, .value = SIGKILL};
static const struct ending core = {.kind = EXIT_SIGNAL, .value = SIGSEGV, .core = true};
static const struct ending late = {.kind = EXIT_SIGNAL, .value = SIGTERM, .timed_out = true};
static const struct ending early = {.kind = EXIT_CODE, .never_ready = true};
static const struct ending unborn = {.unborn = true};
static const struct ending bound = {
    .kind = EXIT_SIGNAL, .value = SIGKILL, .timed_out = true, .broken = LAUNCH_RESULT_CPU_TIME};
static const struct ending oom = {.kind = EXIT_SIGNAL, .value = SIGKILL, .out_of_memory = true};
static const struct ending oom_below = {.kind = EXIT_CODE, .out_of_memory = true};
static const struct ending unknown = {.kind = EXIT_UNKNOWN};

/* +: again   v: done   x: failed       no  success failure abnormal watchdog abort always */
static const struct {
    const char *name;
    const struct ending *ending;
    const char verdicts[8];
} matrix[] = {
    {"exit 0", &well, "v+vvvv+"},     {"SIGTERM", &term, "v+vvvv+"},
    {"exit 3", &code, "xx+xxx+"},     {"SIGKILL", &killed, "xx++x++"},
    {"core", &core, "xx++x++"},       {"timeout", &late, "xx++xx+"},
    {"protocol", &early, "xx++xx+"},  {"unborn", &unborn, "xx+xxx+"},
    {"unknown", &unknown, "xx++xx+"}, {"bound", &bound, "xx++xx+"},
    {"oom", &oom, "xx++xx+"},         {"oom of another", &oom_below, "v+vvvv+"},
};

static char letter(enum svc_event verdict)
{
    return verdict == EV_DIED ? '+' : verdict == EV_SUCCEEDED ? 'v' : 'x';
}

Test(policy, every_restart_word_judges_every_ending_as_systemd_does)
{
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++)
        for (int restart = RESTART_NO; restart <= RESTART_ALWAYS; restart++)
            cr_expect_eq(letter(policy_verdict((enum svc_restart)restart, TYPE_NOTIFY,
                                               matrix[i].ending)),
                         matrix[i].verdicts[restart], "%s, Restart= word %d", matrix[i].name,
                         restart);
}

Test(policy, a_signal_is_no_success_for_a_oneshot)
{
    cr_expect_eq(policy_verdict(RESTART_NO, TYPE_ONESHOT, &term), EV_HOPELESS);
    cr_expect_eq(policy_verdict(RESTART_NO, TYPE_SIMPLE, &term), EV_SUCCEEDED);
    cr_expect_eq(policy_verdict(RESTART_NO, TYPE_ONESHOT, &well), EV_SUCCEEDED);
}

Test(policy, clean_signals_are_hup_int_term_and_pipe)
{
    for (int signo = 1; signo < 32; signo++) {
        struct ending ending = {.kind = EXIT_SIGNAL, .value = signo};
        bool clean = signo == SIGHUP || signo == SIGINT || signo == SIGTERM || signo == SIGPIPE;

        cr_expect_eq(policy_class(TYPE_SIMPLE, &ending) == ENDING_SUCCESS, clean, "%d", signo);
    }
}

Test(policy, all_exit_codes_but_zero_are_failures)
{
    for (int value = 0; value < 256; value++) {
        struct ending ending = {.kind = EXIT_CODE, .value = value};

        cr_expect_eq(policy_class(TYPE_ONESHOT, &ending), value ? ENDING_CODE : ENDING_SUCCESS);
    }
}

Test(policy, an_ending_reads_as_a_sentence)
{
    char text[80];

    cr_expect_str_eq(policy_ending_text(&code, text, sizeof text), "exited with code 3");
    cr_expect_str_eq(policy_ending_text(&core, text, sizeof text),
                     "killed by SIGSEGV (core dumped)");
    cr_expect_str_eq(policy_ending_text(&unknown, text, sizeof text),
                     "ended, nobody knows how");
}
