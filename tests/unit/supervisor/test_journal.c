/*
 * What a journal tells after its coopd was killed, whole, torn and damaged.
 */
#include "adopt.h"
#include "journal.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/sys.h"
#include "service/adopted.h"
#include "service/follow.h"
#include "service/notify.h"

static char dir[] = "/tmp/coop-journal-XXXXXX";
static char text[65536];
static size_t size;
static char found[4096];
static int survivors;
static bool closing;
static struct survivor last;

static void on_survivor(void *arg, const struct survivor *survivor)
{
    (void)arg;
    if (!survivor->has_life)
        return;
    survivors++;
    last = *survivor;
    strcat(found, survivor->name);
    strcat(found, " ");
}

static ssize_t replay(size_t length)
{
    pid_t coopd;

    found[0] = '\0';
    survivors = 0;
    return journal_replay(text, length, "", on_survivor, NULL, &coopd, &closing);
}

static void read_back_only(const char *place)
{
    char path[128];
    FILE *file;

    snprintf(path, sizeof path, "%s/journal", place);
    file = fopen(path, "re");
    size = fread(text, 1, sizeof text, file);
    fclose(file);
}

static void read_back(const char *place)
{
    char path[128];

    read_back_only(place);
    snprintf(path, sizeof path, "%s/journal", place);
    unlink(path);
    rmdir(place);
}

static const struct saved_life a_life = {.held_by = HELD_BY_CGROUP,
                                         .top_pid = 4711,
                                         .main_pid = 4712,
                                         .start_ticks = 815,
                                         .cgroup = "coop-12/web",
                                         .whole = true,
                                         .command = 2,
                                         .notes = true,
                                         .polls = true,
                                         .lost = UINT64_C(1) << 63,
                                         .digest = UINT64_C(0xfedcba9876543210),
                                         .began = 123456789,
                                         .notify = "@coop/00ff/web",
                                         .pidfd = -1};

/* a and c run, b has ended. */
static void write_journal(void)
{
    struct journal *journal;

    log_set_fd(-1);
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(journal_open(&journal, dir, NULL, 0, NULL, 0, NULL, NULL), 0);
    journal_run(journal, "a", &a_life);
    journal_run(journal, "b", &a_life);
    journal_run(journal, "c", &a_life);
    journal_end(journal, "b");
    journal_close(journal);
    read_back(dir);
}

TestSuite(journal, .init = write_journal);

Test(journal, survivors_are_runs_without_an_end)
{
    cr_expect_eq(replay(size), 0);
    cr_expect_eq(survivors, 2);
    cr_expect(strstr(found, "a ") && strstr(found, "c "));
}

Test(journal, a_torn_last_line_is_told_and_does_no_harm)
{
    for (size_t cut = 0; cut <= size; cut++) {
        ssize_t damaged = replay(cut);

        cr_expect(damaged <= 1, "cut at %zu", cut);
        cr_expect(survivors <= 3);
    }
}

Test(journal, no_changed_byte_is_believed)
{
    for (size_t i = 0; i < size; i++) {
        char was = text[i];
        ssize_t damaged;

        text[i] = (char)(was ^ 1);
        damaged = replay(size);
        cr_expect(damaged >= 1 || was == '\n', "byte %zu", i);
        text[i] = was;
    }
}

Test(journal, one_that_cannot_be_read_is_an_error_and_none_is_not)
{
    char place[] = "/tmp/coop-journal-XXXXXX", path[128];
    struct coop_err err = {0};
    pid_t coopd;

    cr_assert_not_null(mkdtemp(place));
    cr_expect_eq(journal_read(place, on_survivor, NULL, &coopd, &closing, &err), 0);
    snprintf(path, sizeof path, "%s/journal", place);
    cr_assert_eq(mkdir(path, 0700), 0); /* opens, and cannot be read: also for root */
    cr_expect_eq(journal_read(place, on_survivor, NULL, &coopd, &closing, &err), -1);
    cr_expect(strstr(err.text, path));
    rmdir(path);
    rmdir(place);
}

/* One for each place, with as many differences as there are fields. */
static struct saved_state state_at(unsigned place)
{
    return (struct saved_state){.place = (enum svc_place)place,
                                .wanted_up = place & 1,
                                .stop_asked = place & 2,
                                .again = place & 4,
                                .was_ready = place & 8,
                                .main_told = !(place & 1),
                                .command = place + 1,
                                .restarts = place + 2,
                                .in_a_row = place + 3,
                                .over = place + 10,
                                .ending = {.kind = (enum svc_exit_kind)(place % 4),
                                           .value = (int)place + 4,
                                           .core = place & 1,
                                           .unborn = place & 2,
                                           .timed_out = place & 4,
                                           .never_ready = place & 8,
                                           .out_of_memory = !(place & 2),
                                           .out_of_tasks = !(place & 4),
                                           .out_of_disk = !(place & 8),
                                           .broken = (enum launch_result)(place % 3)},
                                .since = place + 5,
                                .up_since = place + 6,
                                .up_at = place + 7,
                                .until = place + 8,
                                .since_wall = place + 9};
}

/* None, one, ... as many as there can be, and longer than any that there will be. */
static struct saved_starts starts_at(unsigned place)
{
    struct saved_starts starts = {.count = place % (SAVED_STARTS_MAX + 1)};

    for (unsigned i = 0; i < starts.count; i++)
        starts.at[i] = INT64_MIN + place + i;
    return starts;
}

static unsigned states_seen;

static bool same_state(const struct saved_state *a, const struct saved_state *b)
{
    return a->place == b->place && a->wanted_up == b->wanted_up &&
           a->stop_asked == b->stop_asked && a->again == b->again &&
           a->was_ready == b->was_ready && a->main_told == b->main_told &&
           a->command == b->command && a->restarts == b->restarts &&
           a->in_a_row == b->in_a_row && a->over == b->over && a->since == b->since &&
           a->up_since == b->up_since && a->up_at == b->up_at && a->until == b->until &&
           a->since_wall == b->since_wall;
}

static bool same_ending(const struct ending *a, const struct ending *b)
{
    return a->kind == b->kind && a->value == b->value && a->core == b->core &&
           a->unborn == b->unborn && a->timed_out == b->timed_out &&
           a->never_ready == b->never_ready && a->out_of_memory == b->out_of_memory &&
           a->out_of_tasks == b->out_of_tasks && a->out_of_disk == b->out_of_disk &&
           a->broken == b->broken;
}

static void expect_state(void *arg, const struct survivor *survivor)
{
    struct saved_state wanted = state_at((unsigned)atoi(survivor->name + 1));

    const struct saved_starts starts = starts_at((unsigned)atoi(survivor->name + 1));

    (void)arg;
    states_seen++;
    cr_expect_eq(survivor->starts.count, starts.count);
    cr_expect_eq(memcmp(survivor->starts.at, starts.at, sizeof starts.at), 0);
    cr_expect(!survivor->has_life);
    cr_expect(same_state(&survivor->state, &wanted), "%s", survivor->name);
    cr_expect(same_ending(&survivor->state.ending, &wanted.ending), "%s", survivor->name);
}

Test(journal, every_place_and_every_field_come_back)
{
    char place[] = "/tmp/coop-journal-XXXXXX", name[16];
    struct journal *journal;
    pid_t coopd;

    cr_assert_not_null(mkdtemp(place));
    cr_assert_eq(journal_open(&journal, place, NULL, 0, NULL, 0, NULL, NULL), 0);
    for (unsigned i = 0; i < SVC_PLACE_COUNT; i++) {
        const struct saved_state state = state_at(i);
        const struct saved_starts starts = starts_at(i);

        snprintf(name, sizeof name, "s%u", i);
        journal_at(journal, name, &state, &starts);
    }
    journal_at(journal, "gone", &(struct saved_state){.place = AT_UP},
               &(struct saved_starts){0});
    journal_gone(journal, "gone");
    journal_close(journal);
    read_back(place);
    cr_expect_eq(journal_replay(text, size, "", expect_state, NULL, &coopd, &closing), 0);
    cr_expect_eq(states_seen, SVC_PLACE_COUNT);
    cr_expect(!closing);
    cr_expect_eq(coopd, getpid());
}

/* A checksum keeps no bad intent away: what would reach others is damage. */
Test(journal, no_line_reaches_who_is_none_of_ours)
{
    static const struct saved_life bad[] = {
        {.top_pid = 1, .main_pid = 4712},
        {.top_pid = 0, .main_pid = 4712},
        {.top_pid = -1, .main_pid = 4712},
        {.top_pid = 4711, .main_pid = 1},
        {.top_pid = 4711, .main_pid = -1},
        {.top_pid = 4711, .main_pid = 4712, .notify = "/etc/passwd"},
        {.top_pid = 4711, .main_pid = 4712, .held_by = (enum svc_held_by)99},
    };
    char place[] = "/tmp/coop-journal-XXXXXX";
    struct journal *journal;

    cr_assert_not_null(mkdtemp(place));
    cr_assert_eq(journal_open(&journal, place, NULL, 0, NULL, 0, NULL, NULL), 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        journal_run(journal, "web", &bad[i]);
    journal_at(journal, "web", &(struct saved_state){.place = AT_FAILED, .over = 257},
               &(struct saved_starts){0});
    journal_close(journal);
    read_back(place);
    cr_expect_eq(replay(size), (ssize_t)(sizeof bad / sizeof bad[0] + 1));
    cr_expect_eq(survivors, 0);
}

Test(journal, a_life_comes_back_and_begins_where_a_launch_begins)
{
    replay(size);
    cr_expect_eq(last.life.held_by, a_life.held_by);
    cr_expect_eq(last.life.top_pid, a_life.top_pid);
    cr_expect_eq(last.life.main_pid, a_life.main_pid);
    cr_expect_eq(last.life.start_ticks, a_life.start_ticks);
    cr_expect_str_eq(last.life.cgroup, a_life.cgroup);
    cr_expect_str_eq(last.life.notify, a_life.notify);
    cr_expect(last.life.whole && last.life.notes && last.life.polls);
    cr_expect_eq(last.life.lost, a_life.lost);
    cr_expect_eq(last.life.digest, a_life.digest);
    cr_expect_eq(last.life.began, a_life.began);
    cr_expect_eq(last.state.command, a_life.command);
    cr_expect_eq(last.state.place, AT_START_MAIN);
    cr_expect(last.state.wanted_up);
}

Test(journal, what_is_kept_is_in_the_next_one_from_its_first_moment)
{
    char place[] = "/tmp/coop-journal-XXXXXX";
    struct survivor kept = {.name = "web", .has_life = true, .life = a_life};
    struct journal *journal;

    kept.state = state_at(AT_STOP_MAIN);
    cr_assert_not_null(mkdtemp(place));
    cr_assert_eq(journal_open(&journal, place, &kept, 1, NULL, 0, NULL, NULL), 0);
    journal_closing(journal);
    journal_close(journal);
    read_back(place);
    cr_expect_eq(replay(size), 0);
    cr_expect_eq(survivors, 1);
    cr_expect(same_state(&last.state, &kept.state));
    cr_expect_eq(last.life.digest, a_life.digest);
    cr_expect(closing);
}

Test(journal, who_is_main_belongs_to_the_life)
{
    const struct saved_life main = {.main_pid = 5000, .main_ticks = 999, .main_inside = 7};
    char place[] = "/tmp/coop-journal-XXXXXX";
    struct survivor kept = {.name = "web", .has_life = true, .life = a_life};
    struct journal *journal;

    kept.life.main_ticks = 4;
    kept.life.main_inside = 3;
    kept.state = state_at(AT_START_MAIN);
    kept.state.main_told = true;
    cr_assert_not_null(mkdtemp(place));
    cr_assert_eq(journal_open(&journal, place, &kept, 1, NULL, 0, NULL, NULL), 0);
    read_back_only(place);
    cr_expect_eq(replay(size), 0);
    cr_expect_eq(last.life.main_ticks, 4);
    cr_expect_eq(last.life.main_inside, 3);
    journal_main(journal, "web", &main);
    read_back_only(place);
    cr_expect_eq(replay(size), 0);
    cr_expect_eq(last.life.main_pid, 5000);
    cr_expect_eq(last.life.main_ticks, 999);
    cr_expect_eq(last.life.top_pid, a_life.top_pid);
    cr_expect(!last.state.main_told, "its end is not known");
    journal_run(journal, "web", &a_life);
    journal_close(journal);
    read_back(place);
    cr_expect_eq(replay(size), 0);
    cr_expect_eq(last.life.main_ticks, 0, "that was another life's");
}

Test(follow, the_number_inside_is_that_of_the_namespace_below_ours)
{
    pid_t inside = 0;

    cr_expect_eq(follow_parse_inside("Name:\tx\nNSpid:\t4711\t12\t3\nNSpgid:\t1\n", &inside),
                 0);
    cr_expect_eq(inside, 12);
    cr_expect_eq(follow_parse_inside("Name:\tNSpid: 1 2\nNSpid:\t4711\n", &inside), -EINVAL);
    cr_expect_eq(follow_parse_inside("", &inside), -EINVAL);
}

Test(adopt, what_becomes_of_whom)
{
    static const struct {
        bool has_life, whole, configured, kills, lives, closing;
        enum fate fate;
        bool counts, dies;
    } rows[] = {
        {true, true, true, false, true, false, FATE_KEEP, false, false},
        {true, true, true, false, false, false, FATE_RENEW, false, true},
        {true, true, true, false, true, false, FATE_END, false, true},
        {true, true, true, false, true, true, FATE_KEEP, false, false},
        {true, true, true, false, false, false, FATE_KEEP, false, false},
        {true, true, true, true, true, false, FATE_END, false, false},
        {true, true, true, true, false, false, FATE_RENEW, false, false},
        {true, false, true, false, true, false, FATE_END, false, false},
        {true, false, true, false, false, false, FATE_RENEW, false, false},
        {true, true, false, false, true, false, FATE_END, false, false},
        {true, true, false, false, false, false, FATE_FORGET, false, false},
        {true, true, true, false, true, false, FATE_END, true, false},
        {true, true, true, false, false, false, FATE_KEEP, true, false},
        {false, true, true, false, false, false, FATE_KEEP, false, false},
        {false, true, true, true, false, false, FATE_KEEP, false, false},
        {false, true, true, false, false, true, FATE_FORGET, false, false},
        {false, true, false, false, false, false, FATE_FORGET, false, false},
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct survivor was = {.has_life = rows[i].has_life, .life.whole = rows[i].whole};
        struct svc_spec *spec = svc_spec_new();

        spec->on_death = rows[i].kills ? ON_DEATH_KILL : ON_DEATH_KEEP;
        spec->launch.die_with_parent = rows[i].dies;
        if (rows[i].counts)
            spec->launch.bounds.output = 1;
        cr_expect_eq(
            adopt_fate(&was, rows[i].configured ? spec : NULL, rows[i].lives, rows[i].closing),
            rows[i].fate, "row %zu", i);
        svc_spec_unref(spec);
    }
}

/* ---- who cannot be asked ---- */

static int refusal;

static int refused_pidfd(pid_t pid, unsigned flags)
{
    return refusal ? -refusal : sys_kernel.pidfd_open(pid, flags);
}

static int refused_file(int at, const char *path, int flags, mode_t mode)
{
    (void)at, (void)path, (void)flags, (void)mode;
    return -refusal;
}

Test(adopt, who_lives_and_cannot_be_held_is_not_taken_for_gone)
{
    static const int errors[] = {ENOSYS, EPERM, EINVAL, EMFILE, ENFILE, ENOMEM};
    struct sys_ops ops = sys_kernel;
    struct saved_life life = {.top_pid = getpid()}, gone = {.top_pid = 0x7ffffff0};
    int fd;

    cr_assert_eq(journal_start_ticks(life.top_pid, &life.start_ticks), 0);
    gone.start_ticks = life.start_ticks;
    ops.pidfd_open = refused_pidfd;
    sys_install(&ops);
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        refusal = errors[i];
        cr_expect_eq(adopt_open(&life), -errors[i]);
    }
    refusal = ENOSYS; /* no process has that number */
    cr_expect_eq(adopt_open(&gone), -ESRCH);
    life.start_ticks++; /* somebody else has it */
    cr_expect_eq(adopt_open(&life), -ESRCH);
    refusal = 0;
    cr_expect_eq(adopt_open(&life), -ESRCH);
    life.start_ticks--;
    fd = adopt_open(&life);
    cr_expect_geq(fd, 0);
    close(fd);
    ops.openat = refused_file; /* whose it is cannot be read */
    refusal = EMFILE;
    ops.pidfd_open = sys_kernel.pidfd_open;
    cr_expect_eq(adopt_open(&life), -EMFILE);
    sys_install(&sys_kernel);
}

Test(adopt, a_dead_process_tells_its_status_whatever_its_name)
{
    static const char line[] =
        "4711 (a) b (c)) Z 1 4711 4711 0 -1 4194308 66 0 0 0 0 0 0 0 20 0 1 0 6091450 0 0 "
        "18446744073709551615 0 0 0 0 0 0 0 0 65536 0 0 0 17 1 0 0 0 0 0 0 0 0 0 0 0 0 1792\n";
    uint64_t start = 0;
    int status = 0;
    char state = 0;

    cr_expect(adopted_parse_stat(line, &state, &start, &status));
    cr_expect_eq(state, 'Z');
    cr_expect_eq(start, 6091450);
    cr_expect_eq(status, 7 << 8);
    cr_expect(!adopted_parse_stat("4711 (x) Z 1 2", &state, &start, &status));
    cr_expect(!adopted_parse_stat("", &state, &start, &status));
}

Test(journal, the_start_time_of_a_process_is_its_second_name)
{
    uint64_t ticks = 0;

    cr_expect_eq(journal_start_ticks(getpid(), &ticks), 0);
    cr_expect(ticks > 0);
    cr_expect_eq(journal_start_ticks(0x7ffffff0, &ticks), -ENOENT);
}

static struct notify_message parse(const char *datagram)
{
    struct notify_message message = {0};

    notify_parse(datagram, strlen(datagram), &message);
    return message;
}

Test(notify, lines_are_facts_and_nonsense_is_none)
{
    struct notify_message m = parse("READY=1\nSTATUS=serving\nMAINPID=42\n");

    cr_expect(m.ready && m.has_status && !m.stopping && !m.reloading);
    cr_expect_str_eq(m.status, "serving");
    cr_expect_eq(m.main_pid, 42);
    m = parse("STOPPING=1\nRELOADING=1");
    cr_expect(m.stopping && m.reloading && !m.ready);
    m = parse("READY=0\nREADY=11\nready=1\n\n\n=\nMAINPID=-3\nMAINPID=x");
    cr_expect(!m.ready && m.main_pid == 0);
    m = parse("");
    cr_expect(!m.ready);
}

Test(notify, what_is_said_of_descriptors_is_understood_and_a_bad_name_is_none)
{
    static const char *const bad[] = {"a:b", "a/b", "a b", "", "\x7f", "\xc3\xa4"};
    struct notify_message m = parse("FDSTORE=1\nFDNAME=state.1\nFDPOLL=0");
    char longest[300] = "FDNAME=";

    cr_expect(m.fd_store && m.fd_unpolled && !m.fd_remove);
    cr_expect_str_eq(m.fd_name, "state.1");
    m = parse("FDSTOREREMOVE=1\nFDNAME=x");
    cr_expect(m.fd_remove && !m.fd_store);
    m = parse("FDSTORE=0\nFDSTOREREMOVE=\nFDPOLL=1");
    cr_expect(!m.fd_store && !m.fd_remove && !m.fd_unpolled);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char line[64];

        snprintf(line, sizeof line, "FDSTORE=1\nFDNAME=%s", bad[i]);
        cr_expect_str_eq(parse(line).fd_name, "", "%s", bad[i]);
    }
    memset(longest + 7, 'n', 255);
    cr_expect_eq(strlen(parse(longest).fd_name), 255);
    longest[7 + 255] = 'n';
    cr_expect_str_eq(parse(longest).fd_name, "");
}

/* ---- groups ---- */

static struct saved_group last_group;
static unsigned groups;

static void on_group(void *arg, const struct saved_group *group)
{
    (void)arg;
    groups++;
    last_group = *group;
}

static void one_group_more(const char *place, const struct saved_group *state)
{
    struct journal *journal;

    cr_assert_eq(journal_open(&journal, place, NULL, 0, NULL, 0, NULL, NULL), 0);
    journal_group(journal, &(struct saved_group){.name = "shop"});
    journal_group(journal, state);
    journal_close(journal);
}

Test(journal, a_group_comes_back_as_it_was_last)
{
    struct saved_group state = {
        .name = "shop", .from = "db", .phase = 1, .exit_status = 137, .since = 17};
    char place[] = "/tmp/coop-journal-XXXXXX", path[64];
    struct coop_err err = {0};
    struct journal *journal;

    for (unsigned i = 0; i < SAVED_STARTS_MAX; i++)
        state.deaths.at[state.deaths.count++] = (coop_nsec)1 << (i + 40);
    cr_assert(mkdtemp(place));
    one_group_more(place, &state);
    cr_expect_eq(journal_read_groups(place, on_group, NULL, &err), 0);
    cr_expect_eq(groups, 1);
    cr_expect_str_eq(last_group.name, "shop");
    cr_expect_str_eq(last_group.from, "db");
    cr_expect_eq(last_group.phase, 1);
    cr_expect_eq(last_group.exit_status, 137);
    cr_expect_eq(last_group.since, 17);
    cr_expect_eq(memcmp(&last_group.deaths, &state.deaths, sizeof state.deaths), 0);
    /* it goes into the next journal, too, and a coopd that was about to end leaves none */
    cr_assert_eq(journal_open(&journal, place, NULL, 0, &last_group, 1, NULL, NULL), 0);
    cr_expect_eq(journal_read_groups(place, on_group, NULL, &err), 0);
    cr_expect_eq(groups, 2);
    journal_closing(journal);
    journal_close(journal);
    cr_expect_eq(journal_read_groups(place, on_group, NULL, &err), 0);
    cr_expect_eq(groups, 2);
    snprintf(path, sizeof path, "%s/journal", place);
    unlink(path);
    rmdir(place);
}
