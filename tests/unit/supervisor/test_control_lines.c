/*
 * test_control_lines.c - the FIFO's lines stay whole, long ones are refused once
 */
#include "control/lines.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

/* Feeds 'bytes' in steps and writes what comes out: lines with '|', refusals as '!'. */
static void feed(struct line_cutter *cutter, const char *bytes, size_t len, size_t step,
                 char *ret_seen)
{
    char *line;
    enum line_kind kind;

    for (size_t at = 0; at < len;) {
        size_t room, some;
        char *to = line_room(cutter, &room);

        cr_assert_gt(room, 0);
        some = len - at < step ? len - at : step;
        some = some < room ? some : room;
        memcpy(to, bytes + at, some);
        line_filled(cutter, some);
        at += some;
        while ((kind = line_next(cutter, &line)) != LINE_NONE) {
            strcat(ret_seen, kind == LINE_WHOLE ? line : "!");
            strcat(ret_seen, kind == LINE_WHOLE ? "|" : "");
        }
    }
}

static struct line_cutter *new_cutter(void)
{
    struct line_cutter *cutter = calloc(1, sizeof *cutter);

    cr_assert(cutter);
    return cutter;
}

Test(lines, lines_come_out_however_they_came_in)
{
    static const char text[] = "one\ntwo words\n\nthree\ntail";

    for (size_t step = 1; step < sizeof text; step++) {
        struct line_cutter *cutter = new_cutter();
        char seen[256] = "";

        feed(cutter, text, sizeof text - 1, step, seen);
        cr_expect_str_eq(seen, "one|two words||three|", "steps of %zu: %s", step, seen);
        cr_expect_eq(line_tail(cutter), 4);
        line_drop_tail(cutter);
        cr_expect_eq(line_tail(cutter), 0);
        free(cutter);
    }
}

Test(lines, a_line_that_a_pipe_may_cut_is_refused_whole_and_once)
{
    static char text[3 * LINE_MAX_BYTES];
    struct line_cutter *cutter = new_cutter();
    char seen[256] = "";

    memset(text, 'x', sizeof text);
    memcpy(text + sizeof text - 6, "\nnext\n", 6);
    feed(cutter, text, sizeof text, 1000, seen);
    cr_expect_str_eq(seen, "!next|", "%s", seen);
    cr_expect_eq(line_tail(cutter), 0);
    free(cutter);
}

Test(lines, the_longest_line_passes_and_one_byte_more_does_not)
{
    static char text[LINE_MAX_BYTES + 1], seen[2 * LINE_MAX_BYTES];
    struct line_cutter *cutter = new_cutter();

    memset(text, 'x', sizeof text);
    text[LINE_MAX_BYTES - 1] = '\n';
    feed(cutter, text, LINE_MAX_BYTES, LINE_MAX_BYTES, seen);
    cr_expect_eq(strlen(seen), LINE_MAX_BYTES);
    text[LINE_MAX_BYTES - 1] = 'x';
    text[LINE_MAX_BYTES] = '\n';
    seen[0] = '\0';
    feed(cutter, text, LINE_MAX_BYTES + 1, LINE_MAX_BYTES, seen);
    cr_expect_str_eq(seen, "!");
    free(cutter);
}

Test(lines, a_long_line_that_was_given_up_does_not_eat_the_next_one)
{
    static char text[LINE_MAX_BYTES];
    struct line_cutter *cutter = new_cutter();
    char seen[64] = "";

    memset(text, 'x', sizeof text);
    feed(cutter, text, sizeof text, sizeof text, seen);
    cr_expect_gt(line_tail(cutter), 0, "still skipping");
    line_drop_tail(cutter);
    feed(cutter, "stop web\n", 9, 9, seen);
    cr_expect_str_eq(seen, "!stop web|");
    free(cutter);
}

Test(lines, one_that_was_given_back_comes_again)
{
    struct line_cutter *cutter = new_cutter();
    char *line, seen[64] = "";
    size_t room;

    memcpy(line_room(cutter, &room), "start web\nstop", 14);
    line_filled(cutter, 14);
    cr_assert_eq(line_next(cutter, &line), LINE_WHOLE);
    line_back(cutter);
    cr_expect_eq(line_tail(cutter), 14, "all of it, for the next program");
    feed(cutter, " db\n", 4, 4, seen);
    cr_expect_str_eq(seen, "start web|stop db|", "%s", seen);
    free(cutter);
}
