/*
 * test_names.c - which names a clerk keeps away (launcher/clerk/names.h)
 */
#include "launcher/clerk/names.h"

#include <criterion/criterion.h>

static struct clerk_were were;

static enum clerk_verdict judge(const char *path)
{
    static char words[][24] = {".envrc", "two/levels", "**/.git/hooks"};
    char *items[] = {words[0], words[1], words[2], NULL};
    const struct strlist names = {items, 3};

    return clerk_judge(&names, &were, path, -1, "");
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

/* By the whole path: what is moved away and made again is no new one. */
Test(names, what_is_kept_everywhere_is_free_where_no_directory_was)
{
    cr_expect_eq(were_add(&were, "old", WERE_DIR), 0);
    cr_expect_eq(were_add(&were, "old/in", WERE_DIR), 0);
    cr_expect_eq(were_add(&were, "link", WERE_LINK), 0);
    were_sort(&were);
    cr_expect_eq(judge("new/.git/hooks"), CLERK_FROZEN, "not all were looked at");
    were.all = true;
    cr_expect_eq(judge("new/.git/hooks"), CLERK_FREE);
    cr_expect_eq(judge("old/new/.git/hooks/x"), CLERK_FREE);
    cr_expect_eq(judge("old/.git/hooks"), CLERK_FROZEN);
    cr_expect_eq(judge("OLD/in/.git/hooks"), CLERK_FROZEN);
    cr_expect_eq(judge(".git/hooks"), CLERK_FROZEN);
    cr_expect_eq(judge("link/.git/hooks"), CLERK_FROZEN);
    cr_expect_eq(judge("link/below/.git/hooks"), CLERK_FROZEN);
    cr_expect_eq(judge("new/.envrc"), CLERK_FREE);
    were_done(&were);
}
