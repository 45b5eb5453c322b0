/*
 * clerk_attacker.c - inside the profile agent: names that FrozenPaths= keeps away, by every door,
 * and names that it does not, as ever
 *
 *     clerk_attacker doors | moves | parts | links | below | new | passed | flips | work |
 *                    programs | sockets | threads | interrupts | orphan
 *
 * Exit code: 0 all is as it should be, 1 something is not (stderr says what).
 */
#include "clerk_attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

atomic_int wrong;

void tell(const char *fmt, ...)
{
    char text[512];
    va_list args;

    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    (void)fprintf(stderr, "%s\n", text);
    wrong = 1;
}

void check(bool ok, const char *what)
{
    if (!ok)
        tell("not so: %s (%s)", what, strerror(errno));
}

bool is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

void fails_with(long r, int expected, const char *what)
{
    if (r >= 0 || errno != expected)
        tell("%s: %s", what, r >= 0 ? "worked" : strerror(errno));
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

long by_socket(const char *name)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    long r;

    (void)snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
    r = bind(fd, (const struct sockaddr *)&at, sizeof at);
    close(fd);
    return r;
}

long by_nameless_file(const char *name)
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
    check(mkdir("dir", 0755) == 0, "and a directory");
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
    check(mkdir("x", 0755) == 0 && mkdir("x/hooks", 0755) == 0,
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
    check(rename(".git", "away") == 0 && rename("plain", ".git") < 0, "nor by an empty one");
    check(mkdir(".git", 0755) == 0 && rename("x/hooks", ".git/hooks") < 0,
          "the directory itself cannot move in");
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

/* ---- below: repositories that are there ---- */

static void those_below_stay(void)
{
    check(open("kept/.git/config", O_WRONLY) < 0, "its configuration is not written");
    check(unlink("kept/.git/config") < 0 && truncate("kept/.git/config", 0) < 0, "nor removed");
    check(rename("some", "kept/.git/config") < 0, "nor replaced");
    check(close(creat("kept/.git/hooks/pre-commit", 0755)) < 0, "no hook");
    check(rename("kept/.git", "kept/away") < 0 && rename("kept", "away") < 0, "it stays there");
    check(close(creat("kept/.git/index", 0644)) == 0, "other files are written");
    check(mkdir("kept/.git/worktrees", 0755) < 0, "what is missing is not made");
    check(open("tree/.git", O_WRONLY) < 0 && unlink("tree/.git") < 0 &&
              rename("tree", "away") < 0,
          "a file that leads to a repository stays, too");
    check(mkdir("store/hooks", 0755) < 0 && mkdir("linked/.git/hooks", 0755) < 0,
          "and what a link leads to");
    check(mkdir("apart/hooks", 0755) < 0 && open("apart/config", O_WRONLY) < 0 &&
              rename("apart", "away") < 0,
          "what a file leads to");
    check(mkdir("common/hooks", 0755) < 0 && open("common/config", O_WRONLY) < 0,
          "and where that leads to");
    check(close(creat("apart/index", 0644)) == 0, "has others made");
}

/* ---- new: repositories of its own ---- */

static bool make_repository(const char *dir)
{
    char text[128];

    (void)snprintf(text, sizeof text, "%s/.git", dir);
    if (mkdir(dir, 0755) < 0 || mkdir(text, 0755) < 0)
        return false;
    (void)snprintf(text, sizeof text, "%s/.git/hooks", dir);
    if (mkdir(text, 0755) < 0)
        return false;
    (void)snprintf(text, sizeof text, "%s/.git/config", dir);
    return close(creat(text, 0644)) == 0;
}

static void new_ones_stay_new(void)
{
    check(make_repository("new") && make_repository("sub/new"), "where nothing was");
    check(rename("new/.git", "sub/.git") < 0, "it is not moved to where a directory was");
    check(mkdir(".git", 0755) == 0 && rename("new/.git/hooks", ".git/hooks") < 0, "nor here");
    check(rename("new", "empty") < 0, "nor is what is around it");
    check(renameat2(AT_FDCWD, "new", AT_FDCWD, "sub", RENAME_EXCHANGE) < 0, "nor exchanged");
    check(rename("new", "other") == 0 && mkdir("wrap", 0755) == 0 &&
              rename("other", "wrap/new") == 0,
          "to a new name it is");
    check(rename("wrap", "empty") < 0, "however deep it lies");
    check(rename("empty", "gone") == 0 && !make_repository("empty"),
          "one that was moved away is not new when it is made again");
    check(rename("wrap", "Empty") < 0, "by no other letters");
    check(mkdir("empty/.git/refs", 0755) < 0 && close(creat("empty/.git/HEAD", 0644)) < 0,
          "and none is made without them, to have the new one as its part");
    check(unlink("way") == 0 && mkdir("way", 0755) == 0 && !make_repository("way/in"),
          "nor what was behind a link");
    check(rmdir("sub/was") == 0 && !make_repository("sub/was"), "nor one that was removed");
    check(mkdir("plain", 0755) == 0 && mkdir("plain/a", 0755) == 0 &&
              rename("gone", "x") == 0 && rmdir("empty/.git") == 0 && rmdir("empty") == 0 &&
              rename("plain", "empty") == 0,
          "without a repository all move");
    check(rmdir("empty/a") == 0 && rmdir("empty") == 0, "where a directory was");
    check(symlink("gone", "empty") < 0, "comes no link");
    check(symlink("gone", "led") == 0 && rename("led", "empty") < 0 && link("led", "empty") < 0,
          "by no call");
    check(rename("sub", "x/sub") == 0 && mkdir("away", 0755) == 0 &&
              symlink("../x", "away/was") == 0 && rename("away", "sub") < 0,
          "nor with a directory");
}

/* "tree" has a repository, "beside" has none. */
static void parts_are_not_made(void)
{
    check(!make_repository("tree/new"), "below a repository none is new");
    check(make_repository("new"), "beside it there is one");
    check(rename("new", "tree/other") < 0, "that is not moved in");
    check(mkdir("tree/a", 0755) == 0 && mkdir("tree/a/b", 0755) == 0 &&
              rename("tree/a", "tree/c") == 0 && symlink("c", "tree/a") == 0,
          "others move, and have links");
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
        {"below", those_below_stay},
        {"new", new_ones_stay_new},
        {"part", parts_are_not_made},
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
