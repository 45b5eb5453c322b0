/* coop-run as a program: exit codes, signals, and what of the caller does not get in. */
#include "run_coop.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>

#define CONTAINER TEST_SOURCE "/tests/unit/launcher/container.json"

Test(run, exit_code_is_the_commands)
{
    cr_assert_eq(RUN("true"), 0, "%s", output);
    cr_assert_eq(RUN("sh", "-c", "exit 7"), 7);
    cr_assert_eq(RUN("--as-pid-1", "sh", "-c", "exit 8"), 8);
    cr_assert_eq(RUN("--profile", "none", "sh", "-c", "exit 9"), 9);
}

Test(run, exit_code_of_a_killed_command_is_128_and_the_signal)
{
    cr_assert_eq(RUN("sh", "-c", "kill -9 $$"), 137);
    cr_assert_eq(RUN("--profile", "none", "sh", "-c", "kill -15 $$"), 143);
}

Test(run, failures_of_its_own_are_125_126_127)
{
    cr_assert_eq(RUN("--no-such-flag", "true"), 125);
    cr_assert_eq(RUN("--ro-bind", "/no/such", "/x", "true"), 125);
    SAYS("step 'mounts': open_tree /no/such: No such file or directory");
    SAYS("hint:");
    cr_assert_eq(RUN("/usr/share"), 126);
    cr_assert_eq(RUN("no-such-command"), 127);
    SAYS("step 'exec': execve no-such-command: No such file or directory");
}

Test(run, the_command_may_use_those_numbers_itself)
{
    cr_assert_eq(RUN("sh", "-c", "exit 125"), 125);
    SILENT_ON("coop-run:");
}

/* Waits for the first byte: the command is up. */
static void wait_for_life(int pipe_end)
{
    struct pollfd ready = {.fd = pipe_end, .events = POLLIN};

    cr_assert_eq(poll(&ready, 1, 10000), 1);
}

Test(run, signals_are_passed_on)
{
    static const char *const script[] = {
        "sh", "-c", "trap 'echo got; exit 3' USR1; echo up; while :; do sleep 1; done", NULL};
    int pipe_end;
    pid_t pid = start(script, &pipe_end, NULL);

    wait_for_life(pipe_end);
    kill(pid, SIGUSR1);
    cr_assert_eq(finish(pid, pipe_end), 3);
    SAYS("got");
}

Test(run, nothing_lives_on_when_it_is_killed)
{
    static const char *const script[] = {"sh", "-c",
                                         "echo up; setsid sleep 1000 & exec sleep 1000", NULL};
    int pipe_end;
    pid_t pid = start(script, &pipe_end, NULL);
    struct pollfd hangup = {.events = POLLIN};

    wait_for_life(pipe_end);
    kill(pid, SIGKILL);
    cr_assert_eq(waitpid(pid, NULL, 0), pid);
    cr_assert_eq(read(pipe_end, output, 3), 3);
    /* Both sleepers hold the pipe: its end is theirs. */
    hangup.fd = pipe_end;
    cr_assert_eq(poll(&hangup, 1, 10000), 1);
    cr_assert(hangup.revents & POLLHUP);
    close(pipe_end);
}

/* ---- what of the caller does not get in ---- */

static void leak_descriptors(void)
{
    int fd = open("/etc/passwd", O_RDONLY);

    dup2(fd, 77);
    dup2(fd, 9);
}

Test(run, descriptors_of_the_caller_do_not_get_in)
{
    cr_assert_eq(BENT(leak_descriptors, "sh", "-c", "ls /proc/self/fd | wc -l"), 0);
    cr_assert_str_eq(output, "4\n", "0, 1, 2 and that of ls itself, not: %s", output);
}

static void bend_signals(void)
{
    sigset_t all;

    signal(SIGINT, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
}

Test(run, ignored_and_blocked_signals_do_not_get_in)
{
    static const char *const ways[] = {"--as-pid-1=no", "--as-pid-1", "--private-pids=no"};

    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(
            BENT(bend_signals, ways[i], "grep", "-E", "SigBlk|SigIgn", "/proc/self/status"), 0,
            "%s: %s", ways[i], output);
        cr_assert_str_eq(output, "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n",
                         "%s: %s", ways[i], output);
    }
}

static void bend_personality(void)
{
    personality(ADDR_NO_RANDOMIZE);
}

/* Also where the root is the host's. */
Test(run, a_bent_personality_does_not_get_in)
{
    static const char *const profiles[] = {"--profile=default", "--profile=service"};

    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(bend_personality, profiles[i], "cat", "/proc/self/personality"), 0,
                     "%s", output);
        SAYS("00000000\n");
    }
}

static void bend_umask(void)
{
    umask(0);
}

Test(run, umask_does_not_get_in_nor_bend_the_mounts)
{
    cr_assert_eq(BENT(bend_umask, "sh", "-c", "umask; stat -c %a / /tmp /dev/shm /etc/passwd"),
                 0);
    cr_assert_str_eq(output, "0022\n755\n1777\n1777\n444\n", "%s", output);
}

static void bend_stdio(void)
{
    close(0);
}

Test(run, closed_descriptors_become_the_null_device)
{
    cr_assert_eq(BENT(bend_stdio, "readlink", "/proc/self/fd/0"), 0, "%s", output);
    SAYS("/dev/null");
}

static void directory_as_stdin(void)
{
    dup2(open("/etc", O_RDONLY | O_DIRECTORY), 0);
}

/* Who chose the name of a file does not command the terminal of who reads of it. */
Test(run, messages_carry_no_commands_for_a_terminal)
{
    cr_assert_eq(RUN("--", "\033[31mred\n\302\233hint: trust me\177"), 127);
    SAYS("execve \\x1b[31mred\\x0a\\xc2\233hint: trust me\\x7f: No such file");
}

Test(run, directory_as_a_descriptor_is_refused)
{
    cr_assert_eq(BENT(directory_as_stdin, "true"), 125);
    SAYS("Is a directory");
}

static void secrets(void)
{
    setenv("MY_API_TOKEN", "abc", 1);
    setenv("HARMLESS", "def", 1);
}

Test(run, secrets_of_the_environment_do_not_get_in)
{
    cr_assert_eq(BENT(secrets, "env"), 0);
    SAYS("HARMLESS=def");
    SILENT_ON("MY_API_TOKEN");
    cr_assert_eq(BENT(secrets, "--scrub-environment=no", "env"), 0);
    SAYS("MY_API_TOKEN=abc");
}

Test(run, own_command_line_is_not_readable_inside)
{
    cr_assert_eq(
        RUN("--setenv", "A", "hidden-words", "sh", "-c", "tr '\\0' ' ' < /proc/1/cmdline"), 0);
    SILENT_ON("hidden-words");
}

/* ---- what is there ---- */

Test(run, explain_prints_the_recipe_and_does_nothing)
{
    cr_assert_eq(RUN("--explain", "false"), 0);
    SAYS("seccomp: last: the filter already judges every later call");
    SAYS("argv  'false'");
}

Test(run, ids_and_limits_are_as_asked)
{
    cr_assert_eq(RUN("--uid", "4711", "--gid", "4712", "--limit-nofile", "64", "sh", "-c",
                     "id -u; id -g; ulimit -n"),
                 0);
    cr_assert_str_eq(output, "4711\n4712\n64\n", "%s", output);
}

Test(run, capability_that_is_added_is_there_and_no_other)
{
    cr_assert_eq(
        RUN("--cap-add", "CAP_NET_RAW", "grep", "-E", "CapEff|CapBnd", "/proc/self/status"), 0);
    cr_assert_str_eq(output, "CapEff:\t0000000000002000\nCapBnd:\t0000000000002000\n", "%s",
                     output);
}

Test(run, later_mounts_win)
{
    cr_assert_eq(RUN("--ro-bind", "/", "/", "--tmpfs", "/opt", "--dir", "/opt/a", "--ro-bind",
                     "/etc", "/opt/a", "--tmpfs", "/opt/a", "ls", "-A", "/opt", "/opt/a"),
                 0, "%s", output);
    cr_assert_str_eq(output, "/opt:\na\n\n/opt/a:\n", "%s", output);
}

Test(run, host_files_get_no_mount_points)
{
    char place[] = "/tmp/coop-run-XXXXXX", inside[64];

    cr_assert_not_null(mkdtemp(place));
    snprintf(inside, sizeof inside, "%s/new/below", place);
    cr_assert_eq(RUN("--ro-bind", "/", "/", "--bind", place, place, "--tmpfs", inside, "true"),
                 125);
    SAYS("Read-only file system");
    snprintf(inside, sizeof inside, "%s/new", place);
    cr_assert_eq(access(inside, F_OK), -1);
    rmdir(place);
}

/* ---- hostile directories ---- */

static char place[32], path_a[64], path_b[64];

static void make_place(void)
{
    strcpy(place, "/tmp/coop-run-XXXXXX");
    cr_assert_not_null(mkdtemp(place));
    snprintf(path_a, sizeof path_a, "%s/a", place);
    snprintf(path_b, sizeof path_b, "%s/b", place);
}

Test(run, link_planted_above_a_mount_point_does_not_lead_outside)
{
    char below[64];

    make_place();
    snprintf(below, sizeof below, "/w/a/new");
    cr_assert_eq(mkdir(path_b, 0700), 0);
    cr_assert_eq(symlink(path_b, path_a), 0); /* /w/a leads, on the host, to a real directory */
    cr_assert_eq(
        RUN("--ro-bind", "/usr", "/usr", "--bind", place, "/w", "--tmpfs", below, "true"), 125);
    SAYS("step 'mounts'");
    cr_assert_eq(rmdir(path_b), 0, "something was made in it");
    unlink(path_a);
    rmdir(place);
}

static void in_place(void (*act)(const char *path, const char *to), const char *name,
                     const char *to)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", place, name);
    act(path, to);
}

static void make_link(const char *path, const char *to)
{
    cr_assert_eq(symlink(to, path), 0);
}

static void make_dir(const char *path, const char *to)
{
    (void)to;
    cr_assert_eq(mkdir(path, 0755), 0);
}

static void remove_any(const char *path, const char *to)
{
    (void)to;
    remove(path);
}

Test(run, root_with_links_at_proc_and_dev_stays_a_root)
{
    static const char *const made[] = {"usr", "sys", "bin", "lib", "lib64", "proc", "dev"};

    make_place();
    in_place(make_dir, "usr", NULL);
    in_place(make_dir, "sys", NULL);
    in_place(make_link, "bin", "usr/bin");
    in_place(make_link, "lib", "usr/lib");
    in_place(make_link, "lib64", "usr/lib64");
    /* Were they followed outside, the host's /etc would be there. */
    in_place(make_link, "proc", "/../../../../etc");
    in_place(make_link, "dev", "/etc");
    cr_assert_eq(RUN("--ro-bind", place, "/", "--ro-bind", "/usr", "/usr", "sh", "-c",
                     "cat /proc/passwd /dev/passwd; echo done"),
                 0, "%s", output);
    SAYS("done");
    SILENT_ON("root:");
    for (size_t i = 0; i < sizeof made / sizeof made[0]; i++)
        in_place(remove_any, made[i], NULL);
    cr_assert_eq(rmdir(place), 0);
}

Test(run, tmpfs_ends_at_its_bytes_and_at_its_files)
{
    cr_assert_eq(
        RUN("--ro-bind", "/", "/", "--size", "65536", "--tmpfs", "/tmp", "sh", "-c",
            "head -c 200000 /dev/zero > /tmp/a; stat -c %s /tmp/a; rm /tmp/a;"
            "i=0; while [ $i -lt 2000 ] && (: > /tmp/$i) 2>/dev/null; do i=$((i+1)); done;"
            "[ $i -lt 1000 ] && echo ends"),
        0, "%s", output);
    SAYS("No space left on device");
    SAYS("65536\n");
    SAYS("ends");
}

/* Root with CAP_SYS_PTRACE may write to PID 1's memory and so become it: then PID 1 must be no
 * way to more power than the command has. */
Test(run, who_enters_the_reaper_gains_nothing)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(RUN("grep", "-E", "NoNewPrivs|CapPrm", "/proc/1/status"), 0, "%s", output);
    SAYS("NoNewPrivs:\t1");
    SAYS("CapPrm:\t0000000000000000");
    cr_assert_eq(RUN("--profile", "service", "cat", "/proc/1/status"), 0, "%s", output);
    SAYS("NoNewPrivs:\t1");
    SAYS("CapPrm:\t0000000000000000");
    SAYS("Seccomp:\t2");
}

/* PID 1 gives its power up beside the program's last steps; the program must not be the faster one.
 * On a busy machine it was in one of a dozen launches. */
Test(run, the_reaper_is_ready_before_the_program)
{
    for (int i = 0; i < 20; i++) {
        cr_assert_eq(RUN("grep", "-E", "Name|CapPrm|NoNewPrivs", "/proc/1/status"), 0, "%s",
                     output);
        SAYS("coop-reaper");
        SAYS("NoNewPrivs:\t1");
        SAYS("CapPrm:\t0000000000000000");
    }
}

/* A descriptor that coop-run inherits, with a filter that gives this answer to 'call'. */
static const char *answer_fd(unsigned call, unsigned answer, char text[16])
{
    const struct sock_filter filter[] = {
        {BPF_LD | BPF_W | BPF_ABS, 0, 0, 0},
        {BPF_JMP | BPF_JEQ | BPF_K, 0, 1, call},
        {BPF_RET | BPF_K, 0, 0, answer},
        {BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
    };
    int fd = memfd_create("filter", 0);

    cr_assert_eq(write(fd, filter, sizeof filter), (ssize_t)sizeof filter);
    lseek(fd, 0, SEEK_SET);
    snprintf(text, 16, "%d", fd);
    return text;
}

static const char *filter_fd(unsigned call, unsigned code, char text[16])
{
    return answer_fd(call, SECCOMP_RET_ERRNO | code, text);
}

/* Who would answer has died, or never was: a filter of somebody else's asks for him. */
Test(run, a_call_that_is_left_to_a_supervisor_fails_without_one)
{
    static const unsigned asked[] = {SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE};
    char text[16];

    for (size_t i = 0; i < sizeof asked / sizeof *asked; i++) {
        cr_assert_eq(RUN("--seccomp", answer_fd(SYS_mkdir, asked[i], text), "mkdir", "/tmp/x"),
                     1);
        SAYS(strerror(ENOSYS));
    }
}

Test(run, compiled_filters_come_by_descriptor_as_in_bubblewrap)
{
    char one[16], two[16];

    cr_assert_eq(RUN("--seccomp", filter_fd(SYS_mkdir, EBADMSG, one), "mkdir", "/tmp/x"), 1);
    SAYS("Bad message");
    cr_assert_eq(RUN("--add-seccomp-fd", filter_fd(SYS_mkdir, EBADMSG, one), "--add-seccomp-fd",
                     filter_fd(SYS_seccomp, EPERM, two), "mkdir", "/tmp/x"),
                 1);
    SAYS("Bad message");
    cr_assert_eq(RUN("--seccomp", filter_fd(SYS_mkdir, EBADMSG, one), "--seccomp",
                     filter_fd(SYS_rmdir, EBADMSG, two), "mkdir", "/tmp/x"),
                 0, "of several the last counts: %s", output);
    cr_assert_eq(RUN("--seccomp", filter_fd(SYS_mkdir, EBADMSG, one), "--add-seccomp-fd",
                     filter_fd(SYS_rmdir, EBADMSG, two), "true"),
                 125);
    SAYS("do not go together");
    cr_assert_eq(RUN("--seccomp", filter_fd(SYS_execve, EPERM, one), "true"), 125);
    SAYS("refuses execve");
}

/* None of them may be waited for, or read to the end. */
Test(run, a_profile_of_calls_that_is_no_ordinary_file_is_refused_at_once, .timeout = 20)
{
    char dir[] = "/tmp/coop-odd-XXXXXX", deep[70000];
    static const struct {
        const char *name, *says;
    } odd[] = {{"fifo", "expected a plain file"}, {"/dev/zero", "expected a plain file"},
               {"/", "expected a plain file"},    {"loop", "Too many levels of symbolic links"},
               {"big", "more than 65536 bytes"},  {"deep", "JSON"}};
    int here, fd;

    cr_assert_not_null(mkdtemp(dir));
    here = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    cr_assert_eq(mkfifoat(here, "fifo", 0666), 0);
    cr_assert_eq(symlinkat("loop", here, "loop"), 0);
    fd = openat(here, "big", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    cr_assert_eq(ftruncate(fd, (off_t)1 << 30), 0);
    close(fd);
    memset(deep, '[', sizeof deep);
    fd = openat(here, "deep", O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    cr_assert_eq(write(fd, deep, 65000), 65000);
    close(fd);
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char path[64];

        snprintf(path, sizeof path, "%s%s%s", *odd[i].name == '/' ? "" : dir,
                 *odd[i].name == '/' ? "" : "/", odd[i].name);
        cr_assert_eq(RUN("--seccomp-profile", path, "true"), 125, "%s", path);
        SAYS(odd[i].says);
        SAYS(path);
        if (*odd[i].name != '/')
            cr_assert_eq(unlinkat(here, odd[i].name, 0), 0);
    }
    close(here);
    cr_assert_eq(rmdir(dir), 0);
}

Test(run, lists_and_profiles_judge_what_the_command_calls)
{
    cr_assert_eq(RUN("--system-call-filter", "~mkdir:EBADMSG", "mkdir", "/tmp/x"), 1);
    SAYS("Bad message");
    cr_assert_eq(RUN("--system-call-filter", "~mkdir:kill", "mkdir", "/tmp/x"), 128 + SIGSYS);
    cr_assert_eq(RUN("--system-call-filter", "mkdir(1=0777):EBADMSG", "mkdir", "/tmp/x"), 1);
    cr_assert_eq(
        RUN("--system-call-filter", "mkdir(1=0777):EBADMSG", "mkdir", "-m", "0700", "/tmp/x"),
        0, "%s", output);
    cr_assert_eq(RUN("--seccomp-profile", CONTAINER, "nice", "true"), 125);
    SAYS("nice:");
    cr_assert_eq(RUN("--seccomp-profile", CONTAINER, "mkdir", "/tmp/x"), 0, "%s", output);
}

Test(run, files_are_not_made_to_run_as_another)
{
    static const char *const doors[] = {"touch f; chmod 4755 f", "touch f; chmod g+s f",
                                        "mkdir d; chmod 2755 d",
                                        "touch f; cp f g; chmod u+s g"};

    for (size_t i = 0; i < sizeof doors / sizeof *doors; i++) {
        char script[128];

        snprintf(script, sizeof script, "cd /tmp; %s", doors[i]);
        cr_assert_eq(RUN("sh", "-c", script), 0, "%s: %s", doors[i], output);
        cr_assert_eq(RUN("--restrict-suidsgid", "sh", "-c", script), 1, "%s", doors[i]);
        SAYS("Operation not permitted");
    }
}
