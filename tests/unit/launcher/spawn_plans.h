#ifndef TESTS_SPAWN_PLANS_H
#define TESTS_SPAWN_PLANS_H

#include "launcher/launch.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/*
 * spawn_plans.h - plans for the spawning tests: little to set up, much to go wrong
 */

/* A plan for the given command line (NULL ends), changed by 'keys' ("Key=value", NULL ends). */
static inline struct launch_plan *plan_for(const char *const *keys, const char *const *argv)
{
    struct launch_plan *plan = NULL;
    struct launch_spec spec;
    struct coop_err err = {0};
    char key[64];

    launch_spec_init(&spec);
    (void)launch_env_set(&spec, "PATH", "/usr/bin:/bin");
    for (; *argv; argv++)
        (void)strlist_add(&spec.argv, *argv);
    for (; keys && *keys; keys++) {
        const char *equals = strchr(*keys, '=');

        (void)snprintf(key, sizeof key, "%.*s", (int)(equals - *keys), *keys);
        /* The supervisor's wishes, which no key of [Sandbox] sets. */
        if (strcmp(key, "subreaper") == 0)
            spec.subreaper = true;
        else if (strcmp(key, "cwd") == 0)
            spec.cwd = strdup(equals + 1);
        else if (launch_spec_set(&spec, key, equals + 1, &err) < 0)
            fprintf(stderr, "%s: %s\n", *keys, err.text);
    }
    if (launch_compile(&spec, NULL, &plan, &err) < 0)
        fprintf(stderr, "compile: %s\n", err.text);
    launch_spec_done(&spec);
    if (!plan)
        abort();
    return plan;
}

#define KEYS(...) ((const char *const[]){__VA_ARGS__, NULL})
#define ARGV(...) ((const char *const[]){__VA_ARGS__, NULL})

/* Own PID namespace with a reaper, as anybody who has user namespaces may make it. */
#define REAPER_KEYS KEYS("PrivateUsers=yes", "PrivatePIDs=yes")

#endif
