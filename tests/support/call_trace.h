#ifndef TESTS_SUPPORT_CALL_TRACE_H
#define TESTS_SUPPORT_CALL_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coop/err.h"

/*
 * call_trace.h - what the kernel in force was asked and what it answered, one line per call
 *
 *     call_trace_start(STDERR_FILENO);
 *     ... 1000000000000 epoll_create1 512 ...
 *     call_trace_stop();
 *
 * Two runs over the fake kernel with the same seed give the same bytes: that is what makes a
 * failing seed worth something.  Lines of the test's own stand between.
 *
 * Threads   One, as the fake kernel.
 */

/* From here on lines go to this descriptor of the real kernel (-1: only counted). */
void call_trace_start(int fd);

/* Writes what is left and takes the tracing table away. */
void call_trace_stop(void);

/* A line of the test's own; nothing when not tracing. */
void call_trace_note(const char *fmt, ...) COOP_FMT(1, 2);

/* Lines, and a sum over all their bytes, since the start. */
uint64_t call_trace_lines(void);
uint64_t call_trace_sum(void);

#endif
