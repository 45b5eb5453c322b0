/*
 * criterion_main.c - the unit tests' main(), with a process number whose socket name is free
 *
 * Criterion's processes talk over /tmp/criterion_<pid>.sock.  A run that was killed leaves its
 * socket behind, and a later process with that number cannot bind ("Address already in use"),
 * though nothing is wrong with the test.  Our own leftover is removed; one of another user cannot
 * be, so the tests then run in a child, which has another number.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static bool name_is_free(void)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/criterion_%d.sock", (int)getpid());
    return unlink(path) == 0 || errno == ENOENT;
}

/* Returns in a process whose name is free; the ones before it pass on its exit status. */
static void find_free_name(void)
{
    while (!name_is_free()) {
        pid_t pid = fork();
        int status;

        if (pid < 0 || (pid == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)) {
            perror("criterion_main");
            exit(EXIT_FAILURE);
        }
        if (pid > 0)
            exit(waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status)
                                                                      : EXIT_FAILURE);
    }
}

int main(int argc, char **argv)
{
    struct criterion_test_set *tests;
    int result = EXIT_SUCCESS;

    find_free_name();
    tests = criterion_initialize();
    if (criterion_handle_args(argc, argv, true))
        result = criterion_run_all_tests(tests) ? EXIT_SUCCESS : EXIT_FAILURE;
    criterion_finalize(tests);
    return result;
}
