#ifndef LAUNCHER_CLERK_WALK_H
#define LAUNCHER_CLERK_WALK_H

#include <stddef.h>

/*
 * walk.h - all names below a directory, with a bound; private to coop-run
 */
enum { WALK_DEPTH = 64 };

enum walk_next {
    WALK_ON,   /* into it, if it is a directory */
    WALK_PAST, /* not into it                   */
    WALK_STOP,
};

/* 'path' is seen from where the walk began; 'type' is one of readdir's (DT_DIR). */
typedef enum walk_next walk_fn(void *context, const char *path, const char *name,
                               unsigned char type);

/* 0: all were seen.  -ECANCELED: stopped.  -E2BIG: more than 'most', or too deep; -EACCES: one of
 * ours is shut (the rest was seen).  No link is followed. */
int walk_below(int dir, size_t most, walk_fn *seen, void *context);

#endif
