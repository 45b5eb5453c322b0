#ifndef COOP_SANDBOX_H
#define COOP_SANDBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "coop/err.h"
#include "coop/time.h"

/*
 * sandbox.h - running a program inside walls, from a program: libcoop-sandbox
 *
 * A *box* is what is wanted: a profile and settings, by the keys of [Sandbox] in coop's files,
 * which are coop-run's flags as well (coop-run(1) lists them all).  A *run* is one program in such
 * a box, from its start to its *receipt*, which says what was in force and how it ended.
 *
 *     const char *const argv[] = {"python3", "-c", "print(6 * 7)", NULL};
 *     struct coop_sandbox_program program = {.argv = argv, .stdio = COOP_SANDBOX_INHERIT};
 *     struct coop_sandbox_receipt receipt;
 *     struct coop_sandbox_run *run = NULL;
 *     struct coop_sandbox *box = NULL;
 *     struct coop_err err;
 *
 *     if (coop_sandbox_new(&box, "default", &err) < 0 ||
 *         coop_sandbox_set(box, "MemoryMax", "256M", &err) < 0 ||
 *         coop_sandbox_set(box, "Prefer", "limits", &err) < 0 ||
 *         coop_sandbox_set(box, "WallTime", "5s", &err) < 0 ||
 *         coop_sandbox_start(box, &program, &run, &err) < 0 ||
 *         coop_sandbox_wait(run, COOP_FOREVER, &receipt, &err) < 0)
 *         fprintf(stderr, "%s\n", err.text);
 *     else
 *         printf("%s, code %d\n", receipt.result, receipt.exit_code);
 *     coop_sandbox_end(run);
 *     coop_sandbox_free(box);
 *
 * (With Prefer=limits a limit is kept as well as this machine can, without control groups, too.)
 *
 * How       Your process makes one child: coop-run, which is small, has one thread and cannot be
 *           looked into.  It makes the sandbox by the same recipe as ever, keeps the bounds from
 *           outside (a fork bomb inside costs your process nothing), and ends with the program.
 *           When your process ends, however it ends, everything inside is ended.
 * Time      coop_nsec: nanoseconds; a deadline counts on CLOCK_MONOTONIC.  Values of settings are
 *           text with units: "64M", "500ms", "2s".  Starting takes a few milliseconds.
 * Errors    0 or -1 with 'err' (may be NULL), which begins with the key that it is about
 *           ("MemoryMax=10X: not a size"); -errno where a call has no 'err'.  A setting is judged
 *           as it is set; whether this machine can keep it shows when a run starts: what is
 *           required and refused stops the start, what is preferred (the key Prefer) and refused
 *           is named in the receipt.
 * Threads   Use it from any thread of any program; nothing here forks your process or touches its
 *           signals.  A box may be started from several threads at once as long as none changes it.
 *           Of one run one thread may wait; at the same time any other may signal and kill it.
 * Children  coop-run is a child of your process: SIGCHLD comes when it ends.  A loop of yours that
 *           reaps whatever there is (waitpid(-1)) takes nothing away: the receipt has it all.
 * Memory    A box owns copies of what was set.  What a receipt points to lives as long as its run.
 * Misuse    Without argv[0] nothing starts (COOP_E_SYNTAX).  Nobody notices a run that is ended
 *           twice, two threads that wait for one run, or a box that is changed while it starts.
 * Limits    The program gets descriptors 0, 1 and 2 and no others.  100 000 settings, arguments and
 *           variables together, 4 MiB of text.  A receipt has at most 64 KiB.
 *           coop-run is the one that COOP_RUN names, else the one beside your program or in
 *           ../bin from there, else that of the folder the library was built for (bin below
 *           CMAKE_INSTALL_PREFIX; `cmake --install --prefix` does not change it), else that in
 *           PATH; set-id programs look at neither variable.  It must be of the library's version.
 *
 * Link with $(pkg-config --libs libcoop-sandbox).
 *
 * Source    libminijail (the library first, settings as calls), runc's pidfd socket, isolate's
 *           meta file (the receipt).
 */

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what is wanted ---- */

struct coop_sandbox;

/* A box with the settings of a profile, by the name or file that coop-run's --profile takes:
 * "default" (one command in a closed box), "strict", "./mine.ini"; NULL is "default".  Free it with
 * coop_sandbox_free(). */
int coop_sandbox_new(struct coop_sandbox **ret_box, const char *profile, struct coop_err *err);

/* Sets one key of [Sandbox]: ("PrivateNetwork", "no").  Of a single value the last one counts; a
 * list grows, and an empty value empties it; elsewhere a value is a must.  On failure the box is
 * as it was. */
int coop_sandbox_set(struct coop_sandbox *box, const char *key, const char *value,
                     struct coop_err *err);

void coop_sandbox_free(struct coop_sandbox *box); /* accepts NULL; runs go on */

/* ---- one program ---- */

/* For 'stdio': the caller's 0, 1 and 2. */
#define COOP_SANDBOX_INHERIT                                                                   \
    {                                                                                          \
        0, 1, 2                                                                                \
    }

struct coop_sandbox_program {
    const char *const *argv; /* ends with NULL; argv[0] is looked up in PATH, inside          */
    const char *const *env;  /* the whole environment, "NAME=value", NULL at its end.  NULL:
                                the caller's, without the secrets (ScrubEnvironment=)         */
    const char *directory;   /* where it starts, inside; NULL: as coop-run chooses            */
    int stdio[3]; /* become its 0, 1 and 2; -1: /dev/null.  They stay yours to close */
};

struct coop_sandbox_run;

/* Returns when the program runs, or with the reason why it cannot; then nothing is left over.
 * err->sys ENOENT or EACCES with COOP_E_CHILD: no such program inside, not executable.  Each run
 * must come to a coop_sandbox_end(). */
int coop_sandbox_start(const struct coop_sandbox *box,
                       const struct coop_sandbox_program *program,
                       struct coop_sandbox_run **ret_run, struct coop_err *err);

/* Can be read (poll, epoll, coop_wait_readable) when the run is over and coop_sandbox_wait() does
 * not wait any more.  It stays the run's. */
int coop_sandbox_pidfd(const struct coop_sandbox_run *run);

/* Passes a signal on to the program: 0, or -ESRCH when the run is over.  Never reaches anybody
 * else, whoever has the PID by now.  After SIGTERM, SIGINT, SIGHUP and SIGQUIT the key StopGrace
 * counts. */
int coop_sandbox_signal(const struct coop_sandbox_run *run, int signal);

/* Ends everything inside, at once.  Does not wait for it. */
void coop_sandbox_kill(const struct coop_sandbox_run *run);

/* ---- how it ended ---- */

struct coop_sandbox_receipt {
    const char
        *result;   /* "exit" "signal", "policy": killed by its filter; or the limit that ended
                            it: "memory" "cpu-time" "wall-time" "output" "disk" "tasks"       */
    bool killed;   /* the launcher had to kill                                          */
    int exit_code; /* as a shell has it: the program's, or 128 and its signal           */
    int status;    /* the program's exit status, -1: it ended by a signal               */
    int signal;    /* that one, or 0                                                    */
    coop_nsec wall_time; /* from its start                                                    */
    coop_nsec cpu_time;  /* of everything inside                                              */
    int64_t max_rss;     /* bytes, of the largest process                                     */
    int64_t memory_peak, tasks_peak, output; /* of all together; -1: nobody has counted       */
    int landlock_abi; /* of the domain it ran in, 0: none                                  */
    const char *lost; /* protections that were preferred and refused: "A, B", or ""        */
    const char *json; /* all of it: see "The receipt" in launcher/README.md                */
};

/* Waits until the program and everything inside is gone, at most until 'deadline' (COOP_E_TIMEOUT;
 * then wait again).  COOP_E_CHILD: coop-run itself was killed, and there is no receipt.  May be
 * called again: the answer stays. 'ret_receipt' may be NULL. */
int coop_sandbox_wait(struct coop_sandbox_run *run, coop_nsec deadline,
                      struct coop_sandbox_receipt *ret_receipt, struct coop_err *err);

/* Ends what still runs, waits for it, and frees the run and its receipt.  Accepts NULL. */
void coop_sandbox_end(struct coop_sandbox_run *run);

#ifdef __cplusplus
}
#endif

#endif
