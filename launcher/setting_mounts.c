/*
 * setting_mounts.c - FileSystem=: one file-system operation a line, in the words of mount_words.h
 *
 *     FileSystem=ro-bind /usr /usr
 *     FileSystem=perms 1777 size 1G tmpfs /tmp
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/mount_words.h"
#include "text/units.h"
#include "text/words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static void list_done(struct strlist *list)
{
    strlist_done(list);
}

/* ---- reading ---- */

struct operation {
    const struct mount_word *word;
    char *const *arguments;
    mode_t perms;
    uint64_t size;
    bool has_perms, has_size;
};

static int unknown_word(const char *name, struct coop_err *err)
{
    const char *names[64] = {"perms", "size"};
    size_t count = 2;
    const char *near;

    for (const struct mount_word *w = mount_words(); w->word && count + 1 < COOP_COUNT(names);
         w++)
        names[count++] = w->word;
    near = str_nearest(name, names);
    coop_fail(err, COOP_E_UNKNOWN, "'%.200s' is no file-system operation", name);
    return near ? coop_hint(err, "did you mean %s?", near)
                : coop_hint(err, "operations are bubblewrap's options without dashes, like "
                                 "'ro-bind /usr /usr'");
}

/* Words in front of the operation; the number of words they take. */
static int parse_how(const struct strlist *words, size_t at, struct operation *op,
                     struct coop_err *err)
{
    const char *value = at + 1 < words->count ? words->items[at + 1] : "";
    int64_t size;

    if (strcmp(words->items[at], "perms") == 0) {
        op->has_perms = true;
        return mount_parse_mode(value, &op->perms, err) < 0 ? -1 : 2;
    }
    if (strcmp(words->items[at], "size") == 0) {
        if (units_parse_size(value, &size) < 0 || size <= 0)
            return coop_fail(err, COOP_E_SYNTAX, "'%.200s' is not a size", value);
        op->has_size = true;
        op->size = (uint64_t)size;
        return 2;
    }
    return 0;
}

static int parse_operation(const struct strlist *words, struct operation *op,
                           struct coop_err *err)
{
    size_t at = 0;
    int taken = 1;

    while (taken > 0 && at < words->count) {
        taken = parse_how(words, at, op, err);
        if (taken < 0)
            return -1;
        at += (size_t)taken;
    }
    if (at >= words->count)
        return coop_fail(err, COOP_E_SYNTAX, "expected an operation like 'ro-bind /usr /usr'");
    op->word = mount_word_find(words->items[at]);
    if (!op->word)
        return unknown_word(words->items[at], err);
    if (words->count - at - 1 != op->word->arguments)
        return coop_fail(err, COOP_E_SYNTAX, "%s needs %u argument%s, not %zu", op->word->word,
                         op->word->arguments, op->word->arguments == 1 ? "" : "s",
                         words->count - at - 1);
    op->arguments = words->items + at + 1;
    if (op->has_size && op->word->kind != LAUNCH_MOUNT_TMPFS)
        return coop_fail(err, COOP_E_SYNTAX, "%s has no size", op->word->word);
    if (op->has_perms && op->word->kind != LAUNCH_MOUNT_TMPFS &&
        op->word->kind != LAUNCH_MOUNT_DIR)
        return coop_fail(err, COOP_E_SYNTAX, "%s makes nothing that could have permissions",
                         op->word->word);
    return 0;
}

static int parse_mounts(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    SCOPED(struct strlist, list_done) words = {0};
    struct operation op = {0};
    const char *src;

    (void)row;
    if (words_split(text, &words, err) < 0 || parse_operation(&words, &op, err) < 0 ||
        !op.arguments)
        return -1;
    src = op.arguments[0];
    if (op.word->kind == LAUNCH_MOUNT_BIND && src[0] != '/')
        return coop_fail(err, COOP_E_RANGE, "'%.200s': a path on the host must be absolute",
                         src);
    return mount_word_add(field, op.word, src, op.word->arguments > 1 ? op.arguments[1] : NULL,
                          op.has_perms ? &op.perms : NULL, op.has_size ? &op.size : NULL, err);
}

/* ---- showing ---- */

static const struct mount_word *word_of(const struct launch_mount *mount)
{
    for (const struct mount_word *w = mount_words(); w->word; w++)
        if (w->kind == mount->kind && w->flags == (mount->flags & ~LAUNCH_MOUNT_PERMS))
            return w;
    return NULL; /* one with data or layers: no key makes such */
}

static void render_mounts(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_mounts *mounts = field;

    (void)row;
    for (size_t i = 0; i < mounts->count; i++) {
        const struct launch_mount *m = &mounts->items[i];
        const struct mount_word *word = word_of(m);

        if (!word)
            continue;
        if (out->len > 0)
            buf_add_char(out, '\n');
        if (m->flags & LAUNCH_MOUNT_PERMS)
            buf_addf(out, "perms %04o ", (unsigned)m->perms);
        if (m->size > 0)
            buf_addf(out, "size %" PRIu64 " ", m->size);
        buf_addf(out, "%s ", word->word);
        if (word->arguments > 1) {
            words_quote(out, m->src);
            buf_add_char(out, ' ');
        }
        words_quote(out, m->dst);
    }
}

static void clear_mounts(void *field)
{
    launch_mounts_done(field);
}

static int copy_mounts(void *to, const void *from)
{
    const struct launch_mounts *mounts = from;

    for (size_t i = 0; i < mounts->count; i++)
        if (launch_mounts_add(to, &mounts->items[i], NULL) < 0) {
            launch_mounts_done(to);
            return -ENOMEM;
        }
    return 0;
}

const struct setting_type kind_mounts = {
    .metavar = "OPERATION",
    .size = sizeof(struct launch_mounts),
    .list = true,
    .parse = parse_mounts,
    .render = render_mounts,
    .clear = clear_mounts,
    .copy = copy_mounts,
    .samples = "",
};
