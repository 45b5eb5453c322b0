#ifndef LAUNCHER_INIT_H
#define LAUNCHER_INIT_H

#include <stdint.h>
#include <sys/types.h>

/*
 * init.h - the reaper: one process above a tree, and one loop for both of its homes
 *
 * The same loop runs as `coop-init` (a container's PID 1, or a subreaper below coopd) and as
 * the in-namespace PID 1 that the recipe's "split" step leaves behind (launcher/recipe.c):
 *
 *     uint64_t old_mask;
 *     init_block_signals(&old_mask);            before the fork: no signal may fall between
 *     init_default_signals();
 *     pid_t main_pid = fork();
 *     if (main_pid == 0) {
 *         init_unblock_signals(old_mask);
 *         ... execve ...
 *     }
 *     struct init_reaper reaper = {.main = main_pid, .note_fd = note, .life_fd = -1};
 *     int status = init_reap(&reaper);
 *     _exit(init_exit_code(status));
 *
 * What it does, until the end of the main process (INIT_TREE: until the tree is empty):
 *   reaps      everything that dies below it, its own child or an orphan;
 *   relays     every signal that can be caught (62: all but KILL and STOP; glibc's own two
 *              included) to the main process, with INIT_GROUP to its process group, as another
 *              signal where 'rewrite' says so.  A signal that was queued with a value keeps sender
 *              and value.  A signal that the terminal sent to the whole foreground group is not
 *              passed on to a main process of that group: it has it already.
 *   stops      with INIT_JOBS: when main stops, so that a shell above gets its terminal back;
 *              when the shell continues us, main gets the terminal and goes on.
 *   notes      when the main process ends: one struct launch_exit_note (launch.h) to note_fd,
 *              at once, even when INIT_TREE then stays for the rest of the tree.
 *
 * THE CONTRACT WITH A SUPERVISOR (INIT_TREE)
 *   - The reaper's own end means: the tree below it is empty.  The note means: main has ended.
 *   - While main lives, signals go to main.  After its end they go to every process below.
 *   - SIGRTMAX queued with the value INIT_END_TREE is not relayed: from then on everything
 * below is killed (SIGKILL), round after round as orphans come up, until nothing is left.  Send
 *     it with launch_tree_kill().  Without /proc in sight only direct children can be found, so
 *     main and each orphan are killed as they come up; it ends all the same.
 *   - SIGRTMAX queued with INIT_NEW_MAIN and a PID in its low bits is not relayed either: that
 *     process is main from now on, if it is our child (launch_tree_main() says more).
 *   - The end of life_fd does the same: below a PID 1 by ending it, else as INIT_END_TREE.
 *   - SIGKILL to the reaper ends only the reaper; its tree goes to the next subreaper above.
 *
 * Errors    init_reap() cannot fail: there is nobody to tell.  A note that cannot be written is
 *           lost (the reaper's exit status still tells code or signal).
 * Threads   Single-threaded processes only.  Raw system calls, no malloc, no stdio, no locks:
 *           safe in the child of a threaded process.
 * Memory    None but the stack (WALK_DEPTH small frames).
 * Limits    INIT_TREE without a PID namespace or cgroup races with a tree that forks as fast as
 *           it is killed: a killed process never forks again, so it converges unless
 *           RLIMIT_NPROC is unbounded and the bomb has more CPUs than we do.
 * Source    tini and catatonit (the minimum a PID 1 must do), dumb-init (sessions, rewriting),
 *           s6-supervise (what its end means).
 */

#define INIT_TREE  1u /* stay until nothing is left below, obey INIT_END_TREE            */
#define INIT_GROUP 2u /* signals go to main's process group                             */
/* Main leads a session of its own: signals go to its group, a wish to stop as SIGSTOP, and what
 * is left of the group gets SIGTERM when main has ended. */
#define INIT_SESSION 4u
#define INIT_JOBS    8u /* stop when main stops; never for a main that may be hostile */

#define INIT_REPORT                                                                            \
    16u /* a main that has stopped is noted, too: LAUNCH_STOP_MAGIC (launch.h) */

#define INIT_END_TREE 0x434f4f50 /* "COOP", the value that goes with SIGRTMAX */
#define INIT_NEW_MAIN 0x4d400000 /* the same with a PID: below the kernel's PID_MAX_LIMIT */
#define INIT_MAIN_PID 0x003fffff

/* What a reaper may tell: the two numbers that go with it. */
enum init_event {
    INIT_PASSED, /* a signal: which one came, which one went on (0: none) */
    INIT_REAPED, /* an orphan: its PID and wait status                    */
    INIT_ENDED,  /* main: the same                                        */
};

struct init_reaper {
    pid_t main;  /* 0: it has ended already; with INIT_TREE the rest is waited for      */
    int note_fd; /* where the exit note goes, or -1                                     */
    int life_fd; /* read end of a pipe: its end of file ends everything below; or -1    */
    unsigned flags;
    const uint8_t *rewrite; /* 65 numbers: what a signal is passed on as, 0: not at all; NULL */
    void (*tell)(enum init_event event, int what, int value); /* or NULL */
    uint64_t tasks_max; /* main's RLIMIT_NPROC: the note says whether it was reached; 0: none */
    pid_t named;        /* who is main by launch_tree_main(); 0: who was from the beginning */
    int asked; /* set: the last SIGTERM, SIGINT or SIGQUIT that was meant for main; 0: none */
};

/* Blocks every signal of the calling thread, glibc's own included. */
void init_block_signals(uint64_t *ret_old);

/* Puts the old mask back. */
void init_unblock_signals(uint64_t old);

/* Every disposition to default, ignored ones too (an ignored SIGCHLD would make children vanish
 * unseen).  Before main is forked, never after: the kernel throws a pending signal away when its
 * action becomes "ignore", and that is SIGCHLD's default. */
void init_default_signals(void);

/* A reaper outlives all that is below it, so it holds no file and no directory that it does not
 * need: closes every descriptor but those in 'keep' (-1: none), and goes to "/". */
void init_let_go(const int *keep, unsigned count);

/* The reaper's life. All signals must be blocked since before main was made. Returns the wait
 * status of main when main (INIT_TREE: and everything below) has ended. */
int init_reap(struct init_reaper *reaper);

/* Between two lives of main: reaps and takes signals for so long. 0, or at once the SIGTERM, SIGINT
 * or SIGQUIT that came; other signals have nobody to go to. */
int init_pause(struct init_reaper *reaper, int64_t nsec);

/* The exit code a shell would show: the code, or 128 + signal. */
int init_exit_code(int wait_status);

#endif
