/* The trace: what Chrome's viewer would be shown. */
#include "rt_test.h"

#include <jansson.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Stops the trace and parses what it has written. */
static json_t *stop_and_parse(void)
{
    int fd = memfd_create("trace", MFD_CLOEXEC);
    json_error_t err;
    json_t *trace;

    CHECK(fd >= 0);
    CHECK(coop_trace_stop(fd) == 0);
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    trace = json_loadfd(fd, JSON_REJECT_DUPLICATES, &err);
    if (!trace)
        fprintf(stderr, "line %d: %s\n", err.line, err.text);
    CHECK(trace);
    close(fd);
    return trace;
}

static const char *text_of(json_t *event, const char *key)
{
    const char *text = json_string_value(json_object_get(event, key));

    return text ? text : "";
}

static double number_of(json_t *event, const char *key)
{
    json_t *number = json_object_get(event, key);

    CHECK(json_is_number(number));
    return json_number_value(number);
}

static json_int_t argument_of(json_t *event, const char *key)
{
    return json_integer_value(json_object_get(json_object_get(event, "args"), key));
}

/* How many events fit; NULL fits all. 'left_for' looks into the arguments. */
static int count_of(json_t *trace, const char *phase, const char *name, const char *left_for)
{
    json_t *event;
    size_t i;
    int n = 0;

    json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
    {
        const char *left = text_of(json_object_get(event, "args"), "left_for");

        n += strcmp(text_of(event, "ph"), phase) == 0 &&
             (!name || strcmp(text_of(event, "name"), name) == 0) &&
             (!left_for || strcmp(left, left_for) == 0);
    }
    return n;
}

static void check_event(json_t *event)
{
    const char *phase = text_of(event, "ph");

    CHECK(strlen(phase) == 1 && strchr("MXisf", *phase));
    CHECK(text_of(event, "name")[0]);
    CHECK(number_of(event, "pid") >= 1 && number_of(event, "tid") >= 0);
    if (*phase == 'X')
        CHECK(number_of(event, "dur") >= 0);
    if (*phase != 'M')
        CHECK(number_of(event, "ts") >= 0);
}

/* Slices of one track do not overlap; an arrow ends after it began. */
static void check_picture(json_t *trace)
{
    static double free_at[3][256], began[100000];
    json_t *event;
    size_t i;

    memset(free_at, 0, sizeof free_at);
    memset(began, 0, sizeof began);
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
    {
        const char *phase = text_of(event, "ph");
        int pid = (int)number_of(event, "pid"), tid = (int)number_of(event, "tid");

        check_event(event);
        CHECK(pid <= 2 && tid < 256);
        if (*phase == 'X') {
            CHECK(number_of(event, "ts") + 0.0005 >= free_at[pid][tid]);
            free_at[pid][tid] = number_of(event, "ts") + number_of(event, "dur");
        } else if (*phase == 's') {
            began[(int)number_of(event, "id") % 100000] = number_of(event, "ts") + 1;
        } else if (*phase == 'f') {
            double from = began[(int)number_of(event, "id") % 100000];

            CHECK(from > 0 && number_of(event, "ts") >= from - 1);
        }
    }
}

/* Nobody runs before his birth was noted, and the runs of one coroutine do not overlap even
 * when they are on two processors. */
static void check_lives(json_t *trace)
{
    enum { MOST = 4096 };
    static double born[MOST], ran[MOST];
    json_t *event;
    size_t i;

    memset(born, 0, sizeof born);
    memset(ran, 0, sizeof ran);
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
    {
        json_int_t id = argument_of(event, "coroutine");

        if (strncmp(text_of(event, "name"), "go ", 3) == 0 && id < MOST)
            born[id] = number_of(event, "ts");
    }
    json_array_foreach(json_object_get(trace, "traceEvents"), i, event)
    {
        json_int_t id = argument_of(event, "coroutine");

        if (strcmp(text_of(event, "cat"), "run") != 0 || id >= MOST)
            continue;
        CHECK(number_of(event, "ts") >= born[id]);
        CHECK(number_of(event, "ts") + 0.0005 >= ran[id]);
        ran[id] = number_of(event, "ts") + number_of(event, "dur");
    }
}

static int ping(void *arg)
{
    struct coop_chan **ch = arg;
    int v = 0;

    for (int i = 0; i < 100; i++)
        CHECK(coop_send(ch[0], &v, soon()) == 0 && coop_recv(ch[1], &v, soon()) == 1);
    return 0;
}

static int pong(void *arg)
{
    struct coop_chan **ch = arg;
    int v = 0;

    for (int i = 0; i < 100; i++)
        CHECK(coop_recv(ch[0], &v, soon()) == 1 && coop_send(ch[1], &v, soon()) == 0);
    return 0;
}

static int nap(__attribute__((unused)) void *arg)
{
    coop_sleep_until(in_ms(2));
    coop_block_begin();
    coop_block_end();
    for (int i = 0; i < 10; i++)
        coop_yield();
    return 0;
}

static void work(void)
{
    struct coop_chan *a = coop_chan_new(sizeof(int), 0), *b = coop_chan_new(sizeof(int), 0);
    struct coop_chan *ch[] = {a, b};
    struct coop_attr named = {.name = "ping"};
    struct coop_scope scope;

    coop_scope_init(&scope, "traced", 0);
    CHECK(coop_go_with(&scope, &named, ping, ch) == 0);
    CHECK(coop_go(&scope, pong, ch) == 0);
    for (int i = 0; i < 4; i++)
        CHECK(coop_go(&scope, nap, NULL) == 0);
    CHECK(coop_scope_wait(&scope) == 0);
    coop_chan_unref(a);
    coop_chan_unref(b);
}

CORO_TEST(trace, tells_births_runs_waits_and_ends_in_order)
{
    json_t *trace;

    CHECK(coop_trace_start() == 0);
    work();
    trace = stop_and_parse();
    CHECK(json_integer_value(json_object_get(json_object_get(trace, "otherData"), "dropped")) ==
          0);
    check_picture(trace);
    check_lives(trace);
    CHECK(count_of(trace, "i", "go ping", NULL) == 1);
    CHECK(count_of(trace, "i", "go nap", NULL) == 4); /* by the name of its function */
    CHECK(count_of(trace, "X", "ping", "end") == 1);
    CHECK(count_of(trace, "X", "nap", "end") == 4);
    CHECK(count_of(trace, "X", "nap", "sleep") == 4);
    CHECK(count_of(trace, "X", "nap", "bracket") == 4);
    CHECK(count_of(trace, "X", "bracket", NULL) == 4);
    CHECK(count_of(trace, "X", "pong", "recv") + count_of(trace, "X", "pong", "send") > 0);
    CHECK(count_of(trace, "i", "ready ping", NULL) > 0);
    CHECK(count_of(trace, "i", "timer", NULL) >= 4);
    CHECK(count_of(trace, "f", "wake", NULL) > 0);
    json_decref(trace);
    return 0;
}

CORO_TEST_ON_ONE(trace, one_that_runs_alone_has_one_slice_per_run)
{
    json_t *trace;

    CHECK(coop_trace_start() == 0);
    CHECK(coop_sleep_until(in_ms(1)) == 0);
    trace = stop_and_parse();
    check_picture(trace);
    CHECK(count_of(trace, "X", "trace", "sleep") == 1);
    CHECK(count_of(trace, "X", "trace", "") == 1); /* still open at the end */
    json_decref(trace);
    return 0;
}

static int yield_often(__attribute__((unused)) void *arg)
{
    for (int i = 0; i < 20000; i++)
        coop_yield();
    return 0;
}

CORO_TEST_ON_ONE(trace, a_full_ring_keeps_the_youngest_and_counts_the_others)
{
    struct coop_scope scope;
    json_t *trace;

    CHECK(coop_trace_start() == 0);
    coop_scope_init(&scope, "much", 0);
    for (int i = 0; i < 4; i++)
        CHECK(coop_go(&scope, yield_often, NULL) == 0);
    CHECK(coop_scope_wait(&scope) == 0);
    trace = stop_and_parse();
    CHECK(json_integer_value(json_object_get(json_object_get(trace, "otherData"), "dropped")) >
          40000);
    check_picture(trace);
    CHECK(count_of(trace, "X", "yield_often", "end") == 4);
    json_decref(trace);
    return 0;
}

CORO_TEST(trace, starts_and_stops_say_when_they_are_out_of_turn)
{
    json_t *trace;

    CHECK(coop_trace_stop(-1) == -EALREADY);
    for (int i = 0; i < 3; i++) {
        CHECK(coop_trace_start() == 0);
        CHECK(coop_trace_start() == -EBUSY);
        work();
        CHECK(coop_trace_stop(-1) == 0);
        work(); /* not noted */
    }
    CHECK(coop_trace_start() == 0);
    coop_yield();
    trace = stop_and_parse();
    CHECK(count_of(trace, "i", "go nap", NULL) == 0); /* what was before is not told again */
    json_decref(trace);
    CHECK(coop_trace_start() == 0); /* left on: the end of the runtime ends it */
    return 0;
}

Test(trace, needs_a_runtime)
{
    cr_assert_eq(coop_trace_start(), -EPERM);
    cr_assert_eq(coop_trace_stop(-1), -EALREADY);
}

CORO_TEST(trace, says_what_write_says)
{
    CHECK(coop_trace_start() == 0);
    CHECK(coop_trace_stop(99) == -EBADF);
    return 0;
}
