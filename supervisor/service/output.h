#ifndef COOP_SERVICE_OUTPUT_H
#define COOP_SERVICE_OUTPUT_H

#include <sys/types.h>

#include "config/spec.h"
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
 *           counted, and the count goes to coopd's log when writing works again.
 * Threads   From the service's handler.
 * Limits    One pipe of the kernel's size is between the program and the file; a program that
 *           prints faster than the disk takes it waits (nothing is lost).
 */
struct output;

/* Makes the FIFO and starts reading. Nothing to do when it is open. 0 or -1. */
int output_open(struct output **output, const char *run_dir, const char *log_dir,
                const char *name, uid_t uid, struct coop_err *err);

/* The program's end, blocking, read-write. -1 with an error. */
int output_child_fd(struct output *output, struct coop_err *err);

/* For StandardOutput=file:, append:, truncate:. A descriptor, or -1 with an error. */
int output_file_fd(const struct output_spec *where, struct coop_err *err);

/* Reads what is left, removes the FIFO, frees. Accepts NULL. */
void output_close(struct output *output);

/* Waits until all that were closed have taken what was left: 0 or -ETIMEDOUT. A process that ends
 * before would lose the last words of its services. */
int output_wait_all(coop_nsec deadline);

#endif
