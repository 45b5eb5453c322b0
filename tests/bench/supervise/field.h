#ifndef TESTS_BENCH_SUPERVISE_FIELD_H
#define TESTS_BENCH_SUPERVISE_FIELD_H

#include "bench/supervise/record.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * field.h - a folder with a FIFO in it, where one supervisor is watched for one phase
 *
 *     struct field field;
 *     field_open(&field);
 *     write the supervisor's files into field.dir; start it
 *     while (field_next(&field, &record, deadline_us) == FIELD_RECORD) ...
 *     field_close(&field);
 *
 * Errors    What cannot be made ends the benchmark with a message.
 * Memory    field_close() removes the folder with everything in it.
 */
enum field_news { FIELD_RECORD, FIELD_ALL_DEAD, FIELD_LATE };

enum { FIELD_PATH = 128, FIELD_BATCH = 2048 };

struct field {
    char dir[FIELD_PATH];
    char fifo[FIELD_PATH + 8];
    int fd;
    struct record batch[FIELD_BATCH];
    size_t at, count;
};

void field_open(struct field *field);
void field_close(struct field *field);

/* The next record; FIELD_ALL_DEAD when nobody holds the FIFO any more. */
enum field_news field_next(struct field *field, struct record *ret_record, double deadline_us);

/* What /proc says of a supervisor: of it and all its descendants, without its services. */
struct side {
    size_t processes;
    size_t others;     /* of these: those that do not run the supervisor's own program */
    double pss_kib;    /* of all                                                        */
    double others_kib; /* of the others                                                 */
    double cpu_us;     /* ran on a CPU, all threads                                     */
    double waits;      /* gave up a CPU by themselves, all threads: how often they woke */
};

/* child is the path of the services' program. */
void side_look(pid_t supervisor, const char *child, struct side *ret_side);

/* Ends with SIGKILL what is left of the services whose program is child, below supervisor. */
void side_end(pid_t supervisor, const char *child);

#endif
