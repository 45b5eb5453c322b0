#ifndef COOP_CONFIG_IDENTITY_H
#define COOP_CONFIG_IDENTITY_H

#include <sys/types.h>

#include "base/strlist.h"
#include "coop/err.h"

/*
 * identity.h - names of users and groups to ids, through the system's database
 *
 *     struct identity who;
 *     if (identity_find("www-data", NULL, &who, err) < 0) ...
 *     identity_done(&who);
 *
 * Time      Asks NSS: may block on a network directory, so never on a coroutine's own time.
 * Errors    COOP_E_UNKNOWN: no such user or group.  Numbers need no entry in the database.
 */
struct identity {
    uid_t uid;
    gid_t gid;
    char *user, *group, *home, *shell; /* never NULL after success */
};

/* 'user' NULL: coopd's own.  'group' NULL: the user's own. */
int identity_find(const char *user, const char *group, struct identity *ret_who,
                  struct coop_err *err);
void identity_done(struct identity *who);

/* Ids, as decimal text, of all groups of the user and of 'more'. */
int identity_groups(const struct identity *who, const struct strlist *more,
                    struct strlist *ret_ids, struct coop_err *err);

#endif
