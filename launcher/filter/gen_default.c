/*
 * gen_default.c - build-time program: writes the filters of our own profiles, compiled, as C
 *
 * Compiling one takes a twentieth of a launch, and the answer depends on nothing but the machine we
 * build for.
 */
#include "launcher/filter/wish.h"

#include <stdio.h>
#include <stdlib.h>

static int print_filter(const char *name, bool no_nesting)
{
    char word[] = "default", *items[] = {word, NULL};
    const struct strlist lines = {items, 1}, none = {NULL, 0};
    const struct filter_wish wish = {.lines = &lines,
                                     .log = &none,
                                     .restricts = &none,
                                     .abis = 1u << FILTER_NATIVE,
                                     .no_nesting = no_nesting};
    struct coop_err err = {0};
    struct sock_filter *code;
    size_t count;

    if (filter_wish_compile(&wish, &code, &count, &err) < 0) {
        fprintf(stderr, "gen_default: %s\n", err.text);
        return -1;
    }
    printf("static const struct sock_filter %s[] = {\n", name);
    for (size_t i = 0; i < count; i++)
        printf("    {0x%04x, %u, %u, 0x%08x},\n", code[i].code, code[i].jt, code[i].jf,
               code[i].k);
    printf("};\n\n");
    free(code);
    return 0;
}

int main(void)
{
    printf("/* written by gen_default from launcher/filter/default.c */\n\n");
    if (print_filter("filter_nesting", false) < 0 || print_filter("filter_closed", true) < 0)
        return EXIT_FAILURE;
    return EXIT_SUCCESS;
}
