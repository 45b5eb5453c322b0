/* Lists of strings, questions about text, and the map. */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/strlist.h"

Test(strlist, stays_shaped_like_argv)
{
    struct strlist list = {0};
    char text[16];

    for (size_t i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%zu", i);
        cr_assert_eq(strlist_add(&list, text), 0);
        cr_assert_eq(list.count, i + 1);
        cr_assert_eq(list.items[i + 1], NULL);
    }
    strlist_remove(&list, 500);
    cr_expect_str_eq(list.items[500], "501");
    cr_expect_eq(list.items[999], NULL);
    while (list.count)
        strlist_remove(&list, 0);
    cr_expect_eq(strlist_add_n(&list, "abcdef", 3), 0);
    cr_expect_str_eq(list.items[0], "abc");
    strlist_done(&list);
    cr_expect_eq(list.items, NULL);
}

Test(strlist, shrinking_and_growing_again_is_safe)
{
    struct strlist list = {0};

    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < round; i++)
            cr_assert_eq(strlist_add(&list, "x"), 0);
        while (list.count > (size_t)round / 2)
            strlist_remove(&list, list.count - 1);
    }
    strlist_done(&list);
}

Test(strlist, variables_are_replaced_by_name)
{
    struct strlist env = {0};

    strlist_env_put(&env, "A=1");
    strlist_env_put(&env, "AB=2");
    strlist_env_put(&env, "A=3=4");
    cr_expect_eq(env.count, 2);
    cr_expect_str_eq(strlist_env_get(&env, "A"), "3=4");
    cr_expect_str_eq(strlist_env_get(&env, "AB"), "2");
    cr_expect_eq(strlist_env_get(&env, "B"), NULL);
    strlist_done(&env);
}

Test(str, distance_counts_single_changes)
{
    cr_expect_eq(str_distance("", ""), 0);
    cr_expect_eq(str_distance("abc", ""), 3);
    cr_expect_eq(str_distance("kitten", "sitting"), 3);
    cr_expect_eq(str_distance("MemroyMax", "MemoryMax"), 1);
    cr_expect_eq(str_distance("memorymax", "MemoryMax"), 0);
    cr_expect_eq(str_distance("Restart", "Restarts"), 1);
}

Test(str, suggestions_must_be_near)
{
    static const char *const verbs[] = {"status", "start", "stop", "restart", NULL};

    cr_expect_str_eq(str_nearest("strat", verbs), "start");
    cr_expect_str_eq(str_nearest("statsu", verbs), "status");
    cr_expect_str_eq(str_nearest("stp", verbs), "stop");
    cr_expect_eq(str_nearest("frobnicate", verbs), NULL);
    cr_expect_eq(str_nearest("", verbs), NULL);
}

Test(str, utf8_is_checked_to_the_letter)
{
    static const char *const good[] = {"",
                                       "abc",
                                       "\xc3\xa9",
                                       "\xe2\x82\xac",
                                       "\xf0\x9f\x98\x80",
                                       "\xf4\x8f\xbf\xbf",
                                       "\xed\x9f\xbf"};
    static const char *const bad[] = {
        "\x80",         "\xc3",         "\xc0\x80",         "\xc1\xbf",
        "\xe0\x80\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xf8\x88\x80\x80\x80",
        "\xff",         "a\xe2\x82"};

    for (size_t i = 0; i < COOP_COUNT(good); i++)
        cr_expect(str_is_utf8(good[i], strlen(good[i])), "good %zu", i);
    for (size_t i = 0; i < COOP_COUNT(bad); i++)
        cr_expect_not(str_is_utf8(bad[i], strlen(bad[i])), "bad %zu", i);
}

Test(str, copies_say_when_they_cut)
{
    char text[4];

    cr_expect_eq(str_copy(text, sizeof text, "abc"), 0);
    cr_expect_eq(str_copy(text, sizeof text, "abcd"), -ENAMETOOLONG);
    cr_expect_str_eq(text, "abc");
}

Test(str, small_questions)
{
    cr_expect(str_equal(NULL, NULL) && !str_equal("a", NULL) && str_equal("a", "a"));
    cr_expect(str_equal_nocase("AbC", "aBc") && !str_equal_nocase("ab", "abc"));
    cr_expect(str_starts_with("abc", "ab") && !str_starts_with("a", "ab"));
    cr_expect(str_ends_with("web.ini", ".ini") && !str_ends_with("ini", ".ini"));
}

Test(str, numbers_are_whole_and_within_bounds)
{
    long long n = 77;

    cr_expect_eq(str_to_int("42", 0, 100, &n), 0);
    cr_expect_eq(n, 42);
    cr_expect_eq(str_to_int("-5", -10, 10, &n), 0);
    cr_expect_eq(str_to_int("101", 0, 100, &n), -ERANGE);
    cr_expect_eq(str_to_int("99999999999999999999", 0, 100, &n), -ERANGE);
    cr_expect_eq(str_to_int("", 0, 1, &n), -EINVAL);
    cr_expect_eq(str_to_int("1x", 0, 1, &n), -EINVAL);
    cr_expect_eq(str_to_int(" 1", 0, 1, &n), -EINVAL);
    cr_expect_eq(str_to_int("+", 0, 1, &n), -EINVAL);
    cr_expect_eq(n, -5);
}

#define NAMES 2000

Test(map, finds_what_was_put_and_nothing_else)
{
    static char names[NAMES][12];
    struct map map = {0};
    size_t seen = 0;

    for (size_t i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "svc-%zu", i);
        cr_assert_eq(map_put(&map, names[i], names[i]), 0);
        cr_assert_eq(map_put(&map, names[i], names[i]), -EEXIST);
    }
    for (size_t i = 0; i < NAMES; i += 3)
        cr_assert_eq(map_remove(&map, names[i]), names[i]);
    for (size_t i = 0; i < NAMES; i++)
        cr_assert_eq(map_get(&map, names[i]), i % 3 ? names[i] : NULL, "%s", names[i]);
    for (size_t at = 0; map_next(&map, &at);)
        seen++;
    cr_expect_eq(seen, map.count);
    cr_expect_eq(map_remove(&map, "svc-0"), NULL);
    map_done(&map);
    cr_expect_eq(map_get(&map, "svc-1"), NULL);
    cr_expect_eq(map_remove(&map, "svc-1"), NULL);
}
