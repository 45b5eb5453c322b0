/*
 * buf.c - a growing byte buffer (see buf.h)
 *
 * Invariant: data is NULL, or room > len and data[len] is NUL.
 */
#include "base/buf.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM ((size_t)64)

/* ---- helpers ---- */

static int stop(struct buf *buf, int error)
{
    buf->error = error;
    return error;
}

/* ---- the public calls ---- */

void buf_init(struct buf *buf, size_t max)
{
    *buf = (struct buf){.max = max};
}

void buf_done(struct buf *buf)
{
    free(buf->data);
    buf_init(buf, buf->max);
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    buf->error = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

int buf_reserve(struct buf *buf, size_t more)
{
    size_t room = buf->room ? buf->room : FIRST_ROOM;
    char *data;

    if (buf->error)
        return buf->error;
    if (buf->len > buf->max || more > buf->max - buf->len)
        return stop(buf, -EMSGSIZE);
    if (buf->data && buf->room - buf->len > more)
        return 0;
    while (room - 1 < buf->len + more)
        room = room > SIZE_MAX / 2 ? buf->len + more + 1 : room * 2;
    if (room > buf->max + 1 && buf->max + 1 > buf->len + more)
        room = buf->max + 1; /* do not round up beyond the ceiling */
    data = realloc(buf->data, room);
    if (!data)
        return stop(buf, -ENOMEM);
    buf->data = data;
    buf->room = room;
    buf->data[buf->len] = '\0';
    return 0;
}

int buf_add(struct buf *buf, const void *bytes, size_t size)
{
    int r = buf_reserve(buf, size);

    if (r < 0)
        return r;
    if (size)
        memcpy(buf->data + buf->len, bytes, size);
    buf->len += size;
    buf->data[buf->len] = '\0';
    return 0;
}

int buf_add_text(struct buf *buf, const char *text)
{
    return buf_add(buf, text, strlen(text));
}

int buf_add_char(struct buf *buf, char c)
{
    return buf_add(buf, &c, 1);
}

int buf_addv(struct buf *buf, const char *fmt, va_list args)
{
    va_list again;
    int size, r;

    va_copy(again, args);
    size = vsnprintf(NULL, 0, fmt, args);
    r = size < 0 ? stop(buf, -EINVAL) : buf_reserve(buf, (size_t)size);
    if (r == 0) {
        vsnprintf(buf->data + buf->len, (size_t)size + 1, fmt, again);
        buf->len += (size_t)size;
    }
    va_end(again);
    return r;
}

int buf_addf(struct buf *buf, const char *fmt, ...)
{
    va_list args;
    int r;

    va_start(args, fmt);
    r = buf_addv(buf, fmt, args);
    va_end(args);
    return r;
}

void buf_drop(struct buf *buf, size_t size)
{
    if (size > buf->len)
        size = buf->len;
    if (!size)
        return;
    buf->len -= size;
    memmove(buf->data, buf->data + size, buf->len + 1);
}

const char *buf_text(const struct buf *buf)
{
    return buf->data ? buf->data : "";
}

char *buf_take(struct buf *buf)
{
    char *text = NULL;

    if (!buf->error && buf_reserve(buf, 0) == 0) {
        text = buf->data;
        buf->data = NULL;
    }
    buf_done(buf);
    return text;
}
