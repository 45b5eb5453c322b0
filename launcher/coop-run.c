/*
 * coop-run.c - run one command in a sandbox
 *
 * A blocking program: it starts the child, passes signals on to it, waits for it and ends with its
 * exit code.  It never runs with more power than its caller, and nothing of its own state that a
 * caller may have bent (descriptors, mask, dispositions, umask) reaches the command.
 */
#include "launcher/launch.h"
#include "launcher/run_options.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define EXIT_LAUNCHER       125
#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND      127
#define EXIT_SIGNAL         128

extern char **environ;

/* ---- speaking ---- */

static int report(const struct coop_err *err)
{
    fprintf(stderr, "coop-run: %s\n", err->text);
    if (err->hint[0])
        fprintf(stderr, "hint: %s\n", err->hint);
    /* COOP_E_CHILD with an errno is what exec itself said. */
    if (err->code != COOP_E_CHILD || err->sys == 0)
        return EXIT_LAUNCHER;
    return err->sys == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE;
}

static void print_notes(const struct run_options *options)
{
    for (size_t i = 0; i < options->notes.count; i++)
        fprintf(stderr, "coop-run: note: %s\n", options->notes.items[i]);
}

/* Text that did not reach its reader is a failure. */
static int printed(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    fprintf(stderr, "coop-run: writing to standard output failed\n");
    return EXIT_LAUNCHER;
}

static int print_about(const struct run_options *options)
{
    if (options->help)
        run_options_print_help(stdout);
    else
        printf("coop-run %s\n", COOP_VERSION);
    return printed();
}

/* ---- ourselves ---- */

/* Whoever shares our uid, the command's processes included, must not be able to look into us or
 * write to us; and descriptors 0 to 2 must be something before anything else gets those numbers. */
static int secure_ourselves(struct coop_err *err)
{
    int fd;

    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    do {
        fd = open("/dev/null", O_RDWR | O_CLOEXEC);
        if (fd < 0)
            return coop_fail_sys(err, errno, "open '/dev/null'");
    } while (fd <= STDERR_FILENO);
    close(fd);
    /* Groups of the caller would survive in a user namespace, where nobody can drop them. */
    if (geteuid() == 0)
        (void)syscall(SYS_setgroups, 0, NULL);
    return 0;
}

/* The command can read its PID 1's command line, which is a copy of ours: what stands there (a
 * --setenv with a password) is none of its business. */
static void hide_arguments(int argc, char **argv)
{
    char *last = argv[argc - 1];

    launch_reaper_forgets(argv[0], (size_t)(last - argv[0]) + strlen(last));
}

/* Every signal waits in the queue until we take it; the child starts with a clean mask. */
static void hold_signals(sigset_t *ret_held)
{
    const struct sigaction standard = {.sa_handler = SIG_DFL};

    sigfillset(ret_held);
    sigprocmask(SIG_SETMASK, ret_held, NULL);
    sigaction(SIGCHLD, &standard, NULL); /* ignored, it would reap the child behind our back */
}

/* ---- running ---- */

struct run {
    struct launch_child child;
    int note[2], alive[2]; /* pipes: exit note; our being alive */
    bool same_session;
};

static int open_pipes(struct run *run, struct coop_err *err)
{
    if (pipe2(run->note, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(run->alive, O_CLOEXEC) < 0)
        return coop_fail_sys(err, errno, "pipe");
    return 0;
}

static int start(struct run *run, const struct run_options *options,
                 const struct launch_plan *plan, struct coop_err *err)
{
    struct launch_io io = LAUNCH_IO_INHERIT;

    io.exit_note = run->note[1];
    io.liveness = run->alive[0];
    run->same_session = !options->spec.new_session;
    return launch_spawn(plan, &io, &run->child, err);
}

static void print_lost(const struct run *run)
{
    char names[1024];

    if (run->child.lost)
        fprintf(stderr, "coop-run: note: not in force here: %s\n",
                launch_guards_text(run->child.lost, names, sizeof names));
}

/* What the terminal sends, it sends to all of the foreground group: the command has it already. */
static bool is_from_terminal(const siginfo_t *info)
{
    return info->si_code == SI_KERNEL;
}

static void pass_on(const struct run *run, const siginfo_t *info)
{
    int signo = info->si_signo;
    bool stops = signo == SIGTSTP || signo == SIGTTIN || signo == SIGTTOU;

    if (run->same_session && is_from_terminal(info)) {
        if (stops)
            raise(SIGSTOP); /* the shell waits for us to stop with the command */
        return;
    }
    kill(run->child.pid, signo);
}

/* Until the child ends. Its wait status. */
static int wait_and_relay(const struct run *run, const sigset_t *held)
{
    for (;;) {
        siginfo_t info;
        int status;

        if (sigwaitinfo(held, &info) < 0)
            continue; /* EINTR: stopped and continued */
        if (info.si_signo != SIGCHLD) {
            pass_on(run, &info);
            continue;
        }
        while (waitpid(run->child.pid, &status, WNOHANG) == run->child.pid)
            if (WIFEXITED(status) || WIFSIGNALED(status))
                return status;
    }
}

/* The reaper cannot die of the command's signal, so it writes down how the command ended. */
static int final_status(const struct run *run, int status)
{
    struct launch_exit_note note;

    if (read(run->note[0], &note, sizeof note) == (ssize_t)sizeof note &&
        note.magic == LAUNCH_EXIT_MAGIC)
        return note.status;
    return status;
}

static int exit_code(int status)
{
    return WIFSIGNALED(status) ? EXIT_SIGNAL + WTERMSIG(status) : WEXITSTATUS(status);
}

/* ---- main ---- */

static int compile(const struct run_options *options, struct launch_plan **ret_plan,
                   struct coop_err *err)
{
    return launch_compile(&options->spec, NULL, ret_plan, err);
}

/* Asking the machine what it grants takes longer than a launch.  So we ask only after one has
 * failed, and only when something was merely preferred: then we may do without it. */
static int compile_for_this_machine(const struct run_options *options,
                                    struct launch_plan **plan)
{
    struct launch_plan *less = NULL;
    struct launch_host host;

    if (!options->spec.prefer || launch_host_probe(&host, NULL) < 0 ||
        launch_compile(&options->spec, &host, &less, NULL) < 0)
        return -1;
    if (launch_plan_lost(less) == 0) {
        launch_plan_free(less);
        return -1;
    }
    launch_plan_free(*plan);
    *plan = less;
    return 0;
}

static int run_command(const struct run_options *options, struct launch_plan **plan)
{
    struct run run = {.child = {.pidfd = -1}};
    struct coop_err err = {0}, again = {0};
    sigset_t held;

    hold_signals(&held);
    if (open_pipes(&run, &err) < 0)
        return report(&err);
    if (start(&run, options, *plan, &err) < 0 && (compile_for_this_machine(options, plan) < 0 ||
                                                  start(&run, options, *plan, &again) < 0))
        return report(again.code ? &again : &err);
    print_lost(&run);
    return exit_code(final_status(&run, wait_and_relay(&run, &held)));
}

static void plan_done(struct launch_plan **plan)
{
    launch_plan_free(*plan);
}

int main(int argc, char **argv)
{
    SCOPED(struct run_options, run_options_done) options = {0};
    SCOPED(struct launch_plan *, plan_done) plan = NULL;
    struct coop_err err = {0};

    if (secure_ourselves(&err) < 0)
        return report(&err);
    if (run_options_parse(&options, argc, argv, environ, &err) < 0)
        return report(&err);
    hide_arguments(argc, argv);
    if (options.help || options.version)
        return print_about(&options);
    if (compile(&options, &plan, &err) < 0)
        return report(&err);
    if (options.explain)
        return launch_explain(plan, stdout), printed();
    print_notes(&options);
    return run_command(&options, &plan);
}
