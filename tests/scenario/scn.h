#ifndef SCN_H
#define SCN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "coop/err.h"
#include "coop/time.h"

/*
 * scn.h - what the parts of the scenario runner share
 *
 * A scenario is a script a user could have written; the runner plays it against the real
 * programs in a private world and tells which line was not met.
 *
 *     script.c    text -> statements, $VARIABLES
 *     world.c     the private place: folder, PID namespace, an ordinary user
 *     proc.c      the processes a scenario starts, and the one place that waits
 *     look.c      what /proc and `coopctl status` say
 *     observe.c   the table of things that can be expected or saved
 *     words.c     the table of words a script is made of
 *     report.c    how a failure is told
 *
 * Nothing sleeps.  Every wait is scn_pump(): it ends when a process writes or ends, or at a
 * deadline; a question that was answered "not yet" is asked again after each such event.
 */

enum scn_result { SCN_OK = 0, SCN_FAILED = -1, SCN_SKIPPED = 77 };

/* Bytes that grow; always NUL-terminated.  Everything beyond TEXT_MAX is dropped. */
struct text {
    char *data;
    size_t len, size;
};
enum { TEXT_MAX = 16 << 20 };

void text_add(struct text *t, const void *bytes, size_t len);
void text_set(struct text *t, const char *fmt, ...) COOP_FMT(2, 3);
void text_free(struct text *t);
const char *text_str(const struct text *t); /* never NULL */

/* Memory that lives as long as the runner; keep_all_free() ends it. */
void *keep(size_t size);
char *keep_printf(const char *fmt, ...) COOP_FMT(1, 2);
void keep_all_free(void);

struct variable {
    struct variable *next;
    char *name, *value;
};

/* One statement's words after expansion, as its handler sees them. */
struct args {
    int argc;
    char **argv; /* argv[0] is the first word after the statement's own word */
    const char *block;
    const struct stmt *stmt;
};

struct scn {
    const char *path; /* of the script */
    const char *sentence;
    struct script *script;
    const struct stmt *at; /* the statement being played */
    struct world *world;
    struct proc *procs; /* supervisors and background programs, newest first */
    struct proc *first; /* the first supervisor: the one `ctl` speaks to */
    struct proc *last;  /* the last `ctl`, `run`, `coopd` or `exec` */
    struct variable *vars;
    bool as_user;   /* inside an `as user` statement */
    coop_nsec slow; /* COOP_SCN_SLOW: every deadline is that many times longer */
    bool hurry;     /* COOP_SCN_HURRY: a failure is expected, so find it soon */
    char why[2048]; /* the unmet expectation, or the reason of a skip */
};

/* Records why, for the report. Returns SCN_FAILED. */
int scn_fail(struct scn *s, const char *fmt, ...) COOP_FMT(2, 3);
int scn_skip(struct scn *s, const char *fmt, ...) COOP_FMT(2, 3);

void scn_set(struct scn *s, const char *name, const char *value);
const char *scn_get(const struct scn *s, const char *name); /* NULL when unknown */

/* Plays a list of statements; SCN_OK, or the first other result. */
int scn_play(struct scn *s, const struct stmt *list);

/* Removes "-name VALUE" from the arguments and returns VALUE, or NULL. */
char *args_option(struct args *a, const char *name);
/* Removes the bare "-name" and tells whether it was there. */
bool args_flag(struct args *a, const char *name);

/* observe.c */
int observe(struct scn *s, struct args *a, struct text *ret_value);
int word_expect(struct scn *s, struct args *a);

/* report.c */
void report_failure(struct scn *s, FILE *out);

#endif
