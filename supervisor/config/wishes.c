/*
 * wishes.c - a short list, searched from its beginning (see wishes.h)
 */
#include "config/wishes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct wish *find(const struct wishes *wishes, const char *name)
{
    for (size_t i = 0; i < wishes->count; i++)
        if (strcmp(wishes->at[i].name, name) == 0)
            return &wishes->at[i];
    return NULL;
}

int wishes_put(struct wishes *wishes, const struct wish *wish)
{
    struct wish *at = find(wishes, wish->name);

    if (!at) {
        struct wish *grown = reallocarray(wishes->at, wishes->count + 1, sizeof *grown);

        if (!grown)
            return -ENOMEM;
        wishes->at = grown;
        at = &grown[wishes->count++];
    }
    *at = *wish;
    return 0;
}

void wishes_remove(struct wishes *wishes, const char *name)
{
    struct wish *at = find(wishes, name);

    if (at)
        *at = wishes->at[--wishes->count];
}

const struct wish *wishes_find(const struct wishes *wishes, const char *name)
{
    return find(wishes, name);
}

int wishes_copy(struct wishes *ret_to, const struct wishes *from)
{
    struct wishes to = {.count = from->count};

    to.at = reallocarray(NULL, from->count + 1, sizeof *to.at);
    if (!to.at)
        return -ENOMEM;
    if (from->count)
        memcpy(to.at, from->at, from->count * sizeof *to.at);
    *ret_to = to;
    return 0;
}

void wishes_done(struct wishes *wishes)
{
    free(wishes->at);
    *wishes = (struct wishes){0};
}
