/*
 * run_terminal.c - the caller's terminal, and the pty inside (contract in run_terminal.h)
 */
#include "launcher/run_terminal.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- whose terminal ---- */

static bool is_foreground(int tty)
{
    return tcgetpgrp(tty) == getpgrp();
}

bool run_terminal_at_keyboard(void)
{
    return isatty(STDIN_FILENO) && is_foreground(STDIN_FILENO);
}

void run_modes_keep(struct run_modes *ret_modes)
{
    ret_modes->fd = -1;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO && ret_modes->fd < 0; fd++)
        if (tcgetattr(fd, &ret_modes->modes) == 0)
            ret_modes->fd = fd;
}

void run_modes_restore(const struct run_modes *modes)
{
    /* In the background the modes are somebody else's by now. */
    if (modes->fd >= 0 && is_foreground(modes->fd))
        (void)tcsetattr(modes->fd, TCSANOW, &modes->modes);
}

unsigned run_terminal_mask(void)
{
    struct stat in, other;
    unsigned mask = 0;

    if (fstat(STDIN_FILENO, &in) < 0)
        return 0;
    for (int fd = 0; fd <= STDERR_FILENO; fd++)
        if (isatty(fd) && fstat(fd, &other) == 0 && other.st_rdev == in.st_rdev)
            mask |= 1u << fd;
    return mask;
}

/* A description of our own.  Who may not open the terminal by name (it belongs to somebody else)
 * may open it as the one that controls him; what is left then is the caller's description. */
static int open_again(void)
{
    const int how = O_RDWR | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    int tty = open("/proc/self/fd/0", how);

    if (tty < 0 && tcgetpgrp(STDIN_FILENO) >= 0)
        tty = open("/dev/tty", how);
    return tty < 0 ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : tty;
}

int run_terminal_open(struct run_terminal *ret_terminal, struct coop_err *err)
{
    *ret_terminal = (struct run_terminal){.tty = -1, .master = -1};
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &ret_terminal->modes) < 0) {
        (void)coop_fail(err, COOP_E_RANGE, "Terminal=own: standard input is no terminal");
        return coop_hint(err, "--terminal=auto takes one only where there is one");
    }
    ret_terminal->tty = open_again();
    return ret_terminal->tty < 0 ? coop_fail_sys(err, errno, "opening the terminal") : 0;
}

/* ---- modes and size ---- */

void run_terminal_enter(struct run_terminal *terminal)
{
    struct termios raw = terminal->modes;

    if (terminal->tty < 0 || terminal->master < 0 || !is_foreground(terminal->tty))
        return;
    cfmakeraw(&raw);
    terminal->raw = tcsetattr(terminal->tty, TCSANOW, &raw) == 0 || terminal->raw;
    run_terminal_resize(terminal);
}

void run_terminal_leave(struct run_terminal *terminal)
{
    /* In the background the modes are somebody else's by now. */
    if (terminal->raw && terminal->tty >= 0 && is_foreground(terminal->tty))
        (void)tcsetattr(terminal->tty, TCSANOW, &terminal->modes);
    terminal->raw = false;
}

void run_terminal_resize(const struct run_terminal *terminal)
{
    struct winsize size;

    if (terminal->tty >= 0 && terminal->master >= 0 &&
        ioctl(terminal->tty, TIOCGWINSZ, &size) == 0)
        (void)ioctl(terminal->master, TIOCSWINSZ, &size);
}

void run_terminal_start(struct run_terminal *terminal, int master)
{
    terminal->master = master;
    if (master < 0)
        return;
    (void)fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
    run_terminal_resize(terminal);
    run_terminal_enter(terminal);
}

bool run_terminal_waits(const struct run_terminal *terminal)
{
    return terminal->master >= 0 && terminal->tty >= 0 && !terminal->raw;
}

/* ---- moving bytes ---- */

static bool holds(const struct run_flow *flow)
{
    return flow->at < flow->end;
}

static bool is_for_later(ssize_t n)
{
    return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* Into an empty buffer. False: that side is closed. */
static bool take(struct run_flow *flow, int from)
{
    ssize_t got = read(from, flow->bytes, sizeof flow->bytes);

    if (is_for_later(got))
        return true;
    if (got <= 0)
        return false;
    flow->at = 0;
    flow->end = (size_t)got;
    return true;
}

static bool give(struct run_flow *flow, int to)
{
    ssize_t wrote = write(to, flow->bytes + flow->at, flow->end - flow->at);

    if (is_for_later(wrote))
        return true;
    if (wrote < 0) {
        flow->at = flow->end = 0;
        return false;
    }
    flow->at += (size_t)wrote;
    return true;
}

static void shut(int *fd)
{
    fd_closep(fd);
    *fd = -1;
}

static bool is_over(const struct run_terminal *terminal)
{
    return terminal->bound && terminal->bound->over;
}

/* False: nobody inside has the pty open, or they have said more than they may. */
static bool take_output(struct run_terminal *terminal)
{
    struct run_flow *out = &terminal->out;

    if (is_over(terminal) || !take(out, terminal->master))
        return false;
    if (terminal->bound && holds(out))
        out->end = run_output_admit(terminal->bound, out->end);
    return true;
}

/* ---- polling ---- */

unsigned run_terminal_poll(struct run_terminal *terminal, struct pollfd *ret_fds)
{
    bool reads = terminal->raw && is_foreground(terminal->tty);
    short outer = (short)((holds(&terminal->out) ? POLLOUT : 0) |
                          (reads && !holds(&terminal->in) ? POLLIN : 0));
    bool listens = !holds(&terminal->out) && !is_over(terminal);
    short inner = (short)((holds(&terminal->in) ? POLLOUT : 0) | (listens ? POLLIN : 0));

    if (terminal->raw && !reads)
        terminal->raw = false; /* we were sent to the background: the modes are not ours */
    ret_fds[0] = (struct pollfd){.fd = outer ? terminal->tty : -1, .events = outer};
    ret_fds[1] = (struct pollfd){.fd = inner ? terminal->master : -1, .events = inner};
    return RUN_TERMINAL_FDS;
}

void run_terminal_ready(struct run_terminal *terminal, const struct pollfd *fds, unsigned count)
{
    const short in = POLLIN | POLLHUP | POLLERR;
    bool open = true;

    if (count != RUN_TERMINAL_FDS)
        return;
    if (fds[0].revents & POLLOUT && holds(&terminal->out))
        open = give(&terminal->out, terminal->tty);
    if (open && fds[0].events & POLLIN && fds[0].revents & in && !holds(&terminal->in))
        open = take(&terminal->in, terminal->tty);
    if (!open || (fds[0].fd >= 0 && fds[0].revents & (POLLERR | POLLHUP | POLLNVAL)))
        shut(&terminal->tty); /* hung up: the signal for that is passed on besides */
    if (terminal->tty < 0)    /* nobody looks any more */
        terminal->out.at = terminal->out.end = 0;
    if (fds[1].revents & POLLOUT && holds(&terminal->in))
        (void)give(&terminal->in, terminal->master);
    /* While nobody inside has the pty open it reads as an error, and may be opened again. */
    if (fds[1].events & POLLIN && fds[1].revents & in && !holds(&terminal->out))
        (void)take_output(terminal);
}

bool run_terminal_finish(struct run_terminal *terminal)
{
    if (!holds(&terminal->out) && terminal->master >= 0 &&
        (!take_output(terminal) || !holds(&terminal->out)))
        shut(&terminal->master);
    return holds(&terminal->out) && terminal->tty >= 0;
}

void run_terminal_done(struct run_terminal *terminal)
{
    run_terminal_leave(terminal);
    shut(&terminal->master);
    shut(&terminal->tty);
}
