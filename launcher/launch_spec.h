#ifndef LAUNCHER_LAUNCH_SPEC_H
#define LAUNCHER_LAUNCH_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/strlist.h"
#include "coop/err.h"
#include "coop/time.h"
#include "launcher/launch_guards.h"
#include "text/setting.h"

/* launch_spec.h - what is wanted, as plain data; a part of launch.h, which is what to include */

#define LAUNCH_MAX_MOUNTS  1024        /* operations of one plan                       */
#define LAUNCH_MAX_BLOB    (32u << 20) /* bytes of one plan, argv and env included     */
#define LAUNCH_MAX_DATA    (8u << 20)  /* bytes of one file given by descriptor        */
#define LAUNCH_MAX_GROUPS  256         /* supplementary groups                         */
#define LAUNCH_MAX_FILTERS 8           /* compiled filters of one plan                 */
#define LAUNCH_MAX_PORTS   4096        /* TCP ports in BindTCP and ConnectTCP          */
#define LAUNCH_MAX_FDS     32          /* descriptors handed down besides 0, 1 and 2   */
#define LAUNCH_MAX_LAYERS  64          /* directories that an overlay reads            */
#define LAUNCH_MAX_LOCKS   16          /* files that are kept locked                   */
#define LAUNCH_MAX_EXTENDS 16          /* profiles that extend one another             */

/* A variable of just one of these texts is told the program's PID, as the program itself sees it,
 * in place of its digits.  The plan of such a spec is spawned by one thread at a time. */
#define LAUNCH_LISTEN_PID   "LISTEN_PID=0000000000"
#define LAUNCH_WATCHDOG_PID "WATCHDOG_PID=0000000000"

enum launch_mount_kind {
    LAUNCH_MOUNT_BIND,    /* src (with everything mounted below it) at dst              */
    LAUNCH_MOUNT_TMPFS,   /* a fresh empty file system                                  */
    LAUNCH_MOUNT_PROC,    /* /proc of the new PID namespace, dangerous files covered    */
    LAUNCH_MOUNT_DEV,     /* null zero full random urandom tty, pts, shm, fd links      */
    LAUNCH_MOUNT_MQUEUE,  /* POSIX message queues of the new IPC namespace              */
    LAUNCH_MOUNT_DIR,     /* an empty directory                                         */
    LAUNCH_MOUNT_SYMLINK, /* dst -> src                                                 */
    LAUNCH_MOUNT_FILE,    /* a file with the given data                                 */
    LAUNCH_MOUNT_COPY,    /* a file with the contents of host file src (small ones)     */
    LAUNCH_MOUNT_MIRROR,  /* as on the host: the same symlink, or a read-only bind      */
    LAUNCH_MOUNT_MASK,    /* nothing there: an empty unreadable file or directory       */
    LAUNCH_MOUNT_REMOUNT, /* change what is mounted at dst: read-only or writable       */
    LAUNCH_MOUNT_DATA,    /* as FILE, but a mount of its own: dst may be a file already */
    LAUNCH_MOUNT_CHMOD,   /* other permissions for dst, which is the sandbox's own      */
    LAUNCH_MOUNT_OVERLAY, /* the directories of 'layers', one over the other            */
};

#define LAUNCH_MOUNT_RO        0x01u  /* read-only, with everything below               */
#define LAUNCH_MOUNT_TRY       0x02u  /* a missing src is not an error                  */
#define LAUNCH_MOUNT_DEVICES   0x04u  /* device files work below it                     */
#define LAUNCH_MOUNT_PERMS     0x08u  /* perms is given                                 */
#define LAUNCH_MOUNT_RW        0x10u  /* REMOUNT: writable                              */
#define LAUNCH_MOUNT_RECURSIVE 0x20u  /* REMOUNT: everything below, too                 */
#define LAUNCH_MOUNT_NOEXEC    0x40u  /* nothing below it can be executed               */
#define LAUNCH_MOUNT_ALONE     0x80u  /* BIND: without what is mounted below src        */
#define LAUNCH_MOUNT_SAME      0x100u /* BIND: src must lead to 'dev' and 'ino'         */

/* One file-system operation.  The list is carried out in order; later ones win. */
struct launch_mount {
    enum launch_mount_kind kind;
    uint32_t flags; /* LAUNCH_MOUNT_*                                  */
    char *src, *dst;
    mode_t perms;
    uint64_t size;   /* TMPFS, OVERLAY: ceiling in bytes, 0: the default; else bytes of data */
    uint64_t inodes; /* TMPFS, OVERLAY: ceiling in files, 0: one for each 4 KiB of size      */
    void *data;      /* FILE, DATA: owned                               */
    uint32_t guard;  /* enum launch_guard */
    /* OVERLAY: what is read, the lowest first.  What is written goes to the directory 'src', and
     * 'work' is an empty one of the same file system for the kernel; without a 'src' it goes to a
     * fresh file system that ends with the sandbox, or nowhere (LAUNCH_MOUNT_RO). */
    struct strlist layers;
    char *work;
    uint64_t dev, ino; /* SAME: as fstat() says */
};

struct launch_mounts {
    struct launch_mount *items;
    size_t count;
};

/* Appends a copy; frees all. */
int launch_mounts_add(struct launch_mounts *mounts, const struct launch_mount *mount,
                      struct coop_err *err);
void launch_mounts_done(struct launch_mounts *mounts);

enum launch_root { LAUNCH_ROOT_HOST, LAUNCH_ROOT_EMPTY };
enum launch_system {
    LAUNCH_SYSTEM_NO,
    LAUNCH_SYSTEM_YES,
    LAUNCH_SYSTEM_FULL,
    LAUNCH_SYSTEM_STRICT
};
enum launch_home { LAUNCH_HOME_NO, LAUNCH_HOME_YES, LAUNCH_HOME_READ_ONLY, LAUNCH_HOME_TMPFS };
enum launch_proc {
    LAUNCH_PROC_DEFAULT,
    LAUNCH_PROC_NOACCESS,
    LAUNCH_PROC_INVISIBLE,
    LAUNCH_PROC_PTRACEABLE
};
enum launch_proc_subset { LAUNCH_PROC_ALL, LAUNCH_PROC_PID };
enum launch_control_groups {
    LAUNCH_CONTROL_GROUPS_NO,
    LAUNCH_CONTROL_GROUPS_YES,     /* /sys/fs/cgroup read-only               */
    LAUNCH_CONTROL_GROUPS_PRIVATE, /* PrivateCgroup, and its own tree there  */
    LAUNCH_CONTROL_GROUPS_STRICT   /* the same, read-only                    */
};
/* INHERIT: what the caller's descriptors are.  OWN: a pty, whose other end the launcher has to
 * serve (launch_child.terminal).  AUTO: OWN where coop-run is at a keyboard, else INHERIT; compiled
 * as INHERIT. */
enum launch_terminal { LAUNCH_TERMINAL_INHERIT, LAUNCH_TERMINAL_OWN, LAUNCH_TERMINAL_AUTO };
enum launch_propagation { LAUNCH_SLAVE, LAUNCH_PRIVATE, LAUNCH_SHARED };

enum launch_caller_directory {
    LAUNCH_CALLER_HIDDEN,
    LAUNCH_CALLER_READ_ONLY,
    LAUNCH_CALLER_WRITABLE
};

enum launch_keyring { LAUNCH_KEYRING_INHERIT, LAUNCH_KEYRING_PRIVATE, LAUNCH_KEYRING_SHARED };

struct launch_limit {
    bool set;
    uint64_t soft, hard; /* UINT64_MAX: no limit */
};

/*
 * Bounds of the whole tree of processes, kept from outside by whoever launches it (bounds.h): the
 * child cannot keep them, because it is what they are about.  LAUNCH_UNBOUND: none.
 */
#define LAUNCH_UNBOUND INT64_MAX

/* How fast a disk may be read or written; what is not used has 'most' 0, and comes last. */
#define LAUNCH_IO_DEVICES 4
struct launch_io_list {
    struct launch_disk {
        uint32_t major, minor;
        int64_t most; /* bytes or operations a second; LAUNCH_UNBOUND: as many as one likes */
    } at[LAUNCH_IO_DEVICES];
};

struct launch_bounds {
    coop_nsec wall_time;              /* since exec                                           */
    coop_nsec cpu_time;               /* user and system, everything below taken together     */
    int64_t output;                   /* bytes written to stdout and stderr                   */
    int64_t disk_max, disk_files_max; /* by how much all that it may write to may grow */
    coop_nsec stop_grace; /* between SIGTERM and SIGKILL; LAUNCH_UNBOUND: SIGTERM is passed on
                             and nothing is killed; 0: SIGKILL at once           */
    /* kept by controllers of a cgroup (limits/group.h), or not at all */
    int64_t memory_max, memory_high, memory_swap_max; /* bytes */
    int64_t tasks_max;             /* processes and threads                              */
    int64_t cpu_quota;             /* of one processor, in thousandths                   */
    int64_t cpu_weight, io_weight; /* 1 to 10000; everybody else has 100                 */
    struct launch_io_list read_bytes, write_bytes, read_ops, write_ops;
};

/* A number that may be left alone. */
struct launch_number {
    bool set;
    int value;
};

/* What a system call gets that is refused; an answer of seccomp(2): SECCOMP_RET_*. */
struct launch_answer {
    bool set;
    uint32_t answer;
};

/* A file that was read when its name was given: both owned, NULL when there is none. */
struct launch_text {
    char *path, *text;
};

/* Instructions of classic BPF, owned. */
struct launch_code {
    void *code;
    size_t size; /* bytes */
};

#define LAUNCH_LIMITS 16 /* RLIM_NLIMITS of the kernel */
#define LAUNCH_NO_ID  UINT32_MAX

/* What is wanted.  Fields are filled by launch_spec_set() (rows of sandbox_settings.c) or by
 * hand; "systemd" means: the same key, meaning and default as there. */
struct launch_spec {
    /* the program */
    struct strlist argv; /* argv.items[0] is looked up in the PATH of 'env', inside    */
    char *argv0;         /* shown as argv[0] instead, or NULL                          */
    struct strlist env;  /* the whole environment, "NAME=value"; nothing is inherited  */
    char *cwd;           /* inside; NULL: "/"; "-/path": "/" when it is missing        */

    /* who; resolved by the caller (names are looked up outside) */
    uint32_t uid, gid;     /* LAUNCH_NO_ID: the caller's */
    struct strlist groups; /* supplementary ids as decimal text; only with 'set_groups' */
    bool set_groups;
    uint32_t inside_uid, inside_gid; /* how PrivateUsers shows them; LAUNCH_NO_ID: the same */
    struct strlist uid_map, gid_map; /* "auto" or INSIDE:OUTSIDE:COUNT lines; imply
                                        private_users.  Empty: the own id alone             */
    bool hold_maps; /* whoever launches has the ids mapped (launch_attempt_go()): neither
                       the child nor we do. No row: it is --userns-block-fd                */

    /* namespaces */
    bool private_users, private_pids, private_network, private_ipc, private_mounts;
    bool protect_hostname, private_cgroup, private_time;
    coop_nsec time_monotonic, time_boottime; /* how far those clocks are shifted; imply
                                                private_time */
    char *hostname;                          /* needs protect_hostname */
    char *network;          /* file of the network namespace to join, instead of a new one */
    bool own_empty_network; /* coop-run finds or starts a holder (run_holder.h) */
    char *empty_network; /* the same, shared by many and with nothing in it: see plan_empty.c */
    /* files of further namespaces to join: instead of new ones, but that a new PID namespace is
     * made below the joined one, and a new mount namespace as its copy */
    char *users, *pids, *mounts_of, *ipc, *uts, *cgroup, *time;
    char *
        second_users; /* a user namespace to enter at the end of the setup. No row: --userns2 */
    bool
        assert_no_nesting; /* fail when further user namespaces can be made. No row either    */
    bool loopback;         /* with private_network: bring lo up */
    bool as_pid_1;         /* with private_pids: the program itself is PID 1, no reaper */
    bool restrict_namespaces; /* RestrictNamespaces: no further ones from inside */
    bool subreaper; /* a reaper (init.h, INIT_TREE) stays above the program, also when that has
                       ended; its end means that the whole tree is gone.  No row: coopd sets it
                       where a service has neither namespace nor cgroup, and where the program goes
                       to the background */

    /* file system */
    int root;                                          /* enum launch_root */
    struct launch_mounts mounts;                       /* in order; see launch_spec_mount() */
    int protect_system;                                /* enum launch_system */
    int protect_home;                                  /* enum launch_home */
    bool private_tmp, private_devices, protect_kernel; /* ProtectKernelTunables */
    bool protect_clock, protect_modules,
        protect_logs;     /* ProtectClock, -KernelModules, -KernelLogs */
    bool root_read_only;  /* an empty root becomes read-only once it is furnished */
    char *root_directory; /* a directory of the host that becomes "/", or NULL    */
    bool mount_api_vfs;   /* with root_directory: its /proc, /sys, /dev, /run     */
    int protect_proc;     /* enum launch_proc           */
    int proc_subset;      /* enum launch_proc_subset    */
    int protect_cgroups;  /* enum launch_control_groups */
    int propagation;      /* enum launch_propagation    */
    /* applied after 'mounts', parents before children; "-/path": may be missing; "+/path": in
     * root_directory, not on the host */
    struct strlist read_only, read_write, inaccessible; /* paths                        */
    struct strlist exec, no_exec;                       /* paths                        */
    struct strlist bind, bind_read_only;                /* SRC[:DST[:rbind|norbind]]     */
    struct strlist temporary; /* PATH[:ro,noexec,mode=755,size=10M,nr_inodes=1k] */
    struct strlist
        lock_files; /* paths inside: locked for reading as long as the reaper lives */

    /* power */
    bool no_new_privs;
    uint64_t
        cap_dropped; /* one bit per capability: out of the bounding set, and of all others */
    uint64_t cap_ambient; /* kept by the program although it is not root */

    /* system calls: launcher/filter/list.h has the language */
    struct strlist filter, filter_log;   /* SystemCallFilter, SystemCallLog, line by line     */
    struct launch_answer filter_refusal; /* SystemCallErrorNumber                             */
    struct strlist address_families;     /* RestrictAddressFamilies, value by value           */
    bool restrict_realtime, restrict_suid_sgid, lock_personality;
    struct launch_text filter_profile; /* SeccompProfile: the file's path and what it holds */
    struct launch_code filter_codes[LAUNCH_MAX_FILTERS]; /* see launch_spec_filter()          */
    size_t filter_code_count;
    uint32_t filter_abis; /* SystemCallArchitectures, a bit each (filter/calls.h); 0: all of
                             this machine are judged by the same rules                       */

    bool deny_write_execute; /* MemoryDenyWriteExecute                                     */
    struct launch_number securebits; /* SECBIT_*                                             */
    int keyring;                     /* enum launch_keyring                                  */

    /* Landlock */
    bool landlock;                            /* files: what the mounts allow, and no more   */
    bool restrict_abstract, restrict_signals; /* sockets and signals do not cross the wall   */
    struct strlist bind_tcp, connect_tcp;     /* "80", "8000-8010", "none"; empty: all ports */
    bool landlock_audit;                      /* denials go to the kernel's audit log        */

    /* limits */
    struct launch_limit limits[LAUNCH_LIMITS]; /* index: RLIMIT_* */
    struct launch_bounds bounds;
    struct launch_number umask, nice, oom_score;

    /* terminal and life */
    int terminal;           /* enum launch_terminal */
    bool new_session;       /* setsid */
    bool die_with_parent;   /* ends when the launching process ends (needs launch_io.liveness
                               when there is a reaper)                                       */
    bool scrub_environment; /* drop names that look like secrets; launch_scrubs() says which */
    bool inherit_environment;       /* for launch_env_inherit()                          */
    struct strlist set_environment; /* "NAME=value": put over what is inherited          */
    bool inherit_descriptors;       /* all that are open and not close-on-exec           */
    struct strlist frozen;          /* FrozenPaths: coop-run's business                  */
    char *frozen_at;      /* where the directory is inside that they are names in, or NULL: not
                        shown.  No row: coop-run shows it                                */
    int caller_directory; /* enum launch_caller_directory; coop-run's business */

    uint64_t prefer; /* guards that may be refused by this machine, but see 'require' */
    struct launch_required require; /* guards that may not be, whoever prefers them */
    bool tell; /* the child tells its facts (struct launch_facts). No row: coop-run sets
                        it for --receipt and its like                                       */
};

/* Everything off or inherited: what `Sandbox=none` means. */
void launch_spec_init(struct launch_spec *spec);
void launch_spec_done(struct launch_spec *spec);
int launch_spec_copy(struct launch_spec *ret_spec, const struct launch_spec *from,
                     struct coop_err *err);

/*
 * Puts a profile's values in.  Apply it before single keys.
 *
 * 'name' is a built-in one (launcher/profiles), the path of a file (it has a '/' or ends with
 * ".ini"), or NAME for /etc/coop/profiles/NAME.ini; nobody shadows a built-in one.  A file has one
 * section, [Sandbox] or [Sandbox NAME], with the keys of launch_settings, `Description=`, and
 * `Extends=`: a profile that is applied first, by the same rules; a relative path there is seen
 * from the file's own folder.  Without it a file starts from `none`.  It must belong to root or
 * the caller, and not everybody may be able to write to it.
 *
 * Errors name file and line of every profile on the way.  At most LAUNCH_MAX_EXTENDS of them.
 */
int launch_spec_profile(struct launch_spec *spec, const char *name, struct coop_err *err);

struct launch_profile_how {
    const char *folder; /* NAME.ini is looked for here first, or NULL                        */
    /* Called for each value just before it is set, with where it stands; or NULL. */
    void (*told)(void *arg, const char *key, const char *value, const char *file, int line);
    /* Called for each file without `Extends=`: what it does not say is not protected; or NULL. */
    void (*alone)(void *arg, const char *file);
    void *arg;
};
int launch_spec_profile_how(struct launch_spec *spec, const char *name,
                            const struct launch_profile_how *how, struct coop_err *err);

/* Adds the names of all that can be found, with those in 'folder' unless it is NULL. */
void launch_profile_names(const char *folder, struct strlist *names);

/*
 * The rows of section [Sandbox], which are also coop-run's flags and keys that [Service]
 * accepts: namespaces, Protect*, Private*, *Paths, capabilities, filter, Limit*, UMask, Nice,
 * OOMScoreAdjust, Prefer, Require.  Not among them, because a service has its own rows for
 * them: argv, env, cwd, uid, gid, groups.
 */
extern const struct setting_table launch_settings;

/* Sets one key, whatever the section ("PrivateTmp", "yes"); fails for an unknown one. */
int launch_spec_set(struct launch_spec *spec, const char *key, const char *text,
                    struct coop_err *err);

/* Appends a copy of one file-system operation. */
int launch_spec_mount(struct launch_spec *spec, const struct launch_mount *mount,
                      struct coop_err *err);

/* Adds a copy of a compiled system-call filter, 'size' bytes of struct sock_filter: what the kernel
 * would not take is an error.  It can only take away from what other filters allow.  Its source is
 * trusted like the spec.  launch_spec_drop_filters() takes all such out again. */
int launch_spec_filter(struct launch_spec *spec, const void *code, size_t size,
                       struct coop_err *err);
void launch_spec_drop_filters(struct launch_spec *spec);

/* Cross-field checks; launch_compile() does them, too (`--check` wants only these). */
int launch_spec_check(const struct launch_spec *spec, struct coop_err *err);

/* Whether it is started without this guard where that is not to be had. */
bool launch_spec_may_lose(const struct launch_spec *spec, enum launch_guard guard);

/* "NAME=value" or "NAME": set, replace, remove one variable of spec->env. */
int launch_env_set(struct launch_spec *spec, const char *name, const char *value);
void launch_env_unset(struct launch_spec *spec, const char *name);
/* Copies an environ in, without the names that scrub_environment forbids if it is set, or nothing
 * of it unless inherit_environment; then puts set_environment over it. */
int launch_env_inherit(struct launch_spec *spec, char *const *environment);
/* Whether a variable of this name is taken for a secret: see launcher/README.md for the rule.
 */
bool launch_scrubs(const char *name, size_t length);

#endif
