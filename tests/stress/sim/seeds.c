/*
 * seeds.c - a mixed workload over the fake kernel, for many seeds
 *
 *   seeds 1000            seeds 1 to 1000
 *   SEED=17 seeds         that one, with a log on stderr of every call and what it answered
 *   seeds --replay        the log of a seed is the same, byte by byte, in every run and process
 *
 * In each run every load of load.h runs up to four times beside the others, some inside scopes that
 * are cancelled in the middle.  At the end nothing may be left: no coroutine, descriptor, child, or
 * memory.
 */
#include "load.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "coop/sim.h"
#include "support/failing_memory.h"

const struct load loads[] = {
    {"relay", run_relay},
    {"rendezvous", run_rendezvous},
    {"deadlines", run_deadlines},
    {"mutex", run_mutex},
    {"rwlock", run_rwlock},
    {"sem", run_sem},
    {"buffer", run_buffer},
    {"once", run_once},
    {"scopes", run_scopes},
    {"actors", run_actors},
    {"timers", run_timers},
    {"children", run_children},
    {"kills", run_kills},
    {"signals", run_signals},
    {"pipes", run_pipes},
    {"packets", run_packets},
    {NULL, NULL},
};

static unsigned long seed;
static struct invariant *invariants;
static int log_fd = -2; /* -1: the calls are only summed up; -2: not even that */

/* ---- what loads use ---- */

_Noreturn void does_not_hold(const char *file, int line, const char *what)
{
    coop_sim_trace_stop();
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, what);
    if (coop_inside())
        coop_dump(STDERR_FILENO);
    fprintf(stderr, "seed %lu breaks it (SEED=%lu shows every call)\n", seed, seed);
    _Exit(1);
}

/* The runtime, or the fake kernel, has found something itself and aborts. */
static void on_abort(int signo)
{
    static const char words[] = "aborted: see above; the seed is ";
    char number[24];
    unsigned long rest = seed;
    size_t at = sizeof number;

    (void)signo;
    number[--at] = '\n';
    do
        number[--at] = (char)('0' + rest % 10);
    while (rest /= 10);
    if (write(STDERR_FILENO, words, sizeof words - 1) < 0 ||
        write(STDERR_FILENO, number + at, sizeof number - at) < 0)
        _Exit(2);
    _Exit(1);
}

coop_nsec draw_delay(void)
{
    static const coop_nsec units[] = {COOP_NSEC_PER_USEC, 100 * COOP_NSEC_PER_USEC,
                                      COOP_NSEC_PER_MSEC, 5 * COOP_NSEC_PER_MSEC};

    return units[draw(4)] * (1 + (coop_nsec)draw(100));
}

int step(void)
{
    for (struct invariant *inv = invariants; inv; inv = inv->next)
        inv->look(inv->arg);
    switch (draw(4)) {
    case 0: return coop_cancelled();
    case 1: return coop_sleep_until(coop_after(coop_now(), draw_delay()));
    default: return coop_yield();
    }
}

void invariant_add(struct invariant *inv, void (*look)(void *arg), void *arg)
{
    *inv = (struct invariant){look, arg, invariants};
    invariants = inv;
}

void invariant_remove(struct invariant *inv)
{
    struct invariant **at = &invariants;

    while (*at && *at != inv)
        at = &(*at)->next;
    if (*at)
        *at = inv->next;
}

void *must_have(size_t size)
{
    void *room = calloc(1, size);

    if (!room)
        abort();
    return room;
}

/* ---- one seed ---- */

static int run_load(void *arg)
{
    const struct load *load = arg;
    int r = load->run(NULL);

    coop_sim_trace_note("%s: %d", load->name, r);
    return r && r != coop_cancelled() ? r : 0;
}

/* The load in a scope of its own that is cancelled while it runs. */
static int run_cut_short(void *arg)
{
    struct coop_scope scope;
    coop_nsec end = coop_after(coop_now(), draw_delay());
    bool by_deadline = draw(2);
    int r;

    coop_scope_init(&scope, "cut short", by_deadline ? end : 0);
    coop_go(&scope, run_load, arg);
    if (!by_deadline) {
        coop_sleep_until(end);
        coop_scope_cancel(&scope, -ECANCELED);
    }
    r = coop_scope_wait(&scope);
    HOLDS(r == 0 || r == (by_deadline ? -ETIMEDOUT : -ECANCELED));
    return 0;
}

static int run_all(void *arg)
{
    struct coop_scope scope;

    coop_scope_init(&scope, "all", 0);
    for (const struct load *load = loads; load->name; load++) {
        for (unsigned times = draw(3); times > 0; times--)
            coop_go(&scope, run_load, (void *)(uintptr_t)load);
        for (unsigned times = draw(3); times > 0; times--)
            coop_go(&scope, run_cut_short, (void *)(uintptr_t)load);
    }
    *(bool *)arg = true;
    return coop_scope_wait(&scope);
}

static int rest(void *arg)
{
    struct coop_stats stats;

    for (int i = 0; i < 20; i++)
        coop_yield();
    coop_stats_get(&stats);
    HOLDS(stats.coroutines == 1); /* the root; no actor is at work any more */
    (void)arg;
    return 0;
}

static int run_seed_inside(void *arg)
{
    int r = run_all(arg);

    HOLDS(r == 0);
    return rest(NULL);
}

static void run_seed(unsigned long number)
{
    long allocations = failing_memory_allocations(), mappings = failing_memory_mappings();
    struct coop_options options = {
        .name = "seed", .sim = true, .seed = number, .signals = COOP_SIGNAL(SIGUSR1)};
    bool started = false;

    seed = number;
    coop_sim_begin(number);
    if (log_fd >= -1)
        coop_sim_trace_start(log_fd);
    HOLDS(coop_main(&options, run_seed_inside, &started) == 0 && started);
    coop_sim_trace_stop();
    HOLDS(coop_sim_fds_open() == 0 && coop_sim_zombies() == 0 && coop_sim_alive() == 0 &&
          !invariants);
    coop_sim_end();
    HOLDS(failing_memory_allocations() == allocations);
    HOLDS(failing_memory_mappings() == mappings);
}

static int run_seeds(unsigned long first, unsigned long last)
{
    for (unsigned long i = first; i <= last; i++)
        run_seed(i);
    printf("%lu seeds, all held\n", last - first + 1);
    return 0;
}

/* ---- the same again ---- */

static uint64_t sum_of_seed(unsigned long number)
{
    log_fd = -1;
    run_seed(number);
    log_fd = -2;
    return coop_sim_trace_sum();
}

/* The log of a seed from a process of its own; the caller frees it. */
static char *log_of_seed(char *self, const char *number, size_t *ret_size)
{
    size_t size = 0, room = 1 << 20;
    char *text = must_have(room);
    int ends[2], status = -1;
    ssize_t n;
    pid_t pid;

    HOLDS(pipe(ends) == 0);
    pid = fork();
    if (pid == 0) {
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        setenv("SEED", number, 1);
        execv("/proc/self/exe", (char *[]){self, NULL});
        _exit(127);
    }
    close(ends[1]);
    while ((n = read(ends[0], text + size, room - size)) > 0) {
        size += (size_t)n;
        if (size == room)
            text = realloc(text, room *= 2);
        HOLDS(text);
    }
    close(ends[0]);
    HOLDS(waitpid(pid, &status, 0) == pid && status == 0);
    *ret_size = size;
    return text;
}

static uint64_t sum_of_text(const char *text, size_t size)
{
    uint64_t sum = UINT64_C(0xCBF29CE484222325);

    for (size_t i = 0; i < size; i++)
        sum = (sum ^ (unsigned char)text[i]) * UINT64_C(0x100000001B3);
    return sum;
}

/* Fresh or after other seeds, here or in another process, at whatever addresses. */
static int replay(char *self)
{
    size_t first_size, second_size;
    char *first = log_of_seed(self, "7", &first_size);
    char *second = log_of_seed(self, "7", &second_size);
    uint64_t sum = sum_of_seed(7);

    HOLDS(first_size > 10000 && first_size == second_size);
    HOLDS(memcmp(first, second, first_size) == 0);
    HOLDS(sum_of_text(first, first_size) == sum);
    HOLDS(sum_of_seed(8) != sum);
    HOLDS(sum_of_seed(7) == sum);
    printf("%zu bytes of log, the same each time\n", first_size);
    free(first);
    free(second);
    return 0;
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_abort};
    const char *wanted = getenv("SEED");

    sigaction(SIGABRT, &action, NULL);
    if (argc > 1 && strcmp(argv[1], "--replay") == 0)
        return replay(argv[0]);
    if (!wanted)
        return run_seeds(1, argc > 1 ? strtoul(argv[1], NULL, 10) : 100);
    log_fd = STDERR_FILENO;
    run_seed(strtoul(wanted, NULL, 10));
    return 0;
}
