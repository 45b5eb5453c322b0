/*
 * streams.c - bytes on their way in one direction (see internal.h)
 *
 * A write wakes readers always, a read wakes writers only if one has found no room: as outside.
 * Descriptors that were sent along stand between the bytes: a read never goes beyond the next ones,
 * and a read that does not ask for them drops them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

static struct parcel *opened; /* came with the last read */
static bool cut;

/* ---- what travels along ---- */

void fake_parcel_drop(struct parcel *parcel)
{
    for (size_t i = 0; parcel && i < parcel->count; i++)
        fake_file_unref(parcel->files[i]);
    free(parcel);
}

struct parcel *fake_parcel_take(bool *ret_cut)
{
    struct parcel *parcel = opened;

    *ret_cut = cut;
    opened = NULL;
    cut = false;
    return parcel;
}

static struct parcel *next_parcel(const struct stream *s)
{
    return list_is_empty(&s->parcels) ? NULL : list_entry(s->parcels.next, struct parcel, link);
}

/* Opens what comes with the next byte or packet; returns how far a read may go. */
static size_t open_parcel(struct stream *s, size_t size)
{
    struct parcel *next = next_parcel(s);

    fake_parcel_drop(opened);
    opened = NULL;
    if (next && next->at == s->taken) {
        list_remove(&next->link);
        opened = next;
        next = next_parcel(s);
    }
    return !s->packets && next && next->at - s->taken < size ? next->at - s->taken : size;
}

/* ---- bytes ---- */

struct stream *fake_stream_new(bool packets)
{
    struct stream *stream = calloc(1, sizeof *stream);

    if (!stream)
        abort();
    stream->room = FAKE_PIPE_ROOM;
    stream->packets = packets;
    list_init(&stream->parcels);
    buf_init(&stream->bytes, (size_t)1 << 24);
    buf_init(&stream->sizes, (size_t)1 << 24);
    return stream;
}

void fake_stream_unref(struct stream *stream)
{
    if (--stream->refs > 0)
        return;
    list_for_each_safe (it, &stream->parcels)
        fake_parcel_drop(list_entry(it, struct parcel, link));
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
    cut = s->packets && size < len;
    size = open_parcel(s, size);
    if (size > len)
        size = len;
    s->taken += s->packets ? 1 : size;
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
    s->sent += s->packets ? 1 : size;
    s->in_events++;
    return (ssize_t)size;
}

int fake_sys_waiting_bytes(int fd)
{
    const struct file *file = fake_file(fd);

    if (!file)
        return -EBADF;
    return file->kind == FILE_PIPE && file->in ? (int)file->in->bytes.len : -ENOTTY;
}
