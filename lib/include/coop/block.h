#ifndef COOP_BLOCK_H
#define COOP_BLOCK_H

#ifdef __cplusplus
extern "C" {
#endif

/*
 * block.h - calls that block the thread, and what becomes of the others meanwhile
 *
 *     coop_block_begin();                  // this will block: the processor goes
 *     rc = waitid(P_PID, ...);             // to another worker
 *     coop_block_end();
 *
 *     coop_syscall_begin();                // this is probably short: the processor is
 *     n = pread(fd, buf, size, 0);         // taken away only when it is not
 *     coop_syscall_end();
 *
 *     coop_offload(lookup, &query);        // a bounded pool of threads, for calls made from
 *                                          // thousands of coroutines at a time
 *
 * Measured with 100 coroutines in 10 ms calls: the eager bracket leaves the others 69 to 83 %
 * of their speed, the optimistic one 15 to 32 %; the latter costs nothing when the call is
 * short.
 *
 * Time      No deadlines: a bracket is as long as the call in it.  The optimistic one loses its
 *           processor when the monitor sees it twice, in looks that are 20 us to 10 ms apart.
 * Errors    None: when no thread can be had, others wait until one comes back.
 * Threads   In coroutines; elsewhere they do nothing.  Brackets do not nest.
 * Misuse    Aborts: a bracket in a bracket, waiting in one, ending in one.  An end without a begin
 *           does nothing.  coop_go(), coop_yield(), coop_pin() and coop_set_procs() are -EPERM
 *           there.  coop_offload() outside of a coroutine calls fn itself.
 * Limits    Inside a bracket nothing may wait on the runtime; posting, polls with COOP_NOW and
 *           the child calls are fine, the coop_file_ calls are not (they are brackets).  errno and
 *           thread-locals do not survive _end(), which waits for a processor.
 * Memory    A thread for each bracket that lasts, up to coop_options.max_workers; idle ones go.
 * Source    Go's entersyscallblock and entersyscall, with sysmon's retaking.
 */

void coop_block_begin(void);
void coop_block_end(void);

void coop_syscall_begin(void);
void coop_syscall_end(void);

/* Runs fn(arg) on a pool thread (at most COOP_OFFLOAD_MAX at a time, others queue) and returns
 * its result.  Waits for its end even when the caller is cancelled. */
int coop_offload(int (*fn)(void *), void *arg);

#define COOP_OFFLOAD_MAX 64

#ifdef __cplusplus
}
#endif

#endif
