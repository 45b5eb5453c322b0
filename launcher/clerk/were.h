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
 *     were_add(&were, "src", WERE_DIR);
 *     were.all = true;
 *     were_sort(&were);
 *     were_is_new(&were, "src", 3)           false
 *     were_is_new(&were, "new/src", 7)       true
 *
 * Nor is anything new below a repository that was there: its index could name the new one as a part
 * of it, and then git runs there what the new one says.
 */
enum were_kind {
    WERE_DIR,
    WERE_LINK, /* nobody knows what there was below it    */
    WERE_REPO, /* in this directory was one; "": the first */
};

struct clerk_were {
    uint64_t *paths;
    size_t count, room;
    bool all; /* every one is in here; else none counts as new */
};

/* 0 or -ENOMEM. */
int were_add(struct clerk_were *were, const char *path, enum were_kind kind);
/* Before the first question. */
void were_sort(struct clerk_were *were);

/* What is known of the first 'length' bytes of 'path'. */
struct were_seen {
    bool is_dir, is_link, is_repo; /* it was         */
    bool below_link, below_repo;   /* something above */
};

struct were_seen were_look(const struct clerk_were *were, const char *path, size_t length);
/* Whether it is no place that was there, nor below a repository, and everything is in here. */
bool were_is_new(const struct clerk_were *were, const char *path, size_t length);
/* Whether any place can be new. */
bool were_leaves_room(const struct clerk_were *were);
void were_done(struct clerk_were *were);

#endif
