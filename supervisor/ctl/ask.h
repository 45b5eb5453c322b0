#ifndef COOP_CTL_ASK_H
#define COOP_CTL_ASK_H

#include <jansson.h>

#include "control/client.h"
#include "ctl/run.h"

/*
 * ask.h - calls of coopctl, and what goes wrong with them in words
 *
 * Everything here that fails has said so on stderr and set the exit code, so that the verbs
 * only go home.
 */
struct run {
    const struct ctl_options *options;
    const struct screen *screen;
    struct ctl_client *client;
    coop_nsec deadline; /* of --timeout; COOP_FOREVER */
    enum ctl_exit exit;
};

/* The first failure decides, unless a later one says more than "failed". */
void set_exit(struct run *run, enum ctl_exit exit);

/* Prints 'err' and sets the exit code. Always -1. */
int give_up(struct run *run, const struct coop_err *err);

/* Sends a call of 'verb'. Takes 'parameters' over. 0 or -1. */
int ask(struct run *run, const struct ctl_verb *verb, json_t *parameters, bool more);

/* The next reply: 0 and varlink_reply_done() is the caller's to do; an error reply is -1. */
int hear(struct run *run, struct varlink_reply *ret_reply, coop_nsec deadline);

/* When an answer that takes no waiting has to be there. */
coop_nsec answer_deadline(const struct run *run);

/* Asks and collects what stands in 'member' of each reply: an array's items, or the value. */
int collect(struct run *run, const struct ctl_verb *verb, json_t *parameters,
            const char *member, json_t *to);

/* The last lines of a log; none when there are none to be had, which is no error. */
json_t *last_lines(struct run *run, const char *name, int count);

/* The names of the command line as the parameter 'services'; none for none and for "all". */
json_t *name_parameters(const struct ctl_options *options);

/* {"service": name}, {"services": [name]} */
json_t *one_service(const char *name);
json_t *only_service(const char *name);

#endif
