/*
 * names.c - which names are kept away (see names.h)
 */
#include "launcher/clerk/names.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#define EVERYWHERE "**/"

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

static enum clerk_verdict judge_by(const char *name, const char *path, int dir)
{
    enum clerk_verdict worst = CLERK_FREE;
    bool everywhere;

    name = clerk_name_plain(name, &everywhere);
    do {
        const char *rest = "";
        enum clerk_verdict one = compare(name, path, &rest);

        if (one == CLERK_FROZEN || (one == CLERK_ABOVE && brings(dir, rest)))
            return CLERK_FROZEN;
        if (one > worst)
            worst = one;
        path = behind_slash(path, strcspn(path, "/"));
    } while (everywhere && *path);
    return worst;
}

enum clerk_verdict clerk_judge(const struct strlist *names, const char *path, int dir)
{
    enum clerk_verdict worst = CLERK_FREE;

    for (size_t i = 0; i < names->count && worst != CLERK_FROZEN; i++) {
        enum clerk_verdict one = judge_by(names->items[i], path, dir);

        if (one > worst)
            worst = one;
    }
    return worst;
}
