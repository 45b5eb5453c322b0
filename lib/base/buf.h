#ifndef COOP_BASE_BUF_H
#define COOP_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include "coop/err.h"

/*
 * buf.h - a growing byte buffer that knows where to stop
 *
 *     struct buf out = BUF_INIT(FRAME_MAX);
 *     buf_add_text(&out, "web ");
 *     buf_addf(&out, "pid %d", pid);
 *     if (out.error)
 *         return coop_fail_sys(err, out.error, "answer");
 *     ... out.data, out.len ...
 *     buf_done(&out);
 *
 * Errors    0 or -ENOMEM, -EMSGSIZE (the ceiling).  The first error sticks in 'error' and later
 *           additions do nothing, so a long row of them needs one check at its end.
 * Memory    Owned; doubles as it grows.  'data' is NULL while empty, else always followed by a
 *           NUL that 'len' does not count, so that it can be read as a string.
 * Limits    Never more than 'max' bytes of content; what does not fit is not added at all.
 */
struct buf {
    char *data;
    size_t len, room, max;
    int error;
};

#define BUF_INIT(ceiling)                                                                      \
    {                                                                                          \
        .max = (ceiling)                                                                       \
    }

void buf_init(struct buf *buf, size_t max);

/* Frees the content; the buffer is empty and usable again, the error forgotten. */
void buf_done(struct buf *buf);

/* Forgets content and error, keeps the memory. */
void buf_clear(struct buf *buf);

/* Makes room for 'more' further bytes, so that they can be written at data + len. */
int buf_reserve(struct buf *buf, size_t more);

int buf_add(struct buf *buf, const void *bytes, size_t size);
int buf_add_text(struct buf *buf, const char *text);
int buf_add_char(struct buf *buf, char c);
int buf_addf(struct buf *buf, const char *fmt, ...) COOP_FMT(2, 3);
int buf_addv(struct buf *buf, const char *fmt, va_list args)
    __attribute__((format(printf, 2, 0)));

/* Drops the first 'size' bytes: what a reader has used up. */
void buf_drop(struct buf *buf, size_t size);

/* The content as a string: "" when empty. Valid until the next addition. */
const char *buf_text(const struct buf *buf);

/* Moves the content out as a string that the caller frees; NULL after an error or when even the
 * empty string cannot be allocated.  The buffer is empty afterwards. */
char *buf_take(struct buf *buf);

#endif
