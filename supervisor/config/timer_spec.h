#ifndef COOP_CONFIG_TIMER_SPEC_H
#define COOP_CONFIG_TIMER_SPEC_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/calendar.h"
#include "config/raw.h"
#include "coop/time.h"
#include "text/setting.h"

/*
 * timer_spec.h - a [Timer NAME] section, or NAME.timer: when to start which service
 *
 *     struct timer_spec *spec = timer_build(section, complain, arg);     NULL: it was told
 *     ...
 *     timer_spec_unref(spec);
 *
 * The keys are systemd's; timer_settings has their rows.
 *
 * Memory    References are counted; a spec is not changed once it is built.
 * Threads   References from anywhere.
 */

/* What a relative time counts from. */
enum timer_base {
    TIMER_ACTIVE,        /* when the timer began                                        */
    TIMER_BOOT,          /* when the machine, or the container, was started             */
    TIMER_STARTUP,       /* when coopd was started                                      */
    TIMER_UNIT_ACTIVE,   /* when its service was last started                      */
    TIMER_UNIT_INACTIVE, /* when its service last came to rest                     */
    TIMER_BASES
};

struct calendar_list {
    struct calendar_line {
        struct calendar calendar;
        char *text;
    } * items;
    size_t count;
};

struct timer_spec {
    atomic_uint refs;
    char *name; /* without ".timer" */
    char *file;
    unsigned line;

    /* from rows */
    char *description, *service;  /* 'service' without ".service" once it is built */
    coop_nsec after[TIMER_BASES]; /* 0: not asked for */
    struct calendar_list calendars;
    coop_nsec random_delay, accuracy;
    bool fixed_delay, persistent;
    struct strlist wanted_by; /* read, and of no effect: every timer begins with coopd */
};

extern const struct setting_table timer_settings;

struct timer_spec *timer_build(const struct raw_section *section, raw_complain *complain,
                               void *arg);
struct timer_spec *timer_spec_ref(struct timer_spec *spec);
void timer_spec_unref(struct timer_spec *spec); /* accepts NULL */

/* Does it say the same? */
bool timer_spec_equal(const struct timer_spec *a, const struct timer_spec *b);

#endif
