/*
 * id_map.c - the lines of a map of ids (contract in id_map.h)
 */
#include "launcher/identity/id_map.h"

#include "base/scope.h"
#include "base/str.h"

#include <string.h>

#define LAST_ID (UINT32_MAX - 1) /* UINT32_MAX means "no id" to the kernel */

static bool read_number(const char **at, char end, long long most, uint32_t *ret_number)
{
    size_t length = strcspn(*at, ":");
    char text[16];
    long long number;

    if (length >= sizeof text || ((*at)[length] != end && (*at)[length] != '\0'))
        return false;
    str_format(text, sizeof text, "%.*s", (int)length, *at);
    if (str_to_int(text, 0, most, &number) < 0)
        return false;
    *ret_number = (uint32_t)number;
    *at += length + ((*at)[length] != '\0');
    return true;
}

int id_map_parse(const char *word, struct plan_id_map *ret_line, struct coop_err *err)
{
    struct plan_id_map line = {.count = 1};
    const char *at = word;
    bool good = strchr(word, ':') && read_number(&at, ':', LAST_ID, &line.inside) &&
                read_number(&at, ':', LAST_ID, &line.outside);

    if (good && at[-1] == ':')
        good = read_number(&at, '\0', LAST_ID, &line.count) && at[-1] != ':';
    if (!good || line.count == 0 || *at)
        return coop_fail(err, COOP_E_SYNTAX, "'%s': expected INSIDE:OUTSIDE[:COUNT], or auto",
                         word);
    if (line.count - 1 > LAST_ID - line.inside || line.count - 1 > LAST_ID - line.outside)
        return coop_fail(err, COOP_E_RANGE, "'%s': ids end at %u", word, LAST_ID);
    *ret_line = line;
    return 0;
}

static bool meet(uint32_t a, uint32_t b, const struct plan_id_map *x,
                 const struct plan_id_map *y)
{
    return a <= b ? b - a < x->count : a - b < y->count;
}

int id_map_compile(const struct strlist *words, const char *key, struct id_map *ret_map,
                   struct coop_err *err)
{
    struct id_map map = {.count = 0};

    for (size_t i = 0; i < words->count; i++) {
        struct plan_id_map *line = &map.lines[map.count];

        if (map.count == ID_MAP_MAX)
            return coop_fail(err, COOP_E_LIMIT, "%s=: more than %d lines", key, ID_MAP_MAX);
        if (id_map_parse(words->items[i], line, err) < 0)
            return coop_while(err, "%s=", key);
        for (uint32_t k = 0; k < map.count; k++)
            if (meet(map.lines[k].inside, line->inside, &map.lines[k], line) ||
                meet(map.lines[k].outside, line->outside, &map.lines[k], line))
                return coop_fail(err, COOP_E_RANGE, "%s=: '%s' and '%s' have an id in common",
                                 key, words->items[k], words->items[i]);
        map.count++;
    }
    *ret_map = map;
    return 0;
}

static int add_line(struct id_map *map, uint32_t inside, uint32_t outside, uint32_t count,
                    struct coop_err *err)
{
    if (count == 0)
        return 0;
    if (map->count == ID_MAP_MAX)
        return coop_fail(err, COOP_E_LIMIT, "more than %d ranges of ids", ID_MAP_MAX);
    map->lines[map->count++] = (struct plan_id_map){inside, outside, count};
    return 0;
}

int id_map_auto(const struct id_ranges *ranges, uint32_t inside, uint32_t outside,
                struct id_map *ret_map, struct coop_err *err)
{
    struct id_map map = {.count = 0};
    uint32_t next = 0;
    int r = add_line(&map, inside, outside, 1, err);

    for (unsigned i = 0; i < ranges->count && r >= 0; i++) {
        const struct id_range *range = &ranges->items[i];
        uint32_t count = range->count, before = count;

        if (count > LAST_ID - next)
            count = before = LAST_ID - next;
        if (inside >= next && inside - next < count)
            before = inside - next; /* the id that the caller has there is left out */
        r = add_line(&map, next, range->first, before, err);
        if (r >= 0 && before < count)
            r = add_line(&map, next + before + 1, range->first + before + 1, count - before - 1,
                         err);
        next += count;
    }
    if (r >= 0)
        *ret_map = map;
    return r;
}

uint32_t id_map_inside(const struct id_map *map, uint32_t outside)
{
    for (uint32_t i = 0; i < map->count; i++)
        if (outside >= map->lines[i].outside &&
            outside - map->lines[i].outside < map->lines[i].count)
            return map->lines[i].inside + (outside - map->lines[i].outside);
    return LAUNCH_NO_ID;
}

bool id_map_has(const struct id_map *map, uint32_t inside)
{
    for (uint32_t i = 0; i < map->count; i++)
        if (inside >= map->lines[i].inside &&
            inside - map->lines[i].inside < map->lines[i].count)
            return true;
    return false;
}
