#ifndef COOP_SERVICE_POLICY_H
#define COOP_SERVICE_POLICY_H

#include <stdbool.h>
#include <stddef.h>

#include "config/spec.h"
#include "events/board.h"
#include "service/fsm.h"

/*
 * policy.h - what an ending means
 *
 * Pure.  From how a main process ended and what its spec says to one of three events: EV_SUCCEEDED
 * (it is done), EV_DIED (try again), EV_HOPELESS (it has failed).  Whether there are attempts
 * left is backoff.h's question.
 *
 * Source    The matrix of Restart= in systemd.service(5).
 */

/* The classes that Restart= tells apart. */
enum ending_class {
    ENDING_SUCCESS,  /* exit 0, SuccessExitStatus=, HUP, INT, TERM, PIPE (not of a oneshot)  */
    ENDING_CODE,     /* another exit code, or it could not be launched                       */
    ENDING_SIGNAL,   /* another signal                                                       */
    ENDING_CORE,     /* another signal, and a core was dumped                                */
    ENDING_TIMEOUT,  /* it was not ready, or did not stop, in time                           */
    ENDING_PROTOCOL, /* Type=notify ended well before it was ready                           */
    ENDING_WATCHDOG, /* it did not report in time                                            */
    ENDING_BOUND,    /* a bound of its tree was used up (systemd: oom-kill, and timeout)     */
    ENDING_UNKNOWN,  /* nobody could learn how it ended                                      */
    ENDING_CLASSES
};

/* How one life ended, as facts. */
struct ending {
    enum svc_exit_kind kind;
    int value; /* exit code or signal */
    bool core;
    bool unborn;      /* it could not be launched: 'kind' is EXIT_NONE                    */
    bool timed_out;   /* a start or stop timeout led to the end                           */
    bool never_ready; /* it ended before it was ready, and Type= waits for that           */
    bool step_failed; /* a command before or after its start did not end well, or was not */
    bool watchdog;    /* it did not say in time that it is alive                        */
    bool skipped;     /* ... and that was an ExecCondition= that does not hold          */
    enum launch_result broken; /* the bound for which it was ended; EXIT: none            */
    bool out_of_memory, out_of_tasks, out_of_disk; /* as in launcher/limits/result.h      */
};

enum ending_class policy_class(const struct svc_spec *spec, const struct ending *ending);

/* Does Restart= try again after such an ending? */
bool policy_restarts(enum svc_restart restart, enum ending_class class);

/* EV_SUCCEEDED, EV_DIED or EV_HOPELESS.  RestartPreventExitStatus= is stronger than
 * RestartForceExitStatus=, and that than Restart=. */
enum svc_event policy_verdict(const struct svc_spec *spec, const struct ending *ending);

/* What a program that ends because of it ends with: the code, 128 and the signal, else 1. */
int policy_exit_status(const struct ending *ending);

/* "exited with code 3", "killed by SIGSEGV (core dumped)". Returns 'buf'. */
const char *policy_ending_text(const struct ending *ending, char *buf, size_t size);

#endif
