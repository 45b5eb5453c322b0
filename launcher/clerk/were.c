/*
 * were.c - which directories there were when the run began (see were.h)
 */
#include "launcher/clerk/were.h"

#include <errno.h>
#include <stdlib.h>

/* FNV-1a of 64 bits, and one start for each kind. */
#define START_DIR  UINT64_C(0xcbf29ce484222325)
#define START_LINK UINT64_C(0x9e3779b97f4a7c15)
#define START_REPO UINT64_C(0xd6e8feb86659fd93)
#define FACTOR     UINT64_C(0x100000001b3)

static uint64_t add_letter(uint64_t number, char c)
{
    const unsigned char letter = (unsigned char)c;
    const unsigned lower = letter >= 'A' && letter <= 'Z' ? letter + 32u : letter;

    return (number ^ lower) * FACTOR;
}

int were_add(struct clerk_were *were, const char *path, enum were_kind kind)
{
    uint64_t number = kind == WERE_DIR    ? START_DIR
                      : kind == WERE_LINK ? START_LINK
                                          : START_REPO;

    if (were->count == were->room) {
        size_t room = were->room ? 2 * were->room : 256;
        uint64_t *more = realloc(were->paths, room * sizeof *more);

        if (!more)
            return -ENOMEM;
        were->paths = more;
        were->room = room;
    }
    for (; *path; path++)
        number = add_letter(number, *path);
    were->paths[were->count++] = number;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

void were_sort(struct clerk_were *were)
{
    if (were->count)
        qsort(were->paths, were->count, sizeof *were->paths, compare);
}

static bool has(const struct clerk_were *were, uint64_t number)
{
    return were->count &&
           bsearch(&number, were->paths, were->count, sizeof *were->paths, compare);
}

struct were_seen were_look(const struct clerk_were *were, const char *path, size_t length)
{
    uint64_t dir = START_DIR, link = START_LINK, repo = START_REPO;
    struct were_seen seen = {.below_repo = length > 0 && has(were, repo)};

    for (size_t i = 0; i < length; i++) {
        if (path[i] == '/') {
            seen.below_link |= has(were, link);
            seen.below_repo |= has(were, repo);
        }
        dir = add_letter(dir, path[i]);
        link = add_letter(link, path[i]);
        repo = add_letter(repo, path[i]);
    }
    seen.is_dir = has(were, dir);
    seen.is_link = has(were, link);
    seen.is_repo = has(were, repo);
    return seen;
}

bool were_is_new(const struct clerk_were *were, const char *path, size_t length)
{
    const struct were_seen seen = were_look(were, path, length);

    return were->all && !seen.is_dir && !seen.is_link && !seen.below_link && !seen.below_repo;
}

bool were_leaves_room(const struct clerk_were *were)
{
    return were->all && !has(were, START_REPO);
}

void were_done(struct clerk_were *were)
{
    free(were->paths);
    *were = (struct clerk_were){0};
}
