#ifndef LAUNCHER_FILTER_RESTRICT_H
#define LAUNCHER_FILTER_RESTRICT_H

#include "base/strlist.h"
#include "launcher/launch.h"

/*
 * restrict.h - systemd's Restrict* keys that are filters, as lines of SystemCallFilter=; private to
 * launcher/
 *
 *      RestrictAddressFamilies=   socket(2) for the families that are allowed; EAFNOSUPPORT
 *      RestrictRealtime=          no real-time scheduling
 *      RestrictSUIDSGID=          no file is made, or made to be, set-user-ID or set-group-ID
 *      LockPersonality=           personality(2) may be asked and left, not changed
 *      ProtectClock= ...          the calls of protect.h's keys
 *
 * A refused call is EPERM but for sockets.  Each also takes away what would do the same where a
 * filter cannot look: sched_setattr, openat2, io_uring.  Descriptors that are handed in are not
 * judged, nor socketpair(2).
 *
 * Source    systemd.exec(5).
 */

/* Whether one value of RestrictAddressFamilies= can be read: "AF_UNIX AF_INET", "~AF_PACKET",
 * "none". */
int filter_families_check(const char *text, struct coop_err *err);

bool filter_restricts(const struct launch_spec *spec);
/* Adds to 'lines' what the keys of 'spec' stand for. 0 or -ENOMEM. */
int filter_restrict_lines(const struct launch_spec *spec, struct strlist *lines);

#endif
