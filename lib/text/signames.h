#ifndef COOP_TEXT_SIGNAMES_H
#define COOP_TEXT_SIGNAMES_H

/*
 * signames.h - signal numbers and their names
 *
 *     signame_parse("SIGTERM")  "TERM"  "term"  "15"  "RTMIN+3"  "SIGRTMAX-1"  "37"
 *
 * Numbers 1 to 64, except the two that libc keeps for itself (32 and 33).
 */
#define SIGNAME_TEXT 16

/* The number, or -EINVAL. */
int signame_parse(const char *text);

/* "SIGTERM", "SIGRTMIN+3", or "SIG99" for what is none.  Writes into 'ret_text', returns it. */
const char *signame_render(int signo, char ret_text[SIGNAME_TEXT]);

#endif
