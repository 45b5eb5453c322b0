#ifndef COOP_CONFIG_EXIT_SET_H
#define COOP_CONFIG_EXIT_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "text/setting.h"

/*
 * exit_set.h - a set of endings: exit codes and signals
 *
 *     SuccessExitStatus=75 TEMPFAIL SIGUSR1
 *
 * A number is an exit code from 0 to 255, a name is that of a code in sysexits.h (without EX_) or
 * in the LSB's table for init scripts, or a signal's, with or without SIG.  Zero bits are an empty
 * set, which is what a key that was not written gives.
 *
 * Memory    Plain data.
 * Source    systemd.service(5), SuccessExitStatus=; the names are those of systemd.exec(5).
 */
struct exit_set {
    uint64_t codes[4];
    uint64_t signals; /* signal n is bit n - 1 */
};

bool exit_set_has_code(const struct exit_set *set, int code);
bool exit_set_has_signal(const struct exit_set *set, int signo);

extern const struct setting_type setting_exits; /* struct exit_set; words append */

#endif
