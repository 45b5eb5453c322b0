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

/* Appends the operation to the spec. 'b' is NULL for words with one argument. 'perms' and
 * 'size' may be NULL. */
int mount_word_apply(struct launch_spec *spec, const struct mount_word *word, const char *a,
                     const char *b, const mode_t *perms, const uint64_t *size,
                     struct coop_err *err);

/* "//a/./b/" -> "/a/b" into a malloc'ed string; NULL for a relative path, one with "..", or no
 * memory. */
char *mount_path_plain(const char *path);

/* BindPaths=: "[-]SRC[:DST[:rbind|norbind]]"; TemporaryFileSystem=: "PATH[:ro,mode=755,size=10M]".
 * The strings are malloc'ed; on failure nothing is. */
int launch_parse_bind(const char *text, char **ret_src, char **ret_dst, bool *ret_optional,
                      struct coop_err *err);
int launch_parse_temporary(const char *text, char **ret_dst, uint32_t *ret_perms,
                           uint64_t *ret_size, bool *ret_read_only, struct coop_err *err);

#endif
