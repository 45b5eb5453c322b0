#ifndef COOP_CONFIG_SPEC_H
#define COOP_CONFIG_SPEC_H

#include <stdbool.h>
#include <stddef.h>

#include "coop/time.h"

/*
 * spec.h - what is wanted of one service: plain data, never changed after loading
 *
 * Memory    A spec is reference counted: a service keeps the one it runs with while a reload
 *           brings the next.
 * Threads   Reading from anywhere; svc_spec_ref/unref from anywhere.
 */

struct launch_spec;

enum svc_type { TYPE_SIMPLE, TYPE_ONESHOT, TYPE_NOTIFY };

/* The words of Restart=, in the order of systemd's manual. */
enum svc_restart {
    RESTART_NO,
    RESTART_ON_SUCCESS,
    RESTART_ON_FAILURE,
    RESTART_ON_ABNORMAL,
    RESTART_ON_WATCHDOG,
    RESTART_ON_ABORT,
    RESTART_ALWAYS
};

enum output_kind {
    OUTPUT_LOG, /* the service's file in the log directory                               */
    OUTPUT_NULL,
    OUTPUT_INHERIT,  /* coopd's own stderr (stdout for stdout)                           */
    OUTPUT_FILE,     /* file:PATH, opened for writing at its start                       */
    OUTPUT_APPEND,   /* append:PATH                                                      */
    OUTPUT_TRUNCATE, /* truncate:PATH                                                    */
    OUTPUT_SAME      /* StandardError only: where StandardOutput goes                    */
};

struct output_spec {
    enum output_kind kind;
    char *path; /* OUTPUT_FILE, _APPEND, _TRUNCATE */
};

/* One command line of ExecStart=. */
struct exec_spec {
    char **argv;   /* NULL at its end                                                     */
    char *program; /* what is executed; argv[0] unless '@' was used                       */
    bool may_fail; /* '-': a failure counts as success                                    */
    unsigned line;
};

/* A dependency as written, with its place for messages. */
struct name_list {
    char **names; /* NULL at its end; NULL for none */
    unsigned line;
};

struct svc_spec {
    char *name;
    char *file; /* where it was defined */
    unsigned line;
    char *description;
    enum svc_type type;
    struct exec_spec *execs;
    size_t exec_count;
    enum svc_restart restart;
    coop_nsec restart_delay;
    coop_nsec start_timeout; /* COOP_FOREVER: none */
    coop_nsec stop_timeout;
    coop_nsec limit_interval;
    unsigned limit_burst; /* 0: no limit */
    bool remain;          /* RemainAfterExit= */
    int kill_signal;
    int reload_signal; /* 0: none */
    struct name_list requires, wants, after, before;
    struct output_spec out, err;
    char *sandbox;       /* the profile as written or chosen; "none" for none            */
    bool sandbox_prefer; /* true: what this machine refuses is said and left out         */
    struct launch_spec *launch;
};

struct svc_spec *svc_spec_ref(struct svc_spec *spec);
void svc_spec_unref(struct svc_spec *spec); /* accepts NULL */

/* True when nothing differs but where it was written. */
bool svc_spec_equal(const struct svc_spec *a, const struct svc_spec *b);

#endif
