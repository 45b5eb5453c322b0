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

static const struct svc_spec simple = {.type = TYPE_SIMPLE};
static const struct svc_spec oneshot = {.type = TYPE_ONESHOT};

static char letter(enum svc_event verdict)
{
    return verdict == EV_DIED ? '+' : verdict == EV_SUCCEEDED ? 'v' : 'x';
}

Test(policy, every_restart_word_judges_every_ending_as_systemd_does)
{
    for (size_t i = 0; i < sizeof matrix / sizeof matrix[0]; i++)
        for (int restart = RESTART_NO; restart <= RESTART_ALWAYS; restart++)
            cr_expect_eq(letter(policy_verdict(
                             &(struct svc_spec){.type = TYPE_NOTIFY, .restart = restart},
                             matrix[i].ending)),
                         matrix[i].verdicts[restart], "%s, Restart= word %d", matrix[i].name,
                         restart);
}

Test(policy, a_signal_is_no_success_for_a_oneshot)
{
    cr_expect_eq(policy_verdict(&oneshot, &term), EV_HOPELESS);
    cr_expect_eq(policy_verdict(&simple, &term), EV_SUCCEEDED);
    cr_expect_eq(policy_verdict(&oneshot, &well), EV_SUCCEEDED);
}

Test(policy, clean_signals_are_hup_int_term_and_pipe)
{
    for (int signo = 1; signo < 32; signo++) {
        struct ending ending = {.kind = EXIT_SIGNAL, .value = signo};
        bool clean = signo == SIGHUP || signo == SIGINT || signo == SIGTERM || signo == SIGPIPE;

        cr_expect_eq(policy_class(&simple, &ending) == ENDING_SUCCESS, clean, "%d", signo);
    }
}

Test(policy, all_exit_codes_but_zero_are_failures)
{
    for (int value = 0; value < 256; value++) {
        struct ending ending = {.kind = EXIT_CODE, .value = value};

        cr_expect_eq(policy_class(&oneshot, &ending), value ? ENDING_CODE : ENDING_SUCCESS);
    }
}

/* In each of them the ending named is in the set; 'other' is in none. */
static const struct svc_spec success = {.type = TYPE_ONESHOT,
                                        .success_exits = {{1u << 3}, 1ull << (SIGKILL - 1)}};
static const struct svc_spec prevent = {
    .restart = RESTART_ALWAYS, .prevent_exits = {{1u << 3 | 1u << 0}, 1ull << (SIGSEGV - 1)}};
static const struct svc_spec force = {.force_exits = {{1u << 3 | 1u << 0}, 0}};
static const struct svc_spec both = {.prevent_exits = {{1u << 3}, 0},
                                     .force_exits = {{1u << 3}, 0}};
static const struct ending other = {.kind = EXIT_CODE, .value = 67};

static const struct {
    const char *name;
    const struct svc_spec *spec;
    const struct ending *ending;
    char verdict;
} sets[] = {
    {"a code that counts as success", &success, &code, 'v'},
    {"a signal that does", &success, &killed, 'v'},
    {"a code that does not: 67 is 64 and 3", &success, &other, 'x'},
    {"a code after which it stays down", &prevent, &code, 'x'},
    {"a good end after which it stays down", &prevent, &well, 'v'},
    {"a signal after which it stays down", &prevent, &core, 'x'},
    {"another code", &prevent, &other, '+'},
    {"never born: no code at all", &prevent, &unborn, '+'},
    {"nobody knows the code", &prevent, &unknown, '+'},
    {"a code after which it comes back", &force, &code, '+'},
    {"a good end after which it comes back", &force, &well, '+'},
    {"another code without Restart=", &force, &other, 'x'},
    {"never born, forced by no code", &force, &unborn, 'x'},
    {"both: it stays down", &both, &code, 'x'},
};

Test(policy, sets_of_endings_are_stronger_than_restart)
{
    for (size_t i = 0; i < sizeof sets / sizeof sets[0]; i++)
        cr_expect_eq(letter(policy_verdict(sets[i].spec, sets[i].ending)), sets[i].verdict,
                     "%s", sets[i].name);
}

Test(policy, what_ends_with_a_service_ends_like_it)
{
    cr_expect_eq(policy_exit_status(&well), 0);
    cr_expect_eq(policy_exit_status(&code), 3);
    cr_expect_eq(policy_exit_status(&killed), 128 + SIGKILL);
    cr_expect_eq(policy_exit_status(&unborn), 1);
    cr_expect_eq(policy_exit_status(&unknown), 1);
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
