/*
 * table.c - aligned tables that fit the terminal they are printed on
 */
#include "ctl/table.h"

#include "base/scope.h"
#include "base/str.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { GAP = 2, WIDTH_MIN = 20, WIDTH_MAX = 1000, COLUMNS_MAX = 16 };

/* ---- text ---- */

/* Length of the sequence at 'text' that may be shown, 0 when there is none. */
static size_t shown_sequence(const char *text)
{
    unsigned char first = (unsigned char)text[0];
    size_t length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;

    if (first < 0x20 || first == 0x7f || strnlen(text, length) < length ||
        !str_is_utf8(text, length))
        return 0;
    if (first == 0xc2 && (unsigned char)text[1] < 0xa0) /* C1: as good as escape sequences */
        return 0;
    return length;
}

size_t text_width(const char *text)
{
    size_t width = 0;

    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

char *text_clean(const char *text)
{
    char *clean = malloc(strlen(text) + 1), *to = clean;

    while (clean && *text) {
        size_t length = shown_sequence(text);

        if (length == 0) {
            *to++ = '?';
            text++;
        } else {
            memcpy(to, text, length);
            to += length;
            text += length;
        }
    }
    if (clean)
        *to = '\0';
    return clean;
}

void text_print(FILE *out, const struct screen *screen, const char *sgr, const char *text)
{
    if (screen->colour && sgr)
        fprintf(out, "\033[%sm%s\033[0m", sgr, text);
    else
        fputs(text, out);
}

/* Bytes of the first 'width' characters. */
static size_t cut_at(const char *text, size_t width)
{
    size_t at = 0;

    for (; text[at]; at++)
        if (((unsigned char)text[at] & 0xc0) != 0x80 && width-- == 0)
            break;
    return at;
}

/* ---- the screen ---- */

void screen_look(struct screen *ret_screen, int fd, const char *no_colour, const char *term,
                 const char *columns)
{
    struct winsize size = {0};
    long long width;

    *ret_screen = (struct screen){.utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0};
    if (!isatty(fd))
        return;
    ret_screen->colour =
        !(no_colour && no_colour[0]) && term && term[0] && strcmp(term, "dumb") != 0;
    if (columns && str_to_int(columns, WIDTH_MIN, WIDTH_MAX, &width) == 0)
        ret_screen->width = (size_t)width;
    else if (ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        ret_screen->width = size.ws_col < WIDTH_MIN ? WIDTH_MIN : size.ws_col;
    else
        ret_screen->width = 80;
}

/* ---- rows ---- */

void table_init(struct table *table, const struct table_column *columns, size_t count)
{
    *table = (struct table){.columns = columns, .width = count};
}

void table_row(struct table *table, const char *const *cells)
{
    size_t wanted = (table->count + 1) * table->width;

    if (wanted > table->room) {
        size_t room = wanted * 2;
        char **more = reallocarray(table->cells, room, sizeof *more);

        if (!more) {
            table->failed = true;
            return;
        }
        table->cells = more;
        table->room = room;
    }
    for (size_t i = 0; i < table->width; i++) {
        char *clean = text_clean(cells[i] && cells[i][0] ? cells[i] : "-");

        table->failed |= !clean;
        table->cells[table->count * table->width + i] = clean;
    }
    table->count++;
}

void table_done(struct table *table)
{
    for (size_t i = 0; i < table->count * table->width; i++)
        free(table->cells[i]);
    free(table->cells);
    table_init(table, table->columns, table->width);
}

/* ---- printing ---- */

static const char *cell_at(const struct table *table, size_t row, size_t column)
{
    const char *cell = table->cells[row * table->width + column];

    return cell ? cell : "?";
}

struct layout {
    size_t widths[COLUMNS_MAX];
    bool shown[COLUMNS_MAX];
    size_t last; /* the last column that is shown */
};

static size_t total_width(const struct table *table, const struct layout *layout)
{
    size_t total = 0;

    for (size_t i = 0; i < table->width; i++)
        if (layout->shown[i])
            total += layout->widths[i] + (total ? GAP : 0);
    return total;
}

/* Leaves out the column with the highest 'drop'. False when none may go. */
static bool drop_column(const struct table *table, struct layout *layout)
{
    size_t worst = table->width;

    for (size_t i = 0; i < table->width; i++)
        if (layout->shown[i] && table->columns[i].drop > 0 &&
            (worst == table->width || table->columns[i].drop > table->columns[worst].drop))
            worst = i;
    if (worst == table->width)
        return false;
    layout->shown[worst] = false;
    return true;
}

static void lay_out(const struct table *table, struct layout *layout, size_t screen_width)
{
    *layout = (struct layout){0};
    for (size_t i = 0; i < table->width && i < COLUMNS_MAX; i++) {
        layout->shown[i] = true;
        layout->widths[i] = text_width(table->columns[i].title);
        for (size_t row = 0; row < table->count; row++) {
            size_t width = text_width(cell_at(table, row, i));

            if (width > layout->widths[i])
                layout->widths[i] = width;
        }
    }
    layout->last = table->width - 1;
    /* The last column may be cut, but while there is something to drop it keeps its title and
     * a few words. */
    while (screen_width) {
        size_t last = layout->widths[layout->last], least = last < 24 ? last : 24;

        if (total_width(table, layout) - last + least <= screen_width ||
            !drop_column(table, layout))
            break;
        while (layout->last > 0 && !layout->shown[layout->last])
            layout->last--;
    }
}

/* One cell, padded to its column unless it is the last; 'room' bounds it (0: no bound). */
static void print_cell(FILE *out, const struct screen *screen, const char *text,
                       const char *sgr, size_t width, bool right, bool last)
{
    size_t used = text_width(text);
    int pad = used < width ? (int)(width - used) : 0;

    if (right)
        fprintf(out, "%*s", pad, "");
    text_print(out, screen, sgr, text);
    if (!right && !last)
        fprintf(out, "%*s", pad, "");
}

/* The text as it fits into what is left of the line behind 'used': NULL when all of it does. */
static char *cut_to_fit(const struct screen *screen, size_t used, const char *text)
{
    size_t room = screen->width > used + 1 ? screen->width - used - 1 : 1;

    if (!screen->width || used + text_width(text) <= screen->width)
        return NULL;
    return strndup(text, cut_at(text, room));
}

static void print_line(const struct table *table, const struct layout *layout, FILE *out,
                       const struct screen *screen, ptrdiff_t row)
{
    size_t used = 0;

    for (size_t i = 0; i < table->width; i++) {
        const struct table_column *column = &table->columns[i];
        const char *text = row < 0 ? column->title : cell_at(table, (size_t)row, i);
        const char *sgr = row < 0 ? "1" : column->colour ? column->colour(text) : NULL;
        bool last = i == layout->last;
        char *cut = NULL;

        if (!layout->shown[i])
            continue;
        if (used > 0)
            used += (size_t)fprintf(out, "%*s", GAP, "");
        if (last)
            cut = cut_to_fit(screen, used, text);
        print_cell(out, screen, cut ? cut : text, sgr, layout->widths[i], column->right && !cut,
                   last);
        if (cut)
            fputc('+', out);
        used += layout->widths[i];
        free(cut);
    }
    fputc('\n', out);
}

void table_print(const struct table *table, FILE *out, const struct screen *screen)
{
    struct layout layout;

    lay_out(table, &layout, screen->width);
    print_line(table, &layout, out, screen, -1);
    for (size_t row = 0; row < table->count; row++)
        print_line(table, &layout, out, screen, (ptrdiff_t)row);
}
