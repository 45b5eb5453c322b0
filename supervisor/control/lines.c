/*
 * lines.c - lines out of bytes that come in pieces
 */
#include "control/lines.h"

#include <string.h>

static void drop_taken(struct line_cutter *cutter)
{
    cutter->used -= cutter->taken;
    memmove(cutter->bytes, cutter->bytes + cutter->taken, cutter->used);
    cutter->taken = 0;
}

char *line_room(struct line_cutter *cutter, size_t *ret_room)
{
    drop_taken(cutter);
    *ret_room = LINE_MAX_BYTES - cutter->used;
    return cutter->bytes + cutter->used;
}

void line_filled(struct line_cutter *cutter, size_t count)
{
    cutter->used += count;
}

enum line_kind line_next(struct line_cutter *cutter, char **ret_line)
{
    char *newline;

    drop_taken(cutter);
    newline = memchr(cutter->bytes, '\n', cutter->used);
    if (newline) {
        bool skipped = cutter->skipping;

        cutter->taken = (size_t)(newline - cutter->bytes) + 1;
        cutter->skipping = false;
        if (skipped)
            return line_next(cutter, ret_line);
        *newline = '\0';
        *ret_line = cutter->bytes;
        return LINE_WHOLE;
    }
    if (cutter->used < LINE_MAX_BYTES)
        return LINE_NONE;
    cutter->used = 0;
    if (cutter->skipping)
        return LINE_NONE;
    cutter->skipping = true;
    return LINE_TOO_LONG;
}

void line_back(struct line_cutter *cutter)
{
    cutter->bytes[cutter->taken - 1] = '\n';
    cutter->taken = 0;
}

size_t line_tail(const struct line_cutter *cutter)
{
    return cutter->used - cutter->taken + (cutter->skipping ? 1 : 0);
}

void line_drop_tail(struct line_cutter *cutter)
{
    cutter->used = cutter->taken = 0;
    cutter->skipping = false;
}
