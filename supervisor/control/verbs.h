#ifndef COOP_CONTROL_VERBS_H
#define COOP_CONTROL_VERBS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/strlist.h"
#include "coop/err.h"

/*
 * verbs.h - everything that can be asked of coopd: one row per verb
 *
 * coopctl's command line, the Varlink methods, the lines of the FIFO, who may do what and the
 * help text are all made from the row; a test compares it with the interface file.
 *
 *     const struct ctl_verb *verb = ctl_verb_find("restart");
 *     if (ctl_args_check(verb, parameters, &args, &bad) < 0) ... 'bad' names the parameter
 *     ...
 *     ctl_args_done(&args);
 *
 * Threads   Constant data and pure functions.
 */
#define CTL_INTERFACE   "io.coop.Supervisor"
#define CTL_NAMES_MAX   16384  /* services in one call: as many as coopd can have */
#define CTL_NUMBER_MAX  16384  /* instances of a set                                */
#define CTL_LINES_MAX   100000 /* log lines that are told at once                 */
#define CTL_LINES_USUAL 10     /* ... when nobody says how many                   */

/* The order is that of the rows. */
enum ctl_verb_id {
    CTL_STATUS,
    CTL_START,
    CTL_STOP,
    CTL_RESTART,
    CTL_RELOAD,
    CTL_KILL,
    CTL_SCALE,
    CTL_TREE,
    CTL_LOGS,
    CTL_TIMERS,
    CTL_SHUTDOWN,
    CTL_DAEMON,
    CTL_COROUTINES,
    CTL_GROUPS,
    CTL_REEXEC,
    CTL_VERBS
};

/* Each includes the ones before it. */
enum ctl_right { CTL_RIGHT_NONE, CTL_RIGHT_VIEW, CTL_RIGHT_OPERATE, CTL_RIGHT_ADMIN };

/* CTL_NAMES_PATH: none, but perhaps the path of a file. */
enum ctl_names { CTL_NAMES_NONE, CTL_NAMES_ANY, CTL_NAMES_SOME, CTL_NAMES_ONE, CTL_NAMES_PATH };

/* Parameters a method takes, as bits. */
enum ctl_param {
    CTL_P_SERVICES = 1 << 0,
    CTL_P_SERVICE = 1 << 1,
    CTL_P_ALL = 1 << 2,
    CTL_P_WAIT = 1 << 3,
    CTL_P_TIMEOUT = 1 << 4,
    CTL_P_SIGNAL = 1 << 5,
    CTL_P_LINES = 1 << 6,
    CTL_P_FOLLOW = 1 << 7,
    CTL_P_PATH = 1 << 8,
    CTL_P_COUNT = 1 << 9
};

struct ctl_verb {
    enum ctl_verb_id id;
    const char *word;   /* on coopctl's command line and on the FIFO */
    const char *method; /* in CTL_INTERFACE */
    enum ctl_right right;
    enum ctl_names names; /* how many services it wants */
    bool all;             /* the word "all" stands for every service */
    bool stream;          /* the method must be called with 'more' */
    bool fifo;            /* may be asked without an answer */
    unsigned params;      /* enum ctl_param */
    const char *usage;    /* what follows the word */
    const char *help;     /* one sentence */
};

extern const struct ctl_verb ctl_verbs[CTL_VERBS];

/* NULL when there is none. */
const struct ctl_verb *ctl_verb_find(const char *word);
const struct ctl_verb *ctl_verb_of_method(const char *method);

/* The word nearest to a mistyped one, or NULL. */
const char *ctl_verb_nearest(const char *word);

const char *ctl_right_word(enum ctl_right right); /* "operate"; never NULL */

/* ---- parameters ---- */

/* One row per parameter: the name in JSON and the type of the interface file. */
struct ctl_param_row {
    enum ctl_param bit;
    const char *name, *type;
};
extern const struct ctl_param_row ctl_params[];
extern const size_t ctl_param_count;

/* What a call asks for; the defaults of absent parameters are filled in. */
struct ctl_args {
    const char **services; /* owned array of names, borrowed or in 'own' */
    size_t count;
    bool named;              /* 'services' was given (it may be empty) */
    struct strlist expanded; /* owned: where groups were named, 'services' are these */
    struct strlist own;      /* owned: names of instances, or of a set */
    bool all, wait, follow;
    int64_t timeout_ms; /* 0: none */
    int64_t lines, number;
    int signo;
    const char *path; /* NULL: not given */
};

/* "web=5", as it stands behind "scale". 0, or -1 with the reason. */
int ctl_split_number(const char *word, size_t *ret_name_len, int64_t *ret_number,
                     struct coop_err *err);

/* Reads the parameters of a verb's method.  0; -EINVAL and '*ret_bad' names the parameter that
 * is missing, unknown or of the wrong type or range; -ENOMEM.  Names stay in 'parameters'. */
int ctl_args_check(const struct ctl_verb *verb, json_t *parameters, struct ctl_args *ret_args,
                   const char **ret_bad);

/* Reads one line of text, as it stands on the FIFO: "kill -s HUP web".  'words' holds the
 * split line and must outlive the result. */
int ctl_args_words(const struct strlist *words, const struct ctl_verb **ret_verb,
                   struct ctl_args *ret_args, struct coop_err *err);

void ctl_args_done(struct ctl_args *args);

#endif
