#ifndef LAUNCHER_SHA256_H
#define LAUNCHER_SHA256_H

#include <stddef.h>

/*
 * sha256.h - the name of some bytes: equal names mean equal bytes, whoever made them
 *
 * For the receipt, where the filter in force is named; private to launcher/.
 *
 * Source    FIPS 180-4.
 */
#define SHA256_TEXT 65 /* 64 hexadecimal digits and a NUL */

const char *sha256_text(const void *bytes, size_t size, char ret_text[SHA256_TEXT]);

#endif
