#ifndef LAUNCHER_PROTECT_H
#define LAUNCHER_PROTECT_H

#include "launcher/launch.h"

/*
 * protect.h - systemd's keys that close one subject of the kernel on every layer at once; private
 * to launcher/
 *
 * Each stands for capabilities that are dropped, system calls that are refused with EPERM, and
 * paths that are hidden.  The parts go by the guards of what they are made of:
 * CapabilityBoundingSet, SystemCallFilter and ReadOnlyPaths.
 *
 * Source    systemd.exec(5).  It also keeps a service from writing to /dev/rtc*; without
 *           CAP_SYS_TIME the kernel refuses to set that clock.
 */
struct protection {
    size_t wanted;         /* offset of the key's bool in the spec           */
    uint64_t caps;         /* dropped                                        */
    const char *calls;     /* in the words of SystemCallFilter=      */
    const char *hidden[3]; /* where they exist; up to the first NULL */
};

/* Up to the row without calls. */
extern const struct protection protections[];

#define protections_for_each(row, spec)                                                        \
    for (const struct protection *row = protections; row->calls; row++)                        \
        if (*(const bool *)((const char *)(spec) + row->wanted))

/* All capabilities that the spec takes away, by whichever key. */
uint64_t protect_dropped_caps(const struct launch_spec *spec);
/* Whether a key hides a path. */
bool protect_hides(const struct launch_spec *spec);

#endif
