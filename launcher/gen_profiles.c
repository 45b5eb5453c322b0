/*
 * gen_profiles.c - build-time program: writes the built-in profiles as C
 *
 * They are the files NAME.ini in launcher/profiles.
 * The reader is the one that reads everybody's profiles, so both are the same language; and a
 * launch does not read files that never change.
 */
#include "text/ini_reader.h"

#include "base/str.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        putchar(*text);
    }
    putchar('"');
}

static int on_key(void *arg, const struct ini_key *at, struct coop_err *err)
{
    const char *name = arg;

    if (!str_starts_with(at->section, "Sandbox ") || strcmp(at->section + 8, name) != 0)
        return coop_fail(err, COOP_E_SYNTAX, "the section must be [Sandbox %s]", name);
    printf("    {\"%s\", %d, ", name, at->line);
    if (at->key) {
        print_text(at->key);
        printf(", ");
        print_text(at->value);
        printf("},\n");
    } else {
        printf("NULL, NULL},\n");
    }
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_err err = {0};

    printf("/* written by gen_profiles from launcher/profiles */\n\n"
           "static const struct profile_row rows[] = {\n");
    for (int i = 1; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/'), *base = slash ? slash + 1 : argv[i];
        char name[64];

        str_format(name, sizeof name, "%.*s", (int)strcspn(base, "."), base);
        if (ini_read_file(argv[i], on_key, name, &err) < 0) {
            fprintf(stderr, "gen_profiles: %s\n", err.text);
            return EXIT_FAILURE;
        }
    }
    printf("};\n");
    return EXIT_SUCCESS;
}
