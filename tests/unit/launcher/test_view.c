/* coop-run as a program: the view of the file system, as root and as an ordinary user. */
#include "run_coop.h"

#include <linux/capability.h>

/* A folder of the host's that everybody may read and write. */
static char place[32], inside[128];

static void make_place(void)
{
    strcpy(place, "/tmp/coop-view-XXXXXX");
    cr_assert_not_null(mkdtemp(place));
    cr_assert_eq(chmod(place, 0777), 0);
}

static const char *in_place(const char *name)
{
    snprintf(inside, sizeof inside, "%s%s", place, name);
    return inside;
}

/* A script of the host's, in the folder. */
static void host(const char *script)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (chdir(place) == 0)
            execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(99);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    cr_assert_eq(status, 0, "%s", script);
}

static void remove_place(void)
{
    host("rm -rf -- ./*");
    rmdir(place);
}

TestSuite(view, .init = make_place, .fini = remove_place);

static void (*const callers[])(void) = {NULL, as_user};

/* ---- bubblewrap's words ---- */

#define SYSTEM                                                                                 \
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib",       \
        "/lib", "--symlink", "usr/lib64", "/lib64"

Test(view, the_whole_root_at_another_place_is_the_hosts)
{
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], SYSTEM, "--dir", "/mark", "--ro-bind", "/", "/host", "sh",
                          "-c", "test -e /host/etc/passwd && test ! -e /host/mark"),
                     0, "%s", output);
    }
}

/* ---- systemd's keys ---- */

Test(view, sources_may_come_without_what_is_mounted_below)
{
    if (geteuid() != 0)
        cr_skip_test("needs root");
    cr_assert_eq(RUN("--private-users=no", "--bind-read-only-paths=/:/tmp/h:norbind", "ls",
                     "-A", "/tmp/h/proc"),
                 0, "%s", output);
    cr_assert_str_eq(output, "", "%s", output);
    cr_assert_eq(RUN("--bind-read-only-paths=/:/tmp/h", "ls", "/tmp/h/proc"), 0, "%s", output);
    SAYS("cpuinfo");
    /* What is below hides something from this caller: the kernel does not show it bare. */
    cr_assert_eq(BENT(as_user, "--bind-read-only-paths=/:/tmp/h:norbind", "true"), 125);
    SAYS("open_tree /");
}

Test(view, a_read_only_fresh_file_system_still_has_mount_points)
{
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], "--temporary-file-system=/run/x:ro,size=1M,nr_inodes=20",
                          "--bind-read-only-paths=/usr/share:/run/x/a/share", "sh", "-c",
                          "test -d /run/x/a/share/doc && df -i /run/x | grep ' 20 ' &&"
                          "! touch /run/x/y"),
                     0, "%s", output);
        SAYS("Read-only file system");
    }
}

Test(view, a_fresh_file_system_without_a_size_ends_at_its_files)
{
    cr_assert_eq(RUN(SYSTEM, "--tmpfs", "/x", "df", "-i", "/x"), 0, "%s", output);
    SAYS(" 1048576 ");
}

Test(view, execution_is_taken_away_and_given_back_by_the_nearest_path)
{
    host(
        "mkdir a a/b && cp /usr/bin/true a/true && cp /usr/bin/true a/b/true && chmod -R a+rx a");
    for (size_t i = 0; i < 2; i++) {
        char no_exec[64], exec[64], script[128];

        snprintf(no_exec, sizeof no_exec, "--no-exec-paths=%s/a", place);
        snprintf(exec, sizeof exec, "--exec-paths=%s/a/b", place);
        snprintf(script, sizeof script, "%s/a/b/true && ! %s/a/true", place, place);
        cr_assert_eq(BENT(callers[i], "--profile", "none", no_exec, exec, "sh", "-c", script),
                     0, "%s", output);
        SAYS("Permission denied");
    }
}

Test(view, proc_has_processes_only_when_asked)
{
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], "--proc-subset=pid", "ls", "/proc"), 0, "%s", output);
        SILENT_ON("cpuinfo");
        SAYS("self");
        cr_assert_eq(BENT(callers[i], "--protect-proc=invisible", "grep", " /proc ",
                          "/proc/self/mountinfo"),
                     0, "%s", output);
        SAYS("hidepid=invisible");
    }
    if (geteuid() != 0)
        return;
    /* Over the host's files and processes, too. */
    cr_assert_eq(RUN("--profile", "none", "--protect-proc=noaccess", "grep", "hidepid=noaccess",
                     "/proc/self/mountinfo"),
                 0, "%s", output);
}

/* No call here: where the wall is missing, a call that sets the clock would set this machine's. */
Test(view, what_a_protected_part_of_the_kernel_needs_is_hidden_or_gone)
{
    static const char *const look =
        "! ls /usr/lib/modules && ! head -c1 /proc/kmsg && ! head -c1 /dev/kmsg && "
        "grep CapBnd /proc/self/status";
    const unsigned long long dropped = 1ull << CAP_SYS_TIME | 1ull << CAP_WAKE_ALARM |
                                       1ull << CAP_SYS_MODULE | 1ull << CAP_SYSLOG,
                             kept = 1ull << CAP_SYS_ADMIN | 1ull << CAP_SYS_NICE;

    for (size_t i = 0; i < 2; i++) {
        const char *bounding;

        cr_assert_eq(BENT(callers[i], "--profile", "none", "--protect-kernel-modules",
                          "--protect-kernel-logs", "--protect-clock", "sh", "-c", look),
                     0, "%s", output);
        SAYS("'/proc/kmsg' for reading: Permission denied");
        bounding = strstr(output, "CapBnd:");
        cr_assert_not_null(bounding);
        cr_assert_eq(strtoull(bounding + strlen("CapBnd:"), NULL, 16) & (dropped | kept), kept);
    }
    cr_assert_eq(RUN("--profile", "none", "--protect-clock", "--ambient-capabilities",
                     "CAP_SYS_TIME", "true"),
                 125);
    SAYS("ProtectClock");
}

Test(view, control_groups_are_read_only_or_ones_own)
{
    cr_assert_eq(RUN("--profile", "none", "--protect-control-groups=yes", "grep",
                     " /sys/fs/cgroup ro,", "/proc/self/mountinfo"),
                 0, "%s", output);
    cr_assert_eq(RUN("--profile", "none", "--protect-control-groups=private", "sh", "-c",
                     "cat /sys/fs/cgroup/cgroup.procs && cat /proc/self/cgroup"),
                 0, "%s", output);
    SAYS("0::/\n");
    cr_assert_eq(RUN("--profile", "none", "--protect-control-groups=strict", "mkdir",
                     "/sys/fs/cgroup/coop-view"),
                 1);
    SAYS("Read-only file system");
}

Test(view, a_directory_of_the_host_can_be_the_root)
{
    char root[64], mapped[128];

    host("mkdir -p r/usr r/bin r/lib r/lib64 r/proc r/dev r/sys r/run r/data r/free");
    host("chmod 777 r/data r/free");
    snprintf(root, sizeof root, "--root-directory=%s/r", place);
    snprintf(mapped, sizeof mapped, "--read-only-paths=%s/r/data -%s", place, place);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], "--profile", "none", "--private-pids", root, mapped,
                          "--bind-read-only-paths=/usr /bin /lib /lib64",
                          "--inaccessible-paths=+/usr/share", "sh", "-c",
                          "cd / && echo $(ls) && test -e /proc/self && test -e /dev/null &&"
                          "touch /free/x && ! ls /usr/share/doc && ! touch /data/x"),
                     0, "%s", output);
        SAYS("bin data dev free lib lib64 proc run sys usr");
        SAYS("Read-only file system");
        unlink(in_place("/r/free/x"));
    }
    cr_assert_eq(RUN("--profile", "none", "--root-directory=/no/such", "true"), 125);
    SAYS("/no/such");
}

Test(view, later_mounts_of_the_host_show_only_where_asked)
{
    cr_assert_eq(RUN("grep", "-c", "master:", "/proc/self/mountinfo"), 1, "%s", output);
    cr_assert_eq(RUN("--profile", "none", "--mount-flags=shared", "--private-mounts", "grep",
                     "-q", " / / .*shared:", "/proc/self/mountinfo"),
                 0, "%s", output);
}

/* ---- what does not exist yet ---- */

/* Inside a script says that it is up and waits; then the host makes what was missing. */
static void made_while_it_runs(void (*caller)(void), const char *const *words, const char *make)
{
    char text;
    int pipe_end;
    pid_t pid = start(words, &pipe_end, caller);

    cr_assert_eq(read(pipe_end, &text, 1), 1);
    host(make);
    host("echo go > fifo");
    cr_assert_eq(finish(pid, pipe_end), 0, "%s", output);
}

#define WAIT "echo; read x < /w/fifo; "

Test(view, a_missing_path_is_hidden_when_it_comes_and_nothing_is_left_behind)
{
    host("mkdir -p sub/dir && mkfifo fifo && echo here > here && ln -s here link &&"
         "echo old > sub/dir/old && chmod -R a+rwX .");
    for (size_t i = 0; i < 2; i++) {
        made_while_it_runs(callers[i],
                           (const char *const[]){SYSTEM, "--ro-bind", place, "/w",
                                                 "--inaccessible-paths=/w/late -/w/sub/no/such",
                                                 "sh", "-c",
                                                 WAIT "cat /w/here /w/link /w/sub/dir/old;"
                                                      "cat /w/late /w/sub/no/such; touch /w/x;"
                                                      "ls -A /w /w/sub; true",
                                                 NULL},
                           "echo secret > late && mkdir sub/no && echo secret > sub/no/such");
        SAYS("here\nhere\nold\n");
        SILENT_ON("secret");
        SAYS("Read-only file system");
        SAYS("dir");
        host("rm -r late sub/no && test \"$(echo *)\" = 'fifo here link sub' &&"
             "test \"$(echo sub/*)\" = sub/dir");
    }
}

Test(view, a_missing_path_in_a_directory_of_the_sandbox_is_made_and_hidden)
{
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], "--inaccessible-paths=/tmp/a/b /opt/none", "sh", "-c",
                          "! ls /tmp/a/b && ! ls /opt/none && ! touch /tmp/a/b/c"),
                     0, "%s", output);
        SILENT_ON("No such file");
    }
}

Test(view, a_missing_path_that_the_command_could_make_itself_is_refused)
{
    char path[64], optional[80];

    snprintf(path, sizeof path, "--inaccessible-paths=%s/late", place);
    snprintf(optional, sizeof optional, "--inaccessible-paths=-%s/late", place);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], "--profile", "none", path, "true"), 125, "%s", output);
        SAYS("/late");
        SAYS("hint:");
        cr_assert_eq(BENT(callers[i], "--profile", "none", optional, "true"), 0, "%s", output);
        cr_assert_eq(BENT(callers[i], "--profile", "none", "--protect-system=strict", path,
                          "sh", "-c", "ls"),
                     0, "%s", output);
    }
    host("test ! -e late");
}

/* ---- what moves while somebody is in it ---- */

Test(view, a_directory_moved_out_of_a_bind_is_no_way_up)
{
    char from[64], text;

    host("mkdir -p in/deep out && mkfifo in/fifo && echo secret > out/secret &&"
         "chmod -R a+rwX .");
    snprintf(from, sizeof from, "%s/in", place);
    for (size_t i = 0; i < 2; i++) {
        int pipe_end;
        pid_t pid = start(
            (const char *const[]){SYSTEM, "--bind", from, "/w", "sh", "-c",
                                  "cd /w/deep; echo; read x < /w/fifo;"
                                  "cat ../secret ../../out/secret; cd -P ..; ls; ls ..; true",
                                  NULL},
            &pipe_end, callers[i]);

        cr_assert_eq(read(pipe_end, &text, 1), 1);
        host("mv in/deep out/deep && echo go > in/fifo");
        cr_assert_eq(finish(pid, pipe_end), 0, "%s", output);
        SAYS("No such file or directory");
        SILENT_ON("secret\n");
        host("mv out/deep in/deep");
    }
}
