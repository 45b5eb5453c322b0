/*
 * setting_paths.c - lists of paths: how ReadOnlyPaths and its sisters are read and shown
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"
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
        return coop_fail_sys(err, ENOMEM, "keep the paths");
    return 0;
}

static int check_path(const char *word, struct coop_err *err)
{
    SCOPED_FREE char *plain = mount_path_plain(word + (word[0] == '-'));

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

int launch_parse_bind(const char *text, char **ret_src, char **ret_dst, bool *ret_optional,
                      struct coop_err *err)
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
    if (strcmp(option, "rbind") != 0)
        return coop_fail(err, COOP_E_MISSING,
                         "'%s': only 'rbind' (with everything mounted below) is supported",
                         text);
    *ret_src = ptr_take(&src);
    *ret_dst = ptr_take(&dst);
    *ret_optional = optional;
    return 0;
}

static int check_bind(const char *word, struct coop_err *err)
{
    SCOPED_FREE char *src = NULL, *dst = NULL;
    bool optional;

    return launch_parse_bind(word, &src, &dst, &optional, err);
}

static int parse_binds(const struct setting *row, const char *text, void *field,
                       struct coop_err *err)
{
    (void)row;
    return parse_checked(text, field, check_bind, err);
}

static int temporary_option(const char *option, uint32_t *perms, uint64_t *size,
                            bool *read_only)
{
    int64_t bytes;
    char *end;

    if (strcmp(option, "ro") == 0) {
        *read_only = true;
    } else if (str_starts_with(option, "mode=")) {
        unsigned long mode = strtoul(option + 5, &end, 8);

        if (*end || end == option + 5 || mode > 07777)
            return -EINVAL;
        *perms = (uint32_t)mode;
    } else if (str_starts_with(option, "size=")) {
        if (units_parse_size(option + 5, &bytes) < 0)
            return -EINVAL;
        *size = (uint64_t)bytes;
    } else if (strcmp(option, "rw") != 0) {
        return -EINVAL;
    }
    return 0;
}

int launch_parse_temporary(const char *text, char **ret_dst, uint32_t *ret_perms,
                           uint64_t *ret_size, bool *ret_read_only, struct coop_err *err)
{
    size_t len = strcspn(text, ":");
    SCOPED_FREE char *path = strndup(text, len);
    SCOPED_FREE char *dst = path ? mount_path_plain(path) : NULL;
    uint32_t perms = 0755;
    uint64_t size = 0;
    bool read_only = false;

    if (!dst)
        return coop_fail(err, COOP_E_SYNTAX, "'%s': expected an absolute path", text);
    for (const char *at = text + len; *at;) {
        char option[64];
        size_t part = strcspn(++at, ",");

        str_format(option, sizeof option, "%.*s", (int)part, at);
        if (part >= sizeof option || temporary_option(option, &perms, &size, &read_only) < 0)
            return coop_fail(err, COOP_E_SYNTAX,
                             "'%s': expected ro, rw, mode=OCTAL or size=SIZE, not '%s'", text,
                             option);
        at += part;
    }
    *ret_dst = ptr_take(&dst);
    *ret_perms = perms;
    *ret_size = size;
    *ret_read_only = read_only;
    return 0;
}

static int check_temporary(const char *word, struct coop_err *err)
{
    SCOPED_FREE char *dst = NULL;
    uint32_t perms;
    uint64_t size;
    bool read_only;

    return launch_parse_temporary(word, &dst, &perms, &size, &read_only, err);
}

static int parse_temporary(const struct setting *row, const char *text, void *field,
                           struct coop_err *err)
{
    (void)row;
    return parse_checked(text, field, check_temporary, err);
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

const struct setting_type kind_paths = LIST_KIND("PATH...", parse_paths, "/usr -/opt");
const struct setting_type kind_binds = LIST_KIND("SRC[:DST]", parse_binds, "/usr /a:/b -/x:/y");
const struct setting_type kind_temporary =
    LIST_KIND("PATH[:OPTIONS]", parse_temporary, "/var /tmp:ro /x:mode=755,size=1M");
