/*
 * coop-run.c - run one command in a sandbox
 *
 * A blocking program: it starts the child, passes signals on to it, waits for it and ends with its
 * exit code.  It never runs with more power than its caller, and nothing of its own state that a
 * caller may have bent (descriptors, mask, dispositions, umask) reaches the command.
 */
#include "launcher/launch.h"
#include "launcher/run_holder.h"
#include "launcher/run_life.h"
#include "launcher/run_options.h"
#include "launcher/run_origins.h"
#include "launcher/run_say.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

extern char **environ;

/* ---- speaking ---- */

static void print_notes(const struct run_options *options)
{
    for (size_t i = 0; i < options->notes.count; i++)
        run_say("note: %s", options->notes.items[i]);
}

/* Text that did not reach its reader is a failure. */
static int printed(void)
{
    if (fflush(stdout) == 0 && !ferror(stdout))
        return 0;
    run_say("writing to standard output failed");
    return RUN_EXIT_LAUNCHER;
}

static int print_about(const struct run_options *options)
{
    if (options->help)
        run_options_print_help(stdout);
    else if (options->compat)
        printf("bubblewrap %s\n", RUN_COMPAT_VERSION);
    else
        printf("coop-run %s\n", COOP_VERSION);
    return printed();
}

static int explain(const struct run_options *options, const struct launch_plan *plan)
{
    launch_explain(plan, stdout);
    run_origins_print(options, stdout);
    return printed();
}

/* ---- ourselves ---- */

/* The command may get it, and read and write what it really is. */
static bool is_null_device(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

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
        if (fd <= STDERR_FILENO && !is_null_device(fd))
            return coop_fail(err, COOP_E_DENIED,
                             "descriptor %d is closed, and '/dev/null' is no null device", fd);
    } while (fd <= STDERR_FILENO);
    close(fd);
    return 0;
}

/* They would survive in a user namespace, where nobody can drop them. */
static void drop_groups(void)
{
    if (geteuid() == 0)
        (void)syscall(SYS_setgroups, 0, NULL);
}

/* The command can read its PID 1's command line, which is a copy of ours: what stands there (a
 * --setenv with a password) is none of its business. */
static void hide_arguments(int argc, char **argv)
{
    char *last = argv[argc - 1];

    launch_reaper_forgets(argv[0], (size_t)(last - argv[0]) + strlen(last));
}

/* ---- main ---- */

static void plan_done(struct launch_plan **plan)
{
    launch_plan_free(*plan);
}

int main(int argc, char **argv)
{
    SCOPED(struct run_options, run_options_done) options = {0};
    SCOPED(struct launch_plan *, plan_done) plan = NULL;
    struct coop_err err = {0};
    int parsed;

    if (secure_ourselves(&err) < 0)
        return run_report(&err);
    parsed = run_options_parse(&options, argc, argv, environ, &err);
    if (options.quiet)
        run_be_quiet();
    if (options.compat)
        run_speak_as_bwrap(options.level_prefix);
    else
        drop_groups();
    if (parsed < 0)
        return run_failed(&options, &err);
    hide_arguments(argc, argv);
    if (options.help || options.version)
        return print_about(&options);
    if (options.hold_network && holder_serve(options.hold_network, &err) < 0)
        return run_report(&err);
    if (run_compile(&options, &plan, &err) < 0)
        return run_failed(&options, &err);
    if (options.explain)
        return explain(&options, plan);
    print_notes(&options);
    return run_command(&options, &plan);
}
