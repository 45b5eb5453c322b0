#ifndef TESTS_BENCH_SUPERVISE_RECORD_H
#define TESTS_BENCH_SUPERVISE_RECORD_H

#include <stdint.h>

/*
 * record.h - what a service of the benchmark says of itself: one line of a FIFO
 *
 * Each service has one argument, "FIFO INDEX LIFE CODE": it writes BORN as its first deed, waits
 * LIFE milliseconds (for ever when that is negative), writes DIED and exits with CODE.  One
 * argument, because that is what a script's first line can carry: runit and s6 start a file, and
 * "#!CHILD FIFO INDEX LIFE CODE" starts the child without a shell in between.
 *
 * It holds the FIFO open for as long as it lives, so that the reader sees the end of the file when
 * the last of all services is dead.  A record is smaller than PIPE_BUF: it arrives as a whole.
 */
enum record_kind { RECORD_BORN = 1, RECORD_DIED };

struct record {
    int32_t index;
    int32_t kind;
    int64_t pid; /* as the service sees it */
    int64_t ns;  /* CLOCK_MONOTONIC        */
};

#endif
