/*
 * protect.c - systemd's keys that close one subject of the kernel (see protect.h)
 */
#include "launcher/protect.h"

#include <linux/capability.h>

#define CAP(name) (UINT64_C(1) << (name))

const struct protection protections[] = {
    {.wanted = offsetof(struct launch_spec, protect_clock),
     .caps = CAP(CAP_SYS_TIME) | CAP(CAP_WAKE_ALARM),
     .calls = "~@clock"},
    {.wanted = offsetof(struct launch_spec, protect_modules),
     .caps = CAP(CAP_SYS_MODULE),
     .calls = "~@module",
     .hidden = {"/usr/lib/modules", "/lib/modules"}},
    {.wanted = offsetof(struct launch_spec, protect_logs),
     .caps = CAP(CAP_SYSLOG),
     .calls = "~syslog",
     .hidden = {"/dev/kmsg", "/proc/kmsg"}},
    {.calls = NULL},
};

uint64_t protect_dropped_caps(const struct launch_spec *spec)
{
    uint64_t dropped = spec->cap_dropped;

    protections_for_each (row, spec)
        dropped |= row->caps;
    return dropped;
}

bool protect_hides(const struct launch_spec *spec)
{
    protections_for_each (row, spec)
        if (row->hidden[0])
            return true;
    return false;
}
