#ifndef LAUNCHER_RUN_FLAGS_H
#define LAUNCHER_RUN_FLAGS_H

#include "base/buf.h"
#include "launcher/mount_words.h"
#include "launcher/run_options.h"

/*
 * run_flags.h - the table of coop-run's flags; private to coop-run
 */

/* The command line is walked once per kind of flag (run_options.c says why). */
enum run_walk { WALK_PROFILE, WALK_OPTIONS, WALK_ENVIRONMENT };

/* What --perms and --size leave behind for the next file-system flag. */
struct run_pending {
    mode_t perms;
    uint64_t size;
    bool has_perms, has_size;
};

struct run_parser {
    struct run_options *options;
    struct run_pending next;
    char *const *arg; /* the arguments of the flag that is handled */
    struct coop_err *err;
};

struct run_flag {
    const char *name; /* without dashes */
    unsigned arguments;
    enum run_walk walk;
    int (*handle)(struct run_parser *p);
    const char *metavar, *help;
};

extern const struct run_flag run_flags[]; /* ends with name == NULL */

/* A flag that is one of mount_words.h. */
int run_mount_flag(struct run_parser *p, const struct mount_word *word);

/* All that the descriptor named by 'text' holds. 'out' is done by the caller in any case. */
int run_read_fd(const char *text, size_t ceiling, struct buf *out, struct coop_err *err);

#endif
