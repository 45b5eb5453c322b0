/*
 * wish.c - what people ask for beyond the files: instances and numbers, while everything runs
 *
 * A wish becomes a configuration with that instance or that number in it, and the configuration is
 * applied as a reload is (reload.c): what fails, fails before anything changes.  A wish is in the
 * journal before what it wants is made, and out of it before that goes: a coopd that is killed in
 * between leaves the next one something to start, or something to end.
 */
#include "daemon_inside.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/strlist.h"
#include "config/instance.h"
#include "config/instances.h"
#include "coop/block.h"
#include "journal.h"

/* ---- which ones count ---- */

static bool still_means_something(const struct config *config, const struct wish *wish)
{
    struct coop_err why;

    if (wish->count == 0)
        return instances_may_be(config, wish->name, &why) == 0;
    return instances_written(config, wish->name) == wish->instead;
}

static int add_all_that_mean(struct wishes *to, const struct wishes *from,
                             const struct config *config)
{
    for (size_t i = 0; i < from->count; i++)
        if (still_means_something(config, &from->at[i]) && wishes_put(to, &from->at[i]) < 0)
            return -ENOMEM;
    return 0;
}

static int with_wishes(struct config **config, const struct wishes *wishes,
                       struct coop_err *err)
{
    struct config *wished = NULL;
    int r;

    if (wishes->count == 0)
        return 0;
    coop_block_begin(); /* users are asked for */
    r = config_wish(&wished, *config, wishes, NULL, NULL, err);
    coop_block_end();
    if (r < 0)
        return -1;
    config_free(*config);
    *config = wished;
    return 0;
}

int daemon_wish(struct daemon *daemon, struct config **config, struct wishes *ret_wishes,
                struct coop_err *err)
{
    if (add_all_that_mean(ret_wishes, &daemon->wishes, *config) < 0)
        return coop_fail(err, COOP_E_LIMIT, "no memory for what was asked for");
    return with_wishes(config, ret_wishes, err);
}

void daemon_take_wishes(struct daemon *daemon, struct wishes *wishes)
{
    struct wishes old = daemon->wishes;

    for (size_t i = 0; i < old.count; i++)
        if (!wishes_find(wishes, old.at[i].name))
            journal_unwish(daemon->journal, old.at[i].name);
    daemon->wishes = *wishes;
    *wishes = (struct wishes){0};
    wishes_done(&old);
}

void daemon_first_wishes(struct daemon *daemon)
{
    struct survivors *all = &daemon->survivors;
    struct coop_err err = {0};

    if (all->closing)
        return; /* nothing is wanted any more */
    if (add_all_that_mean(&daemon->wishes, &all->wishes, daemon->config) == 0 &&
        with_wishes(&daemon->config, &daemon->wishes, &err) == 0)
        return;
    coop_while(&err, "what was asked of an earlier coopd is forgotten");
    log_err(LOG_LEVEL_WARN, "wish", &err);
    wishes_done(&daemon->wishes);
}

/* ---- carrying them out ---- */

static int apply(struct daemon *daemon, const struct wishes *wishes, struct coop_err *err)
{
    struct config *next = NULL;
    struct reload_report report;
    int r;

    if (atomic_load(&daemon->world.closing))
        return coop_fail(err, COOP_E_BUSY, "coopd is stopping");
    coop_block_begin();
    r = config_wish(&next, daemon->config, wishes, NULL, NULL, err);
    coop_block_end();
    if (r == 0 && daemon_apply(daemon, next, &report, err) < 0) {
        config_free(next);
        r = -1;
    }
    return r;
}

/* Wants one thing more, or another number. */
static int add_wish(struct daemon *daemon, const struct wish *wish, struct coop_err *err)
{
    struct wishes wishes = {0};
    const struct wish *was = wishes_find(&daemon->wishes, wish->name);
    struct wish before = was ? *was : (struct wish){0};
    int r;

    if (wishes_copy(&wishes, &daemon->wishes) < 0 || wishes_put(&wishes, wish) < 0) {
        wishes_done(&wishes);
        return coop_fail(err, COOP_E_LIMIT, "no memory for '%s'", wish->name);
    }
    journal_wish(daemon->journal, wish);
    r = apply(daemon, &wishes, err);
    if (r == 0)
        daemon_take_wishes(daemon, &wishes);
    else if (was)
        journal_wish(daemon->journal, &before);
    else
        journal_unwish(daemon->journal, wish->name);
    wishes_done(&wishes);
    return r;
}

/* ---- instances ---- */

static bool is_there(struct daemon *daemon, const char *name)
{
    struct svc *svc = daemon_find(daemon, name);

    svc_unref(svc);
    return svc;
}

int daemon_make(struct daemon *daemon, const char *name, struct coop_err *err)
{
    struct wish wish = {0};
    int r;

    if (daemon_take_turn(daemon, err) < 0)
        return -1;
    r = is_there(daemon, name) ? 0 : instances_may_be(daemon->config, name, err);
    if (r == 0 && !is_there(daemon, name)) {
        str_copy(wish.name, sizeof wish.name, name);
        r = add_wish(daemon, &wish, err);
    }
    coop_mutex_unlock(&daemon->reloading);
    return r;
}

static bool is_over(struct daemon *daemon, const struct svc_spec *spec)
{
    struct svc *svc = map_get(&daemon->services, spec->name);

    return spec->origin == ORIGIN_ASKED && svc && svc_is_over(svc);
}

/* Without a turn: nobody who stops something else is to wait for a reload. */
static bool has_asked(struct daemon *daemon)
{
    bool found = false;

    coop_mutex_lock(&daemon->lock);
    for (size_t i = daemon->config->own; i < daemon->config->count && !found; i++)
        found = daemon->config->specs[i]->origin == ORIGIN_ASKED;
    coop_mutex_unlock(&daemon->lock);
    return found;
}

int daemon_sweep(struct daemon *daemon)
{
    struct wishes wishes = {0};
    struct coop_err err = {0};
    size_t before = 0;

    if (!has_asked(daemon))
        return 0;
    if (daemon_take_turn(daemon, &err) < 0)
        return -err.sys;
    if (wishes_copy(&wishes, &daemon->wishes) == 0) {
        before = wishes.count;
        for (size_t i = daemon->config->own; i < daemon->config->count; i++)
            if (is_over(daemon, daemon->config->specs[i])) {
                /* first: a wish without an instance makes the next coopd start it */
                journal_unwish(daemon->journal, daemon->config->specs[i]->name);
                wishes_remove(&wishes, daemon->config->specs[i]->name);
            }
    }
    if (wishes.count < before && apply(daemon, &wishes, &err) == 0)
        daemon_take_wishes(daemon, &wishes);
    wishes_done(&wishes);
    coop_mutex_unlock(&daemon->reloading);
    return 0;
}

static bool is_member(const struct svc_spec *spec, const char *name)
{
    if (instance_is_template(name))
        return str_starts_with(spec->name, name);
    return str_equal(spec->set, name);
}

int daemon_members(struct daemon *daemon, const char *name, struct strlist *ret_names)
{
    size_t before = ret_names->count;
    int r = 0;

    coop_mutex_lock(&daemon->lock);
    for (size_t i = 0; r == 0 && i < daemon->config->count; i++)
        if (is_member(daemon->config->specs[i], name))
            r = strlist_add(ret_names, daemon->config->specs[i]->name);
    coop_mutex_unlock(&daemon->lock);
    return r < 0 ? -ENOMEM : ret_names->count > before;
}

/* ---- numbers ---- */

int daemon_scale(struct daemon *daemon, const char *set, unsigned count, struct coop_err *err)
{
    struct wish wish = {.count = count};
    int r;

    if (daemon_take_turn(daemon, err) < 0)
        return -1;
    wish.instead = instances_written(daemon->config, set);
    if (wish.instead == 0) {
        r = coop_fail(err, COOP_E_UNKNOWN, "'%s' is no set of instances", set);
        coop_hint(err, "a service with Instances= is one");
    } else {
        str_copy(wish.name, sizeof wish.name, set);
        r = add_wish(daemon, &wish, err);
    }
    coop_mutex_unlock(&daemon->reloading);
    return r;
}
