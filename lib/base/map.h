#ifndef COOP_BASE_MAP_H
#define COOP_BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * map.h - from a name to a pointer
 *
 *     struct map services = {0};
 *     map_put(&services, svc->name, svc);
 *     struct svc *found = map_get(&services, "web");
 *     for (size_t i = 0; (svc = map_next(&services, &i)) != NULL;) ...
 *     map_done(&services);
 *
 * Time      Open addressing, linear probing, at most half full: get, put and remove look at one
 *           or two slots.  The hash has no secret: keys come from the operator's own files.
 * Errors    map_put: 0, -ENOMEM, -EEXIST.
 * Memory    Keys are borrowed: they live as long as their entry (usually inside the value). {0}
 *           is an empty map.
 * Limits    Removing while walking is not allowed.  Walk order is arbitrary.
 */
struct map_slot {
    const char *key;
    void *value;
};

struct map {
    struct map_slot *slots;
    size_t size, count; /* size is 0 or a power of two */
};

void map_done(struct map *map);
int map_put(struct map *map, const char *key, void *value);
void *map_get(const struct map *map, const char *key);

/* The value that was removed, or NULL. */
void *map_remove(struct map *map, const char *key);

/* The next value at or after '*position' (start at 0), or NULL at the end. */
void *map_next(const struct map *map, size_t *position);

#endif
