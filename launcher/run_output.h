#ifndef LAUNCHER_RUN_OUTPUT_H
#define LAUNCHER_RUN_OUTPUT_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coop/err.h"

/*
 * run_output.h - the command's output through coop-run, up to a ceiling; private to coop-run
 *
 * The command writes into pipes; what comes out of them is passed on to our own 1 and 2.  Where
 * these are the same file, one pipe serves both, so that the order of lines stays.
 *
 * At a keyboard the command has a pty instead (run_terminal.h), whose bytes count here, too.
 *
 * A reader that does not read stops the command (its pipe is full), never us: at most one buffer
 * is held for each stream, and we write only what can be written without waiting.
 */

#define RUN_OUTPUT_STREAMS 2
#define RUN_OUTPUT_BUFFER  65536

struct run_stream {
    int from, to;   /* pipe, and our own 1 or 2; from -1: nothing more comes */
    bool is_file;   /* 'to' never makes us wait                              */
    size_t at, end; /* what is held: buffer[at..end)                         */
    char buffer[RUN_OUTPUT_BUFFER];
};

struct run_output {
    struct run_stream *streams[RUN_OUTPUT_STREAMS]; /* NULL: none */
    int childs[RUN_OUTPUT_STREAMS];                 /* write ends for 1 and 2, until started */
    int64_t left, passed;                           /* bytes that may still come, that came */
    bool over;                                      /* more came than may */
};

/* 'ceiling' in bytes; 'but' has a bit for each of 1 and 2 that comes another way and gets no pipe.
 * The pipes' write ends are in 'childs'. */
int run_output_open(struct run_output *ret_output, int64_t ceiling, unsigned but,
                    struct coop_err *err);
/* After the launch: the child alone holds the write ends. */
void run_output_started(struct run_output *output);
void run_output_done(struct run_output *output);

/* Counts what came that other way: how much of it may be passed on. */
size_t run_output_admit(struct run_output *output, size_t came);

/* What to poll for; returns how many were added (at most 2), run_output_ready() takes them back. */
unsigned run_output_poll(const struct run_output *output, struct pollfd *ret_fds);
void run_output_ready(struct run_output *output, const struct pollfd *fds, unsigned count);

/* After the command's end: takes what is still in the pipes. */
void run_output_finish(struct run_output *output);
/* Whether something is held that has not been passed on. */
bool run_output_holds(const struct run_output *output);

#endif
