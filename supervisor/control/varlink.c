/*
 * varlink.c - calls, replies and errors of the Varlink protocol, as data
 *
 * The cutter knows just enough JSON to find the end of an object: strings, escapes, brackets.
 * It looks at every byte once, however they arrive, and holds the two ceilings.  So a sender of
 * one byte a second costs what it sends, and ten thousand brackets never reach a parser that
 * would recurse ten thousand times on a coroutine's small stack.
 *
 *     between frames --{--> in the object --last }--> closed --NUL or newline--> between frames
 *                               |   ^
 *                               "   "
 *                               v   |
 *                             in a string
 */
#include "control/varlink.h"

#include "base/str.h"
#include "text/json.h"

#include <errno.h>
#include <string.h>

/* ---- frames ---- */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One byte of a string; the closing quote ends it. */
static void scan_string(struct varlink_scan *scan, char c)
{
    if (scan->escaped)
        scan->escaped = false;
    else if (c == '\\')
        scan->escaped = true;
    else if (c == '"')
        scan->in_string = false;
}

/* One byte of the object outside of strings. VARLINK_MORE: go on. */
static enum varlink_cut scan_plain(struct varlink_scan *scan, char c)
{
    if (scan->depth == 0) /* the object is closed */
        return c == '\n' ? VARLINK_FRAME : is_blank(c) ? VARLINK_MORE : VARLINK_GARBAGE;
    if (c == '"')
        scan->in_string = true;
    else if (c == '{' || c == '[')
        scan->depth++;
    else if (c == '}' || c == ']')
        scan->depth--;
    return scan->depth > VARLINK_DEPTH_MAX ? VARLINK_TOO_DEEP : VARLINK_MORE;
}

/* One byte between two frames. */
static enum varlink_cut scan_between(struct varlink_scan *scan, char c)
{
    if (is_blank(c))
        return VARLINK_MORE;
    scan->start = scan->at;
    if (c == '\0' && scan->line_ended) {
        scan->line_ended = false;
        return VARLINK_MORE;
    }
    if (c == '\0')
        return VARLINK_FRAME;
    if (c != '{')
        return VARLINK_GARBAGE;
    scan->started = true;
    scan->depth = 1;
    return VARLINK_MORE;
}

static enum varlink_cut scan_byte(struct varlink_scan *scan, char c)
{
    if (!scan->started)
        return scan_between(scan, c);
    if (c == '\0')
        return VARLINK_FRAME; /* complete or not: the parser will say */
    if (scan->at - scan->start >= VARLINK_FRAME_MAX)
        return VARLINK_TOO_LONG;
    if (scan->in_string) {
        scan_string(scan, c);
        return VARLINK_MORE;
    }
    return scan_plain(scan, c);
}

enum varlink_cut varlink_cut(struct varlink_scan *scan, const char *bytes, size_t len,
                             struct varlink_piece *ret_piece)
{
    for (; scan->at < len; scan->at++) {
        enum varlink_cut cut = scan_byte(scan, bytes[scan->at]);

        if (cut == VARLINK_FRAME) {
            *ret_piece = (struct varlink_piece){
                .start = scan->start, .len = scan->at - scan->start, .used = scan->at + 1};
            *scan = (struct varlink_scan){.line_ended = bytes[scan->at] == '\n'};
            return cut;
        }
        if (cut != VARLINK_MORE)
            return cut;
    }
    /* What is before the object, or all of it when there is none, is of no use any more. */
    ret_piece->len = 0;
    ret_piece->used = scan->started ? scan->start : scan->at;
    scan->start = 0;
    scan->at -= ret_piece->used;
    return VARLINK_MORE;
}

const char *varlink_cut_text(enum varlink_cut cut)
{
    switch (cut) {
    case VARLINK_MORE: return "the call is not complete";
    case VARLINK_FRAME: return "the call is complete";
    case VARLINK_TOO_LONG: return "the call is longer than 65536 bytes";
    case VARLINK_TOO_DEEP: return "the call is nested deeper than 16 levels";
    case VARLINK_GARBAGE: return "a call is one JSON object and a NUL byte or a newline";
    }
    return "";
}

/* ---- calls and replies in ---- */

/* Reads an optional member of a type. False when it is there and of another type. */
static bool take_bool(json_t *root, const char *name, bool *ret_value)
{
    json_t *value = json_object_get(root, name);

    *ret_value = json_is_true(value);
    return !value || json_is_boolean(value) || json_is_null(value);
}

static bool take_string(json_t *root, const char *name, const char **ret_value)
{
    json_t *value = json_object_get(root, name);

    *ret_value = json_string_value(value);
    return !value || json_is_string(value) || json_is_null(value);
}

/* The parameters; an absent or null member becomes an empty object that 'root' owns. */
static json_t *take_parameters(json_t *root)
{
    json_t *value = json_object_get(root, "parameters");

    if (!value || json_is_null(value)) {
        value = json_object();
        if (!value || json_object_set_new(root, "parameters", value) < 0)
            return NULL;
    }
    return json_is_object(value) ? value : NULL;
}

/* The first member whose name is none of the NULL-terminated 'known', or NULL. */
static const char *unknown_member(json_t *root, const char *const *known)
{
    const char *name;
    json_t *value;

    json_object_foreach(root, name, value)
    {
        size_t i = 0;

        while (known[i] && strcmp(known[i], name) != 0)
            i++;
        if (!known[i])
            return name;
    }
    return NULL;
}

int varlink_call_parse(const char *text, size_t len, struct varlink_call *ret_call,
                       struct coop_err *err)
{
    static const char *const known[] = {"method", "parameters", "more",
                                        "oneway", "upgrade",    NULL};
    SCOPED_JSON json_t *root = NULL;
    struct varlink_call call = {0};
    const char *unknown;
    bool upgrade;

    if (json_parse_object(text, len, &root, err) < 0)
        return coop_while(err, "call");
    unknown = unknown_member(root, known);
    if (unknown)
        return coop_fail(err, COOP_E_UNKNOWN, "call: unknown member '%.40s'", unknown);
    if (!take_string(root, "method", &call.method) || !call.method)
        return coop_fail(err, COOP_E_SYNTAX, "call: 'method' must be a string");
    if (!take_bool(root, "more", &call.more) || !take_bool(root, "oneway", &call.oneway) ||
        !take_bool(root, "upgrade", &upgrade))
        return coop_fail(err, COOP_E_SYNTAX,
                         "call: 'more', 'oneway' and 'upgrade' must be true or false");
    if (call.more && call.oneway)
        return coop_fail(err, COOP_E_RANGE, "call: 'more' and 'oneway' exclude each other");
    if (upgrade)
        return coop_fail(err, COOP_E_MISSING, "call: 'upgrade' is not supported");
    call.parameters = take_parameters(root);
    if (!call.parameters)
        return coop_fail(err, COOP_E_SYNTAX, "call: 'parameters' must be an object");
    call.root = json_incref(root);
    *ret_call = call;
    return 0;
}

void varlink_call_of(json_t *root, struct varlink_call *ret_call)
{
    *ret_call = (struct varlink_call){.root = root};
    (void)take_string(root, "method", &ret_call->method);
    (void)take_bool(root, "more", &ret_call->more);
    (void)take_bool(root, "oneway", &ret_call->oneway);
    ret_call->parameters = take_parameters(root);
}

void varlink_call_done(struct varlink_call *call)
{
    json_decref(call->root);
    *call = (struct varlink_call){0};
}

bool varlink_method_split(const char *method, size_t *ret_interface_len, const char **ret_name)
{
    const char *dot = strrchr(method, '.');

    if (!dot || dot == method || dot[1] == '\0')
        return false;
    *ret_interface_len = (size_t)(dot - method);
    *ret_name = dot + 1;
    return true;
}

int varlink_reply_parse(const char *text, size_t len, struct varlink_reply *ret_reply,
                        struct coop_err *err)
{
    struct varlink_reply reply = {0};
    json_error_t where;
    SCOPED_JSON json_t *root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &where);

    if (!json_is_object(root))
        return coop_fail(err, COOP_E_SYNTAX, "reply: not a JSON object");
    if (!take_string(root, "error", &reply.error) ||
        !take_bool(root, "continues", &reply.continues))
        return coop_fail(err, COOP_E_SYNTAX, "reply: 'error' or 'continues' of a wrong type");
    reply.parameters = take_parameters(root);
    if (!reply.parameters)
        return coop_fail(err, COOP_E_SYNTAX, "reply: 'parameters' is not an object");
    reply.root = json_incref(root);
    *ret_reply = reply;
    return 0;
}

void varlink_reply_done(struct varlink_reply *reply)
{
    json_decref(reply->root);
    *reply = (struct varlink_reply){0};
}

/* ---- frames out ---- */

/* Takes 'value' over; false (and nothing leaks) when a part, 'root' too, is missing. */
static bool put(json_t *root, const char *name, json_t *value)
{
    return json_object_set_new(root, name, value) == 0;
}

/* Appends 'root' as a frame and frees it. */
static int add_frame(struct buf *out, json_t *root, bool whole)
{
    int r = whole ? json_frame(out, root) : -ENOMEM;

    json_decref(root);
    return r;
}

int varlink_add_reply(struct buf *out, json_t *parameters, bool continues)
{
    json_t *root = json_object();
    bool whole = put(root, "parameters", parameters ? parameters : json_object());

    if (continues)
        whole = whole && put(root, "continues", json_true());
    return add_frame(out, root, whole);
}

int varlink_add_error(struct buf *out, const char *error, json_t *parameters)
{
    json_t *root = json_object();
    bool whole = put(root, "parameters", parameters ? parameters : json_object());

    whole = whole && put(root, "error", json_string(error));
    return add_frame(out, root, whole);
}

int varlink_add_call(struct buf *out, const char *method, json_t *parameters, bool more)
{
    json_t *root = json_object();
    bool whole = put(root, "parameters", parameters ? parameters : json_object());

    whole = whole && put(root, "method", json_string(method));
    if (more)
        whole = whole && put(root, "more", json_true());
    return add_frame(out, root, whole);
}

/* ---- text ---- */

/* Length of the well-formed UTF-8 sequence at 'bytes', 0 for none. */
static size_t sequence_length(const char *bytes, size_t len)
{
    unsigned char first = (unsigned char)bytes[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    return first != 0 && length <= len && str_is_utf8(bytes, length) ? length : 0;
}

json_t *varlink_string(const char *bytes, size_t len)
{
    struct buf clean = BUF_INIT(4 * len + 4);
    json_t *string;

    if (str_is_utf8(bytes, len) && !memchr(bytes, '\0', len))
        return json_stringn(bytes, len);
    for (size_t at = 0; at < len;) {
        size_t length = sequence_length(bytes + at, len - at);

        if (length > 0)
            buf_add(&clean, bytes + at, length);
        else
            buf_add_text(&clean, "\xef\xbf\xbd");
        at += length > 0 ? length : 1;
    }
    string = clean.error ? NULL : json_stringn_nocheck(buf_text(&clean), clean.len);
    buf_done(&clean);
    return string;
}
