#ifndef TESTS_SUPPORT_PTY_H
#define TESTS_SUPPORT_PTY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/*
 * pty.h - a terminal with a shell behind it, held by a test
 *
 * The test is the user at the keyboard: it types and looks at the screen.  The shell leads the
 * terminal's session, runs one job in the foreground as shells do, and tells what becomes of it.
 *
 *     struct pty pty;
 *
 *     pty_open(&pty, (const char *const[]){"cat", NULL}, NULL);
 *     pty_type(&pty, "hello\r");
 *     cr_assert(pty_shows(&pty, "hello\r\nhello\r\n"));
 *     pty_type(&pty, "\x1a");
 *     cr_assert_str_eq(pty_event(&pty), "stopped");
 *     pty_order(&pty, PTY_FOREGROUND);
 *     pty_close(&pty);                                    all of it is gone
 *
 * Nothing waits longer than ten seconds.
 */

#define PTY_SCREEN 65536

struct pty {
    int master;       /* the keyboard and the screen                    */
    int orders;       /* to the shell                                   */
    int events;       /* from it                                        */
    pid_t shell, job; /* the job's first process leads its group */
    char screen[PTY_SCREEN], event[64];
    size_t shown; /* bytes on the screen */
    size_t seen;  /* those that pty_shows() has passed */
};

enum pty_order {
    PTY_FOREGROUND = 'f', /* the job gets the terminal and is continued; event "continued"  */
    PTY_BACKGROUND = 'b', /* it is continued without the terminal; event "continued"        */
};

/* Starts 'argv' as the shell's job; 'bend' (or NULL) runs in its process before that. */
void pty_open(struct pty *ret_pty, const char *const argv[], void (*bend)(void));

void pty_type(struct pty *pty, const char *text);

/* Waits until 'text' comes after what has been passed so far, and passes it. */
bool pty_shows(struct pty *pty, const char *text);

/* What becomes of the job next: "stopped", "continued", "exit 3", "signal 9"; "": nothing. */
const char *pty_event(struct pty *pty);

void pty_order(struct pty *pty, enum pty_order order);

/* Whether lines are edited and keys make signals, as a shell leaves it. */
bool pty_is_cooked(const struct pty *pty);

/* Kills shell and job, and hangs up. */
void pty_close(struct pty *pty);

#endif
