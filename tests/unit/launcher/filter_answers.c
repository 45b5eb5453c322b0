/*
 * filter_answers.c - the answers of the profiles' filter to every number, on standard output
 *
 *     filter_answers default|no-nesting|system-service
 *
 * For a machine that this one is not: it needs nothing but libc, so it is compiled for that and run
 * by an emulator, and what it prints is compared with tests/golden (see CMakeLists.txt here).
 */
#include "launcher/filter/tell.h"
#include "launcher/filter/wish.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv)
{
    const char *name = argc == 2 ? argv[1] : "";
    bool all = strcmp(name, "default") == 0, service = strcmp(name, "system-service") == 0;
    char words[] = "default", set[] = "@system-service";
    char *items[] = {service ? set : words, NULL};
    const struct strlist lines = {items, all || service}, none = {NULL, 0};
    const uint32_t refusal = SECCOMP_RET_ERRNO | EPERM;
    const struct filter_wish wish = {.lines = &lines,
                                     .log = &none,
                                     .restricts = &none,
                                     .refusal = service ? &refusal : NULL,
                                     .abis = all ? 1u << FILTER_NATIVE : 0,
                                     .no_nesting = !service};
    struct coop_err err = {0};
    struct sock_filter *code;
    size_t count;

    if (filter_wish_compile(&wish, &code, &count, &err) < 0) {
        fprintf(stderr, "filter_answers: %s\n", err.text);
        return EXIT_FAILURE;
    }
    filter_tell_numbers(code, count, stdout);
    free(code);
    return EXIT_SUCCESS;
}
