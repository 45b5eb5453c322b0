#ifndef LAUNCHER_CAPS_TEXT_H
#define LAUNCHER_CAPS_TEXT_H

#include <stdint.h>

#include "base/buf.h"
#include "coop/err.h"

/*
 * caps_text.h - sets of capabilities as text, by libcap; private to launcher/, parent side only
 *
 *     "CAP_NET_BIND_SERVICE CAP_CHOWN"  "cap_kill,cap_chown"  "all"  "none"
 *
 * A set is one bit per capability, as in the kernel.
 */
int caps_parse(const char *text, uint64_t *ret_set, struct coop_err *err);
int caps_render(struct buf *out, uint64_t set);

/* All that this kernel has, and those that we have in force. */
uint64_t caps_known(void);
uint64_t caps_effective(void);

#endif
