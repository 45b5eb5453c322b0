/*
 * strlist.c - an owned list of strings (see strlist.h)
 */
#include "base/strlist.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- helpers ---- */

/* Room grows by doubling at powers of two; the count itself says when, so no field for it. */
static int make_room(struct strlist *list)
{
    size_t need = list->count + 2; /* the new one and the NULL */
    size_t room = 4;
    char **items;

    if (list->items && (need <= 4 || (list->count + 1) & list->count))
        return 0;
    while (room < need)
        room *= 2;
    items = realloc(list->items, room * sizeof *items);
    if (!items)
        return -ENOMEM;
    items[list->count] = NULL;
    list->items = items;
    return 0;
}

static size_t env_find(const struct strlist *env, const char *name, size_t len)
{
    for (size_t i = 0; i < env->count; i++)
        if (strncmp(env->items[i], name, len) == 0 && env->items[i][len] == '=')
            return i;
    return env->count;
}

/* ---- the public calls ---- */

void strlist_done(struct strlist *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->items[i]);
    free(list->items);
    *list = (struct strlist){0};
}

int strlist_take(struct strlist *list, char *text)
{
    if (!text)
        return -ENOMEM;
    if (make_room(list) < 0) {
        free(text);
        return -ENOMEM;
    }
    list->items[list->count++] = text;
    list->items[list->count] = NULL;
    return 0;
}

int strlist_add(struct strlist *list, const char *text)
{
    return strlist_take(list, strdup(text));
}

int strlist_add_n(struct strlist *list, const char *text, size_t len)
{
    return strlist_take(list, strndup(text, len));
}

int strlist_copy(struct strlist *to, const struct strlist *from)
{
    struct strlist copy = {0};

    if (strlist_append(&copy, from) < 0) {
        strlist_done(&copy);
        return -ENOMEM;
    }
    strlist_done(to);
    *to = copy;
    return 0;
}

int strlist_append(struct strlist *list, const struct strlist *more)
{
    size_t before = list->count;

    for (size_t i = 0; i < more->count; i++) {
        if (strlist_add(list, more->items[i]) < 0) {
            while (list->count > before)
                strlist_remove(list, list->count - 1);
            return -ENOMEM;
        }
    }
    return 0;
}

void strlist_remove(struct strlist *list, size_t index)
{
    free(list->items[index]);
    memmove(&list->items[index], &list->items[index + 1],
            (list->count - index) * sizeof list->items[0]);
    list->count--;
}

bool strlist_has(const struct strlist *list, const char *text)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->items[i], text) == 0)
            return true;
    return false;
}

bool strlist_equal(const struct strlist *a, const struct strlist *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

const char *strlist_env_get(const struct strlist *env, const char *name)
{
    size_t len = strlen(name);
    size_t at = env_find(env, name, len);

    return at < env->count ? env->items[at] + len + 1 : NULL;
}

int strlist_env_put(struct strlist *env, const char *assignment)
{
    size_t at = env_find(env, assignment, strcspn(assignment, "="));
    char *text;

    if (at == env->count)
        return strlist_add(env, assignment);
    text = strdup(assignment);
    if (!text)
        return -ENOMEM;
    free(env->items[at]);
    env->items[at] = text;
    return 0;
}
