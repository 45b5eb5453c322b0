#ifndef LAUNCHER_CLERK_WERE_H
#define LAUNCHER_CLERK_WERE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * were.h - which directories there were when the run began; private to coop-run
 *
 * Where none was a program may make a repository of its own: nobody who goes where they were used
 * to go finds it.  Paths are seen from the working directory, and kept as numbers made of them: two
 * that share one only make a new directory look like an old one.  Letters count in any case.
 *
 *     were_add(&were, "src", false);
 *     were.all = true;
 *     were_sort(&were);
 *     were_is_new(&were, "src", 3)           false
 *     were_is_new(&were, "new/src", 7)       true
 */
struct clerk_were {
    uint64_t *paths;
    size_t count, room;
    bool all; /* every one is in here; else none counts as new */
};

/* 0 or -ENOMEM.  'is_link': nobody knows what there was below it. */
int were_add(struct clerk_were *were, const char *path, bool is_link);
/* Before the first question. */
void were_sort(struct clerk_were *were);
/* Whether nothing was at the first 'length' bytes of 'path', and everything is in here. */
bool were_is_new(const struct clerk_were *were, const char *path, size_t length);
void were_done(struct clerk_were *were);

#endif
