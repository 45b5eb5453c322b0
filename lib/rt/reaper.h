#ifndef COOP_RT_REAPER_H
#define COOP_RT_REAPER_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * reaper.h - signals and children, as the rest of the runtime sees them
 */

/* Blocks the signals (a mask, see coop_options) in this thread. */
void coop__signals_start(uint64_t wanted);
void coop__signals_end(void);

/* Adds those that must be blocked in all our threads, so that the signalfd gets them. */
void coop__signals_block(sigset_t *mask);

/* Starts reading the signalfd, at the first use of signals or children. 0 or -errno. */
int coop__signals_open(void);

/* Hands on signals that a foreign thread has caught. */
void coop__signals_look(void);

/* In a handler of SIGSEGV: true if somebody sent it and it is handed on, false for a fault. */
bool coop__signal_was_sent(const siginfo_t *info);

/* SIGCHLD arrived, from 'pid' (0: unknown). Runs in the signal actor. */
void coop__reap(int pid);

/* Stops the signal actor, before the daemons are cancelled. */
void coop__reaper_end(void);
void coop__children_end(void);

/* Threads of coop_offload(). */
void coop__offload_end(void);

#endif
