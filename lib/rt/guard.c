/*
 * guard.c - guards: finding out which kind there is, and putting them up
 *
 * Linux refuses MADV_GUARD_INSTALL before 6.13 and in locked memory (mlockall), and mprotect when
 * the process has vm.max_map_count mappings; half of those we leave to the program.  A stack keeps
 * the guard that it was made with: it survives MADV_DONTNEED.
 */
#include "rt/guard.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum { GUARDS_BY_MPROTECT = 15000 };

#define CANARY UINT64_C(0xC0DEC0DEC0DEC0DE)

_Atomic(unsigned) coop__old_guards;

static _Atomic(enum guard) best; /* of the stacks made from now on */
static unsigned mprotect_left;

void coop__guards_start(size_t page)
{
    void *probe = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect_left = coop__old_guards ? coop__old_guards : GUARDS_BY_MPROTECT;
    best = GUARD_MPROTECT;
    if (probe == MAP_FAILED)
        return;
    /* An emulator of system calls may answer 0 to advice it does not know: see whether it bites. */
    if (!coop__old_guards && madvise(probe, page, MADV_GUARD_INSTALL) == 0 &&
        madvise(probe, page, MADV_POPULATE_READ) < 0)
        best = GUARD_MADVISE;
    munmap(probe, page);
}

enum guard coop__guard_install(char *low, size_t size)
{
    if (best == GUARD_MADVISE && madvise(low, size, MADV_GUARD_INSTALL) == 0)
        return GUARD_MADVISE;
    if (mprotect_left > 0 && mprotect(low, size, PROT_NONE) == 0) {
        mprotect_left--;
        return GUARD_MPROTECT;
    }
    best = GUARD_CANARY;
    return GUARD_CANARY;
}

const char *coop__guard_kind(void)
{
    static const char *const names[] = {"madvise", "mprotect", "canary"};

    return names[best];
}

void coop__canary_write(char *low)
{
    memcpy(low, &(uint64_t){CANARY}, sizeof(uint64_t));
}

bool coop__canary_holds(const char *low)
{
    uint64_t word;

    memcpy(&word, low, sizeof word);
    return word == CANARY;
}
