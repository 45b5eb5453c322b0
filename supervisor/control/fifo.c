/*
 * fifo.c - commands as lines of text, for whoever can only write: echo restart web > control.fifo
 *
 * Opened for reading and writing, so that the FIFO always has a writer: without one, read says
 * "end" at once and for ever when the last writer has closed it, and waiting would be a spin.
 * Lines of less than PIPE_BUF bytes never mix however many write; a longer one is refused whole.
 * A tail without a newline is thrown away after TAIL_PATIENCE, so that it cannot become the
 * beginning of somebody else's line.
 */
#include "control/room.h"

#include "base/log.h"
#include "base/scope.h"
#include "base/sys.h"
#include "control/lines.h"
#include "coop/io.h"
#include "coop/select.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#define TAIL_PATIENCE (5 * COOP_NSEC_PER_SEC)

/* Made under another name and renamed, so that a file or a link planted at the path is neither
 * opened nor followed. */
static int make_fifo(const char *path, struct coop_err *err)
{
    char born[CTL_PATH_MAX + 8];
    int r;

    snprintf(born, sizeof born, "%s.new", path);
    sys_unlinkat(AT_FDCWD, born, 0);
    r = sys_mkfifoat(AT_FDCWD, born, 0600);
    if (r == 0)
        r = sys_fchmodat(AT_FDCWD, born, 0600, 0); /* a umask may have taken more away */
    if (r == 0)
        r = sys_renameat(AT_FDCWD, born, AT_FDCWD, path);
    if (r < 0)
        sys_unlinkat(AT_FDCWD, born, 0);
    return r < 0 ? coop_fail_sys(err, r, "control FIFO '%s'", path) : 0;
}

/* Opens what make_fifo() has made, and nothing else. */
static int open_fifo(const char *path, int *ret_fd, struct coop_err *err)
{
    struct stat about;
    SCOPED_SYS_FD fd =
        sys_openat(AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY, 0);

    if (fd < 0)
        return coop_fail_sys(err, fd, "open the control FIFO '%s'", path);
    if (sys_fstat(fd, &about) < 0 || !S_ISFIFO(about.st_mode))
        return coop_fail(err, COOP_E_DENIED, "control FIFO '%s': somebody replaced it", path);
    *ret_fd = fd_take(&fd);
    return 0;
}

int ctl_fifo_open(struct control *control, struct coop_err *err)
{
    int fd = -1;

    if (make_fifo(control->fifo_path, err) < 0)
        return -1;
    if (open_fifo(control->fifo_path, &fd, err) < 0) {
        sys_unlinkat(AT_FDCWD, control->fifo_path, 0);
        return -1;
    }
    if (control->fifo_fd >= 0)
        coop_fd_close(control->fifo_fd);
    control->fifo_fd = fd;
    return 0;
}

/* False when the room pauses; a line that waited for its turn is the next one again. */
static bool obey_lines(struct control *control, struct line_cutter *cutter)
{
    enum line_kind kind;
    char *line;

    while ((kind = line_next(cutter, &line)) != LINE_NONE) {
        if (kind == LINE_TOO_LONG) {
            log_warn("control", "fifo: a line of %d bytes or more was refused",
                     (int)LINE_MAX_BYTES);
        } else if (ctl_pauses(control, ctl_obey(control, line, "fifo"))) {
            line_back(cutter);
            return false;
        }
    }
    return true;
}

static void drop_tail(struct line_cutter *cutter)
{
    log_warn("control", "fifo: a line without an end was thrown away");
    line_drop_tail(cutter);
}

/* Until somebody writes, or the patience for a line's end is over. False: the room closes. */
static bool wait_for_writers(struct control *control, struct line_cutter *cutter)
{
    bool tail = line_tail(cutter) > 0;
    struct coop_case cases[] = {
        COOP_FD(control->fifo_fd, COOP_IN),
        COOP_RECV(control->stop, NULL),
        COOP_RECV(control->reopen_fifo, NULL),
    };
    int r = coop_select(cases, COOP_COUNT(cases),
                        tail ? coop_after(coop_now(), TAIL_PATIENCE) : COOP_FOREVER);
    struct coop_err err;

    if (r == -ETIMEDOUT)
        drop_tail(cutter);
    else if (r == 2 && ctl_fifo_open(control, &err) < 0)
        log_err(LOG_LEVEL_ERROR, "control", &err);
    return r == 0 || r == 2 || r == -ETIMEDOUT;
}

/* One read. False when the room closes. */
static bool read_fifo(struct control *control, struct line_cutter *cutter)
{
    size_t room;
    char *to = line_room(cutter, &room);
    ssize_t n = coop_read(control->fifo_fd, to, room, COOP_NOW);

    if (n == -EAGAIN)
        return wait_for_writers(control, cutter);
    if (n < 0)
        return false;
    line_filled(cutter, (size_t)n);
    return true;
}

int ctl_fifo_life(void *arg)
{
    struct control *control = arg;

    while (obey_lines(control, control->fifo_cutter) && coop_yield() == 0 &&
           read_fifo(control, control->fifo_cutter))
        ;
    return 0;
}
