/* Splitting like a shell, and quoting back. */
#include "text/words.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "base/scope.h"
#include "base/sys.h"

static const struct {
    const char *text, *words; /* words joined by '|'; NULL: refused */
    const char *why;          /* part of the message */
} cases[] = {
    /* clang-format off */
    {"", "", NULL}, {"   ", "", NULL}, {"a", "a", NULL}, {"a b\tc\nd", "a|b|c|d", NULL},
    {"echo \"two words\" 'as $is' one\\ word", "echo|two words|as $is|one word", NULL},
    {"a\"b\"'c'd", "abcd", NULL}, {"\"\"", "", NULL}, {"'' x", "|x", NULL},
    {"'a\\nb'", "a\\nb", NULL}, {"\"a\\\"b\"", "a\"b", NULL}, {"\"a\\\\b\"", "a\\b", NULL},
    {"a\\tb", "a\tb", NULL}, {"\\x41\\102", "AB", NULL}, {"\\x4g", NULL, "column 1"},
    {"\\x00", NULL, "not a byte"}, {"\\000", NULL, "not a byte"}, {"\\400", NULL, "not a byte"},
    {"ab 'cd", NULL, "quote at column 4"}, {"\"abc", NULL, "quote at column 1"},
    {"abc\\", NULL, "column 4"}, {"$HOME ~ * #x", "$HOME|~|*|#x", NULL},
    {"a=\"b c\"", "a=b c", NULL}, {"\\s", " ", NULL}, {"\\x", NULL, "not a byte"},
    {"caf\xc3\xa9 \xff", "caf\xc3\xa9|\xff", NULL},
    /* clang-format on */
};

static void join(const struct strlist *words, char *text, size_t size)
{
    size_t used = 0;

    text[0] = '\0';
    for (size_t i = 0; i < words->count; i++)
        used +=
            (size_t)snprintf(text + used, size - used, "%s%s", i ? "|" : "", words->items[i]);
}

Test(words, split_as_a_shell_does)
{
    for (size_t i = 0; i < COOP_COUNT(cases); i++) {
        struct strlist words = {0};
        struct coop_err err = {0};
        char got[200];
        int r = words_split(cases[i].text, &words, &err);

        join(&words, got, sizeof got);
        if (cases[i].words)
            cr_expect(r == 0 && strcmp(got, cases[i].words) == 0, "'%s': %d %s %s",
                      cases[i].text, r, got, err.text);
        else
            cr_expect(r == -1 && words.count == 0 && strstr(err.text, cases[i].why),
                      "'%s': %d %s %s", cases[i].text, r, got, err.text);
        strlist_done(&words);
    }
}

Test(words, a_failure_leaves_earlier_words_alone)
{
    struct strlist words = {0};

    cr_assert_eq(words_split("a b", &words, NULL), 0);
    cr_assert_eq(words_split("c d 'e", &words, NULL), -1);
    cr_assert_eq(words.count, 2);
    cr_assert_eq(words.items[2], NULL);
    strlist_done(&words);
}

Test(words, too_many_are_refused)
{
    struct buf text = BUF_INIT((size_t)1 << 20);
    struct strlist words = {0};
    struct coop_err err;

    for (int i = 0; i <= WORDS_MAX; i++)
        buf_add_text(&text, "x ");
    cr_assert_eq(words_split(buf_text(&text), &words, &err), -1);
    cr_assert_eq(err.code, COOP_E_LIMIT);
    cr_assert_eq(words.count, 0);
    buf_done(&text);
    strlist_done(&words);
}

Test(words, plain_words_are_not_quoted)
{
    struct buf out = BUF_INIT((size_t)1000);

    words_quote(&out, "/usr/bin/a-b_c.d+e,f:g@h%i");
    cr_expect_str_eq(buf_text(&out), "/usr/bin/a-b_c.d+e,f:g@h%i");
    buf_clear(&out);
    words_quote(&out, "");
    cr_expect_str_eq(buf_text(&out), "\"\"");
    buf_clear(&out);
    words_quote(&out, "two words\n");
    cr_expect_str_eq(buf_text(&out), "\"two words\\n\"");
    buf_done(&out);
}

Test(words, any_bytes_survive_quoting)
{
    for (int round = 0; round < 5000; round++) {
        struct strlist from = {0}, back = {0};
        struct buf text = BUF_INIT((size_t)10000);

        for (uint64_t n = sys_random() % 5; n > 0; n--) {
            char word[16] = "";

            for (size_t i = 0, len = sys_random() % 15; i < len; i++)
                word[i] = (char)(1 + sys_random() % 255);
            strlist_add(&from, word);
        }
        words_join(&text, &from);
        cr_assert_eq(words_split(buf_text(&text), &back, NULL), 0, "%s", buf_text(&text));
        cr_assert(strlist_equal(&from, &back), "%s", buf_text(&text));
        buf_done(&text);
        strlist_done(&from);
        strlist_done(&back);
    }
}
