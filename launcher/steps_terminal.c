/*
 * steps_terminal.c - a terminal of its own for the program, whose other end goes to the launcher
 *
 * What the program gets as 0, 1 and 2 is a pty that was made in the sandbox's own /dev/pts.  The
 * caller's terminal never comes near it: nothing can be typed into that, its modes cannot be bent,
 * and its foreground group is none of the program's business.
 *
 * With a reaper that one leads the session, and the program leads a process group in it: only then
 * has it a parent in its session, without which the kernel ignores every wish to stop (Ctrl-Z).
 */
#include "launcher/raw.h"
#include "launcher/spawn.h"
#include "launcher/steps.h"

#include <asm/ioctls.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>

/* Size and modes are the caller's from the first moment on: the launcher would be too late. */
static void be_alike(const struct child *c, long slave)
{
    static const struct {
        long get, set;
    } all[] = {{TCGETS, TCSETS}, {TIOCGWINSZ, TIOCSWINSZ}};
    char state[64]; /* more than the kernel's struct termios */

    for (int i = 0; i < 3; i++) {
        if (!(c->io.terminal & 1u << i))
            continue;
        for (unsigned n = 0; n < 2; n++)
            if (raw3(SYS_ioctl, c->io.stdio[i], all[n].get, state) >= 0)
                raw3(SYS_ioctl, slave, all[n].set, state);
        return;
    }
}

/* The program's end, out of the way of what becomes 0, 1, 2 and so on. */
static long open_slave(struct child *c, long master)
{
    int unlocked = 0;
    long low, slave;

    c->call = "ioctl";
    low = raw3(SYS_ioctl, master, TIOCSPTLCK, &unlocked);
    if (low >= 0)
        low = raw3(SYS_ioctl, master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (low < 0)
        return low;
    /* It was made by who we are now. */
    c->call = "fchown";
    slave =
        c->plan->flags & PLAN_SET_IDS ? raw3(SYS_fchown, low, c->plan->uid, c->plan->gid) : 0;
    c->call = "fcntl";
    if (slave >= 0)
        slave = raw3(SYS_fcntl, low, F_DUPFD_CLOEXEC, 3 + (int)c->io.fd_count);
    raw1(SYS_close, low);
    return slave;
}

int step_terminal(struct child *c)
{
    long master, slave, r;

    if (!c->plan->terminal)
        return 0;
    master = raw4(SYS_openat, AT_FDCWD, "/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0);
    if (master < 0)
        return step_fail(c, master, "openat", "/dev/ptmx");
    c->path = "/dev/ptmx";
    slave = open_slave(c, master);
    r = slave;
    if (slave >= 0) {
        c->call = "sendmsg";
        r = step_send_fd(c->report, SPAWN_TERMINAL, (int)master);
    }
    raw1(SYS_close, master);
    if (r < 0) {
        if (slave >= 0)
            raw1(SYS_close, slave);
        return (int)r;
    }
    be_alike(c, slave);
    c->terminal = (int)slave;
    for (int i = 0; i < 3; i++)
        if (c->io.terminal & 1u << i)
            c->io.stdio[i] = c->terminal;
    return 0;
}

int terminal_lead(struct child *c)
{
    long r = raw0(SYS_setsid);

    if (r >= 0 && c->terminal >= 0)
        return step_fail(c, raw3(SYS_ioctl, c->terminal, TIOCSCTTY, 0), "ioctl", "TIOCSCTTY");
    return step_fail(c, r, "setsid", NULL);
}

int terminal_join(struct child *c)
{
    const uint64_t stops = UINT64_C(1) << (SIGTTOU - 1); /* which the line below would get us */
    int group = (int)raw0(SYS_getpid);
    long r = raw4(SYS_rt_sigprocmask, SIG_BLOCK, &stops, 0, sizeof stops);

    if (r >= 0)
        r = raw2(SYS_setpgid, 0, 0);
    if (r < 0)
        return step_fail(c, r, "setpgid", NULL);
    return step_fail(c, raw3(SYS_ioctl, c->terminal, TIOCSPGRP, &group), "ioctl", "TIOCSPGRP");
}
