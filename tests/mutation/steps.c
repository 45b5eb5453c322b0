/*
 * steps.c - what a user of coop-run cannot see of the recipe: each step seen by its launcher
 *
 * Descriptors, the gate, identity, and the death of the parent are coopd's business.  This
 * program launches as coopd does and looks at what came of it; it is run as it is, and with one
 * step left out at a time (bite.cmake), when it must fail.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "launcher/launch.h"

enum { PATIENCE_MSEC = 5000, GATED_MSEC = 300, NOBODY = 65534 };

static int failures;

static void check(bool ok, const char *what, const char *seen)
{
    if (ok)
        return;
    fprintf(stderr, "not so: %s (seen: %s)\n", what, seen);
    failures++;
}

/* ---- one launch ---- */

struct launch {
    struct launch_spec spec;
    struct launch_io io;
    struct launch_child child;
    struct coop_err err;
    int out; /* read end of its stdout */
};

static void begin(struct launch *l, const char *command)
{
    *l = (struct launch){.io = LAUNCH_IO_NULL, .out = -1};
    launch_spec_init(&l->spec);
    strlist_add(&l->spec.argv, "/bin/sh");
    strlist_add(&l->spec.argv, "-c");
    strlist_add(&l->spec.argv, command);
    strlist_add(&l->spec.env, "PATH=/usr/bin:/bin");
}

static void set(struct launch *l, const char *key, const char *value)
{
    if (launch_spec_set(&l->spec, key, value, &l->err) < 0)
        check(false, key, l->err.text);
}

/* Spawns with stdout on a pipe. */
static bool go(struct launch *l)
{
    struct launch_plan *plan = NULL;
    int out[2], r = -1;

    if (pipe2(out, O_CLOEXEC) < 0)
        return false;
    l->out = out[0];
    l->io.stdio[1] = out[1];
    if (launch_compile(&l->spec, NULL, &plan, &l->err) == 0)
        r = launch_spawn(plan, &l->io, &l->child, &l->err);
    close(out[1]);
    launch_plan_free(plan);
    return r == 0;
}

static bool ended_within(struct launch *l, int msec)
{
    struct pollfd p = {.fd = l->child.pidfd, .events = POLLIN};

    return poll(&p, 1, msec) == 1;
}

/* Everything it wrote, up to the end or to our patience. */
static void read_out(const struct launch *l, char *ret_text, size_t size)
{
    struct pollfd p = {.fd = l->out, .events = POLLIN};
    size_t used = 0;
    ssize_t n = 1;

    while (n > 0 && used < size - 1 && poll(&p, 1, PATIENCE_MSEC) == 1) {
        n = read(l->out, ret_text + used, size - 1 - used);
        used += n > 0 ? (size_t)n : 0;
    }
    ret_text[used] = '\0';
}

static void end(struct launch *l)
{
    if (l->child.pid > 0) {
        kill(l->child.pid, SIGKILL);
        waitpid(l->child.pid, NULL, 0);
    }
    fd_closep(&l->child.pidfd);
    fd_closep(&l->out);
    launch_spec_done(&l->spec);
}

/* ---- what each step is for ---- */

static void output_goes_where_the_launcher_says(void)
{
    struct launch l;
    char text[64] = "";

    begin(&l, "echo here");
    if (go(&l))
        read_out(&l, text, sizeof text);
    check(strcmp(text, "here\n") == 0, "stdio: stdout is the pipe", text);
    end(&l);
}

static void nothing_runs_before_the_gate_opens(void)
{
    struct launch l;
    int gate[2];
    char text[64] = "";

    if (pipe2(gate, O_CLOEXEC) < 0)
        return;
    begin(&l, "echo ran");
    l.io.gate = gate[0];
    check(go(&l), "gate: set up", l.err.text);
    check(!ended_within(&l, GATED_MSEC), "gate: it waits", "it ended");
    check(write(gate[1], "x", 1) == 1, "gate: opened", "");
    read_out(&l, text, sizeof text);
    check(strcmp(text, "ran\n") == 0, "gate: it runs when the gate opens", text);
    end(&l);
    close(gate[0]);
    close(gate[1]);
}

static void the_identity_is_the_wanted_one(void)
{
    struct launch l;
    char text[256] = "";

    begin(&l, "grep -E '^(Uid|Gid|Groups|CapAmb|CapEff)' /proc/self/status | tr '\\t\\n' '  '");
    l.spec.uid = l.spec.gid = NOBODY;
    l.spec.set_groups = true;
    strlist_add(&l.spec.groups, "65534");
    set(&l, "AmbientCapabilities", "CAP_NET_BIND_SERVICE");
    check(go(&l), "identity: launched", l.err.text);
    read_out(&l, text, sizeof text);
    check(strstr(text, "Uid: 65534 65534 65534 65534") != NULL, "identity: uid", text);
    check(strstr(text, "Gid: 65534 65534 65534 65534") != NULL, "identity: gid", text);
    check(strstr(text, "Groups: 65534 ") != NULL, "identity: groups", text);
    check(strstr(text, "CapEff: 0000000000000400") != NULL, "caps: effective", text);
    check(strstr(text, "CapAmb: 0000000000000400") != NULL, "caps: ambient", text);
    end(&l);
}

/* The launcher dies; what it launched, as another user, must not outlive it. */
static void the_program_dies_with_its_parent(void)
{
    int told[2];
    pid_t launcher, program = 0;
    int status = 0;

    if (pipe2(told, O_CLOEXEC) < 0)
        return;
    launcher = fork();
    if (launcher == 0) {
        struct launch l;

        begin(&l, "exec sleep 1000");
        l.spec.uid = l.spec.gid = NOBODY;
        set(&l, "DieWithParent", "yes");
        if (!go(&l) || write(told[1], &l.child.pid, sizeof(pid_t)) != sizeof(pid_t))
            _exit(1);
        _exit(0);
    }
    close(told[1]);
    check(read(told[0], &program, sizeof program) == sizeof program, "pdeathsig: launched",
          "no");
    waitpid(launcher, NULL, 0);
    close(told[0]);
    if (program <= 0)
        return;
    /* an orphan of ours now (we are a subreaper): its end shows here */
    alarm(PATIENCE_MSEC / 1000);
    if (waitpid(program, &status, 0) != program || !WIFSIGNALED(status)) {
        kill(program, SIGKILL);
        waitpid(program, NULL, 0);
        check(false, "pdeathsig: it dies with its parent", "it lived on");
    }
    alarm(0);
}

static void nothing_starts_when_the_parent_is_gone(void)
{
    struct launch l;
    int alive[2];

    if (pipe2(alive, O_CLOEXEC) < 0)
        return;
    close(alive[1]); /* as it would be if the launcher had died */
    begin(&l, "true");
    set(&l, "DieWithParent", "yes");
    l.io.liveness = alive[0];
    check(!go(&l), "guard-parent: refused", "launched");
    check(strstr(l.err.text, "guard-parent") != NULL, "guard-parent: as the first thing",
          l.err.text);
    end(&l);
    close(alive[0]);
}

/* A pty in the place of 0 and 2, and the other end of it for the launcher. */
static void the_terminal_is_its_own(void)
{
    struct launch l;
    char text[64] = "";

    begin(&l, "[ -t 0 ] && [ ! -t 1 ] && [ -t 2 ] && : > /dev/tty && echo pty");
    set(&l, "Terminal", "own");
    set(&l, "PrivateDevices", "yes");
    set(&l, "PrivatePIDs", "yes");
    l.io.terminal = 5;
    check(go(&l), "terminal: launched", l.err.text);
    check(l.child.terminal >= 0, "terminal: the launcher has its end", "none");
    read_out(&l, text, sizeof text);
    check(strcmp(text, "pty\n") == 0, "terminal: the program has its end", text);
    fd_closep(&l.child.terminal);
    end(&l);
}

static void wake_up(int signo)
{
    (void)signo;
}

int main(void)
{
    struct sigaction on_alarm = {.sa_handler = wake_up}; /* without SA_RESTART: ends waitpid */

    if (geteuid() != 0) {
        puts("SKIP: needs root");
        return 77;
    }
    sigaction(SIGALRM, &on_alarm, NULL);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    output_goes_where_the_launcher_says();
    nothing_runs_before_the_gate_opens();
    the_identity_is_the_wanted_one();
    the_program_dies_with_its_parent();
    nothing_starts_when_the_parent_is_gone();
    the_terminal_is_its_own();
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
