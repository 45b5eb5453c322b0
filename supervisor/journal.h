#ifndef COOP_JOURNAL_H
#define COOP_JOURNAL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "coop/err.h"
#include "service/spawn.h"

/*
 * journal.h - what a coopd that comes back must know about the one before
 *
 * One text line per change, appended with one write(2): it survives SIGKILL of coopd, and a
 * torn last line is told from a whole one by its checksum.
 *
 *     J1 <crc32> boot <boot id> <coopd pid>
 *     J1 <crc32> run <name> <held by> <top pid> <its start time> <main pid> <cgroup or ->
 *     J1 <crc32> end <name>
 *
 * A *survivor* is a run without an end.  PIDs are only numbers: with the boot id and the start
 * time they are identities.
 *
 * Threads   journal_run and journal_end from any coroutine; the rest from the daemon's.
 * Errors    Appending cannot fail for its caller: a full disk is told to the log once, and a
 *           later compaction makes good for what is missing.
 * Limits    JOURNAL_MAX bytes, then it is written anew with what still runs.
 */
#define JOURNAL_MAX (1024 * 1024)

struct journal;

struct survivor {
    char name[SVC_NAME_MAX + 1];
    enum svc_held_by held_by;
    pid_t top_pid, main_pid;
    uint64_t start_ticks; /* of top */
    char cgroup[512];     /* "" for none */
};

/* Pure: what still ran at the end of this text, on this boot ("" : any).  Calls 'fn' for each;
 * '*ret_coopd' is the PID of the coopd that wrote it, 0 for none or another boot.  Returns the
 * number of lines that are damaged and were skipped; -ENOMEM: who survived is not known. */
ssize_t journal_replay(const char *text, size_t size, const char *boot_id,
                       void (*fn)(void *arg, const struct survivor *survivor), void *arg,
                       pid_t *ret_coopd);

/* The same for <state_dir>/journal, which stays as it is: who is killed while the survivors are
 * being ended leaves the next one the same list.  No journal: nobody survived.  One that is
 * there and cannot be read is an error: to start anyway would run what it tells of twice. */
int journal_read(const char *state_dir, void (*fn)(void *arg, const struct survivor *survivor),
                 void *arg, pid_t *ret_coopd, struct coop_err *err);

/* Begins a new one in its place: what the old one told of must be ended. */
int journal_open(struct journal **ret_journal, const char *state_dir, struct coop_err *err);

void journal_run(struct journal *journal, const char *name, const struct holder *holder);
void journal_end(struct journal *journal, const char *name);

void journal_close(struct journal *journal); /* accepts NULL */

/* The start time of a process in ticks since boot.  0, -ENOENT or -ESRCH when there is none, or
 * what keeps it from being read. */
int journal_start_ticks(pid_t pid, uint64_t *ret_ticks);

#endif
