/*
 * names.c - which names are kept away (see names.h)
 */
#include "launcher/clerk/names.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/clerk/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
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

static bool begin_with(const struct strlist *names, const char *part, size_t length,
                       bool has_more)
{
    for (size_t i = 0; i < names->count; i++) {
        bool everywhere;
        const char *name = clerk_name_plain(names->items[i], &everywhere);

        if (everywhere && strcspn(name, "/") == length &&
            strncasecmp(name, part, length) == 0 && (!has_more || name[length] == '/'))
            return true;
    }
    return false;
}

bool clerk_names_begin(const struct strlist *names, const char *part)
{
    return begin_with(names, part, strlen(part), false);
}

bool clerk_names_repo(const struct strlist *names, const char *part)
{
    return begin_with(names, part, strlen(part), true);
}

/* A repository where a directory was and none of them could have a new one as its part, as well.
 * An empty ".git" is none. */
static bool makes_repo(const struct strlist *names, const struct clerk_were *were,
                       const char *path, int dir)
{
    if (!were_leaves_room(were))
        return false;
    for (const char *part = path; *part; part = behind_slash(part, strcspn(part, "/"))) {
        const size_t length = strcspn(part, "/"),
                     above = part > path ? (size_t)(part - path) - 1 : 0;

        if ((part[length] || dir >= 0) && begin_with(names, part, length, true))
            return !were_look(were, path, above).is_repo &&
                   (above == 0 || !were_is_new(were, path, above));
    }
    return false;
}

/* ---- what is below a directory that is moved ---- */

struct bring {
    const struct strlist *names;
    const struct clerk_were *were;
    const char *to;
};

bool clerk_may_link(const struct clerk_were *were, const char *path)
{
    return !were_leaves_room(were) || !were_look(were, path, strlen(path)).is_dir;
}

static enum walk_next find_name(void *context, const char *path, const char *name,
                                unsigned char type)
{
    const struct bring *b = context;
    char whole[2 * PATH_MAX];

    if (clerk_names_begin(b->names, name))
        return WALK_STOP;
    if (type != DT_LNK)
        return WALK_ON;
    return str_format(whole, sizeof whole, "%s/%s", b->to, path) < 0 ||
                   !clerk_may_link(b->were, whole)
               ? WALK_STOP
               : WALK_ON;
}

/* What could be made where it is new would come to where a directory was, or into a repository. */
static bool brings_below(const struct strlist *names, const struct clerk_were *were,
                         const char *path, int dir, const char *from)
{
    const struct were_seen to = were_look(were, path, strlen(path));
    struct bring bring = {names, were, path};

    if (dir < 0 || !were_leaves_room(were))
        return false;
    if (!to.is_dir && !to.is_link && !to.below_link &&
        (!to.below_repo || were_look(were, from, strlen(from)).below_repo))
        return false;
    return walk_below(dir, MOVED_MOST, find_name, &bring) < 0;
}

enum clerk_verdict clerk_judge(const struct strlist *names, const struct clerk_were *were,
                               const char *path, int dir, const char *from)
{
    enum clerk_verdict worst = CLERK_FREE;

    for (size_t i = 0; i < names->count && worst != CLERK_FROZEN; i++) {
        enum clerk_verdict one = judge_by(names->items[i], were, path, dir);

        if (one > worst)
            worst = one;
    }
    return makes_repo(names, were, path, dir) || brings_below(names, were, path, dir, from)
               ? CLERK_FROZEN
               : worst;
}
