#ifndef COOP_JOURNAL_H
#define COOP_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "coop/err.h"
#include "service/saved.h"

/*
 * journal.h - what a coopd that comes back must know about the one before
 *
 * One text line per change, appended with one write(2): it survives SIGKILL of coopd, and a
 * torn last line is told from a whole one by its checksum.
 *
 *     J1 <crc32> boot <boot id> <coopd pid>
 *     J1 <crc32> run <name> <held by> <top pid> <its start time> <main pid> <cgroup or ->
 *                <notes> <polls> <lost> <digest> <began> <command> <notify address or ->
 *     J1 <crc32> main <name> <main pid> <its start time> <its number among the service's own>
 *     J1 <crc32> end <name>
 *     J1 <crc32> at <name> <place> <flags> <command> <restarts> <in a row> <since> <the same
 *                by the calendar> <up since> <up at> <until> <how main ended: kind, value, flags,
 *                bound> <whether coopd ends with it> <its watchdog> <its last starts, with
 *                commas, or ->
 *     J1 <crc32> group <name> <phase> <since> <the same by the calendar> <first member of its
 *                round or -> <exit code> <its last failures, with commas, or ->
 *     J1 <crc32> gone <name>
 *     J1 <crc32> wish <name> <count> <instead>     what somebody asked for: config/wishes.h
 *     J1 <crc32> unwish <name>
 *     J1 <crc32> closing
 *
 * A *life* is a run without an end.  A `main` says which process of it is main that was not
 * launched.  PIDs are only numbers: with the boot id and the start time they are identities.  What
 * somebody wanted of a service stands in its last `at`; a coopd that is asked to end writes
 * `closing`, and from there on nothing is wanted any more: the next one begins with what the
 * configuration says.
 *
 * Threads   All that append from any coroutine; the rest from the daemon's.
 * Errors    Appending cannot fail for its caller: a full disk is told to the log once, and a
 *           later compaction makes good for what is missing.
 * Limits    JOURNAL_MAX bytes more than twice what is true now, then it is written anew with that.
 */
#define JOURNAL_MAX (1024 * 1024)

struct journal;

/* Pure: what was true at the end of this text, on this boot ("" : any).  Calls 'fn' for each
 * service with a life, a state or a wish, and each set with a wish; '*ret_coopd' is the PID of the
 * coopd that wrote it, 0 for none or another boot; '*ret_closing': it was about to end.  Returns
 * the number of lines that are damaged and were skipped; -ENOMEM: who survived is not known. */
ssize_t journal_replay(const char *text, size_t size, const char *boot_id,
                       void (*fn)(void *arg, const struct survivor *survivor), void *arg,
                       pid_t *ret_coopd, bool *ret_closing);

/* The same for <state_dir>/journal, which stays as it is: who is killed while the survivors are
 * being ended leaves the next one the same list.  No journal: nobody survived.  One that is
 * there and cannot be read is an error: to start anyway would run what it tells of twice. */
int journal_read(const char *state_dir, void (*fn)(void *arg, const struct survivor *survivor),
                 void *arg, pid_t *ret_coopd, bool *ret_closing, struct coop_err *err);

/* The groups of the same text, for journal_replay() and for journal_read(): one for each. */
ssize_t journal_replay_groups(const char *text, size_t size, const char *boot_id,
                              void (*fn)(void *arg, const struct saved_group *group),
                              void *arg);
int journal_read_groups(const char *state_dir,
                        void (*fn)(void *arg, const struct saved_group *group), void *arg,
                        struct coop_err *err);

/* Begins a new one in its place.  It tells of these 'kept' ones as the old one did, of the
 * groups in 'groups' and of the wishes (or NULL); all else that the old one told of must be
 * ended. */
int journal_open(struct journal **ret_journal, const char *state_dir,
                 const struct survivor *kept, size_t count, const struct saved_group *groups,
                 size_t group_count, const struct wishes *wishes, struct coop_err *err);

void journal_run(struct journal *journal, const char *name, const struct saved_life *life);
/* Another process of the same life is main from now on: life->main_pid, main_ticks, main_inside. */
void journal_main(struct journal *journal, const char *name, const struct saved_life *life);
void journal_end(struct journal *journal, const char *name);
void journal_at(struct journal *journal, const char *name, const struct saved_state *state,
                const struct saved_starts *starts);
void journal_group(struct journal *journal, const struct saved_group *group);
void journal_gone(struct journal *journal, const char *name);
void journal_wish(struct journal *journal, const struct wish *wish);
void journal_unwish(struct journal *journal, const char *name);
void journal_closing(struct journal *journal);

/* What it would be written anew with, added to 'out'. */
void journal_copy(struct journal *journal, struct buf *out);

void journal_close(struct journal *journal); /* accepts NULL */

enum { JOURNAL_BOOT_ID = 40 };

/* The number of this boot, "" when there is none to be read. */
void journal_boot_id(char ret_id[JOURNAL_BOOT_ID]);

/* The start time of a process in ticks since boot.  0, -ENOENT or -ESRCH when there is none, or
 * what keeps it from being read. */
int journal_start_ticks(pid_t pid, uint64_t *ret_ticks);

#endif
