/*
 * result.c - the word for an end (contract in result.h)
 */
#include "launcher/limits/result.h"

#include <signal.h>

enum launch_result run_end_result(const struct run_end *end, const struct launch_spec *spec)
{
    bool badly = end->signal != 0 || end->code != 0;

    if (end->broken != LAUNCH_RESULT_EXIT)
        return end->broken;
    if (end->out_of_memory && badly)
        return LAUNCH_RESULT_MEMORY;
    if (end->out_of_tasks && badly)
        return LAUNCH_RESULT_TASKS;
    if (end->out_of_disk && badly)
        return LAUNCH_RESULT_DISK;
    switch (end->signal) {
    case 0: return LAUNCH_RESULT_EXIT;
    case SIGSYS: return LAUNCH_RESULT_POLICY;
    case SIGXCPU:
        return spec->limits[RLIMIT_CPU].set ? LAUNCH_RESULT_CPU_TIME : LAUNCH_RESULT_SIGNAL;
    case SIGXFSZ:
        return spec->limits[RLIMIT_FSIZE].set ? LAUNCH_RESULT_DISK : LAUNCH_RESULT_SIGNAL;
    default: return LAUNCH_RESULT_SIGNAL;
    }
}
