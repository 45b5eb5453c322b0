/*
 * fake_streams.c - bytes on their way in one direction (see fake_internal.h)
 *
 * A write wakes readers always, a read wakes writers only if one has found no room: as outside.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "support/fake_internal.h"

struct stream *fake_stream_new(bool packets)
{
    struct stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        abort();
    stream->room = FAKE_PIPE_ROOM;
    stream->packets = packets;
    buf_init(&stream->bytes, (size_t)1 << 24);
    buf_init(&stream->sizes, (size_t)1 << 24);
    return stream;
}

void fake_stream_unref(struct stream *stream)
{
    if (--stream->refs > 0)
        return;
    buf_done(&stream->bytes);
    buf_done(&stream->sizes);
    free(stream);
}

ssize_t fake_stream_get(struct stream *s, void *ret_buf, size_t size)
{
    size_t len = s->bytes.len;

    if (len == 0 && s->sizes.len == 0)
        return s->writers == 0 ? 0 : -EAGAIN;
    if (s->packets)
        memcpy(&len, s->sizes.data, sizeof len);
    if (size > len)
        size = len;
    if (size)
        memcpy(ret_buf, s->bytes.data, size);
    buf_drop(&s->bytes, s->packets ? len : size);
    if (s->packets)
        buf_drop(&s->sizes, sizeof len);
    if (s->starved)
        s->out_events++;
    s->starved = false;
    return (ssize_t)size;
}

ssize_t fake_stream_put(struct stream *s, const void *bytes, size_t size)
{
    size_t left = s->room > s->bytes.len ? s->room - s->bytes.len : 0;

    if (s->readers == 0)
        return -EPIPE;
    /* Whole or not at all: packets, and pipe writes up to PIPE_BUF. */
    if (left == 0 || (left < size && (s->packets || size <= 4096))) {
        s->starved = true;
        return s->packets && size > s->room ? -EMSGSIZE : -EAGAIN;
    }
    if (size > left) {
        size = left;
        s->starved = true;
    }
    if (s->packets)
        buf_add(&s->sizes, &size, sizeof size);
    buf_add(&s->bytes, bytes, size);
    s->in_events++;
    return (ssize_t)size;
}
