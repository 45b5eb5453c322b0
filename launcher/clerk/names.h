#ifndef LAUNCHER_CLERK_NAMES_H
#define LAUNCHER_CLERK_NAMES_H

#include <stdbool.h>

#include "base/strlist.h"

/*
 * names.h - which names FrozenPaths= keeps away; pure but for one look, private to coop-run
 *
 *     .envrc             that name in the directory, and all below it
 *     two/levels         the same; "two" may be made, but as a directory only: a link or a file
 *                        there would bring its own "levels"
 *     ** /.git/hooks     (without the space) in the directory and in every one below it
 *
 * Letters are compared in any case, because some file systems do.
 */
enum clerk_verdict {
    CLERK_FREE,
    CLERK_ABOVE,  /* on the way to a frozen name: a directory may be made, nothing else */
    CLERK_FROZEN, /* is a frozen name, or below one                                    */
};

/* 'path' is seen from the directory: "sub/.git/hooks".  'dir' is a directory that is about to get
 * that name, with all that is in it, or -1. */
enum clerk_verdict clerk_judge(const struct strlist *names, const char *path, int dir);

/* What is behind the mark for every directory, or the name itself. */
const char *clerk_name_plain(const char *name, bool *ret_everywhere);

#endif
