#ifndef LAUNCHER_CLERK_NAMES_H
#define LAUNCHER_CLERK_NAMES_H

#include <stdbool.h>

#include "base/strlist.h"
#include "launcher/clerk/were.h"

/*
 * names.h - which names FrozenPaths= keeps away; pure but for one look, private to coop-run
 *
 *     .envrc             that name in the directory, and all below it
 *     two/levels         the same; "two" may be made, but as a directory only: a link or a file
 *                        there would bring its own "levels"
 *     ** /.git/hooks     (without the space) in the directory and in every one below it that was
 *                        there before: what is new may have one, and stays away from where others
 *                        were
 *
 * Letters are compared in any case, because some file systems do.
 */
enum clerk_verdict {
    CLERK_FREE,
    CLERK_ABOVE,  /* on the way to a frozen name: a directory may be made, nothing else */
    CLERK_FROZEN, /* is a frozen name, or below one                                    */
};

/* 'path' is seen from the directory: "sub/.git/hooks".  'dir' is a directory that is about to get
 * that name, with all that is in it, and has been at 'from'; or -1. */
enum clerk_verdict clerk_judge(const struct strlist *names, const struct clerk_were *were,
                               const char *path, int dir, const char *from);
/* Whether a link may be there: it could lead to a new repository where a directory was. */
bool clerk_may_link(const struct clerk_were *were, const char *path);

/* Whether a name for every directory begins with this part. */
bool clerk_names_begin(const struct strlist *names, const char *part);
/* And has others behind it: what has the part is a repository. */
bool clerk_names_repo(const struct strlist *names, const char *part);

/* What is behind the mark for every directory, or the name itself. */
const char *clerk_name_plain(const char *name, bool *ret_everywhere);

#endif
