/* coop-run as a program: layers, descriptors that are bound, files that are locked. */
#include "run_coop.h"

static char place[32];

/* A script of the host's, in a folder that everybody may write. */
static int host(const char *script)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (chdir(place) == 0)
            execl("/bin/sh", "sh", "-c", script, (char *)NULL);
        _exit(99);
    }
    cr_assert_eq(waitpid(pid, &status, 0), pid);
    return status;
}

static void make_place(void)
{
    strcpy(place, "/tmp/coop-layers-XXXXXX");
    cr_assert_not_null(mkdtemp(place));
    cr_assert_eq(host("mkdir a b up work && echo a > a/f && echo b > b/f && echo x > a/only &&"
                      "mkdir a/d && touch a/d/e && chmod -R 777 ."),
                 0);
}

static void remove_place(void)
{
    host("rm -rf -- ./*");
    rmdir(place);
}

TestSuite(layers, .init = make_place, .fini = remove_place);

static void (*const callers[])(void) = {NULL, as_user};

/* The kernel copies no file up that belongs to an id which is not mapped. */
static void give_to_caller(size_t which)
{
    if (geteuid() != 0)
        return; /* both callers are whoever runs the tests, who has made it */
    cr_assert_eq(host(which ? "chown -R 61500:61500 ." : "chown -R 0:0 ."), 0);
}

/* As the caller, in the folder, with descriptors 8 (a directory) and 9 (a file) of it. */
static void (*then)(void);

static void in_place(void)
{
    if (chdir(place) < 0 || dup2(open("a", O_PATH | O_CLOEXEC), 8) < 0 ||
        dup2(open("b/f", O_RDONLY | O_CLOEXEC), 9) < 0)
        _exit(97);
    if (then)
        then();
}

#define SYSTEM                                                                                 \
    "--ro-bind", "/usr", "/usr", "--symlink", "usr/bin", "/bin", "--symlink", "usr/lib",       \
        "/lib", "--symlink", "usr/lib64", "/lib64", "--proc", "/proc"
#define SRC(name)                                                                              \
    "--overlay-src",                                                                           \
        (snprintf(path_##name, sizeof path_##name, "%s/" #name, place), path_##name)

static char path_a[64], path_b[64], path_up[64], path_work[64], path_r[64];

static void lower_is_as_before(void)
{
    cr_assert_eq(host("test \"$(cat a/f b/f a/only)\" = \"a\nb\nx\" &&"
                      "test \"$(echo $(find a b | sort))\" = 'a a/d a/d/e a/f a/only b b/f'"),
                 0);
}

Test(layers, what_is_written_over_layers_ends_with_the_sandbox)
{
    for (size_t i = 0; i < 2; i++) {
        give_to_caller(i);
        cr_assert_eq(BENT(callers[i], SYSTEM, SRC(a), SRC(b), "--tmp-overlay", "/m", "sh", "-c",
                          "cd /m && cat f only && rm only && echo n > new && echo z > f &&"
                          "rm -r d && mkdir d && ls && ls d && cat f"),
                     0, "%s", output);
        cr_assert_str_eq(output, "b\nx\nd\nf\nnew\nz\n", "%s", output);
        lower_is_as_before();
    }
}

Test(layers, read_only_layers_stay_as_they_are)
{
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], SYSTEM, SRC(b), SRC(a), "--ro-overlay", "/m", "sh", "-c",
                          "cat /m/f && ! touch /m/new && ! rm /m/only && grep -c ' /m ro,' "
                          "/proc/self/mountinfo"),
                     0, "%s", output);
        SAYS("a\n");
        SAYS("Read-only file system");
        lower_is_as_before();
    }
}

Test(layers, what_is_written_goes_to_the_upper_directory)
{
    for (size_t i = 0; i < 2; i++) {
        give_to_caller(i);
        snprintf(path_up, sizeof path_up, "%s/up", place);
        snprintf(path_work, sizeof path_work, "%s/work", place);
        cr_assert_eq(BENT(callers[i], SYSTEM, SRC(a), SRC(b), "--overlay", path_up, path_work,
                          "/m", "sh", "-c", "echo n > /m/new && echo z > /m/f"),
                     0, "%s", output);
        lower_is_as_before();
        cr_assert_eq(host("test \"$(cat up/new up/f)\" = \"n\nz\" && rm -rf up work &&"
                          "mkdir up work && chmod 777 up work"),
                     0);
    }
}

Test(layers, nothing_of_the_host_shows_behind_them)
{
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], SYSTEM, SRC(a), "--tmp-overlay", "/m", "grep", "-vE",
                          " (/|/usr|/proc|/proc/[^ ]*|/m) ", "/proc/self/mountinfo"),
                     1, "%s", output);
        cr_assert_eq(BENT(callers[i], SYSTEM, SRC(a), "--tmp-overlay", "/m", "grep", "-F",
                          place, "/proc/self/mountinfo"),
                     1, "%s", output);
    }
}

Test(layers, they_can_be_the_root)
{
    host("mkdir r r/usr r/bin r/lib r/lib64 r/proc r/dev && chmod -R 755 r");
    snprintf(path_r, sizeof path_r, "%s/r", place);
    for (size_t i = 0; i < 2; i++) {
        cr_assert_eq(BENT(callers[i], "--overlay-src", path_r, "--tmp-overlay", "/",
                          "--ro-bind", "/usr", "/usr", "--ro-bind", "/bin", "/bin", "--ro-bind",
                          "/lib", "/lib", "--ro-bind", "/lib64", "/lib64", "sh", "-c",
                          "mkdir /etc && echo $(ls /) && test -e /dev/null && test -e /proc/1"),
                     0, "%s", output);
        SAYS("bin dev etc lib lib64 proc usr\n");
        cr_assert_eq(host("test ! -e r/etc"), 0);
    }
}

Test(layers, their_size_is_a_limit)
{
    cr_assert_eq(RUN(SYSTEM, SRC(a), "--size", "64K", "--tmp-overlay", "/m", "sh", "-c",
                     "head -c 100000 /usr/bin/env > /m/new || head -c 100000 /proc/kallsyms; "
                     "yes | head -c 100000 > /m/big"),
                 1);
    SAYS("No space left on device");
    cr_assert_eq(RUN(SYSTEM, SRC(a), "--size", "64K", "--tmp-overlay", "/m", "sh", "-c",
                     "i=0; while : > /m/$i; do i=$((i + 1)); done"),
                 2);
    SAYS("No space left on device");
}

Test(layers, the_words_come_in_bubblewraps_order)
{
    cr_assert_eq(RUN("--tmp-overlay", "/m", "true"), 125);
    SAYS("--tmp-overlay: needs 1 --overlay-src before it");
    cr_assert_eq(RUN(SRC(a), "--ro-overlay", "/m", "true"), 125);
    SAYS("needs 2 --overlay-src before it");
    cr_assert_eq(RUN(SRC(a), "--tmpfs", "/m", "true"), 125);
    SAYS("--overlay-src must stand before");
    cr_assert_eq(RUN(SRC(a), "true"), 125);
    SAYS("without an option to apply to");
    cr_assert_eq(RUN("--overlay-src", "/no/such", "--tmp-overlay", "/m", "true"), 125);
    SAYS("openat /no/such");
}

/* Whiteouts and opaque directories are devices and attributes: none can be made by hand. */
Test(layers, an_attack_on_what_holds_them_together_changes_nothing_below)
{
    for (size_t i = 0; i < 2; i++) {
        give_to_caller(i);
        cr_assert_eq(BENT(callers[i], SYSTEM, SRC(a), SRC(b), "--tmp-overlay", "/m", "--dev",
                          "/dev", "sh", "-c",
                          "cd /m; mknod only c 0 0; mknod w c 0 0; mknod n c 1 3;"
                          "chmod 4755 f; rm -r d; mkdir d; perl -e '"
                          "$n = \"trusted.overlay.opaque\\0\"; $v = \"y\\0\"; $d = \"d\\0\";"
                          "print \"set\\n\" if syscall(188, $d, $n, $v, 1, 0) == 0';"
                          "ls; ! ls -l | grep ^c"),
                     0, "%s", output);
        SILENT_ON("set\n");
        SAYS("d\nf\nonly\n");
        SAYS("mknod: w: ");
        SAYS("mknod: n: ");
        lower_is_as_before();
        cr_assert_eq(host("test ! -u a/f && test ! -u b/f"), 0);
    }
}

/* ---- descriptors ---- */

Test(layers, a_descriptor_is_bound_if_its_file_is_still_there)
{
    for (size_t i = 0; i < 2; i++) {
        then = callers[i];
        cr_assert_eq(BENT(in_place, SYSTEM, "--bind-fd", "8", "/m", "--ro-bind-fd", "9", "/n",
                          "sh", "-c",
                          "cat /m/only /n && touch /m/new && rm /m/new && ! echo > /n"),
                     0, "%s", output);
        SAYS("x\nb\n");
        SAYS("Read-only file system");
    }
}

static void swapped(void)
{
    if (chdir(place) < 0 || dup2(open("b/f", O_RDONLY | O_CLOEXEC), 9) < 0 ||
        rename("b/f", "b/g") < 0 || symlink("/etc/passwd", "b/f") < 0)
        _exit(97);
}

/* The kernel's word for where it is leads to another file. */
static void removed(void)
{
    if (chdir(place) < 0 || dup2(open("b/g", O_RDONLY | O_CLOEXEC), 9) < 0 ||
        unlink("b/g") < 0 || symlink("/etc/passwd", "b/g (deleted)") < 0)
        _exit(97);
}

Test(layers, a_descriptor_whose_file_was_removed_is_refused)
{
    cr_assert_eq(BENT(swapped, SYSTEM, "--ro-bind-fd", "9", "/n", "cat", "/n"), 0, "%s",
                 output);
    cr_assert_str_eq(output, "b\n", "it is found where it is now");
    cr_assert_eq(BENT(removed, SYSTEM, "--ro-bind-fd", "9", "/n", "cat", "/n"), 125);
    SAYS("Stale file handle");
}

/* ---- as long as the sandbox lives ---- */

static int lock_for_writing(int how)
{
    struct flock lock = {.l_type = F_WRLCK};
    char path[64];
    int fd, r;

    snprintf(path, sizeof path, "%s/a/f", place);
    fd = open(path, O_RDWR | O_CLOEXEC);
    r = fcntl(fd, how, &lock);
    close(fd);
    return r;
}

static int sync_ends[2];

static void with_sync_fd(void)
{
    dup2(sync_ends[1], 9);
}

Test(layers, a_file_is_locked_and_a_descriptor_open_while_the_sandbox_lives)
{
    char place_a[64], text[8];
    int pipe_end;
    pid_t pid;

    host("mkfifo -m 666 a/fifo"); /* nobody writes to it: the sandbox stays */
    snprintf(place_a, sizeof place_a, "%s/a", place);
    cr_assert_eq(pipe2(sync_ends, O_CLOEXEC), 0);
    pid = start((const char *const[]){SYSTEM, "--bind", place_a, "/m", "--lock-file", "/m/f",
                                      "--sync-fd", "9", "sh", "-c",
                                      "ls /proc/self/fd; echo up; read x < /m/fifo", NULL},
                &pipe_end, with_sync_fd);
    close(sync_ends[1]);
    while (read(pipe_end, text, 1) == 1 && text[0] != 'u')
        cr_assert(text[0] <= '3', "a descriptor is left: %c", text[0]);
    cr_assert_eq(lock_for_writing(F_SETLK), -1);
    cr_assert_eq(fcntl(sync_ends[0], F_SETFL, O_NONBLOCK), 0);
    cr_assert_eq(read(sync_ends[0], text, 1), -1, "still open");
    kill(pid, SIGKILL); /* the reaper goes with it, however it ends */
    finish(pid, pipe_end);
    cr_assert_eq(fcntl(sync_ends[0], F_SETFL, 0), 0);
    cr_assert_eq(read(sync_ends[0], text, 1), 0, "its end is the end of the sandbox");
    cr_assert_eq(lock_for_writing(F_SETLKW), 0);
}

Test(layers, a_lock_needs_somebody_to_hold_it)
{
    cr_assert_eq(RUN("--as-pid-1", "--lock-file", "/tmp", "true"), 125);
    SAYS("kept locked by the reaper");
}
