/*
 * identity.c - users and groups (see identity.h)
 */
#include "config/identity.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/scope.h"
#include "base/str.h"

enum { RECORD_MAX = 64 * 1024, GROUPS_MAX = 65536 };

/* ---- one user ---- */

static int no_user(const char *user, int sys, struct coop_err *err)
{
    if (sys != 0 && sys != ENOENT && sys != ESRCH)
        return coop_fail_sys(err, sys, "user '%s': look-up", user);
    coop_fail(err, COOP_E_UNKNOWN, "user '%s' does not exist", user);
    return coop_hint(err, "make it (useradd --system %s), or write a number", user);
}

static int copy_user(struct identity *who, const char *name, const char *home,
                     const char *shell, struct coop_err *err)
{
    who->user = strdup(name);
    who->home = strdup(home && home[0] ? home : "/");
    who->shell = strdup(shell && shell[0] ? shell : "/bin/sh");
    if (!who->user || !who->home || !who->shell)
        return coop_fail(err, COOP_E_LIMIT, "user '%s': no memory", name);
    return 0;
}

static int find_user(const char *user, struct identity *who, struct coop_err *err)
{
    SCOPED_FREE char *record = malloc(RECORD_MAX);
    struct passwd entry, *found = NULL;
    long long number = -1;
    int sys;

    if (!record)
        return coop_fail(err, COOP_E_LIMIT, "user look-up: no memory");
    if (!user)
        number = getuid();
    else if (str_to_int(user, 0, UINT32_MAX - 1, &number) < 0)
        number = -1;
    if (number >= 0)
        sys = getpwuid_r((uid_t)number, &entry, record, RECORD_MAX, &found);
    else
        sys = getpwnam_r(user, &entry, record, RECORD_MAX, &found);
    if (found) {
        who->uid = found->pw_uid;
        who->gid = found->pw_gid;
        return copy_user(who, found->pw_name, found->pw_dir, found->pw_shell, err);
    }
    if (number < 0)
        return no_user(user, sys, err);
    who->uid = (uid_t)number; /* a number that nobody has: it is its own group */
    who->gid = user ? (gid_t)number : getgid();
    snprintf(record, RECORD_MAX, "%lld", number);
    return copy_user(who, record, NULL, NULL, err);
}

/* ---- one group ---- */

static int find_group(const char *group, gid_t *ret_gid, char **ret_name, struct coop_err *err)
{
    SCOPED_FREE char *record = malloc(RECORD_MAX);
    struct group entry, *found = NULL;
    long long number = *ret_gid;
    int sys;

    if (!record)
        return coop_fail(err, COOP_E_LIMIT, "group look-up: no memory");
    if (group && str_to_int(group, 0, UINT32_MAX - 1, &number) < 0)
        sys = getgrnam_r(group, &entry, record, RECORD_MAX, &found);
    else
        sys = getgrgid_r((gid_t)number, &entry, record, RECORD_MAX, &found);
    if (!found && group && str_to_int(group, 0, UINT32_MAX - 1, &number) < 0) {
        if (sys != 0 && sys != ENOENT && sys != ESRCH)
            return coop_fail_sys(err, sys, "group '%s': look-up", group);
        coop_fail(err, COOP_E_UNKNOWN, "group '%s' does not exist", group);
        return coop_hint(err, "make it (groupadd --system %s), or write a number", group);
    }
    *ret_gid = found ? found->gr_gid : (gid_t)number;
    if (!ret_name)
        return 0;
    if (found)
        *ret_name = strdup(found->gr_name);
    else if (asprintf(ret_name, "%lld", number) < 0)
        *ret_name = NULL;
    return *ret_name ? 0 : coop_fail(err, COOP_E_LIMIT, "group look-up: no memory");
}

/* ---- the public calls ---- */

void identity_done(struct identity *who)
{
    free(who->user);
    free(who->group);
    free(who->home);
    free(who->shell);
    *who = (struct identity){0};
}

int identity_find(const char *user, const char *group, struct identity *ret_who,
                  struct coop_err *err)
{
    struct identity who = {0};

    if (find_user(user, &who, err) < 0 || find_group(group, &who.gid, &who.group, err) < 0) {
        identity_done(&who);
        return -1;
    }
    *ret_who = who;
    return 0;
}

static int add_id(struct strlist *ids, gid_t gid, struct coop_err *err)
{
    char text[16];

    snprintf(text, sizeof text, "%u", gid);
    if (strlist_has(ids, text))
        return 0;
    return strlist_add(ids, text) < 0 ? coop_fail(err, COOP_E_LIMIT, "groups: no memory") : 0;
}

int identity_groups(const struct identity *who, const struct strlist *more,
                    struct strlist *ret_ids, struct coop_err *err)
{
    int count = GROUPS_MAX;
    SCOPED_FREE gid_t *member = calloc(GROUPS_MAX, sizeof *member);

    if (!member)
        return coop_fail(err, COOP_E_LIMIT, "groups: no memory");
    if (getgrouplist(who->user, who->gid, member, &count) < 0)
        return coop_fail(err, COOP_E_LIMIT, "user '%s' is in more than %d groups", who->user,
                         GROUPS_MAX);
    for (int i = 0; i < count; i++)
        if (add_id(ret_ids, member[i], err) < 0)
            return -1;
    for (size_t i = 0; i < more->count; i++) {
        gid_t gid = 0;

        if (find_group(more->items[i], &gid, NULL, err) < 0 || add_id(ret_ids, gid, err) < 0)
            return -1;
    }
    return 0;
}
