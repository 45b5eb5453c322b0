#ifndef COOP_RT_GUARD_H
#define COOP_RT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/*
 * guard.h - what stands at the low end of a stack, so that an overflow is no riddle
 *
 * Best first: a mark in the page tables by MADV_GUARD_INSTALL (Linux 6.13; no mapping each, so
 * that a million guarded stacks are a few dozen mappings), pages without access by mprotect (two
 * mappings each, and there are 65 530 at most), a canary word that is looked at when the
 * coroutine ends.
 */
enum guard { GUARD_MADVISE, GUARD_MPROTECT, GUARD_CANARY };

/* Finds out what this kernel has. */
void coop__guards_start(size_t page);

/* Guards the range: what it has become. Any thread. */
enum guard coop__guard_install(const struct iovec *range);
/* The same for many, in one call where the kernel takes such: of so many from the first on it is
 * done, by madvise. */
int coop__guards_install(const struct iovec *ranges, int count);
/* Memory for these ranges that are about to be written: what the kernel will not, it does at the
 * first write. */
void coop__populate(const struct iovec *ranges, int count);

/* The kind that the next stack gets, as a word. */
const char *coop__guard_kind(void);

void coop__canary_write(char *low);
bool coop__canary_holds(const char *low);

/* For tests: if not 0, no guards by madvise, and so many by mprotect, as before Linux 6.13. */
extern _Atomic(unsigned) coop__old_guards;

#endif
