#ifndef COOP_CTL_TABLE_H
#define COOP_CTL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/*
 * table.h - aligned tables that fit the terminal they are printed on
 *
 *     static const struct table_column columns[] = {
 *         {.title = "NAME"}, {.title = "PID", .right = true, .drop = 1}, {.title = "REASON"}};
 *     struct table table;
 *     table_init(&table, columns, 3);
 *     table_row(&table, (const char *[]){"web", "4711", "reported ready"});
 *     table_print(&table, stdout, &(struct screen){.width = 80, .colour = true});
 *     table_done(&table);
 *
 * When a row does not fit, the columns that may be dropped go first, the highest 'drop' first;
 * then the last column is cut.  Cells hold any bytes: what could steer a terminal is shown as
 * '?', what is not UTF-8 too.
 *
 * Memory    Cells are copied.  When memory is out, rows are left out and 'failed' says so.
 */
struct screen {
    size_t width; /* 0: no bound (a pipe, a file) */
    bool colour;
    bool utf8; /* lines of a tree may be drawn with box characters */
};

struct table_column {
    const char *title;
    bool right; /* aligned to the right: numbers */
    int drop;   /* > 0: may be left out on a narrow screen */
    /* The colour of a cell, an SGR number like "32"; NULL: none. */
    const char *(*colour)(const char *cell);
};

struct table {
    const struct table_column *columns;
    size_t width; /* columns */
    char **cells; /* row by row */
    size_t count, room;
    bool failed;
};

void table_init(struct table *table, const struct table_column *columns, size_t count);
void table_row(struct table *table, const char *const *cells); /* a NULL cell is shown as "-" */
void table_print(const struct table *table, FILE *out, const struct screen *screen);
void table_done(struct table *table);

/* A terminal's width and abilities, as far as 'out' is one.  'no_colour' and 'term' are the
 * environment's NO_COLOR and TERM, 'columns' its COLUMNS; all may be NULL. */
void screen_look(struct screen *ret_screen, int fd, const char *no_colour, const char *term,
                 const char *columns);

/* Columns that 'text' takes on a screen: its characters, by UTF-8. */
size_t text_width(const char *text);

/* A copy that is safe to print: control characters and bad UTF-8 as '?'. The caller frees it;
 * NULL when out of memory. */
char *text_clean(const char *text);

/* 'text' in a colour when 'screen' has any. */
void text_print(FILE *out, const struct screen *screen, const char *sgr, const char *text);

#endif
