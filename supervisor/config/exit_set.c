/*
 * exit_set.c - a set of endings as the value of a key (see exit_set.h)
 *
 * Rendered in the order of numbers, codes first, so that two ways of writing one set are equal.
 */
#include "config/exit_set.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "text/signames.h"
#include "text/words.h"

static const struct code_name {
    int code;
    const char *name;
} code_names[] = {
    /* the LSB's for init scripts */
    {0, "SUCCESS"},
    {1, "FAILURE"},
    {2, "INVALIDARGUMENT"},
    {3, "NOTIMPLEMENTED"},
    {4, "NOPERMISSION"},
    {5, "NOTINSTALLED"},
    {6, "NOTCONFIGURED"},
    {7, "NOTRUNNING"},
    /* sysexits.h */
    {64, "USAGE"},
    {65, "DATAERR"},
    {66, "NOINPUT"},
    {67, "NOUSER"},
    {68, "NOHOST"},
    {69, "UNAVAILABLE"},
    {70, "SOFTWARE"},
    {71, "OSERR"},
    {72, "OSFILE"},
    {73, "CANTCREAT"},
    {74, "IOERR"},
    {75, "TEMPFAIL"},
    {76, "PROTOCOL"},
    {77, "NOPERM"},
    {78, "CONFIG"},
};

static bool has(const uint64_t *bits, int bit)
{
    return bits[bit / 64] >> (bit % 64) & 1;
}

static void put(uint64_t *bits, int bit)
{
    bits[bit / 64] |= (uint64_t)1 << (bit % 64);
}

bool exit_set_has_code(const struct exit_set *set, int code)
{
    return code >= 0 && code <= 255 && has(set->codes, code);
}

bool exit_set_has_signal(const struct exit_set *set, int signo)
{
    return signo >= 1 && signo <= 64 && has(&set->signals, signo - 1);
}

static int take_number(struct exit_set *set, const char *word, struct coop_err *err)
{
    char *end;
    long code = strtol(word, &end, 10);

    if (*end || code > 255) /* overflow gives LONG_MAX */
        return coop_fail(err, COOP_E_RANGE, "'%s' is no exit code: 0 to 255", word);
    put(set->codes, (int)code);
    return 0;
}

static int take_name(struct exit_set *set, const char *word, struct coop_err *err)
{
    int signo;

    for (size_t i = 0; i < COOP_COUNT(code_names); i++)
        if (strcmp(word, code_names[i].name) == 0) {
            put(set->codes, code_names[i].code);
            return 0;
        }
    signo = signame_parse(word);
    if (signo > 0) {
        put(&set->signals, signo - 1);
        return 0;
    }
    coop_fail(err, COOP_E_RANGE, "'%s' is neither an exit code nor a signal", word);
    return coop_hint(err,
                     "write a number from 0 to 255, a name of sysexits.h as TEMPFAIL, or a "
                     "signal as SIGUSR1");
}

static int exits_parse(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    struct exit_set set = *(struct exit_set *)field;
    struct strlist words = {0};
    int r = words_split(text, &words, err);

    (void)row;
    for (size_t i = 0; r == 0 && i < words.count; i++)
        r = isdigit((unsigned char)words.items[i][0]) ? take_number(&set, words.items[i], err)
                                                      : take_name(&set, words.items[i], err);
    strlist_done(&words);
    if (r == 0)
        *(struct exit_set *)field = set;
    return r;
}

static void exits_render(const struct setting *row, const void *field, struct buf *out)
{
    const struct exit_set *set = field;
    const char *gap = "";
    char name[SIGNAME_TEXT];

    (void)row;
    for (int code = 0; code <= 255; code++)
        if (exit_set_has_code(set, code)) {
            buf_addf(out, "%s%d", gap, code);
            gap = " ";
        }
    for (int signo = 1; signo <= 64; signo++)
        if (exit_set_has_signal(set, signo)) {
            buf_addf(out, "%s%s", gap, signame_render(signo, name));
            gap = " ";
        }
}

static void exits_clear(void *field)
{
    *(struct exit_set *)field = (struct exit_set){0};
}

static int exits_copy(void *to, const void *from)
{
    *(struct exit_set *)to = *(const struct exit_set *)from;
    return 0;
}

const struct setting_type setting_exits = {
    .metavar = "STATUS",
    .size = sizeof(struct exit_set),
    .list = true,
    .parse = exits_parse,
    .render = exits_render,
    .clear = exits_clear,
    .copy = exits_copy,
    .samples = "75 TEMPFAIL SIGUSR1 \"3 NOPERM HUP\"",
};
