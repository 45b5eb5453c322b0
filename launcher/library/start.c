/*
 * start.c - one run, from its start to its end
 *
 * coop-run gets six descriptors and nothing else of ours:
 *
 *      0 1 2   the program's
 *      3       its options and the program's words, each ended by a NUL (memfd)
 *      4       a socket: it says "started" on it, and ends everything when our end is closed
 *      5       the receipt (memfd, so that nobody has to read while it writes)
 *
 * The socket is why nothing of a run outlives us: whatever ends our process closes it.
 */
#include "launcher/library/library.h"

#include "base/scope.h"
#include "launcher/clone.h"
#include "launcher/raw.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>

#define WORDS_MAX ((size_t)(4u << 20)) /* as much as coop-run reads of --args */

enum { FD_WORDS = 3, FD_SOCKET, FD_RECEIPT, FD_COUNT };

extern char **environ;

/* ---- what coop-run is told ---- */

static void add_word(struct buf *words, const char *word)
{
    buf_add(words, word, strlen(word) + 1);
}

static void add_env(struct buf *words, const char *const *env)
{
    add_word(words, "--clearenv");
    for (; *env; env++) {
        size_t length = strcspn(*env, "=");

        add_word(words, "--setenv");
        buf_add(words, *env, length);
        buf_add_char(words, '\0');
        add_word(words, (*env)[length] ? *env + length + 1 : "");
    }
}

static void add_words(struct buf *words, const struct coop_sandbox *box,
                      const struct coop_sandbox_program *program)
{
    static const char *const ours[] = {
        "--quiet", "--receipt", "/proc/self/fd/5", "--json-status-fd", "4", "--life-fd", "4"};

    for (size_t i = 0; i < COOP_COUNT(ours); i++)
        add_word(words, ours[i]);
    for (size_t i = 0; i < box->words.count; i++)
        add_word(words, box->words.items[i]);
    if (program->directory) {
        add_word(words, "--chdir");
        add_word(words, program->directory);
    }
    if (program->env)
        add_env(words, program->env);
    add_word(words, "--");
    for (const char *const *word = program->argv; *word; word++)
        add_word(words, *word);
}

/* A memfd with the words, to be read from its beginning. */
static int open_words(const struct coop_sandbox *box,
                      const struct coop_sandbox_program *program, int *ret_fd,
                      struct coop_err *err)
{
    struct buf words = BUF_INIT(WORDS_MAX);
    SCOPED_FD fd = memfd_create("coop-words", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : 0;
    ssize_t wrote;

    add_words(&words, box, program);
    if (r == 0)
        r = words.error;
    if (r == 0) {
        wrote = pwrite(fd, words.data, words.len, 0); /* into memory: all of it or nothing */
        r = wrote < 0 ? -errno : (size_t)wrote == words.len ? 0 : -ENOSPC;
    }
    buf_done(&words);
    if (r < 0)
        return coop_fail_sys(err, r, "what coop-run is told");
    *ret_fd = fd_take(&fd);
    return 0;
}

/* ---- making coop-run ---- */

struct start {
    const char *path;
    const char *const *argv;
    char *const *env;
    int fds[FD_COUNT];
};

/* The parent takes an int for the reason why there was no exec. */
static void fail(int socket, long r)
{
    int error = (int)-r;

    raw3(SYS_write, socket, &error, sizeof error);
    raw1(SYS_exit_group, 127);
}

/* Shares our memory: raw calls only, and nothing is written but its own stack. */
static void child_main(void *arg, int join)
{
    const struct start *start = arg;
    long high[FD_COUNT];

    (void)join;
    for (int i = 0; i < FD_COUNT; i++) { /* out of the way first: each may be any of 0 to 5 */
        high[i] = raw3(SYS_fcntl, start->fds[i], F_DUPFD_CLOEXEC, 2 * FD_COUNT);
        if (high[i] < 0)
            fail(start->fds[FD_SOCKET], high[i]);
    }
    for (int i = 0; i < FD_COUNT; i++)
        raw3(SYS_dup3, high[i], i, 0);
    /* What was not close-on-exec would stay open as long as the run lives. */
    raw3(SYS_close_range, FD_COUNT, UINT_MAX, 0);
    fail(FD_SOCKET, raw3(SYS_execve, start->path, start->argv, start->env));
}

static int make_child(struct coop_sandbox_run *run, struct start *start, struct coop_err *err)
{
    struct clone_order order = {
        .share_memory = true, .cgroup = -1, .run = child_main, .arg = start};

    run->pid = clone_child(&order, &run->pidfd);
    if (run->pid < 0)
        return coop_fail_sys(err, (int)-run->pid, "starting coop-run: clone");
    if (run->pidfd < 0)
        run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    return run->pidfd < 0 ? coop_fail_sys(err, errno, "starting coop-run: pidfd") : 0;
}

static int launch(struct coop_sandbox_run *run, const struct coop_sandbox_program *program,
                  const char *path, int words, struct coop_err *err)
{
    static const char *const argv[] = {"coop-run", "--args", "3", NULL};
    SCOPED_FD null = open("/dev/null", O_RDWR | O_CLOEXEC);
    SCOPED_FD theirs = -1;
    struct start start = {.argv = argv, .env = environ}; /* it looks for profiles */
    int pair[2];

    if (null < 0)
        return coop_fail_sys(err, errno, "open '/dev/null'");
    run->receipt = memfd_create("coop-receipt", MFD_CLOEXEC);
    if (run->receipt < 0)
        return coop_fail_sys(err, errno, "a place for the receipt");
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return coop_fail_sys(err, errno, "starting coop-run: socketpair");
    run->socket = pair[0];
    theirs = pair[1];
    start.path = path;
    for (int i = 0; i < 3; i++)
        start.fds[i] = program->stdio[i] < 0 ? null : program->stdio[i];
    start.fds[FD_WORDS] = words;
    start.fds[FD_SOCKET] = theirs;
    start.fds[FD_RECEIPT] = run->receipt;
    return make_child(run, &start, err);
}

/* ---- waiting ---- */

static coop_nsec now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (coop_nsec)time.tv_sec * COOP_NSEC_PER_SEC + time.tv_nsec;
}

/* As poll(), until a deadline; signals that are handled meanwhile do not end it. */
static int wait_for(struct pollfd *fds, nfds_t count, coop_nsec deadline)
{
    int r;

    do {
        coop_nsec rest = deadline == COOP_NOW ? 0 : deadline - now();
        struct timespec time = {.tv_sec = (time_t)(rest / COOP_NSEC_PER_SEC),
                                .tv_nsec = (long)(rest % COOP_NSEC_PER_SEC)};

        if (rest <= 0)
            time = (struct timespec){0};
        r = ppoll(fds, count, deadline == COOP_FOREVER ? NULL : &time, NULL);
    } while (r < 0 && errno == EINTR);
    return r;
}

static void reap(struct coop_sandbox_run *run)
{
    siginfo_t info = {0};
    int r;

    do
        r = waitid(P_PIDFD, (id_t)run->pidfd, &info, WEXITED);
    while (r < 0 && errno == EINTR);
    run->status = r < 0                        ? -1
                  : info.si_code == CLD_EXITED ? info.si_status
                                               : 128 + info.si_status;
    run->over = true;
    (void)library_read_receipt(run, &run->failed);
}

/* 1: over; 0: not before the deadline. */
static int await_end(struct coop_sandbox_run *run, coop_nsec deadline)
{
    struct pollfd end = {.fd = run->pidfd, .events = POLLIN};

    if (!run->over && wait_for(&end, 1, deadline) > 0)
        reap(run);
    return run->over;
}

/* 1: it runs; 0: coop-run has ended before; -1: there was not even a coop-run. */
static int await_start(struct coop_sandbox_run *run, const char *path, struct coop_err *err)
{
    struct pollfd news[] = {{.fd = run->socket, .events = POLLIN},
                            {.fd = run->pidfd, .events = POLLIN}};
    char message[4096];
    ssize_t got;
    int error;

    (void)wait_for(news, COOP_COUNT(news), COOP_FOREVER);
    got = recv(run->socket, message, sizeof message, MSG_DONTWAIT);
    if (got != sizeof error)
        return got > 0;
    memcpy(&error, message, sizeof error);
    coop_fail_sys(err, error, "starting coop-run '%s'", path);
    return coop_hint(err, "COOP_RUN=PATH names the program; without it it is looked for beside "
                          "this one, where it was installed, and in PATH");
}

/* ---- the public calls ---- */

static void run_done(struct coop_sandbox_run *run)
{
    fd_closep(&run->pidfd);
    fd_closep(&run->socket);
    fd_closep(&run->receipt);
    free(run->json);
    free(run->lost);
    free(run);
}

static int start(struct coop_sandbox_run *run, const struct coop_sandbox *box,
                 const struct coop_sandbox_program *program, struct coop_err *err)
{
    SCOPED_FREE char *path = NULL;
    SCOPED_FD words = -1;
    int r;

    if (!program->argv || !program->argv[0])
        return coop_fail(err, COOP_E_SYNTAX, "no program to run");
    if (library_find_launcher(&path, err) < 0 || open_words(box, program, &words, err) < 0 ||
        launch(run, program, path, words, err) < 0)
        return -1;
    r = await_start(run, path, err);
    if (r > 0)
        return 0;
    (void)await_end(run, COOP_FOREVER);
    if (r == 0 && err)
        *err = run->failed;
    return -1;
}

int coop_sandbox_start(const struct coop_sandbox *box,
                       const struct coop_sandbox_program *program,
                       struct coop_sandbox_run **ret_run, struct coop_err *err)
{
    struct coop_sandbox_run *run = calloc(1, sizeof *run);

    if (!run)
        return coop_fail_sys(err, ENOMEM, "a run");
    run->pidfd = run->socket = run->receipt = -1;
    if (start(run, box, program, err) < 0) {
        run_done(run);
        return -1;
    }
    *ret_run = run;
    return 0;
}

int coop_sandbox_pidfd(const struct coop_sandbox_run *run)
{
    return run->pidfd;
}

int coop_sandbox_signal(const struct coop_sandbox_run *run, int signal)
{
    return syscall(SYS_pidfd_send_signal, run->pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

void coop_sandbox_kill(const struct coop_sandbox_run *run)
{
    (void)shutdown(run->socket, SHUT_RDWR);
}

int coop_sandbox_wait(struct coop_sandbox_run *run, coop_nsec deadline,
                      struct coop_sandbox_receipt *ret_receipt, struct coop_err *err)
{
    if (!await_end(run, deadline))
        return coop_fail(err, COOP_E_TIMEOUT, "the program still runs");
    if (run->failed.code != COOP_OK) {
        if (err)
            *err = run->failed;
        return -1;
    }
    if (ret_receipt)
        *ret_receipt = run->told;
    return 0;
}

void coop_sandbox_end(struct coop_sandbox_run *run)
{
    if (!run)
        return;
    coop_sandbox_kill(run);
    (void)await_end(run, COOP_FOREVER);
    run_done(run);
}
