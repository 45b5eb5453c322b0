#ifndef SCN_LOOK_H
#define SCN_LOOK_H

#include <jansson.h>

#include "scn.h"

struct proc;

/* look.h - what /proc and `coopctl status` say right now.  Counts are -1 when unknown. */

int look_fds(pid_t pid);
int look_children(pid_t pid);
int look_threads(pid_t pid);
/* Dead and unreaped below 'pid', at any depth. */
int look_zombies(pid_t pid);
bool look_alive(pid_t pid); /* a zombie is not */
/* Processes in this world that are neither the runner nor started by it directly. */
int look_leftovers(const struct scn *s, struct text *ret_names);
/* SIGKILL to every descendant, until there is none. */
void look_kill_all(void);

/* `coopctl --json VERB` against a supervisor: parsed, or NULL and what it said in s->why.
 * The caller owns the result. */
json_t *look_ask(struct scn *s, struct proc *supervisor, const char *verb);

/* A dotted path into JSON: member names, indices, in an array of objects also the value of a
 * member "name".  Borrowed; NULL when absent. */
json_t *look_path(json_t *top, const char *path);
/* Strings as they are, the rest as compact JSON, NULL as "absent". */
void look_render(json_t *value, struct text *ret_text);

#endif
