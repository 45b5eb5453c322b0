/*
 * raw.c - reading configuration files into sections (see raw.h)
 *
 * Which service a section is about:
 *
 *     file          section              means
 *     any.ini       [Service web]        web; keys of [Unit], [Service] and [Install] together
 *     web.ini       [Service] [Unit]     web
 *     web.service   [Service] [Unit]     web, with systemd's defaults (no profile)
 *     any.ini       [Socket web]         what coopd listens on for web
 *     web.socket    [Socket] [Unit]      the same
 *     any.ini       [Service web@]       a template; web@.service is one, too
 *     any.ini       [Service web@x]      an instance: over the template, if there is one
 *     any.ini       [Sandbox hard]       a profile
 *     any.ini       [Group shop]         services that fail together
 *     any.ini       [Timer web]          when web, or who Unit= names, is started
 *     web.timer     [Timer] [Unit]       the same
 *     any.ini       [Coopd]              the daemon
 */
#include "config/raw.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "base/str.h"
#include "base/strlist.h"
#include "config/instance.h"
#include "text/ini_reader.h"

enum { FILES_MAX = 65536, KEYS_MAX = 65536 };

/* ---- making ---- */

static int out_of_memory(struct coop_err *err)
{
    return coop_fail(err, COOP_E_LIMIT, "no memory for the configuration");
}

static struct raw_section *add_section(struct raw_config *raw, enum raw_kind kind,
                                       const char *name, size_t name_len, const char *file,
                                       unsigned line)
{
    struct raw_section *grown =
        realloc(raw->sections, (raw->count + 1) * sizeof *raw->sections);
    struct raw_section *made;

    if (!grown)
        return NULL;
    raw->sections = grown;
    made = &grown[raw->count];
    *made = (struct raw_section){.kind = kind, .line = line};
    made->name = strndup(name, name_len);
    made->file = strdup(file);
    raw->count++;
    return made->name && made->file ? made : NULL;
}

static int add_key(struct raw_section *to, const char *section, const struct ini_key *at,
                   struct coop_err *err)
{
    struct raw_key *grown, *made;

    if (to->count >= KEYS_MAX)
        return coop_fail(err, COOP_E_LIMIT, "more than %d keys in one service", KEYS_MAX);
    if ((to->count & (to->count - 1)) == 0) { /* full: 0, 1, 2, 4, 8 ... */
        grown = realloc(to->keys, (to->count ? to->count * 2 : 1) * sizeof *grown);
        if (!grown)
            return out_of_memory(err);
        to->keys = grown;
    }
    made = &to->keys[to->count++];
    *made = (struct raw_key){.line = (unsigned)at->line, .file = to->file};
    made->section = section ? strdup(section) : NULL;
    made->key = strdup(at->key);
    made->value = strdup(at->value);
    if (!made->key || !made->value || (section && !made->section))
        return out_of_memory(err);
    return 0;
}

static void section_done(struct raw_section *section)
{
    for (size_t i = 0; i < section->count; i++) {
        free(section->keys[i].section);
        free(section->keys[i].key);
        free(section->keys[i].value);
    }
    free(section->keys);
    free(section->name);
    free(section->file);
}

static void cut_back(struct raw_config *raw, size_t count)
{
    while (raw->count > count)
        section_done(&raw->sections[--raw->count]);
}

/* ---- one file ---- */

/* What is written as [WORD NAME], and whose files are systemd's units. */
static const struct kind {
    const char *word;
    const char *ending; /* NULL: no unit file of its own */
    enum raw_kind kind;
} kinds[] = {
    {"Service", ".service", RAW_SERVICE}, /* first: NAME.ini may be about one, too */
    {"Sandbox", NULL, RAW_SANDBOX},       {"Socket", ".socket", RAW_SOCKET},
    {"Group", NULL, RAW_GROUP},           {"Timer", ".timer", RAW_TIMER},
};

static const struct kind *kind_of_file(const char *name)
{
    for (size_t i = 0; i < COOP_COUNT(kinds); i++)
        if (kinds[i].ending && str_ends_with(name, kinds[i].ending))
            return &kinds[i];
    return NULL;
}

struct reading {
    struct raw_config *raw;
    const char *stem; /* the file's name without its ending: the service of a bare [Service] */
    size_t stem_len;
    const struct kind *own; /* what the file itself is about */
    bool is_unit;
    size_t from;    /* sections before this one belong to other files */
    size_t current; /* index + 1 of the section that keys go to */
    char unit[16];  /* the systemd section of the keys, "" for all in one */
};

/* The raw section of what the file is about: one for [Unit], [Service] and [Install]. */
static int own_section(struct reading *r, const struct ini_key *at, struct coop_err *err)
{
    for (size_t i = r->from; i < r->raw->count; i++) {
        struct raw_section *s = &r->raw->sections[i];

        if (s->kind == r->own->kind && strlen(s->name) == r->stem_len &&
            strncmp(s->name, r->stem, r->stem_len) == 0) {
            r->current = i + 1;
            return 0;
        }
    }
    if (instance_check_name(r->own->word, r->stem, r->stem_len, r->own->kind == RAW_SERVICE,
                            err) < 0 ||
        !add_section(r->raw, r->own->kind, r->stem, r->stem_len, at->file, (unsigned)at->line))
        return err && err->code ? -1 : out_of_memory(err);
    r->raw->sections[r->raw->count - 1].is_unit = r->is_unit;
    r->current = r->raw->count;
    return 0;
}

static int named_section(struct reading *r, enum raw_kind kind, const char *what,
                         const char *name, const struct ini_key *at, struct coop_err *err)
{
    while (*name == ' ' || *name == '\t')
        name++;
    if (instance_check_name(what, name, strlen(name), kind == RAW_SERVICE, err) < 0)
        return -1;
    for (size_t i = 0; i < r->raw->count; i++) {
        struct raw_section *s = &r->raw->sections[i];

        if (s->kind == kind && strcmp(s->name, name) == 0)
            return coop_fail(err, COOP_E_SYNTAX, "[%s %s] was defined before, at %s:%u", what,
                             name, s->file, s->line);
    }
    if (!add_section(r->raw, kind, name, strlen(name), at->file, (unsigned)at->line))
        return out_of_memory(err);
    r->current = r->raw->count;
    return 0;
}

/* "Service web" -> the part behind "Service", which must end there or at a blank. */
static const char *after_word(const char *section, const char *word)
{
    size_t len = strlen(word);

    if (strncmp(section, word, len) != 0 ||
        (section[len] && !isspace((unsigned char)section[len])))
        return NULL;
    return section + len;
}

static int unknown_section(const char *section, struct coop_err *err)
{
    static const char *const known[] = {"Service", "Unit",  "Install", "Sandbox", "Socket",
                                        "Group",   "Timer", "Coopd",   NULL};
    static const char *const later[] = {"Path", "Mount", NULL};
    const char *near;
    char word[INI_NAME_MAX + 1];

    str_copy(word, sizeof word, section);
    word[strcspn(word, " \t")] = '\0';
    for (int i = 0; later[i]; i++)
        if (strcmp(word, later[i]) == 0)
            return coop_fail(err, COOP_E_MISSING, "[%s] sections are not supported yet", word);
    near = str_nearest(word, known);
    coop_fail(err, COOP_E_UNKNOWN, "unknown section [%s]%s%s%s", section,
              near ? "; did you mean [" : "", near ? near : "", near ? "]?" : "");
    return coop_hint(err,
                     "known are [Service NAME], [Group NAME], [Sandbox NAME], [Socket NAME], "
                     "[Coopd], and in "
                     "NAME.service or NAME.ini [Unit], [Service], [Install]");
}

static int begin_named(struct reading *r, const struct ini_key *at, struct coop_err *err)
{
    for (size_t i = 0; i < COOP_COUNT(kinds); i++) {
        const char *rest = after_word(at->section, kinds[i].word);

        if (rest)
            return named_section(r, kinds[i].kind, kinds[i].word, rest, at, err);
    }
    if (strcmp(at->section, "Coopd") == 0)
        return named_section(r, RAW_COOPD, "Coopd", "coopd", at, err);
    return unknown_section(at->section, err);
}

static int begin_section(struct reading *r, const struct ini_key *at, struct coop_err *err)
{
    r->unit[0] = '\0';
    r->current = 0;
    if (strcmp(at->section, "Unit") == 0 || strcmp(at->section, r->own->word) == 0 ||
        strcmp(at->section, "Install") == 0) {
        str_copy(r->unit, sizeof r->unit, at->section);
        return own_section(r, at, err);
    }
    if (r->is_unit && strncmp(at->section, "X-", 2) == 0)
        return 0; /* for other programs, and so are its keys */
    return r->is_unit ? unknown_section(at->section, err) : begin_named(r, at, err);
}

static int on_ini(void *arg, const struct ini_key *at, struct coop_err *err)
{
    struct reading *r = arg;

    if (!at->key)
        return begin_section(r, at, err);
    if (!r->current)
        return 0; /* below [X-...] */
    return add_key(&r->raw->sections[r->current - 1], r->unit[0] ? r->unit : NULL, at, err);
}

static int own_duplicate(struct raw_config *raw, size_t from, struct coop_err *err)
{
    for (size_t i = from; i < raw->count; i++)
        for (size_t k = 0; k < from; k++)
            if (raw->sections[i].kind == raw->sections[k].kind &&
                strcmp(raw->sections[i].name, raw->sections[k].name) == 0)
                return coop_fail(err, COOP_E_SYNTAX, "%s:%u: '%s' was defined before, at %s:%u",
                                 raw->sections[i].file, raw->sections[i].line,
                                 raw->sections[i].name, raw->sections[k].file,
                                 raw->sections[k].line);
    return 0;
}

static int read_file(struct raw_config *raw, const char *path, raw_complain *complain,
                     void *arg)
{
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    struct reading r = {.raw = raw, .stem = base, .from = raw->count};
    const char *dot = strrchr(base, '.');
    struct coop_err err = {0};

    r.stem_len = dot ? (size_t)(dot - base) : strlen(base);
    r.own = kind_of_file(base);
    r.is_unit = r.own != NULL;
    if (!r.own)
        r.own = &kinds[0];
    if ((r.is_unit ? ini_read_unit_file : ini_read_file)(path, on_ini, &r, &err) == 0 &&
        own_duplicate(raw, r.from, &err) == 0)
        return 0;
    cut_back(raw, r.from);
    complain(arg, &err);
    return 1;
}

/* ---- a directory ---- */

static int is_config_file(const struct dirent *entry)
{
    return entry->d_name[0] != '.' &&
           (str_ends_with(entry->d_name, ".ini") || kind_of_file(entry->d_name));
}

/* A link to /dev/null is systemd's way to say: as if it were not there. */
static bool is_masked(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISCHR(st.st_mode);
}

static int read_dir(struct raw_config *raw, const char *path, raw_complain *complain, void *arg)
{
    struct dirent **found = NULL;
    int count = scandir(path, &found, is_config_file, alphasort);
    struct coop_err err = {0};
    int errors = 0;

    if (count < 0) {
        coop_fail_sys(&err, errno, "configuration '%s'", path);
        complain(arg, &err);
        return 1;
    }
    if (count == 0) {
        coop_fail(&err, COOP_OK,
                  "%s: warning: no file NAME.ini, NAME.service or NAME.socket is in there",
                  path);
        complain(arg, &err);
    }
    for (int i = 0; i < count; i++) {
        SCOPED_FREE char *file = NULL;

        if (i < FILES_MAX && asprintf(&file, "%s/%s", path, found[i]->d_name) > 0 &&
            !is_masked(file))
            errors += read_file(raw, file, complain, arg);
        free(found[i]);
    }
    free(found);
    return errors;
}

/* ---- the public calls ---- */

int raw_read(struct raw_config *raw, const char *path, raw_complain *complain, void *arg)
{
    struct stat st;
    struct coop_err err = {0};
    size_t before;
    int errors;

    if (stat(path, &st) < 0) {
        coop_fail_sys(&err, errno, "configuration '%s'", path);
        coop_hint(&err, "give the path with --config PATH");
        complain(arg, &err);
        return 1;
    }
    if (S_ISDIR(st.st_mode))
        return read_dir(raw, path, complain, arg);
    before = raw->count;
    errors = read_file(raw, path, complain, arg);
    if (errors == 0 && raw->count == before) {
        coop_fail(&err, COOP_OK, "%s: warning: no section is in there", path);
        complain(arg, &err);
    }
    return errors;
}

const struct raw_key *raw_find_key(const struct raw_section *section, const char *key)
{
    const struct raw_key *found = NULL;

    for (size_t i = 0; i < section->count; i++)
        if (strcmp(section->keys[i].key, key) == 0)
            found = &section->keys[i];
    return found;
}

const struct raw_section *raw_find(const struct raw_config *raw, enum raw_kind kind,
                                   const char *name)
{
    for (size_t i = 0; i < raw->count; i++)
        if (raw->sections[i].kind == kind && strcmp(raw->sections[i].name, name) == 0)
            return &raw->sections[i];
    return NULL;
}

void raw_filter(struct raw_config *raw, const bool *keep)
{
    size_t kept = 0;

    for (size_t i = 0; i < raw->count; i++) {
        if (keep[i])
            raw->sections[kept++] = raw->sections[i];
        else
            section_done(&raw->sections[i]);
    }
    raw->count = kept;
}

void raw_done(struct raw_config *raw)
{
    cut_back(raw, 0);
    free(raw->sections);
    *raw = (struct raw_config){0};
}
