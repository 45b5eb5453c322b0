#ifndef SCN_PROC_H
#define SCN_PROC_H

#include "scn.h"

/*
 * proc.h - the processes of a scenario, and the one place that waits
 *
 * Every process started here has its output collected, inherits no descriptor but 0-2, has
 * default signals, and dies with the runner (PDEATHSIG; in a world of its own the kernel ends
 * the PID namespace as well).
 */
struct stream {
    int fd; /* -1: ended */
    struct text got;
    size_t cursor; /* how far `expect ... log` has read */
};

struct proc {
    struct proc *next;
    const char *name; /* s1, or the program's name */
    char **argv, **env;
    bool as_user;
    bool supervisor;
    const char *socket; /* of a supervisor */
    pid_t pid;
    bool ended, expected_end; /* expected: the script killed it or waited for it */
    int status;               /* wait status, when ended */
    coop_nsec began, took;
    struct stream out, err;
    int baseline_fds, baseline_children;
};

/* Forks and executes p->argv with p->env. scn_fail() on failure. */
int proc_start(struct scn *s, struct proc *p);

/* Waits until p has ended and its output is read. Returns SCN_FAILED at the deadline. */
int proc_wait(struct scn *s, struct proc *p, coop_nsec deadline);

/* Exit code as a shell tells it: 128+n for a signal. */
int proc_exit_code(const struct proc *p);

struct proc *proc_named(const struct scn *s, const char *name);

/* Takes what has been written and reaps what has died; blocks until there is some of either or
 * the deadline has passed.  Returns false at the deadline. */
bool scn_pump(struct scn *s, coop_nsec deadline);

/* SIGCHLD goes to a descriptor of the runner from here on. */
int scn_pump_open(struct coop_err *err);

coop_nsec scn_now(void);

#endif
