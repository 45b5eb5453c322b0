/*
 * names.c - which names are kept away (see names.h)
 */
#include "launcher/clerk/names.h"

#include "base/scope.h"
#include "launcher/clerk/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVERYWHERE "**/"

enum { MOVED_MOST = 100000 }; /* names in a directory that is moved to where one was */

const char *clerk_name_plain(const char *name, bool *ret_everywhere)
{
    *ret_everywhere = strncmp(name, EVERYWHERE, strlen(EVERYWHERE)) == 0;
    return *ret_everywhere ? name + strlen(EVERYWHERE) : name;
}

static const char *behind_slash(const char *text, size_t length)
{
    return text + length + (text[length] == '/');
}

/* Part by part from the left. *ret_rest: what of 'name' lies below 'path', with CLERK_ABOVE. */
static enum clerk_verdict compare(const char *name, const char *path, const char **ret_rest)
{
    for (size_t length; *name && *path; name += length + (name[length] == '/')) {
        length = strcspn(name, "/");
        if (strcspn(path, "/") != length || strncasecmp(name, path, length) != 0)
            return CLERK_FREE;
        path = behind_slash(path, length);
    }
    *ret_rest = name;
    return *name ? CLERK_ABOVE : CLERK_FROZEN;
}

/* The directory comes with such a name in it, or with what hides whether it does: a part that is
 * shut, or a link. */
static bool brings(int dir, const char *rest)
{
    struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC,
                           .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH};
    SCOPED_FD fd = -1;

    if (dir < 0)
        return false;
    fd = (int)syscall(SYS_openat2, dir, rest, &how, sizeof how);
    return fd >= 0 || errno != ENOENT;
}

static enum clerk_verdict judge_by(const char *name, const struct clerk_were *were,
                                   const char *path, int dir)
{
    enum clerk_verdict worst = CLERK_FREE;
    const char *whole = path;
    bool everywhere;

    name = clerk_name_plain(name, &everywhere);
    do {
        const bool is_new =
            path > whole && were_is_new(were, whole, (size_t)(path - whole) - 1);
        const char *rest = "";
        enum clerk_verdict one = is_new ? CLERK_FREE : compare(name, path, &rest);

        if (one == CLERK_FROZEN || (one == CLERK_ABOVE && brings(dir, rest)))
            return CLERK_FROZEN;
        if (one > worst)
            worst = one;
        path = behind_slash(path, strcspn(path, "/"));
    } while (everywhere && *path);
    return worst;
}

bool clerk_names_begin(const struct strlist *names, const char *part)
{
    const size_t length = strlen(part);

    for (size_t i = 0; i < names->count; i++) {
        bool everywhere;
        const char *name = clerk_name_plain(names->items[i], &everywhere);

        if (everywhere && strcspn(name, "/") == length && strncasecmp(name, part, length) == 0)
            return true;
    }
    return false;
}

static enum walk_next find_name(void *names, const char *path, const char *name,
                                unsigned char type)
{
    (void)path;
    (void)type;
    return clerk_names_begin(names, name) ? WALK_STOP : WALK_ON;
}

/* What could be made where it is new would come to where a directory was. */
static bool brings_below(const struct strlist *names, const struct clerk_were *were,
                         const char *path, int dir)
{
    struct strlist all = *names;

    return dir >= 0 && were->all && !were_is_new(were, path, strlen(path)) &&
           walk_below(dir, MOVED_MOST, find_name, &all) < 0;
}

enum clerk_verdict clerk_judge(const struct strlist *names, const struct clerk_were *were,
                               const char *path, int dir)
{
    enum clerk_verdict worst = CLERK_FREE;

    for (size_t i = 0; i < names->count && worst != CLERK_FROZEN; i++) {
        enum clerk_verdict one = judge_by(names->items[i], were, path, dir);

        if (one > worst)
            worst = one;
    }
    return brings_below(names, were, path, dir) ? CLERK_FROZEN : worst;
}
