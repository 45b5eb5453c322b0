/*
 * beside_bwrap.c - the same words to bubblewrap and to coop-run, and the same view inside
 *
 * Each row is a command line and a script.  Both programs run it, as root and as an ordinary user,
 * with fresh descriptors 8 (a directory) and 9 (a file that says "data"); what the script sees, and
 * whether the launch is refused, must be the same.  What differs by intention is not here but in
 * launcher/README.md: directories made on the way to a place have mode 0755 here, whatever lies in
 * them, so the rows make them first.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SOMEBODY = 61500, WORDS = 64, SEEN = 8192 };

/* What is at and below /t: listing, contents, mounts with their options. */
#define LOOK                                                                                   \
    "cd /; for f in /t /t/* /t/*/*; do [ -e $f ] || [ -L $f ] || continue;"                    \
    " ls -ldn $f | cut -d' ' -f1,3,4; echo $f; [ ! -f $f ] || cat $f; done;"                   \
    " awk '$5 ~ \"^/t\" {for (i = 7; $i != \"-\"; i++); print $5, $6, $(i + 1)}'"              \
    " /proc/self/mountinfo;"
#define WRITES                                                                                 \
    " for f in /t/*; do [ ! -f $f ] || { echo x >> $f; echo $?; }; done;"                      \
    " : > /t/new; echo $?"

static const struct row {
    const char *words, *script; /* words are separated by single blanks; @ is a host folder */
} rows[] = {
    {"--dir /t/a/b", LOOK},
    {"--dir /t --perms 0700 --dir /t/a", LOOK},
    {"--tmpfs /t", LOOK WRITES},
    {"--perms 1777 --tmpfs /t", LOOK},
    {"--size 65536 --tmpfs /t", "df -k --output=size /t"},
    {"--perms 0750 --size 65536 --tmpfs /t", LOOK "df -k --output=size /t"},
    {"--bind @ /t", LOOK},
    {"--ro-bind @ /t", LOOK WRITES},
    {"--dir /t --ro-bind @/f /t/f", LOOK WRITES},
    {"--ro-bind-try /no/such /t", LOOK},
    {"--bind-try @/d /t", LOOK},
    {"--ro-bind /no/such /t", LOOK},
    {"--dir /t --dev-bind /dev/null /t/null", LOOK "echo x > /t/null; echo $?"},
    {"--dev-bind-try /dev/no/such /t/null", LOOK},
    {"--file 9 /t/f", LOOK WRITES},
    {"--dir /t --perms 0640 --file 9 /t/f", LOOK},
    {"--dir /t --bind-data 9 /t/f", LOOK WRITES},
    {"--dir /t --ro-bind-data 9 /t/f", LOOK WRITES},
    {"--dir /t --perms 0444 --ro-bind-data 9 /t/f", LOOK},
    {"--ro-bind @ /t --ro-bind-data 9 /t/f", LOOK WRITES},
    {"--ro-bind @ /t --bind-data 9 /t/f", LOOK WRITES},
    {"--bind-fd 8 /t", LOOK},
    {"--ro-bind-fd 8 /t", LOOK WRITES},
    {"--ro-bind-fd 7 /t", LOOK},
    {"--symlink a/b /t/l", "readlink /t/l"},
    {"--dir /t --chmod 0700 /t", LOOK},
    {"--file 9 /t/f --chmod 0423 /t/f", LOOK},
    {"--dir /t --symlink f /t/l --file 9 /t/f --chmod 0601 /t/l", LOOK},
    {"--chmod 0700 /no/such", LOOK},
    {"--tmpfs /t --dir /t/a --remount-ro /t", LOOK WRITES},
    {"--tmpfs /t --tmpfs /t/a --remount-ro /t", LOOK ": > /t/a/new; echo $?"},
    {"--tmpfs /t --remount-ro /t/no", LOOK},
    {"--mqueue /t", LOOK},
    {"--hostname box", "uname -n"},
    {"--chdir /usr", "pwd"},
    {"--chdir /no/such", "pwd"},
    {"--file 9 /t/f --lock-file /t/f",
     "grep -c POSIX.*READ.*0.EOF /proc/locks >/dev/null; cat /t/f"},
    {"--sync-fd 8", "ls /proc/self/fd | grep -cx 8"},
    {"--perms 0700 --proc /p", "pwd"},
    {"--perms 0700 --perms 0700 --dir /t", "pwd"},
    {"--size 4096 --dir /t", "pwd"},
    {"--size 4096 --size 4096 --tmpfs /t", "pwd"},
    {"--chmod 9 /", "pwd"},
    {"--tmpfs /t --dir /t/a --bind @ /t/a --tmpfs /t/a/d", LOOK},
    {"--bind @ /t --ro-bind @/d /t/d", LOOK WRITES},
    {"--ro-bind @ /t --bind @/d /t/d", LOOK ": > /t/d/new; echo $?; rm -f /t/d/new"},
};

static char place[32];

static void must(long result, const char *what)
{
    if (result >= 0)
        return;
    perror(what);
    exit(1);
}

static void make_place(void)
{
    char path[64];
    int fd;

    strcpy(place, "/tmp/coop-beside-XXXXXX");
    must(mkdtemp(place) ? 0 : -1, "mkdtemp");
    snprintf(path, sizeof path, "%s/f", place);
    fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    must(fd, path);
    must(write(fd, "data\n", 5), path);
    must(fchown(fd, SOMEBODY, SOMEBODY), path);
    close(fd);
    snprintf(path, sizeof path, "%s/d", place);
    must(mkdir(path, 0755), path);
    must(chown(path, SOMEBODY, SOMEBODY), path);
    must(chown(place, SOMEBODY, SOMEBODY), place);
    must(chmod(place, 0755), place);
}

static void remove_place(void)
{
    static const char *const names[] = {"f", "new", "d"};
    char path[64];

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/%s", place, names[i]);
        remove(path);
    }
    rmdir(place);
}

/* The row's words behind those that make a system; 'text' keeps them. */
static void collect_words(const struct row *row, char *text, size_t size, const char **argv)
{
    static const char *const system[] = {
        "--unshare-all", "--ro-bind", "/usr",    "/usr",      "--symlink", "usr/bin",
        "/bin",          "--symlink", "usr/lib", "/lib",      "--symlink", "usr/lib64",
        "/lib64",        "--proc",    "/proc",   "--clearenv"};
    size_t n = 1, used = 0;

    for (size_t i = 0; i < sizeof system / sizeof *system; i++)
        argv[n++] = system[i];
    for (const char *at = row->words; *at; at++)
        used += (size_t)snprintf(text + used, size - used, *at == '@' ? "%s" : "%.1s",
                                 *at == '@' ? place : at);
    for (char *word; (word = strsep(&text, " ")) != NULL;)
        argv[n++] = word;
    argv[n++] = "/bin/sh";
    argv[n++] = "-c";
    argv[n++] = row->script;
    argv[n] = NULL;
}

static void give_descriptors(int out)
{
    char path[64];

    dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 0);
    dup2(out, 1);
    dup2(open("/dev/null", O_RDWR | O_CLOEXEC), 2);
    dup2(open(place, O_PATH | O_CLOEXEC), 8);
    snprintf(path, sizeof path, "%s/f", place);
    dup2(open(path, O_RDONLY | O_CLOEXEC), 9);
    close(7);
}

static void become(uid_t uid)
{
    if (uid && (setgroups(0, NULL) < 0 || setresgid(uid, uid, uid) < 0 ||
                setresuid(uid, uid, uid) < 0))
        _exit(98);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
}

/* What was seen, and "refused" when the launch was. */
static void run(const char *program, const struct row *row, uid_t uid, char *ret_seen)
{
    const char *argv[WORDS] = {program};
    char text[1024];
    int ends[2], fd = open(program, O_PATH | O_CLOEXEC), status = 0;
    size_t used = 0;
    ssize_t n;
    pid_t pid;

    must(fd, program);
    make_place();
    must(pipe2(ends, O_CLOEXEC), "pipe2");
    collect_words(row, text, sizeof text, argv);
    fd = fcntl(fd, F_DUPFD_CLOEXEC, 20);
    pid = fork();
    must(pid, "fork");
    if (pid == 0) {
        give_descriptors(ends[1]);
        become(uid);
        if (chdir("/") == 0)
            fexecve(fd, (char *const *)(void *)argv, environ);
        _exit(97);
    }
    close(ends[1]);
    close(fd);
    while ((n = read(ends[0], ret_seen + used, SEEN - 64 - used)) > 0)
        used += (size_t)n;
    close(ends[0]);
    must(waitpid(pid, &status, 0), "waitpid");
    remove_place();
    snprintf(ret_seen + used, 64, "%s\n", used == 0 && status != 0 ? "refused" : "ran");
}

int main(int argc, char **argv)
{
    static const char bwrap[] = "/usr/bin/bwrap";
    static char theirs[SEEN], ours[SEEN];
    int different = 0;

    if (argc != 2)
        return 2;
    if (geteuid() != 0 || access(bwrap, X_OK) < 0) {
        puts(geteuid() ? "SKIP: needs root" : "SKIP: bubblewrap is not installed");
        return 77;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        for (uid_t uid = 0; uid <= SOMEBODY; uid += SOMEBODY) {
            run(bwrap, &rows[i], uid, theirs);
            run(argv[1], &rows[i], uid, ours);
            if (strcmp(theirs, ours) == 0)
                continue;
            printf("as %u: %s\n--- bwrap\n%s--- coop-run\n%s\n", uid, rows[i].words, theirs,
                   ours);
            different++;
        }
    return different ? EXIT_FAILURE : EXIT_SUCCESS;
}
