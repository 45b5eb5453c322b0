/*
 * beside_init.c - the same words to tini or dumb-init and to coop-init under their name
 *
 *     beside_init COOP_INIT
 *
 * Each row is a command line, an environment, a script for sh and signals that come when the script
 * has said "ready".  Exit code, what the script says, and the signal that ends whoever is left
 * behind must be the same.  What differs by intention is in launcher/README.md.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORDS = 32, SEEN = 4096, CHOICES = 4 };

#define TINI "tini"
#define DUMB "dumb-init"

/* Who is the leader of what. */
#define PLACE                                                                                  \
    "read a b c d group session e < /proc/$$/stat;"                                            \
    " [ $group != $$ ] || echo group; [ $session != $$ ] || echo session"
/* TERM to the shell alone, or to its child, too?  Of two pending signals the lower one is first.
 * It says "ready" when the shell has set its trap and has a child that has lost it. */
#define GROUP                                                                                  \
    "trap 'kill -PROF $!; wait $!; echo $?; exit 7' TERM;"                                     \
    " { echo ready; exec sleep 100; } & wait $!"
#define TRAPS                                                                                  \
    "for s in HUP INT QUIT USR1 USR2 TERM CONT WINCH; do trap \"echo $s; exit 9\" $s; done;"   \
    " echo ready; while :; do :; done"
#define LEFT "sleep 100 & exit 3"

static const struct row {
    const char *program, *words; /* separated by blanks */
    const char *script;          /* NULL: the words are all */
    const char *variable;
    int signals[CHOICES];
    bool fails; /* only that it fails is the same, not the code */
} rows[] = {
    {TINI, "--", .script = "exit 3"},
    {TINI, "--", .script = "exit 255"},
    {TINI, "--", .script = "kill -KILL $$"},
    {TINI, "-e 3 --", .script = "exit 3"},
    {TINI, "-e3 -e 4 --", .script = "exit 4"},
    {TINI, "-e 5 --", .script = "exit 3"},
    {TINI, "-e 143 --", .script = "kill -TERM $$"},
    {TINI, "-e 256 --", .script = "exit 0", .fails = true},
    {TINI, "-e x --", .script = "exit 0", .fails = true},
    {TINI, "-s --", .script = LEFT},
    {TINI, "--", .script = LEFT, .variable = "TINI_SUBREAPER="},
    {TINI, "--", .script = PLACE},
    {TINI, "-g --", .script = PLACE},
    {TINI, "--", .script = GROUP, .signals = {SIGTERM}},
    {TINI, "-g --", .script = GROUP, .signals = {SIGTERM}},
    {TINI, "-gvws --", .script = GROUP, .signals = {SIGTERM}, .variable = "TINI_VERBOSITY=0"},
    {TINI, "--", .script = GROUP, .signals = {SIGTERM},
     .variable = "TINI_KILL_PROCESS_GROUP=0"},
    {TINI, "--", .script = TRAPS, .signals = {SIGHUP}},
    {TINI, "--", .script = TRAPS, .signals = {SIGINT}},
    {TINI, "--", .script = TRAPS, .signals = {SIGQUIT}},
    {TINI, "--", .script = TRAPS, .signals = {SIGUSR1}},
    {TINI, "--", .script = TRAPS, .signals = {SIGWINCH}},
    {TINI, "-p SIGKILL --", .script = "exit 4"},
    {TINI, "-p SIGNONE --", .script = "exit 4", .fails = true},
    {TINI, "-x --", .script = "exit 4", .fails = true},
    {TINI, "", .script = NULL, .fails = true},
    {TINI, "/no/such", .script = NULL},
    {TINI, "/etc/passwd", .script = NULL},
    {TINI, "sh -- -c pwd", .script = NULL},
    {DUMB, "", .script = "exit 3"},
    {DUMB, "--", .script = "exit 255"},
    {DUMB, "", .script = "kill -KILL $$"},
    {DUMB, "", .script = PLACE},
    {DUMB, "-c", .script = PLACE},
    {DUMB, "--single-child --", .script = PLACE},
    {DUMB, "", .script = PLACE, .variable = "DUMB_INIT_SETSID=0"},
    {DUMB, "", .script = PLACE, .variable = "DUMB_INIT_SETSID=1"},
    {DUMB, "", .script = LEFT},
    {DUMB, "-c", .script = LEFT},
    {DUMB, "-r 15:0", .script = LEFT},
    {DUMB, "", .script = GROUP, .signals = {SIGTERM}},
    {DUMB, "-c", .script = GROUP, .signals = {SIGTERM}},
    {DUMB, "-v", .script = GROUP, .signals = {SIGTERM}},
    {DUMB, "", .script = TRAPS, .signals = {SIGHUP}},
    {DUMB, "", .script = TRAPS, .signals = {SIGINT}},
    {DUMB, "", .script = TRAPS, .signals = {SIGUSR2}},
    {DUMB, "-r 15:10", .script = TRAPS, .signals = {SIGTERM}},
    {DUMB, "--rewrite 15:10 --", .script = TRAPS, .signals = {SIGTERM}},
    {DUMB, "--rewrite=1:15 --rewrite=2:0 -r15:12", .script = TRAPS,
     .signals = {SIGINT, SIGTERM}},
    {DUMB, "-r 15:10 -r 15:12", .script = TRAPS, .signals = {SIGTERM}},
    {DUMB, "-r 15:0", .script = TRAPS, .signals = {SIGTERM, SIGUSR1}},
    {DUMB, "-r 15", .script = "exit 3", .fails = true},
    {DUMB, "-r 15:", .script = "exit 3", .fails = true},
    {DUMB, "-r x:1", .script = "exit 3", .fails = true},
    {DUMB, "", .script = TRAPS, .signals = {SIGTSTP, SIGCONT}},
    {DUMB, "", .script = TRAPS, .signals = {SIGTTIN, SIGCONT}},
    {DUMB, "-x", .script = "exit 4", .fails = true},
    {DUMB, "", .script = NULL, .fails = true},
    {DUMB, "/no/such", .script = NULL, .fails = true},
};

static void split(const struct row *row, const char *name, char *words, const char **argv)
{
    int count = 1;

    argv[0] = name;
    snprintf(words, SEEN, "%s", row->words);
    for (char *word = words; *word && count < WORDS - 4;) {
        size_t length = strcspn(word, " ");

        argv[count++] = word;
        word += length;
        if (*word)
            *word++ = '\0';
    }
    if (row->script) {
        argv[count++] = "sh";
        argv[count++] = "-c";
        argv[count++] = row->script;
    }
    argv[count] = NULL;
}

static pid_t start(const struct row *row, const char *program, int *ret_out)
{
    static char words[SEEN];
    const char *argv[WORDS];
    int ends[2];
    pid_t pid;

    split(row, row->program, words, argv);
    if (pipe2(ends, O_CLOEXEC) < 0)
        exit(99);
    pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR | O_CLOEXEC);

        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, 0);
        dup2(ends[1], 1);
        dup2(null, 2);
        if (row->variable)
            putenv((char *)(uintptr_t)row->variable);
        execvp(program, (char *const *)(uintptr_t)argv);
        _exit(99);
    }
    close(ends[1]);
    *ret_out = ends[0];
    return pid;
}

/* Reads what is said until it ends with 'until', or nobody can say anything any more. */
static void hear(int out, char *seen, const char *until)
{
    size_t used = strlen(seen);
    struct pollfd wait = {.fd = out, .events = POLLIN};

    while (used < SEEN - 1 && poll(&wait, 1, 10000) == 1) {
        ssize_t got = read(out, seen + used, SEEN - 1 - used);

        if (got <= 0)
            return;
        used += (size_t)got;
        seen[used] = '\0';
        if (until && used >= strlen(until) && strcmp(seen + used - strlen(until), until) == 0)
            return;
    }
}

static void await_stop(pid_t pid)
{
    siginfo_t info = {0};

    if (waitid(P_PID, (id_t)pid, &info, WSTOPPED | WEXITED | WNOWAIT) < 0)
        exit(99);
}

/* Orphans come to us; each gets PROF, and what ends it is noted. */
static void end_orphans(char *seen)
{
    char path[64], pids[256] = "";
    size_t used = strlen(seen);
    int status, fd;

    snprintf(path, sizeof path, "/proc/self/task/%d/children", (int)getpid());
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, pids, sizeof pids - 1) < 0)
        exit(99);
    close(fd);
    for (char *at = pids; *at >= '1' && *at <= '9'; at = strchr(at, ' ') + 1)
        kill(atoi(at), SIGPROF);
    while (waitpid(-1, &status, 0) > 0)
        used += (size_t)snprintf(seen + used, SEEN - used, "left: %d\n", WTERMSIG(status));
}

/* All there is to see of one run. */
static int see(const struct row *row, const char *program, char *seen)
{
    int out, status = 0;
    pid_t pid = start(row, program, &out);

    *seen = '\0';
    if (row->signals[0])
        hear(out, seen, "ready\n");
    for (int i = 0; i < CHOICES && row->signals[i]; i++) {
        kill(pid, row->signals[i]);
        if (row->signals[i] == SIGTSTP || row->signals[i] == SIGTTIN)
            await_stop(pid);
    }
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    end_orphans(seen);
    if (!row->fails)
        hear(out, seen, NULL);
    close(out);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static bool is_there(const char *program)
{
    char path[64];

    snprintf(path, sizeof path, "/usr/bin/%s", program);
    return access(path, X_OK) == 0;
}

int main(int argc, char **argv)
{
    static char theirs[SEEN], ours[SEEN];
    int bad = 0, count = 0;

    if (argc != 2)
        return 2;
    if (!is_there(TINI) || !is_there(DUMB)) {
        printf("SKIP: tini and dumb-init are not installed\n");
        return 77;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++, count++) {
        const struct row *row = &rows[i];
        int their_code = see(row, row->program, theirs), our_code = see(row, argv[1], ours);
        bool same = row->fails ? their_code != 0 && our_code != 0
                               : their_code == our_code && strcmp(theirs, ours) == 0;

        if (same)
            continue;
        bad++;
        printf("%s %s '%s'\n  theirs: %d %s\n  ours:   %d %s\n", row->program, row->words,
               row->script ? row->script : "", their_code, theirs, our_code, ours);
    }
    printf("%d of %d the same\n", count - bad, count);
    return bad > 0;
}
