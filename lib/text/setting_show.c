/*
 * setting_show.c - what people read about settings, made from the rows (see setting.h)
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/str.h"
#include "text/setting.h"

#define HELP_COLUMN 30 /* where the sentence begins */
#define HELP_WIDTH  80

/* ---- helpers ---- */

static const char *metavar_of(const struct setting *row)
{
    return row->metavar ? row->metavar : row->type->metavar;
}

/* The length of the first sentence, with its full stop. */
static size_t first_sentence(const char *help)
{
    const char *stop = strstr(help, ". ");

    return stop ? (size_t)(stop - help) + 1 : strlen(help);
}

/* Prints words behind column 'at', going on at HELP_COLUMN; returns the column it ends in. */
static int print_wrapped(const char *text, int at, FILE *out)
{
    while (*text) {
        int len = (int)strcspn(text, " ");

        if (at + 1 + len > HELP_WIDTH && at > HELP_COLUMN) {
            fprintf(out, "\n%*s", HELP_COLUMN, "");
            at = HELP_COLUMN;
        }
        if (at > HELP_COLUMN) {
            fputc(' ', out);
            at++;
        }
        fprintf(out, "%.*s", len, text);
        at += len;
        text += len;
        text += strspn(text, " ");
    }
    return at;
}

static void print_help_row(const struct setting *row, FILE *out)
{
    char flag[SETTING_FLAG_MAX], sentence[512];
    int at;

    if (!*setting_flag_name(row, flag))
        return;
    at = fprintf(out, "  --%s%s%s%s", flag, row->type == &setting_bool ? "[" : "", "=",
                 metavar_of(row));
    if (row->type == &setting_bool)
        at += fprintf(out, "]");
    if (at >= HELP_COLUMN) {
        fputc('\n', out);
        at = 0;
    }
    fprintf(out, "%*s", HELP_COLUMN - at, "");
    str_format(sentence, sizeof sentence, "%.*s", (int)first_sentence(row->help), row->help);
    at = print_wrapped(sentence, HELP_COLUMN, out);
    if (row->fallback && *row->fallback) {
        str_format(sentence, sizeof sentence, "(default: %s)", row->fallback);
        print_wrapped(sentence, at, out);
    }
    fputc('\n', out);
}

/* In mdoc a line must not begin with a dot or quote, and a backslash begins an escape. */
static void print_roff(const char *text, FILE *out)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++) {
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
    }
}

static void print_mdoc_body(const struct setting *row, FILE *out)
{
    const char *at = row->help;

    while (*at) { /* one sentence a line, as mdoc wants it */
        size_t len = first_sentence(at);
        char sentence[512];

        str_format(sentence, sizeof sentence, "%.*s", (int)len, at);
        print_roff(sentence, out);
        fputc('\n', out);
        at += len;
        at += strspn(at, " ");
    }
    if (row->names) {
        fputs("One of", out);
        for (size_t i = 0; row->names[i]; i++)
            fprintf(out, "%s\n.Cm %s", i ? " ," : "", row->names[i]);
        fputs(" .\n", out);
    }
    if (row->type->list)
        fputs("May be given several times; an empty value empties the list.\n", out);
    if (row->fallback && *row->fallback) {
        fputs("Default:\n.Ql ", out);
        print_roff(row->fallback, out);
        fputs(" .\n", out);
    }
}

static void print_quoted(const char *word, size_t len, FILE *out)
{
    fputc('"', out);
    for (size_t i = 0; i < len; i++) {
        if (word[i] == '"' || word[i] == '\\')
            fputc('\\', out);
        fputc(word[i], out);
    }
    fputs("\"\n", out);
}

static void print_samples(const struct setting *row, FILE *out)
{
    const char *at = row->type->samples ? row->type->samples : "";

    while (*at) {
        size_t len = strcspn(at, " ");

        print_quoted(at, len, out);
        at += len;
        at += strspn(at, " ");
    }
    for (size_t i = 0; row->names && row->names[i]; i++)
        print_quoted(row->names[i], strlen(row->names[i]), out);
}

static int check_unique(const struct setting_table *table, const struct setting *row,
                        struct coop_err *err)
{
    char flag[SETTING_FLAG_MAX];
    const struct setting *same;

    if (setting_find(table, row->section, row->key) != row)
        return coop_fail(err, COOP_E_BUSY, "[%s] %s: two rows", row->section, row->key);
    setting_flag_name(row, flag);
    if (strlen(flag) + 1 >= SETTING_FLAG_MAX)
        return coop_fail(err, COOP_E_LIMIT, "%s: flag too long", row->key);
    same = setting_find_flag(table, flag);
    if (*flag && same != row && strcmp(same->key, row->key) != 0)
        return coop_fail(err, COOP_E_BUSY, "--%s: both %s and %s", flag, same->key, row->key);
    return 0;
}

static int check_row(const struct setting *row, struct coop_err *err)
{
    size_t len = row->help ? strlen(row->help) : 0;

    if (!row->type || !row->type->parse || !row->type->render || !row->type->metavar ||
        !row->type->size)
        return coop_fail(err, COOP_E_MISSING, "%s: its type is not complete", row->key);
    if (len < 2 || row->help[len - 1] != '.')
        return coop_fail(err, COOP_E_SYNTAX, "%s: help is no sentence", row->key);
    if (row->type == &setting_enum && !row->names)
        return coop_fail(err, COOP_E_MISSING, "%s: an enum without words", row->key);
    if (row->min > row->max)
        return coop_fail(err, COOP_E_RANGE, "%s: least is above most", row->key);
    if (row->required && row->fallback)
        return coop_fail(err, COOP_E_BUSY, "%s: required, with a default", row->key);
    return 0;
}

/* ---- the public calls ---- */

void settings_print_help(const struct setting_table *table, FILE *out)
{
    settings_for_each (row, table)
        print_help_row(row, out);
}

void settings_print_mdoc_keys(const struct setting_table *table, const char *section, FILE *out)
{
    settings_for_each (row, table) {
        if (section && strcmp(row->section, section) != 0)
            continue;
        fprintf(out, ".It Ic %s Ns = Ns Ar %s\n", row->key, metavar_of(row));
        print_mdoc_body(row, out);
    }
}

void settings_print_mdoc_flags(const struct setting_table *table, FILE *out)
{
    char flag[SETTING_FLAG_MAX];

    settings_for_each (row, table) {
        if (!*setting_flag_name(row, flag))
            continue;
        fprintf(out, ".It Fl \\-%s Ns %s= Ns Ar %s%s\n", flag,
                row->type == &setting_bool ? "Oo Ns " : "", metavar_of(row),
                row->type == &setting_bool ? " Oc" : "");
        print_mdoc_body(row, out);
    }
}

void settings_print_dictionary(const struct setting_table *table, FILE *out)
{
    const char *section = "";

    settings_for_each (row, table) {
        if (strcmp(section, row->section) != 0)
            fprintf(out, "\"[%s]\\x0a\"\n", row->section);
        section = row->section;
        fprintf(out, "\"%s=\"\n", row->key);
        print_samples(row, out);
    }
}

int settings_selftest(const struct setting_table *table, void *zeroed_spec,
                      struct coop_err *err)
{
    settings_for_each (row, table) {
        if (check_row(row, err) < 0 || check_unique(table, row, err) < 0)
            return -1;
        if (row->fallback && setting_apply(row, zeroed_spec, row->fallback, err) < 0)
            return coop_while(err, "default of [%s]", row->section);
    }
    settings_done(table, zeroed_spec);
    return 0;
}
