#ifndef TESTS_BENCH_SUPERVISE_CONTENDER_H
#define TESTS_BENCH_SUPERVISE_CONTENDER_H

#include "bench/supervise/field.h"

#include <stdbool.h>

/*
 * contender.h - the supervisors of the benchmark: how each is told what to keep alive
 *
 * Each gets its services in the form that costs it least: no shell between it and the service, no
 * log, restarts at once and without an end as far as it can.  What a supervisor does on purpose
 * (runit starts a service at most once a second) is in its numbers.
 */
enum who { COOPD, SANDBOXED, LOOP, RUNIT, S6, SUPERVISORD, DINIT, WHO_COUNT };

/* What the services are to do: record.h. */
struct load {
    int count;
    int life_ms, code;
};

enum { ARGV_MAX = 16, WORDS_SIZE = 1024 };

/* A command line, its words in one block. */
struct command {
    char words[WORDS_SIZE];
    size_t used;
    char *argv[ARGV_MAX];
    size_t count;
};

struct contender {
    const char *name;
    const char *program;    /* looked for in PATH; with a slash in it: this file */
    const char *version[5]; /* prints its version; NULL: it has none             */
    int stop;               /* the signal that ends it and all its services      */
    /* Writes the files of a load into the field's folder. */
    void (*configure)(const struct field *field, const struct load *load);
    void (*start)(const struct field *field, const struct load *load,
                  struct command *ret_command);
    /* Prints the state of all services; NULL: it has no such command. */
    void (*status)(const struct field *field, bool json, struct command *ret_command);
    bool has_json;
};

extern const struct contender contenders[WHO_COUNT];

/* Whether its program is here. */
bool contender_here(const struct contender *contender);

/* The program all contenders keep alive. */
const char *contender_child(void);

#endif
