/* coop-run's second wall (Landlock), alone and behind the namespaces: what it lets through, what it
 * stops, and what is said where the kernel lacks it. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char output[8192], folder[64], file[96];

static void furnish(void)
{
    strcpy(folder, "/tmp/coop-walls-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/precious", folder);
    (void)unsetenv("TMPDIR");
}

static void tidy_up(void)
{
    (void)unlink(file);
    (void)rmdir(folder);
}

TestSuite(walls, .init = furnish, .fini = tidy_up);

static void put(const char *text)
{
    int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);

    cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
}

static void holds(const char *text)
{
    char now[256] = "";
    int fd = open(file, O_RDONLY | O_CLOEXEC);

    (void)!read(fd, now, sizeof now - 1);
    close(fd);
    cr_assert_str_eq(now, text, "the file holds '%s'\n%s", now, output);
}

/* Runs these words in /usr with 'in' as descriptor 0; 1 and 2 into 'output'. */
static int run_with(int in, const char *const *words)
{
    union {
        const char *const *from;
        char *const *to;
    } argv = {.from = words}; /* execv(3) changes nothing */
    size_t used = 0;
    int ends[2], status = -1;
    ssize_t n;
    pid_t pid;

    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(in, 0);
        dup2(ends[1], 1);
        dup2(ends[1], 2);
        if (chdir("/usr") == 0)
            execv(words[0], argv.to);
        _exit(99);
    }
    close(ends[1]);
    while ((n = read(ends[0], output + used, sizeof output - 1 - used)) > 0)
        used += (size_t)n;
    output[used] = '\0';
    close(ends[0]);
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

#define WITH(in, ...) run_with(in, (const char *const[]){COOP_RUN, __VA_ARGS__, NULL})
#define RUN(...)      WITH(0, __VA_ARGS__)
#define CONTAINED(...)                                                                         \
    run_with(0, (const char *const[]){REFUSES, "container", "--", COOP_RUN, __VA_ARGS__, NULL})
#define UNMOUNTED(...)                                                                         \
    run_with(0, (const char *const[]){REFUSES, "mounts", "--", COOP_RUN, __VA_ARGS__, NULL})
#define WITHOUT_LANDLOCK(...)                                                                  \
    run_with(0, (const char *const[]){REFUSES, "landlock_create_ruleset", "--", COOP_RUN,      \
                                      __VA_ARGS__, NULL})
#define SAYS(text)      cr_assert(strstr(output, text), "'%s' is not in:\n%s", text, output)
#define SILENT_ON(text) cr_assert(!strstr(output, text), "'%s' is in:\n%s", text, output)

/* ---- behind the namespaces ---- */

Test(walls, ordinary_work_notices_nothing)
{
    cr_assert_eq(RUN("sh", "-ec",
                     "cd /tmp; mkdir a b; echo x > a/f; mv a/f b/g; ln b/g a/h; ln -s g b/l;"
                     "mkfifo p; rm -r a b p; : > /dev/null; echo y > /dev/shm/z; rm /dev/shm/z;"
                     "echo name > /proc/self/comm; cat /proc/self/status > /dev/null;"
                     "cp /usr/bin/true t; ./t; kill -0 $$; sh -c 'kill $$' || true; echo done"),
                 0, "%s", output);
    SAYS("done");
    SILENT_ON("note:");
}

Test(walls, what_the_caller_lets_be_written_can_be_written)
{
    put("");
    cr_assert_eq(RUN("--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink",
                     "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64", "--bind", folder,
                     "/w", "sh", "-c",
                     "echo written > /w/precious && mv /w/precious /w/x && "
                     "mkdir /w/d && mv /w/x /w/d && mv /w/d/x /w/precious && "
                     "rmdir /w/d"),
                 0, "%s", output);
    holds("written\n");
}

Test(walls, file_as_stdin_can_be_read_again_and_not_written)
{
    int in;

    put("precious\n");
    in = open(file, O_RDONLY | O_CLOEXEC);
    cr_assert_eq(WITH(in, "sh", "-c", "cat /proc/self/fd/0; echo gone > /proc/self/fd/0"), 2);
    SAYS("precious\n");
    SAYS("Permission denied");
    holds("precious\n");
    cr_assert_neq(WITH(in, "truncate", "-s", "0", "/dev/stdin"), 0);
    holds("precious\n");
    /* and it is this wall that does it */
    cr_assert_eq(WITH(in, "--landlock=no", "truncate", "-s", "0", "/dev/stdin"), 0, "%s",
                 output);
    holds("");
    close(in);
}

Test(walls, file_as_stdout_can_be_opened_again)
{
    const char *command[] = {"/bin/sh", "-c", NULL, NULL};
    char text[512];

    put("");
    snprintf(text, sizeof text, "exec %s sh -c 'echo one; echo two > /dev/stderr' 2> %s",
             COOP_RUN, file);
    command[2] = text;
    cr_assert_eq(run_with(0, command), 0, "%s", output);
    holds("two\n");
}

/* ---- ports, sockets, signals: where the namespace is shared ---- */

#define PERL_LISTEN                                                                            \
    "use IO::Socket::INET; sub port { my $s = IO::Socket::INET->new(Listen => 1, LocalAddr "   \
    "=> '127.0.0.1', LocalPort => $_[0]); $s ? 'listens' : \"refused: $!\" }"

Test(walls, only_the_named_ports_can_be_listened_on)
{
    cr_assert_eq(RUN("--bind-tcp=40000-40002", "perl", "-e",
                     PERL_LISTEN "print port(40001), ' ', port(40003)"),
                 0, "%s", output);
    cr_assert_str_eq(output, "listens refused: Permission denied");
    cr_assert_eq(RUN("--bind-tcp=none", "perl", "-e", PERL_LISTEN "print port(40001)"), 0);
    cr_assert_str_eq(output, "refused: Permission denied");
    cr_assert_eq(RUN("perl", "-e", PERL_LISTEN "print port(40001)"), 0);
    cr_assert_str_eq(output, "listens");
}

#define PERL_CONNECT                                                                           \
    "use IO::Socket::INET; my $l = IO::Socket::INET->new(Listen => 1, LocalAddr => "           \
    "'127.0.0.1', LocalPort => 40001) or die; my $s = IO::Socket::INET->new(PeerAddr => "      \
    "'127.0.0.1', PeerPort => 40001); print $s ? 'connected' : \"refused: $!\""

Test(walls, only_the_named_ports_can_be_connected_to)
{
    cr_assert_eq(RUN("--connect-tcp=40001", "perl", "-e", PERL_CONNECT), 0, "%s", output);
    cr_assert_str_eq(output, "connected");
    cr_assert_eq(RUN("--connect-tcp=443,80", "perl", "-e", PERL_CONNECT), 0, "%s", output);
    cr_assert_str_eq(output, "refused: Permission denied");
}

Test(walls, signals_stay_inside_without_pids_of_its_own)
{
    char script[64];

    snprintf(script, sizeof script, "kill -0 %d", (int)getpid());
    cr_assert_neq(RUN("--private-pids=no", "sh", "-c", script), 0);
    SAYS("ermitted");
    cr_assert_eq(RUN("--private-pids=no", "--restrict-signals=no", "sh", "-c", script), 0, "%s",
                 output);
}

/* ---- a network that is joined ---- */

/* A process in a network of its own, until its pipe is closed. */
static pid_t keep_network(int *ret_end)
{
    int life[2], ready[2];
    char byte;
    pid_t pid;

    cr_assert(pipe2(life, O_CLOEXEC) == 0 && pipe2(ready, O_CLOEXEC) == 0);
    pid = fork();
    if (pid == 0) {
        close(life[1]);
        if (unshare(CLONE_NEWNET) < 0 || write(ready[1], "r", 1) != 1)
            _exit(1);
        _exit((int)read(life[0], &byte, 1));
    }
    close(ready[1]);
    close(life[0]);
    cr_assert_eq(read(ready[0], &byte, 1), 1);
    close(ready[0]);
    *ret_end = life[1];
    return pid;
}

Test(walls, network_can_be_one_that_there_is)
{
    char path[64], wanted[64] = "", mine[64] = "";
    int end;
    pid_t pid;

    if (geteuid() != 0)
        cr_skip_test("needs root");
    pid = keep_network(&end);
    snprintf(path, sizeof path, "/proc/%d/ns/net", (int)pid);
    cr_assert(readlink(path, wanted, sizeof wanted - 1) > 0);
    cr_assert(readlink("/proc/self/ns/net", mine, sizeof mine - 1) > 0);
    cr_assert_eq(RUN("--network-namespace-path", path, "readlink", "/proc/self/ns/net"), 0,
                 "%s", output);
    SAYS(wanted);
    SILENT_ON(mine);
    cr_assert_eq(RUN("--network-namespace-path=/etc/passwd", "true"), 125);
    SAYS("step 'join': setns '/etc/passwd': Invalid argument");
    SAYS("hint: it must be a namespace of the named kind");
    cr_assert_eq(RUN("--network-namespace-path=/no/such", "true"), 125);
    SAYS("step 'join': open '/no/such': No such file or directory");
    cr_assert_eq(RUN("--empty-network-path=/no/such", "true"), 125);
    SAYS("step 'join': open '/no/such': No such file or directory");
    close(end);
    waitpid(pid, NULL, 0);
}

/* ---- power ---- */

Test(walls, secure_bits_are_set)
{
    cr_assert_eq(RUN("--secure-bits=noroot noroot-locked", "python3", "-c",
                     "import ctypes; print(ctypes.CDLL(None).prctl(27, 0, 0, 0, 0))"),
                 0, "%s", output);
    cr_assert_str_eq(output, "3\n");
}

#define SESSION_KEYRING                                                                        \
    "import ctypes; print(ctypes.CDLL(None).syscall(250, 0, -3, 0))" /* keyctl */

Test(walls, keyring_is_its_own_if_asked)
{
    char mine[64];

    if (RUN("--profile", "none", "python3", "-c", SESSION_KEYRING) != 0)
        cr_skip_test("needs python3");
    snprintf(mine, sizeof mine, "%.63s", output);
    if (mine[0] == '-')
        cr_skip_test("this kernel has no keys");
    cr_assert_eq(RUN("--profile", "none", "python3", "-c", SESSION_KEYRING), 0);
    cr_assert_str_eq(output, mine, "inherited");
    cr_assert_eq(
        RUN("--profile", "none", "--keyring-mode=private", "python3", "-c", SESSION_KEYRING),
        0);
    cr_assert_neq(strcmp(output, mine), 0, "%s", output);
}

Test(walls, personality_is_the_usual_one)
{
    cr_assert_eq(run_with(0, (const char *const[]){"/usr/bin/setarch", "-R", COOP_RUN, "cat",
                                                   "/proc/self/personality", NULL}),
                 0, "%s", output);
    cr_assert_str_eq(output, "00000000\n");
    cr_assert_eq(
        run_with(0, (const char *const[]){"/usr/bin/setarch", "-R", COOP_RUN, "--profile",
                                          "none", "cat", "/proc/self/personality", NULL}),
        0, "%s", output);
    cr_assert_str_eq(output, "00040000\n");
}

#define MAKE_EXECUTABLE                                                                        \
    "import mmap; m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | "            \
    "mmap.PROT_EXEC); print('executable')"

Test(walls, writable_memory_is_not_executable)
{
    cr_assert_eq(RUN("python3", "-c", MAKE_EXECUTABLE), 0, "%s", output);
    cr_assert_eq(RUN("--memory-deny-write-execute", "python3", "-c", MAKE_EXECUTABLE), 1);
    SAYS("ermission");
    /* an older kernel has no call for it */
    cr_assert_eq(run_with(0, (const char *const[]){REFUSES, "mdwe", "--", COOP_RUN,
                                                   "--memory-deny-write-execute", "python3",
                                                   "-c", MAKE_EXECUTABLE, NULL}),
                 1);
    SAYS("not permitted");
}

/* ---- where the kernel, or a container around us, lacks something ---- */

Test(walls, kernel_without_landlock_is_told)
{
    cr_assert_eq(WITHOUT_LANDLOCK("true"), 0, "%s", output);
    SAYS("note: not in force here: LandlockFiles");
    cr_assert_eq(WITHOUT_LANDLOCK("--bind-tcp=none", "true"), 125, "who asks for it needs it");
    cr_assert_eq(WITHOUT_LANDLOCK("--bind-tcp=none", "--prefer=landlock", "true"), 0);
    cr_assert_eq(WITHOUT_LANDLOCK("--require=landlock", "true"), 125);
    SAYS("step 'landlock'");
}

Test(walls, container_that_refuses_namespaces_is_a_clear_refusal)
{
    cr_assert_eq(CONTAINED("true"), 125);
    SAYS("step 'clone'");
    SAYS("hint:");
}

Test(walls, without_namespaces_landlock_is_the_wall_for_files)
{
    char read_it[256];

    put("secret\n");
    snprintf(read_it, sizeof read_it, "cat %s; ls %s; echo x > %s/new", file, folder, folder);
    cr_assert_neq(CONTAINED("--prefer=all", "sh", "-c", read_it), 0);
    SAYS("note: not in force here: ");
    SAYS("PrivateNetwork");
    SILENT_ON("Landlock");
    SILENT_ON("secret\n");
    SAYS("Permission denied");
    holds("secret\n");
    cr_assert_eq(CONTAINED("--prefer=all", "sh", "-ec",
                           "head -1 /etc/passwd > /dev/null; ls /usr > /dev/null; echo fine"),
                 0, "%s", output);
    SAYS("fine");
}

/* A view that cannot be furnished is no view: the same as without the namespace. */
Test(walls, without_mounts_landlock_is_the_wall_for_files)
{
    char read_it[256];

    put("secret\n");
    snprintf(read_it, sizeof read_it, "cat %s; echo x > %s/new; echo x > /tmp/new-%d", file,
             folder, (int)getpid());
    cr_assert_eq(UNMOUNTED("true"), 125);
    SAYS("step 'private-view'");
    SAYS("hint:");
    cr_assert_neq(UNMOUNTED("--prefer=namespaces,files", "sh", "-c", read_it), 0);
    SAYS("note: not in force here: PrivateMounts");
    SILENT_ON("PrivateNetwork");
    SILENT_ON("secret\n");
    SAYS("Permission denied");
    holds("secret\n");
    cr_assert_eq(UNMOUNTED("--prefer=namespaces,files", "head", "-1", "/etc/passwd"), 0, "%s",
                 output);
}

/* A mount that is read-only does not keep anybody from writing to it. */
Test(walls, a_fifo_below_a_read_only_bind_is_not_written_to)
{
    char write_it[128], fifo[96];
    int reader;

    snprintf(fifo, sizeof fifo, "%s/control", folder);
    snprintf(write_it, sizeof write_it, "echo stop > %s", fifo);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    reader = open(fifo, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    cr_expect_neq(RUN("--ro-bind", "/", "/", "sh", "-c", write_it), 0);
    cr_expect(strstr(output, "Permission denied"), "%s", output);
    cr_expect_eq(RUN("--landlock=no", "--ro-bind", "/", "/", "sh", "-c", write_it), 0,
                 "another wall keeps it: say so in the README. %s", output);
    close(reader);
    unlink(fifo);
}

Test(walls, without_namespaces_ports_and_signals_are_refused_as_well)
{
    char script[64];

    cr_assert_eq(CONTAINED("--prefer=all", "perl", "-e", PERL_LISTEN "print port(40001)"), 0);
    SAYS("refused: Permission denied");
    snprintf(script, sizeof script, "kill -0 %d", (int)getpid());
    cr_assert_neq(CONTAINED("--prefer=all", "sh", "-c", script), 0);
    SAYS("ermitted");
}
