/*
 * run_origins.c - where each value of a sandbox comes from (see run_origins.h)
 */
#include "launcher/run_origins.h"

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "launcher/setting_kinds.h"

#include <string.h>

/* options->origins holds three strings for each value; of a flag, which says its name itself, the
 * key is only there to be compared. */
enum { KEY, VALUE, WHERE, STRINGS };
static const char command_line[] = "command line";

static void add(struct run_options *o, const char *key, const char *value, const char *where)
{
    size_t before = o->origins.count;

    if (strlist_add(&o->origins, key) < 0 || strlist_add(&o->origins, value) < 0 ||
        strlist_add(&o->origins, where) < 0)
        while (o->origins.count > before)
            strlist_remove(&o->origins, o->origins.count - 1);
}

void run_origin_of_profile(void *arg, const char *key, const char *value, const char *file,
                           int line)
{
    struct run_options *o = arg;
    char where[4200];

    if (!o->explain)
        return;
    (void)str_format(where, sizeof where, "%s:%d", file, line);
    add(o, key, value, where);
}

void run_origin_of_flag(struct run_options *o, const char *key, char *const *words,
                        size_t count)
{
    struct buf text = BUF_INIT((size_t)64 << 10);

    if (!o->explain)
        return;
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buf_add_char(&text, ' ');
        buf_add_text(&text, words[i]);
    }
    add(o, key ? key : "", buf_text(&text), command_line);
    buf_done(&text);
}

void run_origins_drop(struct run_options *o, const char *key)
{
    for (size_t i = o->origins.count; i >= STRINGS; i -= STRINGS)
        if (strcmp(o->origins.items[i - STRINGS + KEY], key) == 0)
            for (size_t n = 0; n < STRINGS; n++)
                strlist_remove(&o->origins, i - STRINGS);
}

/* ---- printing ---- */

static bool adds_up(const struct setting *row)
{
    const struct setting_type *const kinds[] = {&kind_caps, &kind_caps_keep, &kind_prefer,
                                                &kind_require};

    for (size_t i = 0; i < COOP_COUNT(kinds); i++)
        if (row->type == kinds[i])
            return true;
    return row->type->list;
}

/* A later one has taken its place: any for a single value, an empty one for a list. */
static bool is_replaced(const struct run_options *o, size_t at)
{
    const char *key = o->origins.items[at + KEY];
    const struct setting *row = setting_find(&launch_settings, NULL, key);

    for (size_t i = at + STRINGS; row && i < o->origins.count; i += STRINGS)
        if (strcmp(o->origins.items[i + KEY], key) == 0 &&
            (!adds_up(row) || !o->origins.items[i + VALUE][0]))
            return true;
    return false;
}

void run_origins_print(const struct run_options *o, FILE *out)
{
    fprintf(out, "values, and where they come from:\n");
    for (size_t i = 0; i < o->origins.count; i += STRINGS) {
        char *const *origin = o->origins.items + i;
        bool flag = strcmp(origin[WHERE], command_line) == 0;

        if (!is_replaced(o, i))
            fprintf(out, "    %s%s%s  (%s)\n", flag ? "" : origin[KEY], flag ? "" : "=",
                    origin[VALUE], origin[WHERE]);
    }
}
