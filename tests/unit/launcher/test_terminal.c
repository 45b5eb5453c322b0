/*
 * test_terminal.c - coop-run at a keyboard: a pty of its own inside, and the caller's as it was
 */
#include "support/pty.h"
#include "unit/launcher/run_coop.h"

#include <sys/ioctl.h>
#include <termios.h>

static struct pty pty;

static void open_with(void (*bend)(void), const char *const *words)
{
    const char *argv[32] = {COOP_RUN};

    for (int i = 1; i < 31 && *words; i++)
        argv[i] = *words++;
    pty_open(&pty, argv, bend);
}

#define OPEN(...)   open_with(NULL, (const char *const[]){__VA_ARGS__, NULL})
#define SHOWS(text) cr_assert(pty_shows(&pty, text), "'%s' is not in:\n%s", text, pty.screen)
#define EVENT(text) cr_assert_str_eq(pty_event(&pty), text, "%s\n%s", pty.event, pty.screen)

/* What is typed is shown once (by the pty inside), read, and answered. */
#define READS "echo ready; while read x; do echo got $x; done"

/* ---- what it is ---- */

Test(terminal, the_program_has_a_pty_of_its_own_as_its_terminal)
{
    OPEN("sh", "-c",
         "tty; readlink /dev/console; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo all;"
         " ls /dev/pts; echo by name > /dev/tty; exit 3");
    SHOWS("/dev/pts/0\r\n");
    SHOWS("pts/0\r\n");
    SHOWS("all\r\n");
    SHOWS("by name\r\n");
    EVENT("exit 3");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

static void as_ordinary_user(void)
{
    if (geteuid() == 0 && fchown(0, SOMEBODY, (gid_t)-1) < 0)
        _exit(97);
    as_user();
}

Test(terminal, an_ordinary_user_has_one_too)
{
    open_with(as_ordinary_user, (const char *const[]){"sh", "-c", "tty; exit 4", NULL});
    SHOWS("/dev/pts/0\r\n");
    EVENT("exit 4");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

Test(terminal, what_is_typed_arrives_and_what_is_said_is_shown)
{
    OPEN("sh", "-c", READS);
    SHOWS("ready\r\n");
    cr_assert(!pty_is_cooked(&pty));
    pty_type(&pty, "word\r");
    SHOWS("word\r\ngot word\r\n");
    pty_type(&pty, "\x04");
    EVENT("exit 0");
    pty_close(&pty);
}

Test(terminal, all_of_a_flood_is_shown)
{
    size_t lines = 0;

    OPEN("sh", "-c",
         "i=0; while [ $i -lt 4000 ]; do echo 123456789; i=$((i+1)); done; echo end");
    SHOWS("end\r\n");
    for (const char *at = pty.screen; (at = strstr(at, "123456789\r\n")); at++)
        lines++;
    cr_assert_eq(lines, 4000);
    EVENT("exit 0");
    pty_close(&pty);
}

Test(terminal, without_one_nothing_is_different)
{
    cr_assert_eq(RUN("sh", "-c", "[ ! -t 0 ] && [ ! -t 1 ] && echo none"), 0);
    SAYS("none");
    cr_assert_eq(RUN("--pty", "true"), 125);
    SAYS("standard input is no terminal");
}

Test(terminal, that_of_the_caller_by_choice)
{
    OPEN("--terminal=inherit", "sh", "-c",
         "[ -t 0 ] && echo is; [ -e /dev/pts/0 ] || echo not ours");
    SHOWS("is\r\n");
    SHOWS("not ours\r\n");
    EVENT("exit 0");
    pty_close(&pty);
}

Test(terminal, what_is_no_terminal_stays_what_it_is)
{
    OPEN("sh", "-c", "exec 3>&1; echo in a pipe | coop_dummy=1 cat; ls -l /proc/self/fd/2");
    SHOWS("in a pipe\r\n");
    SHOWS("/dev/pts/0\r\n");
    EVENT("exit 0");
    pty_close(&pty);
}

/* ---- keys ---- */

Test(terminal, ctrl_c_interrupts_and_leaves_the_callers_modes)
{
    OPEN("sh", "-c", "echo ready; exec sleep 100");
    SHOWS("ready");
    pty_type(&pty, "\x03");
    EVENT("exit 130");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

Test(terminal, ctrl_z_stops_both_and_the_shell_continues_both)
{
    OPEN("sh", "-c", READS);
    SHOWS("ready");
    for (int i = 0; i < 3; i++) {
        cr_assert(!pty_is_cooked(&pty));
        pty_type(&pty, "\x1a");
        EVENT("stopped");
        cr_assert(pty_is_cooked(&pty), "the shell has its modes");
        pty_order(&pty, PTY_FOREGROUND);
        EVENT("continued");
        pty_type(&pty, "word\r");
        SHOWS("got word\r\n");
    }
    pty_type(&pty, "\x04");
    EVENT("exit 0");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

Test(terminal, in_the_background_it_shows_and_does_not_read)
{
    OPEN("sh", "-c", "echo ready; read x; echo got $x");
    SHOWS("ready");
    pty_type(&pty, "\x1a");
    EVENT("stopped");
    pty_order(&pty, PTY_BACKGROUND);
    EVENT("continued");
    cr_assert(pty_is_cooked(&pty), "the modes stay the shell's");
    pty_order(&pty, PTY_FOREGROUND); /* a job that runs is not told of it */
    EVENT("continued");
    pty_type(&pty, "word\r");
    SHOWS("got word\r\n");
    EVENT("exit 0");
    pty_close(&pty);
}

/* A shell inside stops and continues its jobs by itself. */
Test(terminal, a_shell_inside_has_job_control)
{
    OPEN("bash", "--norc", "--noprofile", "-i");
    pty_type(&pty, "PS1='[$?] '; echo rea''dy\r");
    SHOWS("ready\r\n");
    /* It forks nothing when it is stopped: a shell that waits in vfork() cannot be. */
    pty_type(&pty, "sh -c 'sleep 1000 & trap \"echo a$(:)wake\" CONT; echo in$(:)side;"
                   " wait; wait; wait'\r");
    SHOWS("inside\r\n");
    pty_type(&pty, "\x1a");
    SHOWS("Stopped");
    pty_type(&pty, "fg\r");
    SHOWS("awake\r\n"); /* by now it has the terminal */
    pty_type(&pty, "\x03");
    SHOWS("[130] ");
    pty_type(&pty, "exit 6\r");
    EVENT("exit 6");
    pty_close(&pty);
}

/* ---- the window ---- */

Test(terminal, the_size_of_the_window_is_followed)
{
    struct winsize size = {.ws_row = 50, .ws_col = 132};

    OPEN(
        "bash", "-c",
        "stty size; trap 'stty size; exit 5' WINCH; echo ready; while :; do read -t 1 x; done");
    SHOWS("24 80\r\n");
    SHOWS("ready");
    cr_assert_eq(ioctl(pty.master, TIOCSWINSZ, &size), 0);
    SHOWS("50 132\r\n");
    EVENT("exit 5");
    pty_close(&pty);
}

/* ---- ends ---- */

Test(terminal, a_program_that_bends_its_modes_bends_its_own)
{
    OPEN("sh", "-c", "stty raw -echo; echo bent; exit 1");
    SHOWS("bent");
    EVENT("exit 1");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

static void without_a_keyboard(void)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, 0) < 0)
        _exit(97);
}

/* Where only output leads to a terminal it is the caller's, and gets back the modes it had. */
Test(terminal, modes_that_a_program_bends_through_its_output_are_put_back)
{
    open_with(without_a_keyboard,
              (const char *const[]){"sh", "-c", "stty raw -echo <&1; stty <&1; exit 5", NULL});
    SHOWS("-icanon");
    EVENT("exit 5");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

Test(terminal, coop_run_that_is_told_to_end_leaves_the_callers_modes)
{
    OPEN("sh", "-c", "echo ready; exec sleep 100");
    SHOWS("ready");
    cr_assert(!pty_is_cooked(&pty));
    kill(pty.job, SIGTERM);
    EVENT("exit 143");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

Test(terminal, a_used_up_bound_leaves_the_callers_modes)
{
    OPEN("--wall-time=300ms", "sh", "-c", "echo ready; exec sleep 100");
    SHOWS("ready");
    EVENT("exit 137");
    cr_assert(pty_is_cooked(&pty));
    pty_close(&pty);
}

/* ---- signals ---- */

Test(terminal, signals_of_others_are_passed_on)
{
    OPEN("sh", "-c",
         "trap 'echo got hup' HUP; trap 'exit 8' USR1; echo ready;"
         " while :; do read x; done");
    SHOWS("ready");
    kill(pty.job, SIGHUP);
    SHOWS("got hup");
    kill(pty.job, SIGUSR1);
    EVENT("exit 8");
    pty_close(&pty);
}

/* ---- attacks ---- */

/* TIOCSTI, TIOCLINUX and TIOCSCTTY, on each descriptor; and none leads to the caller's. */
Test(terminal, nothing_can_be_typed_into_the_callers_terminal)
{
    OPEN("sh", "-c",
         "for fd in 0 1 2; do perl -e 'for my $nr (0x5412, 0x541C, 0x540E) {"
         " my $c = qq(X); print ioctl(STDIN, $nr, $c) ? qq(done\\n) : qq(refused\\n) }'"
         " <&$fd; done;"
         " ls -l /proc/self/fd | grep -c pts/0; echo end");
    SHOWS("end\r\n");
    cr_assert_null(strstr(pty.screen, "done"), "%s", pty.screen);
    cr_assert_not_null(strstr(pty.screen, "refused\r\nrefused\r\nrefused\r\n"), "%s",
                       pty.screen);
    EVENT("exit 0");
    pty_close(&pty);
}
