/*
 * expand.c - names that mean several services, and instances that are made when they are asked for
 *
 * "web" may be a set and "job@" a template: each stands for all of its instances.  Whoever starts
 * "job@x" has it made.  What is left are names of services; those that do not exist are told by
 * the command.
 */
#include "control/room.h"

#include "base/str.h"
#include "daemon.h"
#include "service/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool makes_instances(const struct ctl_verb *verb)
{
    return verb->id == CTL_START || verb->id == CTL_RESTART;
}

static bool exists(struct daemon *daemon, const char *name)
{
    struct svc *svc = daemon_find(daemon, name);

    svc_unref(svc);
    return svc;
}

/* 0, -1 with the reason. */
static int expand_one(struct daemon *daemon, const struct ctl_verb *verb, const char *name,
                      struct ctl_args *args, struct coop_err *err)
{
    int r = exists(daemon, name) ? 0 : daemon_members(daemon, name, &args->own);

    if (r == 0 && makes_instances(verb) && strchr(name, '@') &&
        daemon_make(daemon, name, err) < 0 && err->code != COOP_E_UNKNOWN)
        return -1;
    if (r == 0)
        r = strlist_add(&args->own, name) < 0 ? -ENOMEM : 0;
    return r < 0 ? coop_fail_sys(err, r, "%s", verb->word) : 0;
}

int ctl_expand(struct control *control, const struct ctl_verb *verb, struct ctl_args *args,
               struct coop_err *err)
{
    const char **names;

    for (size_t i = 0; i < args->count; i++)
        if (expand_one(control->daemon, verb, args->services[i], args, err) < 0)
            return -1;
    names = reallocarray(NULL, args->own.count + 1, sizeof *names);
    if (!names)
        return coop_fail_sys(err, ENOMEM, "%s", verb->word);
    for (size_t i = 0; i < args->own.count; i++)
        names[i] = args->own.items[i];
    free(args->services);
    args->services = names;
    args->count = args->own.count;
    return 0;
}
