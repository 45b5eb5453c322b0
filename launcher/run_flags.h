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
    char place[4200]; /* of run_place()                            */
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

/* Those of run_compat.c. */
run_flag_fn run_flag_compat, run_flag_level_prefix, run_flag_exec_label, run_flag_file_label;

/* --compat=bwrap, or called by that name; its defaults that no profile can say. */
void run_compat_by_name(struct run_options *options, const char *argv0);
void run_compat_begin(struct run_options *options);
/* Where in the sandbox: bubblewrap takes a path without a '/' in front, too. Lives until the next
 * call. */
char *run_place(struct run_parser *p, char *dst);

/* A flag that is one of mount_words.h. */
int run_mount_flag(struct run_parser *p, const struct mount_word *word);

/* A descriptor that was given to us is none of the command's business (--inherit-descriptors). */
void run_use_up(int fd);

/* All that the descriptor named by 'text' holds. 'out' is made here, and done by the
 * caller in any case. */
int run_read_fd(const char *text, size_t ceiling, struct buf *out, struct coop_err *err);

#endif
