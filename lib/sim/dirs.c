/*
 * dirs.c - what lies in a directory of the fake kernel (see coop/sim.h)
 *
 * By name, and the descriptor remembers the last one it has told: so what comes and goes between
 * two calls neither hides nor repeats the others.
 */
#include <dirent.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "sim/internal.h"

struct entry {
    char name[sizeof((struct dirent64 *)NULL)->d_name];
    unsigned char type;
    uint64_t number;
};

/* ---- helpers ---- */

/* The name below 'dir' that leads to 'path'; false: it does not lie there. */
static bool name_in(const char *dir, const char *path, char *ret_name, bool *ret_deeper)
{
    size_t length = strcmp(dir, "/") == 0 ? 0 : strlen(dir), size;
    const char *name = path + length + 1;

    if (strncmp(path, dir, length) != 0 || path[length] != '/' || !*name)
        return false;
    size = strcspn(name, "/");
    *ret_deeper = name[size] != '\0';
    if (size >= sizeof((struct entry *)NULL)->name)
        return false;
    memcpy(ret_name, name, size);
    ret_name[size] = '\0';
    return true;
}

static void offer(struct entry *best, const char *after, const struct entry *e)
{
    if (strcmp(e->name, after) > 0 && (!best->name[0] || strcmp(e->name, best->name) < 0))
        *best = *e;
}

/* The first name after 'after'; an empty one: there is none. */
static struct entry entry_after(const struct node *dir, const char *after)
{
    static const unsigned char types[] = {DT_REG, DT_DIR, DT_FIFO, DT_SOCK};
    struct entry best = {.name = ""}, e = {".", DT_DIR, dir->number};

    offer(&best, after, &e);
    e = (struct entry){"..", DT_DIR, 1};
    offer(&best, after, &e);
    list_for_each (it, &fake_nodes) {
        const struct node *node = list_entry(it, struct node, link);
        bool deeper;

        if (!name_in(dir->path, node->path, e.name, &deeper))
            continue;
        e.type = deeper ? DT_DIR : types[node->kind];
        e.number = node->number;
        offer(&best, after, &e);
    }
    return best;
}

static size_t size_of(const struct entry *e)
{
    return (offsetof(struct dirent64, d_name) + strlen(e->name) + 8) & ~(size_t)7;
}

/* ---- the call ---- */

ssize_t fake_sys_getdents64(int fd, void *ret_buf, size_t size)
{
    struct file *file = fake_file(fd);
    struct entry e;
    size_t used = 0;

    if (!file)
        return -EBADF;
    if (file->kind != FILE_NODE || file->node->kind != NODE_DIR)
        return -ENOTDIR;
    while ((e = entry_after(file->node, file->told ? file->told : "")).name[0] &&
           used + size_of(&e) <= size) {
        struct dirent64 *to = (void *)((char *)ret_buf + used);

        to->d_ino = e.number;
        to->d_off = (off64_t)++file->at;
        to->d_reclen = (unsigned short)size_of(&e);
        to->d_type = e.type;
        memcpy(to->d_name, e.name, strlen(e.name) + 1);
        used += size_of(&e);
        file->told = fake_grow(file->told, sizeof e.name);
        memcpy(file->told, e.name, strlen(e.name) + 1);
    }
    return used || !e.name[0] ? (ssize_t)used : -EINVAL;
}
