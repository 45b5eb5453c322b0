/*
 * clerk_attacker.c - inside the profile agent: names that FrozenPaths= keeps away, by every door,
 * and names that it does not, as ever
 *
 *     clerk_attacker doors | moves | parts | links | passed | flips | work | programs | sockets |
 *                    threads | interrupts | orphan
 *
 * Exit code: 0 all is as it should be, 1 something is not (stderr says what).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 1500, THREADS = 8, FILES = 150 };

static atomic_int wrong;

static void tell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void tell(const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "%s\n", text);
    wrong = 1;
}

static void check(bool ok, const char *what)
{
    if (!ok)
        tell("not so: %s (%s)", what, strerror(errno));
}

static bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

/* ---- doors: one name by every call ---- */

static long by_open(const char *name)
{
    return open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
}

static long by_exclusive(const char *name)
{
    return openat(AT_FDCWD, name, O_RDWR | O_CREAT | O_EXCL, 0644);
}

static long by_creat(const char *name)
{
    return creat(name, 0644);
}

static long by_openat2(const char *name)
{
    const struct {
        uint64_t flags, mode, resolve;
    } how = {O_WRONLY | O_CREAT, 0644, 0};

    return syscall(SYS_openat2, AT_FDCWD, name, &how, sizeof how);
}

static long by_mkdir(const char *name)
{
    return mkdir(name, 0755);
}

static long by_mkdir_slash(const char *name)
{
    char text[128];

    (void)snprintf(text, sizeof text, "%s//", name);
    return mkdir(text, 0755);
}

static long by_mknod(const char *name)
{
    return mknod(name, S_IFREG | 0644, 0);
}

static long by_fifo(const char *name)
{
    return mkfifo(name, 0644);
}

static long by_symlink(const char *name)
{
    return symlink("some", name);
}

static long by_link(const char *name)
{
    return link("some", name);
}

static long by_rename(const char *name)
{
    return rename("some", name);
}

static long by_exchange(const char *name)
{
    return renameat2(AT_FDCWD, "some", AT_FDCWD, name, RENAME_EXCHANGE);
}

static long by_directory_move(const char *name)
{
    return rename("dir", name);
}

static long by_socket(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    long r;

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
    r = bind(fd, (const struct sockaddr *)&at, sizeof at);
    close(fd);
    return r;
}

static long by_nameless_file(const char *name)
{
    char path[64];
    int fd = open(".", O_TMPFILE | O_WRONLY, 0644);
    long r;

    if (fd < 0)
        return -1;
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    r = linkat(AT_FDCWD, path, AT_FDCWD, name, AT_SYMLINK_FOLLOW);
    if (r < 0)
        r = linkat(fd, "", AT_FDCWD, name, AT_EMPTY_PATH);
    close(fd);
    return r;
}

static long by_dangling_link(const char *name)
{
    (void)unlink("dangling");
    if (symlink(name, "dangling") < 0)
        return -1;
    return open("dangling", O_WRONLY | O_CREAT, 0644);
}

static long by_magic_link(const char *name)
{
    char text[128];

    (void)snprintf(text, sizeof text, "/proc/self/cwd/%s", name);
    return open(text, O_WRONLY | O_CREAT, 0644);
}

static long by_descriptor(const char *name)
{
    int dir = open("..", O_PATH);
    char here[256], text[512];
    const char *last;
    long r = -1;

    if (getcwd(here, sizeof here) && (last = strrchr(here, '/'))) {
        (void)snprintf(text, sizeof text, "%s/dir/.././%s", last + 1, name);
        r = openat(dir, text, O_WRONLY | O_CREAT, 0644);
    }
    close(dir);
    return r;
}

static long by_whole_path(const char *name)
{
    char here[256], text[512];

    if (!getcwd(here, sizeof here))
        return -1;
    (void)snprintf(text, sizeof text, "/proc/1/../..%s/%s", here, name);
    return mkdir(text, 0755);
}

static const struct door {
    const char *what;
    long (*open)(const char *name);
} doors[] = {
    {"open", by_open},
    {"exclusive", by_exclusive},
    {"creat", by_creat},
    {"openat2", by_openat2},
    {"mkdir", by_mkdir},
    {"mkdir/", by_mkdir_slash},
    {"mknod", by_mknod},
    {"fifo", by_fifo},
    {"symlink", by_symlink},
    {"link", by_link},
    {"rename", by_rename},
    {"exchange", by_exchange},
    {"move", by_directory_move},
    {"socket", by_socket},
    {"O_TMPFILE", by_nameless_file},
    {"dangling", by_dangling_link},
    {"magic", by_magic_link},
    {"descriptor", by_descriptor},
    {"whole", by_whole_path},
};

static void try_doors(const char *name)
{
    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        long r = doors[i].open(name);

        if (r >= 0 || is_there(name))
            tell("%s made '%s'", doors[i].what, name);
        if (r < 0 && errno == ENOSYS && doors[i].open != by_openat2)
            tell("%s: nobody answers", doors[i].what);
    }
}

static void prepare(void)
{
    check(close(creat("some", 0644)) == 0, "an ordinary file is made");
    check(mkdir("dir", 0755) == 0 && mkdir("sub", 0755) == 0, "directories are made");
    check(mkdir(".git", 0755) == 0 && mkdir("sub/.git", 0755) == 0,
          "what is on the way to frozen names is made");
}

/* Landlock does not see the names that these make, whatever they are. */
static void by_ioctl(void)
{
    static const unsigned long makers[] = {
        0x5000940e, 0x50009401, 0x50009417, 0x50009418, /* subvolumes and snapshots of btrfs */
        0x4020bc10, 0x40186f04,                         /* of bcachefs; a reflink of OCFS2   */
    };
    char argument[4096] = "";
    int dir = open(".", O_RDONLY | O_DIRECTORY);

    for (size_t i = 0; i < sizeof makers / sizeof *makers; i++) {
        errno = 0;
        if (ioctl(dir, makers[i], argument) >= 0 || errno != EPERM)
            tell("ioctl %lx: %s", makers[i], strerror(errno));
    }
    check(ioctl(dir, FICLONE, -1) < 0 && errno != EPERM, "FICLONE is left alone");
    close(dir);
}

static void doors_are_shut(void)
{
    static const char *const names[] = {
        ".envrc",         ".BashRC",        ".git/hooks",         ".git/config",
        ".git/HOOKS",     "sub/.git/hooks", "sub/.git/config",    ".vscode",
        ".git/../.envrc", "HEAD",           "sub/.git/commondir", "sub/../.git/worktrees",
    };

    prepare();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        try_doors(names[i]);
    by_ioctl();
    /* The clerk is nowhere to be found, and there is room for one listener only. */
    check(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                  NULL) < 0,
          "no second listener");
    for (int fd = 3; fd < 1024; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            tell("descriptor %d is open", fd);
    check(kill(1, 0) < 0 || !is_there("/proc/3/ns"), "nobody else is here");
}

/* ---- moves: a directory that brings a frozen name along ---- */

static void moves_are_seen(void)
{
    check(mkdir("x", 0755) == 0 && mkdir("x/hooks", 0755) == 0 && mkdir("sub", 0755) == 0,
          "a directory of hooks by another name");
    check(close(creat("file", 0644)) == 0 && mkdir("plain", 0755) == 0, "and others");
    check(rename("x", ".git") < 0, "it cannot be moved to .git");
    check(rename("x", "sub/.git") < 0, "nor to one below");
    check(symlink("x", ".git") < 0 && symlink("../x", "sub/.git") < 0, "nor be linked there");
    check(rename("file", ".git") < 0 && link("file", "sub/.git") < 0, "nor be named in a file");
    check(close(open(".git", O_CREAT | O_WRONLY, 0644)) < 0, "that is made there");
    check(mkdir(".git", 0755) == 0, "an empty one may be");
    check(renameat2(AT_FDCWD, "x", AT_FDCWD, ".git", RENAME_EXCHANGE) < 0, "but not exchanged");
    check(renameat2(AT_FDCWD, ".git", AT_FDCWD, "x", RENAME_EXCHANGE) < 0, "either way");
    check(rename("x", ".git") < 0, "nor be replaced");
    check(rename(".git", "away") == 0 && rename("plain", ".git") == 0,
          "by an empty one it may");
    check(rename("x/hooks", ".git/hooks") < 0, "the directory itself cannot move in");
    check(!is_there(".git/hooks") && !is_there("sub/.git"), "and nothing is there");
    /* Nobody can look into it, for now. */
    check(mkdir("shut", 0755) == 0 && mkdir("shut/hooks", 0755) == 0 && chmod("shut", 0) == 0,
          "a directory of hooks that is shut");
    check(rename("shut", "sub/.git") < 0, "it cannot be moved there");
    check(renameat2(AT_FDCWD, "shut", AT_FDCWD, ".git", RENAME_EXCHANGE) < 0, "nor exchanged");
    check(chmod("shut", 0755) == 0, "and is where it was");
}

/* ---- parts: a frozen name of three parts, a/b/c ---- */

static void parts_are_seen(void)
{
    check(mkdir("shut", 0755) == 0 && mkdir("shut/b", 0755) == 0 &&
              mkdir("shut/b/c", 0755) == 0 && chmod("shut/b", 0) == 0,
          "one that is shut in the middle");
    check(rename("shut", "a") < 0, "it cannot be moved there");
    check(mkdir("linked", 0755) == 0 && mkdir("other", 0755) == 0 &&
              mkdir("other/c", 0755) == 0 && symlink("../other", "linked/b") == 0,
          "one with a link in the middle");
    check(rename("linked", "a") < 0, "it cannot, either");
    check(mkdir("later", 0755) == 0 && symlink("missing", "later/b") == 0 &&
              rename("later", "a") < 0,
          "nor one with a link to what could be made afterwards");
    check(mkdir("empty", 0755) == 0 && rename("empty", "a") == 0, "an empty one can");
    check(rename("shut/b", "a/b") < 0 && rename("linked/b", "a/b") < 0, "part by part neither");
    check(mkdir("a/b", 0755) == 0 && mkdir("a/b/d", 0755) == 0 && mkdir("a/b/c", 0755) < 0,
          "other names are free");
    check(chmod("shut/b", 0755) == 0, "and it is where it was");
}

/* ---- links: .git leads to "store", .envrc to what is missing, .bashrc to a missing directory ----
 */

static void links_lead_nowhere(void)
{
    check(mkdir("store/hooks", 0755) < 0, "no hooks where the repository is");
    check(mkdir(".git/hooks", 0755) < 0, "nor through the link");
    check(mkdir("store/objects", 0755) == 0, "other names are made there");
    check(rename("store", "away") < 0, "and it stays");
    check(close(open(".envrc", O_CREAT | O_WRONLY, 0644)) < 0, "not through a link to nothing");
    check(close(creat("env/envrc", 0644)) < 0, "nor where it leads to");
    check(close(creat("env/other", 0644)) == 0, "but beside it");
    check(mkdir("lost", 0755) == 0 && close(creat("lost/bashrc", 0644)) < 0,
          "nor in a directory that is made first");
    check(close(creat("lost/other", 0644)) == 0, "but beside it, too");
    check(close(creat("last", 0644)) < 0, "nor at the end of two links");
}

/* ---- passed: a directory of the host's comes over standard input ---- */

static void passed_gives_nothing(void)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control;
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = &control,
                         .msg_controllen = sizeof control};
    int dir = -1;

    if (recvmsg(STDIN_FILENO, &msg, 0) == 1 && CMSG_FIRSTHDR(&msg))
        memcpy(&dir, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof dir);
    check(dir >= 0, "a directory is passed");
    check(openat(dir, "file", O_CREAT | O_WRONLY, 0644) < 0, "no file is made in it");
    check(mkdirat(dir, "dir", 0755) < 0, "no directory");
    check(symlinkat("x", dir, "link") < 0, "no link");
}

/* ---- flips: the name changes while it is looked at ---- */

static char shared[16];
static atomic_bool stop;

static void *flip_text(void *unused)
{
    (void)unused;
    while (!stop) {
        memcpy(shared, "free.a", 7);
        memcpy(shared, ".envrc", 7);
    }
    return NULL;
}

/* "way" leads to one directory, then to another. */
static void *flip_link(void *unused)
{
    (void)unused;
    for (int i = 0; !stop; i++) {
        (void)unlink("new");
        (void)symlink(i % 2 ? "dir" : ".git", "new");
        (void)rename("new", "way");
    }
    return NULL;
}

static void race(void *(*flip)(void *), const char *name)
{
    pthread_t other;

    stop = false;
    if (pthread_create(&other, NULL, flip, NULL) != 0)
        return;
    for (int i = 0; i < ROUNDS; i++) {
        int fd = open(name, O_CREAT | O_WRONLY, 0644);

        if (fd >= 0)
            close(fd);
        (void)rename("some", name);
        (void)link("dir/one", name);
        (void)unlink("free.a");
        (void)unlink("dir/hooks");
        if (i % 16 == 0) {
            (void)mkdir(name, 0755);
            (void)rmdir("free.a");
            (void)rmdir("dir/hooks");
        }
        if (is_there(".envrc") || is_there(".git/hooks")) {
            tell("round %d: a frozen name is there", i);
            break;
        }
    }
    stop = true;
    pthread_join(other, NULL);
}

static void flips_win_nothing(void)
{
    prepare();
    check(close(creat("dir/one", 0644)) == 0, "a file to link to");
    race(flip_text, shared);
    check(symlink("dir", "way") == 0, "a way");
    race(flip_link, "way/hooks");
}

/* ---- what goes on as ever ---- */

static mode_t mode_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

static void fails_with(long r, int expected, const char *what)
{
    if (r >= 0 || errno != expected)
        tell("%s: %s", what, r >= 0 ? "worked" : strerror(errno));
}

static void opens_as_ever(void)
{
    struct stat st;
    int fd = open("one", O_CREAT | O_WRONLY | O_APPEND | O_CLOEXEC, 0400), other;

    check(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "close-on-exec is kept");
    check(fcntl(fd, F_GETFL) & O_APPEND && write(fd, "ab", 2) == 2,
          "and the rest, and it is written");
    check(mode_of("one") == 0400, "with the mode");
    other = open("two", O_CREAT | O_RDWR, 0666);
    check(other >= 0 && fcntl(other, F_GETFD) == 0 && mode_of("two") == 0644,
          "the umask counts");
    (void)umask(027);
    check(mkdir("three", 0777) == 0 && mode_of("three") == 0750, "and another one, too");
    check(mkfifo("four", 0666) == 0 && mode_of("four") == 0640, "for pipes as well");
    (void)umask(022);
    check(close(creat("five", 0666)) == 0 && mode_of("five") == 0644, "and back");
    check(stat("two", &st) == 0 && st.st_uid == getuid() && st.st_gid == getgid(),
          "it is ours");
    fails_with(open("two", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST, "exclusive");
    fails_with(mkdir("three", 0755), EEXIST, "mkdir again");
    fails_with(symlink("a", "two"), EEXIST, "symlink again");
    fails_with(open("none/x", O_CREAT | O_RDWR, 0644), ENOENT, "no directory");
    fails_with(open("two/x", O_CREAT | O_RDWR, 0644), ENOTDIR, "a file on the way");
    fails_with(open("three", O_CREAT | O_RDWR, 0644), EISDIR, "a directory");
    fails_with(rename("none", "two"), ENOENT, "nothing to rename");
    fails_with(rename("three", "two"), ENOTDIR, "over a file");
    fails_with(mkdir("", 0755), ENOENT, "no name");
    fails_with(mkdir((const char *)16, 0755), EFAULT, "no memory"); // NOLINT
    close(fd);
    close(other);
}

static void moves_as_ever(void)
{
    char path[] = "/proc/self/fd/N";
    int ends[2];

    check(rename("two", "three/two") == 0 && rename("three/two", "two") == 0,
          "between directories");
    check(link("two", "six") == 0 &&
              renameat2(AT_FDCWD, "six", AT_FDCWD, "five", RENAME_EXCHANGE) == 0,
          "links and exchanges");
    check(symlink("later", "seven") == 0 && close(open("seven", O_CREAT | O_RDWR, 0644)) == 0 &&
              is_there("later"),
          "through a link to what is missing");
    check(by_nameless_file("eight") == 0, "a file without a name gets one");
    check(by_socket("nine") == 0, "a socket");
    check(close(open("/tmp/ten", O_CREAT | O_RDWR, 0644)) == 0, "elsewhere");
    check(close(open("/dev/null", O_CREAT | O_WRONLY, 0644)) == 0, "a device");
    check(pipe(ends) == 0 && ends[1] < 10, "a pipe");
    path[sizeof path - 2] = (char)('0' + ends[1]);
    check(close(open(path, O_CREAT | O_WRONLY, 0644)) == 0, "a magic link");
    check(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && close(creat("eleven", 0644)) == 0,
          "who cannot be looked into");
}

/* A pipe with a name blocks until both ends are there, and the clerk must not. */
static void pipes_as_ever(void)
{
    pid_t pid = fork();
    char byte = 0;
    int fd;

    if (pid == 0) {
        fd = open("four", O_CREAT | O_WRONLY, 0644);
        _exit(write(fd, "x", 1) == 1 ? 0 : 1);
    }
    check(close(creat("meanwhile", 0644)) == 0, "others go on");
    fd = open("four", O_RDONLY);
    check(read(fd, &byte, 1) == 1 && byte == 'x', "a pipe with a name");
    close(fd);
    check(waitpid(pid, NULL, 0) == pid, "its writer");
}

/* The flags of one that is made are those of one that is there; what cannot be handed over is not
 * made. */
static void descriptors_as_ever(void)
{
    int made = open("flags", O_CREAT | O_RDWR | O_APPEND, 0644),
        opened = open("flags", O_CREAT | O_RDWR | O_APPEND, 0644), fd;
    struct rlimit had, few;

    check(fcntl(made, F_GETFL) == fcntl(opened, F_GETFL), "the same flags");
    check(getrlimit(RLIMIT_NOFILE, &had) == 0, "a limit");
    few = (struct rlimit){16, had.rlim_max};
    check(setrlimit(RLIMIT_NOFILE, &few) == 0, "of few");
    while ((fd = open("/dev/null", O_RDONLY)) >= 0)
        continue;
    fails_with(open("many", O_CREAT | O_EXCL | O_WRONLY, 0644), EMFILE, "no number is free");
    check(!is_there("many"), "so nothing is made");
    for (fd = 3; fd < 16; fd++)
        close(fd);
    check(setrlimit(RLIMIT_NOFILE, &had) == 0, "and back");
}

static void work_goes_on(void)
{
    opens_as_ever();
    pipes_as_ever();
    descriptors_as_ever();
    moves_as_ever();
}

/* ---- programs and locks: nobody else has what was made ---- */

static bool copy_self(const char *to)
{
    static char text[1 << 16];
    int in = open("/proc/self/exe", O_RDONLY),
        out = open(to, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0755);
    ssize_t n = -1;

    while (in >= 0 && out >= 0 && (n = read(in, text, sizeof text)) > 0)
        if (write(out, text, (size_t)n) != n)
            break;
    close(in);
    return close(out) == 0 && n == 0;
}

static int run(const char *program)
{
    pid_t pid = fork();
    int status = -1;

    if (pid == 0) {
        execl(program, program, "nothing", (char *)NULL);
        _exit(errno == ETXTBSY ? 99 : 98);
    }
    (void)waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void programs_run_at_once(void)
{
    char name[64];

    for (int i = 0; i < 40 && !wrong; i++) {
        int fd;

        (void)snprintf(name, sizeof name, "program%d", i);
        check(copy_self(name), "a program is written");
        check(run(name) == 0, "and run");
        (void)snprintf(name, sizeof name, "lock%d", i);
        fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0644);
        check(flock(fd, LOCK_EX) == 0 && close(fd) == 0, "a lock is taken, and closed");
        fd = open(name, O_RDWR);
        check(flock(fd, LOCK_EX | LOCK_NB) == 0 && close(fd) == 0, "and nobody has it");
    }
}

/* ---- sockets: they have the names that were asked for ---- */

static void bind_to(int fd, const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX}, got = {.sun_family = AF_UNIX};
    socklen_t length = sizeof got;

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
    check(bind(fd, (const struct sockaddr *)&at, sizeof at) == 0, name);
    check(getsockname(fd, (struct sockaddr *)&got, &length) == 0, "it has a name");
    if (strcmp(got.sun_path, name) != 0)
        tell("bound to '%s', called '%s'", name, got.sun_path);
}

/* Its numbers are its own: the same number is another socket for the others. */
static void *bind_apart(void *arg)
{
    const int *others = arg;
    int fd;

    check(unshare(CLONE_FILES) == 0, "descriptors of its own");
    close(*others);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    check(fd == *others, "the same number");
    bind_to(fd, "apart");
    close(fd);
    return NULL;
}

static void sockets_have_their_names(void)
{
    char here[64], text[100];
    struct sockaddr_un got = {0};
    socklen_t length = sizeof got;
    pthread_t other;
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    check(getcwd(here, sizeof here) && mkdir("dir", 0755) == 0, "a directory");
    (void)snprintf(text, sizeof text, "%s/whole", here);
    bind_to(fd, text);
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    bind_to(fd, "dir/relative");
    close(fd);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    check(pthread_create(&other, NULL, bind_apart, &fd) == 0, "a thread");
    pthread_join(other, NULL);
    check(getsockname(fd, (struct sockaddr *)&got, &length) == 0 && !got.sun_path[0],
          "the others' has no name");
    close(fd);
}

static void nothing(void) {}

/* ---- many at once, and interrupted ---- */

static void *make_many(void *arg)
{
    char name[64];

    for (int i = 0; i < FILES; i++) {
        (void)snprintf(name, sizeof name, "%d-%d", (int)(intptr_t)arg, i);
        check(close(creat(name, 0644)) == 0, name);
        if (i % 3 == 0)
            check(unlink(name) == 0 && mkdir(name, 0755) == 0, name);
    }
    return NULL;
}

static void threads_all_get_theirs(void)
{
    pthread_t all[THREADS];

    for (intptr_t i = 0; i < THREADS; i++)
        check(pthread_create(&all[i], NULL, make_many, (void *)i) == 0, "a thread"); // NOLINT
    for (int i = 0; i < THREADS; i++)
        pthread_join(all[i], NULL);
}

static void on_alarm(int sig)
{
    (void)sig;
}

/* What was made is made once: a call that is interrupted is not begun again. */
static void interrupts_make_nothing_twice(void)
{
    const struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    const struct itimerval often = {{0, 200}, {0, 200}}, never = {{0, 0}, {0, 0}};
    char name[64];

    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < ROUNDS && !wrong; i++) {
        (void)snprintf(name, sizeof name, "i%d", i);
        check(mkdir(name, 0755) == 0 && rmdir(name) == 0, "made once");
    }
    setitimer(ITIMER_REAL, &never, NULL);
}

/* ---- the clerk is gone ---- */

static void orphan(void)
{
    char byte;

    check(close(creat("before", 0644)) == 0, "there is a clerk");
    (void)!write(STDOUT_FILENO, "ready\n", 6);
    (void)!read(STDIN_FILENO, &byte, 1);
    fails_with(open("after", O_CREAT | O_WRONLY, 0644), ENOSYS, "without a clerk");
    fails_with(open(".envrc", O_CREAT | O_WRONLY, 0644), ENOSYS,
               "a frozen name without a clerk");
    check(close(open("before", O_WRONLY)) == 0, "what is there can be opened");
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } all[] = {
        {"doors", doors_are_shut},
        {"moves", moves_are_seen},
        {"parts", parts_are_seen},
        {"links", links_lead_nowhere},
        {"passed", passed_gives_nothing},
        {"flips", flips_win_nothing},
        {"work", work_goes_on},
        {"programs", programs_run_at_once},
        {"nothing", nothing},
        {"sockets", sockets_have_their_names},
        {"threads", threads_all_get_theirs},
        {"interrupts", interrupts_make_nothing_twice},
        {"orphan", orphan},
    };

    for (size_t i = 0; i < sizeof all / sizeof *all && argc > 1; i++)
        if (strcmp(argv[1], all[i].name) == 0) {
            all[i].run();
            return wrong;
        }
    return 2;
}
