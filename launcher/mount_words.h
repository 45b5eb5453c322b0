#ifndef LAUNCHER_MOUNT_WORDS_H
#define LAUNCHER_MOUNT_WORDS_H

#include "launcher/launch.h"

/*
 * mount_words.h - file-system operations by the words bubblewrap uses for them; private
 *
 * "ro-bind SRC DST", "tmpfs DST", "symlink TARGET DST" and so on: the rows behind coop-run's flags
 * and behind the file-system part of the profiles.
 */
struct mount_word {
    const char *word; /* without dashes */
    unsigned arguments;
    enum launch_mount_kind kind;
    uint32_t flags;
    const char *help;
};

/* NULL when there is none. */
const struct mount_word *mount_word_find(const char *word);

/* All of them, for help texts; ends with word == NULL. */
const struct mount_word *mount_words(void);

/* Appends the operation to the list. 'b' is NULL for words with one argument. 'perms' and
 * 'size' may be NULL. */
int mount_word_add(struct launch_mounts *mounts, const struct mount_word *word, const char *a,
                   const char *b, const mode_t *perms, const uint64_t *size,
                   struct coop_err *err);

/* Octal permissions, at most 7777. */
int mount_parse_mode(const char *text, mode_t *ret_mode, struct coop_err *err);

/* "//a/./b/" -> "/a/b" into a malloc'ed string; NULL for a relative path, one with "..", or no
 * memory. */
char *mount_path_plain(const char *path);

/* ReadOnlyPaths= and its sisters: "[-][+]PATH". The path in 'text'; *ret_inside: it had a '+'. */
const char *launch_parse_path(const char *text, bool *ret_optional, bool *ret_inside);

struct launch_bind {
    char *src, *dst; /* malloc'ed, plain */
    bool optional, recursive;
};

struct launch_temporary {
    uint32_t perms;
    uint64_t size, inodes; /* 0: the default */
    bool read_only, no_exec;
};

/* BindPaths=: "[-]SRC[:DST[:rbind|norbind]]"; TemporaryFileSystem=: "PATH[:OPTION,...]" with ro rw
 * exec noexec mode= size= nr_inodes=.  On failure nothing is malloc'ed. */
int launch_parse_bind(const char *text, struct launch_bind *ret_bind, struct coop_err *err);
int launch_parse_temporary(const char *text, char **ret_dst, struct launch_temporary *ret_how,
                           struct coop_err *err);

/* BindTCP=, ConnectTCP=: "[tcp:]80", "[tcp:]8000-8010"; "none" has a last before its first. */
int launch_parse_ports(const char *text, uint32_t *ret_first, uint32_t *ret_last,
                       struct coop_err *err);

#endif
