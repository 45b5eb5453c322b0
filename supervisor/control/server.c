/*
 * server.c - the socket: bind, accept, who is it, is there room
 *
 * THE SOCKET FILE.  It must never be open wider than meant, not for a moment, whatever the
 * umask is; a stale one must go; nothing that somebody planted at its path may be followed. So
 * the socket is born 0600 (the mode of an unbound socket, set by fchmod, is what bind gives the
 * file), under another name, gets its final mode there, and is renamed to its path, which
 * replaces what is there, a symbolic link too.  Who calls holds the lock beside it, so what is
 * there is nobody's.
 *
 * WHO MAY.  The kernel's socket mode is the first gate, the peer's uid (SO_PEERCRED, fixed by
 * the kernel at connect) the second: root and coopd's own user may do everything, others
 * nothing.  The third: a peer in a user or PID namespace below coopd's own is somebody's sandbox;
 * there the uid says whose it is, not what it may do, so it may do nothing.  A peer that we see no
 * PID of is outside of our PID namespace (the host's root, above a container) and is judged by uid.
 *
 * NO ROOM.  At CTL_CLIENTS_MAX the client that has said nothing for longest is sent away, so
 * that a crowd that only holds connections open cannot lock a caller out; when all stay at work
 * the newcomer is told so.  CTL_FDS_KEPT descriptors are never a client's: services need them to
 * come back.  When descriptors run out all the same, one that is held back for this is given
 * up to accept the newcomer and close it: the connection would otherwise stay in the queue and
 * accept would fail again at once, for ever.
 */
#include "control/room.h"

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/io.h"
#include "coop/select.h"
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/un.h>

enum { BACKLOG = 4096 }; /* the kernel cuts it to net.core.somaxconn */
#define PAUSE_WITHOUT_FDS (100 * COOP_NSEC_PER_MSEC)
#define ROOM_PATIENCE     (1 * COOP_NSEC_PER_SEC) /* a newcomer waits for room         */

/* ---- listening ---- */

/* Binds at 'path', which must not exist, and gives it its final mode. */
static int bind_at(int fd, const char *path, mode_t mode, struct coop_err *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int r = str_copy(address.sun_path, sizeof address.sun_path, path);

    if (r < 0)
        return coop_fail(err, COOP_E_LIMIT, "control socket '%s': the path is too long", path);
    sys_unlinkat(AT_FDCWD, path, 0);
    r = sys_fchmod(fd, 0600);
    if (r == 0)
        r = sys_bind(fd, (const struct sockaddr *)&address, sizeof address);
    if (r < 0)
        return coop_fail_sys(err, r, "control socket '%s': bind", path);
    r = sys_fchmodat(AT_FDCWD, path, mode, 0);
    if (r == 0)
        r = sys_listen(fd, BACKLOG);
    if (r < 0)
        return coop_fail_sys(err, r, "control socket '%s': chmod and listen", path);
    return 0;
}

/* Binds under another name, then takes the path's place. */
static int bind_and_rename(struct control *control, int fd, const char *born,
                           struct coop_err *err)
{
    struct stat about;
    int r;

    if (bind_at(fd, born, control->uid == 0 ? 0660 : 0600, err) < 0)
        return -1;
    r = sys_fstatat(AT_FDCWD, born, &about, AT_SYMLINK_NOFOLLOW);
    if (r == 0)
        r = sys_renameat(AT_FDCWD, born, AT_FDCWD, control->socket_path);
    if (r < 0)
        return coop_fail_sys(err, r, "control socket '%s'", control->socket_path);
    control->socket_dev = about.st_dev;
    control->socket_ino = about.st_ino;
    return 0;
}

/* On success control->listen_fd listens at the socket's path; an earlier one is closed. */
static int open_socket(struct control *control, struct coop_err *err)
{
    char born[CTL_PATH_MAX];
    SCOPED_SYS_FD fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return coop_fail_sys(err, fd, "control socket");
    if (str_format(born, sizeof born, "%s.new", control->socket_path) < 0)
        return coop_fail(err, COOP_E_LIMIT, "control socket: the path is too long");
    if (bind_and_rename(control, fd, born, err) < 0) {
        sys_unlinkat(AT_FDCWD, born, 0);
        return -1;
    }
    if (control->listen_fd >= 0)
        coop_fd_close(control->listen_fd);
    control->listen_fd = fd_take(&fd);
    return 0;
}

/* Removes the socket's file, unless it is another's by now. */
static void remove_socket(const struct control *control)
{
    struct stat about;

    if (sys_fstatat(AT_FDCWD, control->socket_path, &about, AT_SYMLINK_NOFOLLOW) == 0 &&
        about.st_dev == control->socket_dev && about.st_ino == control->socket_ino)
        sys_unlinkat(AT_FDCWD, control->socket_path, 0);
}

/* ---- accepting ---- */

/* The client that has said nothing for longest; NULL when all are at work.  Under the lock. */
static struct session *most_silent(struct control *control, coop_nsec *ret_since)
{
    struct session *longest = NULL;

    *ret_since = COOP_FOREVER;
    list_for_each (it, &control->sessions) {
        struct session *session = list_entry(it, struct session, link);
        coop_nsec waiting = atomic_load(&session->waiting_since);

        if (waiting != 0 && waiting < *ret_since) {
            *ret_since = waiting;
            longest = session;
        }
    }
    return longest;
}

/* Sends the most silent client away.  One that has just come gets a moment for its call: then,
 * and when all are at work, '*ret_again' is when to look again, unless somebody leaves before. */
static void send_one_away(struct control *control, coop_nsec *ret_again)
{
    struct session *session = most_silent(control, ret_again);

    if (!session)
        return;
    *ret_again = coop_after(*ret_again, CTL_SILENCE_MIN);
    if (*ret_again > coop_now())
        return;
    sys_shutdown(session->fd, SHUT_RDWR);
    atomic_store(&session->waiting_since, 0);
    *ret_again = COOP_FOREVER;
}

/* How many descriptors of those kept back for services would be gone with this client?  Numbers
 * are given out from below, so the number tells how many are in use. */
static long kept_ones_taken(int fd)
{
    struct rlimit limit;

    if (sys_getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur > INT_MAX)
        return 0;
    return (long)fd + 1 + CTL_FDS_KEPT - (long)limit.rlim_cur;
}

static bool has_room(const struct control *control, int fd, long kept_ones)
{
    return control->clients < CTL_CLIENTS_MAX && kept_ones_taken(fd) <= kept_ones;
}

/* Is there room for a client with this descriptor?  Makes some if it can, and waits for it: a
 * crowd that comes faster than others leave waits in the socket's queue.  Under the lock. */
static bool make_room(struct control *control, int fd)
{
    coop_nsec deadline = coop_after(coop_now(), ROOM_PATIENCE), again;

    if (has_room(control, fd, 0))
        return true;
    do {
        send_one_away(control, &again);
        if (coop_cond_wait(&control->left, &control->lock,
                           again < deadline ? again : deadline) == -ECANCELED)
            return false;
    } while (!has_room(control, fd, CTL_FDS_GRACE) && coop_now() < deadline);
    return has_room(control, fd, CTL_FDS_GRACE);
}

/* Tells it without waiting, and closes. */
static void turn_away(int fd)
{
    struct buf out = BUF_INIT(CTL_OUT_MAX);

    if (varlink_add_error(
            &out, CTL_INTERFACE ".LimitReached",
            json_pack("{s:s, s:i}", "limit", "clients", "value", (int)CTL_CLIENTS_MAX)) == 0) {
        struct iovec piece = {out.data, out.len};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};

        sys_sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    }
    buf_done(&out);
    coop_fd_close(fd);
}

/* Whether 'pid' is in the same namespace of this kind as we are; -errno when we may not look. */
static int shares_namespace(pid_t pid, const char *kind)
{
    struct stat ours, theirs;
    char path[48];
    int r;

    str_format(path, sizeof path, "/proc/self/ns/%s", kind);
    r = sys_fstatat(AT_FDCWD, path, &ours, 0);
    if (r < 0)
        return r == -ENOENT; /* a kernel, or a /proc, without namespaces: nobody can be boxed */
    str_format(path, sizeof path, "/proc/%d/ns/%s", (int)pid, kind);
    r = sys_fstatat(AT_FDCWD, path, &theirs, 0);
    return r < 0 ? r : ours.st_ino == theirs.st_ino && ours.st_dev == theirs.st_dev;
}

/* A peer that we may not look at is boxed, too: hiding (not being dumpable) must not help.
 * Only the real root is beyond an ordinary user's looking. */
static bool is_boxed(const struct control *control, const struct ucred *peer)
{
    int user, pid;

    if (peer->pid == 0)
        return false;
    user = shares_namespace(peer->pid, "user");
    pid = shares_namespace(peer->pid, "pid");
    if (user == -EACCES && peer->uid == 0 && control->uid != 0)
        return false;
    return user != 1 || pid != 1;
}

static enum ctl_right right_of(const struct control *control, const struct ucred *peer)
{
    if (peer->uid != 0 && peer->uid != control->uid)
        return CTL_RIGHT_NONE;
    if (!is_boxed(control, peer))
        return CTL_RIGHT_ADMIN;
    log_warn("control",
             "client pid %d uid %u is in a namespace of its own: it has no rights here",
             peer->pid, (unsigned)peer->uid);
    return CTL_RIGHT_NONE;
}

/* One that comes when the room pauses begins when that is over. */
static int begin_session(struct control *control, struct session *session)
{
    static const struct coop_attr attr = {.name = "control-session"};
    int r = coop_go_with(control->scope, &attr, session_life, session);

    return ctl_pauses(control, r) ? 0 : r;
}

/* Takes 'fd' over in any case. */
static void admit(struct control *control, int fd)
{
    socklen_t length = sizeof(struct ucred);
    struct session *session = calloc(1, sizeof *session);
    bool room = session != NULL;

    if (!room || sys_getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &session->peer, &length) < 0) {
        free(session);
        turn_away(fd);
        return;
    }
    session_init(session, control, fd);
    session->right = right_of(control, &session->peer);

    coop_mutex_lock(&control->lock);
    room = make_room(control, fd);
    if (room) {
        list_push_back(&control->sessions, &session->link);
        control->clients++;
        coop_wg_add(&control->talking, 1);
    }
    coop_mutex_unlock(&control->lock);
    if (!room) {
        free(session);
        turn_away(fd);
    } else if (begin_session(control, session) < 0) {
        session_abandon(session);
    }
}

/* No descriptor is left for the connection at the head of the queue: the held-back one takes it
 * out of there. */
static void drop_one(struct control *control)
{
    int fd;

    sys_close(control->spare_fd);
    control->spare_fd = -1;
    fd = coop_accept(control->listen_fd, NULL, NULL, COOP_NOW);
    if (fd >= 0)
        turn_away(fd);
    control->spare_fd = sys_eventfd(0, EFD_CLOEXEC);
    log_warn("control", "no descriptors left: a client was turned away");
    /* Somebody else may have taken what was freed: then this is the bound of our trying. */
    if (fd < 0 || control->spare_fd < 0)
        coop_recv(control->stop, NULL, coop_after(coop_now(), PAUSE_WITHOUT_FDS));
}

static bool is_shortage(int r)
{
    return r == -EMFILE || r == -ENFILE || r == -ENOMEM || r == -ENOBUFS;
}

/* What concerns one connection only, or passes. */
static bool is_harmless(int r)
{
    return r == -ECONNABORTED || r == -EPROTO || r == -EPERM || r == -EINTR;
}

/* Until somebody knocks. False when the room closes. */
static bool wait_at_the_door(struct control *control)
{
    struct coop_case cases[] = {
        COOP_FD(control->listen_fd, COOP_IN),
        COOP_RECV(control->stop, NULL),
        COOP_RECV(control->reopen_socket, NULL),
    };
    int r = coop_select(cases, COOP_COUNT(cases), COOP_FOREVER);
    struct coop_err err;

    if (r == 2 && open_socket(control, &err) < 0)
        log_err(LOG_LEVEL_ERROR, "control", &err);
    else if (r == 2)
        log_info("control", "the socket '%s' was made anew", control->socket_path);
    return r == 0 || r == 2;
}

static int accept_life(void *arg)
{
    struct control *control = arg;
    bool open = true;

    while (open) {
        int fd = coop_accept(control->listen_fd, NULL, NULL, COOP_NOW);

        if (fd >= 0)
            admit(control, fd);
        else if (is_shortage(fd))
            drop_one(control);
        else if (fd == -EAGAIN)
            open = wait_at_the_door(control);
        else
            open = is_harmless(fd);
    }
    return 0;
}

/* ---- life ---- */

/* Ends all sessions: those that wait for a call at once, those at work when they have answered,
 * within CTL_LAST_PATIENCE. */
static void say_goodbye(struct control *control)
{
    coop_mutex_lock(&control->lock);
    list_for_each (it, &control->sessions)
        sys_shutdown(list_entry(it, struct session, link)->fd, SHUT_RD);
    coop_mutex_unlock(&control->lock);
    coop_wg_wait_until(&control->talking, coop_after(coop_now(), CTL_LAST_PATIENCE));
}

/* Those that were there before.  Under the lock, for those that begin may end at once. */
static void begin_sessions(struct control *control)
{
    coop_mutex_lock(&control->lock);
    list_for_each (it, &control->sessions)
        if (begin_session(control, list_entry(it, struct session, link)) < 0)
            log_error("control", "no memory for a client that was connected before");
    coop_mutex_unlock(&control->lock);
}

/* True: it is to pause. */
static bool open_room(struct control *control, struct coop_scope *scope)
{
    static const struct coop_attr accept_attr = {.name = "control-accept"};
    static const struct coop_attr fifo_attr = {.name = "control-fifo"};
    struct coop_case cases[] = {COOP_RECV(control->stop, NULL),
                                COOP_RECV(control->pause, NULL)};

    coop_scope_init(scope, "control", COOP_FOREVER);
    control->scope = scope;
    begin_sessions(control);
    if (coop_go_with(scope, &accept_attr, accept_life, control) < 0 ||
        coop_go_with(scope, &fifo_attr, ctl_fifo_life, control) < 0)
        log_error("control", "no memory for the coroutines of socket and FIFO");
    return coop_select(cases, COOP_COUNT(cases), COOP_FOREVER) == 1;
}

static int control_life(void *arg)
{
    struct control *control = arg;
    struct coop_scope scope;

    while (open_room(control, &scope)) {
        coop_scope_end(&scope);
        coop_send(control->paused, NULL, COOP_NOW);
        coop_recv(control->resume, NULL, COOP_FOREVER);
    }
    say_goodbye(control);
    coop_scope_end(&scope);
    coop_wg_done(&control->alive);
    return 0;
}

/* ---- a re-execution ---- */

int control_pause(struct control *control, coop_nsec deadline)
{
    int r;

    (void)coop_recv(control->paused, NULL, COOP_NOW); /* of one that came too late */
    atomic_store(&control->pausing, true);
    coop_send(control->pause, NULL, COOP_NOW);
    r = coop_recv(control->paused, NULL, deadline);
    if (r < 0)
        control_resume(control);
    return r < 0 ? r : 0;
}

void control_resume(struct control *control)
{
    atomic_store(&control->pausing, false);
    coop_send(control->resume, NULL, COOP_NOW);
}

json_t *control_record(struct control *control)
{
    const struct line_cutter *cutter = control->fifo_cutter;
    json_t *sessions = json_array();

    list_for_each (it, &control->sessions)
        json_array_append_new(sessions, session_record(list_entry(it, struct session, link)));
    return json_pack(
        "{s:o, s:o, s:o, s:o, s:I, s:I}", "listen", handover_fd(control->listen_fd), "fifo",
        handover_fd(control->fifo_fd), "tail",
        handover_bytes(cutter->bytes + cutter->taken, cutter->used - cutter->taken), "sessions",
        sessions, "dev", (json_int_t)control->socket_dev, "ino",
        (json_int_t)control->socket_ino);
}

/* 0 or -1: then the socket is made anew. */
static int take_kept(struct control *control, const json_t *kept)
{
    json_t *record;
    size_t i, room;
    char *to = line_room(control->fifo_cutter, &room);
    size_t tail = handover_get_bytes(json_object_get(kept, "tail"), to, room);

    line_filled(control->fifo_cutter, tail <= room ? tail : 0);
    control->listen_fd = handover_take_fd(kept, "listen");
    control->fifo_fd = handover_take_fd(kept, "fifo");
    control->socket_dev = (dev_t)handover_int(kept, "dev", 0);
    control->socket_ino = (ino_t)handover_int(kept, "ino", 0);
    json_array_foreach(json_object_get(kept, "sessions"), i, record)
    {
        struct session *session = session_take(control, record);

        if (!session)
            continue;
        list_push_back(&control->sessions, &session->link);
        control->clients++;
        coop_wg_add(&control->talking, 1);
    }
    return control->listen_fd >= 0 && control->fifo_fd >= 0 ? 0 : -1;
}

static void control_free(struct control *control)
{
    if (control->listen_fd >= 0) {
        coop_fd_close(control->listen_fd);
        remove_socket(control);
    }
    if (control->fifo_fd >= 0) {
        coop_fd_close(control->fifo_fd);
        sys_unlinkat(AT_FDCWD, control->fifo_path, 0);
    }
    if (control->spare_fd >= 0)
        sys_close(control->spare_fd);
    free(control->fifo_cutter);
    coop_chan_unref(control->pause);
    coop_chan_unref(control->paused);
    coop_chan_unref(control->resume);
    coop_chan_unref(control->stop);
    coop_chan_unref(control->reopen_socket);
    coop_chan_unref(control->reopen_fifo);
    free(control);
}

int control_start(struct control **ret_control, struct daemon *daemon, const char *socket_path,
                  const json_t *kept, struct coop_err *err)
{
    static const struct coop_attr attr = {.name = "control", .flags = COOP_DAEMON};
    struct control *control = calloc(1, sizeof *control);

    if (!control)
        return coop_fail_sys(err, ENOMEM, "control");
    *control = (struct control){
        .daemon = daemon, .listen_fd = -1, .fifo_fd = -1, .spare_fd = -1, .uid = geteuid()};
    list_init(&control->sessions);
    control->stop = coop_chan_new(0, 0);
    control->reopen_socket = coop_chan_new(0, 1);
    control->reopen_fifo = coop_chan_new(0, 1);
    control->pause = coop_chan_new(0, 1);
    control->paused = coop_chan_new(0, 1);
    control->resume = coop_chan_new(0, 1);
    control->fifo_cutter = calloc(1, sizeof *control->fifo_cutter);
    control->spare_fd = sys_eventfd(0, EFD_CLOEXEC);
    if (!control->stop || !control->reopen_socket || !control->reopen_fifo || !control->pause ||
        !control->paused || !control->resume || !control->fifo_cutter ||
        control->spare_fd < 0) {
        int r = control->spare_fd < 0 ? control->spare_fd : -ENOMEM;

        control_free(control);
        return coop_fail_sys(err, r, "control");
    }
    if (str_copy(control->socket_path, sizeof control->socket_path, socket_path) < 0 ||
        ctl_fifo_path(socket_path, control->fifo_path, sizeof control->fifo_path) < 0) {
        control_free(control);
        return coop_fail(err, COOP_E_LIMIT, "control socket: the path is too long");
    }
    if ((!kept || take_kept(control, kept) < 0) &&
        (open_socket(control, err) < 0 || ctl_fifo_open(control, err) < 0)) {
        control_free(control);
        return -1;
    }
    coop_wg_add(&control->alive, 1);
    if (coop_go_with(NULL, &attr, control_life, control) < 0) {
        control_free(control);
        return coop_fail_sys(err, ENOMEM, "control");
    }
    *ret_control = control;
    return 0;
}

void control_stop(struct control *control)
{
    if (!control)
        return;
    coop_close(control->stop);
    coop_wg_wait(&control->alive);
    control_free(control);
}

void control_reopen(struct control *control)
{
    /* Full: it is asked for already. */
    coop_send(control->reopen_socket, NULL, COOP_NOW);
    coop_send(control->reopen_fifo, NULL, COOP_NOW);
}
