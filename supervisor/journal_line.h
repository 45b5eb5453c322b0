#ifndef COOP_JOURNAL_LINE_H
#define COOP_JOURNAL_LINE_H

#include "service/saved.h"

/*
 * journal_line.h - one line of the journal, as journal.h draws them
 *
 * Pure.  A line has its checksum and its newline, and fits into JOURNAL_LINE_MAX bytes with
 * every name, path and number that a service can have.  All return 0 or -ENAMETOOLONG.
 */
enum { JOURNAL_LINE_MAX = 1024 };

int journal_make_line(char line[JOURNAL_LINE_MAX], const char *body);
int journal_run_line(char line[JOURNAL_LINE_MAX], const char *name,
                     const struct saved_life *life);
int journal_main_line(char line[JOURNAL_LINE_MAX], const char *name,
                      const struct saved_life *life);
int journal_at_line(char line[JOURNAL_LINE_MAX], const char *name,
                    const struct saved_state *state, const struct saved_starts *starts);
int journal_group_line(char line[JOURNAL_LINE_MAX], const struct saved_group *group);
int journal_wish_line(char line[JOURNAL_LINE_MAX], const struct wish *wish);

#endif
