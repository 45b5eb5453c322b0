#ifndef COOP_RT_DUMP_TEXT_H
#define COOP_RT_DUMP_TEXT_H

#include "coop/time.h"

#include <stddef.h>
#include <stdint.h>

/*
 * dump_text.h - text for reports, where nothing may be used
 *
 * The reports of this room are written in signal handlers, when memory is gone, or when all
 * coroutines are stuck: no malloc, no locks, no locale, no stdio.
 *
 *     struct report r = {.fd = STDERR_FILENO};
 *     coop__say(&r, "coroutine %lu %s\n", id, name);
 *     coop__say_end(&r);
 */
struct report {
    int fd;
    int error; /* the first -errno of a write; nothing is written after it */
    unsigned used;
    char text[1000];
};

/* %s %d %u %lu %lx %p %c %%; a NULL string is "". */
void coop__say(struct report *r, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Seconds with three digits: "12.031s", or "-0.004s". */
void coop__say_time(struct report *r, coop_nsec time);
/* Where in the program: "accept_all+0x1c (server+0x4a1c)", or a bare number. */
void coop__say_place(struct report *r, const void *code);
/* Writes what is left. 0 or the error. */
int coop__say_end(struct report *r);

/* Copies 'size' bytes from anywhere: 0, -EFAULT (nothing is mapped there), or -EPERM, -ENOSYS: a
 * sandbox forbids to look. */
int coop__peek(void *to, const void *from, size_t size);
/* A string that may be gone; what cannot be printed in one line becomes '?'. */
void coop__peek_string(char *to, size_t size, const char *from);

#endif
