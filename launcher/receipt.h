#ifndef LAUNCHER_RECEIPT_H
#define LAUNCHER_RECEIPT_H

#include "base/buf.h"
#include "launcher/launch.h"

/*
 * receipt.h - what was in force, and how it ended, as one JSON object
 *
 * For judges, build farms and agents: the run's own word on its protection (asked of the kernel by
 * the child, not copied from the options) and the one word for its end that needs no guessing.
 *
 *     struct receipt_file file;
 *
 *     receipt_open(&file, "/run/42.json", err);      before anything starts: it must be possible
 *     ...
 *     receipt_write(&file, &receipt, err);           whole or not at all
 *
 * The object is written to a file without a name, which then takes the place of FILE in one step:
 * a reader sees the old one or the whole new one.  A link that is FILE is replaced, wherever it
 * leads.  Where FILE exists and is no regular file (a FIFO), or a file without a name (a memfd), it
 * is written to as it is; so is what a descriptor of the caller's leads to (/dev/stdout,
 * /dev/fd/3, /proc/self/fd/3), which the program does not get.
 * Its fields are in launcher/README.md.
 *
 * Time      A FIFO that nobody reads is refused, and who reads it, or a pipe, has five seconds to
 *           take each page of it.
 * Errors    0 or -1 with 'err'.
 * Memory    The structs borrow all they point to; receipt_close() closes.
 */

/* One limit that was asked for. */
struct receipt_limit {
    const char *name; /* the key */
    uint64_t asked;   /* in 'unit'; UINT64_MAX: infinity */
    const char *unit; /* "bytes" "usec" "count" "per-mille" "weight" "rlimit" */
    const char *kept; /* by what; NULL: by nothing */
};

#define RECEIPT_LIMITS 48

struct receipt {
    const struct launch_plan *plan; /* NULL: it never came to one */
    struct launch_facts facts;
    uint64_t lost;         /* guards: asked for, preferred, refused */
    unsigned landlock_abi; /* of the domain the program is in; 0: none */
    struct receipt_limit limits[RECEIPT_LIMITS];
    unsigned limit_count;

    pid_t pid, main_pid; /* 0: never started */
    coop_nsec began;     /* real time */
    coop_nsec wall_time;
    enum launch_result result;
    const struct coop_err *error; /* setup-error: what went wrong */
    int exit_code;                /* coop-run's */
    int status;                   /* wait status of the program; only when it ran */
    bool killed;                  /* by us, because of 'result' */

    coop_nsec user, system;                  /* CPU time of those that were waited for */
    coop_nsec cpu;                           /* of everything inside                   */
    int64_t max_rss;                         /* bytes, of the largest process          */
    int64_t memory_peak, tasks_peak, output; /* -1: not counted here */
    int64_t disk_peak, disk_files_peak;
    int64_t names_refused; /* by FrozenPaths= */
};

void receipt_render(const struct receipt *receipt, struct buf *out);

struct receipt_file {
    int dir;    /* where it goes                                     */
    int fd;     /* a file without a name, or the special file itself */
    char *name; /* in 'dir'; NULL: 'fd' is the special file          */
};

bool receipt_is_open(const struct receipt_file *file);
int receipt_open(struct receipt_file *ret_file, const char *path, struct coop_err *err);
int receipt_write(struct receipt_file *file, const struct receipt *receipt,
                  struct coop_err *err);
void receipt_close(struct receipt_file *file);

#endif
