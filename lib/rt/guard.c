/*
 * guard.c - guards: finding out which kind there is, and putting them up
 *
 * Linux refuses MADV_GUARD_INSTALL before 6.13 and in locked memory (mlockall), and mprotect when
 * the process has vm.max_map_count mappings; half of those we leave to the program.  A stack keeps
 * the guard that it was made with: it survives MADV_DONTNEED.
 *
 * process_madvise(2) on oneself takes many ranges (Linux 6.15, where a process may name itself
 * without a descriptor); who refuses it once, an older kernel or a filter, is not asked again.
 */
#include "rt/guard.h"

#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif
#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef PIDFD_SELF_THREAD
#define PIDFD_SELF_THREAD (-10000)
#endif

enum { GUARDS_BY_MPROTECT = 15000 };

#define CANARY UINT64_C(0xC0DEC0DEC0DEC0DE)

_Atomic(unsigned) coop__old_guards;

static _Atomic(enum guard) best; /* of the stacks made from now on */
static _Atomic(int) mprotect_left;
static _Atomic(bool) one_by_one; /* advice for many ranges is refused */

void coop__guards_start(size_t page)
{
    void *probe = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    mprotect_left = coop__old_guards ? (int)coop__old_guards : GUARDS_BY_MPROTECT;
    one_by_one = false;
    best = GUARD_MPROTECT;
    if (probe == MAP_FAILED)
        return;
    /* An emulator of system calls may answer 0 to advice it does not know: see whether it bites. */
    if (!coop__old_guards && madvise(probe, page, MADV_GUARD_INSTALL) == 0 &&
        madvise(probe, page, MADV_POPULATE_READ) < 0)
        best = GUARD_MADVISE;
    munmap(probe, page);
}

/* So many of the ranges, from the first on, have taken the advice. */
static int advise(const struct iovec *ranges, int count, int advice)
{
    int done = 0;

    if (count > 1 && !atomic_load_explicit(&one_by_one, memory_order_relaxed)) {
        long bytes = syscall(SYS_process_madvise, PIDFD_SELF_THREAD, ranges, count, advice, 0);

        if (bytes < 0)
            atomic_store_explicit(&one_by_one, true, memory_order_relaxed);
        for (; done < count && bytes >= (long)ranges[done].iov_len; done++)
            bytes -= (long)ranges[done].iov_len;
    }
    while (done < count && madvise(ranges[done].iov_base, ranges[done].iov_len, advice) == 0)
        done++;
    return done;
}

int coop__guards_install(const struct iovec *ranges, int count)
{
    return best == GUARD_MADVISE ? advise(ranges, count, MADV_GUARD_INSTALL) : 0;
}

void coop__populate(const struct iovec *ranges, int count)
{
    advise(ranges, count, MADV_POPULATE_WRITE);
}

enum guard coop__guard_install(const struct iovec *range)
{
    if (coop__guards_install(range, 1))
        return GUARD_MADVISE;
    if (best != GUARD_CANARY && atomic_fetch_sub(&mprotect_left, 1) > 0 &&
        mprotect(range->iov_base, range->iov_len, PROT_NONE) == 0)
        return GUARD_MPROTECT;
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
