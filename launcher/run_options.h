#ifndef LAUNCHER_RUN_OPTIONS_H
#define LAUNCHER_RUN_OPTIONS_H

#include "launcher/launch.h"
#include "launcher/run_frozen.h"

/*
 * run_options.h - coop-run's command line; private to coop-run
 *
 * Three families, in one namespace of flags: bubblewrap's spellings (order kept, later ones win),
 * one flag per row of sandbox_settings.c, and a few of our own.  Any file-system flag starts
 * from an empty root, as in bubblewrap; everything else of the profile stays.
 */
struct run_options {
    struct launch_spec spec; /* profile, flags, command, environment: ready to compile  */
    const char *profile;
    bool own_files; /* a file-system flag was given: the root is the user's making */
    bool own_pids;  /* --unshare-pid, --unshare-all */
    bool sets_filter, adds_filters; /* --seccomp, --add-seccomp-fd */
    bool compat; /* --compat=bwrap, or called so: bubblewrap's defaults instead of ours */
    bool level_prefix;
    bool explain, help, version, quiet;
    const char *hold_network;    /* the socket to serve, and nothing is run; or NULL         */
    const char *receipt;         /* where it goes, or NULL                                   */
    int info_fd, json_status_fd; /* -1: none; so for the next                                */
    int block_fd;                /* the command starts when this can be read, or has ended   */
    int userns_block_fd;         /* its ids have been mapped when this can be read           */
    int sync_fd;                 /* kept open while anything inside lives                    */
    bool keeps_modes;         /* of a terminal that the program can bend: put back at the end */
    int life_fd;              /* everything inside ends when its other end is closed      */
    struct strlist words;     /* the command line, with --args put in; owns what spec borrows */
    struct run_frozen frozen; /* FrozenPaths= */
    struct strlist notes;     /* what the user should know, one line each                   */
    struct strlist origins;   /* with 'explain': see run_origins.h                        */
};

/* What `bwrap --version` says with --compat: whose options are understood. */
#define RUN_COMPAT_VERSION "0.11.0"

/* 0, or -1 with an error that names the flag. Done in both cases with run_options_done(). */
int run_options_parse(struct run_options *ret_options, int argc, char *const *argv,
                      char *const *environment, struct coop_err *err);
void run_options_done(struct run_options *options);

void run_options_print_help(FILE *out);

/* The .It items of coop-run.1, for the test that compares it with the table. */
void run_options_print_mdoc(FILE *out);

#endif
