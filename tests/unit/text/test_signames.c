/* Signal names and numbers. */
#include "text/signames.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>

#include "base/scope.h"

Test(signames, parse_in_every_spelling)
{
    static const struct {
        const char *text;
        int signo;
    } cases[] = {
        {"SIGTERM", 15},      {"TERM", 15},         {"term", 15},        {"sigTerm", 15},
        {"15", 15},           {"RTMIN", 34},        {"RTMIN+3", 37},     {"SIGRTMAX-1", 63},
        {"SIGRTMAX", 64},     {"37", 37},           {"POLL", SIGIO},     {"CLD", SIGCHLD},
        {"", -EINVAL},        {"SIG", -EINVAL},     {"0", -EINVAL},      {"65", -EINVAL},
        {"32", -EINVAL},      {"33", -EINVAL},      {"-1", -EINVAL},     {"RTMIN+31", -EINVAL},
        {"RTMIN-1", -EINVAL}, {"RTMAX+1", -EINVAL}, {"RTMIN+", -EINVAL}, {"TERMX", -EINVAL},
        {"RTMINx", -EINVAL},
    };

    for (size_t i = 0; i < COOP_COUNT(cases); i++)
        cr_expect_eq(signame_parse(cases[i].text), cases[i].signo, "%s", cases[i].text);
}

Test(signames, every_valid_number_survives_both_directions)
{
    char name[SIGNAME_TEXT];

    for (int signo = 1; signo <= SIGRTMAX; signo++)
        if (signo < 32 || signo >= SIGRTMIN)
            cr_expect_eq(signame_parse(signame_render(signo, name)), signo, "%s", name);
    cr_expect_str_eq(signame_render(99, name), "SIG99");
    cr_expect_str_eq(signame_render(SIGRTMIN + 3, name), "SIGRTMIN+3");
}
