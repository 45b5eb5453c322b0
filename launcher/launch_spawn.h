#ifndef LAUNCHER_LAUNCH_SPAWN_H
#define LAUNCHER_LAUNCH_SPAWN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "coop/err.h"
#include "launcher/launch_guards.h"
#include "launcher/launch_spec.h"

/*
 * launch_spawn.h - a plan's child, from its birth to how it ended; a part of launch.h, which is
 * what to include
 */

struct launch_plan; /* opaque: launcher/plan.h */

/* Descriptors of one launch. -1 means: none (0, 1, 2: /dev/null). They stay the caller's. */
struct launch_io {
    int stdio[3];  /* become 0, 1 and 2; equal numbers are fine                             */
    int exit_note; /* where the reaper writes struct launch_exit_note                        */
    int liveness;  /* read end of a pipe; its end of file means that the parent is gone      */
    int gate;      /* the set-up child waits here for one byte before its filter and exec    */
    int cgroup;    /* directory of the cgroup to be born in (v2)                             */
    int sync;      /* PID 1 keeps it open as long as it lives (no reaper: nobody does) */
    int far[2]; /* our ends of gate and liveness: or the child would hold them open itself    */
    int drop;  /* the child closes it first, so that its reader sees an end when we close it  */
    int clerk; /* the socket of whoever makes names in its place (clerk/clerk.h)             */
    int fds[LAUNCH_MAX_FDS]; /* become 3, 4, ...                                              */
    unsigned fd_count;
    unsigned terminal; /* with LAUNCH_TERMINAL_OWN: a bit for each of 0, 1, 2 that is the pty */
};

/* clang-format off */
#define LAUNCH_IO_NULL    {.stdio = {-1, -1, -1}, .exit_note = -1, .liveness = -1, .gate = -1, .cgroup = -1, .sync = -1, .far = {-1, -1}, .drop = -1, .clerk = -1}
#define LAUNCH_IO_INHERIT {.stdio = {0, 1, 2},    .exit_note = -1, .liveness = -1, .gate = -1, .cgroup = -1, .sync = -1, .far = {-1, -1}, .drop = -1, .clerk = -1}
/* clang-format on */

/* In the order in which bubblewrap tells them. */
#define LAUNCH_NAMESPACES(X)                                                                   \
    X(CGROUP, "cgroup")                                                                        \
    X(IPC, "ipc")                                                                              \
    X(MNT, "mnt")                                                                              \
    X(NET, "net")                                                                              \
    X(PID, "pid")                                                                              \
    X(TIME, "time")                                                                            \
    X(USER, "user")                                                                            \
    X(UTS, "uts")

enum launch_namespace {
#define X(id, name) LAUNCH_NS_##id,
    LAUNCH_NAMESPACES(X)
#undef X
        LAUNCH_NS_COUNT
};

/* What the child has found in force, asked of the kernel by itself (launch_spec.tell). */
struct launch_facts {
    bool has_namespaces, has_power;       /* told already?                                   */
    uint64_t namespaces[LAUNCH_NS_COUNT]; /* inode numbers; 0: the kernel has none such      */
    uint64_t cap_effective, cap_permitted, cap_inheritable, cap_bounding, cap_ambient;
    bool no_new_privs;
    uint32_t lost_rlimits; /* bit per RLIMIT_* that is preferred, and was refused */
};

/* How a run ended: the receipt's word for it, and the key of the limit that was used up. */
#define LAUNCH_RESULTS(X)                                                                      \
    X(EXIT, "exit", NULL)               /* by itself, with a code                     */       \
    X(SIGNAL, "signal", NULL)           /* by a signal that is none of the following  */       \
    X(SETUP_ERROR, "setup-error", NULL) /* it never ran                               */       \
    X(POLICY, "policy", NULL)           /* killed by its filter                       */       \
    X(MEMORY, "memory", "MemoryMax=")                                                          \
    X(CPU_TIME, "cpu-time", "CPUTime=")                                                        \
    X(WALL_TIME, "wall-time", "WallTime=")                                                     \
    X(OUTPUT, "output", "OutputMax=")                                                          \
    X(DISK, "disk", "DiskMax= or DiskFilesMax=")                                               \
    X(TASKS, "tasks", "TasksMax=")

enum launch_result {
#define X(id, name, key) LAUNCH_RESULT_##id,
    LAUNCH_RESULTS(X)
#undef X
        LAUNCH_RESULT_COUNT
};

const char *launch_result_name(enum launch_result result);
const char *launch_result_key(enum launch_result result); /* NULL: no limit was used up */

struct launch_child {
    pid_t pid;      /* our child: the reaper, or the program itself                    */
    pid_t main_pid; /* the program, as seen from here; equal to pid without a reaper    */
    int terminal;   /* the launcher's end of the program's pty, or -1; the caller closes it */
    int pidfd;      /* of 'pid', or -1 where the kernel has none; the caller closes it  */
    unsigned landlock_abi; /* of the domain it runs in; 0: none (known after hello)  */
    uint64_t lost;         /* guards that are not in force: preferred, refused                */
};

/* What the reaper writes to launch_io.exit_note, in one write(2), before it exits. */
struct launch_exit_note {
    uint32_t magic; /* LAUNCH_EXIT_MAGIC */
    int32_t status; /* as wait4() gave it for the program */
    struct rusage usage;
    uint32_t tasks_reached; /* 1: there were as many processes as its RLIMIT_NPROC allows */
    int32_t main; /* 0: the program; else what launch_tree_main() has named since             */
};
#define LAUNCH_STATUS_UNKNOWN (-1) /* of a main that was named when it was gone already */
/* And one of these whenever a program with a terminal of its own has stopped. */
#define LAUNCH_STOP_MAGIC UINT32_C(0x53544f50) /* "STOP" */
#define LAUNCH_EXIT_MAGIC UINT32_C(0x434f4f50) /* "COOP" */

/*
 * Clones the calling process and carries the plan out. Returns when the program's exec has
 * succeeded, or with an error that names step, call, path and cause; then nothing is left over.
 * With io->gate it returns as soon as the child is set up and waits there. err->sys is the
 * errno (ENOENT, EACCES from step "exec" mean: no such program, not executable).
 */
int launch_spawn(const struct launch_plan *plan, const struct launch_io *io,
                 struct launch_child *ret_child, struct coop_err *err);

/* A reaper is a copy of the process that launched it, and everybody inside may read its command
 * line.  Memory named here (argv's, say) is wiped in every reaper; once per process. */
void launch_reaper_forgets(void *at, size_t size);

/*
 * The spawner: a small single-threaded process that clones on behalf of a threaded one. The
 * children are children of the caller (CLONE_PARENT), not of the spawner: the caller reaps them.
 * It ends with its socket, that is with the process that started it.
 */
struct launch_spawner; /* opaque */

/* Starts it. 'helper' is the path of coop-init; NULL: where launch_helper_open() finds it.  Call it
 * from a thread that never ends (PDEATHSIG follows the thread). */
int launch_spawner_start(struct launch_spawner **ret_spawner, const char *helper,
                         struct coop_err *err);
/* As launch_spawn(). Blocks (bracket it in a coroutine). One caller at a time. */
int launch_spawner_spawn(struct launch_spawner *spawner, const struct launch_plan *plan,
                         const struct launch_io *io, struct launch_child *ret_child,
                         struct coop_err *err);
pid_t launch_spawner_pid(const struct launch_spawner *spawner);
/* Ends and reaps it; children it made run on. Accepts NULL. */
void launch_spawner_stop(struct launch_spawner *spawner);

/* A descriptor (O_PATH) of coop-init: 'path', or for NULL beside the running program, in the
 * libexec or bin folder of the same prefix, or where COOP_INIT says. The caller closes it. */
int launch_helper_open(const char *path, int *ret_fd, struct coop_err *err);

/*
 * An attempt is a launch in two pieces, for callers that must not wait for a recipe (it may mount a
 * network file system): start clones, which takes about as long as a fork, and from then on a
 * descriptor becomes readable whenever there is news.
 *
 *     launch_attempt_start(&attempt, spawner, plan, &io, err);
 *     ... whenever launch_attempt_fd(attempt) is readable:
 *     switch (launch_attempt_step(attempt, &child, err)) {
 *     case 0:  wait on                                 break;
 *     case 1:  the program runs (gated: it waits)      launch_attempt_free(attempt); break;
 *     case -1: failed, and err says why                launch_attempt_free(attempt); break;
 *     }
 *
 * 'spawner' NULL clones the calling process.  Plan and spawner must outlive the attempt, 'io' need
 * not.  After -1 the child is ending by itself, and the caller still has to reap it
 * (launch_attempt_pid()).  A gated attempt answers 1 twice: waiting at the gate, running; the
 * pidfd is the caller's after the last answer.
 */
struct launch_attempt; /* opaque */

int launch_attempt_start(struct launch_attempt **ret_attempt, struct launch_spawner *spawner,
                         const struct launch_plan *plan, const struct launch_io *io,
                         struct coop_err *err);
int launch_attempt_fd(const struct launch_attempt *attempt);
pid_t launch_attempt_pid(const struct launch_attempt *attempt);
int launch_attempt_step(struct launch_attempt *attempt, struct launch_child *ret_child,
                        struct coop_err *err);
/* With spec.hold_maps the first answer is 1 as well: the child is in its user namespace, whose ids
 * nobody has mapped, and waits for this. 0 or -errno. */
int launch_attempt_go(struct launch_attempt *attempt);
/* What it has told by now: namespaces before anything else, power just before the gate. */
const struct launch_facts *launch_attempt_facts(const struct launch_attempt *attempt);
/* Stops listening; the child goes on by itself. Accepts NULL. */
void launch_attempt_free(struct launch_attempt *attempt);

/* Asks a subreaper (coop-init -t) to kill everything below it; its own end then means that all are
 * gone. 0 or -errno. */
int launch_tree_kill(pid_t subreaper);
/* The same for one that is not our child, whose number may be another's by now. */
int launch_tree_kill_fd(int pidfd);

/* Tells a reaper which process below it is the main one from now on, by its number there: signals
 * go to it, and its end is noted.  Only what is the reaper's own child can be that; else the reaper
 * stays until its tree is empty, and if it does that anyway, it notes LAUNCH_STATUS_UNKNOWN. 0 or
 * -errno. */
int launch_tree_main(pid_t reaper, pid_t main_inside);
int launch_tree_main_fd(int pidfd, pid_t main_inside);

#endif
