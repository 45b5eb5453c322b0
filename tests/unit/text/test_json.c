/* JSON from outside: depth and size before the parser sees it; frames. */
#include "text/json.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim/failing.h"

Test(json, depth_counts_brackets_outside_of_strings)
{
    cr_expect_eq(json_depth("1", 1, 16), 0);
    cr_expect_eq(json_depth("{\"a\":[{}]}", 10, 16), 3);
    cr_expect_eq(json_depth("\"[[[[\"", 6, 16), 0);
    cr_expect_eq(json_depth("\"\\\"[[[\"", 7, 16), 0);
    cr_expect_eq(json_depth("[],[],[]", 8, 16), 1);
    cr_expect_eq(json_depth("]]]][", 5, 16), 1);
    cr_expect_eq(json_depth("[[[[[[[[", 8, 3), 4);
    cr_expect_eq(json_depth("\"\\", 2, 3), 0);
}

Test(json, depth_10000_is_refused_before_parsing)
{
    static char text[20000];
    struct coop_err err;
    json_t *value = NULL;

    memset(text, '[', 10000);
    memset(text + 10000, ']', 10000);
    cr_assert_eq(json_parse(text, sizeof text, &value, &err), -1);
    cr_assert_eq(err.code, COOP_E_LIMIT);
    cr_assert(strstr(err.text, "16 levels"));
    cr_assert_eq(
        json_parse(text + 10000 - JSON_DEPTH_MAX, (size_t)2 * JSON_DEPTH_MAX, &value, &err), 0);
    json_decref(value);
}

Test(json, refuses_what_is_ambiguous)
{
    static const char *const bad[] = {
        "",    "{",    "{\"a\":1,\"a\":2}", "1 2", "{}x", "\"\\u0000\"", "nul",
        "'a'", "\xff", "{\"a\":01}"};
    json_t *value = NULL;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        cr_expect_eq(json_parse(bad[i], strlen(bad[i]), &value, NULL), -1, "%s", bad[i]);
    cr_expect_eq(json_parse_object("[]", 2, &value, NULL), -1);
    cr_expect_eq(json_parse_object("{}", 2, &value, NULL), 0);
    json_decref(value);
}

Test(json, more_than_64_kib_is_refused)
{
    static char text[JSON_BYTES_MAX + 1];
    struct coop_err err;
    json_t *value = NULL;

    memset(text, ' ', sizeof text);
    text[0] = '1';
    cr_expect_eq(json_parse(text, sizeof text, &value, &err), -1);
    cr_expect_eq(err.code, COOP_E_LIMIT);
    cr_expect_eq(json_parse(text, sizeof text - 1, &value, &err), 0);
    json_decref(value);
}

Test(json, frames_are_found_by_their_nul)
{
    cr_expect_eq(json_frame_find("", 0, 10), -EAGAIN);
    cr_expect_eq(json_frame_find("{}", 2, 10), -EAGAIN);
    cr_expect_eq(json_frame_find("{}\0{", 4, 10), 2);
    cr_expect_eq(json_frame_find("\0", 1, 10), 0);
    cr_expect_eq(json_frame_find("12345678901", 11, 10), -EMSGSIZE);
    cr_expect_eq(json_frame_find("1234567890", 11, 10), 10);
}

Test(json, a_frame_that_does_not_fit_leaves_nothing_behind)
{
    struct buf out = BUF_INIT((size_t)10);
    json_t *value = json_pack("{s:s}", "name", "longer than that");

    buf_add_text(&out, "kept");
    cr_expect_eq(json_frame(&out, value), -EMSGSIZE);
    cr_expect_str_eq(buf_text(&out), "kept");
    json_decref(value);
    buf_done(&out);
}

static void *send_three(void *arg)
{
    int fd = *(int *)arg;
    json_t *value = json_array();

    for (int i = 0; i < 3; i++) {
        json_array_append_new(value, json_integer(i));
        if (json_frame_send(fd, value, NULL) < 0)
            break;
    }
    json_decref(value);
    close(fd);
    return NULL;
}

Test(json, frames_cross_a_socket)
{
    struct buf pending = BUF_INIT(JSON_SEND_MAX);
    struct coop_err err = {0};
    json_t *value = NULL;
    pthread_t sender;
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert_eq(pthread_create(&sender, NULL, send_three, &ends[1]), 0);
    for (size_t i = 1; i <= 3; i++) {
        cr_assert_eq(json_frame_recv(ends[0], &pending, &value, &err), 1, "%s", err.text);
        cr_assert_eq(json_array_size(value), i);
        json_decref(value);
    }
    cr_assert_eq(json_frame_recv(ends[0], &pending, &value, &err), 0);
    pthread_join(sender, NULL);
    close(ends[0]);
    buf_done(&pending);
}

Test(json, a_peer_that_hangs_up_inside_a_frame_is_an_error)
{
    struct buf pending = BUF_INIT(JSON_SEND_MAX);
    struct coop_err err = {0};
    json_t *value = NULL;
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    cr_assert_eq(write(ends[1], "{\"a\"", 4), 4);
    close(ends[1]);
    cr_expect_eq(json_frame_recv(ends[0], &pending, &value, &err), -1);
    cr_expect_eq(err.sys, EPIPE);
    cr_expect_eq(json_frame_send(ends[0], NULL, &err), -1);
    close(ends[0]);
    buf_done(&pending);
}

Test(json, sending_goes_on_after_interruptions_and_tells_of_failures)
{
    struct coop_err err = {0};
    json_t *value = json_object();
    char text[8] = "";
    int ends[2];

    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    failing_kernel_arm(FAIL_sendmsg, 1, EINTR);
    cr_expect_eq(json_frame_send(ends[0], value, &err), 0);
    cr_expect_eq(failing_kernel_count(FAIL_sendmsg), 2);
    failing_kernel_arm(FAIL_sendmsg, 1, EPIPE);
    cr_expect_eq(json_frame_send(ends[0], value, &err), -1);
    cr_expect_eq(err.sys, EPIPE);
    coop_sim_fail_end();
    cr_expect_eq(read(ends[1], text, sizeof text), 3);
    cr_expect_str_eq(text, "{}");
    close(ends[0]);
    close(ends[1]);
    json_decref(value);
}
