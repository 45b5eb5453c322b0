#ifndef COOP_TEXT_SETTING_H
#define COOP_TEXT_SETTING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/strlist.h"
#include "coop/err.h"

/*
 * setting.h - one row per option; everything else is made from the row
 *
 * A row says where an option stands in an INI file, what it may be, where its value goes and
 * what it means.  The INI key, the command line flag, the default, the range check, --help, the
 * manual page, the JSON dump, copying, comparing, freeing and the fuzzer's dictionary all read
 * that row.
 *
 *     struct web_spec { struct strlist argv; int restart; int64_t memory_max; bool debug; };
 *     #define FIELD(name) .field = offsetof(struct web_spec, name)
 *
 *     static const char *const restart_names[] = {"no", "on-failure", "always", NULL};
 *     const struct setting web_settings[] = {
 *         {"Service", "ExecStart", &setting_argv, FIELD(argv), .required = true,
 *          .help = "Command to run. Split like a shell does, but nothing is expanded."},
 *         {"Service", "Restart", &setting_enum, FIELD(restart), .names = restart_names,
 *          .fallback = "no", .help = "When to start the command again after it ends."},
 *         {"Service", "MemoryMax", &setting_bytes, FIELD(memory_max), .min = 1 << 20,
 *          .max = INT64_MAX, .fallback = "infinity", .help = "Memory ceiling."},
 *     };
 *     const struct setting_table web_table = {web_settings, COOP_COUNT(web_settings)};
 *
 *     struct web_spec spec = {0};                      // zeroed memory is a valid, unset spec
 *     settings_defaults(&web_table, &spec, err);       // every fallback, by the same parsers
 *     settings_apply(&web_table, &spec, "Service", "MemoryMax", "64M", err);
 *     settings_flag(&web_table, &spec, argc, argv, &i, err);           // --memory-max=64M
 *     settings_done(&web_table, &spec);
 *
 * A KEY AND ITS FLAG.  `MemoryMax` is `--memory-max`: a dash before a capital that follows a
 * small letter or a digit, and before the last capital of a run that goes on in small letters;
 * a run stays one word: LimitNOFILE --limit-nofile, NoNewPrivileges --no-new-privileges,
 * OOMScoreAdjust --oom-score-adjust, CPUQuota --cpu-quota.  Where the rule reads badly (UMask)
 * the row gives its own 'flag'; "" means the key has none.
 *
 * REPEATED KEYS.  Of a single value the last one counts; a list grows.  An empty value puts a
 * single value back to its fallback and empties a list (systemd's rule).
 *
 * Time      Looking a key up is a walk over the rows: tables are short and read at start.
 * Errors    0 or -1 with 'err'.  The text starts with the key: "MemoryMax=10X: not a size".
 * Memory    The spec owns its strings and lists; settings_done() frees them.
 * Source    varnish params.h, redis config.c, curl cmdline-opts, systemd's spelling.
 */

struct setting;

/* How a field of one kind is read, shown, freed and copied.  A room may define its own; only
 * 'parse' and 'render' are a must.  Without 'clear' and 'copy' the field is 'size' plain bytes.
 */
struct setting_type {
    const char *metavar; /* what stands in for the value in --help: "SIZE" */
    size_t size;         /* of the field */
    bool list;           /* repeated keys append */

    /* 'text' is never NULL or empty. On failure '*field' is untouched. */
    int (*parse)(const struct setting *row, const char *text, void *field,
                 struct coop_err *err);

    /* The value as text that 'parse' reads back; nothing when unset.  Lists add one item per
     * line where an item may hold blanks. */
    void (*render)(const struct setting *row, const void *field, struct buf *out);

    void (*clear)(void *field);              /* frees; leaves zeroes */
    int (*copy)(void *to, const void *from); /* 'to' is unset; 0 or -ENOMEM */
    const char *samples;                     /* good values, blank-separated, for fuzzers */
};

struct setting {
    const char *section, *key;
    const struct setting_type *type;
    size_t field;             /* offset into the spec                                  */
    int64_t min, max;         /* for numbers, in base units; both 0: no bounds         */
    const char *const *names; /* for enums: the words, in enum order, then NULL        */
    const char *fallback;     /* read by the same parser; NULL: unset                  */
    const char *help;         /* one or more sentences; --help shows the first         */
    const char *flag;         /* without dashes; NULL: made from the key; "": none     */
    const char *metavar;      /* instead of the type's                                 */
    bool required;            /* settings_check_required() asks for it                 */
};

struct setting_table {
    const struct setting *rows;
    size_t count;
};

#define settings_for_each(row, table)                                                          \
    for (const struct setting *row = (table)->rows; row < (table)->rows + (table)->count; row++)

/* ---- the kinds that every room needs, and the C type of their field ---- */

extern const struct setting_type setting_bool;  /* bool: yes no true false on off 1 0 y n t f */
extern const struct setting_type setting_int;   /* int */
extern const struct setting_type setting_int64; /* int64_t; "infinity" is INT64_MAX if max is */
extern const struct setting_type setting_bytes; /* int64_t; "infinity" is INT64_MAX */
extern const struct setting_type setting_duration; /* coop_nsec; "infinity" is COOP_FOREVER */
extern const struct setting_type setting_enum;     /* int (or an enum): index into 'names' */
extern const struct setting_type setting_string;   /* char *; NULL when unset */
extern const struct setting_type setting_path;   /* char *; absolute, made plain (no //, /./) */
extern const struct setting_type setting_argv;   /* struct strlist; the last one counts */
extern const struct setting_type setting_words;  /* struct strlist; words append */
extern const struct setting_type setting_lines;  /* struct strlist; each value is one item */
extern const struct setting_type setting_env;    /* struct strlist; NAME=VALUE words, by name */
extern const struct setting_type setting_signal; /* int; 0 when unset */
extern const struct setting_type setting_mode;   /* mode_t; octal, at most max (07777 if 0) */

/* ---- finding a row ---- */

/* 'section' NULL: in any section. NULL when there is none. */
const struct setting *setting_find(const struct setting_table *table, const char *section,
                                   const char *key);

/* By flag name, without its dashes. */
const struct setting *setting_find_flag(const struct setting_table *table, const char *flag);

#define SETTING_FLAG_MAX 64

/* The flag's name without dashes, "" when the row has none. */
const char *setting_flag_name(const struct setting *row, char ret_flag[SETTING_FLAG_MAX]);

/* ---- filling a spec ---- */

/* Every row with a fallback; 'spec' was zeroed by the caller. */
int settings_defaults(const struct setting_table *table, void *spec, struct coop_err *err);

/* One value for one row; the doors below all come through here. */
int setting_apply(const struct setting *row, void *spec, const char *text,
                  struct coop_err *err);

/* By section and key. An unknown key is COOP_E_UNKNOWN and names the nearest known one. */
int settings_apply(const struct setting_table *table, void *spec, const char *section,
                   const char *key, const char *text, struct coop_err *err);

/* Takes argv[*index] ("--flag=value", "--flag value"; a bool's value may be left out, and then
 * the next word is not looked at), and moves *index past what it used.  Returns 1 when it took
 * it; 0 when the word is no flag of this table (nothing is changed, try the next table); -1
 * when the value is wrong or missing. */
int settings_flag(const struct setting_table *table, void *spec, int argc, char *const *argv,
                  int *index, struct coop_err *err);

/* For a word that no table took: COOP_E_UNKNOWN with the nearest flag of 'table' (may be NULL).
 */
int settings_unknown_flag(const struct setting_table *table, const char *word,
                          struct coop_err *err);

/* Fails on the first row with 'required' whose field renders to nothing. */
int settings_check_required(const struct setting_table *table, const void *spec,
                            struct coop_err *err);

/* ---- life of a spec ---- */

void settings_done(const struct setting_table *table, void *spec);

/* Copies the fields that have rows; 'to' is zeroed. On failure 'to' is zeroed again. */
int settings_copy(const struct setting_table *table, void *to, const void *from);

/* Has this row's value changed? The question of every reload. */
bool setting_differs(const struct setting *row, const void *a, const void *b);

/* ---- showing ---- */

void setting_render(const struct setting *row, const void *spec, struct buf *out);

/* "  --memory-max=SIZE     Memory ceiling. (default: infinity)", 80 columns. */
void settings_print_help(const struct setting_table *table, FILE *out);

/* The items of a list in mdoc(7), keys (coop.service.5) or flags (coop-run.1); the caller
 * writes .Bl and .El round them.  'section' NULL: all. */
void settings_print_mdoc_keys(const struct setting_table *table, const char *section,
                              FILE *out);
void settings_print_mdoc_flags(const struct setting_table *table, FILE *out);

/* Words for a fuzzer, in AFL's dictionary format. */
void settings_print_dictionary(const struct setting_table *table, FILE *out);

/* For a test of every table: names unique, flags unique, help a sentence, fallbacks parse. */
int settings_selftest(const struct setting_table *table, void *zeroed_spec,
                      struct coop_err *err);

#endif
