#ifndef COOP_SERVICE_OUTPUT_H
#define COOP_SERVICE_OUTPUT_H

#include <jansson.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/spec.h"
#include "coop/actor.h"
#include "coop/err.h"

/*
 * output.h - what a service prints, into its log file
 *
 * A FIFO per service in the runtime directory, held open read-write by the program itself, so
 * that neither a restart of the program nor one of coopd loses what is in it.  An actor of its
 * own reads it, so that output flows while the service's handler is busy launching.
 *
 *     output_open(&svc->output, run_dir, log_dir, "web", uid, err);
 *     io.stdio[1] = output_child_fd(svc->output, err);       for the launch; then close it
 *     ...
 *     output_close(svc->output);                             takes what is left, then frees
 *
 * Time      Never waits for a disk that is full or gone: what cannot be written is dropped and
 *           counted, and the count goes to coopd's log when writing works again.  A disk that hangs
 *           holds the reader, and then the program; never who calls here.
 * Threads   From the service's handler.
 *           A bound is set by the service's handler while the output's own reads: a lock keeps
 *           them apart, the only one in service/.
 * Limits    One pipe of the kernel's size is between the program and the file; a program that
 *           prints faster than the disk takes it waits (nothing is lost).  Of the lives that pass
 *           their bounds while a disk hangs, the fifth and later have all passed on.
 */
struct output;

/* Makes the FIFO and starts reading. Nothing to do when it is open. 0 or -1. */
int output_open(struct output **output, const char *run_dir, const char *log_dir,
                const char *name, uid_t uid, struct coop_err *err);

/* The program's end, blocking, read-write. -1 with an error. */
int output_child_fd(struct output *output, struct coop_err *err);

/* For StandardOutput=file:, append:, truncate:. A descriptor, or -1 with an error. */
int output_file_fd(const struct output_spec *where, struct coop_err *err);

/*
 * OutputMax=: of what one life prints, 'ceiling' bytes are passed on and the rest is dropped; then
 * 'over' is posted to its actor, once.  What is in the FIFO already belongs to the life before and
 * is dealt with under its bound.  LAUNCH_UNBOUND: no bound.  Accepts NULL as 'output'.
 */
struct output_over {
    struct coop_msg msg;
    struct coop_actor *actor;
    atomic_bool on_its_way;
};
void output_over_init(struct output_over *over, struct coop_actor *actor, int kind);
void output_over_take(struct output_over *over); /* the handler has the message */
void output_bound(struct output *output, int64_t ceiling, struct output_over *over);

/* Whether the bound has been passed, with what is in the FIFO now. Accepts NULL. */
bool output_is_over(struct output *output);

/* Reads what is left, removes the FIFO, frees. Accepts NULL. */
void output_close(struct output *output);

/*
 * A re-execution.  output_hold() stops the reading; 'fn' is called when nothing is on its way to
 * the file any more, and from then on output_record() is true.  What is printed waits in the FIFO
 * until output_go(), or until the next program has taken the record.
 */
typedef void output_held_fn(void *arg);
void output_hold(struct output *output, output_held_fn *fn, void *arg);
void output_go(struct output *output); /* accepts NULL */
json_t *output_record(const struct output *output);
/* Opens it from a record, which may be null. 0 or -1. */
int output_take(struct output **output, const char *run_dir, const char *log_dir,
                const char *name, json_t *record, struct coop_err *err);
/* Its bound is told to 'over', at once if it is passed. Accepts NULL as 'output'. */
void output_go_on(struct output *output, struct output_over *over);

/* Waits until those that were closed so far have taken what was left: 0 or -ETIMEDOUT. */
int output_wait_closed(coop_nsec deadline);

/* Waits until all that were closed have taken what was left: 0 or -ETIMEDOUT. A process that ends
 * before would lose the last words of its services. */
int output_wait_all(coop_nsec deadline);

#endif
