/*
 * subid.c - whose subordinate ids are whose: /etc/subuid, /etc/subgid (contract in id_map.h)
 *
 * Read by hand, a line at a time: coop-run is static, and a static program cannot load the
 * modules that the C library looks users up with.  Where ids come from somewhere else, newuidmap
 * knows, and only "auto" does not work.
 */
#include "launcher/identity/id_map.h"

#include "base/scope.h"
#include "base/str.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>

#define LINE_MOST 4096

static void file_done(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

void subid_user(uint32_t uid, char ret_name[SUBID_NAME])
{
    SCOPED(FILE *, file_done) file = fopen("/etc/passwd", "re");
    struct passwd entry, *found;
    char text[LINE_MOST];

    str_format(ret_name, SUBID_NAME, "%u", uid);
    while (file && fgetpwent_r(file, &entry, text, sizeof text, &found) == 0)
        if (entry.pw_uid == uid && strlen(entry.pw_name) < SUBID_NAME) {
            str_copy(ret_name, SUBID_NAME, entry.pw_name);
            return;
        }
}

/* "name:first:count" of that user. */
static bool is_given(char *line, uint32_t uid, const char *name, struct id_range *ret_range)
{
    char *rest = line, *owner = strsep(&rest, ":"), *first = strsep(&rest, ":");
    char *count = strsep(&rest, ":\n");
    long long from, many, number;
    bool mine = strcmp(owner, name) == 0 ||
                (str_to_int(owner, 0, UINT32_MAX - 1, &number) == 0 && number == uid);

    if (!mine || !count || str_to_int(first, 0, UINT32_MAX - 1, &from) < 0 ||
        str_to_int(count, 1, UINT32_MAX - from, &many) < 0)
        return false;
    *ret_range = (struct id_range){(uint32_t)from, (uint32_t)many};
    return true;
}

int subid_read(const char *file, uint32_t uid, struct id_ranges *ret_ranges,
               struct coop_err *err)
{
    SCOPED(FILE *, file_done) in = fopen(file, "re");
    struct id_ranges ranges = {.count = 0};
    char name[SUBID_NAME], line[LINE_MOST];

    if (!in && errno != ENOENT)
        return coop_fail_sys(err, errno, "open '%s'", file);
    subid_user(uid, name);
    while (in && fgets(line, sizeof line, in)) {
        struct id_range range;

        if (!is_given(line, uid, name, &range))
            continue;
        if (ranges.count == ID_RANGES_MAX)
            return coop_fail(err, COOP_E_LIMIT, "'%s' gives user '%s' more than %d ranges",
                             file, name, ID_RANGES_MAX);
        ranges.items[ranges.count++] = range;
    }
    *ret_ranges = ranges;
    return 0;
}
