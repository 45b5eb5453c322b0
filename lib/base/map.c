/*
 * map.c - from a name to a pointer (see map.h)
 *
 * Linear probing without tombstones: removal moves later members of the run back into the gap.
 */
#include "base/map.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_SIZE ((size_t)16)

/* ---- helpers ---- */

static size_t hash(const char *key) /* FNV-1a */
{
    uint64_t h = UINT64_C(0xcbf29ce484222325);

    for (; *key; key++)
        h = (h ^ (unsigned char)*key) * UINT64_C(0x100000001b3);
    return (size_t)(h ^ h >> 32);
}

/* The slot of 'key', or the free one where it would go. The map is not empty of slots. */
static size_t find(const struct map *map, const char *key)
{
    size_t at = hash(key) & (map->size - 1);

    while (map->slots[at].key && strcmp(map->slots[at].key, key) != 0)
        at = (at + 1) & (map->size - 1);
    return at;
}

static int grow(struct map *map)
{
    struct map bigger = {.size = map->size ? map->size * 2 : FIRST_SIZE, .count = map->count};

    bigger.slots = calloc(bigger.size, sizeof *bigger.slots);
    if (!bigger.slots)
        return -ENOMEM;
    for (size_t i = 0; i < map->size; i++)
        if (map->slots[i].key)
            bigger.slots[find(&bigger, map->slots[i].key)] = map->slots[i];
    free(map->slots);
    *map = bigger;
    return 0;
}

/* May what sits at 'from' (and belongs at 'home') move into 'gap'?  Yes unless its home lies
 * cyclically in (gap, from]. */
static bool may_fill(size_t gap, size_t home, size_t from)
{
    if (gap <= from)
        return home <= gap || home > from;
    return home <= gap && home > from;
}

/* ---- the public calls ---- */

void map_done(struct map *map)
{
    free(map->slots);
    *map = (struct map){0};
}

int map_put(struct map *map, const char *key, void *value)
{
    size_t at;

    if (map->count * 2 >= map->size && grow(map) < 0)
        return -ENOMEM;
    at = find(map, key);
    if (map->slots[at].key)
        return -EEXIST;
    map->slots[at] = (struct map_slot){key, value};
    map->count++;
    return 0;
}

void *map_get(const struct map *map, const char *key)
{
    return map->size ? map->slots[find(map, key)].value : NULL;
}

void *map_remove(struct map *map, const char *key)
{
    size_t gap, mask = map->size - 1;
    void *value;

    if (!map->size)
        return NULL;
    gap = find(map, key);
    if (!map->slots[gap].key)
        return NULL;
    value = map->slots[gap].value;
    map->slots[gap] = (struct map_slot){0};
    for (size_t at = (gap + 1) & mask; map->slots[at].key; at = (at + 1) & mask) {
        if (!may_fill(gap, hash(map->slots[at].key) & mask, at))
            continue;
        map->slots[gap] = map->slots[at];
        map->slots[at] = (struct map_slot){0};
        gap = at;
    }
    map->count--;
    return value;
}

void *map_next(const struct map *map, size_t *position)
{
    while (*position < map->size) {
        const struct map_slot *slot = &map->slots[(*position)++];

        if (slot->key)
            return slot->value;
    }
    return NULL;
}
