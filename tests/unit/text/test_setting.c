/* The option-table engine: one row, and everything made from it. */
#include "text/setting.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

#include "base/scope.h"
#include "coop/time.h"
#include "text/setting_json.h"

struct spec {
    bool nnp;
    int nice, restart, signal;
    int64_t memory, files;
    coop_nsec stop;
    char *user, *dir;
    struct strlist argv, after, binds, env;
    mode_t mask;
};

static const char *const restart_names[] = {"no", "on-failure", "always", NULL};

#define FIELD(name) .field = offsetof(struct spec, name)

/* clang-format off */
static const struct setting rows[] = {
    {"Service", "ExecStart", &setting_argv, FIELD(argv), .required = true,
     .help = "Command to run. Split like a shell does, but nothing is expanded."},
    {"Service", "Restart", &setting_enum, FIELD(restart), .names = restart_names,
     .fallback = "no", .help = "When to start again."},
    {"Service", "TimeoutStopSec", &setting_duration, FIELD(stop), .min = 0,
     .max = 600 * COOP_NSEC_PER_SEC, .fallback = "90s", .help = "How long to wait."},
    {"Service", "MemoryMax", &setting_bytes, FIELD(memory), .min = 1 << 20, .max = INT64_MAX,
     .fallback = "infinity", .help = "Memory ceiling."},
    {"Service", "LimitNOFILE", &setting_int64, FIELD(files), .min = 0, .max = INT64_MAX,
     .fallback = "infinity", .help = "Most descriptors."},
    {"Service", "NoNewPrivileges", &setting_bool, FIELD(nnp), .fallback = "no",
     .help = "No more privileges."},
    {"Service", "Nice", &setting_int, FIELD(nice), .min = -20, .max = 19, .fallback = "0",
     .help = "Niceness."},
    {"Service", "User", &setting_string, FIELD(user), .help = "Who runs it."},
    {"Service", "WorkingDirectory", &setting_path, FIELD(dir), .flag = "chdir",
     .help = "Where it starts."},
    {"Service", "KillSignal", &setting_signal, FIELD(signal), .fallback = "SIGTERM",
     .help = "What asks it to stop."},
    {"Service", "UMask", &setting_mode, FIELD(mask), .max = 0777, .fallback = "0022",
     .flag = "umask", .help = "File mode mask."},
    {"Unit", "After", &setting_words, FIELD(after), .help = "What starts first."},
    {"Service", "BindPaths", &setting_lines, FIELD(binds), .help = "What is shown."},
    {"Service", "Environment", &setting_env, FIELD(env), .flag = "", .help = "Variables."},
};
/* clang-format on */

static const struct setting_table table = {rows, COOP_COUNT(rows)};

static struct spec fresh(void)
{
    struct spec spec = {0};
    struct coop_err err = {0};

    cr_assert_eq(settings_defaults(&table, &spec, &err), 0, "%s", err.text);
    return spec;
}

static const char *shown(const struct spec *spec, const char *key)
{
    static struct buf text = BUF_INIT((size_t)10000);

    buf_clear(&text);
    setting_render(setting_find(&table, NULL, key), spec, &text);
    return buf_text(&text);
}

Test(setting, table_passes_its_own_check)
{
    struct spec spec = {0};
    struct coop_err err = {0};

    cr_assert_eq(settings_selftest(&table, &spec, &err), 0, "%s", err.text);
}

Test(setting, flags_are_keys_in_kebab_case)
{
    static const char *const names[][2] = {
        {"MemoryMax", "memory-max"},
        {"LimitNOFILE", "limit-nofile"},
        {"NoNewPrivileges", "no-new-privileges"},
        {"OOMScoreAdjust", "oom-score-adjust"},
        {"CPUQuota", "cpu-quota"},
        {"Nice", "nice"},
        {"PrivateIPC", "private-ipc"},
        {"IPAddressAllow", "ip-address-allow"},
        {"TimeoutStopSec", "timeout-stop-sec"},
        {"LimitAS", "limit-as"},
        {"Seccomp2Mode", "seccomp2-mode"},
        {"already-kebab", "already-kebab"},
    };
    char flag[SETTING_FLAG_MAX];

    for (size_t i = 0; i < COOP_COUNT(names); i++) {
        struct setting row = {.key = names[i][0]};

        cr_expect_str_eq(setting_flag_name(&row, flag), names[i][1]);
    }
}

Test(setting, defaults_come_through_the_same_parsers)
{
    struct spec spec = fresh();

    cr_expect_eq(spec.stop, 90 * COOP_NSEC_PER_SEC);
    cr_expect_eq(spec.memory, INT64_MAX);
    cr_expect_eq(spec.signal, 15);
    cr_expect_eq(spec.mask, 022);
    cr_expect_eq(spec.user, NULL);
    cr_expect_eq(spec.argv.count, 0);
    settings_done(&table, &spec);
}

static const struct {
    const char *key, *text, *shown; /* shown NULL: refused */
    const char *error;
} values[] = {
    /* clang-format off */
    {"NoNewPrivileges", "yes", "yes", NULL}, {"NoNewPrivileges", "ON", "yes", NULL},
    {"NoNewPrivileges", "f", "no", NULL},
    {"NoNewPrivileges", "maybe", NULL, "NoNewPrivileges=maybe: expected yes or no"},
    {"Nice", "-20", "-20", NULL}, {"Nice", "+5", "5", NULL},
    {"Nice", "20", NULL, "Nice=20: expected -20 to 19"}, {"Nice", "1x", NULL, "whole number"},
    {"Nice", "99999999999999999999", NULL, "whole number"},
    {"LimitNOFILE", "infinity", "infinity", NULL}, {"LimitNOFILE", "1024", "1024", NULL},
    {"LimitNOFILE", "-1", NULL, "expected at least 0"},
    {"MemoryMax", "64M", "64M", NULL}, {"MemoryMax", "1.5G", "1536M", NULL},
    {"MemoryMax", "10X", NULL, "MemoryMax=10X: expected a size such as"},
    {"MemoryMax", "1K", NULL, "MemoryMax=1K: expected at least 1M"},
    {"MemoryMax", "99E", NULL, "too large"},
    {"TimeoutStopSec", "1min 30s", "1min 30s", NULL}, {"TimeoutStopSec", "5", "5s", NULL},
    {"TimeoutStopSec", "11min", NULL, "expected 0 to 10min"},
    {"TimeoutStopSec", "soon", NULL, "expected a time such as"},
    {"Restart", "always", "always", NULL},
    {"Restart", "alway", NULL, "Restart=alway: not one of its words"},
    {"User", "redis", "redis", NULL}, {"User", "a b", "a b", NULL},
    {"WorkingDirectory", "/var//lib/./x/", "/var/lib/x", NULL},
    {"WorkingDirectory", "/", "/", NULL}, {"WorkingDirectory", "//.", "/", NULL},
    {"WorkingDirectory", "var", NULL, "expected an absolute path"},
    {"WorkingDirectory", "/a/../b", NULL, "without '..'"},
    {"WorkingDirectory", "/a/..b", "/a/..b", NULL},
    {"KillSignal", "INT", "SIGINT", NULL}, {"KillSignal", "RTMIN+3", "SIGRTMIN+3", NULL},
    {"KillSignal", "SIGFOO", NULL, "expected a signal such as"},
    {"UMask", "77", "0077", NULL}, {"UMask", "7777", NULL, "at most 0777"},
    {"UMask", "9", NULL, "octal"},
    {"ExecStart", "sleep '1 2'", "sleep \"1 2\"", NULL},
    {"ExecStart", "'sleep", NULL, "quote at column 1"},
    {"ExecStart", "''", NULL, "expected a command"},
    {"After", "a.service  b", "a.service b", NULL}, {"BindPaths", "/a b:/c", "/a b:/c", NULL},
    {"Environment", "A=1 \"B=x y\" A=2", "A=2 \"B=x y\"", NULL},
    {"Environment", "A", NULL, "'A' is not NAME=VALUE"}, {"Environment", "1A=x", NULL, "NAME=VALUE"},
    {"Environment", "=x", NULL, "NAME=VALUE"}, {"Environment", "A=", "A=", NULL},
    /* clang-format on */
};

Test(setting, values_parse_and_render)
{
    for (size_t i = 0; i < COOP_COUNT(values); i++) {
        struct spec spec = fresh(), before = fresh();
        struct coop_err err = {0};
        int r = settings_apply(&table, &spec, NULL, values[i].key, values[i].text, &err);
        const struct setting *row = setting_find(&table, NULL, values[i].key);

        if (values[i].shown) {
            cr_expect_eq(r, 0, "%s=%s: %s", values[i].key, values[i].text, err.text);
            cr_expect_str_eq(shown(&spec, values[i].key), values[i].shown);
        } else {
            cr_expect_eq(r, -1, "%s=%s", values[i].key, values[i].text);
            cr_expect(strstr(err.text, values[i].error), "%s=%s: %s", values[i].key,
                      values[i].text, err.text);
            cr_expect_not(setting_differs(row, &spec, &before), "%s touched", row->key);
        }
        settings_done(&table, &spec);
        settings_done(&table, &before);
    }
}

Test(setting, rendering_and_parsing_again_is_the_same)
{
    for (size_t i = 0; i < COOP_COUNT(values); i++) {
        struct spec spec = fresh(), again = fresh();
        const struct setting *row = setting_find(&table, NULL, values[i].key);

        if (values[i].shown) {
            cr_assert_eq(setting_apply(row, &spec, values[i].text, NULL), 0);
            cr_assert_eq(setting_apply(row, &again, shown(&spec, row->key), NULL), 0);
            cr_expect_not(setting_differs(row, &spec, &again), "%s=%s", row->key,
                          values[i].text);
        }
        settings_done(&table, &spec);
        settings_done(&table, &again);
    }
}

Test(setting, lists_grow_and_an_empty_value_empties_them)
{
    struct spec spec = fresh();

    cr_assert_eq(settings_apply(&table, &spec, "Unit", "After", "a b", NULL), 0);
    cr_assert_eq(settings_apply(&table, &spec, "Unit", "After", "c", NULL), 0);
    cr_expect_str_eq(shown(&spec, "After"), "a b c");
    cr_assert_eq(settings_apply(&table, &spec, "Unit", "After", "", NULL), 0);
    cr_expect_str_eq(shown(&spec, "After"), "");
    cr_assert_eq(settings_apply(&table, &spec, "Unit", "After", "d", NULL), 0);
    cr_expect_str_eq(shown(&spec, "After"), "d");
    settings_done(&table, &spec);
}

Test(setting, an_empty_single_value_is_the_default_again)
{
    struct spec spec = fresh();

    cr_assert_eq(settings_apply(&table, &spec, "Service", "TimeoutStopSec", "1s", NULL), 0);
    cr_assert_eq(settings_apply(&table, &spec, "Service", "TimeoutStopSec", "", NULL), 0);
    cr_expect_str_eq(shown(&spec, "TimeoutStopSec"), "1min 30s");
    cr_assert_eq(settings_apply(&table, &spec, "Service", "User", "me", NULL), 0);
    cr_assert_eq(settings_apply(&table, &spec, "Service", "User", "", NULL), 0);
    cr_expect_eq(spec.user, NULL);
    settings_done(&table, &spec);
}

Test(setting, unknown_keys_name_the_nearest_known_one)
{
    struct spec spec = fresh();
    struct coop_err err = {0};

    cr_assert_eq(settings_apply(&table, &spec, "Service", "MemroyMax", "1G", &err), -1);
    cr_expect_eq(err.code, COOP_E_UNKNOWN);
    cr_expect_str_eq(err.text, "MemroyMax: no such key in [Service]");
    cr_expect_str_eq(err.hint, "did you mean MemoryMax?");
    cr_assert_eq(settings_apply(&table, &spec, "Service", "memorymax", "1G", &err), -1);
    cr_expect_str_eq(err.hint, "did you mean MemoryMax?");
    cr_assert_eq(settings_apply(&table, &spec, "Service", "Colour", "1G", &err), -1);
    cr_expect_str_eq(err.hint, "");
    cr_assert_eq(settings_apply(&table, &spec, "Service", "After", "x", &err), -1);
    cr_expect_str_eq(err.hint, "After belongs into [Unit]");
    settings_done(&table, &spec);
}

Test(setting, a_wrong_word_gets_the_right_ones)
{
    struct spec spec = fresh();
    struct coop_err err = {0};

    settings_apply(&table, &spec, "Service", "Restart", "onfailure", &err);
    cr_expect_str_eq(err.hint, "did you mean on-failure?");
    settings_apply(&table, &spec, "Service", "Restart", "sometimes", &err);
    cr_expect_str_eq(err.hint, "Restart can be: no, on-failure, always");
    settings_done(&table, &spec);
}

static int flag(struct spec *spec, struct coop_err *err, int *index, const char *a,
                const char *b)
{
    char word[2][64];
    char *argv[] = {word[0], word[1], NULL};

    snprintf(word[0], sizeof word[0], "%s", a);
    snprintf(word[1], sizeof word[1], "%s", b ? b : "");
    *index = 0;
    return settings_flag(&table, spec, b ? 2 : 1, argv, index, err);
}

Test(setting, flags_take_their_value_in_both_forms)
{
    struct spec spec = fresh();
    struct coop_err err = {0};
    int index;

    cr_expect_eq(flag(&spec, &err, &index, "--memory-max=64M", NULL), 1);
    cr_expect(index == 1 && spec.memory == 64 << 20);
    cr_expect_eq(flag(&spec, &err, &index, "--memory-max", "2M"), 1);
    cr_expect(index == 2 && spec.memory == 2 << 20);
    cr_expect_eq(flag(&spec, &err, &index, "--no-new-privileges", "no"), 1);
    cr_expect(index == 1 && spec.nnp, "the next word is not a bool's value");
    cr_expect_eq(flag(&spec, &err, &index, "--no-new-privileges=no", NULL), 1);
    cr_expect_not(spec.nnp);
    cr_expect_eq(flag(&spec, &err, &index, "--chdir", "/x"), 1);
    cr_expect_str_eq(spec.dir, "/x");
    cr_expect_eq(flag(&spec, &err, &index, "--user=", NULL), 1, "an empty value resets");
    settings_done(&table, &spec);
}

Test(setting, other_words_are_left_to_the_next_table)
{
    struct spec spec = fresh();
    struct coop_err err = {0};
    int index;
    static const char *const words[] = {
        "--",         "-", "x", "--ro-bind", "--environment", "--=x", "--working-directory",
        "-memory-max"};

    for (size_t i = 0; i < COOP_COUNT(words); i++) {
        cr_expect_eq(flag(&spec, &err, &index, words[i], "x"), 0, "%s", words[i]);
        cr_expect_eq(index, 0);
    }
    settings_done(&table, &spec);
}

Test(setting, bad_flags_say_which_and_why)
{
    struct spec spec = fresh();
    struct coop_err err = {0};
    int index;

    cr_expect_eq(flag(&spec, &err, &index, "--memory-max", NULL), -1);
    cr_expect_str_eq(err.text, "--memory-max needs a value (SIZE)");
    cr_expect_eq(flag(&spec, &err, &index, "--nice=50", NULL), -1);
    cr_expect_str_eq(err.text, "--nice=50: expected -20 to 19");
    settings_unknown_flag(&table, "--memroy-max=1", &err);
    cr_expect_str_eq(err.text, "unknown option '--memroy-max=1'");
    cr_expect_str_eq(err.hint, "did you mean --memory-max?");
    settings_unknown_flag(&table, "--zzz", &err);
    cr_expect_str_eq(err.hint, "");
    settings_done(&table, &spec);
}

Test(setting, required_rows_are_missed)
{
    struct spec spec = fresh();
    struct coop_err err = {0};

    cr_expect_eq(settings_check_required(&table, &spec, &err), -1);
    cr_expect_str_eq(err.text, "ExecStart= is missing in [Service]");
    cr_assert_eq(settings_apply(&table, &spec, NULL, "ExecStart", "true", NULL), 0);
    cr_expect_eq(settings_check_required(&table, &spec, &err), 0);
    settings_done(&table, &spec);
}

Test(setting, copies_are_deep_and_equal)
{
    struct spec a = fresh(), b = {0};

    settings_apply(&table, &a, NULL, "User", "me", NULL);
    settings_apply(&table, &a, NULL, "After", "x y", NULL);
    cr_assert_eq(settings_copy(&table, &b, &a), 0);
    settings_for_each (row, &table)
        cr_expect_not(setting_differs(row, &a, &b), "%s", row->key);
    cr_expect_neq(a.user, b.user);
    settings_apply(&table, &b, NULL, "After", "z", NULL);
    cr_expect(setting_differs(setting_find(&table, NULL, "After"), &a, &b));
    settings_done(&table, &a);
    cr_expect_str_eq(b.user, "me");
    settings_done(&table, &b);
}

static char *printed(void (*print)(FILE *out))
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert(out != NULL);
    print(out);
    fclose(out);
    return text;
}

static void print_help(FILE *out)
{
    settings_print_help(&table, out);
}

static void print_keys(FILE *out)
{
    settings_print_mdoc_keys(&table, "Service", out);
}

static void print_flags(FILE *out)
{
    settings_print_mdoc_flags(&table, out);
}

static void print_dictionary(FILE *out)
{
    settings_print_dictionary(&table, out);
}

Test(setting, help_fits_80_columns)
{
    SCOPED_FREE char *text = printed(print_help);

    cr_expect(strstr(text, "  --exec-start=COMMAND        Command to run.\n"), "%s", text);
    cr_expect(
        strstr(text, "  --memory-max=SIZE           Memory ceiling. (default: infinity)\n"));
    cr_expect(strstr(text, "  --no-new-privileges[=BOOL]  No more privileges. (default: no)\n"),
              "%s", text);
    cr_expect_not(strstr(text, "--environment"));
    for (const char *line = text; *line; line += strcspn(line, "\n") + 1)
        cr_expect(strcspn(line, "\n") <= 80, "%s", line);
}

Test(setting, manual_rows_are_mdoc)
{
    SCOPED_FREE char *keys = printed(print_keys), *flags = printed(print_flags);

    cr_expect(strstr(keys, ".It Ic Restart Ns = Ns Ar WORD\nWhen to start again.\nOne of\n"
                           ".Cm no ,\n.Cm on-failure ,\n.Cm always .\n"),
              "%s", keys);
    cr_expect(strstr(keys, "May be given several times"));
    cr_expect_not(strstr(keys, "Ic After"), "another section");
    cr_expect(strstr(flags, ".It Fl \\-memory-max Ns = Ns Ar SIZE\n"), "%s", flags);
}

Test(setting, dictionary_holds_keys_words_and_samples)
{
    SCOPED_FREE char *text = printed(print_dictionary);

    cr_expect(strstr(text, "\"[Service]\\x0a\"\n"), "%s", text);
    cr_expect(strstr(text, "\"MemoryMax=\"\n\"64K\"\n"));
    cr_expect(strstr(text, "\"on-failure\"\n"));
}

Test(setting, json_shows_types)
{
    struct spec spec = fresh();
    json_t *object;
    char *text;

    settings_apply(&table, &spec, NULL, "ExecStart", "sleep 1", NULL);
    settings_apply(&table, &spec, NULL, "MemoryMax", "1M", NULL);
    object = settings_json(&table, &spec);
    cr_assert(object != NULL);
    text = json_dumps(object, JSON_COMPACT);
    cr_expect(strstr(text, "\"ExecStart\":[\"sleep\",\"1\"]"), "%s", text);
    cr_expect(strstr(text, "\"MemoryMax\":1048576"), "%s", text);
    cr_expect(strstr(text, "\"LimitNOFILE\":\"infinity\""), "%s", text);
    cr_expect(strstr(text, "\"NoNewPrivileges\":false"), "%s", text);
    cr_expect(strstr(text, "\"User\":null"), "%s", text);
    cr_expect(strstr(text, "\"Restart\":\"no\""), "%s", text);
    free(text);
    json_decref(object);
    settings_done(&table, &spec);
}

Test(setting, selftest_finds_bad_rows)
{
    static const struct setting bad[] = {
        {"S", "A", &setting_int, .help = "no full stop"},
        {"S", "A", &setting_enum, .help = "No words."},
        {"S", "A", &setting_int, .help = "Bad default.", .fallback = "x"},
        {"S", "A", &setting_int, .help = "Bad range.", .min = 2, .max = 1},
        {"S", "A", NULL, .help = "No type."},
    };
    static const struct setting twice[] = {{"S", "A", &setting_int, .help = "One."},
                                           {"S", "A", &setting_int, .help = "Two."}};
    static const struct setting one_flag[] = {
        {"S", "A", &setting_int, .help = "One."},
        {"S", "B", &setting_int, .flag = "a", .help = "Two."}};
    struct spec spec = {0};

    for (size_t i = 0; i < COOP_COUNT(bad); i++) {
        struct setting_table one = {&bad[i], 1};

        cr_expect_eq(settings_selftest(&one, &spec, NULL), -1, "row %zu", i);
    }
    cr_expect_eq(settings_selftest(&(struct setting_table){twice, 2}, &spec, NULL), -1);
    cr_expect_eq(settings_selftest(&(struct setting_table){one_flag, 2}, &spec, NULL), -1);
}
