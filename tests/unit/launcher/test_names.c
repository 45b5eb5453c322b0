/*
 * test_names.c - which names a clerk keeps away (launcher/clerk/names.h)
 */
#include "launcher/clerk/names.h"

#include <criterion/criterion.h>

static enum clerk_verdict judge(const char *path)
{
    static char words[][24] = {".envrc", "two/levels", "**/.git/hooks"};
    char *items[] = {words[0], words[1], words[2], NULL};
    const struct strlist names = {items, 3};

    return clerk_judge(&names, path, -1);
}

Test(names, a_name_is_frozen_with_all_below_it_and_what_is_on_the_way_is_for_directories)
{
    cr_expect_eq(judge(".envrc"), CLERK_FROZEN);
    cr_expect_eq(judge(".envrc/x"), CLERK_FROZEN);
    cr_expect_eq(judge(".ENVRC"), CLERK_FROZEN);
    cr_expect_eq(judge(".envrc2"), CLERK_FREE);
    cr_expect_eq(judge("sub/.envrc"), CLERK_FREE);
    cr_expect_eq(judge("two"), CLERK_ABOVE);
    cr_expect_eq(judge("two/levels/more"), CLERK_FROZEN);
    cr_expect_eq(judge("two/other"), CLERK_FREE);
    cr_expect_eq(judge(".git"), CLERK_ABOVE);
    cr_expect_eq(judge(".git/hooks/pre-commit"), CLERK_FROZEN);
    cr_expect_eq(judge("a/b/.git"), CLERK_ABOVE);
    cr_expect_eq(judge("a/b/.GIT/Hooks"), CLERK_FROZEN);
    cr_expect_eq(judge("a/.git/b"), CLERK_FREE);
    cr_expect_eq(judge("a/hooks"), CLERK_FREE);
    cr_expect_eq(judge(".git/.git/hooks"), CLERK_FROZEN);
}
