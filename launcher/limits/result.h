#ifndef LAUNCHER_LIMITS_RESULT_H
#define LAUNCHER_LIMITS_RESULT_H

#include <stdbool.h>
#include <sys/resource.h>

#include "launcher/launch.h"

/*
 * result.h - one word for how a run ended, out of what is known of its end
 *
 * Pure.  The same word for a command of coop-run and for a service: who asks has collected the
 * facts, each in its own way.
 *
 * A fork or a write that is refused ends nobody, and a process killed for lack of memory may be one
 * of many; so these count only when the program has ended badly.
 */
struct run_end {
    enum launch_result broken; /* the bound for which it was ended; EXIT: none             */
    int signal;                /* that ended the program, 0: it has exited, with ...       */
    int code;
    bool out_of_memory; /* the kernel has killed in its cgroup for lack of memory          */
    bool out_of_tasks;  /* TasksMax has been reached                                       */
    bool out_of_disk;   /* DiskMax has been reached: a fresh file system is full           */
};

enum launch_result run_end_result(const struct run_end *end, const struct launch_spec *spec);

#endif
