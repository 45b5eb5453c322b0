#ifndef COOP_TIMERS_MEMORY_H
#define COOP_TIMERS_MEMORY_H

#include "coop/err.h"
#include "timers/due.h"

/*
 * memory.h - what a timer remembers, in <state_dir>/timers/NAME
 *
 *     T1 <boot id> <began> <last, monotonic> <done> <seen> <last>
 *
 * Written anew each time, by rename.  Monotonic times are of no use after a reboot and are then
 * left out.  What cannot be read is as if it were not there.
 */

/* 1: there was one.  0: none that can be read.  'boot_id' is this boot's. */
int timer_memory_read(const char *state_dir, const char *name, const char *boot_id,
                      struct timer_past *past);
int timer_memory_write(const char *state_dir, const char *name, const char *boot_id,
                       const struct timer_past *past, struct coop_err *err);
void timer_memory_forget(const char *state_dir, const char *name);

#endif
