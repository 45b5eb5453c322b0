#ifndef LAUNCHER_FILTER_LIST_H
#define LAUNCHER_FILTER_LIST_H

#include "base/strlist.h"
#include "launcher/filter/policy.h"

/*
 * list.h - SystemCallFilter= and SystemCallLog=, in systemd's language; private to launcher/
 *
 * A list is lines, a line is words (word.h) with or without '~' in front of them all.  The first
 * line decides: without '~' only what is listed is allowed (and @default, without which nothing can
 * run), with '~' everything else is.  Later lines add and take away; what stands later wins.
 *
 * Ours, and different from systemd:
 *      a number that no kernel of today has    ENOSYS, in deny lists as well
 *      clone3, io_uring_* that are not allowed ENOSYS: libc has another way
 *      io_uring_*                              not part of any set: its calls pass by the filter
 *      clone3, socketcall, ipc                 ENOSYS when a call they stand for is judged
 *      a set without '~'                       adds calls, and leaves the tests of earlier words
 *      "default"                               the filter of our own profiles, refusing with EPERM
 *      NAME:ANSWER without '~', tests          see word.h
 *      an unknown name                         an error
 */

#define FILTER_MAX_LINES 256 /* of one key */

/* Whether a line can be read: the same errors that applying it would give. */
int filter_line_check(const char *line, struct coop_err *err);
/* As for SystemCallLog=: names only. */
int filter_log_check(const char *line, struct coop_err *err);

/* Fills 'policy', which allows everything, from the lines; without lines it stays as it is.
 * 'refusal' is SystemCallErrorNumber=, or NULL: "kill", or EPERM after the word "default". */
int filter_lines_apply(const struct strlist *lines, const uint32_t *refusal,
                       struct filter_policy *policy, struct coop_err *err);

/* RestrictNamespaces=: none is made or joined. */
int filter_refuse_nesting(struct filter_policy *policy, struct coop_err *err);

/* What a line with '~' says, EPERM where it gives no answer, whatever was said before. */
int filter_refuse(struct filter_policy *policy, const char *line, struct coop_err *err);

/* After all rules: refuses (ENOSYS) what would be a way round them, see list.c. */
void filter_close_doors(struct filter_policy *policy);

/* What 'policy' allows and the lines name is also written to the kernel's log. */
int filter_log_apply(const struct strlist *lines, struct filter_policy *policy,
                     struct coop_err *err);

/* The lines that "default" stands for. NULL-terminated. */
extern const char *const filter_default_lines[];

#endif
