/*
 * coop-init.c - PID 1 for a container, or the subreaper above one service
 *
 *     coop-init [-s] [-g] [-n FD] [--] COMMAND [ARGUMENT...]
 *
 * The program is the loop of init.c with a command line around it: static, no stdio, no heap,
 * so that a thousand of them cost little.  `coop-init --spawner FD` is not for people: coopd
 * starts its spawner that way (spawner.h).
 */
#include "launcher/init.h"
#include "launcher/spawner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define EXIT_LAUNCHER       125 /* our own failure                    */
#define EXIT_NOT_EXECUTABLE 126 /* the command is there, but cannot run */
#define EXIT_NOT_FOUND      127

static const char usage[] = "usage: coop-init [-s] [-g] [-n FD] [--] COMMAND [ARGUMENT...]\n";

static const char help[] =
    "Run COMMAND as its child, reap every orphan, pass signals on, and end with its exit code\n"
    "(128 + signal when a signal ended it).  Made to be PID 1 of a container.\n"
    "\n"
    "  -s, --subreaper   stay until every process below has ended, not only COMMAND;\n"
    "                    needed where this is not PID 1 but must see orphans\n"
    "  -g, --group       give COMMAND a process group of its own (and the terminal), and pass\n"
    "                    signals on to the whole group\n"
    "  -n, --note-fd FD  write COMMAND's wait status and resource use to FD when it ends\n"
    "  -h, --help        show this\n"
    "  -V, --version     show the version\n"
    "\n"
    "Exit codes: COMMAND's, or 125 own failure, 126 COMMAND cannot be executed,\n"
    "127 COMMAND not found.\n";

struct options {
    unsigned flags; /* INIT_* */
    int note_fd;
    int spawner_fd;
    char **command;
};

/* ---- speaking without stdio ---- */

static void say(int fd, const char *a, const char *b, const char *c, const char *d)
{
    const char *parts[] = {a, b, c, d};
    struct iovec iov[4];

    for (int i = 0; i < 4; i++) {
        iov[i].iov_len = strlen(parts[i]);
        iov[i].iov_base = (void *)(uintptr_t)parts[i];
    }
    (void)!writev(fd, iov, 4);
}

_Noreturn static void fail(const char *what, const char *which, int sys)
{
    const char *why = sys ? strerrordesc_np(sys) : NULL;

    say(STDERR_FILENO, "coop-init: ", what, which, "");
    say(STDERR_FILENO, why ? ": " : "", why ? why : "", "\n", "");
    _exit(EXIT_LAUNCHER);
}

_Noreturn static void fail_usage(const char *what, const char *which)
{
    say(STDERR_FILENO, "coop-init: ", what, which, "\n");
    say(STDERR_FILENO, usage, "Try 'coop-init --help'.\n", "", "");
    _exit(EXIT_LAUNCHER);
}

/* ---- the command line ---- */

static int parse_fd(const char *text)
{
    char *end;
    long fd;

    if (!text || *text < '0' || *text > '9')
        fail_usage("not a descriptor number: ", text ? text : "(nothing)");
    errno = 0;
    fd = strtol(text, &end, 10);
    if (*end || errno || fd > 1 << 20)
        fail_usage("not a descriptor number: ", text);
    if (fcntl((int)fd, F_GETFD) < 0)
        fail("no such open descriptor: ", text, 0);
    return (int)fd;
}

static bool is(const char *arg, const char *brief, const char *full)
{
    return strcmp(arg, brief) == 0 || strcmp(arg, full) == 0;
}

static void parse(struct options *opt, char **argv)
{
    *opt = (struct options){.note_fd = -1, .spawner_fd = -1};
    for (argv++; *argv && **argv == '-'; argv++) {
        if (strcmp(*argv, "--") == 0) {
            argv++;
            break;
        }
        if (is(*argv, "-s", "--subreaper")) {
            opt->flags |= INIT_TREE;
        } else if (is(*argv, "-g", "--group")) {
            opt->flags |= INIT_GROUP;
        } else if (is(*argv, "-n", "--note-fd")) {
            opt->note_fd = parse_fd(*++argv);
        } else if (strcmp(*argv, "--spawner") == 0) {
            opt->spawner_fd = parse_fd(*++argv);
            return;
        } else if (is(*argv, "-h", "--help")) {
            say(STDOUT_FILENO, usage, help, "", "");
            _exit(EXIT_SUCCESS);
        } else if (is(*argv, "-V", "--version")) {
            say(STDOUT_FILENO, "coop-init ", COOP_VERSION, "\n", "");
            _exit(EXIT_SUCCESS);
        } else {
            fail_usage("unknown option ", *argv);
        }
    }
    opt->command = argv;
    if (!*argv)
        fail_usage("no command given", "");
}

/* ---- the two processes ---- */

_Noreturn static void become_command(const struct options *opt, uint64_t old_mask)
{
    int sys;

    if (opt->flags & INIT_GROUP) {
        (void)setpgid(0, 0);
        (void)tcsetpgrp(STDIN_FILENO, getpgrp()); /* SIGTTOU is blocked; no terminal: no harm */
    }
    init_unblock_signals(old_mask);
    execvp(opt->command[0], opt->command);
    sys = errno;
    say(STDERR_FILENO, "coop-init: cannot run '", opt->command[0], "': ", strerrordesc_np(sys));
    say(STDERR_FILENO, "\n", "", "", "");
    _exit(sys == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

int main(int argc, char **argv)
{
    struct options opt;
    struct init_reaper reaper;
    uint64_t old_mask;

    parse(&opt, argv);
    if (!opt.command) {
        /* A reaper is a copy of its spawner: in a process list it shall show as what it is. */
        launch_reaper_forgets(argv[0],
                              (size_t)(argv[argc - 1] - argv[0]) + strlen(argv[argc - 1]));
        return spawner_serve(opt.spawner_fd);
    }
    if (opt.note_fd >= 0)
        (void)fcntl(opt.note_fd, F_SETFD, FD_CLOEXEC);
    if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        fail("cannot become a subreaper", "", errno);

    init_block_signals(&old_mask);
    init_default_signals(); /* before the fork: it drops a SIGCHLD that is pending */
    reaper = (struct init_reaper){
        .main = fork(), .note_fd = opt.note_fd, .life_fd = -1, .flags = opt.flags};
    if (reaper.main < 0)
        fail("cannot fork", "", errno);
    if (reaper.main == 0)
        become_command(&opt, old_mask);
    init_let_go((int[]){0, 1, 2, opt.note_fd}, 4);
    return init_exit_code(init_reap(&reaper));
}
