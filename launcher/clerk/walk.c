/*
 * walk.c - all names below a directory (see walk.h)
 */
#include "launcher/clerk/walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct walk {
    walk_fn *seen;
    void *context;
    size_t left;
    int worst; /* what the end will be, if nothing stops it */
    char path[PATH_MAX];
};

static unsigned char type_of(int dir, const struct dirent *entry)
{
    struct stat st;

    if (entry->d_type != DT_UNKNOWN)
        return entry->d_type;
    if (fstatat(dir, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
        return DT_UNKNOWN;
    return S_ISDIR(st.st_mode) ? DT_DIR : S_ISLNK(st.st_mode) ? DT_LNK : DT_REG;
}

/* Who is not its owner cannot open it up either. */
static void note_shut(struct walk *w, int above, const char *name)
{
    struct stat st;

    if (fstatat(above, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_uid == geteuid())
        w->worst = -EACCES;
}

static int walk_dir(struct walk *w, int above, const char *name, size_t length, int depth);

static int walk_entry(struct walk *w, int dir, const struct dirent *entry, size_t length,
                      int depth)
{
    const unsigned char type = type_of(dir, entry);
    const size_t more = strlen(entry->d_name);
    enum walk_next next;

    if (w->left == 0 || length + 1 + more >= sizeof w->path)
        return -E2BIG;
    w->left--;
    if (length > 0)
        w->path[length++] = '/';
    memcpy(w->path + length, entry->d_name, more + 1);
    next = w->seen(w->context, w->path, w->path + length, type);
    if (next == WALK_ON && type == DT_DIR)
        return walk_dir(w, dir, entry->d_name, length + more, depth + 1);
    return next == WALK_STOP ? -ECANCELED : 0;
}

static int walk_dir(struct walk *w, int above, const char *name, size_t length, int depth)
{
    int fd = openat(above, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC), r = 0;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;

    if (!dir && errno == EACCES) {
        note_shut(w, above, name);
        return 0;
    }
    if (!dir) {
        r = errno == ENOENT ? 0 : -errno;
        if (fd >= 0)
            close(fd);
        return r;
    }
    if (depth > WALK_DEPTH)
        r = -E2BIG;
    while (r == 0 && (entry = readdir(dir)))
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            r = walk_entry(w, fd, entry, length, depth);
    closedir(dir);
    return r;
}

int walk_below(int dir, size_t most, walk_fn *seen, void *context)
{
    struct walk w = {.seen = seen, .context = context, .left = most};
    int r = walk_dir(&w, dir, ".", 0, 0);

    return r < 0 ? r : w.worst;
}
