/*
 * clerk_attacker_work.c - inside the profile agent: what goes on as without a clerk
 */
#include "clerk_attacker.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- what goes on as ever ---- */

static mode_t mode_of(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
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

void work_goes_on(void)
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

void programs_run_at_once(void)
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

void sockets_have_their_names(void)
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

void nothing(void) {}

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

void threads_all_get_theirs(void)
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
void interrupts_make_nothing_twice(void)
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
