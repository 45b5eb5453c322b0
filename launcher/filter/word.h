#ifndef LAUNCHER_FILTER_WORD_H
#define LAUNCHER_FILTER_WORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "coop/err.h"
#include "launcher/filter/policy.h"

/*
 * word.h - one word of SystemCallFilter=, read; private to launcher/
 *
 *     NAME[(TEST[,TEST...])][:ANSWER]
 *
 *     NAME     a system call, a set ("@mount"), or "default", the filter of our own profiles
 *     TEST     ARGUMENT[/32] then one of
 *              =VALUE !=VALUE <VALUE <=VALUE >VALUE >=VALUE   compares
 *              &MASK            any of these bits is set
 *              &MASK=VALUE      these bits are VALUE; &MASK!=VALUE: they are not
 *              All tests of a word must hold.  An argument that the kernel reads as 32 bits is
 *              compared as 32 bits; /32 asks for that where it is not known.
 *     VALUE    a number (decimal, 0x hexadecimal, 0 octal) or a name from constants.def, or
 *              several with | between
 *     ANSWER   kill, trap, log, allow, an errno by name or number
 *
 *     ioctl(1=TIOCSTI):EPERM     socket(0!=AF_UNIX,0!=AF_INET)     clone(0&CLONE_NEWUSER):ENOSYS
 *
 * Errors    -1 with the word, and the nearest known name where there is one.
 * Source    systemd's NAME:ERRNO; the tests are ours.
 */

#define FILTER_WORD_MAX 1024 /* bytes of one word */

struct filter_word {
    char name[64];
    struct filter_test tests[FILTER_CLAUSE_TESTS];
    size_t count;
    bool has_answer;
    uint32_t answer;
};

/* The 'length' bytes at 'text' hold no blank. */
int filter_word_parse(const char *text, size_t length, struct filter_word *ret_word,
                      struct coop_err *err);

/* "EPERM", "1", "kill", ...: 0 or -1; no error text. */
int filter_answer_parse(const char *text, uint32_t *ret_answer);
/* The word that parses to it: "allow", "kill", "EPERM", "4000"; "answer 0x7fc00000" for one that no
 * word stands for. */
void filter_answer_render(uint32_t answer, struct buf *out);

/* A number, a constant's name, or several with '|' between. */
int filter_value_parse(const char *text, uint64_t *ret_value, struct coop_err *err);

#endif
