/*
 * test_control_server.c - the real server on a real socket: what clients get, and cannot do
 */
#include "fake_daemon.h"
#include "idl.h"

#include "base/scope.h"
#include "base/str.h"
#include "control/client.h"
#include "control/interface.h"
#include "control/verbs.h"
#include "text/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE (20 * COOP_NSEC_PER_SEC)

static struct fake fake;
static struct idl *idl, *standard;

static void begin(int flags)
{
    char why[IDL_WHY];

    idl = idl_parse(interface_io_coop_Supervisor, why);
    standard = idl_parse(interface_org_varlink_service, why);
    cr_assert(idl && standard);
    cr_assert_eq(fake_start(&fake, flags), 0);
}

static void setup(void)
{
    begin(0);
}

static void setup_many(void)
{
    begin(FAKE_MANY);
}

static void teardown(void)
{
    cr_expect_eq(fake_end(&fake), 0, "coopd's room ended badly");
    idl_free(idl);
    idl_free(standard);
}

static struct ctl_client *connect_client(void)
{
    struct ctl_client *client = NULL;
    struct coop_err err = {0};

    cr_assert_eq(
        ctl_client_open(&client, fake.socket, coop_after(ctl_client_now(), PATIENCE), &err), 0,
        "%s", err.text);
    return client;
}

/* Every answer is held against the interface files. */
static void expect_in_file(const char *method, const struct varlink_reply *reply)
{
    const struct idl *file = strncmp(method, CTL_INTERFACE, 18) == 0 ? idl : standard;
    const char *name = strrchr(method, '.') + 1;
    char why[IDL_WHY] = "";

    if (reply->error) {
        file = strncmp(reply->error, CTL_INTERFACE, 18) == 0 ? idl : standard;
        cr_expect(
            idl_check(file, IDL_ERROR, strrchr(reply->error, '.') + 1, reply->parameters, why),
            "%s", why);
    } else if (!reply->continues && json_object_size(reply->parameters) == 0) {
        return; /* the end of a stream holds nothing */
    } else {
        cr_expect(idl_check(file, IDL_OUT, name, reply->parameters, why), "%s", why);
    }
}

/* The next reply, or NULL when the server has hung up. The caller owns it. */
static struct varlink_reply *next_reply(struct ctl_client *client, const char *method)
{
    struct varlink_reply *reply = calloc(1, sizeof *reply);
    struct coop_err err = {0};

    cr_assert(reply);
    if (ctl_client_next(client, reply, coop_after(ctl_client_now(), PATIENCE), &err) < 0) {
        cr_expect_eq(err.sys, EPIPE, "%s", err.text);
        free(reply);
        return NULL;
    }
    expect_in_file(method, reply);
    return reply;
}

static void free_reply(struct varlink_reply *reply)
{
    if (reply)
        varlink_reply_done(reply);
    free(reply);
}

static struct varlink_reply *call(struct ctl_client *client, const char *method,
                                  const char *parameters, bool more)
{
    struct coop_err err;
    char name[128];

    snprintf(name, sizeof name, "%s%s", strchr(method, '.') ? "" : CTL_INTERFACE ".", method);
    cr_assert_eq(ctl_client_call(client, name, json_loads(parameters, 0, NULL), more, &err), 0);
    return next_reply(client, name);
}

/* The error's last word, "" for none. */
static const char *error_of(const struct varlink_reply *reply)
{
    return reply && reply->error ? strrchr(reply->error, '.') + 1 : "";
}

static void expect_error(const char *method, const char *parameters, bool more,
                         const char *error)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, method, parameters, more);

    cr_expect_str_eq(error_of(reply), error, "%s %s: %s", method, parameters, error_of(reply));
    free_reply(reply);
    ctl_client_close(client);
}

/* What coopd says of itself: a number. */
static long long daemon_number(const char *member)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, "Daemon", "{}", false);
    long long number = json_integer_value(json_object_get(reply->parameters, member));

    free_reply(reply);
    ctl_client_close(client);
    return number;
}

TestSuite(server, .init = setup, .fini = teardown, .timeout = 60);
TestSuite(server_many, .init = setup_many, .fini = teardown, .timeout = 60);

/* ---- the files ---- */

Test(server, socket_and_fifo_are_for_their_owner_whatever_the_umask_is)
{
    struct stat about;

    cr_assert_eq(stat(fake.socket, &about), 0);
    cr_expect_eq(about.st_mode & 07777, geteuid() == 0 ? 0660 : 0600);
    cr_assert_eq(stat(fake.fifo, &about), 0);
    cr_expect_eq(about.st_mode & 07777, 0600);
}

/* ---- introspection ---- */

Test(server, it_tells_what_it_is_and_what_it_offers)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, "org.varlink.service.GetInfo", "{}", false);

    cr_expect_str_eq(error_of(reply), "");
    free_reply(reply);
    reply = call(client, "org.varlink.service.GetInterfaceDescription",
                 "{\"interface\":\"io.coop.Supervisor\"}", false);
    cr_expect_str_eq(json_string_value(json_object_get(reply->parameters, "description")),
                     interface_io_coop_Supervisor);
    free_reply(reply);
    ctl_client_close(client);
}

Test(server, what_it_does_not_know_has_its_own_error)
{
    expect_error("NoSuchMethod", "{}", false, "MethodNotFound");
    expect_error("org.varlink.service.Nothing", "{}", false, "MethodNotFound");
    expect_error("org.varlink.service.GetInterfaceDescription", "{}", false,
                 "InvalidParameter");
    expect_error("org.varlink.service.GetInterfaceDescription", "{\"interface\":\"a.b\"}",
                 false, "InterfaceNotFound");
    expect_error("a.b.C", "{}", false, "InterfaceNotFound");
    expect_error("Start", "{\"names\":[\"web\"]}", false, "InvalidParameter");
    expect_error("List", "{}", false, "ExpectedMore");
    expect_error("Tree", "{}", false, "ExpectedMore");
    expect_error("Logs", "{\"service\":\"web\",\"follow\":true}", false, "ExpectedMore");
}

/* ---- List, Tree, Daemon, Timers ---- */

Test(server, timers_are_told_and_what_never_comes_is_null)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, "Timers", "{}", false);
    const json_t *timers = json_object_get(reply->parameters, "timers");

    cr_expect_str_eq(error_of(reply), "");
    cr_assert_eq(json_array_size(timers), 2);
    cr_expect(json_is_string(json_object_get(json_array_get(timers, 0), "next")));
    cr_expect(json_is_null(json_object_get(json_array_get(timers, 1), "next")));
    cr_expect(json_is_null(json_object_get(json_array_get(timers, 1), "passed_s")));
    free_reply(reply);
    ctl_client_close(client);
}

static size_t count_stream(struct ctl_client *client, const char *method, const char *member)
{
    struct varlink_reply *reply = call(client, method, "{}", true);
    char name[128];
    size_t count = 0;
    bool more = true;

    snprintf(name, sizeof name, CTL_INTERFACE ".%s", method);
    while (reply) {
        cr_expect_str_eq(error_of(reply), "");
        count += json_is_object(json_object_get(reply->parameters, member));
        more = reply->continues;
        free_reply(reply);
        reply = more ? next_reply(client, name) : NULL;
    }
    cr_expect_not(more, "the stream has an end");
    return count;
}

Test(server, list_tells_one_service_in_each_answer)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply;

    cr_expect_eq(count_stream(client, "List", "service"), 5);
    reply = call(client, "List", "{\"services\":[\"web\"]}", false);
    cr_expect_str_eq(json_string_value(json_object_get(
                         json_object_get(reply->parameters, "service"), "name")),
                     "web");
    free_reply(reply);
    ctl_client_close(client);
}

Test(server_many, ten_thousand_services_are_listed_again_and_again)
{
    struct ctl_client *client = connect_client();

    for (int i = 0; i < 3; i++)
        cr_assert_eq(count_stream(client, "List", "service"), 10005);
    cr_expect_eq(count_stream(client, "Tree", "tree"), 10005);
    ctl_client_close(client);
}

Test(server, an_unknown_service_is_an_error_with_the_nearest_name)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, "List", "{\"services\":[\"db\",\"wbe\"]}", true);

    cr_expect_str_eq(error_of(reply), "NoSuchService");
    cr_expect_str_eq(json_string_value(json_object_get(reply->parameters, "service")), "wbe");
    cr_expect_str_eq(json_string_value(json_object_get(reply->parameters, "nearest")), "web");
    free_reply(reply);
    ctl_client_close(client);
    expect_error("Start", "{\"services\":[\"web\",\"nobody-at-all\"]}", false, "NoSuchService");
    expect_error("Logs", "{\"service\":\"nobody\"}", false, "NoSuchService");
    expect_error("Tree", "{\"services\":[\"nobody\"]}", false, "NoSuchService");
    cr_expect_eq(fake_asked(&fake, "start web", 0), 0, "all names first");
}

Test(server, tree_tells_the_processes_of_a_service)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, "Tree", "{\"services\":[\"web\"]}", false);
    const json_t *tree = json_object_get(reply->parameters, "tree");
    const json_t *first = json_array_get(json_object_get(tree, "processes"), 0);

    cr_expect_eq(json_integer_value(json_object_get(first, "pid")), fake.pid);
    cr_expect_eq(json_integer_value(json_object_get(first, "ppid")), getpid());
    free_reply(reply);
    ctl_client_close(client);
}

Test(server, the_peer_of_the_socket_is_the_daemon)
{
    struct ctl_client *client = connect_client();

    cr_expect_eq(ctl_client_peer(client), fake.pid);
    ctl_client_close(client);
    cr_expect_eq(daemon_number("pid"), fake.pid);
    cr_expect_leq(daemon_number("clients"), 3); /* the first two may be leaving */
}

/* ---- commands ---- */

static void expect_result(const char *method, const char *parameters, const char *result,
                          const char *state)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, method, parameters, false);
    const json_t *first = json_array_get(json_object_get(reply->parameters, "results"), 0);

    cr_expect_str_eq(error_of(reply), "");
    cr_expect_str_eq(json_string_value(json_object_get(first, "result")), result, "%s",
                     parameters);
    cr_expect_str_eq(json_string_value(json_object_get(first, "state")), state, "%s",
                     parameters);
    free_reply(reply);
    ctl_client_close(client);
}

Test(server, commands_come_back_with_their_results)
{
    expect_result("Start", "{\"services\":[\"web\"]}", "ok", "up");
    expect_result("Stop", "{\"services\":[\"web\"]}", "ok", "down");
    expect_result("Restart", "{\"services\":[\"db\"]}", "ok", "up");
    expect_result("Reload", "{\"services\":[\"web\"]}", "ok", "up");
    expect_result("Kill", "{\"services\":[\"web\"],\"signal\":\"USR1\"}", "ok", "up");
    expect_result("Start", "{\"services\":[\"bad\"]}", "failed", "failed");
    expect_result("Start", "{\"services\":[\"slow\"],\"timeout_ms\":20}", "timeout",
                  "starting");
}

Test(server, results_come_one_by_one_when_asked_for_more)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(
        client, "Start", "{\"services\":[\"web\",\"slow\",\"db\"],\"timeout_ms\":200}", true);
    size_t count = 0;

    while (reply) {
        bool more = reply->continues;

        count += json_array_size(json_object_get(reply->parameters, "results"));
        free_reply(reply);
        reply = more ? next_reply(client, CTL_INTERFACE ".Start") : NULL;
    }
    cr_expect_eq(count, 3);
    ctl_client_close(client);
}

Test(server, who_does_not_want_to_wait_does_not)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply =
        call(client, "Start", "{\"services\":[\"slow\"],\"wait\":false}", false);

    cr_expect_str_eq(error_of(reply), "");
    cr_expect_eq(fake_asked(&fake, "start slow", 1), 1);
    free_reply(reply);
    ctl_client_close(client);
}

Test(server, all_means_those_it_makes_sense_for)
{
    struct ctl_client *client = connect_client();

    free_reply(call(client, "Restart", "{\"all\":true}", false));
    free_reply(call(client, "Reload", "{\"all\":true}", false));
    cr_expect_eq(fake_asked(&fake, "restart web", 1), 1);
    cr_expect_eq(fake_asked(&fake, "restart db", 0), 0, "nobody wants it up");
    cr_expect_eq(fake_asked(&fake, "reload web", 1), 1);
    cr_expect_eq(fake_asked(&fake, "reload slow", 0), 0, "it is not up");
    ctl_client_close(client);
}

Test(server_many, a_command_for_ten_thousand_services_has_ten_thousand_results)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply =
        call(client, "Stop", "{\"all\":true,\"timeout_ms\":3000}", true);
    size_t count = 0;

    while (reply) {
        bool more = reply->continues;

        count += json_array_size(json_object_get(reply->parameters, "results"));
        free_reply(reply);
        reply = more ? next_reply(client, CTL_INTERFACE ".Stop") : NULL;
    }
    cr_expect_eq(count, 10004);
    ctl_client_close(client);
}

Test(server, reload_without_a_name_is_for_coopd)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, "Reload", "{}", false);
    const json_t *changes = json_object_get(reply->parameters, "configuration");
    char path[128];
    int fd;

    cr_expect_eq(json_integer_value(json_object_get(changes, "added")), 1);
    free_reply(reply);
    snprintf(path, sizeof path, "%s/broken", fake.dir);
    fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    cr_assert_geq(fd, 0);
    close(fd);
    reply = call(client, "Reload", "{}", false);
    cr_expect_str_eq(error_of(reply), "Failed");
    cr_expect(
        strstr(json_string_value(json_object_get(reply->parameters, "message")), "web.ini:3"));
    free_reply(reply);
    ctl_client_close(client);
}

Test(server, oneway_calls_are_done_and_not_answered)
{
    struct ctl_client *client = connect_client();
    static const char text[] = "{\"method\":\"io.coop.Supervisor.Start\",\"oneway\":true,"
                               "\"parameters\":{\"services\":[\"db\"]}}\n"
                               "{\"method\":\"io.coop.Supervisor.Nothing\",\"oneway\":true}\n"
                               "{\"method\":\"io.coop.Supervisor.Daemon\"}\n";
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    char answer[4096];
    ssize_t n;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    str_copy(to.sun_path, sizeof to.sun_path, fake.socket);
    cr_assert_eq(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
    cr_assert_eq(write(fd, text, sizeof text - 1), (ssize_t)sizeof text - 1);
    n = read(fd, answer, sizeof answer - 1);
    cr_assert_gt(n, 0);
    answer[n] = '\0';
    cr_expect(strstr(answer, "\"version\""), "the only answer is the last call's: %s", answer);
    cr_expect_eq(fake_asked(&fake, "start db", 1), 1);
    close(fd);
    ctl_client_close(client);
}

/* ---- logs ---- */

static void append_log(const char *name, const char *text, size_t size)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/%s.log", fake.dir, name);
    file = fopen(path, "ae");
    cr_assert(file);
    fwrite(text, 1, size, file);
    fclose(file);
}

/* The lines of a call of Logs that ends by itself, joined by '|'. */
static void read_logs(const char *parameters, char *ret_text, size_t size)
{
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply = call(client, "Logs", parameters, true);
    size_t used = 0, i;
    json_t *line;

    ret_text[0] = '\0';
    while (reply) {
        bool more = reply->continues;

        cr_expect_str_eq(error_of(reply), "");
        json_array_foreach(json_object_get(reply->parameters, "lines"), i, line) used +=
            (size_t)snprintf(ret_text + used, size - used, "%s|", json_string_value(line));
        free_reply(reply);
        reply = more ? next_reply(client, CTL_INTERFACE ".Logs") : NULL;
    }
    ctl_client_close(client);
}

Test(server, logs_tells_the_last_lines)
{
    char text[512];

    append_log("web", "one\ntwo\n\nfour \xff\nunfinished", 26);
    read_logs("{\"service\":\"web\"}", text, sizeof text);
    cr_expect_str_eq(text, "one|two||four \xef\xbf\xbd|unfinished|");
    read_logs("{\"service\":\"web\",\"lines\":2}", text, sizeof text);
    cr_expect_str_eq(text, "four \xef\xbf\xbd|unfinished|");
    read_logs("{\"service\":\"web\",\"lines\":0}", text, sizeof text);
    cr_expect_str_eq(text, "");
    append_log("web", "\n", 1);
    read_logs("{\"service\":\"web\",\"lines\":1}", text, sizeof text);
    cr_expect_str_eq(text, "unfinished|");
    read_logs("{\"service\":\"db\"}", text, sizeof text);
    cr_expect_str_eq(text, "", "no log yet");
    expect_error("Logs", "{\"service\":\"gone\"}", true, "NoLog");
}

Test(server, a_long_log_is_told_from_the_right_line_on)
{
    static char text[4 << 20], answer[4 << 20];
    size_t used = 0;

    for (int i = 0; i < 100000; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "line number %d\n", i);
    append_log("web", text, used);
    read_logs("{\"service\":\"web\",\"lines\":3}", answer, sizeof answer);
    cr_expect_str_eq(answer, "line number 99997|line number 99998|line number 99999|");
    read_logs("{\"service\":\"web\",\"lines\":50000}", answer, sizeof answer);
    cr_expect_eq(strncmp(answer, "line number 50000|line", 22), 0, "%.40s", answer);
}

Test(server, a_follower_sees_new_lines_truncation_and_a_new_file)
{
    static const char *const expected[] = {"old", "new", "cut", "after rotation"};
    struct ctl_client *client = connect_client();
    struct varlink_reply *reply;
    char path[128], moved[128];

    snprintf(path, sizeof path, "%s/web.log", fake.dir);
    snprintf(moved, sizeof moved, "%s/web.log.1", fake.dir);
    append_log("web", "older\nold\n", 10);
    reply = call(client, "Logs", "{\"service\":\"web\",\"follow\":true,\"lines\":1}", true);
    for (size_t i = 0; i < COOP_COUNT(expected); i++) {
        cr_assert(reply);
        cr_expect_str_eq(
            json_string_value(json_array_get(json_object_get(reply->parameters, "lines"), 0)),
            expected[i]);
        cr_expect(reply->continues);
        free_reply(reply);
        if (i == 1)
            cr_assert_eq(truncate(path, 0), 0);
        if (i == 2)
            cr_assert_eq(rename(path, moved), 0);
        if (i == 0)
            append_log("web", "new\nthis is a longer line\n", 4);
        if (i == 1)
            append_log("web", "cut\n", 4);
        if (i == 2)
            append_log("web", "after rotation\n", 15);
        reply = i + 1 < COOP_COUNT(expected) ? next_reply(client, CTL_INTERFACE ".Logs") : NULL;
    }
    ctl_client_close(client);
}

Test(server, a_follower_of_a_log_that_does_not_exist_yet_sees_its_birth)
{
    struct ctl_client *client = connect_client(), *other = connect_client();
    struct varlink_reply *reply;
    struct coop_err err;

    cr_assert_eq(ctl_client_call(client, CTL_INTERFACE ".Logs",
                                 json_pack("{s:s, s:b}", "service", "db", "follow", 1), true,
                                 &err),
                 0);
    free_reply(call(other, "Daemon", "{}", false));
    append_log("db", "born\n", 5);
    reply = next_reply(client, CTL_INTERFACE ".Logs");
    cr_assert(reply);
    cr_expect_str_eq(
        json_string_value(json_array_get(json_object_get(reply->parameters, "lines"), 0)),
        "born");
    free_reply(reply);
    ctl_client_close(client);
    ctl_client_close(other);
}

/* ---- the FIFO ---- */

static void write_fifo(const char *text, size_t size)
{
    int fd = open(fake.fifo, O_WRONLY | O_CLOEXEC);

    cr_assert_geq(fd, 0);
    cr_expect_eq(write(fd, text, size), (ssize_t)size);
    close(fd);
}

Test(server, lines_of_the_fifo_are_commands)
{
    static char longest[3 * 4096];

    write_fifo("restart web\nstop db\n", 20);
    cr_expect_eq(fake_asked(&fake, "restart web", 1), 1);
    cr_expect_eq(fake_asked(&fake, "stop db", 1), 1);
    write_fifo("frobnicate\nstatus\nstart nobody\n\n'open quote\n", 44);
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = '\n';
    write_fifo(longest, sizeof longest);
    write_fifo("reload\nkill -s HUP web\n", 23);
    cr_expect_eq(fake_asked(&fake, "kill web", 1), 1);
    cr_expect_eq(fake_asked(&fake, "reload", 1), 1);
    cr_expect_eq(fake_asked(&fake, "start nobody", 0), 0);
}

Test(server, a_hundred_writers_of_the_fifo_lose_nothing)
{
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();

        if (pid == 0) {
            int fd = open(fake.fifo, O_WRONLY | O_CLOEXEC);

            for (int line = 0; line < 5; line++)
                if (fd < 0 || write(fd, "restart web\n", 12) != 12)
                    _exit(1);
            _exit(0);
        }
        cr_assert_gt(pid, 0);
    }
    cr_expect_eq(fake_asked(&fake, "restart web", 500), 500);
}
