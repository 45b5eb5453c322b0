#ifndef COOP_RT_GUARD_H
#define COOP_RT_GUARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Guards [low, low + size): what it has become. */
enum guard coop__guard_install(char *low, size_t size);

/* The kind that the next stack gets, as a word. */
const char *coop__guard_kind(void);

void coop__canary_write(char *low);
bool coop__canary_holds(const char *low);

/* For tests: if not 0, no guards by madvise, and so many by mprotect, as before Linux 6.13. */
extern _Atomic(unsigned) coop__old_guards;

#endif
