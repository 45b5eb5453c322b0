#ifndef COOP_CONFIG_INSTANCE_H
#define COOP_CONFIG_INSTANCE_H

#include <stdbool.h>
#include <stddef.h>

#include "coop/err.h"

/*
 * instance.h - names of templates and of what is made of them
 *
 *     worker@           a template: it is written once and never started itself
 *     worker@db-main    an instance of it; "worker" is its prefix, "db-main" the instance
 *     worker@3          one of a numbered set, where the template has Instances=
 *
 * An instance may have the escapes of systemd-escape(1): "-" stands for "/", "\x2d" for "-".
 *
 * Threads   Pure functions.
 */
#define INSTANCE_COUNT_MAX 16384 /* as many services as coopd can have */

struct instance_name {
    const char *prefix, *instance; /* into the name; 'instance' is "" for a template */
    size_t prefix_len;             /* without the '@' */
};

/* False when there is no '@' in it. */
bool instance_split(const char *name, struct instance_name *ret_parts);

/* "worker@" */
bool instance_is_template(const char *name);

/* The number of "worker@3": 3.  0 when it is none from 1 to INSTANCE_COUNT_MAX, or not written as
 * one writes numbers. */
unsigned instance_number(const char *name);

/* "worker@3" made of "worker@" and 3. 0 or -ENAMETOOLONG. */
int instance_numbered(const char *template, unsigned number, char *ret_name, size_t size);

/* The template of "worker@3": "worker@". 0, or -EINVAL when it is no instance; -ENAMETOOLONG. */
int instance_template(const char *name, char *ret_template, size_t size);

/* May this be the name of a service, and (with 'may_be_template') of a template?  'what' begins
 * the sentence: "Service". 0 or -1. */
int instance_check_name(const char *what, const char *name, size_t len, bool may_be_template,
                        struct coop_err *err);

/* 'len' bytes without systemd's escapes, into 'ret_text', which has room for 'len' + 1. */
void instance_unescape(const char *text, size_t len, char *ret_text);

#endif
