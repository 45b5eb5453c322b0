/*
 * test_control_abuse.c - whatever a client does, it costs itself its connection and no more
 *
 * Each test leaves the server with the descriptors it had, and answering.
 */
#include "fake_daemon.h"

#include "base/scope.h"
#include "base/str.h"
#include "control/client.h"
#include "control/verbs.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE (20 * COOP_NSEC_PER_SEC)

static struct fake fake;
static long long fds_before;

/* ---- a client that knows no rules ---- */

static int connect_raw(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    str_copy(to.sun_path, sizeof to.sun_path, fake.socket);
    cr_assert_geq(fd, 0);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    return fd;
}

/* Sends what the server takes; a server that has hung up takes no more. */
static void send_raw(int fd, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = send(fd, bytes, size, MSG_NOSIGNAL);

        if (n <= 0)
            return;
        bytes += n;
        size -= (size_t)n;
    }
}

/* Reads until the server has hung up (or for ever, bounded by the test's timeout); what came is
 * in 'ret_text'. */
static void read_to_end(int fd, char *ret_text, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while (used + 1 < size && (n = read(fd, ret_text + used, size - 1 - used)) > 0)
        used += (size_t)n;
    ret_text[used] = '\0';
    for (size_t i = 0; i < used; i++)
        if (ret_text[i] == '\0')
            ret_text[i] = '\n';
}

/* Sends the bytes, ends the sending side, and returns everything that was answered. */
static void converse(const char *bytes, size_t size, char *ret_text, size_t text_size)
{
    int fd = connect_raw();

    send_raw(fd, bytes, size);
    shutdown(fd, SHUT_WR);
    read_to_end(fd, ret_text, text_size);
    close(fd);
}

static void expect_said(const char *bytes, size_t size, const char *expected)
{
    char text[4096];

    converse(bytes, size, text, sizeof text);
    cr_expect(strstr(text, expected), "%.60s: %s", bytes, text);
}

/* ---- is it well? ---- */

static long long daemon_number(const char *member)
{
    coop_nsec deadline = coop_after(ctl_client_now(), PATIENCE);
    struct ctl_client *client = NULL;
    struct varlink_reply reply;
    struct coop_err err = {0};
    long long number;

    cr_assert_eq(ctl_client_open(&client, fake.socket, deadline, &err), 0, "%s", err.text);
    cr_assert_eq(ctl_client_call(client, CTL_INTERFACE ".Daemon", NULL, false, &err), 0);
    cr_assert_eq(ctl_client_next(client, &reply, deadline, &err), 0, "%s", err.text);
    cr_assert_null(reply.error, "%s", reply.error);
    number = json_integer_value(json_object_get(reply.parameters, member));
    varlink_reply_done(&reply);
    ctl_client_close(client);
    return number;
}

/* The server notices hang-ups in its own time: asks until the descriptors are those of before.
 * Bounded by the patience, paced by the answers. */
static void expect_fds_back(void)
{
    coop_nsec deadline = coop_after(ctl_client_now(), PATIENCE);
    long long fds = daemon_number("fds");

    while (fds > fds_before && ctl_client_now() < deadline)
        fds = daemon_number("fds");
    cr_expect_leq(fds, fds_before, "descriptors leaked: %lld, were %lld", fds, fds_before);
}

static void setup(void)
{
    cr_assert_eq(fake_start(&fake, 0), 0);
    fds_before = daemon_number("fds") + 1; /* a client that is leaving may still count */
}

static void teardown(void)
{
    expect_fds_back();
    cr_expect_eq(fake_end(&fake), 0, "coopd's room ended badly");
}

TestSuite(abuse, .init = setup, .fini = teardown, .timeout = 120);

/* ---- garbage ---- */

#define SAID(bytes, expected) expect_said(bytes, sizeof(bytes) - 1, expected)

Test(abuse, garbage_is_answered_with_a_clear_error)
{
    SAID("this is not JSON\n", "InvalidFrame");
    SAID("[]\n", "InvalidFrame");
    SAID("null\0", "InvalidFrame");
    SAID("\"text\"\n", "InvalidFrame");
    SAID("{}\n", "'method' must be a string");
    SAID("{\"method\":7}\n", "'method' must be a string");
    SAID("{\"method\":\"\",\"parameters\":{}}\n", "MethodNotFound");
    SAID("{\"method\":\"a.b.C\",\"parameters\":[]}\n", "'parameters' must be an object");
    SAID("{\"a\":1,\"a\":2}\n", "InvalidFrame");
    SAID("{\"method\"\0", "InvalidFrame");
    SAID("{\"method\":\"\xff\xfe\"}\n", "InvalidFrame");
    SAID("\xff\xfe{\"method\"", "InvalidFrame");
    SAID("{\"method\":\"io.coop.Supervisor.Daemon\"} and more\n", "InvalidFrame");
}

Test(abuse, after_a_call_that_does_not_parse_the_next_one_is_answered)
{
    char text[8192];
    static const char bytes[] =
        "{}\n{\"method\":7}\n{\"method\":\"io.coop.Supervisor.Daemon\"}\n";

    converse(bytes, sizeof bytes - 1, text, sizeof text);
    cr_expect(strstr(text, "InvalidFrame"));
    cr_expect(strstr(text, "\"version\""), "%s", text);
}

Test(abuse, a_client_that_sends_nothing_but_bad_calls_is_cut_off)
{
    char text[65536];
    int fd = connect_raw();

    for (int i = 0; i < 1000; i++)
        send_raw(fd, "{}\n", 3);
    read_to_end(fd, text, sizeof text); /* ends: the server hangs up */
    close(fd);
}

Test(abuse, a_call_without_an_end_is_refused_at_the_limit)
{
    size_t size = 1 << 20;
    char *bytes = malloc(size);

    cr_assert(bytes);
    memset(bytes, 'x', size);
    memcpy(bytes, "{\"a\":\"", 6);
    expect_said(bytes, size, "longer than 65536");
    memset(bytes, ' ', size); /* blanks between calls cost nothing and are no call */
    converse(bytes, size, bytes, size);
    cr_expect_str_eq(bytes, "");
    free(bytes);
}

Test(abuse, ten_thousand_levels_are_refused_before_a_parser_sees_them)
{
    static char bytes[60000];

    memset(bytes, '[', sizeof bytes);
    memcpy(bytes, "{\"a\":", 5);
    bytes[sizeof bytes - 1] = '\0';
    expect_said(bytes, sizeof bytes, "deeper than 16");
    expect_said(bytes, 10000, "deeper than 16");
}

Test(abuse, a_thousand_calls_in_one_write_are_all_answered)
{
    static const char one[] = "{\"method\":\"org.varlink.service.GetInfo\"}\n";
    enum { CALLS = 1000, SIZE = 1 << 20 };
    char *bytes = calloc(1, SIZE), *text = calloc(1, SIZE);
    size_t used = 0, answers = 0;
    pid_t reader;
    int fd = connect_raw();

    cr_assert(bytes && text);
    for (int i = 0; i < CALLS; i++)
        used += (size_t)snprintf(bytes + used, SIZE - used, "%s", one);
    fflush(NULL);
    reader = fork(); /* the writer: answers are read here meanwhile */
    if (reader == 0) {
        send_raw(fd, bytes, used);
        shutdown(fd, SHUT_WR);
        _exit(0);
    }
    read_to_end(fd, text, SIZE);
    for (const char *at = text; (at = strstr(at, "\"vendor\"")); at++)
        answers++;
    cr_expect_eq(answers, CALLS);
    close(fd);
    free(bytes);
    free(text);
}

/* ---- going away ---- */

Test(abuse, hanging_up_in_the_middle_of_anything_leaves_nothing_behind)
{
    static const char *const words[] = {
        "",
        "{",
        "{\"method\":\"io.coop.Superv",
        "{\"method\":\"io.coop.Supervisor.List\",\"more\":true}\n",
        "{\"method\":\"io.coop.Supervisor.Tree\",\"more\":true}\n",
        "{\"method\":\"io.coop.Supervisor.Start\",\"parameters\":{\"services\":[\"slow\"]}}\n",
        ("{\"method\":\"io.coop.Supervisor.Logs\",\"more\":true,\"parameters\":{\"service\":"
         "\"web\",\"follow\":true}}\n")};

    for (int round = 0; round < 20; round++)
        for (size_t i = 0; i < COOP_COUNT(words); i++) {
            int fd = connect_raw();

            send_raw(fd, words[i], strlen(words[i]));
            close(fd);
        }
    expect_fds_back();
}

Test(abuse, who_does_not_read_its_answers_holds_up_nobody)
{
    static const char one[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                              "\"parameters\":{\"interface\":\"io.coop.Supervisor\"}}\n";
    int fds[8];

    for (size_t i = 0; i < COOP_COUNT(fds); i++) {
        fds[i] = connect_raw();
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
        for (int n = 0; n < 500; n++)
            if (send(fds[i], one, sizeof one - 1, MSG_NOSIGNAL) < 0)
                break;
    }
    cr_expect_gt(daemon_number("pid"), 0);
    for (size_t i = 0; i < COOP_COUNT(fds); i++)
        close(fds[i]);
}

/* ---- too many ---- */

Test(abuse, clients_that_only_hold_on_make_room_for_one_that_asks)
{
    enum { CROWD = 600 };
    static int fds[CROWD];
    coop_nsec begun;

    for (int i = 0; i < CROWD; i++) {
        fds[i] = connect_raw();
        send_raw(fds[i], "{", i % 2 ? 1 : 0);
    }
    begun = ctl_client_now();
    for (int i = 0; i < 20; i++)
        cr_expect_gt(daemon_number("pid"), 0);
    cr_expect_lt(ctl_client_now() - begun, 5 * COOP_NSEC_PER_SEC);
    cr_expect_leq(daemon_number("clients"), 256);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
}

Test(abuse, a_thousand_clients_at_once_are_all_answered)
{
    static const char one[] = "{\"method\":\"io.coop.Supervisor.List\",\"more\":true}\n";
    enum { CROWD = 1000 };
    static int fds[CROWD];

    for (int i = 0; i < CROWD; i++) {
        fds[i] = connect_raw();
        send_raw(fds[i], one, sizeof one - 1);
        shutdown(fds[i], SHUT_WR);
    }
    for (int i = 0; i < CROWD; i++) {
        char text[16384];

        read_to_end(fds[i], text, sizeof text);
        cr_expect(strstr(text, "\"name\":\"gone\""), "client %d: '%s'", i, text);
        close(fds[i]);
    }
}

/* Sets the soft limit only, so that it can be raised again. 0: as high as it goes. */
static void limit_fds(rlim_t limit)
{
    struct rlimit now;

    cr_assert_eq(prlimit(fake.pid, RLIMIT_NOFILE, NULL, &now), 0);
    now.rlim_cur = limit ? limit : now.rlim_max;
    cr_assert_eq(prlimit(fake.pid, RLIMIT_NOFILE, &now, NULL), 0);
}

/* CPU time that the server has used, in clock ticks. */
static unsigned long ticks_used(void)
{
    char path[64], text[1024] = "";
    unsigned long user = 0, system = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", fake.pid);
    file = fopen(path, "re");
    cr_assert(file);
    cr_assert_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
           &system);
    return user + system;
}

Test(abuse, without_descriptors_it_neither_spins_nor_dies_and_recovers)
{
    enum { CROWD = 100 };
    static int fds[CROWD];
    struct pollfd wait = {.fd = -1};
    unsigned long before;

    limit_fds((rlim_t)fds_before + 2); /* not even the kept ones are there */
    before = ticks_used();
    for (int i = 0; i < CROWD; i++) {
        fds[i] = connect_raw();
        send_raw(fds[i], "{", 1);
    }
    /* Half a second in which it has nothing to do: a spin would use fifty ticks. */
    poll(&wait, 1, 500);
    cr_expect_lt(ticks_used() - before, 25);
    for (int i = 0; i < CROWD; i++)
        close(fds[i]);
    limit_fds(0);
    cr_expect_gt(daemon_number("pid"), 0);
}

/* ---- descriptors sent along ---- */

static void send_fds(int fd, const int *fds, size_t count, const char *bytes, size_t size)
{
    struct iovec piece = {(void *)(uintptr_t)bytes, size};
    union {
        char bytes[CMSG_SPACE(253 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(count * sizeof(int))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(count * sizeof(int));
    memcpy(CMSG_DATA(header), fds, count * sizeof(int));
    /* An ordinary user may have no more under way than RLIMIT_NOFILE. */
    if (sendmsg(fd, &message, MSG_NOSIGNAL) < 0 && errno == ETOOMANYREFS)
        cr_expect_eq(send(fd, bytes, size, MSG_NOSIGNAL), (ssize_t)size);
}

Test(abuse, descriptors_sent_along_are_closed)
{
    int fds[253], pair[2], fd = connect_raw();
    char text[4096];
    struct pollfd hung_up;

    cr_assert_eq(pipe(pair), 0);
    for (size_t i = 0; i < COOP_COUNT(fds); i++)
        fds[i] = pair[1];
    for (int i = 0; i < 20; i++)
        send_fds(fd, fds, COOP_COUNT(fds), "{\"method\":\"io.coop.Supervisor.Daemon\"}\n", 40);
    shutdown(fd, SHUT_WR);
    read_to_end(fd, text, sizeof text);
    cr_expect(strstr(text, "\"fds\""), "%s", text);
    close(fd);
    close(pair[1]);
    hung_up = (struct pollfd){.fd = pair[0], .events = POLLIN};
    cr_expect_eq(poll(&hung_up, 1, 10000), 1, "nobody else holds the pipe's end");
    cr_expect(hung_up.revents & POLLHUP);
    close(pair[0]);
}

/* ---- a thousand ways to be almost right ---- */

static uint64_t chance_state;

static uint64_t chance(uint64_t below)
{
    chance_state = chance_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (chance_state >> 33) % below;
}

static size_t mutate(char *bytes, size_t size, size_t room)
{
    static const char spice[] = "{}[]\",:\\\n\0ntf0-e.u";
    uint64_t changes = 1 + chance(4);

    while (changes-- > 0 && size > 2) {
        size_t at = chance(size);

        switch (chance(5)) {
        case 0: bytes[at] = (char)chance(256); break;
        case 1: bytes[at] = spice[chance(sizeof spice - 1)]; break;
        case 2: /* take one out */ memmove(bytes + at, bytes + at + 1, --size - at); break;
        case 3: /* a piece twice */
            if (size - at < room - size) {
                memmove(bytes + at + (size - at), bytes + at, size - at);
                size += size - at;
            }
            break;
        default: size = at + 1; break;
        }
    }
    return size;
}

Test(abuse, mutated_calls_never_harm)
{
    static const char *const seeds[] = {
        "{\"method\":\"io.coop.Supervisor.List\",\"parameters\":{\"services\":[\"web\"]}}\n",
        "{\"method\":\"io.coop.Supervisor.Start\",\"parameters\":{\"services\":[\"web\",\"db\"],"
        "\"wait\":true,\"timeout_ms\":10},\"more\":true}\n",
        "{\"method\":\"io.coop.Supervisor.Kill\",\"parameters\":{\"services\":[\"web\"],"
        "\"signal\":\"SIGUSR1\"}}\n",
        "{\"method\":\"io.coop.Supervisor.Logs\",\"parameters\":{\"service\":\"web\",\"lines\":3}"
        ",\"oneway\":false}\n",
        "{\"method\":\"io.coop.Supervisor.Reload\",\"parameters\":{}}\n",
        "{\"method\":\"org.varlink.service.GetInterfaceDescription\",\"parameters\":{"
        "\"interface\":\"io.coop.Supervisor\"}}\n"};
    const char *rounds_text = getenv("COOP_FUZZ_ROUNDS");
    long rounds = rounds_text ? strtol(rounds_text, NULL, 10) : 30000;

    chance_state = 42;
    for (long round = 0; round < rounds; round++) {
        const char *seed = seeds[chance(COOP_COUNT(seeds))];
        char bytes[2048], answer[16384];
        size_t size = strlen(seed);
        int fd = connect_raw();

        memcpy(bytes, seed, size);
        for (uint64_t frames = chance(3) + 1; frames > 0; frames--)
            send_raw(fd, bytes, mutate(bytes, size, sizeof bytes));
        if (chance(2)) { /* else hang up without listening */
            shutdown(fd, SHUT_WR);
            read_to_end(fd, answer, sizeof answer);
        }
        close(fd);
    }
}
