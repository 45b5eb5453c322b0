#ifndef LAUNCHER_LIBRARY_LIBRARY_H
#define LAUNCHER_LIBRARY_LIBRARY_H

#include "coop/sandbox.h"

#include "launcher/launch.h"

/*
 * library.h - what the files of libcoop-sandbox share (contract in coop/sandbox.h)
 */

/* 'spec' is where settings are judged; 'words' is what coop-run is told. */
struct coop_sandbox {
    struct launch_spec spec;
    struct strlist words;
};

struct coop_sandbox_run {
    pid_t pid;
    int pidfd;
    int socket;  /* coop-run tells us here that it has started; our end closed: it ends all */
    int receipt; /* memfd that it writes to */
    bool over;
    int status; /* coop-run's own, for when there is no receipt; -1: somebody else has it */
    struct coop_err failed; /* over, and there is none */
    struct coop_sandbox_receipt told;
    char *json, *lost;
    char result[24];
};

/* The path of coop-run, malloc'ed. */
int library_find_launcher(char **ret_path, struct coop_err *err);

/* Reads the receipt of a run that is over. */
int library_read_receipt(struct coop_sandbox_run *run, struct coop_err *err);

#endif
