#ifndef COOP_BASE_STR_H
#define COOP_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>

#include "coop/err.h"

/*
 * str.h - small questions about text, and copies that cannot overflow
 *
 * Nothing here allocates, except where the comment says so.
 */

bool str_equal(const char *a, const char *b);        /* two NULLs are equal */
bool str_equal_nocase(const char *a, const char *b); /* ASCII only, no locale */
bool str_starts_with(const char *text, const char *prefix);
bool str_ends_with(const char *text, const char *suffix);

/* Is 'text' of 'len' bytes well-formed UTF-8 (no overlong forms, surrogates, > U+10FFFF)? */
bool str_is_utf8(const char *text, size_t len);

/* Copies what fits and always ends it with NUL. Returns 0, or -ENAMETOOLONG when it was cut. */
int str_copy(char *ret_to, size_t size, const char *from);
int str_format(char *ret_to, size_t size, const char *fmt, ...) COOP_FMT(3, 4);

/* How many single changes (put in, take out, replace, swap two neighbours) lead from one word
 * to the other.  Case does not count.  Looks at the first 63 bytes of each. */
size_t str_distance(const char *a, const char *b);

/* Is 'guess' close enough to 'word' to be worth suggesting?  At most one change per three
 * letters, at least one allowed. */
bool str_is_near(const char *word, const char *guess);

/* The nearest of the NULL-terminated 'names' that is worth suggesting, or NULL. */
const char *str_nearest(const char *word, const char *const *names);

/* Whole text as a decimal number within [min, max]: 0, -EINVAL or -ERANGE. */
int str_to_int(const char *text, long long min, long long max, long long *ret_number);

#endif
