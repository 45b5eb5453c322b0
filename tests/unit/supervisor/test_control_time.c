/*
 * test_control_time.c - patience and failures of the control room, in a kernel of our own
 *
 * Time is virtual: ten minutes of silence take no time.  The server is the real one.
 */
#include "coop/sim.h"
#include "sim/failing.h"

#include "base/log.h"
#include "base/str.h"
#include "base/sys.h"
#include "control/control.h"
#include "coop/coop.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/un.h>

#define SEC  COOP_NSEC_PER_SEC
#define PATH "/run/control.sock"

static struct control *room; /* for scenes that ask something of it */

static bool is_there(const char *path)
{
    struct stat about;

    return sys_fstatat(AT_FDCWD, path, &about, 0) == 0;
}

static int connect_client(void)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX, .sun_path = PATH};
    int fd = sys_socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    cr_assert_geq(fd, 0);
    cr_assert_eq(coop_connect(fd, (struct sockaddr *)&to, sizeof to, COOP_FOREVER), 0);
    return fd;
}

static void say(int fd, const char *text)
{
    cr_assert_eq(coop_write(fd, text, strlen(text), COOP_FOREVER), (ssize_t)strlen(text));
}

/* Everything that comes until the server hangs up. */
static void hear_all(int fd, char *ret_text, size_t size)
{
    size_t used = 0;
    ssize_t n;

    while (used + 1 < size &&
           (n = coop_read(fd, ret_text + used, size - 1 - used, COOP_FOREVER)) > 0)
        used += (size_t)n;
    ret_text[used] = '\0';
    coop_fd_close(fd);
}

/* Runs 'scene' in a coroutine while the control room is open. */
static int open_and_play(void *scene)
{
    void (*play)(void) = *(void (**)(void))scene;
    struct control *control = NULL;
    struct coop_err err = {0};

    cr_assert_eq(control_start(&control, NULL, PATH, NULL, &err), 0, "%s", err.text);
    room = control;
    play();
    control_stop(control);
    return 0;
}

static void in_the_room(void (*scene)(void))
{
    struct coop_options options = {.name = "control-test", .procs = 1, .sim = true};
    size_t before;

    log_set_fd(-1);
    coop_sim_begin(1);
    before = coop_sim_fds_open();
    cr_expect_eq(coop_main(&options, open_and_play, &scene), 0);
    cr_expect_eq(coop_sim_fds_open(), before, "descriptors are left");
    coop_sim_end();
}

/* ---- patience ---- */

static void half_a_call(void)
{
    coop_nsec begun = coop_now();
    int fd = connect_client();
    char text[1024];

    say(fd, "{\"method\":");
    hear_all(fd, text, sizeof text);
    cr_expect(strstr(text, "InvalidFrame") && strstr(text, "10 seconds"), "%s", text);
    cr_expect_geq(coop_now() - begun, 10 * SEC);
    cr_expect_lt(coop_now() - begun, 11 * SEC);
}

Test(control_time, half_a_call_is_waited_for_ten_seconds)
{
    in_the_room(half_a_call);
}

static int trickle(void *arg)
{
    int fd = *(int *)arg;

    for (int i = 0; i < 30; i++) {
        if (coop_write(fd, " ", 1, COOP_FOREVER) < 0)
            return 0;
        coop_sleep_until(coop_after(coop_now(), SEC));
    }
    return 0;
}

static void a_byte_a_second(void)
{
    coop_nsec begun = coop_now();
    int fd = connect_client();
    char text[1024];

    say(fd, "{");
    coop_go(NULL, trickle, &fd);
    hear_all(fd, text, sizeof text);
    cr_expect(strstr(text, "10 seconds"), "%s", text);
    cr_expect_lt(coop_now() - begun, 12 * SEC);
}

Test(control_time, a_byte_a_second_does_not_buy_more_time)
{
    in_the_room(a_byte_a_second);
}

static void silence(void)
{
    coop_nsec begun = coop_now();
    int fd = connect_client();
    char text[64];

    hear_all(fd, text, sizeof text);
    cr_expect_str_eq(text, "");
    cr_expect_geq(coop_now() - begun, 600 * SEC);
    cr_expect_lt(coop_now() - begun, 601 * SEC);
}

Test(control_time, who_says_nothing_for_ten_minutes_is_sent_away)
{
    in_the_room(silence);
}

static void never_reads(void)
{
    static const char call[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
                               "\"parameters\":{\"interface\":\"io.coop.Supervisor\"}}\n";
    coop_nsec begun = coop_now();
    int fd = connect_client();

    /* until the server has taken no call for so long that it has given up */
    for (int i = 0; i < 100000; i++)
        if (coop_write_full(fd, call, sizeof call - 1, NULL, COOP_FOREVER) < 0)
            break;
    cr_expect_geq(coop_now() - begun, 10 * SEC);
    cr_expect_lt(coop_now() - begun, 12 * SEC);
    coop_fd_close(fd);
}

Test(control_time, who_takes_no_answers_for_ten_seconds_is_cut_off)
{
    in_the_room(never_reads);
}

static void lose_the_files(void)
{
    int before = connect_client(), after;
    char text[1024];

    sys_unlinkat(AT_FDCWD, PATH, 0);
    sys_unlinkat(AT_FDCWD, "/run/control.fifo", 0);
    control_reopen(room);
    coop_sleep_until(coop_after(coop_now(), SEC));
    cr_expect(is_there(PATH) && is_there("/run/control.fifo"));
    after = connect_client();
    say(after, "{}\n");
    cr_assert_gt(coop_read(after, text, sizeof text, COOP_FOREVER), 0);
    say(before, "{}\n");
    cr_assert_gt(coop_read(before, text, sizeof text, COOP_FOREVER), 0);
    coop_fd_close(before);
    coop_fd_close(after);
}

Test(control_time, socket_and_fifo_are_made_anew_and_clients_stay)
{
    in_the_room(lose_the_files);
}

static void stay_connected(void)
{
    connect_client();
    coop_yield();
}

Test(control_time, the_room_closes_although_somebody_is_still_connected)
{
    struct coop_options options = {.name = "control-test", .procs = 1, .sim = true};
    void (*scene)(void) = stay_connected;
    coop_nsec begun;

    log_set_fd(-1);
    coop_sim_begin(1);
    begun = coop_sim_now();
    cr_expect_eq(coop_main(&options, open_and_play, &scene), 0);
    cr_expect_lt(coop_sim_now() - begun, 5 * SEC);
    coop_sim_end();
}

/* ---- failures ---- */

static unsigned failing_call;

/* Opening fails as a whole, or not at all; both leave nothing behind. */
static int open_with_failure(void *arg)
{
    struct control *control = NULL;
    struct coop_err err = {0};
    int r;

    (void)arg;
    failing_kernel_arm(FAIL_ANY, failing_call, EIO);
    r = control_start(&control, NULL, PATH, NULL, &err);
    failing_call = coop_sim_fail_end() ? failing_call + 1 : 0;
    if (r < 0)
        cr_expect_gt(strlen(err.text), 5);
    else
        control_stop(control);
    cr_expect_not(is_there(PATH) || is_there(PATH ".new") || is_there("/run/control.fifo") ||
                      is_there("/run/control.fifo.new"),
                  "a file is left after failing call %s", coop_sim_failed());
    return 0;
}

Test(control_time, every_call_of_the_opening_may_fail)
{
    struct coop_options options = {.name = "control-test", .procs = 1, .sim = true};

    log_set_fd(-1);
    failing_call = 1;
    while (failing_call > 0 && failing_call < 1000) {
        size_t before;

        coop_sim_begin(1);
        before = coop_sim_fds_open();
        cr_assert_eq(coop_main(&options, open_with_failure, NULL), 0);
        cr_expect_eq(coop_sim_fds_open(), before, "call %u (%s)", failing_call,
                     coop_sim_failed());
        coop_sim_end();
    }
    cr_expect_eq(failing_call, 0);
}
