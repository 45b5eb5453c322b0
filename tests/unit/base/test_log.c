/* One line, one record; never blocks. */
#include "base/log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int ends[2];

static void open_pipe(void)
{
    cr_assert_eq(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    log_set_fd(ends[1]);
}

static const char *logged(void)
{
    static char text[100000];
    ssize_t n = read(ends[0], text, sizeof text - 1);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

Test(log, a_line_has_time_level_room_and_text, .init = open_pipe)
{
    int year, ms;
    const char *line;

    log_info("service", "web: pid %d", 42);
    line = logged();
    cr_expect_eq(sscanf(line, "%4d-%*2d-%*2dT%*2d:%*2d:%*2d.%3dZ", &year, &ms), 2, "%s", line);
    cr_expect_gt(year, 2020);
    cr_expect_str_eq(line + 24, " info service: web: pid 42\n");
}

Test(log, what_is_above_the_level_is_not_written, .init = open_pipe)
{
    log_debug("x", "hidden");
    cr_expect_str_eq(logged(), "");
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug("x", "shown");
    cr_expect(strstr(logged(), " debug x: shown\n"));
    log_set_level(LOG_LEVEL_ERROR);
    log_warn("x", "hidden");
    cr_expect_str_eq(logged(), "");
}

Test(log, nobody_can_forge_a_line, .init = open_pipe)
{
    log_info("x", "a\n2026 error y: \x1b[1mfake");
    cr_expect(strstr(logged(), "a?2026 error y: ?[1mfake\n"));
}

Test(log, long_lines_are_cut_and_say_so, .init = open_pipe)
{
    static char text[3000];
    const char *line;

    memset(text, 'x', sizeof text - 1);
    log_info("x", "%s", text);
    line = logged();
    cr_expect_eq(strlen(line), LOG_LINE_MAX - 1);
    cr_expect_str_eq(line + LOG_LINE_MAX - 6, "x...\n");
}

Test(log, a_stuck_reader_loses_lines_not_us, .init = open_pipe, .timeout = 10)
{
    const char *text;
    uint64_t lost;

    for (int i = 0; i < 5000; i++)
        log_info("x", "a line that nobody reads, number %d", i);
    lost = log_lost();
    cr_expect_gt(lost, 0);
    while (*logged())
        continue;
    log_info("x", "after");
    text = logged();
    cr_expect(strstr(text, " lines lost, nobody took them\n"), "%s", text);
    cr_expect(strstr(text, " info x: after\n"), "%s", text);
    cr_expect_eq(log_lost(), lost);
}

Test(log, errors_bring_their_hint, .init = open_pipe)
{
    struct coop_err err;
    const char *text;

    coop_fail(&err, COOP_E_RANGE, "web: bad");
    coop_hint(&err, "do better");
    log_err(LOG_LEVEL_ERROR, "config", &err);
    text = logged();
    cr_expect(strstr(text, " error config: web: bad\n"));
    cr_expect(strstr(text, " error config: hint: do better\n"));
}
