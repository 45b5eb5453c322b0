#ifndef LAUNCHER_FILTER_BYTES_H
#define LAUNCHER_FILTER_BYTES_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "coop/err.h"

/*
 * bytes.h - compiled filters, ours or somebody else's: checked and asked; private to launcher/
 *
 * A filter that comes by descriptor was compiled by a stranger.  The kernel checks it as well, but
 * says EINVAL for everything and only in the child.
 *
 * Time      A program has no loops: at most one step per instruction.
 * Source    the kernel's bpf_check_classic() and seccomp_check_filter().
 */

/* Whether the kernel would take it: known instructions, jumps inside, a return at every end. */
int filter_bytes_check(const struct sock_filter *code, size_t count, struct coop_err *err);

/* The answer to one call.  'code' has been checked.  'ret_judges' (or NULL) learns whether
 * arguments were looked at on the way. */
uint32_t filter_bytes_run(const struct sock_filter *code, size_t count,
                          const struct seccomp_data *data, bool *ret_judges);

#endif
