#ifndef LAUNCHER_INIT_SAY_H
#define LAUNCHER_INIT_SAY_H

/*
 * say.h - words of coop-init, without stdio; private to coop-init
 */

#define EXIT_LAUNCHER       125 /* our own failure                    */
#define EXIT_NOT_EXECUTABLE 126 /* the command is there, but cannot run */
#define EXIT_NOT_FOUND      127

/* Writes up to eight words, the last one NULL, in one go; what is longer is cut off. */
__attribute__((sentinel)) void init_say(int fd, const char *word, ...);

/* "coop-init: WORDS" and the errno's meaning (0: none); ends with EXIT_LAUNCHER. */
_Noreturn void init_fail(const char *what, const char *which, int sys);

/* Decimal text, as an argument of init_say(). */
struct init_number {
    char text[24];
};
struct init_number init_number(long number);

/* "TERM" for 15; "RTMIN+1" and their like are numbers. */
const char *init_signal_name(int sig, struct init_number *ret_number);

#endif
