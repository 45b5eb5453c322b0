#ifndef LAUNCHER_FILTER_TELL_H
#define LAUNCHER_FILTER_TELL_H

#include <linux/filter.h>
#include <stddef.h>
#include <stdio.h>

/*
 * tell.h - what a compiled filter does, in words; private to launcher/
 *
 * Found out by asking it, so that it is as true for somebody else's filter as for ours.
 */

/* Per ABI the calls behind each answer, those that are judged by arguments, and what numbers
 * without a name get.  'indent' stands before each line.  'code' has been checked. */
void filter_tell(const struct sock_filter *code, size_t count, const char *indent, FILE *out);

/* One line per ABI and number: "x86-64 0 read allow", and where arguments are looked at the answer
 * to all zeroes: "x86-64 16 ioctl allow by arguments".  What tests/golden is made of. */
void filter_tell_numbers(const struct sock_filter *code, size_t count, FILE *out);

#endif
