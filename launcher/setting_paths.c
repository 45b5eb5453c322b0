/*
 * setting_paths.c - lists of paths, of ports and of ids: how ReadOnlyPaths and its sisters are read
 * and shown
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/identity/id_map.h"
#include "launcher/mount_words.h"
#include "text/units.h"
#include "text/words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- one item ---- */

static void list_done(struct strlist *list)
{
    strlist_done(list);
}

typedef int check_fn(const char *word, struct coop_err *err);

static int parse_checked(const char *text, void *field, check_fn *check, struct coop_err *err)
{
    SCOPED(struct strlist, list_done) words = {0};

    if (words_split(text, &words, err) < 0)
        return -1;
    for (size_t i = 0; i < words.count; i++)
        if (check(words.items[i], err) < 0)
            return -1;
    if (strlist_append(field, &words) < 0)
        return coop_fail_sys(err, ENOMEM, "keep the list");
    return 0;
}

const char *launch_parse_path(const char *text, bool *ret_optional, bool *ret_inside)
{
    *ret_optional = *ret_inside = false;
    if (*text == '-') {
        *ret_optional = true;
        text++;
    }
    if (*text == '+') {
        *ret_inside = true;
        text++;
    }
    return text;
}

static int check_path(const char *word, struct coop_err *err)
{
    bool optional, inside;
    SCOPED_FREE char *plain = mount_path_plain(launch_parse_path(word, &optional, &inside));

    if (!plain)
        return coop_fail(err, COOP_E_SYNTAX, "'%s': expected an absolute path without '..'",
                         word);
    return 0;
}

static int parse_paths(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    (void)row;
    return parse_checked(text, field, check_path, err);
}

int launch_parse_bind(const char *text, struct launch_bind *ret_bind, struct coop_err *err)
{
    bool optional = text[0] == '-';
    const char *from = text + optional;
    size_t src_len = strcspn(from, ":");
    const char *rest = from[src_len] ? from + src_len + 1 : from;
    size_t dst_len = strcspn(rest, ":");
    const char *option = rest[dst_len] && rest != from ? rest + dst_len + 1 : "rbind";
    SCOPED_FREE char *src_text = strndup(from, src_len), *dst_text = strndup(rest, dst_len);
    SCOPED_FREE char *src = src_text ? mount_path_plain(src_text) : NULL;
    SCOPED_FREE char *dst = dst_text ? mount_path_plain(dst_text) : NULL;

    if (!src || !dst)
        return coop_fail(err, COOP_E_SYNTAX,
                         "'%s': expected SOURCE[:DESTINATION], both absolute", text);
    if (strcmp(option, "rbind") != 0 && strcmp(option, "norbind") != 0)
        return coop_fail(err, COOP_E_SYNTAX,
                         "'%s': expected 'rbind' (with everything mounted below) or 'norbind', "
                         "not '%s'",
                         text, option);
    ret_bind->src = ptr_take(&src);
    ret_bind->dst = ptr_take(&dst);
    ret_bind->optional = optional;
    ret_bind->recursive = option[0] == 'r';
    return 0;
}

static int check_bind(const char *word, struct coop_err *err)
{
    struct launch_bind bind = {0};

    if (launch_parse_bind(word, &bind, err) < 0)
        return -1;
    free(bind.src);
    free(bind.dst);
    return 0;
}

static int parse_binds(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    (void)row;
    return parse_checked(text, field, check_bind, err);
}

static int temporary_mode(const char *text, uint32_t *ret_perms)
{
    char *end;
    unsigned long mode = strtoul(text, &end, 8);

    if (*end || end == text || text[0] < '0' || text[0] > '7' || mode > 07777)
        return -EINVAL;
    *ret_perms = (uint32_t)mode;
    return 0;
}

static int temporary_number(const char *text, uint64_t *ret_number)
{
    int64_t number;

    if (units_parse_size(text, &number) < 0 || number <= 0 || number == UNITS_INFINITY)
        return -EINVAL;
    *ret_number = (uint64_t)number;
    return 0;
}

static int temporary_option(const char *option, struct launch_temporary *how)
{
    if (strcmp(option, "ro") == 0 || strcmp(option, "rw") == 0)
        how->read_only = option[1] == 'o';
    else if (strcmp(option, "exec") == 0 || strcmp(option, "noexec") == 0)
        how->no_exec = option[0] == 'n';
    else if (str_starts_with(option, "mode="))
        return temporary_mode(option + strlen("mode="), &how->perms);
    else if (str_starts_with(option, "size="))
        return temporary_number(option + strlen("size="), &how->size);
    else if (str_starts_with(option, "nr_inodes="))
        return temporary_number(option + strlen("nr_inodes="), &how->inodes);
    else
        return -EINVAL;
    return 0;
}

int launch_parse_temporary(const char *text, char **ret_dst, struct launch_temporary *ret_how,
                           struct coop_err *err)
{
    size_t len = strcspn(text, ":");
    SCOPED_FREE char *path = strndup(text, len);
    SCOPED_FREE char *dst = path ? mount_path_plain(path) : NULL;
    struct launch_temporary how = {.perms = 0755};

    if (!dst)
        return coop_fail(err, COOP_E_SYNTAX, "'%s': expected an absolute path", text);
    for (const char *at = text + len; *at;) {
        char option[64];
        size_t part = strcspn(++at, ",");

        str_format(option, sizeof option, "%.*s", (int)part, at);
        if (part >= sizeof option || temporary_option(option, &how) < 0)
            return coop_fail(err, COOP_E_SYNTAX,
                             "'%s': expected ro, rw, exec, noexec, mode=OCTAL, size=SIZE or "
                             "nr_inodes=NUMBER, not '%s'",
                             text, option);
        at += part;
    }
    *ret_dst = ptr_take(&dst);
    *ret_how = how;
    return 0;
}

static int check_temporary(const char *word, struct coop_err *err)
{
    struct launch_temporary how;
    SCOPED_FREE char *dst = NULL;

    return launch_parse_temporary(word, &dst, &how, err);
}

static int parse_temporary(const struct setting *row, const char *text, void *field,
                           struct coop_err *err)
{
    (void)row;
    return parse_checked(text, field, check_temporary, err);
}

int launch_parse_ports(const char *text, uint32_t *ret_first, uint32_t *ret_last,
                       struct coop_err *err)
{
    const char *from = str_starts_with(text, "tcp:") ? text + 4 : text;
    size_t len = strcspn(from, "-");
    long long first, last;
    char word[8];

    if (strcmp(text, "none") == 0) {
        *ret_first = 1;
        *ret_last = 0;
        return 0;
    }
    if (len >= sizeof word)
        len = 0;
    str_format(word, sizeof word, "%.*s", (int)len, from);
    if (str_to_int(word, 0, UINT16_MAX, &first) < 0 ||
        str_to_int(from[len] ? from + len + 1 : word, first, UINT16_MAX, &last) < 0)
        return coop_fail(err, COOP_E_SYNTAX, "'%s': expected a port, FIRST-LAST, or none",
                         text);
    *ret_first = (uint32_t)first;
    *ret_last = (uint32_t)last;
    return 0;
}

static int check_ports(const char *word, struct coop_err *err)
{
    uint32_t first, last;

    return launch_parse_ports(word, &first, &last, err);
}

static int parse_ports(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    SCOPED_FREE char *words = strdup(text);

    (void)row;
    if (!words)
        return coop_fail_sys(err, ENOMEM, "keep the list");
    for (char *c = words; *c; c++)
        if (*c == ',')
            *c = ' ';
    return parse_checked(words, field, check_ports, err);
}

static int check_id_map(const char *word, struct coop_err *err)
{
    struct plan_id_map line;

    return strcmp(word, "auto") == 0 ? 0 : id_map_parse(word, &line, err);
}

static int parse_id_map(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    (void)row;
    return parse_checked(text, field, check_id_map, err);
}

static void render_list(const struct setting *row, const void *field, struct buf *out)
{
    (void)row;
    words_join(out, field);
}

static void clear_list(void *field)
{
    strlist_done(field);
}

static int copy_list(void *to, const void *from)
{
    return strlist_copy(to, from);
}

#define LIST_KIND(shown, parser, examples)                                                     \
    {                                                                                          \
        .metavar = (shown), .size = sizeof(struct strlist), .list = true, .parse = (parser),   \
        .render = render_list, .clear = clear_list, .copy = copy_list, .samples = (examples)   \
    }

const struct setting_type kind_paths = LIST_KIND("PATH...", parse_paths, "/usr -/opt -+/srv");
const struct setting_type kind_ports = LIST_KIND("PORT...", parse_ports, "80 8000-8010 none");
const struct setting_type kind_id_map =
    LIST_KIND("MAP...", parse_id_map, "auto 0:100000:65536 5:7");
const struct setting_type kind_binds =
    LIST_KIND("SRC[:DST]", parse_binds, "/usr /a:/b -/x:/y /a:/b:norbind");
const struct setting_type kind_temporary = LIST_KIND(
    "PATH[:OPTIONS]", parse_temporary, "/var /tmp:ro /x:mode=755,size=1M,nr_inodes=1k");
