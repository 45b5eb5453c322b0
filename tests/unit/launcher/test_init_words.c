/*
 * test_init_words.c - coop-init's own words, and what tini and dumb-init have no test for
 *
 * The words that it shares with those two are held against them by beside_init.c.
 */
#include "support/pty.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORDS 24

/* One running coop-init, its 1 and 2 in one pipe. */
struct run {
    pid_t pid;
    FILE *out;
};

static void start_as(struct run *run, const char *name, const char *const *words)
{
    const char *argv[WORDS] = {name};
    int ends[2];

    for (int i = 1; i < WORDS - 1 && *words; i++)
        argv[i] = *words++;
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    run->pid = fork();
    cr_assert_geq(run->pid, 0);
    if (run->pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, 0);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        execv(COOP_INIT_PATH, (char *const *)(uintptr_t)argv);
        _exit(99);
    }
    close(ends[1]);
    run->out = fdopen(ends[0], "r");
}

#define START(run, ...) start_as(run, "coop-init", (const char *const[]){__VA_ARGS__, NULL})

static int finish(struct run *run, char *ret_rest, size_t size)
{
    size_t got = fread(ret_rest, 1, size - 1, run->out);
    int status = -1;

    ret_rest[got] = '\0';
    fclose(run->out);
    while (waitpid(run->pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static char said[8192];

/* What it ended with; what it said is in 'said'. */
static int ends_with(const char *const *words)
{
    struct run run;

    start_as(&run, "coop-init", words);
    return finish(&run, said, sizeof said);
}

#define RUN(...) ends_with((const char *const[]){__VA_ARGS__, NULL})

static int count(const char *text)
{
    int n = 0;

    for (const char *at = said; (at = strstr(at, text)); at += strlen(text))
        n++;
    return n;
}

static void await(struct run *run, const char *line)
{
    char got[128] = "";

    cr_assert_not_null(fgets(got, sizeof got, run->out), "'%s' did not come", line);
    cr_assert_eq(strncmp(got, line, strlen(line)), 0, "'%s' instead of '%s'", got, line);
}

/* ---- words ---- */

Test(init_words, wrong_ones_are_named_and_end_with_125)
{
    static const char *const bad[][4] = {
        {"--no-such"},
        {"-Z"},
        {"-gZ", "true"},
        {"-e", "256", "true"},
        {"-e"},
        {"-r", "0:1"},
        {"-r", "65:1"},
        {"-r", "TERM:NONE"},
        {"-r", "TERMS:1"},
        {"-p", "0"},
        {"--group=1"},
        {"--respawn=never", "true"},
        {"--respawn-limit=0"},
        {"-n", "9999"},
        {"--remap-exit="},
        {"--rewrite"},
        {"--respawn-limit=1x"},
        {"-p", "SIG"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(ends_with(bad[i]), 125, "%s", bad[i][0]);
        cr_assert(strstr(said, "coop-init: "), "%s", said);
    }
}

Test(init_words, signals_have_names_and_numbers)
{
    cr_assert_eq(RUN("-r", "term:15", "-rSIGUSR1:hup", "-r", "64:0", "true"), 0, "%s", said);
    cr_assert_eq(RUN("--parent-death-signal=kill", "true"), 0, "%s", said);
}

Test(init_words, version_help_and_license_are_words_only)
{
    cr_assert_eq(RUN("--version"), 0);
    cr_assert_eq(RUN("-h"), 0);
    cr_assert(strstr(said, "--rewrite S:R"));
    cr_assert(strstr(said, "--respawn[=WHEN]"));
    cr_assert_eq(RUN("-l"), 0);
    cr_assert(strstr(said, "MIT"));
}

Test(init_words, dashes_behind_the_command_are_its_own)
{
    cr_assert_eq(RUN("sh", "-c", "exit 4"), 4);
    cr_assert_eq(RUN("printf", "%s ", "--", "-g"), 0);
    cr_assert_str_eq(said, "-- -g ");
}

/* ---- telling ---- */

Test(init_words, it_tells_what_it_was_asked_to_tell)
{
    cr_assert_eq(RUN("true"), 0);
    cr_assert_str_eq(said, "", "nothing by itself");
    cr_assert_eq(RUN("-v", "sh", "-c", "exit 3"), 3);
    cr_assert(strstr(said, "started 'sh', PID "), "%s", said);
    cr_assert(strstr(said, "ended with 3"), "%s", said);
}

Test(init_words, with_w_it_tells_of_orphans)
{
    bool ready = false, reaped = false;
    char line[128];
    struct run run;

    START(&run, "-w", SPAWN_PROBE_PATH, "litter", "1");
    while (!(ready && reaped)) {
        cr_assert_not_null(fgets(line, sizeof line, run.out));
        ready = ready || strncmp(line, "ready ", 6) == 0;
        reaped = reaped || strncmp(line, "coop-init: reaped an orphan, PID ", 33) == 0;
    }
    kill(run.pid, SIGTERM);
    cr_assert_eq(finish(&run, said, sizeof said), 128 + SIGTERM);
}

Test(init_words, signals_are_told_as_they_were_passed_on)
{
    struct run run;

    START(&run, "-vv", "-r", "USR1:0", "-r", "HUP:TERM", "sh", "-c",
          "echo ready; exec sleep 100");
    for (int lines = 0; lines < 2; lines++) /* "started" and "ready", in whichever order */
        cr_assert_not_null(fgets(said, sizeof said, run.out));
    kill(run.pid, SIGUSR1);
    await(&run, "coop-init: signal USR1 is not passed on");
    kill(run.pid, SIGHUP);
    await(&run, "coop-init: signal HUP is passed on as TERM");
    finish(&run, said, sizeof said);
}

/* ---- rewriting ---- */

Test(init_words, a_rewritten_signal_keeps_its_value)
{
    struct run run;

    START(&run, "-r", "40:41", SPAWN_PROBE_PATH, "relay");
    await(&run, "ready");
    cr_assert_eq(sigqueue(run.pid, 40, (union sigval){.sival_int = 12}), 0);
    await(&run, "41 12");
    kill(run.pid, SIGKILL);
    finish(&run, said, sizeof said);
}

/* ---- restarts ---- */

Test(init_words, a_command_that_fails_is_started_again)
{
    cr_assert_eq(RUN("--respawn-limit=3", "sh", "-c", "echo life; exit 6"), 6);
    cr_assert_eq(count("life\n"), 4, "%s", said);
    cr_assert(strstr(said, "ended with 6 and is started again in 0 ms"), "%s", said);
    cr_assert(strstr(said, "started again in 100 ms"), "%s", said);
    cr_assert(strstr(said, "started again in 200 ms"), "%s", said);
    cr_assert(strstr(said, "ended with 6 and is given up after 3 restarts in a row"), "%s",
              said);
}

Test(init_words, the_pauses_between_restarts_are_kept)
{
    struct timespec began, ended;

    clock_gettime(CLOCK_MONOTONIC, &began);
    cr_assert_eq(RUN("--respawn", "--respawn-limit", "3", "false"), 1);
    clock_gettime(CLOCK_MONOTONIC, &ended);
    cr_assert_geq(
        (ended.tv_sec - began.tv_sec) * 1000 + (ended.tv_nsec - began.tv_nsec) / 1000000, 299);
}

Test(init_words, a_command_that_succeeds_is_not_unless_always)
{
    cr_assert_eq(RUN("--respawn", "sh", "-c", "echo life"), 0);
    cr_assert_eq(count("life\n"), 1, "%s", said);
    cr_assert_eq(RUN("--respawn", "-e", "9", "sh", "-c", "echo life; exit 9"), 0);
    cr_assert_eq(count("life\n"), 1, "%s", said);
    cr_assert_eq(RUN("--respawn=always", "--respawn-limit=2", "sh", "-c", "echo life"), 0);
    cr_assert_eq(count("life\n"), 3, "%s", said);
}

Test(init_words, a_killed_command_lives_again_until_it_is_asked_to_end)
{
    struct run run;
    int pid[2] = {0};
    char line[128];

    START(&run, "--respawn", SPAWN_PROBE_PATH, "wait");
    for (int i = 0; i < 2; i++) {
        cr_assert_not_null(fgets(line, sizeof line, run.out));
        cr_assert_eq(sscanf(line, "ready %d", &pid[i]), 1, "%s", line);
        cr_assert_gt(pid[i], 1);
        if (i == 0) {
            kill(pid[0], SIGKILL);
            await(&run, "coop-init: '");
        }
    }
    cr_assert_neq(pid[0], pid[1]);
    kill(run.pid, SIGTERM);
    cr_assert_eq(finish(&run, said, sizeof said), 128 + SIGTERM);
    cr_assert_eq(count("started again"), 0, "%s", said);
}

Test(init_words, asked_to_end_between_two_lives_it_ends)
{
    struct run run;

    START(&run, "--respawn", "sh", "-c", "exit 1");
    await(&run, "coop-init: 'sh' ended with 1 and is started again in 0 ms");
    await(&run, "coop-init: 'sh' ended with 1 and is started again in 100 ms");
    await(&run, "coop-init: 'sh' ended with 1 and is started again in 200 ms");
    await(&run, "coop-init: 'sh' ended with 1 and is started again in 400 ms");
    kill(run.pid, SIGTERM);
    cr_assert_eq(finish(&run, said, sizeof said), 128 + SIGTERM);
}

Test(init_words, a_command_that_is_not_there_is_not_tried_twice)
{
    cr_assert_eq(RUN("--respawn", "/no/such"), 127);
    cr_assert_eq(count("cannot run"), 1, "%s", said);
}

Test(init_words, with_t_it_stays_for_what_each_life_has_left_behind)
{
    struct run run;
    int left[2] = {0};
    char line[128];

    START(&run, "-t", "--respawn-limit=1", SPAWN_PROBE_PATH, "leave");
    for (int i = 0; i < 2; i++) {
        cr_assert_not_null(fgets(line, sizeof line, run.out));
        cr_assert_eq(sscanf(line, "left %d", &left[i]), 1, "%s", line);
        cr_assert_gt(left[i], 1);
        if (i == 0)
            await(&run, "coop-init: '");
    }
    cr_assert_eq(kill(left[0], SIGKILL), 0, "it lives through the second life");
    cr_assert_eq(kill(left[1], SIGKILL), 0);
    cr_assert_eq(finish(&run, said, sizeof said), 5);
}

/* ---- the parent's death ---- */

Test(init_words, with_p_it_ends_with_its_parent_and_the_command_too)
{
    int ends[2], alive[2];
    char byte;
    pid_t parent;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert_eq(pipe(alive), 0); /* inherited: its end means that nobody is left */
    parent = fork();
    if (parent == 0) {
        struct run run;

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(alive[0]);
        START(&run, "-p", "KILL", "sh", "-c", "echo ready; exec sleep 100");
        await(&run, "ready");
        (void)!write(ends[1], "", 1);
        for (;;)
            pause();
    }
    close(alive[1]);
    close(ends[1]);
    cr_assert_eq(read(ends[0], &byte, 1), 1);
    kill(parent, SIGKILL);
    cr_assert_eq(waitpid(parent, NULL, 0), parent);
    cr_assert_eq(read(alive[0], &byte, 1), 0);
}

/* ---- terminals ---- */

static struct pty pty;

static void stops_and_goes_on(const char *const argv[])
{
    pty_open(&pty, argv, NULL);
    cr_assert(pty_shows(&pty, "ready"), "%s", pty.screen);
    pty_type(&pty, "\x1a");
    cr_assert_str_eq(pty_event(&pty), "stopped");
    pty_order(&pty, PTY_FOREGROUND);
    cr_assert_str_eq(pty_event(&pty), "continued");
    pty_type(&pty, "word\r");
    cr_assert(pty_shows(&pty, "got word"), "%s", pty.screen);
    pty_type(&pty, "\x03");
    cr_assert_str_eq(pty_event(&pty), "exit 130");
    pty_close(&pty);
}

#define READS "sh", "-c", "echo ready; while read x; do echo got $x; done"

Test(init_words, a_stop_typed_at_the_terminal_stops_both_and_a_shell_continues_both)
{
    stops_and_goes_on((const char *const[]){COOP_INIT_PATH, READS, NULL});
}

Test(init_words, a_command_with_a_group_of_its_own_gets_the_terminal_back)
{
    stops_and_goes_on((const char *const[]){COOP_INIT_PATH, "-g", READS, NULL});
}

Test(init_words, in_the_background_the_terminal_is_not_taken)
{
    pty_open(&pty,
             (const char *const[]){COOP_INIT_PATH, "-g", "sh", "-c",
                                   "echo ready; read x; echo got $x", NULL},
             NULL);
    cr_assert(pty_shows(&pty, "ready"), "%s", pty.screen);
    pty_type(&pty, "\x1a");
    cr_assert_str_eq(pty_event(&pty), "stopped");
    pty_order(&pty, PTY_BACKGROUND);
    cr_assert_str_eq(pty_event(&pty), "continued");
    cr_assert_str_eq(pty_event(&pty), "stopped", "it reads, and stops for that");
    pty_order(&pty, PTY_FOREGROUND);
    cr_assert_str_eq(pty_event(&pty), "continued");
    pty_type(&pty, "word\r");
    cr_assert(pty_shows(&pty, "got word"), "%s", pty.screen);
    cr_assert_str_eq(pty_event(&pty), "exit 0");
    pty_close(&pty);
}

/* As the leader of a terminal's session it lets the terminal go, and the SIGHUP that this makes is
 * not passed on. */
Test(init_words, a_session_of_its_own_takes_the_terminal_along)
{
    pid_t leader;
    int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), status = -1;
    char name[64], text[256] = "";
    size_t used = 0;
    ssize_t got;

    cr_assert(master >= 0 && grantpt(master) == 0 && unlockpt(master) == 0);
    cr_assert_eq(ptsname_r(master, name, sizeof name), 0);
    leader = fork();
    if (leader == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        setsid();
        for (int fd = 0; fd < 3; fd++) {
            int slave = open(name, O_RDWR); /* the first one becomes our terminal */

            if (slave >= 0 && slave != fd)
                dup2(slave, fd);
        }
        execl(COOP_INIT_PATH, "coop-init", "--new-session", "sh", "-c",
              "echo word > /dev/tty; exit 3", NULL);
        _exit(99);
    }
    cr_assert_eq(waitpid(leader, &status, 0), leader);
    cr_assert_eq(WEXITSTATUS(status), 3, "status %x", (unsigned)status);
    while (used < sizeof text - 1 &&
           (got = read(master, text + used, sizeof text - 1 - used)) > 0)
        used += (size_t)got;
    cr_assert(strstr(text, "word"), "%s", text);
    close(master);
}
