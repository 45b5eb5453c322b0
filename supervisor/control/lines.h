#ifndef COOP_CONTROL_LINES_H
#define COOP_CONTROL_LINES_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * lines.h - lines out of bytes that come in pieces, none longer than a pipe keeps whole
 *
 *     struct line_cutter cutter = {0};
 *     size_t room;
 *     char *to = line_room(&cutter, &room);
 *     ssize_t got = read(fd, to, room);
 *     line_filled(&cutter, got);
 *     while ((kind = line_next(&cutter, &line)) != LINE_NONE) ...
 *
 * Pure.  Writers of less than PIPE_BUF bytes never mix in a FIFO, so a longer line is somebody
 * who may have been cut in two: it is thrown away up to its newline and reported once.
 */
#define LINE_MAX_BYTES PIPE_BUF /* with the newline */

struct line_cutter {
    char bytes[LINE_MAX_BYTES + 1];
    size_t used;
    size_t taken;  /* handed out, to be dropped before the next look */
    bool skipping; /* in the rest of a line that was too long        */
};

enum line_kind { LINE_NONE, LINE_WHOLE, LINE_TOO_LONG };

/* Where the next bytes go, and how many fit: at least one. */
char *line_room(struct line_cutter *cutter, size_t *ret_room);
void line_filled(struct line_cutter *cutter, size_t count);

/* The next line, without its newline, NUL-terminated; valid until the next call. */
enum line_kind line_next(struct line_cutter *cutter, char **ret_line);
/* Takes back the one that was handed out last: it is the next one again. */
void line_back(struct line_cutter *cutter);

/* Bytes of a line that has no end yet. */
size_t line_tail(const struct line_cutter *cutter);
/* Forgets them. */
void line_drop_tail(struct line_cutter *cutter);

#endif
