/*
 * place.c - which name in which directory a path of the caller's means, and may it be made (desk.h)
 *
 * The directory is found by the kernel, and asked where it is once it is open: so no link, no ".."
 * and no mount on the way can make it look like another.  Nobody but us can move it meanwhile.
 */
#include "launcher/clerk/desk.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/clerk/names.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

void place_done(struct place *place)
{
    fd_closep(&place->dir);
}

/* What of 'path' lies below 'top': "" for itself, NULL: it lies elsewhere. */
static const char *below(const char *path, const char *top)
{
    size_t length = strcmp(top, "/") == 0 ? 0 : strlen(top);

    if (strncmp(path, top, length) != 0)
        return NULL;
    return path[length] == '/' ? path + length + 1 : path[length] ? NULL : "";
}

/* Splits off the last part.  'text' keeps the rest. */
static int take_name(char *text, struct place *place)
{
    size_t length = strlen(text), from;

    place->slash = length > 0 && text[length - 1] == '/';
    while (length > 0 && text[length - 1] == '/')
        text[--length] = '\0';
    for (from = length; from > 0 && text[from - 1] != '/';)
        from--;
    if (length == from || length - from > NAME_MAX || strcmp(text + from, ".") == 0 ||
        strcmp(text + from, "..") == 0)
        return CLERK_PASS;
    (void)str_copy(place->name, sizeof place->name, text + from);
    text[from] = '\0';
    return 0;
}

/* Where 'fd' is, in the view that program and clerk share. 0 or -1. */
static int where(const struct desk *desk, int fd, char ret_path[PATH_MAX])
{
    char link[64];
    ssize_t length;

    (void)str_format(link, sizeof link, "self/fd/%d", fd);
    length = readlinkat(desk->proc, link, ret_path, PATH_MAX - 1);
    if (length <= 0 || length == PATH_MAX - 1)
        return -1;
    ret_path[length] = '\0';
    return 0;
}

int place_follow(struct desk *desk)
{
    return where(desk, desk->frozen, desk->frozen_at);
}

/* ---- the sandbox's mounts ---- */

/* One of them begins so: "36 35 98:0 / /usr ...". */
int place_read_mounts(struct desk *desk)
{
    SCOPED_FD fd = openat(desk->proc, "self/mountinfo", O_RDONLY | O_CLOEXEC);
    bool in_number = true;
    char text[4096];
    ssize_t got;

    while ((got = fd < 0 ? -1 : read(fd, text, sizeof text)) > 0)
        for (ssize_t i = 0; i < got; i++) {
            uint64_t *mount = &desk->mounts[desk->mount_count];

            if (in_number && text[i] >= '0' && text[i] <= '9') {
                *mount = *mount * 10 + (uint64_t)(text[i] - '0');
            } else if (in_number) {
                in_number = false;
                if (++desk->mount_count == DESK_MOUNTS)
                    return -E2BIG;
            } else {
                in_number = text[i] == '\n';
            }
        }
    return got < 0 ? -errno : 0;
}

/* A directory that was passed from outside: there Landlock would let the program make nothing. */
static bool is_ours(const struct desk *desk, int fd)
{
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0 || !(st.stx_mask & STATX_MNT_ID))
        return false;
    for (size_t i = 0; i < desk->mount_count; i++)
        if (desk->mounts[i] == st.stx_mnt_id)
            return true;
    return false;
}

/* ---- where a name is ---- */

bool place_is_text(const struct desk *desk, const struct place *place, int base,
                   const char *text)
{
    char dir[PATH_MAX], from[PATH_MAX], plain[2 * PATH_MAX], asked[2 * PATH_MAX];

    if (where(desk, place->dir, dir) < 0 || (base >= 0 && where(desk, base, from) < 0))
        return false;
    (void)str_format(plain, sizeof plain, "%s/%s", strcmp(dir, "/") == 0 ? "" : dir,
                     place->name);
    if (base < 0)
        return strcmp(plain, text) == 0;
    (void)str_format(asked, sizeof asked, "%s/%s", strcmp(from, "/") == 0 ? "" : from, text);
    return strcmp(plain, asked) == 0;
}

static int see(const struct desk *desk, struct place *place)
{
    char path[PATH_MAX];
    const char *inside;

    if (!is_ours(desk, place->dir) || where(desk, place->dir, path) < 0 ||
        !below(path, desk->order->top))
        return CLERK_PASS;
    inside = below(path, desk->frozen_at);
    place->path[0] = '\0';
    if (inside)
        (void)str_format(place->path, sizeof place->path, "%s%s%s", inside, *inside ? "/" : "",
                         place->name);
    return 0;
}

/* No magic links: those of /proc would be ours, not the caller's. */
static int open_dir(int base, const char *path)
{
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_NO_MAGICLINKS};

    return (int)syscall(SYS_openat2, base, path, &how, sizeof how);
}

int place_find(const struct desk *desk, int base, const char *text, struct place *ret_place)
{
    char dir[PATH_MAX];
    int r;

    if (str_copy(dir, sizeof dir, text) < 0)
        return CLERK_PASS;
    r = take_name(dir, ret_place);
    if (r < 0)
        return r;
    ret_place->dir = open_dir(base, *dir ? dir : ".");
    return ret_place->dir < 0 ? CLERK_PASS : see(desk, ret_place);
}

int place_ask(struct desk *desk, const struct ask *ask, int dirfd, uint64_t address,
              struct place *ret_place)
{
    SCOPED_FD base = -1;
    char text[PATH_MAX];

    if (ask_text(desk, ask, address, text, sizeof text) < 0)
        return CLERK_PASS;
    if (text[0] != '/')
        base = ask_base(desk, ask, dirfd);
    if ((text[0] != '/' && base < 0) || !ask_holds(desk, ask))
        return CLERK_PASS;
    return place_find(desk, base, text, ret_place);
}

static int refuse(struct desk *desk, const struct place *place)
{
    if (desk->told->refused++ == 0)
        (void)str_format(desk->told->first, sizeof desk->told->first, "%s", place->path);
    return -EACCES;
}

static int judge(struct desk *desk, const struct place *place, bool is_dir, int dir,
                 const char *from)
{
    enum clerk_verdict verdict =
        place->path[0]
            ? clerk_judge(desk->order->names, desk->order->were, place->path, dir, from)
            : CLERK_FREE;

    return verdict == CLERK_FREE || (verdict == CLERK_ABOVE && is_dir) ? 0
                                                                       : refuse(desk, place);
}

int place_judge(struct desk *desk, const struct place *place, bool is_dir)
{
    return judge(desk, place, is_dir, -1, "");
}

int place_judge_link(struct desk *desk, const struct place *place)
{
    int r = place_judge(desk, place, false);

    return r == 0 && !clerk_may_link(desk->order->were, place->path) ? refuse(desk, place) : r;
}

int place_judge_move(struct desk *desk, const struct place *place, int dir,
                     const struct place *from)
{
    return judge(desk, place, true, dir, from->path);
}
