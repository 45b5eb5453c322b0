/* The growing buffer and its ceiling. */
#include "base/buf.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

Test(buf, grows_and_stays_a_string)
{
    struct buf buf = BUF_INIT((size_t)100000);

    cr_expect_str_eq(buf_text(&buf), "");
    for (int i = 0; i < 10000; i++)
        cr_assert_eq(buf_add_char(&buf, (char)('a' + i % 26)), 0);
    cr_expect_eq(buf.len, 10000);
    cr_expect_eq(strlen(buf_text(&buf)), 10000);
    buf_drop(&buf, 9990);
    cr_expect_str_eq(buf_text(&buf), "ghijklmnop");
    buf_drop(&buf, 100);
    cr_expect_eq(buf.len, 0);
    buf_done(&buf);
}

Test(buf, what_passes_the_ceiling_is_not_added_at_all)
{
    struct buf buf = BUF_INIT((size_t)5);

    cr_expect_eq(buf_add_text(&buf, "abc"), 0);
    cr_expect_eq(buf_add_text(&buf, "def"), -EMSGSIZE);
    cr_expect_str_eq(buf_text(&buf), "abc");
    cr_expect_eq(buf_add_text(&buf, "d"), -EMSGSIZE, "the error sticks");
    buf_clear(&buf);
    cr_expect_eq(buf_add_text(&buf, "12345"), 0, "exactly the ceiling fits");
    cr_expect_eq(buf_addf(&buf, "%d", 6), -EMSGSIZE);
    buf_done(&buf);
}

Test(buf, take_moves_the_text_out)
{
    struct buf buf = BUF_INIT((size_t)100);
    char *text;

    buf_addf(&buf, "%s-%d", "web", 7);
    text = buf_take(&buf);
    cr_expect_str_eq(text, "web-7");
    free(text);
    text = buf_take(&buf);
    cr_expect_str_eq(text, "");
    free(text);
    buf.error = -ENOMEM;
    cr_expect_eq(buf_take(&buf), NULL);
}

Test(buf, huge_requests_do_not_wrap_round)
{
    struct buf buf = BUF_INIT(SIZE_MAX);

    buf_add_char(&buf, 'x');
    cr_expect_eq(buf_reserve(&buf, SIZE_MAX), -EMSGSIZE);
    buf_clear(&buf);
    buf.max = 100;
    buf_add_char(&buf, 'x');
    cr_expect_eq(buf_reserve(&buf, SIZE_MAX), -EMSGSIZE);
    buf_done(&buf);
}
