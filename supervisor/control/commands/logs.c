/*
 * logs.c - Logs: the last lines of a service's log, and those to come
 *
 * The log is a file that a coroutine of its own writes; this command only reads it.  So a reader
 * of any slowness holds nobody up and there is no queue to fill: what it has not taken yet is in
 * the file.  One that is more than FOLLOW_BEHIND_MAX bytes behind is cut off, because it will
 * never catch up.
 *
 * New lines are announced by inotify on the file, a new file under the same name (rotation, or a
 * service that writes for the first time) by inotify on its directory.
 */
#include "control/room.h"

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/block.h"
#include "coop/io.h"
#include "coop/select.h"
#include "daemon.h"
#include "events/board.h"
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>

enum {
    CHUNK = 64 * 1024,                   /* read and answered at a time                      */
    LINE_PIECE_MAX = 16 * 1024,          /* a longer line comes in pieces                    */
    TAIL_BACK_MAX = 64 * 1024 * 1024,    /* how far back the last lines are looked for       */
    FOLLOW_BEHIND_MAX = 8 * 1024 * 1024, /* bytes a follower may be behind                   */
};

struct tail {
    struct ctl_call *call;
    char path[CTL_PATH_MAX];
    int fd;     /* the log, -1 while there is none */
    int notify; /* inotify, -1 when nobody follows */
    ino_t ino;
    off_t at;    /* up to here it is read */
    char *bytes; /* CHUNK: an unfinished line is kept at its front */
    size_t used;
};

/* ---- reading ---- */

static ssize_t read_at(int fd, char *ret_bytes, size_t size, off_t at)
{
    ssize_t n;

    coop_syscall_begin();
    n = sys_pread(fd, ret_bytes, size, at);
    coop_syscall_end();
    return n;
}

/* Opens what is at the path now. Leaves tail->fd alone when there is nothing. */
static void open_log(struct tail *tail)
{
    struct stat about;
    int fd;

    coop_block_begin();
    fd = sys_openat(AT_FDCWD, tail->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0);
    coop_block_end();
    if (fd < 0)
        return;
    if (sys_fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) {
        sys_close(fd);
        return;
    }
    if (tail->fd >= 0)
        sys_close(tail->fd);
    tail->fd = fd;
    tail->ino = about.st_ino;
    tail->at = 0;
    if (tail->notify >= 0)
        sys_inotify_add_watch(tail->notify, tail->path, IN_MODIFY);
}

static off_t size_of(const struct tail *tail)
{
    struct stat about;

    return tail->fd >= 0 && sys_fstat(tail->fd, &about) == 0 ? about.st_size : 0;
}

/* Where the last 'lines' lines begin, looking back from the end in steps. */
static off_t find_tail(struct tail *tail, int64_t lines)
{
    off_t end = size_of(tail), at = end;
    off_t first = end > TAIL_BACK_MAX ? end - TAIL_BACK_MAX : 0;
    int64_t seen = 0;

    while (at > first) {
        size_t step = at - first < CHUNK ? (size_t)(at - first) : CHUNK;
        ssize_t n = read_at(tail->fd, tail->bytes, step, at - (off_t)step);

        if (n <= 0)
            break;
        for (ssize_t i = n - 1; i >= 0; i--) {
            off_t here = at - (off_t)step + i;

            /* the newline at the very end closes the last line, it starts none */
            if (tail->bytes[i] == '\n' && here != end - 1 && ++seen == lines)
                return here + 1;
        }
        at -= (off_t)step;
    }
    return lines == 0 ? end : first;
}

/* ---- telling ---- */

/* Sends the whole lines in front of tail->bytes; of a line that fills the buffer a piece.  With
 * 'all' also what has no newline yet. */
static int tell_lines(struct tail *tail, bool all)
{
    json_t *lines = json_array();
    size_t done = 0;
    int r = 0;

    while (done < tail->used) {
        const char *from = tail->bytes + done;
        size_t rest = tail->used - done;
        size_t most = rest < LINE_PIECE_MAX ? rest : LINE_PIECE_MAX;
        const char *newline = memchr(from, '\n', most);
        size_t length = newline ? (size_t)(newline - from) : most;

        if (!newline && most < LINE_PIECE_MAX && !all)
            break;
        json_array_append_new(lines, varlink_string(from, length));
        done += length + (newline ? 1 : 0);
    }
    tail->used -= done;
    memmove(tail->bytes, tail->bytes + done, tail->used);
    if (json_array_size(lines) > 0)
        return ctl_stream(tail->call, json_pack("{s:o}", "lines", lines));
    json_decref(lines);
    return r;
}

/* Reads and tells up to the end of the file. 0, or -errno: the client is gone. */
static int tell_new(struct tail *tail, bool all)
{
    int r = 0;

    if (size_of(tail) < tail->at) { /* truncated: begin again */
        tail->at = 0;
        tail->used = 0;
    }
    while (r == 0 && tail->fd >= 0) {
        ssize_t n = read_at(tail->fd, tail->bytes + tail->used, CHUNK - tail->used, tail->at);

        if (n <= 0)
            break;
        tail->at += n;
        tail->used += (size_t)n;
        r = tell_lines(tail, false);
        if (size_of(tail) - tail->at > FOLLOW_BEHIND_MAX && tail->call->args.follow)
            return ctl_error(tail->call, CTL_INTERFACE ".SlowReader",
                             json_pack("{s:i}", "value", (int)FOLLOW_BEHIND_MAX));
    }
    return r == 0 && all ? tell_lines(tail, true) : r;
}

/* ---- following ---- */

static void drain_notify(const struct tail *tail)
{
    char events[4096];

    while (coop_read(tail->notify, events, sizeof events, COOP_NOW) > 0)
        ;
}

/* Is another file under the name by now? */
static bool was_replaced(const struct tail *tail)
{
    struct stat about;

    return sys_fstatat(AT_FDCWD, tail->path, &about, 0) == 0 &&
           (tail->fd < 0 || about.st_ino != tail->ino);
}

/* After something happened: the rest of the old file, then the new one. */
static int catch_up(struct tail *tail)
{
    int r = tell_new(tail, false);

    if (r == 0 && !tail->call->answered && was_replaced(tail)) {
        open_log(tail);
        r = tell_new(tail, false);
    }
    return r;
}

/* For when the room does not pause any more: the very file, which may have lost its name. */
static void keep_place(struct tail *tail)
{
    tail->call->session->progress = json_pack("{s:o, s:I}", "log", handover_fd(tail->fd), "at",
                                              (json_int_t)(tail->at - (off_t)tail->used));
    if (tail->call->session->progress)
        tail->fd = -1;
}

static void take_place(struct tail *tail, const json_t *progress)
{
    struct stat about = {0};

    tail->fd = handover_take_fd(progress, "log");
    tail->at = (off_t)handover_int(progress, "at", 0);
    if (tail->fd >= 0 && sys_fstat(tail->fd, &about) == 0)
        tail->ino = about.st_ino;
}

/* Until the client goes, or coopd does. */
static int follow(struct tail *tail)
{
    struct session *session = tail->call->session;
    int r = catch_up(tail); /* what came between reading and watching */

    while (r == 0 && !tail->call->answered) {
        struct coop_case cases[] = {
            COOP_FD(tail->notify, COOP_IN),
            COOP_RECV(tail->call->control->stop, NULL),
            COOP_FD(session->fd, COOP_IN),
        };

        r = ctl_flush(tail->call);
        if (r < 0)
            return r;
        r = coop_select(cases, session_listens(session) ? 3 : 2, COOP_FOREVER);
        if (ctl_pauses(tail->call->control, r)) {
            keep_place(tail);
            return r;
        }
        if (r < 0 || r == 1)
            return ctl_stream_end(tail->call, json_pack("{s:[]}", "lines"));
        if (r == 2) {
            r = session_take_in(session, cases[2].result);
            if (session->ended) /* who follows and hangs up half has hung up */
                return -EPIPE;
        } else {
            drain_notify(tail);
            r = catch_up(tail);
        }
    }
    return r;
}

/* Watches the log's directory, so that its birth is seen. 0 or -errno. */
static int start_watching(struct tail *tail)
{
    char dir[CTL_PATH_MAX];
    char *slash;
    int r;

    tail->notify = sys_inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (tail->notify < 0)
        return tail->notify;
    str_copy(dir, sizeof dir, tail->path);
    slash = strrchr(dir, '/');
    if (slash)
        slash[slash == dir ? 1 : 0] = '\0';
    r = sys_inotify_add_watch(tail->notify, slash ? dir : ".",
                              IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
    return r < 0 ? r : 0;
}

static int tell_tail(struct tail *tail)
{
    const struct ctl_args *args = &tail->call->args;
    int r = args->follow ? start_watching(tail) : 0;
    struct coop_err err;

    if (r < 0) {
        coop_fail_sys(&err, r, "follow '%s'", tail->path);
        return ctl_fail(tail->call, &err);
    }
    if (json_object_get(tail->call->progress, "at")) {
        take_place(tail, tail->call->progress);
    } else {
        open_log(tail);
        tail->at = find_tail(tail, args->lines);
    }
    r = tell_new(tail, !args->follow);
    if (r == 0 && args->follow)
        return follow(tail);
    return r < 0 ? r : ctl_stream_end(tail->call, json_pack("{s:[]}", "lines"));
}

int ctl_logs(struct ctl_call *call)
{
    struct board *board = daemon_board(call->control->daemon);
    const char *name = call->args.services[0];
    struct svc_view view;
    struct tail *tail;
    int r = -ENOMEM;

    if (!board_find(board, name, &view))
        return ctl_no_such_service(call, name);
    tail = calloc(1, sizeof *tail);
    if (!tail)
        return r;
    tail->call = call;
    tail->fd = tail->notify = -1;
    tail->bytes = malloc(CHUNK);
    if (daemon_log_path(call->control->daemon, name, tail->path, sizeof tail->path) < 0)
        r = ctl_error(call, CTL_INTERFACE ".NoLog", json_pack("{s:s}", "service", name));
    else if (tail->bytes)
        r = tell_tail(tail);
    if (tail->fd >= 0)
        sys_close(tail->fd);
    if (tail->notify >= 0)
        coop_fd_close(tail->notify);
    free(tail->bytes);
    free(tail);
    return r;
}
