/*
 * setting_texts.c - kinds of settings that own memory: strings and lists (see setting.h)
 *
 * Each kind is parse, render, clear and copy.  A parser builds the new value aside and moves it
 * in at its end, so that a refused value leaves the field as it was.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "text/setting.h"
#include "text/words.h"

#define LIST_MAX 4096 /* items of one list */

/* ---- strings ---- */

static int keep(char **slot, char *text, struct coop_err *err)
{
    if (!text)
        return coop_fail_sys(err, ENOMEM, "keep the value");
    free(*slot);
    *slot = text;
    return 0;
}

static int parse_string(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    (void)row;
    return keep(field, strdup(text), err);
}

/* Absolute, without empty and "." parts; ".." is refused: where it leads depends on links. */
static int parse_path(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    struct buf path = BUF_INIT((size_t)4095);
    const char *at = text;

    (void)row;
    if (*text != '/')
        return coop_fail(err, COOP_E_SYNTAX, "expected an absolute path");
    while (*at) {
        size_t len = strcspn(at, "/");

        if (len == 2 && strncmp(at, "..", 2) == 0) {
            buf_done(&path);
            return coop_fail(err, COOP_E_SYNTAX, "expected a path without '..'");
        }
        if (len > 0 && !(len == 1 && *at == '.')) {
            buf_add_char(&path, '/');
            buf_add(&path, at, len);
        }
        at += len + (at[len] == '/' ? 1 : 0);
    }
    if (path.len == 0)
        buf_add_char(&path, '/');
    if (path.error == -EMSGSIZE) {
        buf_done(&path);
        return coop_fail(err, COOP_E_LIMIT, "longer than a path can be");
    }
    return keep(field, buf_take(&path), err);
}

static void render_string(const struct setting *row, const void *field, struct buf *out)
{
    const char *text = *(char *const *)field;

    (void)row;
    if (text)
        buf_add_text(out, text);
}

static void clear_string(void *field)
{
    char **slot = field;

    free(*slot);
    *slot = NULL;
}

static int copy_string(void *to, const void *from)
{
    const char *text = *(char *const *)from;
    char *copy = text ? strdup(text) : NULL;

    if (text && !copy)
        return -ENOMEM;
    *(char **)to = copy;
    return 0;
}

/* ---- lists ---- */

static void done_words(struct strlist *words)
{
    strlist_done(words);
}

static int parse_argv(const struct setting *row, const char *text, void *field,
                      struct coop_err *err)
{
    SCOPED(struct strlist, done_words) words = {0};

    (void)row;
    if (words_split(text, &words, err) < 0)
        return -1;
    if (words.count == 0 || !*words.items[0])
        return coop_fail(err, COOP_E_SYNTAX, "expected a command");
    strlist_done(field);
    *(struct strlist *)field = words;
    words = (struct strlist){0};
    return 0;
}

static int check_length(const struct strlist *list, size_t more, struct coop_err *err)
{
    if (list->count + more > LIST_MAX)
        return coop_fail(err, COOP_E_LIMIT, "more than %d items", LIST_MAX);
    return 0;
}

static int parse_words(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    SCOPED(struct strlist, done_words) words = {0};

    (void)row;
    if (words_split(text, &words, err) < 0 || check_length(field, words.count, err) < 0)
        return -1;
    if (strlist_append(field, &words) < 0)
        return coop_fail_sys(err, ENOMEM, "keep the words");
    return 0;
}

static int parse_lines(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    (void)row;
    if (check_length(field, 1, err) < 0)
        return -1;
    if (strlist_add(field, text) < 0)
        return coop_fail_sys(err, ENOMEM, "keep the value");
    return 0;
}

static bool is_env_name(const char *text, size_t len)
{
    if (len == 0 || (text[0] >= '0' && text[0] <= '9'))
        return false;
    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c != '_' && !(c >= '0' && c <= '9') && !(c >= 'A' && c <= 'Z') &&
            !(c >= 'a' && c <= 'z'))
            return false;
    }
    return true;
}

static int parse_env(const struct setting *row, const char *text, void *field,
                     struct coop_err *err)
{
    SCOPED(struct strlist, done_words) words = {0}, merged = {0};

    (void)row;
    if (words_split(text, &words, err) < 0 || check_length(field, words.count, err) < 0)
        return -1;
    if (strlist_append(&merged, field) < 0)
        return coop_fail_sys(err, ENOMEM, "keep the variables");
    for (size_t i = 0; i < words.count; i++) {
        size_t len = strcspn(words.items[i], "=");

        if (!words.items[i][len] || !is_env_name(words.items[i], len))
            return coop_fail(err, COOP_E_SYNTAX, "'%.60s' is not NAME=VALUE", words.items[i]);
        if (strlist_env_put(&merged, words.items[i]) < 0)
            return coop_fail_sys(err, ENOMEM, "keep the variables");
    }
    strlist_done(field);
    *(struct strlist *)field = merged;
    merged = (struct strlist){0};
    return 0;
}

static void render_words(const struct setting *row, const void *field, struct buf *out)
{
    (void)row;
    words_join(out, field);
}

static void render_lines(const struct setting *row, const void *field, struct buf *out)
{
    const struct strlist *lines = field;

    (void)row;
    for (size_t i = 0; i < lines->count; i++)
        buf_addf(out, "%s%s", i ? "\n" : "", lines->items[i]);
}

static void clear_list(void *field)
{
    strlist_done(field);
}

static int copy_list(void *to, const void *from)
{
    return strlist_copy(to, from);
}

/* ---- the kinds ---- */

/* clang-format off */
const struct setting_type setting_string = {
    .metavar = "TEXT", .size = sizeof(char *), .parse = parse_string, .render = render_string,
    .clear = clear_string, .copy = copy_string, .samples = "text"};
const struct setting_type setting_path = {
    .metavar = "PATH", .size = sizeof(char *), .parse = parse_path, .render = render_string,
    .clear = clear_string, .copy = copy_string, .samples = "/ /tmp/x /a/./b"};
const struct setting_type setting_argv = {
    .metavar = "COMMAND", .size = sizeof(struct strlist), .parse = parse_argv,
    .render = render_words, .clear = clear_list, .copy = copy_list, .samples = "/bin/true"};
const struct setting_type setting_words = {
    .metavar = "WORDS", .size = sizeof(struct strlist), .list = true, .parse = parse_words,
    .render = render_words, .clear = clear_list, .copy = copy_list, .samples = "one two"};
const struct setting_type setting_lines = {
    .metavar = "TEXT", .size = sizeof(struct strlist), .list = true, .parse = parse_lines,
    .render = render_lines, .clear = clear_list, .copy = copy_list, .samples = "text"};
const struct setting_type setting_env = {
    .metavar = "NAME=VALUE", .size = sizeof(struct strlist), .list = true, .parse = parse_env,
    .render = render_words, .clear = clear_list, .copy = copy_list, .samples = "A=1 B="};
/* clang-format on */
