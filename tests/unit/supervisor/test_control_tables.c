/*
 * test_control_tables.c - what people see: aligned, bounded by the screen, harmless
 */
#include "ctl/show.h"
#include "ctl/table.h"

#include "base/scope.h"
#include "text/json.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct table_column columns[] = {
    {.title = "NAME"}, {.title = "PID", .right = true, .drop = 1}, {.title = "WHY"}};

/* The text of a table of two rows on a screen of that width. */
static char *draw(size_t width, const char *why)
{
    struct screen screen = {.width = width};
    struct table table;
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert(out);
    table_init(&table, columns, COOP_COUNT(columns));
    table_row(&table, (const char *[]){"web", "4711", why});
    table_row(&table, (const char *[]){"database", NULL, ""});
    table_print(&table, out, &screen);
    cr_expect_not(table.failed);
    table_done(&table);
    fclose(out);
    return text;
}

static void expect_drawn(size_t width, const char *why, const char *expected)
{
    SCOPED_FREE char *text = draw(width, why);

    cr_expect_str_eq(text, expected, "width %zu:\n%s", width, text);
}

Test(tables, columns_are_aligned)
{
    expect_drawn(0, "reported ready",
                 "NAME       PID  WHY\n"
                 "web       4711  reported ready\n"
                 "database     -  -\n");
}

Test(tables, characters_count_and_not_bytes)
{
    expect_drawn(0,
                 "\xc3\xbc"
                 "ber",
                 "NAME       PID  WHY\n"
                 "web       4711  \xc3\xbc"
                 "ber\n"
                 "database     -  -\n");
}

Test(tables, a_narrow_screen_drops_columns_and_then_cuts_the_last)
{
    expect_drawn(30, "a rather long reason for this",
                 "NAME      WHY\n"
                 "web       a rather long reaso+\n"
                 "database  -\n");
}

Test(tables, no_line_is_wider_than_the_screen)
{
    for (size_t width = 20; width < 60; width++) {
        SCOPED_FREE char *text =
            draw(width, "a rather long reason \xe2\x82\xac for all of this");
        char *rest = text, *line;

        while ((line = strsep(&rest, "\n")))
            cr_expect_leq(text_width(line), width, "width %zu: '%s'", width, line);
    }
}

Test(tables, what_could_steer_a_terminal_is_shown_as_a_question_mark)
{
    expect_drawn(0,
                 "\33[31mred\n\xc2\x9b"
                 "31m \xff",
                 "NAME       PID  WHY\n"
                 "web       4711  ?[31mred???31m ?\n"
                 "database     -  -\n");
}

Test(tables, a_pipe_has_neither_width_nor_colour)
{
    struct screen screen;
    int fds[2];

    cr_assert_eq(pipe(fds), 0);
    screen_look(&screen, fds[1], NULL, "xterm", "40");
    cr_expect_eq(screen.width, 0);
    cr_expect_not(screen.colour);
    close(fds[0]);
    close(fds[1]);
}

static int open_terminal(void)
{
    int fd = posix_openpt(O_RDWR | O_NOCTTY);

    if (fd < 0)
        cr_skip_test("no pseudo terminals here");
    return fd;
}

Test(tables, a_terminal_has_colour_unless_it_is_told_not_to)
{
    struct screen screen;
    int fd = open_terminal();

    screen_look(&screen, fd, NULL, "xterm", "40");
    cr_expect_eq(screen.width, 40);
    cr_expect(screen.colour);
    screen_look(&screen, fd, "1", "xterm", NULL);
    cr_expect_not(screen.colour);
    cr_expect_geq(screen.width, 20);
    screen_look(&screen, fd, "", "dumb", "nonsense");
    cr_expect_not(screen.colour);
    screen_look(&screen, fd, NULL, NULL, NULL);
    cr_expect_not(screen.colour);
    close(fd);
}

/* ---- services and processes ---- */

static char *show(void (*fn)(const json_t *, FILE *, const struct screen *), const char *json,
                  const struct screen *screen)
{
    SCOPED_JSON json_t *value = json_loads(json, 0, NULL);
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert(value && out);
    fn(value, out, screen);
    fclose(out);
    return text;
}

static const char services_json[] =
    "[{\"name\":\"web\",\"state\":\"up\",\"substate\":\"main\",\"pid\":4711,"
    "\"since\":\"2026-11-23T10:00:00.000Z\",\"restarts\":2,\"reason\":\"reported ready\","
    "\"waiting_for\":null,\"status\":\"42 clients\"},"
    "{\"name\":\"app\",\"state\":\"stopping\",\"substate\":\"tree\",\"pid\":null,"
    "\"since\":\"2026-11-23T10:00:00.000Z\",\"restarts\":0,\"reason\":\"asked to stop\","
    "\"waiting_for\":\"2 processes\"}]";

static void show_services_later(const json_t *services, FILE *out, const struct screen *screen)
{
    show_services(services, (INT64_C(1795428000) + 90) * COOP_NSEC_PER_SEC, out, screen);
}

Test(show, a_table_of_services)
{
    struct screen screen = {0};
    SCOPED_FREE char *text = show(show_services_later, services_json, &screen);

    cr_expect(strstr(text, "web   up"), "%s", text);
    cr_expect(strstr(text, "4711"), "%s", text);
    cr_expect(strstr(text, "1min 30s"), "%s", text);
    cr_expect(strstr(text, "reported ready; 42 clients"), "%s", text);
    cr_expect(strstr(text, "stopping/tree"), "%s", text);
    cr_expect(strstr(text, "asked to stop; waits for 2 processes"), "%s", text);
}

Test(show, states_are_coloured_where_there_is_colour)
{
    struct screen screen = {.colour = true};
    SCOPED_FREE char *text = show(show_services_later, services_json, &screen);

    cr_expect(strstr(text, "\33[32mup\33[0m"), "%s", text);
    cr_expect(strstr(text, "\33[36mstopping/tree\33[0m"), "%s", text);
}

static const char trees_json[] =
    "[{\"service\":\"web\",\"state\":\"up\",\"left_out\":3,\"processes\":["
    "{\"pid\":10,\"ppid\":1,\"inside\":1,\"state\":\"S\",\"depth\":0,\"command\":\"coop-init\"},"
    "{\"pid\":11,\"ppid\":10,\"inside\":2,\"state\":\"S\",\"depth\":1,\"command\":\"sh\"},"
    "{\"pid\":12,\"ppid\":11,\"inside\":3,\"state\":\"R\",\"depth\":2,\"command\":\"sleep 1\"},"
    "{\"pid\":13,\"ppid\":10,\"inside\":4,\"state\":\"Z\",\"depth\":1,\"command\":\"[x]\"}]},"
    "{\"service\":\"app\",\"state\":\"down\",\"left_out\":0,\"processes\":[]}]";

Test(show, a_tree_is_drawn)
{
    struct screen screen = {0};
    SCOPED_FREE char *text = show(show_trees, trees_json, &screen);

    cr_expect_str_eq(text,
                     "web up\n"
                     "PID  PPID  S  INSIDE  COMMAND\n"
                     " 10     1  S       1  `- coop-init\n"
                     " 11    10  S       2     |- sh\n"
                     " 12    11  R       3     |  `- sleep 1\n"
                     " 13    10  Z       4     `- [x]\n"
                     "(and 3 more)\n"
                     "\n"
                     "app down (no processes)\n",
                     "%s", text);
}

Test(show, one_service_in_full_has_processes_and_last_lines)
{
    SCOPED_JSON json_t *services = json_loads(services_json, 0, NULL);
    SCOPED_JSON json_t *trees = json_loads(trees_json, 0, NULL);
    SCOPED_JSON json_t *lines = json_pack("[s, s]", "hello", "wo\33rld");
    struct screen screen = {0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    cr_assert(out);
    json_object_set_new(json_array_get(services, 0), "patience_s", json_integer(3));
    show_service(json_array_get(services, 0), json_array_get(trees, 0), lines,
                 (INT64_C(1795428000) + 90) * COOP_NSEC_PER_SEC, out, &screen);
    fclose(out);
    cr_expect(strstr(text, "State  up for 1min 30s, since 2026-11-23T10:00:00.000Z"), "%s",
              text);
    cr_expect(strstr(text, "Restarts  2"), "%s", text);
    cr_expect(strstr(text, "Next step  within 3 s\n"), "%s", text);
    cr_expect(strstr(text, "sleep 1"), "%s", text);
    cr_expect(strstr(text, "\nhello\nwo?rld\n"), "%s", text);
    cr_expect(service_runs(json_array_get(services, 0)));
    cr_expect(service_runs(json_array_get(services, 1)), "it is stopping");
    free(text);
}

Test(show, answers_of_an_odd_daemon_do_not_harm)
{
    static const char *const odd[] = {
        "[]", "[{}]", "[7]", "[null]", "{}", "[{\"name\":7,\"pid\":\"x\",\"since\":\"then\"}]"};
    struct screen screen = {.width = 40};

    for (size_t i = 0; i < COOP_COUNT(odd); i++) {
        free(show(show_services_later, odd[i], &screen));
        free(show(show_trees, odd[i], &screen));
        free(show(show_daemon, odd[i], &screen));
    }
}
