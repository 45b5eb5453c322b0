/*
 * beside_bwrap.c - the same words to bubblewrap and to coop-run, and the same view inside
 *
 *     beside_bwrap COOP-RUN            the rows below
 *     beside_bwrap COOP-RUN compat     ours called bwrap; and whole command lines of bubblewrap's
 *                                      users, ours with --compat=bwrap
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

enum { SOMEBODY = 61500, WORDS = 128, SEEN = 8192 };

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

/* Whole command lines, nothing put in front; they say everything themselves. */
#define USR                                                                                    \
    "--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"
#define WHO                                                                                    \
    "id -u; id -g; grep -E '^(Cap(Prm|Eff)|NoNewPrivs|Seccomp:)' /proc/self/status; pwd;"      \
    " umask; ls /; "
static const struct row lines[] = {
    /* a plain use, as its manual has it */
    {USR " --proc /proc --dev /dev --unshare-pid --new-session",
     WHO "ls /dev; ls -d /proc/[0-9]*"},
    {"--ro-bind / / --dev /dev --proc /proc", WHO},
    {"--dev-bind / /", WHO "echo x > /dev/null; echo $?"},
    {"--bind / / --unshare-all --die-with-parent", WHO "ls /proc/self/fd | wc -l"},
    {USR " --unshare-user --uid 0 --gid 0 --proc /proc", WHO},
    {USR " --unshare-all --share-net --proc /proc --hostname box", WHO "uname -n"},
    {USR " --cap-drop ALL --proc /proc", WHO},
    {USR " --unshare-user --cap-add CAP_NET_ADMIN --uid 0 --proc /proc", WHO},
    {USR " --unshare-user --disable-userns --proc /proc", "unshare -U true; echo $?"},
    {USR " --unshare-user --disable-userns --assert-userns-disabled --proc /proc", "echo in"},
    {USR " --unshare-user --assert-userns-disabled --proc /proc", "echo in"},
    {USR " --unshare-user --proc /proc", "unshare -U true; echo $?"},
    {USR " --clearenv --setenv A b --setenv C d --unsetenv A",
     "/usr/bin/env | sort | grep -v ^_"},
    {USR " --setenv LANG C", "/usr/bin/env | sort | grep -v -e ^_ -e ^OLDPWD"},
    {USR " --chdir /usr/bin", "pwd; echo $PWD"},
    {USR " --chdir usr/bin", "pwd; echo $PWD"},
    {USR " --chdir -usr", "pwd"},
    {USR " --dir /tmp --dir /var --symlink ../tmp var/tmp --proc /proc", WHO "ls -l /var"},
    {USR " --as-pid-1 --unshare-pid --proc /proc", "echo $$; exit 7"},
    {USR " --unshare-pid --proc /proc", "kill -9 $$"},
    {USR " --unshare-pid --proc /proc", "kill -TERM $$"},
    {USR, "exit 125"},
    {"--ro-bind /no/such /usr", "true"},
    {"--no-such-option x", "true"},
    {USR " --exec-label", "true"},
    /* descriptors: what is open gets in, and what was used up does not */
    {USR " --proc /proc",
     "cat <&9; for f in 3 4 5 6 7 8 9; do [ ! -e /proc/self/fd/$f ] || echo $f; done"},
    {USR " --proc /proc --ro-bind-data 9 /data",
     "cat /data; [ -e /proc/self/fd/9 ] || echo closed"},
    /* flatpak: an application's instance */
    {"--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"
     " --proc /proc --tmpfs /tmp --dir /app --bind @ /app/data --ro-bind-data 9 /.flatpak-info"
     " --dev /dev --unshare-user-try --unshare-pid --unshare-ipc --unshare-cgroup-try"
     " --dir /run/user/1 --setenv XDG_RUNTIME_DIR /run/user/1 --symlink /usr/share/zoneinfo/UTC"
     " /etc/localtime --perms 0700 --dir /run/secret --remount-ro /app --chdir /app/data"
     " --setenv container flatpak --die-with-parent",
     WHO
     "cat /.flatpak-info; echo $container; ls -ldn /run/secret /app | cut -c1-10; : > new; echo $?;"
     " : > /app/no; echo $?"},
    /* glycin: a loader for images, everything unshared, a seccomp filter beside */
    {"--unshare-all --die-with-parent --chdir / --ro-bind /usr /usr --dev /dev"
     " --ro-bind-try /etc/ld.so.cache /etc/ld.so.cache --ro-bind-try /nix/store /nix/store"
     " --tmpfs /tmp-home --tmpfs /tmp-run --clearenv --setenv HOME /tmp-home"
     " --setenv XDG_RUNTIME_DIR /tmp-run --symlink /usr/lib /lib --symlink /usr/lib64 /lib64"
     " --symlink /usr/bin /bin --proc /proc",
     WHO "/usr/bin/env | sort | grep -v ^_; cat /proc/net/dev | wc -l"},
    /* pressure-vessel: a runtime over the host, with its shared places */
    {"--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64"
     " --tmpfs /run/host --ro-bind / /run/host/root --ro-bind /etc/passwd /etc/passwd"
     " --ro-bind /etc/group /etc/group --dev-bind /dev /dev --ro-bind /sys /sys --proc /proc"
     " --bind @ /shared --tmpfs /var --dir /var/tmp --symlink /run /var/run"
     " --setenv STEAM_RUNTIME 1 --chdir /shared --file 9 /run/host/container-manager --dir /tmp",
     WHO "cat /run/host/container-manager; echo $STEAM_RUNTIME; ls /run/host; cat f"},
    /* a build of nix's kind: a store, a build folder, nobody's ids */
    {"--unshare-all --uid 1000 --gid 100 --hostname localhost --ro-bind /usr /usr"
     " --symlink usr/lib /lib"
     " --symlink usr/lib64 /lib64 --symlink usr/bin /bin --dir /nix/store --bind @ /build"
     " --proc /proc"
     " --dev /dev --perms 1777 --tmpfs /tmp --chdir /build --clearenv --setenv NIX_STORE /nix/store"
     " --setenv TMPDIR /build --cap-drop ALL",
     WHO "uname -n; : > new; ls; rm new; ls -ld /tmp | cut -c1-10"},
    /* Debian's tools: a chroot of one's own, thumbnails of documents */
    {"--ro-bind /usr /usr --ro-bind /etc/ld.so.cache /etc/ld.so.cache --symlink /usr/bin /bin"
     " --symlink /usr/lib64 /lib64 --symlink /usr/lib /lib --proc /proc --dev /dev --chdir /"
     " --setenv GIO_USE_VFS local --unshare-all --die-with-parent --bind @ /tmp --ro-bind @/f"
     " /input.pdf",
     WHO "cat /input.pdf; : > /tmp/new; echo $?; rm /tmp/new"},
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
static void collect_words(const struct row *row, bool whole, const char **argv, char *text,
                          size_t size)
{
    static const char *const system[] = {
        "--unshare-all", "--ro-bind", "/usr",    "/usr",      "--symlink", "usr/bin",
        "/bin",          "--symlink", "usr/lib", "/lib",      "--symlink", "usr/lib64",
        "/lib64",        "--proc",    "/proc",   "--clearenv"};
    size_t n = 1, used = 0;

    while (argv[n])
        n++;
    for (size_t i = 0; !whole && i < sizeof system / sizeof *system; i++)
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

struct how {
    const char *program, *name,
        *first; /* the name it is called by, and the first word or NULL */
    bool whole; /* the row is a whole command line: its status counts   */
};

/* What was seen, and "refused" when the launch was; of a whole command line, its exit code. */
static void run(const struct how *how, const struct row *row, uid_t uid, char *ret_seen)
{
    const char *program = how->program;
    const char *argv[WORDS] = {how->name, how->first};
    char text[2048];
    int ends[2], fd = open(program, O_PATH | O_CLOEXEC), status = 0;
    size_t used = 0;
    ssize_t n;
    pid_t pid;

    must(fd, program);
    make_place();
    must(pipe2(ends, O_CLOEXEC), "pipe2");
    collect_words(row, how->whole, argv, text, sizeof text);
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
    if (how->whole)
        snprintf(ret_seen + used, 64, "exit %d\n",
                 WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status));
    else
        snprintf(ret_seen + used, 64, "%s\n", used == 0 && status != 0 ? "refused" : "ran");
}

static int compare(const struct row *row, struct how ours)
{
    static const char bwrap[] = "/usr/bin/bwrap";
    static char theirs[SEEN], seen[SEEN];
    struct how other = {bwrap, bwrap, NULL, ours.whole};
    int different = 0;

    for (uid_t uid = 0; uid <= SOMEBODY; uid += SOMEBODY) {
        run(&other, row, uid, theirs);
        run(&ours, row, uid, seen);
        if (strcmp(theirs, seen) == 0)
            continue;
        printf("as %u, called %s: %s\n--- bwrap\n%s--- coop-run\n%s\n", uid, ours.name,
               row->words, theirs, seen);
        different++;
    }
    return different;
}

int main(int argc, char **argv)
{
    bool compat = argc == 3;
    int different = 0;

    if (argc < 2)
        return 2;
    if (geteuid() != 0 || access("/usr/bin/bwrap", X_OK) < 0) {
        puts(geteuid() ? "SKIP: needs root" : "SKIP: bubblewrap is not installed");
        return 77;
    }
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        different +=
            compare(&rows[i], (struct how){argv[1], compat ? "bwrap" : argv[1], NULL, false});
    for (size_t i = 0; compat && i < sizeof lines / sizeof *lines; i++)
        different += compare(&lines[i], (struct how){argv[1], argv[1], "--compat=bwrap", true});
    return different ? EXIT_FAILURE : EXIT_SUCCESS;
}
