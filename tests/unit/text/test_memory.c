/* Every allocation of the text room fails once: no crash, no leak, and the caller hears of it. */
#include <criterion/criterion.h>
#include <string.h>

#include "base/map.h"
#include "support/failing_memory.h"
#include "text/ini_reader.h"
#include "text/setting.h"
#include "text/words.h"

struct spec {
    char *user;
    struct strlist argv, after, env;
};

#define FIELD(name) .field = offsetof(struct spec, name)

static const struct setting rows[] = {
    {"S", "User", &setting_string, FIELD(user), .fallback = "nobody", .help = "Who."},
    {"S", "ExecStart", &setting_argv, FIELD(argv), .help = "What."},
    {"S", "After", &setting_words, FIELD(after), .help = "When."},
    {"S", "Environment", &setting_env, FIELD(env), .fallback = "A=1 B=2", .help = "With."},
};
static const struct setting_table table = {rows, 4};

static int on_key(void *arg, const struct ini_key *at, struct coop_err *err)
{
    if (!at->key)
        return 0;
    return settings_apply(&table, arg, at->section, at->key, at->value, err);
}

static const char text[] = "[S]\nUser = me\nExecStart = sleep 'a b' c d e f\n"
                           "After = x y\nAfter = z\nEnvironment = A=3 C=\"4 5\"\n";

/* Reads, copies and renders; negative when anything was refused. */
static int scene(struct coop_err *err)
{
    struct spec spec = {0}, copy = {0};
    struct buf shown = BUF_INIT((size_t)1000);
    int r = settings_defaults(&table, &spec, err);

    if (r == 0)
        r = ini_read_text("t", text, sizeof text - 1, on_key, &spec, err);
    if (r == 0)
        r = settings_copy(&table, &copy, &spec);
    for (int i = 0; r == 0 && i < 4; i++)
        setting_render(&rows[i], &copy, &shown);
    if (r == 0)
        r = shown.error;
    if (r == 0)
        cr_assert_str_eq(buf_text(&shown), "mesleep \"a b\" c d e fx y zA=3 B=2 \"C=4 5\"");
    settings_done(&table, &spec);
    settings_done(&table, &copy);
    buf_done(&shown);
    return r;
}

Test(memory, every_allocation_may_fail, .timeout = 20)
{
    struct coop_err err = {0};
    unsigned n = 1;

    for (;; n++) {
        int r;

        failing_memory_arm(n);
        r = scene(&err);
        if (!failing_memory_disarm()) {
            cr_assert_eq(r, 0, "%s", err.text);
            break;
        }
        cr_assert_lt(r, 0, "allocation %u failed unnoticed", n);
    }
    cr_assert_gt(n, 30, "only %u allocations were tried", n);
}

Test(memory, a_map_that_cannot_grow_keeps_what_it_has)
{
    static char names[40][4];
    struct map map = {0};
    int failed = 0;

    for (int i = 0; i < 40; i++) {
        names[i][0] = (char)('a' + i % 26);
        names[i][1] = (char)('a' + i / 26);
        failing_memory_arm(1);
        if (map_put(&map, names[i], names[i]) < 0) {
            failed++;
            failing_memory_disarm();
            cr_assert_eq(map_put(&map, names[i], names[i]), 0);
        }
        failing_memory_disarm();
    }
    cr_assert_gt(failed, 1);
    for (int i = 0; i < 40; i++)
        cr_assert_eq(map_get(&map, names[i]), names[i]);
    map_done(&map);
}
