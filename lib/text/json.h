#ifndef COOP_TEXT_JSON_H
#define COOP_TEXT_JSON_H

#include <jansson.h>
#include <stddef.h>

#include "base/buf.h"
#include "coop/err.h"

/*
 * json.h - JSON from outside and to outside, over jansson
 *
 * jansson recurses once per level, on a coroutine's stack that is a few pages deep; so the
 * depth is counted before it sees a byte.  A frame is one object ended by a NUL byte (Varlink).
 *
 *     SCOPED_JSON json_t *call = NULL;
 *     if (json_parse(frame, len, &call, err) < 0) ...
 *
 *     struct buf out = BUF_INIT(JSON_SEND_MAX);
 *     json_frame(&out, reply);                      text + NUL, ready to send
 *
 * Errors    -1 and an error that names line and column.
 * Limits    JSON_DEPTH_MAX levels, JSON_BYTES_MAX bytes in; JSON_SEND_MAX bytes out.  Duplicate
 *           keys, NUL inside strings and text after the value are refused.
 */
#define JSON_DEPTH_MAX 16
#define JSON_BYTES_MAX ((size_t)64 * 1024)
#define JSON_SEND_MAX  ((size_t)16 * 1024 * 1024)

static inline void json_freep(json_t **slot)
{
    json_decref(*slot);
}
#define SCOPED_JSON __attribute__((cleanup(json_freep)))

/* How deep is the nesting of [ and { outside strings?  Never more than 'stop_at' + 1: it stops
 * counting there.  Looks at nothing else: broken text is the parser's business. */
size_t json_depth(const char *text, size_t len, size_t stop_at);

/* One value that fills the whole text. */
int json_parse(const char *text, size_t len, json_t **ret_value, struct coop_err *err);

/* The same, and it must be an object. */
int json_parse_object(const char *text, size_t len, json_t **ret_object, struct coop_err *err);

/* Appends the compact text of 'value'; json_frame() also the NUL. 0, -ENOMEM or -EMSGSIZE. */
int json_add(struct buf *out, const json_t *value);
int json_frame(struct buf *out, const json_t *value);

/* The length of the first whole frame in 'len' bytes, without its NUL: >= 0; -EAGAIN when there
 * is none yet; -EMSGSIZE when there is none within 'max' bytes and never will be. */
ssize_t json_frame_find(const char *bytes, size_t len, size_t max);

/* Blocking programs only: sends one frame, and receives the next one.  'pending' keeps what
 * came after it.  Receiving: 1 a frame, 0 the peer has closed between two frames, -1 an error.
 */
int json_frame_send(int fd, const json_t *value, struct coop_err *err);
int json_frame_recv(int fd, struct buf *pending, json_t **ret_value, struct coop_err *err);

#endif
