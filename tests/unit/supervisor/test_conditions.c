/*
 * Each condition where it holds and where it does not, and what "!" and "|" make of them.
 */
#include "config/conditions.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* /proc/self/exe is a link to a file that is executable and not empty; /proc is a mount point. */
static const struct {
    enum condition_kind kind;
    const char *value;
    bool holds;
} questions[] = {
    {COND_PATH_EXISTS, "/", true},
    {COND_PATH_EXISTS, "/is/not/there", false},
    {COND_PATH_EXISTS, "!/is/not/there", true},
    {COND_PATH_EXISTS_GLOB, "/pro?/sel*", true},
    {COND_PATH_EXISTS_GLOB, "/pro?/nothing*", false},
    {COND_PATH_IS_DIRECTORY, "/proc", true},
    {COND_PATH_IS_DIRECTORY, "/proc/self/exe", false},
    {COND_PATH_IS_LINK, "/proc/self/exe", true},
    {COND_PATH_IS_LINK, "/proc", false},
    {COND_PATH_IS_MOUNT_POINT, "/proc", true},
    {COND_PATH_IS_MOUNT_POINT, "/proc/self", false},
    {COND_PATH_IS_READ_WRITE, "/is/not/there", false},
    {COND_DIRECTORY_NOT_EMPTY, "/", true},
    {COND_DIRECTORY_NOT_EMPTY, "/proc/self/exe", false},
    {COND_FILE_NOT_EMPTY, "/proc/self/exe", true},
    {COND_FILE_NOT_EMPTY, "/dev/null", false},
    {COND_FILE_IS_EXECUTABLE, "/proc/self/exe", true},
    {COND_FILE_IS_EXECUTABLE, "/proc/self/status", false},
    {COND_FILE_IS_EXECUTABLE, "/", false},
    {COND_ENVIRONMENT, "COOP_TEST_CONDITION", true},
    {COND_ENVIRONMENT, "COOP_TEST_CONDITION=a=b", true},
    {COND_ENVIRONMENT, "COOP_TEST_CONDITION=a", false},
    {COND_ENVIRONMENT, "COOP_TEST_COND", false},
    {COND_HOST, "*", true},
    {COND_HOST, "no-machine-is-called-this", false},
};

static bool holds(const struct conditions *conditions)
{
    char which[300];

    return conditions_hold(conditions, which, sizeof which);
}

static void done(struct conditions *conditions)
{
    for (int i = 0; i < COND_KINDS; i++)
        strlist_done(&conditions->of[i]);
}

Test(conditions, each_kind_holds_and_does_not)
{
    setenv("COOP_TEST_CONDITION", "a=b", 1);
    for (size_t i = 0; i < sizeof questions / sizeof questions[0]; i++) {
        struct conditions conditions = {0};

        strlist_add(&conditions.of[questions[i].kind], questions[i].value);
        cr_expect_eq(holds(&conditions), questions[i].holds, "%s", questions[i].value);
        done(&conditions);
    }
}

/* y and n hold and do not; with a dash in front they are one of a choice */
static bool all_of(const char *letters)
{
    struct conditions conditions = {0};
    bool r;

    for (; *letters; letters++) {
        bool choice = *letters == '-';

        letters += choice;
        strlist_add(&conditions.of[*letters == 'y' ? COND_PATH_EXISTS : COND_PATH_IS_LINK],
                    choice ? "|/" : "/");
    }
    r = holds(&conditions);
    done(&conditions);
    return r;
}

Test(conditions, all_must_hold_and_one_of_a_choice)
{
    static const char *const good[] = {"", "y", "yy", "-y", "-y-n", "-n-y", "y-y-n"};
    static const char *const bad[] = {"n", "yn", "ny", "-n", "-n-n", "n-y", "y-n", "-yn"};

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        cr_expect(all_of(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_not(all_of(bad[i]), "%s", bad[i]);
}

Test(conditions, what_cannot_be_asked_is_named)
{
    static const struct {
        enum condition_kind kind;
        const char *value, *text;
    } bad[] = {
        {COND_PATH_EXISTS, "etc", "ConditionPathExists=etc: 'etc' is not an absolute path"},
        {COND_FILE_NOT_EMPTY, "!a", "ConditionFileNotEmpty=!a: 'a' is not an absolute path"},
        {COND_HOST, "|!", "ConditionHost=|! asks for nothing"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct conditions conditions = {0};
        struct coop_err err = {0};
        char key[40];

        strlist_add(&conditions.of[bad[i].kind], bad[i].value);
        cr_expect_eq(conditions_check(&conditions, key, sizeof key, &err), -1);
        cr_expect_str_eq(err.text, bad[i].text);
        cr_expect_eq(strncmp(err.text, key, strlen(key)), 0);
        done(&conditions);
    }
}

Test(conditions, the_one_that_does_not_hold_is_named)
{
    struct conditions conditions = {0};
    char which[300];

    strlist_add(&conditions.of[COND_PATH_EXISTS], "/");
    strlist_add(&conditions.of[COND_FILE_NOT_EMPTY], "/dev/null");
    cr_expect_not(conditions_hold(&conditions, which, sizeof which));
    cr_expect_str_eq(which, "ConditionFileNotEmpty=/dev/null");
    done(&conditions);
}
