/* Chaos: any order, many moves; and error numbers right after moves between threads (108). */
#include "rt_test.h"

#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static int nothing(__attribute__((unused)) void *arg)
{
    return 0;
}

Test(chaos, it_takes_the_place_of_a_policy)
{
    struct coop_options o = {.chaos = 1, .policy = COOP_POLICY_PRIORITY};

    cr_assert_eq(coop_main(&o, nothing, NULL), -EINVAL);
    o = (struct coop_options){.chaos = 1, .sim = true};
    cr_assert_eq(coop_main(&o, nothing, NULL), -EINVAL);
    o = (struct coop_options){.chaos = 1};
    cr_assert_eq(coop_main(&o, nothing, NULL), 0);
}

/* ---- order ---- */

enum { MANY = 40 };

struct order {
    int of[MANY], count;
};

static struct order *current;

static int note(void *arg)
{
    current->of[current->count++] = (int)(intptr_t)arg;
    return 0;
}

static int note_all(void *arg)
{
    struct coop_scope scope;

    current = arg;
    coop_scope_init(&scope, "notes", 0);
    for (int i = 0; i < MANY; i++)
        coop_go(&scope, note, (void *)(intptr_t)i);
    return coop_scope_wait(&scope);
}

static struct order order_of(uint64_t seed)
{
    struct coop_options o = {.procs = 1, .chaos = seed};
    struct order order = {0};

    cr_assert_eq(coop_main(&o, note_all, &order), 0);
    cr_assert_eq(order.count, MANY);
    return order;
}

Test(chaos, on_one_processor_the_seed_gives_the_order)
{
    struct order a = order_of(1), again = order_of(1), b = order_of(2);

    cr_assert_eq(memcmp(&a, &again, sizeof a), 0);
    cr_assert_neq(memcmp(&a, &b, sizeof a), 0);
}

/* ---- moves ---- */

enum { TRAVELLERS = 12, LEGS = 300 };

static int moves, wrong, legs;

/* One call each, in a function of its own: errno's address must not be kept across a wait. */
static __attribute__((noinline)) int fail_to_close(void)
{
    return close(-1) < 0 ? errno : 0;
}

static __attribute__((noinline)) int fail_to_open(void)
{
    return open("/does/not/exist", O_RDONLY | O_CLOEXEC) < 0 ? errno : 0;
}

static __attribute__((noinline)) int fail_to_seek(int fd)
{
    return lseek(fd, 0, SEEK_SET) < 0 ? errno : 0;
}

static void wait_somehow(int i)
{
    if (i % 3)
        coop_yield();
    else
        coop_sleep_until(coop_after(coop_now(), i % 7 * 10000));
}

/* Each kind of traveller makes other errors, so that one that reads another thread's is wrong. */
static bool errors_are_right(int kind, const int *fds)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX, .sun_path = "/does/not/exist"};
    char c;

    switch (kind) {
    case 0: return fail_to_close() == EBADF && coop_read(-1, &c, 1, COOP_NOW) == -EBADF;
    case 1: return fail_to_open() == ENOENT && coop_read(fds[0], &c, 1, COOP_NOW) == -EAGAIN;
    case 2:
        return fail_to_seek(fds[0]) == ESPIPE &&
               coop_connect(fds[0], (struct sockaddr *)&at, sizeof at, COOP_NOW) == -ENOENT;
    default: return coop_write(fds[0], NULL, 1, COOP_NOW) == -EFAULT;
    }
}

static int travel(void *arg)
{
    int kind = (int)(intptr_t)arg % 4, fds[2];
    pid_t thread = 0;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
    for (int i = 0; i < legs; i++) {
        pid_t now;

        wait_somehow(i);
        if (!errors_are_right(kind, fds))
            __atomic_fetch_add(&wrong, 1, __ATOMIC_RELAXED);
        now = (pid_t)syscall(SYS_gettid);
        if (now != thread)
            __atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
        thread = now;
    }
    coop_fd_close(fds[0]);
    close(fds[1]);
    return 0;
}

static int travel_all(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "travellers", 0);
    for (int i = 0; i < TRAVELLERS; i++)
        coop_go(&scope, travel, (void *)(intptr_t)i);
    return coop_scope_wait(&scope);
}

Test(chaos, error_numbers_are_right_right_after_moving_between_threads, .timeout = 50)
{
    struct coop_options o = {.procs = 3};

    coop_nsec deadline = soon();

    legs = emulated_less(LEGS);
    while (moves < 10 * TRAVELLERS) { /* few CPUs to spare: it may take more than one round */
        cr_assert_lt(coop_now(), deadline, "%d moves", moves);
        o.chaos++;
        cr_assert_eq(coop_main(&o, travel_all, NULL), 0);
        cr_assert_eq(wrong, 0);
    }
}

static int yield_along(__attribute__((unused)) void *arg)
{
    pid_t thread = 0;

    for (int i = 0; i < legs; i++) {
        pid_t now = (pid_t)syscall(SYS_gettid);

        if (now != thread)
            __atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
        thread = now;
        coop_yield();
    }
    return 0;
}

static int yield_all(__attribute__((unused)) void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "yielders", 0);
    for (int i = 0; i < TRAVELLERS; i++)
        coop_go(&scope, yield_along, NULL);
    return coop_scope_wait(&scope);
}

static int moves_under(uint64_t chaos)
{
    struct coop_options o = {.procs = 2, .chaos = chaos};

    moves = 0;
    legs = LEGS;
    cr_assert_eq(coop_main(&o, yield_all, NULL), 0);
    return moves;
}

Test(chaos, who_only_yields_moves_between_threads_all_the_time, .timeout = 50)
{
    /* On a machine without a second CPU to spare it may take more than one try. */
    coop_nsec deadline = soon();
    uint64_t seed = 1;

    while (moves_under(seed++) <= 4 * TRAVELLERS)
        cr_assert_lt(coop_now(), deadline, "%d moves", moves);
}
