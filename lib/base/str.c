/*
 * str.c - small questions about text (see str.h)
 */
#include "base/str.h"

#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DISTANCE_MAX ((size_t)63)

/* ---- helpers ---- */

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z')
        return "abcdefghijklmnopqrstuvwxyz"[c - 'A'];
    return c;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many bytes follow a first byte, and the smallest number such a form may carry. */
static int utf8_tail(unsigned char first, uint32_t *ret_bits, uint32_t *ret_smallest)
{
    if (first < 0x80) {
        *ret_bits = first;
        *ret_smallest = 0;
        return 0;
    }
    if ((first & 0xe0) == 0xc0) {
        *ret_bits = first & 0x1f;
        *ret_smallest = 0x80;
        return 1;
    }
    if ((first & 0xf0) == 0xe0) {
        *ret_bits = first & 0x0f;
        *ret_smallest = 0x800;
        return 2;
    }
    if ((first & 0xf8) == 0xf0) {
        *ret_bits = first & 0x07;
        *ret_smallest = 0x10000;
        return 3;
    }
    return -1;
}

/* ---- the public calls ---- */

bool str_equal(const char *a, const char *b)
{
    if (!a || !b)
        return a == b;
    return strcmp(a, b) == 0;
}

bool str_equal_nocase(const char *a, const char *b)
{
    while (*a && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return lower(*a) == lower(*b);
}

bool str_starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

bool str_ends_with(const char *text, const char *suffix)
{
    size_t len = strlen(text), tail = strlen(suffix);

    return len >= tail && memcmp(text + len - tail, suffix, tail) == 0;
}

bool str_is_utf8(const char *text, size_t len)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + len;

    while (at < end) {
        uint32_t number, smallest;
        int tail = utf8_tail(*at++, &number, &smallest);

        if (tail < 0 || end - at < tail)
            return false;
        for (int i = 0; i < tail; i++, at++) {
            if ((*at & 0xc0) != 0x80)
                return false;
            number = number << 6 | (*at & 0x3f);
        }
        if (number < smallest || number > 0x10ffff || (number >= 0xd800 && number <= 0xdfff))
            return false;
    }
    return true;
}

int str_copy(char *ret_to, size_t size, const char *from)
{
    return str_format(ret_to, size, "%s", from);
}

int str_format(char *ret_to, size_t size, const char *fmt, ...)
{
    va_list args;
    int need;

    va_start(args, fmt);
    need = vsnprintf(ret_to, size, fmt, args);
    va_end(args);
    return need < 0 || (size_t)need >= size ? -ENAMETOOLONG : 0;
}

/* Three rows of the edit matrix are enough: a swap looks back two. */
size_t str_distance(const char *a, const char *b)
{
    size_t rows[3][DISTANCE_MAX + 1];
    size_t len_a = strnlen(a, DISTANCE_MAX), len_b = strnlen(b, DISTANCE_MAX);

    for (size_t j = 0; j <= len_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= len_a; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *above2 = rows[(i + 1) % 3];

        row[0] = i;
        for (size_t j = 1; j <= len_b; j++) {
            bool same = lower(a[i - 1]) == lower(b[j - 1]);

            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (same ? 0 : 1));
            if (i > 1 && j > 1 && lower(a[i - 1]) == lower(b[j - 2]) &&
                lower(a[i - 2]) == lower(b[j - 1]))
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return rows[len_a % 3][len_b];
}

bool str_is_near(const char *word, const char *guess)
{
    size_t allowed = strlen(word) / 3;

    return str_distance(word, guess) <= (allowed ? allowed : 1);
}

const char *str_nearest(const char *word, const char *const *names)
{
    const char *best = NULL;
    size_t best_distance = SIZE_MAX;

    for (; *names; names++) {
        size_t distance = str_distance(word, *names);

        if (distance < best_distance && str_is_near(word, *names)) {
            best = *names;
            best_distance = distance;
        }
    }
    return best;
}

int str_to_int(const char *text, long long min, long long max, long long *ret_number)
{
    const char *digits = *text == '-' || *text == '+' ? text + 1 : text;
    long long number;

    if (!*digits || digits[strspn(digits, "0123456789")])
        return -EINVAL;
    errno = 0;
    number = strtoll(text, NULL, 10);
    if (errno || number < min || number > max)
        return -ERANGE;
    *ret_number = number;
    return 0;
}
