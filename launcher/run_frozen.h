#ifndef LAUNCHER_RUN_FROZEN_H
#define LAUNCHER_RUN_FROZEN_H

#include <stdbool.h>

#include "base/strlist.h"
#include "launcher/clerk/were.h"
#include "launcher/launch.h"

/*
 * run_frozen.h - FrozenPaths=: names in a writable working directory that stay as they are; private
 * to coop-run
 *
 * What is there is shown read-only, as mounts of their own, and so are the directories above it
 * (writable): a mount point cannot be moved away.  What is missing has no place for a mount, and
 * nothing is made in the host's files: a clerk refuses to make it (clerk/clerk.h).  Where no clerk
 * can be had the directory is watched from outside, everything inside is killed as soon as such a
 * name appears, and the name is taken away again.  The same goes for links, which cannot be mount
 * points and can be removed.
 *
 * Names for every directory are looked for when it starts: FROZEN_LOOKS names are looked at, and
 * FROZEN_BELOW directories may have some of them.
 *
 * Limits    FROZEN_MAX names, FROZEN_DIRS directories.  If coop-run itself is killed, nobody takes
 *           the name away.
 */
enum { FROZEN_MAX = 256, FROZEN_DIRS = 64, FROZEN_BELOW = 100, FROZEN_LOOKS = 1000000 };

struct run_frozen_name {
    int dir;      /* index into dirs                              */
    char *name;   /* in that directory                            */
    char *target; /* of the link that it is, NULL: it was missing */
};

struct run_frozen_dir {
    char *path;    /* "." and below, as it is seen from the working directory */
    int fd, watch; /* open; of inotify                                        */
};

struct run_frozen {
    struct run_frozen_name names[FROZEN_MAX];
    struct run_frozen_dir dirs[FROZEN_DIRS];
    int name_count, dir_count;
    struct strlist kept;    /* what is missing or a link, with what follows it: for a clerk */
    struct clerk_were were; /* the directories that there are                             */
    bool is_partial;        /* not all of them could be looked at */
    struct strlist below;   /* those in which a name for every directory begins         */
    struct strlist files;   /* those of the names' parts that are files: these lead on */
    int news;               /* inotify, or -1: nothing to watch      */
    const char *touched;    /* the name that was made, or NULL    */
    const char *left;       /* one that could not be taken away   */
};

struct launch_spec;

/* The working directory is shown, writable, at 'cwd': adds what keeps spec->frozen. */
int run_frozen_show(struct run_frozen *frozen, struct launch_spec *spec, const char *cwd,
                    struct coop_err *err);

/* The names that a clerk keeps away: the listed ones, links that are there, and what these lead to.
 * 0 or -1. */
int run_frozen_names(const struct run_frozen *frozen, const struct launch_spec *spec,
                     struct strlist *ret_names, struct coop_err *err);

/* A clerk keeps them: only what is a link now is watched on. */
void run_frozen_leave(struct run_frozen *frozen);

/* From now on names are watched; before anything runs. */
int run_frozen_watch(struct run_frozen *frozen, struct coop_err *err);

/* 'news' can be read: whether a name has been touched. */
bool run_frozen_touched(struct run_frozen *frozen);

/* Nothing inside runs any more: what has been made is called NAME.refused-PID, links are as they
 * were.  The name that was touched, or NULL. */
const char *run_frozen_restore(struct run_frozen *frozen);

void run_frozen_done(struct run_frozen *frozen);

#endif
