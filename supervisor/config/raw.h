#ifndef COOP_CONFIG_RAW_H
#define COOP_CONFIG_RAW_H

#include <stdbool.h>
#include <stddef.h>

#include "coop/err.h"

/*
 * raw.h - files as sections of keys, not yet understood
 *
 * All files are read before anything is built, because a key may depend on one that stands
 * elsewhere: profile before single keys, [Sandbox base] before the one that extends it.
 */

enum raw_kind { RAW_SERVICE, RAW_SANDBOX, RAW_SOCKET, RAW_COOPD, RAW_GROUP, RAW_TIMER };

struct raw_key {
    char *section; /* as in systemd: Unit, Service, Install; NULL: all three in one */
    char *key, *value;
    const char *file; /* its section's, also where it was merged into another one */
    unsigned line;
};

struct raw_section {
    enum raw_kind kind;
    char *name;
    char *file;
    unsigned line;
    bool is_unit; /* from a unit file: NAME.service, NAME.socket */
    struct raw_key *keys;
    size_t count;
};

struct raw_config {
    struct raw_section *sections;
    size_t count;
};

/* The last value of a key, or NULL. */
const struct raw_key *raw_find_key(const struct raw_section *section, const char *key);

/* The section of that kind and name, or NULL. */
const struct raw_section *raw_find(const struct raw_config *raw, enum raw_kind kind,
                                   const char *name);

/* Keeps the sections whose place in 'keep' says so. */
void raw_filter(struct raw_config *raw, const bool *keep);

/* What is wrong, told one by one. 'err' lives only for the call. */
typedef void raw_complain(void *arg, const struct coop_err *err);

/* Reads a file, or every *.ini and unit file of a directory.  Returns the number of errors;
 * each was told. Sections of files without errors are added. */
int raw_read(struct raw_config *raw, const char *path, raw_complain *complain, void *arg);
void raw_done(struct raw_config *raw);

#endif
