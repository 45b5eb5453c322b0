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
#include "service/notify.h"

static char dir[] = "/tmp/coop-journal-XXXXXX";
static char text[65536];
static size_t size;
static char found[4096];
static int survivors;

static void on_survivor(void *arg, const struct survivor *survivor)
{
    (void)arg;
    survivors++;
    strcat(found, survivor->name);
    strcat(found, " ");
}

static ssize_t replay(size_t length)
{
    pid_t coopd;

    found[0] = '\0';
    survivors = 0;
    return journal_replay(text, length, "", on_survivor, NULL, &coopd);
}

/* a and c run, b has ended. */
static void write_journal(void)
{
    struct holder holder;
    struct journal *journal;
    char path[128];
    FILE *file;

    log_set_fd(-1);
    cr_assert_not_null(mkdtemp(dir));
    cr_assert_eq(journal_open(&journal, dir, NULL), 0);
    holder_init(&holder);
    holder.held_by = HELD_BY_PIDNS;
    holder.top_pid = holder.main_pid = getpid();
    journal_run(journal, "a", &holder);
    journal_run(journal, "b", &holder);
    journal_run(journal, "c", &holder);
    journal_end(journal, "b");
    journal_close(journal);
    snprintf(path, sizeof path, "%s/journal", dir);
    file = fopen(path, "re");
    size = fread(text, 1, sizeof text, file);
    fclose(file);
    unlink(path);
    rmdir(dir);
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
    cr_expect_eq(journal_read(place, on_survivor, NULL, &coopd, &err), 0);
    snprintf(path, sizeof path, "%s/journal", place);
    cr_assert_eq(mkdir(path, 0700), 0); /* opens, and cannot be read: also for root */
    cr_expect_eq(journal_read(place, on_survivor, NULL, &coopd, &err), -1);
    cr_expect(strstr(err.text, path));
    rmdir(path);
    rmdir(place);
}

Test(journal, the_start_time_of_a_process_is_its_second_name)
{
    uint64_t ticks = 0;

    cr_expect_eq(journal_start_ticks(getpid(), &ticks), 0);
    cr_expect(ticks > 0);
    cr_expect_eq(journal_start_ticks(0x7ffffff0, &ticks), -ENOENT);
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
    struct survivor life = {.top_pid = getpid()}, gone = {.top_pid = 0x7ffffff0};
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
