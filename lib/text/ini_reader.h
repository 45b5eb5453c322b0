#ifndef COOP_TEXT_INI_READER_H
#define COOP_TEXT_INI_READER_H

#include <stddef.h>

#include "coop/err.h"

/*
 * ini_reader.h - read INI files as (file, line, section, key, value)
 *
 *     static int on_key(void *arg, const struct ini_key *at, struct coop_err *err)
 *     {
 *         return settings_apply(rows, count, arg, at->section, at->key, at->value, err);
 *     }
 *     if (ini_read_file("/etc/coop/web.ini", on_key, spec, err) < 0) ...
 *     /etc/coop/web.ini:7: MemroyMax: no such key in [Service]; did you mean MemoryMax?
 *
 * The language is systemd's: `[Section]`, `Key=value`; `#` or `;` as the first visible
 * character of a line makes it a comment, nowhere else; blanks around section, key and value do
 * not count; a backslash at the very end of a line joins the next one with a blank between
 * (comment lines in between are skipped).  A leading byte order mark and carriage returns at
 * line ends are ignored.
 *
 * Time      Reads a whole file, blocking.
 * Errors    Stops at the first one, which begins with "file:line: ".  The callback's errors get
 *           that prefix too.
 * Limits    INI_FILE_MAX bytes a file, INI_VALUE_MAX a joined line, INI_NAME_MAX a section or
 *           key. More is refused, never cut.  So are NUL bytes, invalid UTF-8, control
 *           characters, a line that is no section and no key, a key outside a section, a
 *           section that was there before, and a file that is not a regular file (a FIFO would
 *           block for ever).
 * Source    inih does the parsing; ini_reader.c hides its edges.
 */
#define INI_FILE_MAX  ((size_t)1024 * 1024)
#define INI_VALUE_MAX ((size_t)64 * 1024)
#define INI_NAME_MAX  ((size_t)49)

struct ini_key {
    const char *file; /* as the caller named it */
    int line;         /* where the key stands, from 1 */
    const char *section;
    const char *key;   /* NULL: a section begins (once per header, empty sections too) */
    const char *value; /* "" when empty; NULL when key is NULL */
};

/* 0, or -1 with 'err' filled: reading stops. The strings live until it returns. */
typedef int ini_fn(void *arg, const struct ini_key *at, struct coop_err *err);

/* Calls 'fn' for every section and key of the file, in order. 0 or -1. */
int ini_read_file(const char *path, ini_fn *fn, void *arg, struct coop_err *err);

/* The same with a file of systemd's, where a section may come again and goes on then: 'fn' hears of
 * each of its headers. */
int ini_read_unit_file(const char *path, ini_fn *fn, void *arg, struct coop_err *err);

/* As ini_read_file() with text that is already there; 'file' is only its name in messages. */
int ini_read_text(const char *file, const char *text, size_t len, ini_fn *fn, void *arg,
                  struct coop_err *err);

#endif
