/*
 * plan_paths.c - compile the path keys: ReadOnlyPaths and its sisters, BindPaths, ...
 *
 * They come after the view, sorted so that a parent comes before its children: whichever is nearer
 * to a file decides, as in systemd, and their order in the configuration does not matter.  At one
 * path what is mounted there comes first, then what is said about it.
 */
#include "launcher/plan_files.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/mount_words.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum path_key {
    KEY_TEMPORARY,
    KEY_BIND,
    KEY_BIND_RO,
    KEY_READ_ONLY,
    KEY_READ_WRITE,
    KEY_NO_EXEC,
    KEY_EXEC,
    KEY_HIDDEN,
    KEYS
};

struct path_item {
    enum path_key key;
    const char *text; /* as configured                    */
    char *src, *dst;  /* owned, plain                     */
    bool optional, alone;
    struct launch_temporary temporary;
};

/* ---- one item ---- */

/* With RootDirectory= a path is the host's, unless a '+' stands before it: what of the host is
 * not below that directory cannot be seen inside anyway.  False: such a one. */
static bool move_into_root(const struct launch_spec *spec, char *path)
{
    const char *root = spec->root_directory;
    size_t length = root ? strlen(root) : 0;

    if (!root || strcmp(root, "/") == 0)
        return true;
    if (strncmp(path, root, length) != 0 || (path[length] && path[length] != '/'))
        return false;
    memmove(path, path + length, strlen(path + length) + 1);
    if (!path[0])
        memcpy(path, "/", 2);
    return true;
}

static int parse_plain(const struct launch_spec *spec, struct path_item *item, bool *ret_inside,
                       struct coop_err *err)
{
    bool inside;
    const char *path = launch_parse_path(item->text, &item->optional, &inside);

    item->dst = mount_path_plain(path);
    if (!item->dst)
        return coop_fail(err, COOP_E_RANGE, "path '%s': must be absolute, without '..'",
                         item->text);
    *ret_inside = inside || move_into_root(spec, item->dst);
    return 0;
}

/* *ret_inside: whether the path is one that the program can have at all. */
static int parse_item(const struct launch_spec *spec, struct path_item *item, bool *ret_inside,
                      struct coop_err *err)
{
    struct launch_bind bind;

    *ret_inside = true;
    switch (item->key) {
    case KEY_BIND:
    case KEY_BIND_RO:
        if (launch_parse_bind(item->text, &bind, err) < 0)
            return -1;
        item->src = bind.src;
        item->dst = bind.dst;
        item->optional = bind.optional;
        item->alone = !bind.recursive;
        return 0;
    case KEY_TEMPORARY:
        return launch_parse_temporary(item->text, &item->dst, &item->temporary, err);
    case KEY_READ_ONLY:
    case KEY_READ_WRITE:
    case KEY_NO_EXEC:
    case KEY_EXEC:
    case KEY_HIDDEN:
    case KEYS: break;
    }
    return parse_plain(spec, item, ret_inside, err);
}

/* ---- operations ---- */

static void add_cover(struct files *f, const struct path_item *item, uint64_t set,
                      uint64_t clear)
{
    files_add_cover(f, PLAN_OP_SELF, LAUNCH_GUARD_PATHS, item->dst, set, clear, item->optional);
}

static void add_bind(struct files *f, const struct path_item *item)
{
    struct plan_op *op = files_add(f, PLAN_OP_BIND, PLAN_NO_GUARD, item->src, item->dst);

    op->attr_set = item->key == KEY_BIND_RO ? MOUNT_ATTR_RDONLY : 0;
    op->flags =
        (uint16_t)((item->optional ? PLAN_MNT_TRY : 0u) | (item->alone ? PLAN_MNT_ALONE : 0u));
}

static void add_item(struct files *f, const struct path_item *item)
{
    const struct launch_temporary *t = &item->temporary;

    switch (item->key) {
    case KEY_TEMPORARY:
        files_add_tmpfs(f, PLAN_NO_GUARD, item->dst, t->perms, t->size, t->inodes)->attr_set |=
            t->no_exec ? MOUNT_ATTR_NOEXEC : 0u;
        break;
    case KEY_BIND:
    case KEY_BIND_RO: add_bind(f, item); break;
    case KEY_READ_ONLY: add_cover(f, item, MOUNT_ATTR_RDONLY, 0); break;
    case KEY_READ_WRITE: add_cover(f, item, 0, MOUNT_ATTR_RDONLY); break;
    case KEY_NO_EXEC: add_cover(f, item, MOUNT_ATTR_NOEXEC, 0); break;
    case KEY_EXEC: add_cover(f, item, 0, MOUNT_ATTR_NOEXEC); break;
    case KEY_HIDDEN:
        files_add_cover(f, PLAN_OP_MASK, LAUNCH_GUARD_PATHS, item->dst, 0, 0, item->optional)
            ->flags |= PLAN_MNT_ABSENT;
        break;
    case KEYS: break;
    }
}

/* Read-only only now: mount points for what lies in it have been made. */
static void close_temporary(struct files *f, const struct path_item *item)
{
    if (item->key == KEY_TEMPORARY && item->temporary.read_only)
        files_add_cover(f, PLAN_OP_SETATTR, PLAN_NO_GUARD, item->dst, MOUNT_ATTR_RDONLY, 0,
                        false)
            ->flags = 0;
}

/* ---- all of them ---- */

static int by_path(const void *a, const void *b)
{
    const struct path_item *left = a, *right = b;
    int order = strcmp(left->dst, right->dst);

    return order ? order : (int)left->key - (int)right->key;
}

static void add_all(struct files *f, struct path_item *items, size_t count)
{
    qsort(items, count, sizeof *items, by_path);
    for (size_t i = 0; i < count; i++)
        add_item(f, &items[i]);
    for (size_t i = 0; i < count; i++)
        close_temporary(f, &items[i]);
}

int files_add_path_keys(struct files *f, struct coop_err *err)
{
    const struct launch_spec *s = f->spec;
    const struct strlist *lists[KEYS] = {
        [KEY_TEMPORARY] = &s->temporary,
        [KEY_BIND] = &s->bind,
        [KEY_BIND_RO] = &s->bind_read_only,
        [KEY_READ_ONLY] = &s->read_only,
        [KEY_READ_WRITE] = &s->read_write,
        [KEY_NO_EXEC] = &s->no_exec,
        [KEY_EXEC] = &s->exec,
        [KEY_HIDDEN] = &s->inaccessible,
    };
    size_t total = 0, count = 0;
    SCOPED_FREE struct path_item *items = NULL;
    int r = 0;

    for (size_t l = 0; l < KEYS; l++)
        total += lists[l]->count;
    if (total == 0)
        return 0;
    items = calloc(total, sizeof *items);
    if (!items)
        return coop_fail_sys(err, ENOMEM, "compiling the sandbox");
    for (size_t l = 0; l < KEYS && r == 0; l++)
        for (size_t i = 0; i < lists[l]->count && r == 0; i++) {
            struct path_item item = {.key = (enum path_key)l, .text = lists[l]->items[i]};
            bool inside = false;

            r = parse_item(s, &item, &inside, err);
            if (r == 0 && inside)
                items[count++] = item;
            else
                free(item.dst);
        }
    if (r == 0)
        add_all(f, items, count);
    for (size_t i = 0; i < count; i++) {
        free(items[i].src);
        free(items[i].dst);
    }
    return r;
}
