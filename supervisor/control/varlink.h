#ifndef COOP_CONTROL_VARLINK_H
#define COOP_CONTROL_VARLINK_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "coop/err.h"

/*
 * varlink.h - calls, replies and errors of the Varlink protocol, as data
 *
 * Pure: bytes in, structs out, and back; no descriptor, no clock.  Both ends use it.
 *
 *     struct varlink_scan scan = {0};
 *     struct varlink_piece piece;
 *     while (varlink_cut(&scan, in.data, in.len, &piece) == VARLINK_FRAME) {
 *         struct varlink_call call;
 *         if (varlink_call_parse(in.data + piece.start, piece.len, &call, &err) == 0) ...
 *         varlink_call_done(&call);
 *         buf_drop(&in, piece.used);
 *     }
 *
 * Memory    A call owns its JSON; method and parameters point into it.
 * Limits    VARLINK_FRAME_MAX bytes and VARLINK_DEPTH_MAX levels in a call; both are checked
 *           while the bytes arrive, before a parser that recurses sees them.
 * Source    varlink.org's specification; the newline as a second frame end is ours.
 */
#define VARLINK_FRAME_MAX ((size_t)64 * 1024)
#define VARLINK_DEPTH_MAX 16u

/* ---- frames ---- */

/* How far the reader has come in a frame that is not complete. Zeroed: at the start. */
struct varlink_scan {
    size_t at;    /* bytes looked at */
    size_t start; /* where the object begins */
    unsigned depth;
    bool started; /* the first { was seen */
    bool in_string, escaped;
    bool line_ended; /* the frame before ended with a newline: a NUL behind it is its, too */
};

enum varlink_cut {
    VARLINK_MORE,     /* no whole frame yet; drop piece.used bytes and read on               */
    VARLINK_FRAME,    /* a frame at piece.start; drop piece.used bytes when done with it      */
    VARLINK_TOO_LONG, /* it will never end within the limit                                   */
    VARLINK_TOO_DEEP,
    VARLINK_GARBAGE /* it is no JSON object, or something follows the object                */
};

struct varlink_piece {
    size_t start, len; /* of the object's text, without its end */
    size_t used;
};

/* Looks for the next frame in 'bytes'.  A frame ends with NUL, or with a newline after the
 * object is closed; blanks and newlines between frames are skipped.  A NUL there is an empty
 * frame, which no parser accepts, so that who sent it gets an answer.  The scan remembers
 * where it was, so that bytes that trickle in are looked at once.  After VARLINK_FRAME it is at
 * the start again; after the last three the connection is of no use any more. */
enum varlink_cut varlink_cut(struct varlink_scan *scan, const char *bytes, size_t len,
                             struct varlink_piece *ret_piece);

/* One sentence for a person. */
const char *varlink_cut_text(enum varlink_cut cut);

/* ---- calls, on the server's side ---- */

struct varlink_call {
    json_t *root;       /* owned */
    const char *method; /* "io.coop.Supervisor.List" */
    json_t *parameters; /* an object; never NULL */
    bool more, oneway;
};

/* 0, or -1: not JSON, not an object, a field of the wrong type or of an unknown name, 'more'
 * with 'oneway', or 'upgrade' (which nothing here does). */
int varlink_call_parse(const char *text, size_t len, struct varlink_call *ret_call,
                       struct coop_err *err);
/* The same from what was a call's root before; takes it over. */
void varlink_call_of(json_t *root, struct varlink_call *ret_call);
void varlink_call_done(struct varlink_call *call);

/* Splits "io.coop.Supervisor.List" at its last dot. False when there is none or a part is
 * empty.  '*ret_name' points into 'method'. */
bool varlink_method_split(const char *method, size_t *ret_interface_len, const char **ret_name);

/* ---- answers: both take 'parameters' over (NULL: none) and append one frame to 'out' ---- */

int varlink_add_reply(struct buf *out, json_t *parameters, bool continues);
int varlink_add_error(struct buf *out, const char *error, json_t *parameters);

/* ---- the client's side ---- */

/* Takes 'parameters' over. */
int varlink_add_call(struct buf *out, const char *method, json_t *parameters, bool more);

struct varlink_reply {
    json_t *root;       /* owned */
    const char *error;  /* NULL: none */
    json_t *parameters; /* an object; never NULL */
    bool continues;
};

int varlink_reply_parse(const char *text, size_t len, struct varlink_reply *ret_reply,
                        struct coop_err *err);
void varlink_reply_done(struct varlink_reply *reply);

/* ---- text ---- */

/* A JSON string of any bytes: what is not UTF-8, and NUL, becomes U+FFFD. NULL when out of
 * memory. */
json_t *varlink_string(const char *bytes, size_t len);

#endif
