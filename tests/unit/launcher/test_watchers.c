/*
 * test_watchers.c - what coop-run tells programs that watch it, and takes from them
 */
#include "unit/launcher/run_coop.h"

#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>

TestSuite(watchers, .timeout = 60);

static int ours, theirs;

/* Out of the way of 9, which must lose its close-on-exec by being made. */
static int high(int fd)
{
    int other = fcntl(fd, F_DUPFD_CLOEXEC, 100);

    close(fd);
    return other;
}

/* What the test holds is coop-run's 9. */
static void give_it(void)
{
    dup2(theirs, 9);
}

static void make_pair(int type)
{
    int pair[2];

    cr_assert_eq(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair), 0);
    ours = pair[0];
    theirs = high(pair[1]);
}

/* ---- the pidfd ---- */

/* The text, and the descriptor that came with it or -1. */
static int receive(char *text, size_t size)
{
    union {
        struct cmsghdr head;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct iovec bytes = {text, size - 1};
    struct msghdr message = {.msg_iov = &bytes,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof control};
    ssize_t got = recvmsg(ours, &message, MSG_CMSG_CLOEXEC);
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    int fd = -1;

    text[got > 0 ? got : 0] = '\0';
    if (head && head->cmsg_type == SCM_RIGHTS)
        memcpy(&fd, CMSG_DATA(head), sizeof fd);
    return fd;
}

static void pidfd_comes_with(const char *flag)
{
    const char *const words[] = {flag, "sleep", "1000", NULL};
    struct pollfd end = {.events = POLLIN};
    int pipe_end, pid_told = 0;
    char text[4096];
    const char *told;
    pid_t pid;

    make_pair(SOCK_STREAM);
    pid = start(words, &pipe_end, give_it);
    close(theirs);
    end.fd = receive(text, sizeof text);
    told = strstr(text, "\"child-pid\": ");
    cr_assert(told && sscanf(told + 13, "%d", &pid_told) == 1, "%s", text);
    cr_assert_geq(end.fd, 0, "no descriptor came");
    cr_assert_eq(poll(&end, 1, 0), 0);
    cr_assert_eq(kill(pid_told, 0), 0);
    cr_assert_eq(syscall(SYS_pidfd_send_signal, end.fd, SIGKILL, NULL, 0), 0);
    cr_assert_eq(poll(&end, 1, 20000), 1); /* it is the one that the text names */
    cr_assert_eq(finish(pid, pipe_end), 137);
    cr_assert_eq(kill(pid_told, 0), -1);
    close(end.fd);
}

Test(watchers, a_unix_socket_gets_the_pidfd_with_the_status)
{
    pidfd_comes_with("--json-status-fd=9");
    close(ours);
}

Test(watchers, a_unix_socket_gets_the_pidfd_with_the_info)
{
    char byte;

    pidfd_comes_with("--info-fd=9");
    cr_assert_eq(read(ours, &byte, 1), 0); /* it was closed */
}

Test(watchers, events_come_in_order_and_only_the_first_has_a_descriptor)
{
    char text[4096];
    int fd;

    make_pair(SOCK_SEQPACKET);
    cr_assert_eq(BENT(give_it, "--json-status-fd=9", "sh", "-c", "exit 4"), 4);
    close(theirs);
    fd = receive(text, sizeof text);
    cr_assert_geq(fd, 0);
    cr_assert(strstr(text, "\"child-pid\""), "%s", text);
    close(fd);
    cr_assert_eq(receive(text, sizeof text), -1);
    cr_assert_str_eq(text, "{ \"exit-code\": 4 }\n");
    cr_assert_eq(receive(text, sizeof text), -1);
    cr_assert_str_eq(text, "");
}

/* ---- --life-fd ---- */

static void give_pipe(int ends[2])
{
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    ends[0] = theirs = high(ends[0]);
}

static void ends_with_the_pipe(const char *const *words)
{
    int ends[2], pipe_end;
    char byte;
    pid_t pid;

    give_pipe(ends);
    pid = start(words, &pipe_end, give_it);
    cr_assert_eq(read(pipe_end, &byte, 1), 1);
    close(ends[1]);
    cr_assert_eq(finish(pid, pipe_end), 137); /* nobody holds the output any more */
    close(ends[0]);
}

#define STAYS "trap '' TERM INT HUP; setsid sleep 1000 & echo; sleep 1000"

Test(watchers, all_ends_when_the_other_end_is_closed)
{
    ends_with_the_pipe((const char *const[]){"--life-fd=9", "sh", "-c", STAYS, NULL});
    ends_with_the_pipe((const char *const[]){"--life-fd=9", "--profile=none",
                                             "--wall-time=100s", "sh", "-c", STAYS, NULL});
    /* a reader that does not read holds nothing up */
    ends_with_the_pipe((const char *const[]){"--life-fd=9", "--output-max=1G", "sh", "-c",
                                             "echo; exec sleep 1000", NULL});
}

Test(watchers, what_waits_at_the_gate_ends_with_it)
{
    static const char *const words[] = {
        "--life-fd=9", "--block-fd=9", "--json-status-fd=2", "sh", "-c", "echo ran", NULL};
    char text[4096];
    int pipe_end;
    pid_t pid;

    make_pair(SOCK_STREAM);
    pid = start(words, &pipe_end, give_it);
    close(theirs);
    cr_assert_gt(read(pipe_end, text, sizeof text), 0); /* it waits */
    close(ours);
    cr_assert_eq(finish(pid, pipe_end), 125);
    SAYS("--life-fd was closed before --block-fd said go");
    SILENT_ON("ran");
}

/* ---- --quiet, and receipts of what never ran ---- */

/* What coop-run would have said stands in the receipt. */
static void told(const char *text, const char *const *words)
{
    char receipt[4096];
    ssize_t got;

    theirs = high(memfd_create("receipt", MFD_CLOEXEC));
    cr_assert_geq(run_bent(give_it, words), 125);
    cr_assert_str_eq(output, "");
    got = pread(theirs, receipt, sizeof receipt - 1, 0);
    receipt[got > 0 ? got : 0] = '\0';
    cr_assert(strstr(receipt, "\"result\": \"setup-error\""), "%s", receipt);
    cr_assert(strstr(receipt, text), "%s is not in %s", text, receipt);
    close(theirs);
}

#define TOLD(text, ...)                                                                        \
    told(text, (const char *const[]){"--quiet", "--receipt=/dev/fd/9", __VA_ARGS__, NULL})

Test(watchers, the_receipt_tells_what_a_quiet_coop_run_does_not_say)
{
    TOLD("\"error\": \"--memory-max=10X: ", "--memory-max=10X", "true");
    TOLD("\"error_code\": \"unknown-name\"", "--no-such-flag", "true");
    TOLD("\"hint\": \"did you mean --memory-max?\"", "--memory-mx=1M", "true");
    TOLD("\"errno\": 2", "/no/such/program");
    TOLD("\"error_code\": \"syntax\"", "--");
    TOLD("no-such-profile", "--profile=no-such-profile", "true");
}

Test(watchers, quiet_is_about_coop_run_and_not_about_its_command)
{
    cr_assert_eq(RUN("--quiet", "--wall-time=100ms", "sh", "-c", "echo mine >&2; sleep 1000"),
                 137);
    cr_assert_str_eq(output, "mine\n");
}
