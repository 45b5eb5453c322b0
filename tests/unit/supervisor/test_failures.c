/*
 * A service's life, and the journal, when what they ask for is refused: the n-th system call or
 * allocation, for every n, and a full disk.  Over a kernel of our own.
 */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "base/sys.h"
#include "coop/sim.h"
#include "fake_services.h"
#include "journal.h"
#include "sim/failing.h"
#include "support/failing_memory.h"

/* Not EAGAIN: where it means "later", the kernel keeps its word about the edge that comes then. */
static const int errors[] = {EIO, ENOMEM, EMFILE, ENOSPC};
#define ERRORS (sizeof errors / sizeof errors[0])

/* ---- the journal ---- */

static char found[256];

static void on_survivor(void *arg, const struct survivor *survivor)
{
    (void)arg;
    if (!survivor->has_life)
        return;
    strcat(found, survivor->name);
    strcat(found, " ");
}

/* What the file tells now. */
static const char *survivors(void)
{
    const char *text = coop_sim_file_text("/state/journal");
    pid_t coopd;
    bool closing;

    found[0] = '\0';
    failing_memory_spare_begin();
    if (text)
        cr_expect_leq(
            journal_replay(text, strlen(text), "", on_survivor, NULL, &coopd, &closing), 1);
    failing_memory_spare_end();
    return found;
}

static bool tells_of(const char *name)
{
    char word[8] = {name[0], ' ', '\0'};

    return strstr(found, word) != NULL;
}

/* a and b begin, a ends, c begins; then, with room again, d. False: it could not begin. */
static bool keep_journal(void)
{
    const struct saved_life life = {
        .held_by = HELD_BY_PIDNS, .top_pid = 4242, .main_pid = 4242};
    struct journal *journal;

    if (journal_open(&journal, "/state", NULL, 0, NULL, 0, NULL, NULL) < 0)
        return false;
    journal_run(journal, "a", &life);
    journal_run(journal, "b", &life);
    journal_end(journal, "a");
    journal_run(journal, "c", &life);
    survivors();
    cr_expect(!tells_of("d"));
    coop_sim_disk_limit(1 << 20);
    journal_run(journal, "d", &life);
    journal_close(journal);
    survivors();
    cr_expect(!tells_of("a") && tells_of("b") && tells_of("c") && tells_of("d"),
              "it tells of %s", found);
    return true;
}

Test(failures, a_journal_on_a_full_disk_is_whole_when_there_is_room_again, .timeout = 50)
{
    bool began = false, before = false;

    log_set_fd(-1);
    for (size_t room = 0; room < 400; room++) {
        coop_sim_begin(1);
        coop_sim_disk_limit(room);
        before = began;
        began = keep_journal();
        cr_expect(began || !before, "with %zu bytes", room);
        cr_expect_eq(coop_sim_fds_open(), 0);
        coop_sim_end();
    }
    cr_expect(began);
}

Test(failures, a_journal_survives_each_call_that_fails_once, .timeout = 50)
{
    log_set_fd(-1);
    for (size_t i = 0; i < ERRORS; i++) {
        bool failed = true;

        for (unsigned nth = 1; failed; nth++) {
            coop_sim_begin(1);
            failing_kernel_arm(FAIL_ANY, nth, errors[i]);
            keep_journal();
            failed = coop_sim_fail_end();
            cr_expect_eq(coop_sim_fds_open(), 0, "call %u", nth);
            coop_sim_end();
        }
    }
}

Test(failures, a_journal_survives_each_allocation_that_fails_once, .timeout = 50)
{
    bool failed = true;

    log_set_fd(-1);
    for (unsigned nth = 1; failed; nth++) {
        long before;

        coop_sim_begin(1);
        failing_memory_spare_kernel();
        before = failing_memory_allocations();
        failing_memory_arm(nth);
        keep_journal();
        failed = failing_memory_disarm();
        cr_expect_eq(coop_sim_fds_open(), 0, "allocation %u", nth);
        coop_sim_end();
        cr_expect_leq(failing_memory_allocations(), before, "allocation %u", nth);
    }
}

/* ---- a service's life ---- */

struct refusal {
    unsigned nth;
    int error; /* 0: an allocation */
    bool happened;
};

static bool is_deaf(pid_t pid, int signo, void *arg)
{
    (void)pid;
    (void)arg;
    return signo == SIGTERM;
}

/* base is done at once; web's first life ends badly, its second one does not hear TERM. */
static void on_birth(const char *service, pid_t pid)
{
    static unsigned lives;

    failing_memory_spare_begin();
    if (strcmp(service, "base") == 0)
        coop_sim_exit_at(pid, coop_sim_now() + MSEC, 0);
    else if (lives++ % 2 == 0)
        coop_sim_exit_at(pid, coop_sim_now() + SEC, 1);
    else
        coop_sim_on_signal(pid, is_deaf, NULL);
    failing_memory_spare_end();
}

static bool is_at_rest(const char *name)
{
    enum svc_state state = svc_place_state(play_view(name).place);

    return state == ST_DOWN || state == ST_FAILED || state == ST_DONE;
}

static void arm(const struct refusal *refusal)
{
    if (refusal->error) {
        failing_kernel_arm(FAIL_ANY, refusal->nth, refusal->error);
    } else {
        failing_memory_spare_kernel();
        failing_memory_arm(refusal->nth);
    }
}

static int live_with(void *arg)
{
    struct refusal *refusal = arg;
    struct svc *base = play_add("base", "Type=oneshot", NULL);
    struct svc *web = play_add("web", "Requires=base", "After=base", "Restart=on-failure",
                               "RestartSec=1s", "TimeoutStopSec=5s", NULL);
    coop_nsec most;

    play_link();
    play_with_outputs();
    play_on_birth(on_birth);
    arm(refusal);
    play_ask(web, CMD_START, 60 * SEC);
    coop_sleep_until(coop_after(coop_now(), 60 * SEC));
    play_ask(web, CMD_STOP, 60 * SEC);
    play_ask(base, CMD_STOP, 60 * SEC);
    refusal->happened = failing_memory_disarm();
    refusal->happened = coop_sim_fail_end() || refusal->happened;
    /* What was refused may be asked again, and then it comes to rest. */
    most = coop_after(coop_now(), 600 * SEC);
    while (!(is_at_rest("web") && is_at_rest("base")) && coop_now() < most) {
        play_ask(web, CMD_STOP, 60 * SEC);
        play_ask(base, CMD_STOP, 60 * SEC);
        coop_sleep_until(coop_after(coop_now(), 10 * SEC));
    }
    cr_expect(is_at_rest("web") && is_at_rest("base"), "%s %u: web is %d, base is %d",
              coop_sim_failed(), refusal->nth, (int)play_view("web").place,
              (int)play_view("base").place);
    cr_expect_eq(coop_sim_alive(), 0, "%s %u: %zu processes are left", coop_sim_failed(),
                 refusal->nth, coop_sim_alive());
    cr_expect_leq(play_most_alive(), 1, "two copies at a time");
    if (!refusal->happened)
        cr_expect(play_births("base") == 1 && play_births("web") == 2, "%s",
                  play_view("web").reason);
    return 0;
}

Test(failures, a_service_survives_each_call_that_fails_once, .timeout = 50)
{
    for (size_t i = 0; i < ERRORS; i++) {
        struct refusal refusal = {.nth = 0, .error = errors[i], .happened = true};

        while (refusal.happened) {
            refusal.nth++;
            play(7, live_with, &refusal);
        }
        cr_expect_gt(refusal.nth, 30, "only %u calls were tried", refusal.nth);
    }
}

Test(failures, a_service_survives_each_allocation_that_fails_once, .timeout = 50)
{
    struct refusal refusal = {.nth = 0, .error = 0, .happened = true};

    while (refusal.happened) {
        long before = failing_memory_allocations();

        refusal.nth++;
        play(7, live_with, &refusal);
        cr_expect_leq(failing_memory_allocations(), before, "allocation %u: %ld are left",
                      refusal.nth, failing_memory_allocations() - before);
    }
    cr_expect_gt(refusal.nth, 3, "only %u allocations were tried", refusal.nth);
}
