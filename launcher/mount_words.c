/*
 * mount_words.c - bubblewrap's words for file-system operations (see mount_words.h)
 */
#include "launcher/mount_words.h"

#include <stdlib.h>
#include <string.h>

/* clang-format off */
static const struct mount_word words[] = {
    {"ro-bind",         2, LAUNCH_MOUNT_BIND,    LAUNCH_MOUNT_RO,                        "Show the host's SRC at DST, read-only."},
    {"ro-bind-try",     2, LAUNCH_MOUNT_BIND,    LAUNCH_MOUNT_RO | LAUNCH_MOUNT_TRY,     "The same, or nothing when SRC does not exist."},
    {"bind",            2, LAUNCH_MOUNT_BIND,    0,                                      "Show the host's SRC at DST, writable."},
    {"bind-try",        2, LAUNCH_MOUNT_BIND,    LAUNCH_MOUNT_TRY,                       "The same, or nothing when SRC does not exist."},
    {"dev-bind",        2, LAUNCH_MOUNT_BIND,    LAUNCH_MOUNT_DEVICES,                   "Like --bind, and device files work."},
    {"dev-bind-try",    2, LAUNCH_MOUNT_BIND,    LAUNCH_MOUNT_DEVICES | LAUNCH_MOUNT_TRY, "The same, or nothing when SRC does not exist."},
    {"remount-ro",      1, LAUNCH_MOUNT_REMOUNT, LAUNCH_MOUNT_RO,                        "Make what is mounted at DST read-only."},
    {"tmpfs",           1, LAUNCH_MOUNT_TMPFS,   0,                                      "A fresh, empty, writable directory at DST."},
    {"proc",            1, LAUNCH_MOUNT_PROC,    0,                                      "The processes of the sandbox at DST."},
    {"dev",             1, LAUNCH_MOUNT_DEV,     0,                                      "The harmless devices at DST: null zero full random urandom tty, pts, shm."},
    {"mqueue",          1, LAUNCH_MOUNT_MQUEUE,  0,                                      "The sandbox's message queues at DST."},
    {"dir",             1, LAUNCH_MOUNT_DIR,     0,                                      "An empty directory at DST."},
    {"symlink",         2, LAUNCH_MOUNT_SYMLINK, 0,                                      "A symbolic link at DST that says SRC."},
    /* for profiles and FileSystem=; no flags of their own */
    {"mirror",          1, LAUNCH_MOUNT_MIRROR,  LAUNCH_MOUNT_RO | LAUNCH_MOUNT_TRY,     NULL},
    {"copy",            1, LAUNCH_MOUNT_COPY,    LAUNCH_MOUNT_RO | LAUNCH_MOUNT_TRY,     NULL},
    {"ro-bind-same",    1, LAUNCH_MOUNT_BIND,    LAUNCH_MOUNT_RO | LAUNCH_MOUNT_TRY,     NULL},
    {0},
};
/* clang-format on */

const struct mount_word *mount_words(void)
{
    return words;
}

const struct mount_word *mount_word_find(const char *word)
{
    for (const struct mount_word *w = words; w->word; w++)
        if (strcmp(w->word, word) == 0)
            return w;
    return NULL;
}

int mount_parse_mode(const char *text, mode_t *ret_mode, struct coop_err *err)
{
    char *end;
    unsigned long mode = strtoul(text, &end, 8);

    if (*end || end == text || text[0] < '0' || text[0] > '7' || mode > 07777)
        return coop_fail(err, COOP_E_SYNTAX, "'%.200s' is not an octal mode", text);
    *ret_mode = (mode_t)mode;
    return 0;
}

char *mount_path_plain(const char *path)
{
    size_t len = 0;
    char *plain;

    if (path[0] != '/')
        return NULL;
    plain = malloc(strlen(path) + 2);
    if (!plain)
        return NULL;
    while (*path) {
        size_t part = strcspn(path, "/");

        if (part == 2 && path[0] == '.' && path[1] == '.') {
            free(plain);
            return NULL;
        }
        if (part > 0 && !(part == 1 && path[0] == '.')) {
            plain[len++] = '/';
            memcpy(plain + len, path, part);
            len += part;
        }
        path += part + (path[part] == '/');
    }
    if (len == 0)
        plain[len++] = '/';
    plain[len] = '\0';
    return plain;
}

static bool has_source(const struct mount_word *word)
{
    return word->arguments == 2 || word->kind == LAUNCH_MOUNT_MIRROR ||
           word->kind == LAUNCH_MOUNT_COPY || word->kind == LAUNCH_MOUNT_BIND;
}

int mount_word_add(struct launch_mounts *mounts, const struct mount_word *word, const char *a,
                   const char *b, const mode_t *perms, const uint64_t *size,
                   struct coop_err *err)
{
    const char *src = has_source(word) ? a : NULL, *dst = b ? b : a;
    union {
        const char *from;
        char *to;
    } source = {.from = src}, target = {.from = dst}; /* launch_mounts_add() copies */
    struct launch_mount mount = {
        .kind = word->kind,
        .flags = word->flags,
        .src = source.to,
        .dst = target.to,
        .guard = LAUNCH_GUARD_ROOT,
    };

    if (perms) {
        mount.flags |= LAUNCH_MOUNT_PERMS;
        mount.perms = *perms;
    }
    if (size)
        mount.size = *size;
    return launch_mounts_add(mounts, &mount, err);
}
