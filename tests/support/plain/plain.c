/*
 * plain.c - runs the tests of a program that was built with COOP_PLAIN_UNITS
 *
 *     test_rt_chan [--filter SUITE/NAME]      shell patterns, as with Criterion
 *
 * One test after the other, each in a child of its own.  COOP_SLOWER in the environment
 * multiplies the bounds of time: an emulator is slow.
 */
#include <criterion/criterion.h>

#include <fnmatch.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static struct plain_test *first, **last = &first;
static bool red; /* an expectation of this child was not met */

void plain_add(struct plain_test *test)
{
    *last = test;
    last = &test->next;
}

void plain_check(bool held, bool fatal, const char *file, int line, const char *what,
                 const char *format, ...)
{
    va_list args;

    if (held)
        return;
    fprintf(stderr, "%s:%d: not so: %s:", file, line, what);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    red = true;
    if (fatal)
        _exit(1);
}

static const struct plain_options *suite_of(const struct plain_test *test)
{
    static const struct plain_options none;

    for (const struct plain_test *t = first; t; t = t->next)
        if (!t->name && strcmp(t->suite, test->suite) == 0)
            return &t->options;
    return &none;
}

static _Noreturn void run_here(const struct plain_test *test, const struct plain_options *suite)
{
    void (*init)(void) = test->options.init ? test->options.init : suite->init;
    void (*fini)(void) = test->options.fini ? test->options.fini : suite->fini;
    struct rlimit none = {0};

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    setrlimit(RLIMIT_CORE, &none);
    setpgid(0, 0);
    if (init)
        init();
    test->fn();
    if (fini)
        fini();
    exit(red ? 1 : 0); /* with the checks that the sanitizers do last */
}

/* Waits for the child, no longer than the test may take: its status, or -1. */
static int await_end(pid_t pid, double seconds)
{
    struct timespec bound = {.tv_sec = (time_t)seconds};
    sigset_t child;
    int status;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    while (waitpid(pid, &status, WNOHANG) == 0)
        if (sigtimedwait(&child, NULL, &bound) < 0) {
            kill(pid, SIGKILL);
            waitpid(pid, &status, 0);
            return -1;
        }
    return status;
}

static bool passes(const struct plain_test *test, double slower)
{
    const struct plain_options *suite = suite_of(test);
    double seconds = test->options.timeout > 0 ? test->options.timeout : suite->timeout;
    int wanted = test->options.signal ? test->options.signal : test->options.exit_code << 8;
    sigset_t child, before;
    int status;
    pid_t pid;

    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before);
    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        sigprocmask(SIG_SETMASK, &before, NULL);
        run_here(test, suite);
    }
    status = pid < 0 ? -1 : await_end(pid, (seconds > 0 ? seconds : 60) * slower);
    if (pid > 0)
        kill(-pid, SIGKILL); /* whatever the test has left behind */
    if (status == wanted)
        return true;
    if (status < 0)
        fprintf(stderr, "%s/%s was not done in its time\n", test->suite, test->name);
    else
        fprintf(stderr, "%s/%s ended with %s %d\n", test->suite, test->name,
                WIFSIGNALED(status) ? "signal" : "code",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    return false;
}

int main(int argc, char **argv)
{
    const char *pattern = argc == 3 && strcmp(argv[1], "--filter") == 0 ? argv[2] : "*";
    const char *slow = getenv("COOP_SLOWER");
    double slower = slow ? strtod(slow, NULL) : 1;
    int passed = 0, failed = 0;
    char name[256];

    if (argc != 1 && argc != 3) {
        fprintf(stderr, "usage: %s [--filter SUITE/NAME]\n", argv[0]);
        return 2;
    }
    for (const struct plain_test *t = first; t; t = t->next) {
        snprintf(name, sizeof name, "%s/%s", t->suite, t->name ? t->name : "");
        if (!t->name || fnmatch(pattern, name, 0) != 0)
            continue;
        if (passes(t, slower > 1 ? slower : 1))
            passed++;
        else
            failed++;
    }
    printf("%d passed, %d failed\n", passed, failed);
    return failed || !passed;
}
