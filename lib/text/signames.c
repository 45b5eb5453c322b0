/*
 * signames.c - signal numbers and their names (see signames.h)
 *
 * The real-time signals are counted from what libc gives us: the kernel's first two (32 and 33)
 * are its own.
 */
#include "text/signames.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/scope.h"
#include "base/str.h"

static const struct {
    const char *name;
    int signo;
} names[] = {
    /* clang-format off */
    {"HUP", SIGHUP}, {"INT", SIGINT}, {"QUIT", SIGQUIT}, {"ILL", SIGILL}, {"TRAP", SIGTRAP},
    {"ABRT", SIGABRT}, {"BUS", SIGBUS}, {"FPE", SIGFPE}, {"KILL", SIGKILL}, {"USR1", SIGUSR1},
    {"SEGV", SIGSEGV}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE}, {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"STKFLT", SIGSTKFLT}, {"CHLD", SIGCHLD}, {"CONT", SIGCONT},
    {"STOP", SIGSTOP}, {"TSTP", SIGTSTP}, {"TTIN", SIGTTIN}, {"TTOU", SIGTTOU}, {"URG", SIGURG},
    {"XCPU", SIGXCPU}, {"XFSZ", SIGXFSZ}, {"VTALRM", SIGVTALRM}, {"PROF", SIGPROF},
    {"WINCH", SIGWINCH}, {"IO", SIGIO}, {"PWR", SIGPWR}, {"SYS", SIGSYS},
    {"IOT", SIGABRT}, {"POLL", SIGIO}, {"CLD", SIGCHLD}, /* other names; never written */
    /* clang-format on */
};

/* ---- helpers ---- */

static int valid(long long signo)
{
    if (signo < 1 || signo > SIGRTMAX || (signo >= 32 && signo < SIGRTMIN))
        return -EINVAL;
    return (int)signo;
}

/* "RTMIN", "RTMIN+3", "RTMAX-1"; -EINVAL when it is none of them. */
static int parse_realtime(const char *name)
{
    int base = strncasecmp(name, "RTMIN", 5) == 0 ? SIGRTMIN : SIGRTMAX;
    const char *offset = name + 5;
    long long step = 0;
    int signo;

    if (strncasecmp(name, "RTMIN", 5) != 0 && strncasecmp(name, "RTMAX", 5) != 0)
        return -EINVAL;
    if (*offset &&
        (*offset != (base == SIGRTMIN ? '+' : '-') || str_to_int(offset, -64, 64, &step) < 0))
        return -EINVAL;
    signo = base + (int)step;
    return signo >= SIGRTMIN && signo <= SIGRTMAX ? signo : -EINVAL;
}

/* ---- the public calls ---- */

int signame_parse(const char *text)
{
    const char *name = strncasecmp(text, "SIG", 3) == 0 ? text + 3 : text;
    long long number;

    if (str_to_int(text, 1, 64, &number) == 0)
        return valid(number);
    for (size_t i = 0; i < COOP_COUNT(names); i++)
        if (strcasecmp(name, names[i].name) == 0)
            return names[i].signo;
    return parse_realtime(name);
}

const char *signame_render(int signo, char ret_text[SIGNAME_TEXT])
{
    for (size_t i = 0; i < COOP_COUNT(names); i++) {
        if (names[i].signo == signo) {
            snprintf(ret_text, SIGNAME_TEXT, "SIG%s", names[i].name);
            return ret_text;
        }
    }
    if (signo == SIGRTMIN)
        snprintf(ret_text, SIGNAME_TEXT, "SIGRTMIN");
    else if (signo > SIGRTMIN && signo <= SIGRTMAX)
        snprintf(ret_text, SIGNAME_TEXT, "SIGRTMIN+%d", signo - SIGRTMIN);
    else
        snprintf(ret_text, SIGNAME_TEXT, "SIG%d", signo);
    return ret_text;
}
