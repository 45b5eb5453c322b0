/*
 * idl.c - Varlink interface files, read and held against real messages
 *
 * Types are kept as text and interpreted while checking: an interface is read once per test.
 *
 *     type   := ["?"] ("[]" type | struct | enum | "bool" "int" "float" "string" "object" | name)
 *     struct := "(" name ":" type, ... ")"        enum := "(" name, ... ")"
 */
#include "idl.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ITEMS_MAX = 128, WORD_MAX = 64 };

struct item {
    enum idl_part part;
    char name[WORD_MAX];
    char *type; /* a struct or an enum, without comments and blanks */
};

struct idl {
    char name[WORD_MAX];
    struct item items[ITEMS_MAX];
    size_t count;
};

/* ---- reading ---- */

/* The text without comments; line ends stay. */
static char *without_comments(const char *text)
{
    char *clean = malloc(strlen(text) + 1), *to = clean;

    for (; clean && *text; text++) {
        if (*text == '#')
            text += strcspn(text, "\n");
        if (!*text)
            break;
        *to++ = *text;
    }
    if (clean)
        *to = '\0';
    return clean;
}

static void skip_blanks(const char **at)
{
    while (isspace((unsigned char)**at))
        (*at)++;
}

static bool take_word(const char **at, char ret_word[WORD_MAX])
{
    size_t length;

    skip_blanks(at);
    length = strspn(*at, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.");
    if (length == 0 || length >= WORD_MAX)
        return false;
    memcpy(ret_word, *at, length);
    ret_word[length] = '\0';
    *at += length;
    return true;
}

/* A group in round brackets, blanks removed. NULL when there is none. */
static char *take_group(const char **at)
{
    const char *from;
    char *group, *to;
    int depth = 0;

    skip_blanks(at);
    from = *at;
    if (*from != '(')
        return NULL;
    do {
        depth += (**at == '(') - (**at == ')');
        if (!**at)
            return NULL;
        (*at)++;
    } while (depth > 0);
    group = to = malloc((size_t)(*at - from) + 1);
    for (; group && from < *at; from++)
        if (!isspace((unsigned char)*from))
            *to++ = *from;
    if (group)
        *to = '\0';
    return group;
}

static bool add_item(struct idl *idl, enum idl_part part, const char *name, const char **at)
{
    struct item *item = &idl->items[idl->count];

    if (idl->count == ITEMS_MAX)
        return false;
    item->type = take_group(at);
    if (!item->type)
        return false;
    item->part = part;
    memcpy(item->name, name, WORD_MAX);
    idl->count++;
    return true;
}

static bool take_item(struct idl *idl, const char **at)
{
    char keyword[WORD_MAX], name[WORD_MAX];

    if (!take_word(at, keyword) || !take_word(at, name))
        return false;
    if (strcmp(keyword, "type") == 0)
        return add_item(idl, IDL_TYPE, name, at);
    if (strcmp(keyword, "error") == 0)
        return add_item(idl, IDL_ERROR, name, at);
    if (strcmp(keyword, "method") != 0 || !add_item(idl, IDL_IN, name, at))
        return false;
    skip_blanks(at);
    if (strncmp(*at, "->", 2) != 0)
        return false;
    *at += 2;
    return add_item(idl, IDL_OUT, name, at);
}

struct idl *idl_parse(const char *text, char why[IDL_WHY])
{
    struct idl *idl = calloc(1, sizeof *idl);
    char *clean = without_comments(text), keyword[WORD_MAX];
    const char *at = clean;
    bool good = idl && clean && take_word(&at, keyword) && strcmp(keyword, "interface") == 0 &&
                take_word(&at, idl->name);

    while (good) {
        skip_blanks(&at);
        if (!*at)
            break;
        good = take_item(idl, &at);
    }
    if (!good) {
        snprintf(why, IDL_WHY, "cannot be read at '%.40s'", at ? at : "");
        idl_free(idl);
        idl = NULL;
    }
    free(clean);
    return idl;
}

void idl_free(struct idl *idl)
{
    for (size_t i = 0; idl && i < idl->count; i++)
        free(idl->items[i].type);
    free(idl);
}

const char *idl_name(const struct idl *idl)
{
    return idl->name;
}

/* ---- looking ---- */

static const struct item *find(const struct idl *idl, enum idl_part part, const char *name)
{
    for (size_t i = 0; i < idl->count; i++)
        if (idl->items[i].part == part && strcmp(idl->items[i].name, name) == 0)
            return &idl->items[i];
    return NULL;
}

const char *idl_item(const struct idl *idl, enum idl_part part, size_t i)
{
    for (size_t at = 0; at < idl->count; at++)
        if (idl->items[at].part == part && i-- == 0)
            return idl->items[at].name;
    return NULL;
}

/* Length of the type at 'type': up to the comma or bracket that ends it. */
static size_t type_length(const char *type)
{
    int depth = 0;
    size_t at = 0;

    for (; type[at]; at++) {
        if (depth == 0 && (type[at] == ',' || type[at] == ')'))
            break;
        depth += (type[at] == '(') - (type[at] == ')');
    }
    return at;
}

/* Reads "name:type" at '*at' and moves to the next one. */
static bool next_member(const char **at, char ret_name[WORD_MAX], const char **ret_type,
                        size_t *ret_length)
{
    const char *from = *at;

    if (*from == '(' || *from == ',')
        from++;
    if (*from == ')' || !take_word(&from, ret_name))
        return false;
    if (*from == ':') {
        *ret_type = ++from;
        *ret_length = type_length(from);
        from += *ret_length;
    } else { /* a word of an enum */
        *ret_type = "";
        *ret_length = 0;
    }
    *at = from;
    return true;
}

const char *idl_member(const struct idl *idl, enum idl_part part, const char *name, size_t i,
                       const char **ret_type)
{
    static char member[WORD_MAX], type_text[IDL_WHY];
    const struct item *item = find(idl, part, name);
    const char *at = item ? item->type : NULL, *type;
    size_t length;

    while (at && next_member(&at, member, &type, &length)) {
        if (i-- > 0)
            continue;
        snprintf(type_text, sizeof type_text, "%.*s", (int)length, type);
        *ret_type = type_text;
        return member;
    }
    return NULL;
}

/* ---- checking ---- */

static bool fits(const struct idl *idl, const char *type, const json_t *value, const char *path,
                 char why[IDL_WHY]);

static bool wrong(char why[IDL_WHY], const char *path, const char *what)
{
    snprintf(why, IDL_WHY, "%s: %s", path, what);
    return false;
}

static bool fits_enum(const char *type, const json_t *value, const char *path,
                      char why[IDL_WHY])
{
    char word[WORD_MAX];
    const char *at = type, *rest;
    size_t length;

    if (!json_is_string(value))
        return wrong(why, path, "is not a string");
    while (next_member(&at, word, &rest, &length))
        if (strcmp(word, json_string_value(value)) == 0)
            return true;
    return wrong(why, path, "is none of the words");
}

static bool fits_struct(const struct idl *idl, const char *type, const json_t *value,
                        const char *path, char why[IDL_WHY])
{
    char name[WORD_MAX], below[IDL_WHY];
    const char *at = type, *member_type;
    size_t length, known = 0, present;
    const json_t *member;

    if (!json_is_object(value))
        return wrong(why, path, "is not an object");
    while (next_member(&at, name, &member_type, &length)) {
        snprintf(below, sizeof below, "%.180s.%s", path, name);
        member = json_object_get(value, name);
        known += member != NULL;
        if (!fits(idl, member_type, member ? member : json_null(), below, why))
            return false;
    }
    present = json_object_size(value);
    return present == known || wrong(why, path, "has a member that the file does not name");
}

static bool fits_array(const struct idl *idl, const char *type, const json_t *value,
                       const char *path, char why[IDL_WHY])
{
    if (!json_is_array(value))
        return wrong(why, path, "is not an array");
    for (size_t i = 0; i < json_array_size(value); i++)
        if (!fits(idl, type, json_array_get(value, i), path, why))
            return false;
    return true;
}

/* One of the built-in words. */
static bool fits_word(const char *word, const json_t *value, bool *ret_known)
{
    *ret_known = true;
    if (strcmp(word, "bool") == 0)
        return json_is_boolean(value);
    if (strcmp(word, "int") == 0)
        return json_is_integer(value);
    if (strcmp(word, "float") == 0)
        return json_is_number(value);
    if (strcmp(word, "string") == 0)
        return json_is_string(value);
    if (strcmp(word, "object") == 0)
        return json_is_object(value);
    *ret_known = false;
    return false;
}

/* A struct names types behind its words, an enum does not. */
static bool is_struct(const char *group)
{
    const char *at = group + 1;
    char word[WORD_MAX];

    return *at == ')' || (take_word(&at, word) && *at == ':');
}

static bool fits(const struct idl *idl, const char *type, const json_t *value, const char *path,
                 char why[IDL_WHY])
{
    const struct item *named;
    char word[WORD_MAX];
    const char *at = type;
    bool known, good;

    if (*type == '?')
        return json_is_null(value) || fits(idl, type + 1, value, path, why);
    if (strncmp(type, "[]", 2) == 0)
        return fits_array(idl, type + 2, value, path, why);
    if (*type == '(')
        return is_struct(type) ? fits_struct(idl, type, value, path, why)
                               : fits_enum(type, value, path, why);
    if (!take_word(&at, word))
        return wrong(why, path, "has no type in the file");
    good = fits_word(word, value, &known);
    if (known)
        return good ||
               wrong(why, path, json_is_null(value) ? "is missing" : "has another type");
    named = find(idl, IDL_TYPE, word);
    return named ? fits(idl, named->type, value, path, why)
                 : wrong(why, path, "has a type that the file does not define");
}

bool idl_check(const struct idl *idl, enum idl_part part, const char *name, const json_t *value,
               char why[IDL_WHY])
{
    const struct item *item = find(idl, part, name);

    return item ? fits(idl, item->type, value, name, why)
                : wrong(why, name, "is not in the file");
}
