/*
 * ini_reader.c - INI through inih, without its edges (see ini_reader.h)
 *
 * THE NOUNS
 *   raw line      what stands in the file between two line ends
 *   logical line  raw lines joined by backslashes, blanks at both ends taken off
 *   piece         what we hand to inih as one of *its* lines: Key=<mark><part of the value>
 *
 * THE TENSION
 *   inih is the parser, as the distribution builds it: 200 bytes a line, 49 a name, silently
 * cut; no line numbers; " ;" ends a value, even in quotes; an indented line continues the one
 * before;
 *   ':' is as good as '='; it goes on after an error.  Unit files hold long commands with all
 * of that inside.
 *
 * WHAT WE DID NOT DO
 *   A private copy of inih with other limits: then security fixes of the distribution pass us
 * by. INI_HANDLER_LINENO: that macro changes the type of the callback in the installed library.
 *   A parser of our own behind inih's back: two grammars that may disagree.
 *
 * WHAT WE DO
 *   inih pulls its lines from our reader callback (next_line).  That joins, counts, checks and
 *   *shields*: a value goes over as pieces, each short enough, its first byte a mark ('+' more
 *   pieces follow, '.' the last one), with the bytes that inih gives a meaning to (and blanks,
 *   which it strips) as %XX.  inih splits and calls back (on_pair), which puts the pieces
 * together again and calls the user.  To stop, next_line says end of file.
 *
 * ALWAYS TRUE
 *   I1  A line that reaches inih is shorter than its buffer, so nothing is ever cut.
 *   I2  After an error no further line reaches inih, and no callback happens.
 *   I3  Sections are announced by us when their line is read; inih reports none for empty ones.
 */
#include "text/ini_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/strlist.h"
#include "base/sys.h"

#define SECTIONS_MAX ((size_t)4096)
#define SHOWN        60 /* bytes of a refused line that the message repeats */

/* ---- types ---- */

struct reader {
    const char *file;
    ini_fn *fn;
    void *arg;
    struct coop_err *err;
    bool joins; /* sections of one name are one */
    bool failed;

    const char *at, *end; /* the text still to be read */
    int raw_lines;        /* read so far */
    int line;             /* where the logical line began */

    struct buf logical;         /* the logical line */
    size_t value;               /* the part of its value that inih has not seen yet */
    bool in_value;              /* pieces of a value are under way */
    char key[INI_NAME_MAX + 1]; /* of that value */
    struct buf joined;          /* the pieces that came back */
    struct strlist sections;    /* names that were there already, */
    struct strlist lines;       /* and the lines of each, as text  */
};

/* ---- helpers ---- */

static int fail(struct reader *r, enum coop_code code, const char *what)
{
    r->failed = true;
    return coop_fail(r->err, code, "%s:%d: %s", r->file, r->line, what);
}

static int fail_sys(struct reader *r, int sys, const char *what)
{
    r->failed = true;
    return coop_fail_sys(r->err, sys, "%s:%d: %s", r->file, r->line, what);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\f' || c == '\v';
}

static void trim(const char **from, size_t *len)
{
    while (*len > 0 && is_blank(**from)) {
        ++*from;
        --*len;
    }
    while (*len > 0 && is_blank((*from)[*len - 1]))
        --*len;
}

static int check_bytes(struct reader *r, const char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] == '\0')
            return fail(r, COOP_E_SYNTAX, "a NUL byte in a text file");
        if (((unsigned char)text[i] < 0x20 && !is_blank(text[i])) || text[i] == 0x7f)
            return fail(r, COOP_E_SYNTAX, "a control character");
    }
    if (!str_is_utf8(text, len))
        return fail(r, COOP_E_SYNTAX, "not UTF-8");
    return 0;
}

/* The next raw line without its end; false at the end of the text. */
static bool raw_line(struct reader *r, const char **ret_line, size_t *ret_len)
{
    const char *newline;

    if (r->at == r->end)
        return false;
    newline = memchr(r->at, '\n', (size_t)(r->end - r->at));
    *ret_line = r->at;
    *ret_len = (size_t)((newline ? newline : r->end) - r->at);
    r->at = newline ? newline + 1 : r->end;
    r->raw_lines++;
    while (*ret_len > 0 && (*ret_line)[*ret_len - 1] == '\r')
        --*ret_len;
    return true;
}

static int add_raw(struct reader *r, const char *text, size_t len)
{
    int code;

    if (check_bytes(r, text, len) < 0)
        return -1;
    code = buf_add(&r->logical, text, len);
    if (code == -EMSGSIZE)
        return fail(r, COOP_E_LIMIT, "line longer than 64 KiB");
    return code < 0 ? fail_sys(r, code, "line") : 0;
}

static bool is_comment(const char *text, size_t len)
{
    trim(&text, &len);
    return len > 0 && (*text == '#' || *text == ';');
}

static bool logical_is_blank(const struct reader *r)
{
    const char *text = buf_text(&r->logical);
    size_t len = r->logical.len;

    trim(&text, &len);
    return len == 0;
}

/* Fills r->logical with the next line that is neither empty nor a comment: 1; 0 at the end. */
static int logical_line(struct reader *r)
{
    const char *text;
    bool joining = false;
    size_t len;

    buf_clear(&r->logical);
    while (raw_line(r, &text, &len)) {
        if (!joining)
            r->line = r->raw_lines;
        if (is_comment(text, len)) {
            if (check_bytes(r, text, len) < 0)
                return -1;
            continue;
        }
        joining = len > 0 && text[len - 1] == '\\';
        if (add_raw(r, text, joining ? len - 1 : len) < 0 ||
            (joining && add_raw(r, " ", 1) < 0))
            return -1;
        if (joining)
            continue;
        if (!logical_is_blank(r))
            return 1;
        buf_clear(&r->logical);
    }
    return joining ? fail(r, COOP_E_SYNTAX, "the file ends behind a backslash") : 0;
}

static int call(struct reader *r, const char *section, const char *key, const char *value)
{
    const struct ini_key at = {r->file, r->line, section, key, value};

    if (r->fn(r->arg, &at, r->err) < 0) {
        r->failed = true;
        return coop_while(r->err, "%s:%d", r->file, r->line);
    }
    return 0;
}

static int name_fails(struct reader *r, const char *what, const char *name, size_t len)
{
    r->failed = true;
    return coop_fail(r->err, COOP_E_LIMIT, "%s:%d: %s '%.20s...' has %zu bytes; at most %zu",
                     r->file, r->line, what, name, len, INI_NAME_MAX);
}

/* A name may be there once, but for unit files. */
static int note_section(struct reader *r, const char *name)
{
    char line[16];

    for (size_t i = 0; i < r->sections.count; i++)
        if (strcmp(r->sections.items[i], name) == 0) {
            if (r->joins)
                return 0;
            r->failed = true;
            return coop_fail(r->err, COOP_E_SYNTAX,
                             "%s:%d: section [%s] is there already, in line %s", r->file,
                             r->line, name, r->lines.items[i]);
        }
    if (r->sections.count >= SECTIONS_MAX)
        return fail(r, COOP_E_LIMIT, "more than 4096 sections");
    str_format(line, sizeof line, "%d", r->line);
    if (strlist_add(&r->sections, name) < 0 || strlist_add(&r->lines, line) < 0)
        return fail_sys(r, ENOMEM, "section");
    return 0;
}

/* "[Name]" -> "[Name]" without inner blanks at its ends, into 'line'. */
static int section_line(struct reader *r, const char *text, size_t len, char *line, size_t room)
{
    const char *name = text + 1;
    size_t name_len = len - 2;
    char owned[INI_NAME_MAX + 1];

    if (len < 2 || text[len - 1] != ']')
        return fail(r, COOP_E_SYNTAX, "a section header must end in ']'");
    trim(&name, &name_len);
    if (name_len == 0)
        return fail(r, COOP_E_SYNTAX, "a section needs a name");
    if (name_len > INI_NAME_MAX)
        return name_fails(r, "section", name, name_len);
    if (memchr(name, ']', name_len) || memchr(name, '[', name_len) ||
        memchr(name, ';', name_len))
        return fail(r, COOP_E_SYNTAX, "a section's name cannot hold '[', ']' or ';'");
    memcpy(owned, name, name_len);
    owned[name_len] = '\0';
    if (note_section(r, owned) < 0)
        return -1;
    str_format(line, room, "[%s]", owned);
    return call(r, owned, NULL, NULL);
}

static bool is_key_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || c == '.';
}

/* "Key = value": keeps the key, and where in r->logical the value begins. */
static int key_line(struct reader *r, const char *text, size_t len)
{
    const char *equals = memchr(text, '=', len), *key = text;
    size_t key_len = equals ? (size_t)(equals - text) : 0;

    if (!equals) {
        r->failed = true;
        coop_fail(r->err, COOP_E_SYNTAX, "%s:%d: '%.*s' is neither [Section] nor Key=value",
                  r->file, r->line, len > SHOWN ? SHOWN : (int)len, text);
        return coop_hint(r->err, "a line goes on in the next one only behind a backslash");
    }
    if (r->sections.count == 0)
        return fail(r, COOP_E_SYNTAX, "a key before the first [Section]");
    trim(&key, &key_len);
    if (key_len == 0)
        return fail(r, COOP_E_SYNTAX, "no key in front of '='");
    if (key_len > INI_NAME_MAX)
        return name_fails(r, "key", key, key_len);
    for (size_t i = 0; i < key_len; i++)
        if (!is_key_char(key[i]))
            return fail(r, COOP_E_SYNTAX, "a key is made of letters, digits, '-', '_' and '.'");
    memcpy(r->key, key, key_len);
    r->key[key_len] = '\0';
    r->value = (size_t)(equals + 1 - r->logical.data);
    while (r->value < r->logical.len && is_blank(r->logical.data[r->value]))
        r->value++;
    while (r->logical.len > r->value && is_blank(r->logical.data[r->logical.len - 1]))
        r->logical.len--;
    r->in_value = true;
    buf_clear(&r->joined);
    return 0;
}

/* Letters and digits go as they are: nothing in inih cares about them. */
static bool needs_shield(char c)
{
    return !((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
             (c && strchr("/-_.,", c)));
}

/* Writes the next piece of the value under way into 'line'. */
static void next_piece(struct reader *r, char *line, size_t room)
{
    size_t len = strlen(r->key), mark = len + 1;

    memcpy(line, r->key, len);
    line[len] = '=';
    len = mark + 1;
    while (r->value < r->logical.len && len + 4 < room) {
        char c = r->logical.data[r->value++];

        if (needs_shield(c))
            len += (size_t)snprintf(line + len, room - len, "%%%02x", (unsigned char)c);
        else
            line[len++] = c;
    }
    line[len] = '\0';
    r->in_value = r->value < r->logical.len;
    line[mark] = r->in_value ? '+' : '.';
}

/* inih's reader callback: like fgets. */
static char *next_line(char *line, int room, void *stream)
{
    struct reader *r = stream;
    const char *text;
    size_t len;

    if (r->failed)
        return NULL;
    if (!r->in_value) {
        if (logical_line(r) <= 0)
            return NULL;
        text = r->logical.data;
        len = r->logical.len;
        trim(&text, &len);
        if (*text == '[')
            return section_line(r, text, len, line, (size_t)room) < 0 ? NULL : line;
        if (key_line(r, text, len) < 0)
            return NULL;
    }
    next_piece(r, line, (size_t)room);
    return line;
}

static int hex_digit(char c)
{
    return c >= 'a' ? c - 'a' + 10 : c - '0';
}

/* inih's pair callback: a piece comes back. */
static int on_pair(void *user, const char *section, const char *key, const char *piece)
{
    struct reader *r = user;
    const char *at = piece + 1;

    if (r->failed)
        return 0;
    while (*at) {
        char c = *at++;

        if (c == '%') {
            c = (char)(hex_digit(at[0]) << 4 | hex_digit(at[1]));
            at += 2;
        }
        buf_add_char(&r->joined, c);
    }
    if (r->joined.error) {
        fail_sys(r, r->joined.error, "value");
        return 0;
    }
    if (*piece == '+')
        return 1;
    return call(r, section, key, buf_text(&r->joined)) == 0;
}

/* 'r' has the callback, and what is special about the text. */
static int read_text(struct reader r, const char *file, const char *text, size_t len)
{
    struct coop_err *err = r.err;
    int line;

    r.file = file;
    r.at = text;
    r.end = text + len;
    r.logical = (struct buf)BUF_INIT(INI_VALUE_MAX);
    r.joined = (struct buf)BUF_INIT(INI_VALUE_MAX);

    if (len > INI_FILE_MAX)
        return coop_fail(err, COOP_E_LIMIT, "%s: longer than %zu bytes", file, INI_FILE_MAX);
    if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0)
        r.at += 3;
    line = ini_parse_stream(next_line, &r, on_pair, &r);
    if (line != 0 && !r.failed) /* not reachable as long as I1 holds; never silently */
        fail(&r, COOP_E_SYNTAX, "the INI parser refuses this line");
    buf_done(&r.logical);
    buf_done(&r.joined);
    strlist_done(&r.sections);
    strlist_done(&r.lines);
    return r.failed ? -1 : 0;
}

/* Reads all of a regular file. O_NONBLOCK: opening a FIFO must not wait for a writer. */
static int read_whole(const char *path, struct buf *text, struct coop_err *err)
{
    SCOPED_FD fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0);
    struct stat what;
    int r;

    if (fd < 0)
        return coop_fail_sys(err, fd, "%s: open", path);
    r = sys_fstat(fd, &what);
    if (r < 0)
        return coop_fail_sys(err, r, "%s: stat", path);
    if (!S_ISREG(what.st_mode))
        return coop_fail(err, COOP_E_SYNTAX, "%s: not a regular file", path);
    for (;;) {
        ssize_t n;

        if (buf_reserve(text, 4096) < 0)
            return text->error == -EMSGSIZE
                       ? coop_fail(err, COOP_E_LIMIT, "%s: longer than %zu bytes", path,
                                   INI_FILE_MAX)
                       : coop_fail_sys(err, text->error, "%s: read", path);
        n = sys_read(fd, text->data + text->len, 4096);
        if (n == -EINTR)
            continue;
        if (n < 0)
            return coop_fail_sys(err, (int)n, "%s: read", path);
        if (n == 0)
            return 0;
        text->len += (size_t)n;
        text->data[text->len] = '\0';
    }
}

static int read_file(struct reader reader, const char *path)
{
    struct buf text = BUF_INIT(INI_FILE_MAX + 4096);
    int r = read_whole(path, &text, reader.err);

    if (r == 0)
        r = read_text(reader, path, buf_text(&text), text.len);
    buf_done(&text);
    return r;
}

/* ---- the public calls ---- */

int ini_read_text(const char *file, const char *text, size_t len, ini_fn *fn, void *arg,
                  struct coop_err *err)
{
    return read_text((struct reader){.fn = fn, .arg = arg, .err = err}, file, text, len);
}

int ini_read_file(const char *path, ini_fn *fn, void *arg, struct coop_err *err)
{
    return read_file((struct reader){.fn = fn, .arg = arg, .err = err}, path);
}

int ini_read_unit_file(const char *path, ini_fn *fn, void *arg, struct coop_err *err)
{
    return read_file((struct reader){.fn = fn, .arg = arg, .err = err, .joins = true}, path);
}
