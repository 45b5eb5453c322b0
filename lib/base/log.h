#ifndef COOP_BASE_LOG_H
#define COOP_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "coop/err.h"

/*
 * log.h - one line is one record
 *
 *     log_info("service", "web: started, pid %d", pid);
 *     2026-11-23T03:23:45.123Z info service: web: started, pid 4711
 *
 * Only programs log, and the rooms of the supervisor that speak for one; libraries return
 * errors.
 *
 * Time      Never blocks: a line goes out only when the descriptor can take it at once.
 * Errors    None.  What could not be written is counted, and the count leads the next line that
 *           goes through.
 * Threads   From anywhere: a line is built on the stack and sent with one write(2) of less than
 *           PIPE_BUF bytes, so lines of two threads never mix.
 * Memory    No allocation.
 * Limits    LOG_LINE_MAX bytes a line; a longer one is cut and ends in "...".  Control
 *           characters in the text are shown as '?', so that nobody can forge a line.
 */
#define LOG_LINE_MAX 1024

/* Sorted by who must read them: error = someone must act, warn = someone should know, info =
 * what happened, debug = for the developers. */
enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARN, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* What is above 'level' is not written. The default is info. */
void log_set_level(enum log_level level);
bool log_is_on(enum log_level level);

/* Where lines go: 2 unless told otherwise. -1: nowhere. */
void log_set_fd(int fd);

/* Lines lost so far because nobody took them. */
uint64_t log_lost(void);

void log_at(enum log_level level, const char *room, const char *fmt, ...) COOP_FMT(3, 4);

#define log_error(...) log_at(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_at(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_at(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)                                                                         \
    do {                                                                                       \
        if (log_is_on(LOG_LEVEL_DEBUG))                                                        \
            log_at(LOG_LEVEL_DEBUG, __VA_ARGS__);                                              \
    } while (0)

/* The text of an error and its hint, as two lines of one level. */
void log_err(enum log_level level, const char *room, const struct coop_err *err);

#endif
