/*
 * json.c - JSON from outside and to outside (see json.h)
 */
#include "text/json.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"

#define RECV_STEP ((size_t)16 * 1024)

/* ---- helpers ---- */

static int add_chunk(const char *chunk, size_t size, void *out)
{
    return buf_add(out, chunk, size) < 0 ? -1 : 0;
}

/* Takes the first whole frame out of 'pending', if there is one: 1, 0 or -1. */
static int take_frame(struct buf *pending, json_t **ret_value, struct coop_err *err)
{
    ssize_t len = json_frame_find(buf_text(pending), pending->len, JSON_SEND_MAX);
    json_error_t where;
    int r = -1;

    if (len == -EAGAIN)
        return 0;
    if (len < 0)
        return coop_fail_sys(err, (int)len, "answer");
    if (json_depth(pending->data, (size_t)len, JSON_DEPTH_MAX) > JSON_DEPTH_MAX) {
        coop_fail(err, COOP_E_LIMIT, "answer nests deeper than %d levels", JSON_DEPTH_MAX);
    } else {
        json_t *value = json_loadb(pending->data, (size_t)len, JSON_REJECT_DUPLICATES, &where);

        if (value) {
            *ret_value = value;
            r = 1;
        } else {
            coop_fail(err, COOP_E_SYNTAX, "answer: line %d, column %d: %s", where.line,
                      where.column, where.text);
        }
    }
    buf_drop(pending, (size_t)len + 1);
    return r;
}

/* ---- the public calls ---- */

size_t json_depth(const char *text, size_t len, size_t stop_at)
{
    size_t depth = 0, deepest = 0;
    bool in_string = false;

    for (size_t i = 0; i < len && deepest <= stop_at; i++) {
        char c = text[i];

        if (in_string) {
            if (c == '\\')
                i++;
            else if (c == '"')
                in_string = false;
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            depth++;
            if (depth > deepest)
                deepest = depth;
        } else if ((c == '}' || c == ']') && depth > 0) {
            depth--;
        }
    }
    return deepest;
}

int json_parse(const char *text, size_t len, json_t **ret_value, struct coop_err *err)
{
    json_error_t where;
    json_t *value;

    if (len > JSON_BYTES_MAX)
        return coop_fail(err, COOP_E_LIMIT, "%zu bytes of JSON; at most %zu are taken", len,
                         JSON_BYTES_MAX);
    if (json_depth(text, len, JSON_DEPTH_MAX) > JSON_DEPTH_MAX)
        return coop_fail(err, COOP_E_LIMIT, "JSON nests deeper than %d levels", JSON_DEPTH_MAX);
    value = json_loadb(text, len, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &where);
    if (!value)
        return coop_fail(err, COOP_E_SYNTAX, "JSON line %d, column %d: %s", where.line,
                         where.column, where.text);
    *ret_value = value;
    return 0;
}

int json_parse_object(const char *text, size_t len, json_t **ret_object, struct coop_err *err)
{
    json_t *value = NULL;

    if (json_parse(text, len, &value, err) < 0)
        return -1;
    if (!json_is_object(value)) {
        json_decref(value);
        return coop_fail(err, COOP_E_SYNTAX, "JSON, but not an object");
    }
    *ret_object = value;
    return 0;
}

int json_add(struct buf *out, const json_t *value)
{
    size_t before = out->len;
    int r = json_dump_callback(value, add_chunk, out, JSON_COMPACT | JSON_ENCODE_ANY);

    if (r < 0 && !out->error)
        out->error = -ENOMEM;
    if (out->error && out->len > before) { /* half a value is worse than none */
        out->len = before;
        out->data[before] = '\0';
    }
    return out->error;
}

int json_frame(struct buf *out, const json_t *value)
{
    size_t before = out->len;

    if (json_add(out, value) == 0 && buf_add_char(out, '\0') < 0) {
        out->len = before;
        out->data[before] = '\0';
    }
    return out->error;
}

ssize_t json_frame_find(const char *bytes, size_t len, size_t max)
{
    const char *end = len ? memchr(bytes, '\0', len) : NULL;
    size_t frame = end ? (size_t)(end - bytes) : len;

    if (frame > max)
        return -EMSGSIZE;
    return end ? (ssize_t)frame : -EAGAIN;
}

int json_frame_send(int fd, const json_t *value, struct coop_err *err)
{
    struct buf out = BUF_INIT(JSON_SEND_MAX);
    size_t sent = 0;
    int r = json_frame(&out, value);

    while (r == 0 && sent < out.len) {
        struct iovec part = {out.data + sent, out.len - sent};
        struct msghdr msg = {.msg_iov = &part, .msg_iovlen = 1};
        ssize_t n = sys_sendmsg(fd, &msg, MSG_NOSIGNAL);

        if (n >= 0)
            sent += (size_t)n;
        else if (n != -EINTR)
            r = (int)n;
    }
    buf_done(&out);
    return r < 0 ? coop_fail_sys(err, r, "send request") : 0;
}

int json_frame_recv(int fd, struct buf *pending, json_t **ret_value, struct coop_err *err)
{
    for (;;) {
        int r = take_frame(pending, ret_value, err);
        ssize_t n;

        if (r != 0)
            return r;
        if (buf_reserve(pending, RECV_STEP) < 0)
            return coop_fail_sys(err, pending->error, "answer");
        n = sys_read(fd, pending->data + pending->len, RECV_STEP);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return coop_fail_sys(err, (int)n, "receive answer");
        if (n == 0 && pending->len > 0)
            return coop_fail_sys(err, EPIPE, "connection ended inside an answer");
        if (n == 0)
            return 0;
        pending->len += (size_t)n;
        pending->data[pending->len] = '\0';
    }
}
