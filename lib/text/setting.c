/*
 * setting.c - finding rows, filling specs from them, and the life of a spec (see setting.h)
 *
 * The kinds of values are in setting_types.c, help and manual in setting_show.c.
 */
#include "text/setting.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/scope.h"
#include "base/str.h"

#define VALUE_SHOWN 80 /* of a refused value, this much is repeated in the message */

/* ---- helpers ---- */

static void *field_of(const struct setting *row, void *spec)
{
    return (char *)spec + row->field;
}

static const void *const_field_of(const struct setting *row, const void *spec)
{
    return (const char *)spec + row->field;
}

static void clear_field(const struct setting *row, void *field)
{
    if (row->type->clear)
        row->type->clear(field);
    else
        memset(field, 0, row->type->size);
}

/* A dash goes in front of this capital: see "A KEY AND ITS FLAG" in setting.h. */
static bool begins_word(const char *key, size_t at)
{
    if (at == 0 || !isupper((unsigned char)key[at]))
        return false;
    if (!isupper((unsigned char)key[at - 1]))
        return key[at - 1] != '-';
    return islower((unsigned char)key[at + 1]);
}

/* A copy of 'len' bytes of 'word', or NULL when no flag can be that long. */
static const char *flag_word(char ret_flag[SETTING_FLAG_MAX], const char *word, size_t len)
{
    if (len == 0 || len >= SETTING_FLAG_MAX)
        return NULL;
    memcpy(ret_flag, word, len);
    ret_flag[len] = '\0';
    return ret_flag;
}

static int fail_unknown_key(const struct setting_table *table, const char *section,
                            const char *key, struct coop_err *err)
{
    const struct setting *best = NULL, *elsewhere = setting_find(table, NULL, key);
    size_t best_distance = SIZE_MAX;

    if (elsewhere) {
        coop_fail(err, COOP_E_UNKNOWN, "%s: not a key of [%s]", key, section);
        return coop_hint(err, "%s belongs into [%s]", key, elsewhere->section);
    }
    settings_for_each (row, table) {
        size_t distance = str_distance(key, row->key);

        if (section && strcmp(row->section, section) != 0)
            continue;
        if (distance < best_distance && str_is_near(key, row->key)) {
            best = row;
            best_distance = distance;
        }
    }
    coop_fail(err, COOP_E_UNKNOWN, "%s: no such key%s%s%s", key, section ? " in [" : "",
              section ? section : "", section ? "]" : "");
    if (best)
        coop_hint(err, "did you mean %s?", best->key);
    return -1;
}

/* The word that carries the value of a flag: behind the '=', or the next argument. */
static const char *flag_value(const struct setting *row, const char *inside, int argc,
                              char *const *argv, int *index)
{
    if (inside)
        return inside;
    if (row->type == &setting_bool)
        return "yes";
    if (*index + 1 >= argc)
        return NULL;
    return argv[++*index];
}

/* ---- finding a row ---- */

const struct setting *setting_find(const struct setting_table *table, const char *section,
                                   const char *key)
{
    settings_for_each (row, table) {
        if (strcmp(row->key, key) == 0 && (!section || strcmp(row->section, section) == 0))
            return row;
    }
    return NULL;
}

const char *setting_flag_name(const struct setting *row, char ret_flag[SETTING_FLAG_MAX])
{
    size_t len = 0;

    if (row->flag) {
        str_copy(ret_flag, SETTING_FLAG_MAX, row->flag);
        return ret_flag;
    }
    for (size_t i = 0; row->key[i] && len + 2 < SETTING_FLAG_MAX; i++) {
        if (begins_word(row->key, i))
            ret_flag[len++] = '-';
        ret_flag[len++] = (char)tolower((unsigned char)row->key[i]);
    }
    ret_flag[len] = '\0';
    return ret_flag;
}

const struct setting *setting_find_flag(const struct setting_table *table, const char *flag)
{
    char name[SETTING_FLAG_MAX];

    settings_for_each (row, table) {
        if (*flag && strcmp(setting_flag_name(row, name), flag) == 0)
            return row;
    }
    return NULL;
}

/* ---- filling a spec ---- */

/* The name is the one that the user wrote: a key or a flag. */
static int apply_as(const char *name, const struct setting *row, void *spec, const char *text,
                    struct coop_err *err)
{
    void *field = field_of(row, spec);

    if (!*text) {
        clear_field(row, field);
        text = row->type->list || !row->fallback ? "" : row->fallback;
        if (!*text)
            return 0;
    }
    if (row->type->parse(row, text, field, err) < 0)
        return coop_while(err, "%s=%.*s%s", name, VALUE_SHOWN, text,
                          strlen(text) > VALUE_SHOWN ? "..." : "");
    return 0;
}

int setting_apply(const struct setting *row, void *spec, const char *text, struct coop_err *err)
{
    return apply_as(row->key, row, spec, text, err);
}

int settings_defaults(const struct setting_table *table, void *spec, struct coop_err *err)
{
    settings_for_each (row, table) {
        if (row->fallback && *row->fallback && setting_apply(row, spec, row->fallback, err) < 0)
            return coop_while(err, "default of a setting");
    }
    return 0;
}

int settings_apply(const struct setting_table *table, void *spec, const char *section,
                   const char *key, const char *text, struct coop_err *err)
{
    const struct setting *row = setting_find(table, section, key);

    if (!row)
        return fail_unknown_key(table, section, key, err);
    return setting_apply(row, spec, text, err);
}

int settings_flag(const struct setting_table *table, void *spec, int argc, char *const *argv,
                  int *index, struct coop_err *err)
{
    const char *word = argv[*index], *equals, *value;
    const struct setting *row = NULL;
    char flag[SETTING_FLAG_MAX], name[SETTING_FLAG_MAX + 2];
    int used = *index;

    if (strncmp(word, "--", 2) != 0 || !word[2])
        return 0;
    equals = strchr(word, '=');
    if (flag_word(flag, word + 2, equals ? (size_t)(equals - word) - 2 : strlen(word) - 2))
        row = setting_find_flag(table, flag);
    if (!row)
        return 0;
    value = flag_value(row, equals ? equals + 1 : NULL, argc, argv, &used);
    if (!value)
        return coop_fail(err, COOP_E_SYNTAX, "--%s needs a value (%s)", flag,
                         row->metavar ? row->metavar : row->type->metavar);
    str_format(name, sizeof name, "--%s", flag);
    if (apply_as(name, row, spec, value, err) < 0)
        return -1;
    *index = used + 1;
    return 1;
}

int settings_unknown_flag(const struct setting_table *table, const char *word,
                          struct coop_err *err)
{
    char flag[SETTING_FLAG_MAX], name[SETTING_FLAG_MAX], best[SETTING_FLAG_MAX] = "";
    size_t best_distance = SIZE_MAX;
    const char *bare = word + strspn(word, "-");

    coop_fail(err, COOP_E_UNKNOWN, "unknown option '%.*s'", VALUE_SHOWN, word);
    if (!table || !flag_word(flag, bare, strcspn(bare, "=")))
        return -1;
    settings_for_each (row, table) {
        size_t distance = str_distance(flag, setting_flag_name(row, name));

        if (*name && distance < best_distance && str_is_near(flag, name)) {
            best_distance = distance;
            str_copy(best, sizeof best, name);
        }
    }
    if (*best)
        coop_hint(err, "did you mean --%s?", best);
    return -1;
}

int settings_check_required(const struct setting_table *table, const void *spec,
                            struct coop_err *err)
{
    settings_for_each (row, table) {
        struct buf text = BUF_INIT((size_t)1 << 20);
        bool is_set;

        if (!row->required)
            continue;
        setting_render(row, spec, &text);
        is_set = text.len > 0 || text.error;
        buf_done(&text);
        if (!is_set)
            return coop_fail(err, COOP_E_SYNTAX, "%s= is missing in [%s]", row->key,
                             row->section);
    }
    return 0;
}

/* ---- life of a spec ---- */

void settings_done(const struct setting_table *table, void *spec)
{
    settings_for_each (row, table)
        clear_field(row, field_of(row, spec));
}

int settings_copy(const struct setting_table *table, void *to, const void *from)
{
    settings_for_each (row, table) {
        void *field = field_of(row, to);
        const void *source = const_field_of(row, from);

        clear_field(row, field); /* two rows may share a field: the second copy replaces */
        if (!row->type->copy) {
            memcpy(field, source, row->type->size);
        } else if (row->type->copy(field, source) < 0) {
            settings_done(table, to);
            return -ENOMEM;
        }
    }
    return 0;
}

bool setting_differs(const struct setting *row, const void *a, const void *b)
{
    struct buf text_a = BUF_INIT((size_t)1 << 20), text_b = BUF_INIT((size_t)1 << 20);
    bool differs;

    setting_render(row, a, &text_a);
    setting_render(row, b, &text_b);
    /* What cannot be compared counts as changed: a restart too many is not a wrong service. */
    differs = text_a.error || text_b.error || text_a.len != text_b.len ||
              memcmp(buf_text(&text_a), buf_text(&text_b), text_a.len) != 0;
    buf_done(&text_a);
    buf_done(&text_b);
    return differs;
}

void setting_render(const struct setting *row, const void *spec, struct buf *out)
{
    row->type->render(row, const_field_of(row, spec), out);
}
