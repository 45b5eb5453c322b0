#ifndef LAUNCHER_INIT_OPTIONS_H
#define LAUNCHER_INIT_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

/*
 * options.h - coop-init's command line; private to coop-init
 *
 * Every option is one row, with the names that tini and dumb-init have for it; their environment
 * variables are understood, too.  Called by the name of one of them (a link) coop-init has that
 * one's defaults.
 */

#define INIT_SIGNALS 65 /* numbers 1 to 64 */

enum init_place {
    INIT_SAME_GROUP,  /* main is in our process group                                  */
    INIT_OWN_GROUP,   /* in one of its own, with the terminal if we had it             */
    INIT_OWN_SESSION, /* in a session of its own, with the terminal if we could let go */
};

enum init_respawn { INIT_RESPAWN_NEVER, INIT_RESPAWN_ON_FAILURE, INIT_RESPAWN_ALWAYS };

struct init_options {
    enum init_place place;
    bool signal_group; /* signals go to main's process group                      */
    bool tree;         /* stay until nothing is left below                        */
    bool warn_on_reap;
    int verbosity;           /* 0: failures, 1: and warnings, 2: and lives, 3: and signals */
    int parent_death_signal; /* 0: none */
    uint8_t rewrite[INIT_SIGNALS]; /* init.h */
    uint64_t to_zero[4];           /* exit codes that become 0, a bit each */
    enum init_respawn respawn;
    int respawn_limit; /* restarts in a row, 0: any number */
    int note_fd;       /* -1: none */
    int spawner_fd;    /* coopd's spawner (spawner.h), not for people; -1: no */
    int fdstore_fd;    /* its descriptor store (fdstore.h), the same */
    char **command;    /* NULL for these two */
};

/* Ends the program when the words are wrong, or ask for words only. */
void init_options_parse(struct init_options *ret_options, char **argv,
                        char *const *environment);

/* Whether an exit code counts as success. */
bool init_to_zero(const struct init_options *options, int code);

#endif
