#ifndef LAUNCHER_IDENTITY_ID_MAP_H
#define LAUNCHER_IDENTITY_ID_MAP_H

#include "base/strlist.h"
#include "coop/err.h"
#include "launcher/plan.h"

/*
 * id_map.h - which ids of a user namespace are which ids outside; private to the parent's side of
 * launcher/
 *
 * A map is a list of lines INSIDE:OUTSIDE:COUNT.  Without one the child writes a single line by
 * itself: its own id.  More ids are not its own, so somebody else must write the map: root writes
 * it, an ordinary user has newuidmap(1) and newgidmap(1) do it, which know from /etc/subuid and
 * /etc/subgid whose they are.
 *
 * "auto" stands for those: id N inside is the user's N-th subordinate id, but for the id that the
 * caller itself has inside.
 *
 * Limits    ID_MAP_MAX lines of a map; ID_RANGES_MAX ranges of one user.
 * Source    newuidmap(1), unshare(1) --map-auto, nsjail's --uid_mapping.
 */

#define ID_MAP_MAX    32
#define ID_RANGES_MAX 16

struct id_map {
    struct plan_id_map lines[ID_MAP_MAX];
    uint32_t count;
};

/* Consecutive ids that were given to somebody. */
struct id_range {
    uint32_t first, count;
};

struct id_ranges {
    struct id_range items[ID_RANGES_MAX];
    unsigned count;
};

/* One word of UIDMap= or GIDMap=, not "auto": "0:100000:65536", "5:7" is "5:7:1". 0 or -1. */
int id_map_parse(const char *word, struct plan_id_map *ret_line, struct coop_err *err);

/* The lines of 'words'; 'key' is for messages. Two that name one id twice are an error. */
int id_map_compile(const struct strlist *words, const char *key, struct id_map *ret_map,
                   struct coop_err *err);

/* What "auto" stands for: the ranges from id 0 up, around the own id. */
int id_map_auto(const struct id_ranges *ranges, uint32_t inside, uint32_t outside,
                struct id_map *ret_map, struct coop_err *err);

/* The id inside of an id outside; LAUNCH_NO_ID when it has none. And whether one inside is mapped.
 */
uint32_t id_map_inside(const struct id_map *map, uint32_t outside);
bool id_map_has(const struct id_map *map, uint32_t inside);

/* ---- subid.c: who was given what ---- */

#define SUBID_NAME 64

/* The login name of 'uid' by /etc/passwd; its number as text when it has none there. */
void subid_user(uint32_t uid, char ret_name[SUBID_NAME]);

/* What 'file' (/etc/subuid, /etc/subgid) gives that user; by name or number. Both files are keyed
 * by user. A file that is missing gives nothing. */
int subid_read(const char *file, uint32_t uid, struct id_ranges *ret_ranges,
               struct coop_err *err);

/* ---- map_writer.c ---- */

/* Writes the maps of 'pid' that the plan has ranges for.  Without being root by starting
 * newuidmap and newgidmap, and waiting for them: a few milliseconds. */
int id_maps_write(const struct launch_plan *plan, pid_t pid, struct coop_err *err);

#endif
