#ifndef COOP_CONFIG_LOAD_H
#define COOP_CONFIG_LOAD_H

#include "config/groups.h"
#include "config/raw.h"
#include "config/spec.h"
#include "config/timer_spec.h"
#include "config/wishes.h"
#include "graph/graph.h"

/*
 * load.h - files to a whole, checked configuration, or to nothing
 *
 *     struct config *config;
 *     if (config_load(&config, paths, count, tell, NULL, &err) < 0)
 *         ...                     every problem was told, 'err' is the first of them
 *     config->specs[config->graph.order[0]] ...
 *     config_free(config);
 *
 * Instances (instances.h) are among the specs; of a fresh configuration those that the files
 * want, and config_wish() makes one with those that people have asked for.
 *
 * Time      Reads files and asks the user database: blocking; bracket it in a coroutine.
 * Limits    BOARD_MAX services.
 */

/* [Coopd]: the daemon's own settings. */
struct coopd_spec {
    int log_level; /* enum log_level */
};

extern const struct setting_table coopd_settings;

struct templates;

struct config {
    struct svc_spec **specs;
    size_t count;
    size_t own;                  /* the first ones are no instances of a template */
    struct templates *templates; /* NULL: there are none */
    struct graph graph;          /* over 'specs' */
    struct group_set groups;
    struct timer_spec **timers;
    size_t timer_count;
    struct coopd_spec coopd;
};

/* 0 or -1.  'complain' may be NULL.  Warnings (COOP_OK as code) are told too and are no error.
 */
int config_load(struct config **ret_config, char *const *paths, size_t count,
                raw_complain *complain, void *arg, struct coop_err *err);
void config_free(struct config *config); /* accepts NULL */

/* The same files with other wishes: a configuration of its own that shares what has not changed.
 * 0 or -1. */
int config_wish(struct config **ret_config, const struct config *from,
                const struct wishes *wishes, raw_complain *complain, void *arg,
                struct coop_err *err);

/* Warns of programs that are not there. No error: they may be installed before the start. */
void config_check_programs(const struct config *config, raw_complain *complain, void *arg);

#endif
