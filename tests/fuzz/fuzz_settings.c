/*
 * Any text for any key of the sandbox: what a parser takes it also shows, and what it shows it
 * takes again and shows the same.  Lines of the input are Key=value.
 */
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "launcher/launch.h"
#include "text/setting.h"

static char *shown(const struct setting *row, const struct launch_spec *spec)
{
    struct buf text = BUF_INIT((size_t)1 << 22);
    char *taken;

    setting_render(row, spec, &text);
    FUZZ_CHECK(!text.error);
    taken = buf_take(&text);
    FUZZ_CHECK(taken);
    return taken;
}

/* Lists show one item a line, where an item may hold blanks. */
static void apply_lines(const struct setting *row, struct launch_spec *spec, char *lines)
{
    char *rest = lines;

    while (rest) {
        char *line = strsep(&rest, "\n");
        struct coop_err err = {0};
        bool taken_again = !*line || setting_apply(row, spec, line, &err) == 0;

        if (!taken_again)
            fprintf(stderr, "%s\n", err.text);
        FUZZ_CHECK(taken_again);
    }
}

static void check(const char *key, const char *value)
{
    const struct setting *row = setting_find(&launch_settings, NULL, key);
    struct launch_spec spec, again;
    struct coop_err err = {0};
    char *first, *second, *lines;

    if (!row)
        return;
    launch_spec_init(&spec);
    launch_spec_init(&again);
    if (setting_apply(row, &spec, value, &err) == 0) {
        first = shown(row, &spec);
        lines = strdup(first);
        apply_lines(row, &again, lines);
        second = shown(row, &again);
        if (strcmp(first, second) != 0)
            fprintf(stderr, "%s=%s: first '%s', then '%s'\n", key, value, first, second);
        FUZZ_CHECK(strcmp(first, second) == 0);
        free(first);
        free(second);
        free(lines);
    } else {
        FUZZ_CHECK(*err.text);
    }
    launch_spec_done(&spec);
    launch_spec_done(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[2048], *rest = text;

    if (size >= sizeof text)
        size = sizeof text - 1;
    memcpy(text, data, size);
    text[size] = '\0';
    while (rest) {
        char *line = strsep(&rest, "\n"), *equals = strchr(line, '=');

        if (!equals)
            continue;
        *equals = '\0';
        check(line, equals + 1);
    }
    return 0;
}
