/*
 * session.c - one client = one coroutine
 *
 *     bytes --cut--> frame --parse--> call --dispatch--> command --replies--> bytes
 *
 * Everything a client can do wrong ends here: it may send garbage, half a call, a call that
 * never ends, too many calls, descriptors, nothing at all; it may take its answers slowly, or
 * go away in the middle of anything.  It costs itself its connection and nobody else anything:
 *
 *   - a call has VARLINK_FRAME_MAX bytes and CTL_FRAME_PATIENCE, then an error and the end;
 *   - answers are collected up to CTL_OUT_MAX; a client that takes none for CTL_WRITE_PATIENCE
 *     is cut off;
 *   - descriptors sent along (SCM_RIGHTS) are never received: a read without room for control
 *     messages makes the kernel close them;
 *   - an end of the sending side only (`... | nc -N -U`) still gets its answers.
 */
#include "control/room.h"

#include "base/log.h"
#include "base/scope.h"
#include "base/sys.h"
#include "coop/io.h"
#include "handover.h"
#include "text/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { READ_STEP = 4096 }; /* most calls fit; a long one grows by doubling */

/* ---- pausing ---- */

bool ctl_pauses(const struct control *control, int r)
{
    return r == -ECANCELED && atomic_load(&control->pausing);
}

/* ---- bytes out ---- */

/* Sends what is collected. 0, or -errno: the client is gone, and so is what it did not take. */
static int session_flush(struct session *session)
{
    size_t sent = 0;

    while (sent < session->out.len && !session->gone) {
        struct iovec piece = {session->out.data + sent, session->out.len - sent};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        ssize_t n = coop_sendmsg(session->fd, &message, MSG_NOSIGNAL,
                                 coop_after(coop_now(), CTL_WRITE_PATIENCE));

        if (n < 0 && ctl_pauses(session->control, (int)n)) {
            buf_drop(&session->out, sent);
            session->out.max = CTL_OUT_PAUSED_MAX;
            return 0;
        }
        if (n < 0) {
            session->gone = true;
            log_debug("control", "client pid %d: %s", session->peer.pid, coop_strerror((int)n));
        } else {
            sent += (size_t)n;
        }
    }
    buf_clear(&session->out);
    session->out.max = CTL_OUT_MAX;
    return session->gone ? -EPIPE : 0;
}

/* Appends one frame or nothing. */
static int append_frame(struct session *session, json_t *parameters, bool continues,
                        const char *error)
{
    size_t before = session->out.len;
    int r;

    json_incref(parameters); /* the frame takes one reference, and there may be a second try */
    r = error ? varlink_add_error(&session->out, error, parameters)
              : varlink_add_reply(&session->out, parameters, continues);
    if (r < 0)
        session->out.len = before;
    return r;
}

/* A frame that does not fit behind what is collected fits after that is sent, or never. */
static int append_or_flush(struct session *session, json_t *parameters, bool continues,
                           const char *error)
{
    int r = append_frame(session, parameters, continues, error);

    if (r < 0 && session_flush(session) == 0)
        r = append_frame(session, parameters, continues, error);
    return r;
}

static int limit_reached(struct session *session)
{
    SCOPED_JSON json_t *parameters =
        json_pack("{s:s, s:i}", "limit", "bytes of an answer", "value", (int)CTL_OUT_MAX);

    return append_frame(session, parameters, false, CTL_INTERFACE ".LimitReached");
}

static int answer(struct ctl_call *call, json_t *parameters, bool continues, const char *error)
{
    struct session *session = call->session;
    int r = 0;

    if (!call->oneway && !call->answered) {
        call->answered = !continues;
        r = append_or_flush(session, parameters, continues, error);
    }
    json_decref(parameters);
    if (r < 0) {
        call->answered = true;
        buf_clear(&session->out);
        r = limit_reached(session);
    }
    if (session->gone || r < 0)
        return -EPIPE;
    return session->out.len > CTL_OUT_FLUSH ? session_flush(session) : 0;
}

int ctl_reply(struct ctl_call *call, json_t *parameters)
{
    return answer(call, parameters, false, NULL);
}

int ctl_stream(struct ctl_call *call, json_t *parameters)
{
    return answer(call, parameters, call->more, NULL);
}

int ctl_stream_end(struct ctl_call *call, json_t *empty)
{
    return answer(call, empty, false, NULL);
}

int ctl_error(struct ctl_call *call, const char *error, json_t *parameters)
{
    return answer(call, parameters, false, error);
}

int ctl_fail(struct ctl_call *call, const struct coop_err *err)
{
    return ctl_error(
        call, CTL_INTERFACE ".Failed",
        json_pack("{s:o, s:o}", "message", varlink_string(err->text, strlen(err->text)), "hint",
                  err->hint[0] ? varlink_string(err->hint, strlen(err->hint)) : json_null()));
}

int ctl_fail_turn(struct ctl_call *call, const struct coop_err *err)
{
    return ctl_pauses(call->control, -err->sys) ? -ECANCELED : ctl_fail(call, err);
}

int ctl_flush(struct ctl_call *call)
{
    return session_flush(call->session);
}

/* ---- bytes in ---- */

bool session_listens(const struct session *session)
{
    return !session->ended && session->in.len < VARLINK_FRAME_MAX;
}

/* Reads once.  1 bytes came, 0 the client sends no more, or -errno. */
static int read_some(struct session *session, coop_nsec deadline)
{
    ssize_t n;

    if (buf_reserve(&session->in, READ_STEP) < 0)
        return -ENOMEM;
    n = coop_read(session->fd, session->in.data + session->in.len, READ_STEP, deadline);
    if (n < 0)
        return (int)n;
    session->in.len += (size_t)n;
    session->ended = n == 0;
    return n > 0;
}

int session_take_in(struct session *session, int events)
{
    int r = 1;

    while (r == 1 && session_listens(session))
        r = read_some(session, COOP_NOW);
    if (r < 0 && r != -EAGAIN)
        return -EPIPE;
    return session->ended && (events & COOP_HUP) ? -EPIPE : 0;
}

/* Tells why the bytes that came are no call. Always -EPROTO: the place is lost. */
static int refuse_bytes(struct session *session, const char *why)
{
    struct ctl_call nobody = {.session = session, .control = session->control};

    log_info("control", "client pid %d uid %u: %s", session->peer.pid,
             (unsigned)session->peer.uid, why);
    if (ctl_error(&nobody, CTL_INTERFACE ".InvalidFrame", json_pack("{s:s}", "message", why)) ==
        0)
        session_flush(session);
    return -EPROTO;
}

/* Waits for more bytes, as long as the call's state allows. 1, 0 the end, or -errno. */
static int wait_for_bytes(struct session *session)
{
    coop_nsec now = coop_now(), deadline;
    int r;

    if (!session->scan.started) {
        session->frame_deadline = 0;
        buf_done(&session->in); /* an idle client keeps no memory */
    } else if (session->frame_deadline == 0) {
        session->frame_deadline = coop_after(now, CTL_FRAME_PATIENCE);
    }
    deadline =
        session->frame_deadline ? session->frame_deadline : coop_after(now, CTL_IDLE_PATIENCE);
    atomic_store(&session->waiting_since, now);
    r = read_some(session, deadline);
    atomic_store(&session->waiting_since, 0);
    if (r == -ETIMEDOUT && session->scan.started)
        return refuse_bytes(session, "the call was not complete after 10 seconds");
    return r;
}

/* 1 a call's text is at '*ret_piece', 0 the client has ended, or -errno. */
static int next_frame(struct session *session, struct varlink_piece *ret_piece)
{
    for (;;) {
        enum varlink_cut cut =
            varlink_cut(&session->scan, session->in.data, session->in.len, ret_piece);
        int r;

        if (cut == VARLINK_FRAME)
            return 1;
        if (cut != VARLINK_MORE)
            return refuse_bytes(session, varlink_cut_text(cut));
        buf_drop(&session->in, ret_piece->used);
        r = session->ended ? 0 : wait_for_bytes(session);
        if (r <= 0)
            return r;
    }
}

/* ---- calls ---- */

/* A whole frame that is no call: says so; after a few of them the client is not worth it. */
static int refuse_call(struct session *session, const struct coop_err *err)
{
    struct ctl_call nobody = {.session = session, .control = session->control};
    int r =
        ctl_error(&nobody, CTL_INTERFACE ".InvalidFrame",
                  json_pack("{s:o}", "message", varlink_string(err->text, strlen(err->text))));

    if (r == 0)
        r = session_flush(session);
    return r == 0 && ++session->bad_frames >= CTL_BAD_FRAMES_MAX ? -EPROTO : r;
}

/* A call's answer; when the room pauses meanwhile the call is kept. 1 or -errno. */
static int serve_call(struct session *session, struct varlink_call *call, bool again,
                      const json_t *progress)
{
    int r = ctl_dispatch(session, call, again, progress);

    if (ctl_pauses(session->control, r))
        session->unanswered = json_incref(call->root);
    varlink_call_done(call);
    if (r == 0)
        r = session_flush(session);
    return r < 0 ? r : 1;
}

/* The call that was under way when the room paused. */
static int serve_again(struct session *session)
{
    SCOPED_JSON json_t *progress = ptr_take(&session->progress);
    struct varlink_call call;

    varlink_call_of(ptr_take(&session->unanswered), &call);
    return serve_call(session, &call, true, progress);
}

/* Answers the next call. 1 one was answered, 0 the client has ended, or -errno. */
static int serve_one(struct session *session)
{
    struct varlink_piece piece;
    struct varlink_call call;
    struct coop_err err;
    int r = atomic_load(&session->control->pausing) ? coop_cancelled() : 0;

    if (r == 0 && session->out.len > 0)
        r = session_flush(session);
    if (r < 0)
        return r;
    if (session->unanswered)
        return serve_again(session);
    r = next_frame(session, &piece);
    if (r <= 0)
        return r;
    session->frame_deadline = 0;
    r = varlink_call_parse(session->in.data + piece.start, piece.len, &call, &err);
    buf_drop(&session->in, piece.used);
    if (r < 0) {
        r = refuse_call(session, &err);
        return r < 0 ? r : 1;
    }
    return serve_call(session, &call, false, NULL);
}

void session_init(struct session *session, struct control *control, int fd)
{
    session->control = control;
    session->fd = fd;
    buf_init(&session->in, VARLINK_FRAME_MAX + 2 * 4096);
    buf_init(&session->out, CTL_OUT_MAX);
}

void session_abandon(struct session *session)
{
    struct control *control = session->control;
    int fd = session->fd;

    coop_mutex_lock(&control->lock);
    list_remove(&session->link);
    coop_mutex_unlock(&control->lock);
    coop_fd_close(fd); /* out of the list first: nobody shuts down a number that is another's */
    ctl_action_free(session->action);
    json_decref(session->unanswered);
    handover_close_rest(session->progress);
    json_decref(session->progress);
    buf_done(&session->in);
    buf_done(&session->out);
    free(session);

    coop_mutex_lock(&control->lock);
    control->clients--; /* and now there is room */
    coop_cond_signal(&control->left);
    coop_mutex_unlock(&control->lock);
    coop_wg_done(&control->talking);
}

int session_life(void *arg)
{
    struct session *session = arg;
    int r;

    do { /* a client with a thousand calls in one write is one of many */
        r = serve_one(session);
        if (r == 1)
            r = coop_yield() < 0 ? -ECANCELED : 1;
    } while (r == 1);
    if (!ctl_pauses(session->control, r))
        session_abandon(session);
    return 0; /* never a reason to cancel the others */
}

/* ---- a re-execution ---- */

json_t *session_record(struct session *session)
{
    json_t *progress = session->action     ? ctl_action_record(session->action)
                       : session->progress ? json_incref(session->progress)
                                           : json_object();

    return json_pack(
        "{s:o, s:i, s:o, s:o, s:I, s:b, s:O?, s:o}", "socket", handover_fd(session->fd),
        "right", (int)session->right, "in", handover_bytes(session->in.data, session->in.len),
        "out", handover_bytes(session->out.data, session->out.len), "deadline",
        (json_int_t)session->frame_deadline, "line_ended", session->scan.line_ended, "call",
        session->unanswered, "progress", progress);
}

static int take_bytes(struct buf *to, const json_t *bytes)
{
    size_t size = json_string_length(bytes) / 2;

    if (size == 0)
        return 0;
    if (buf_reserve(to, size) < 0)
        return -ENOMEM;
    handover_get_bytes(bytes, to->data + to->len, size);
    to->len += size;
    return 0;
}

struct session *session_take(struct control *control, json_t *record)
{
    struct session *session = calloc(1, sizeof *session);
    socklen_t length = sizeof(struct ucred);
    json_t *call = json_object_get(record, "call"), *got = json_object_get(record, "progress");

    if (!session)
        return NULL;
    session_init(session, control, handover_take_fd(record, "socket"));
    session->right = (enum ctl_right)handover_int(record, "right", CTL_RIGHT_NONE);
    session->out.max = CTL_OUT_PAUSED_MAX;
    if (session->fd < 0 ||
        sys_getsockopt(session->fd, SOL_SOCKET, SO_PEERCRED, &session->peer, &length) < 0 ||
        take_bytes(&session->in, json_object_get(record, "in")) < 0 ||
        take_bytes(&session->out, json_object_get(record, "out")) < 0) {
        if (session->fd >= 0)
            coop_fd_close(session->fd);
        buf_done(&session->in);
        buf_done(&session->out);
        free(session);
        return NULL;
    }
    session->frame_deadline = handover_int(record, "deadline", 0);
    session->scan.line_ended = handover_bool(record, "line_ended");
    session->unanswered = json_is_object(call) ? json_incref(call) : NULL;
    session->progress = json_is_object(got) ? json_incref(got) : NULL;
    return session;
}
