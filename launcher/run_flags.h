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

/* What --perms, --size and --overlay-src leave behind for the next file-system flag. */
struct run_pending {
    mode_t perms;
    uint64_t size;
    bool has_perms, has_size;
    struct strlist layers;
};

/* Whether 'word' (without dashes) may stand behind what is pending. */
int run_pending_check(const struct run_pending *next, const char *word, struct coop_err *err);
void run_pending_done(struct run_pending *next);

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

/* Those of run_file_flags.c. */
typedef int run_flag_fn(struct run_parser *p);
run_flag_fn run_flag_perms, run_flag_size, run_flag_chmod, run_flag_file, run_flag_bind_data,
    run_flag_ro_bind_data, run_flag_bind_fd, run_flag_ro_bind_fd, run_flag_overlay_src,
    run_flag_overlay, run_flag_tmp_overlay, run_flag_ro_overlay, run_flag_lock_file;

/* A flag that is one of mount_words.h. */
int run_mount_flag(struct run_parser *p, const struct mount_word *word);

/* All that the descriptor named by 'text' holds. 'out' is made here, and done by the
 * caller in any case. */
int run_read_fd(const char *text, size_t ceiling, struct buf *out, struct coop_err *err);

#endif
