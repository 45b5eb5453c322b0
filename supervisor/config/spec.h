#ifndef COOP_CONFIG_SPEC_H
#define COOP_CONFIG_SPEC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/strlist.h"
#include "config/conditions.h"
#include "config/directories.h"
#include "config/exit_set.h"
#include "config/socket_spec.h"
#include "coop/time.h"
#include "launcher/launch.h"
#include "service/backoff.h"

/*
 * spec.h - what is wanted of one service: plain data, never changed after loading
 *
 * Memory    A spec is reference counted: a service keeps the one it runs with while a reload
 *           brings the next.
 * Threads   Reading from anywhere; svc_spec_ref/unref from anywhere.
 */

enum svc_type {
    TYPE_SIMPLE,
    TYPE_ONESHOT,
    TYPE_NOTIFY,
    TYPE_NOTIFY_RELOAD,
    TYPE_FORKING,
    TYPE_IDLE
};

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

/* StartLimitAction=: what a service does that has used up its starts. */
enum limit_action { LIMIT_NONE, LIMIT_COOLDOWN, LIMIT_EXIT };

/* NotifyAccess=: who may speak for the service on its notify socket. */
enum notify_access { NOTIFY_UNSET, NOTIFY_NONE, NOTIFY_MAIN, NOTIFY_EXEC, NOTIFY_ALL };

/* OnSupervisorDeath=: what becomes of it when coopd is killed. */
enum on_death { ON_DEATH_KEEP, ON_DEATH_KILL };

/* AutoStart=: with coopd, or only when something needs it. */
enum auto_start { AUTO_UNSET, AUTO_NO, AUTO_YES };

enum output_kind {
    OUTPUT_SAME,    /* StandardError only, its default: where StandardOutput goes       */
    OUTPUT_LOG,     /* the service's file in the log directory                          */
    OUTPUT_NULL,    /* nowhere                                                          */
    OUTPUT_INHERIT, /* coopd's own stdout or stderr                                     */
    OUTPUT_FILE,    /* file:PATH, written from its start, not cut                       */
    OUTPUT_APPEND,  /* append:PATH                                                      */
    OUTPUT_TRUNCATE /* truncate:PATH                                                    */
};

struct output_spec {
    enum output_kind kind;
    char *path; /* OUTPUT_FILE, _APPEND, _TRUNCATE */
};

/* The keys that name commands.  The number of each is in the journal. */
enum exec_kind {
    EXEC_START,
    EXEC_CONDITION,
    EXEC_START_PRE,
    EXEC_START_POST,
    EXEC_RELOAD,
    EXEC_STOP,
    EXEC_STOP_POST,
    EXEC_KINDS
};

/* One command line. */
enum kill_mode { KILL_MODE_ALL, KILL_MODE_MIXED, KILL_MODE_PROCESS };

/* DevicePolicy=: which devices there are beside DeviceAllow=. */
enum device_policy { DEVICES_AUTO, DEVICES_CLOSED, DEVICES_STRICT };

struct exec_spec {
    struct strlist argv; /* as written; $ is not expanded yet                              */
    unsigned line;       /* where, and ...                                                 */
    bool over;           /* ... whether in the instance's own section: svc_spec_file()     */
    char *argv0;         /* '@': shown as argv[0] instead; else NULL                       */
    bool may_fail;       /* '-': a failure counts as success                               */
    bool literal;        /* ':': $ means nothing                                           */
    bool as_coopd;       /* '!': User= and its like do not apply                           */
};

struct exec_list {
    struct exec_spec *items;
    size_t count;
};

/* A dependency list, with its place for messages. */
struct name_list {
    struct strlist names; /* first: rows read into it */
    unsigned line;
    bool over; /* the line is in the instance's own section: svc_spec_file() */
};

/* Why it is there.  What is only named or asked for waits for whoever needs it. */
enum svc_origin {
    ORIGIN_WRITTEN,  /* it has a section                                     */
    ORIGIN_NUMBERED, /* one of the Instances= of its template                */
    ORIGIN_DEFAULT,  /* its template's DefaultInstance=                      */
    ORIGIN_NAMED,    /* another service names it, and it has a template      */
    ORIGIN_ASKED,    /* somebody asked for it, and it is gone when stopped   */
};

struct svc_spec {
    atomic_uint refs;
    atomic_uint_fast64_t digest; /* 0: not asked for yet */
    char *name;
    char *set;  /* "worker" of "worker@3" where its template has Instances=; else NULL   */
    char *file; /* where it, or its template, was defined                                */
    char
        *over_file; /* where an instance has keys of its own over its template; NULL: nowhere */
    unsigned line;
    bool is_unit; /* a systemd .service file: no profile unless it names one              */
    enum svc_origin origin;

    /* from rows (service_settings.c) */
    char *description;
    int type; /* enum svc_type */
    char *pid_file;
    bool guess_main; /* GuessMainPID= */
    struct exec_list execs[EXEC_KINDS];
    int restart; /* enum svc_restart */
    struct exit_set success_exits, prevent_exits, force_exits;
    struct restart_pace pace;
    coop_nsec start_timeout, stop_timeout; /* COOP_FOREVER: none */
    coop_nsec limit_interval, limit_cooldown;
    int limit_burst;    /* 0: no limit */
    int limit_action;   /* enum limit_action */
    bool essential;     /* Essential=: coopd ends with it */
    bool remain;        /* RemainAfterExit= */
    coop_nsec watchdog; /* 0: none */
    int watchdog_signal;
    int kill_signal, reload_signal; /* 0: none */
    int kill_mode;                  /* enum kill_mode */
    bool send_kill;                 /* SendSIGKILL= */
    int device_policy;              /* enum device_policy */
    struct strlist devices;         /* DeviceAllow= */
    bool remove_ipc;
    int notify_access; /* enum notify_access */
    char *user, *group;
    struct strlist groups;
    char *cwd;
    struct strlist env, env_files, pass_env;
    struct name_list requires, requisite, binds_to, part_of, wants, conflicts;
    struct name_list after, before, on_failure, on_success, wanted_by, required_by;
    struct conditions conditions;
    struct directories directories;
    struct output_spec out, err;
    char *sandbox;  /* the profile's name as written; NULL: not written                     */
    int on_death;   /* enum on_death */
    int auto_start; /* enum auto_start                                                       */
    int instances;  /* Instances=, 0: not written                                            */
    char *default_instance;
    bool has_timer; /* a [Timer] starts it                                                  */
    bool non_blocking;
    int store_max,
        store_preserve; /* FileDescriptorStoreMax=, -Preserve=: enum directory_preserve */

    struct socket_list sockets; /* what coopd listens on for it, from sections of their own */

    struct launch_spec launch; /* profile, sandbox keys, ids; argv and env are added at start */
};

struct svc_spec *svc_spec_new(void); /* one reference; NULL when out of memory */
struct svc_spec *svc_spec_ref(struct svc_spec *spec);
void svc_spec_unref(struct svc_spec *spec); /* accepts NULL */

/* Does it say itself when it is ready? */
bool svc_spec_notifies(const struct svc_spec *spec);

/* Has it started when its program is executed? */
bool svc_spec_starts_at_once(const struct svc_spec *spec);

/* The file of one of its lines: its template's, or that of what it has over it. */
const char *svc_spec_file(const struct svc_spec *spec, bool over);

/* "ExecStartPre". */
const char *exec_key(enum exec_kind kind);

/* True when nothing differs but where it was written. */
bool svc_spec_equal(const struct svc_spec *a, const struct svc_spec *b);

/* Must a running service be restarted to get from one to the other?  Dependencies, restart
 * policy, stop settings and words for people change under a running service. */
bool svc_spec_needs_restart(const struct svc_spec *from, const struct svc_spec *to);

/* A number for all that needs a restart: equal for specs that do not differ in it, and in all
 * likelihood for no others; the same in every coopd of this version.  Never 0. */
uint64_t svc_spec_digest(struct svc_spec *spec);

/* Does it start with coopd, or only when something needs it? */
bool svc_spec_starts_by_itself(const struct svc_spec *spec);

/* Does all it prints pass coopd, or go nowhere?  Else nobody can keep OutputMax=. */
bool svc_spec_prints_through_us(const struct svc_spec *spec);

#endif
