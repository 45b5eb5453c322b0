/* Who keeps a processor for too long is found: the hog detector. */
#include "rt_test.h"

#include "rt/dump_symbol.h"

#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#define HOG_AFTER (30 * COOP_NSEC_PER_MSEC)

static struct {
    uint64_t id;
    char name[48];
    coop_nsec busy;
    int in_it; /* frames in the function that computes, or in who called it */
} told;
static int reports, release;

static void tell(const struct coop_hog *h)
{
    struct symbol s;

    told.id = h->id;
    snprintf(told.name, sizeof told.name, "%s", h->name);
    told.busy = h->busy;
    told.in_it = 0;
    for (int i = 0; i < h->count; i++)
        if (coop__symbol(&s, h->frames[i])) /* compilers add endings */
            told.in_it += strncmp(s.name, "compute_till", 12) == 0 ||
                          strncmp(s.name, "keep_the_processor", 18) == 0;
    __atomic_fetch_add(&reports, 1, __ATOMIC_RELEASE);
}

static __attribute__((noinline)) void compute_till(const int *counter, int value)
{
    coop_nsec deadline = soon();

    while (__atomic_load_n(counter, __ATOMIC_ACQUIRE) != value)
        CHECK(coop_now() < deadline);
}

static uint64_t hog_id;

static __attribute__((noinline)) int keep_the_processor(void *arg)
{
    hog_id = coop_id();
    compute_till(arg, 1);
    compute_till(&release, 1);
    return 0;
}

static int hog(void *arg)
{
    return keep_the_processor(arg) + (int)(coop_id() - hog_id);
}

#define HOG_TEST(sentence, ...)                                                                \
    CORO_TEST_WITH(hog, sentence, .hog_after = HOG_AFTER, .on_hog = tell, __VA_ARGS__)

static void one_is_named_once(void)
{
    struct coop_attr attr = {.name = "cruncher"};
    struct coop_scope scope;
    coop_nsec end;

    coop_scope_init(&scope, "hogs", 0);
    CHECK(coop_go_with(&scope, &attr, hog, &reports) == 0);
    while (__atomic_load_n(&reports, __ATOMIC_ACQUIRE) == 0)
        CHECK(coop_sleep_until(in_ms(1)) == 0);
    CHECK(told.id == hog_id && strcmp(told.name, "cruncher") == 0);
    CHECK(told.busy >= HOG_AFTER);
    CHECK(told.in_it >= 2);
    for (end = in_ms(100); coop_now() < end;)
        CHECK(coop_sleep_until(in_ms(5)) == 0);
    CHECK(reports == 1);
    __atomic_store_n(&release, 1, __ATOMIC_RELEASE);
    CHECK(coop_scope_wait(&scope) == 0);
}

HOG_TEST(a_hog_is_named_once_with_where_it_is, .procs = 2)
{
    one_is_named_once();
    /* The next one is another case. */
    reports = release = 0;
    one_is_named_once();
    return 0;
}

HOG_TEST(the_main_thread_answers_too, .procs = 1)
{
    release = 1;
    keep_the_processor(&reports);
    CHECK(told.id == coop_id() && told.in_it >= 2);
    return 0;
}

HOG_TEST(without_its_signal_only_the_thread_is_named, .procs = 1,
         .signals = COOP_SIGNAL(SIGURG))
{
    release = 1;
    keep_the_processor(&reports);
    CHECK(told.id == 0 && told.in_it == 0 && told.busy >= HOG_AFTER);
    return 0;
}

HOG_TEST(of_one_that_does_not_answer_only_the_thread_is_named, .procs = 1)
{
    sigset_t deaf;

    sigemptyset(&deaf);
    sigaddset(&deaf, SIGURG);
    CHECK(pthread_sigmask(SIG_BLOCK, &deaf, NULL) == 0);
    release = 1;
    keep_the_processor(&reports);
    CHECK(told.id == 0 && told.in_it == 0 && told.busy >= HOG_AFTER);
    CHECK(pthread_sigmask(SIG_UNBLOCK, &deaf, NULL) == 0);
    return 0;
}

static coop_nsec longest[2]; /* round: a machine may stop a thread for so long in any place */

static int yield_in_pieces(void *arg)
{
    coop_nsec *most = arg, end = in_ms(200), last = coop_now(), now, piece;

    while ((now = coop_now()) < end) {
        *most = now - last > *most ? now - last : *most;
        last = now;
        for (piece = in_ms(4); coop_now() < piece;)
            ;
        if (most == longest)
            coop_yield();
        else
            coop_sleep_until(coop_after(coop_now(), 50000));
    }
    return 0;
}

HOG_TEST(who_yields_or_sleeps_between_pieces_is_none, .procs = 2)
{
    struct coop_scope scope;

    /* One alone per processor: nobody else to switch to. */
    coop_scope_init(&scope, "pieces", 0);
    coop_go(&scope, yield_in_pieces, &longest[0]);
    coop_go(&scope, yield_in_pieces, &longest[1]);
    CHECK(coop_scope_wait(&scope) == 0);
    CHECK(reports == 0 || longest[0] >= HOG_AFTER / 2 || longest[1] >= HOG_AFTER / 2);
    return 0;
}

HOG_TEST(who_blocks_in_a_bracket_is_none, .procs = 2)
{
    coop_nsec end = in_ms(100);

    coop_block_begin();
    while (coop_now() < end)
        ;
    coop_block_end();
    end = in_ms(100);
    coop_syscall_begin();
    while (coop_now() < end)
        ;
    coop_syscall_end();
    CHECK(reports == 0);
    return 0;
}

CORO_TEST_WITH(hog, the_report_goes_to_stderr_without_a_callback, .procs = 1,
               .hog_after = HOG_AFTER)
{
    int fds[2], saved = dup(STDERR_FILENO);
    coop_nsec deadline = soon();
    char text[8192] = "";
    ssize_t n = 0, more;

    CHECK(saved >= 0 && pipe2(fds, O_CLOEXEC | O_NONBLOCK) == 0);
    CHECK(dup2(fds[1], STDERR_FILENO) >= 0);
    while (!strstr(text, "compute_till") && !strstr(text, "has kept") && coop_now() < deadline)
        if ((more = read(fds[0], text + n, sizeof text - 1 - (size_t)n)) > 0)
            n += more;
    dup2(saved, STDERR_FILENO);
    close(saved);
    close(fds[0]);
    close(fds[1]);
    CHECK(strstr(text, "coop: coroutine 1 'hog' has kept its processor for 0."));
    return 0;
}

static int yield_once(__attribute__((unused)) void *arg)
{
    return coop_yield();
}

Test(hog, the_signal_is_given_back_at_the_end)
{
    struct coop_options o = {.hog_after = HOG_AFTER};
    struct sigaction before, after;

    sigaction(SIGURG, NULL, &before);
    cr_assert_eq(coop_main(&o, yield_once, NULL), 0);
    sigaction(SIGURG, NULL, &after);
    cr_assert_eq(before.sa_handler, after.sa_handler);
}
