/*
 * test_control_varlink.c - frames are cut however their bytes arrive, and bounded
 */
#include "control/varlink.h"

#include "base/scope.h"
#include "text/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* The first frame of 'bytes', which arrive 'step' at a time. */
static enum varlink_cut cut_in_steps(const char *bytes, size_t len, size_t step,
                                     char *ret_frame, size_t size, size_t *ret_used)
{
    struct buf in = BUF_INIT(2 * VARLINK_FRAME_MAX);
    struct varlink_scan scan = {0};
    struct varlink_piece piece = {0};
    enum varlink_cut cut = VARLINK_MORE;
    size_t fed = 0, dropped = 0;

    while (cut == VARLINK_MORE && fed < len) {
        size_t some = len - fed < step ? len - fed : step;

        buf_add(&in, bytes + fed, some);
        fed += some;
        cut = varlink_cut(&scan, in.data, in.len, &piece);
        if (cut == VARLINK_MORE) {
            buf_drop(&in, piece.used);
            dropped += piece.used;
        }
    }
    if (cut == VARLINK_FRAME)
        snprintf(ret_frame, size, "%.*s", (int)piece.len, in.data + piece.start);
    *ret_used = dropped + piece.used;
    buf_done(&in);
    return cut;
}

static void expect_cut(const char *bytes, size_t len, enum varlink_cut expected,
                       const char *expected_frame, size_t expected_used)
{
    for (size_t step = 1; step <= len; step++) {
        char frame[256] = "";
        size_t used = 0;
        enum varlink_cut cut = cut_in_steps(bytes, len, step, frame, sizeof frame, &used);

        cr_assert_eq(cut, expected, "'%s' in steps of %zu: %d", bytes, step, cut);
        if (cut == VARLINK_FRAME) {
            cr_expect_str_eq(frame, expected_frame);
            cr_expect_eq(used, expected_used, "'%s': %zu", bytes, used);
        }
    }
}

#define EXPECT_FRAME(bytes, frame, used)                                                       \
    expect_cut(bytes, sizeof(bytes) - 1, VARLINK_FRAME, frame, used)
#define EXPECT(bytes, cut) expect_cut(bytes, sizeof(bytes) - 1, cut, "", 0)

Test(varlink, a_frame_ends_with_nul_or_with_a_newline_behind_the_object)
{
    EXPECT_FRAME("{\"a\":1}\0", "{\"a\":1}", 8);
    EXPECT_FRAME("{\"a\":1}\n", "{\"a\":1}", 8);
    EXPECT_FRAME("{\"a\":1} \r\n", "{\"a\":1} \r", 10);
    EXPECT_FRAME("\n \r\n {}\0{}", "{}", 8);
    EXPECT_FRAME("{\n \"a\": [\n1]\n}\n{", "{\n \"a\": [\n1]\n}", 15);
}

Test(varlink, a_nul_alone_is_an_empty_frame_but_behind_a_newline_it_is_its_end)
{
    static const char bytes[] = "{}\n\0\n{}\0";
    struct varlink_scan scan = {0};
    struct varlink_piece piece;

    EXPECT_FRAME("\0", "", 1);
    EXPECT_FRAME(" \0", "", 2);
    cr_assert_eq(varlink_cut(&scan, bytes, 8, &piece), VARLINK_FRAME);
    cr_expect_eq(piece.used, 3);
    cr_assert_eq(varlink_cut(&scan, bytes + 3, 5, &piece), VARLINK_FRAME);
    cr_expect_eq(piece.len, 2);
    cr_expect_eq(piece.used, 5);
}

Test(varlink, brackets_and_quotes_inside_strings_do_not_count)
{
    EXPECT_FRAME("{\"}\\\"]\":\"{[\\\\\"}\n", "{\"}\\\"]\":\"{[\\\\\"}", 16);
    EXPECT("{\"a\":\"}\n", VARLINK_MORE);
    EXPECT("{\"a\":\"}\\\"}\n", VARLINK_MORE);
}

Test(varlink, an_incomplete_object_is_a_frame_only_at_nul)
{
    EXPECT("{\"a\":", VARLINK_MORE);
    EXPECT("{\"a\"\n:1", VARLINK_MORE);
    EXPECT_FRAME("{\"a\":\0", "{\"a\":", 6);
}

Test(varlink, what_is_no_object_is_garbage_at_once)
{
    EXPECT("hello", VARLINK_GARBAGE);
    EXPECT("[1]", VARLINK_GARBAGE);
    EXPECT("  7", VARLINK_GARBAGE);
    EXPECT("{} {}", VARLINK_GARBAGE);
    EXPECT("{}x", VARLINK_GARBAGE);
    EXPECT("\xff", VARLINK_GARBAGE);
    EXPECT("{}]", VARLINK_GARBAGE);
}

Test(varlink, sixteen_levels_pass_and_seventeen_do_not)
{
    EXPECT_FRAME("{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}\n",
                 "{\"a\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}", 37);
    EXPECT("{\"a\":[[[[[[[[[[[[[[[[", VARLINK_TOO_DEEP);
}

Test(varlink, a_frame_of_the_limit_passes_and_one_byte_more_does_not)
{
    static char bytes[VARLINK_FRAME_MAX + 4];
    struct varlink_scan scan = {0};
    struct varlink_piece piece;

    memset(bytes, ' ', sizeof bytes);
    bytes[0] = '{';
    bytes[VARLINK_FRAME_MAX - 1] = '}';
    bytes[VARLINK_FRAME_MAX] = '\0';
    cr_assert_eq(varlink_cut(&scan, bytes, sizeof bytes, &piece), VARLINK_FRAME);
    cr_expect_eq(piece.len, VARLINK_FRAME_MAX);

    bytes[VARLINK_FRAME_MAX - 1] = ' ';
    bytes[VARLINK_FRAME_MAX] = '}';
    scan = (struct varlink_scan){0};
    cr_assert_eq(varlink_cut(&scan, bytes, sizeof bytes, &piece), VARLINK_TOO_LONG);
}

Test(varlink, a_flood_of_blanks_is_dropped_as_it_comes)
{
    static char bytes[VARLINK_FRAME_MAX];
    struct varlink_scan scan = {0};
    struct varlink_piece piece;

    memset(bytes, '\n', sizeof bytes);
    for (int i = 0; i < 100; i++) {
        cr_assert_eq(varlink_cut(&scan, bytes, sizeof bytes, &piece), VARLINK_MORE);
        cr_assert_eq(piece.used, sizeof bytes);
    }
}

Test(varlink, every_outcome_has_a_sentence)
{
    for (int cut = VARLINK_MORE; cut <= VARLINK_GARBAGE; cut++)
        cr_expect_gt(strlen(varlink_cut_text((enum varlink_cut)cut)), 5);
}

/* ---- calls ---- */

static int parse(const char *text, struct varlink_call *ret_call, struct coop_err *err)
{
    return varlink_call_parse(text, strlen(text), ret_call, err);
}

Test(varlink, a_call_is_read)
{
    struct varlink_call call;
    struct coop_err err;

    cr_assert_eq(
        parse("{\"method\":\"a.b.C\",\"parameters\":{\"x\":1},\"more\":true}", &call, &err), 0);
    cr_expect_str_eq(call.method, "a.b.C");
    cr_expect_eq(json_integer_value(json_object_get(call.parameters, "x")), 1);
    cr_expect(call.more);
    cr_expect_not(call.oneway);
    varlink_call_done(&call);
    cr_assert_eq(parse("{\"method\":\"C\",\"oneway\":true,\"parameters\":null}", &call, &err),
                 0);
    cr_expect(call.oneway);
    cr_expect_eq(json_object_size(call.parameters), 0);
    varlink_call_done(&call);
}

Test(varlink, what_is_no_call_is_refused_and_nothing_is_touched)
{
    static const char *const bad[] = {"",
                                      "{",
                                      "{}",
                                      "[]",
                                      "{\"method\":7}",
                                      "{\"method\":null}",
                                      "{\"method\":\"a\",\"method\":\"b\"}",
                                      "{\"method\":\"a.b\",\"parameters\":[]}",
                                      "{\"method\":\"a.b\",\"parameters\":\"x\"}",
                                      "{\"method\":\"a.b\",\"more\":1}",
                                      "{\"method\":\"a.b\",\"more\":\"yes\"}",
                                      "{\"method\":\"a.b\",\"oneway\":{}}",
                                      "{\"method\":\"a.b\",\"more\":true,\"oneway\":true}",
                                      "{\"method\":\"a.b\",\"upgrade\":true}",
                                      "{\"method\":\"a.b\",\"id\":1}",
                                      "{\"method\":\"a\\u0000b\"}",
                                      "{\"method\":\"\xff\"}",
                                      "{\"method\":\"a\"} x"};
    struct varlink_call call = {.method = "untouched"};

    for (size_t i = 0; i < COOP_COUNT(bad); i++) {
        struct coop_err err = {0};

        cr_expect_lt(parse(bad[i], &call, &err), 0, "%s", bad[i]);
        cr_expect_gt(strlen(err.text), 5, "%s", bad[i]);
    }
    cr_expect_str_eq(call.method, "untouched");
}

Test(varlink, a_method_is_split_at_its_last_dot)
{
    const char *name;
    size_t length;

    cr_assert(varlink_method_split("io.coop.X", &length, &name));
    cr_expect_eq(length, 7);
    cr_expect_str_eq(name, "X");
    cr_expect_not(varlink_method_split("X", &length, &name));
    cr_expect_not(varlink_method_split("", &length, &name));
    cr_expect_not(varlink_method_split(".X", &length, &name));
    cr_expect_not(varlink_method_split("io.", &length, &name));
}

/* ---- there and back ---- */

Test(varlink, replies_and_errors_survive_the_way)
{
    struct buf out = BUF_INIT(4096);
    struct varlink_reply reply;
    struct coop_err err;

    cr_assert_eq(varlink_add_reply(&out, json_pack("{s:i}", "x", 7), true), 0);
    cr_assert_eq(out.data[out.len - 1], '\0');
    cr_assert_eq(varlink_reply_parse(out.data, out.len - 1, &reply, &err), 0);
    cr_expect(reply.continues);
    cr_expect_null(reply.error);
    cr_expect_eq(json_integer_value(json_object_get(reply.parameters, "x")), 7);
    varlink_reply_done(&reply);
    buf_clear(&out);

    cr_assert_eq(varlink_add_error(&out, "a.b.Bad", NULL), 0);
    cr_assert_eq(varlink_reply_parse(out.data, out.len - 1, &reply, &err), 0);
    cr_expect_str_eq(reply.error, "a.b.Bad");
    cr_expect_not(reply.continues);
    varlink_reply_done(&reply);
    buf_clear(&out);

    cr_assert_eq(varlink_add_call(&out, "a.b.C", NULL, true), 0);
    cr_expect(strstr(out.data, "\"more\":true"));
    buf_done(&out);
}

Test(varlink, what_is_no_reply_is_refused)
{
    struct varlink_reply reply;
    struct coop_err err;

    cr_expect_lt(varlink_reply_parse("x", 1, &reply, &err), 0);
    cr_expect_lt(varlink_reply_parse("[]", 2, &reply, &err), 0);
    cr_expect_lt(varlink_reply_parse("{\"error\":7}", 11, &reply, &err), 0);
    cr_expect_lt(varlink_reply_parse("{\"parameters\":7}", 16, &reply, &err), 0);
}

Test(varlink, a_full_buffer_takes_no_half_frame_for_whole)
{
    struct buf out = BUF_INIT(16);

    cr_expect_lt(varlink_add_reply(&out, json_pack("{s:s}", "x", "a long enough text"), false),
                 0);
    buf_done(&out);
}

Test(varlink, any_bytes_become_a_string)
{
    static const struct {
        const char *bytes, *text;
        size_t len;
    } cases[] = {
        {"plain", "plain", 5},
        {"h\xc3\xa9", "h\xc3\xa9", 3},
        {"\xff", "\xef\xbf\xbd", 1},
        {"a\0b",
         "a\xef\xbf\xbd"
         "b",
         3},
        {"x\xc3", "x\xef\xbf\xbd", 2},
        {"\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", 3},
        {"", "", 0},
    };

    for (size_t i = 0; i < COOP_COUNT(cases); i++) {
        SCOPED_JSON json_t *string = varlink_string(cases[i].bytes, cases[i].len);

        cr_assert(string);
        cr_expect_str_eq(json_string_value(string), cases[i].text, "case %zu", i);
    }
}
