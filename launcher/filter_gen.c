/*
 * filter_gen.c - build-time program: writes the compiled default filters as C
 *
 * Compiling the table with libseccomp takes a quarter of a millisecond, a tenth of a whole launch,
 * and its answer depends on nothing but the machine we build for.
 */
#include "launcher/filter.h"

#include <stdio.h>
#include <stdlib.h>

static int print_filter(const char *name, enum filter_kind kind)
{
    struct sock_filter *code;
    size_t count;
    int r = filter_compile(kind, &code, &count);

    if (r < 0)
        return r;
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
    printf("/* written by filter_gen from launcher/seccomp_profile.c */\n\n");
    if (print_filter("filter_closed", FILTER_CLOSED) < 0 ||
        print_filter("filter_nesting", FILTER_NESTING) < 0 ||
        print_filter("filter_no_nesting", FILTER_NO_NESTING) < 0) {
        fprintf(stderr, "filter_gen: libseccomp could not compile the default filter\n");
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
