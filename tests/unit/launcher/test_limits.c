/* Bounds and receipts: coop-run says how it ended, and ends what has used up its bound. */
#include "run_coop.h"

#include <dirent.h>
#include <poll.h>

#include "launcher/receipt.h"
#include "launcher/sha256.h"

#define RECEIPT "/tmp/coop-test-receipt"

static char receipt[65536], path[64];

static void choose_path(void)
{
    snprintf(path, sizeof path, RECEIPT "-%d", (int)getpid());
}

static void remove_receipt(void)
{
    unlink(path);
}

TestSuite(limits, .init = choose_path, .fini = remove_receipt);

static void read_receipt(void)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? -1 : read(fd, receipt, sizeof receipt - 1);

    receipt[got > 0 ? got : 0] = '\0';
    close(fd);
}

#define RECEIVED(text)                                                                         \
    do {                                                                                       \
        read_receipt();                                                                        \
        cr_assert(strstr(receipt, text), "'%s' is not in: %s\n%s", text, receipt, output);     \
    } while (0)
#define BOUNDED(...) RUN("--receipt", path, __VA_ARGS__)

static long long number_of(const char *key)
{
    char quoted[64];
    const char *at;

    snprintf(quoted, sizeof quoted, "\"%s\": ", key);
    at = strstr(receipt, quoted);
    cr_assert(at, "no %s in %s", key, receipt);
    return strtoll(at + strlen(quoted), NULL, 10);
}

/* ---- how it ended ---- */

Test(limits, exit_and_signal_are_told)
{
    cr_assert_eq(BOUNDED("sh", "-c", "exit 3"), 3, "%s", output);
    RECEIVED("\"result\": \"exit\"");
    RECEIVED("\"status\": 3");
    cr_assert_eq(BOUNDED("sh", "-c", "kill -TERM $$"), 143);
    RECEIVED("\"result\": \"signal\"");
    RECEIVED("\"signal\": 15, \"signal_name\": \"SIGTERM\"");
}

Test(limits, numbers_of_the_launcher_are_not_the_commands)
{
    cr_assert_eq(BOUNDED("no-such-command"), 127);
    RECEIVED("\"result\": \"setup-error\", \"error\": \"step 'exec': execve no-such-command");
    cr_assert_eq(BOUNDED("sh", "-c", "exit 127"), 127);
    RECEIVED("\"result\": \"exit\"");
    cr_assert_eq(BOUNDED("--hostname", "x", "--protect-hostname=no", "true"), 125);
    RECEIVED("\"result\": \"setup-error\"");
}

Test(limits, a_filter_that_kills_is_policy)
{
    cr_assert_eq(BOUNDED("sh", "-c", "kill -SYS $$"), 159);
    RECEIVED("\"result\": \"policy\"");
}

Test(limits, wall_time_ends_a_sleeper_and_a_stopped_one)
{
    static const char *const scripts[] = {"exec sleep 100", "kill -STOP $$",
                                          "trap '' TERM INT HUP; while :; do sleep 100; done"};

    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(BOUNDED("--wall-time=200ms", "sh", "-c", scripts[i]), 137, "%s", output);
        SAYS("ended, because WallTime= is used up");
        RECEIVED("\"result\": \"wall-time\", \"killed\": true");
        cr_assert_geq(number_of("wall_usec"), 200000);
    }
}

Test(limits, what_ends_in_time_is_left_alone)
{
    cr_assert_eq(BOUNDED("--wall-time=1min", "--cpu-time=1min", "--output-max=1M", "echo", "x"),
                 0);
    cr_assert_str_eq(output, "x\n");
    RECEIVED("\"result\": \"exit\", \"killed\": false");
    RECEIVED("{\"name\": \"WallTime\", \"asked\": 60000000, \"unit\": \"usec\", \"kept_by\": "
             "\"launcher\"}");
}

Test(limits, cpu_time_is_that_of_all_processes_together)
{
    cr_assert_eq(BOUNDED("--cpu-time=300ms", "sh", "-c",
                         "for i in 1 2 3; do setsid sh -c 'while :; do :; done' & done; wait"),
                 137);
    RECEIVED("\"result\": \"cpu-time\", \"killed\": true");
    cr_assert_geq(number_of("cpu_usec"), 300000);
}

Test(limits, a_sleeper_uses_no_cpu_time)
{
    cr_assert_eq(BOUNDED("--cpu-time=300ms", "--wall-time=600ms", "sleep", "100"), 137);
    RECEIVED("\"result\": \"wall-time\"");
}

Test(limits, output_ends_at_its_last_byte)
{
    cr_assert_eq(BOUNDED("--output-max=10", "sh", "-c", "echo 12345; echo 6789; exec yes"),
                 137);
    cr_assert_eq(strncmp(output, "12345\n6789", 10), 0, "%s", output);
    SAYS("ended, because OutputMax= is used up");
    RECEIVED("\"result\": \"output\", \"killed\": true");
    cr_assert_eq(number_of("output_bytes"), 10);
}

Test(limits, output_of_exactly_the_ceiling_is_no_end)
{
    cr_assert_eq(BOUNDED("--output-max=5", "sh", "-c", "printf 123; printf 45 >&2"), 0);
    cr_assert_str_eq(output, "12345");
    RECEIVED("\"result\": \"exit\"");
}

/* A folder of the host's with something in it, writable inside. */
static char bound[80], folder[64];

static void make_folder(void)
{
    char before[80];
    int fd;

    snprintf(folder, sizeof folder, "/tmp/coop-test-disk-%d", (int)getpid());
    snprintf(bound, sizeof bound, "--bind-paths=%s", folder);
    snprintf(before, sizeof before, "%s/before", folder);
    cr_assert_eq(mkdir(folder, 0777), 0);
    fd = open(before, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    cr_assert_eq(posix_fallocate(fd, 0, 3000000), 0);
    close(fd);
}

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;

    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            unlinkat(dirfd(dir), entry->d_name, 0);
    closedir(dir);
    cr_assert_eq(rmdir(folder), 0);
}

#define FILLED(option, script) BOUNDED(option, bound, "sh", "-c", "cd $0; " script, folder)

Test(limits, what_grows_beyond_its_ceiling_is_ended)
{
    make_folder();
    cr_assert_eq(FILLED("--disk-max=2M", "head -c 9000000 /dev/zero >x; exec sleep 100"), 137,
                 "%s", output);
    SAYS("ended, because DiskMax= or DiskFilesMax= is used up");
    RECEIVED("\"result\": \"disk\", \"killed\": true");
    RECEIVED("{\"name\": \"DiskMax\", \"asked\": 2097152, \"unit\": \"bytes\", \"kept_by\": "
             "\"polling\"}");
    cr_assert_gt(number_of("disk_peak_bytes"), 2097152);
    remove_folder();
}

Test(limits, what_was_there_before_is_not_charged)
{
    make_folder();
    cr_assert_eq(FILLED("--disk-max=2M", "head -c 1000000 /dev/zero >x; cat before >/dev/null"),
                 0, "%s", output);
    RECEIVED("\"result\": \"exit\"");
    cr_assert_geq(number_of("disk_peak_bytes"), 1000000);
    cr_assert_lt(number_of("disk_peak_bytes"), 2097152);
    remove_folder();
}

/* While it is at that, nobody but root may see which files it has open. */
Test(limits, a_process_that_gives_back_much_memory_hides_no_files)
{
    static const char grow[] =
        "for (1..8) { if (!fork) { $x = 'a' x (100 << 20); exit 0 } wait } exit 3";

    cr_assert_eq(
        run_bent(as_user, (const char *const[]){"--receipt", path, "--disk-max=4M",
                                                "--limit-as=1G", "perl", "-e", grow, NULL}),
        3, "%s", output);
    RECEIVED("\"result\": \"exit\"");
}

/* The last look comes after the end; one before it may be quick enough to end it. */
Test(limits, who_fills_it_and_ends_at_once_is_told)
{
    int code;

    make_folder();
    code = FILLED("--disk-max=2M", "head -c 9000000 /dev/zero >x");
    cr_assert(code == 0 || code == 137, "%d: %s", code, output);
    RECEIVED("\"result\": \"disk\"");
    remove_folder();
}

Test(limits, files_have_a_ceiling_too)
{
    make_folder();
    cr_assert_eq(FILLED("--disk-files-max=40",
                        "i=0; while :; do : >f$i; i=$((i + 1)); [ $i -lt 500 ] || sleep 100; "
                        "done"),
                 137, "%s", output);
    RECEIVED("\"result\": \"disk\"");
    cr_assert_eq(FILLED("--disk-files-max=40", "touch new; rm f*"), 0);
    RECEIVED("\"result\": \"exit\"");
    remove_folder();
}

Test(limits, a_full_file_system_of_its_own_is_told)
{
    cr_assert_eq(BOUNDED("--disk-max=2M", "sh", "-c",
                         "head -c 9000000 /dev/zero >/tmp/x; sleep 0.3; exit 1"),
                 1);
    RECEIVED("\"result\": \"disk\", \"killed\": false");
}

Test(limits, a_disk_that_nobody_can_walk_is_refused_or_lost)
{
    cr_assert_eq(BOUNDED("--profile=none", "--disk-max=2M", "true"), 125);
    SAYS("DiskMax= cannot be kept");
    cr_assert_eq(BOUNDED("--bind", "/", "/", "--disk-max=2M", "true"), 125);
    SAYS("DiskMax= cannot be kept");
    cr_assert_eq(BOUNDED("--profile=none", "--prefer=limits", "--disk-max=2M", "true"), 0);
    SAYS("note: not kept: DiskMax\n");
    RECEIVED(
        "\"name\": \"DiskMax\", \"asked\": 2097152, \"unit\": \"bytes\", \"kept_by\": null");
}

Test(limits, rlimits_that_end_are_told_as_limits)
{
    cr_assert_eq(BOUNDED("--limit-fsize=1000", "--limit-core=0", "sh", "-c",
                         "exec head -c 5000 /dev/zero >/tmp/x"),
                 153);
    RECEIVED("\"result\": \"disk\"");
    RECEIVED("{\"name\": \"LimitFSIZE\", \"asked\": 1000, \"unit\": \"rlimit\", \"kept_by\": "
             "\"rlimit\"}");
}

/* ---- what needs controllers: an ordinary user without a group of its own has none ---- */

#define UNGROUPED(...)                                                                         \
    run_bent(as_user,                                                                          \
             (const char *const[]){"--receipt", path, "--wall-time=20s", __VA_ARGS__, NULL})

Test(limits, a_bound_that_nobody_can_keep_is_refused)
{
    static const char *const flags[] = {
        "--memory-max=64M", "--memory-high=64M", "--memory-swap-max=0", "--tasks-max=10",
        "--cpu-quota=20%",  "--cpu-weight=50",   "--io-weight=50"};

    for (size_t i = 0; i < 7; i++) {
        cr_assert_eq(UNGROUPED(flags[i], "true"), 125, "%s", flags[i]);
        SAYS("= cannot be kept");
        SAYS("--prefer limits");
        RECEIVED("\"result\": \"setup-error\"");
    }
}

Test(limits, preferred_what_comes_nearest_is_told)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--cpu-quota=20%", "--memory-max=64M", "true"),
                 0);
    SAYS("note: kept by what comes nearest: MemoryMax (polling)\n");
    SAYS("note: not kept: CPUQuota\n");
    SILENT_ON("not in force");
    RECEIVED("{\"name\": \"CPUQuota\", \"asked\": 200, \"unit\": \"per-mille\", \"kept_by\": "
             "null}");
    RECEIVED("{\"name\": \"MemoryMax\", \"asked\": 67108864, \"unit\": \"bytes\", "
             "\"kept_by\": \"polling\"}");
    RECEIVED("\"lost\": [\"ResourceLimits\"]");
}

Test(limits, preferred_memory_is_kept_by_looking)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--memory-max=64M", "dd", "if=/dev/zero",
                           "of=/dev/null", "bs=400M", "count=2"),
                 137, "%s", output);
    RECEIVED("\"result\": \"memory\", \"killed\": true");
}

Test(limits, memory_that_is_shared_counts_once)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--memory-max=64M", "perl", "-e",
                           "my $x = 'a' x $ARGV[0]; for (1..3) { fork or do { "
                           "select(undef, undef, undef, 0.2); exit } } 1 while wait > 0",
                           "36000000"),
                 0, "%s", output);
}

Test(limits, preferred_tasks_are_kept_by_the_kernel)
{
    cr_assert_eq(UNGROUPED("--prefer=limits", "--tasks-max=6", "perl", "-e",
                           "$SIG{ALRM} = 'DEFAULT'; for (1..20) { my $p = fork; "
                           "exit 3 unless defined $p; $p or sleep 1000 }"),
                 3, "%s", output);
    RECEIVED("\"kept_by\": \"rlimit and polling\"");
    RECEIVED("\"result\": \"tasks\"");
    /* in too short a time for anybody to look */
    cr_assert_eq(UNGROUPED("--prefer=limits", "--tasks-max=4", "perl", "-e",
                           "for (1..9) { my $p = fork; "
                           "exit 3 unless defined $p; $p or sleep 1000 }"),
                 3, "%s", output);
    RECEIVED("\"result\": \"tasks\"");
    cr_assert_eq(UNGROUPED("--prefer=limits", "--tasks-max=40", "sh", "-c", "exit 3"), 3);
    RECEIVED("\"result\": \"exit\"");
}

/* ---- ending with grace ---- */

Test(limits, grace_lets_the_program_end_by_itself)
{
    cr_assert_eq(BOUNDED("--wall-time=200ms", "--stop-grace=30s", "sh", "-c",
                         "trap 'echo bye; exit 4' TERM; while :; do sleep 0.05; done"),
                 4, "%s", output);
    SAYS("bye");
    SAYS("ended, because WallTime= is used up");
    RECEIVED("\"result\": \"wall-time\", \"killed\": false");
}

Test(limits, who_ignores_the_signal_is_killed_after_the_grace)
{
    cr_assert_eq(BOUNDED("--wall-time=100ms", "--stop-grace=100ms", "sh", "-c",
                         "trap '' TERM; while :; do sleep 0.05; done"),
                 137);
    RECEIVED("\"result\": \"wall-time\", \"killed\": true");
    cr_assert_geq(number_of("wall_usec"), 200000);
}

Test(limits, a_signal_to_the_launcher_gives_the_same_grace)
{
    static const char *const script[] = {"--stop-grace=100ms", "sh", "-c",
                                         "trap '' TERM; echo up; while :; do sleep 0.05; done",
                                         NULL};
    int pipe_end;
    pid_t pid = start(script, &pipe_end, NULL);
    char byte;

    cr_assert_eq(read(pipe_end, &byte, 1), 1);
    kill(pid, SIGTERM);
    cr_assert_eq(finish(pid, pipe_end), 137);
}

/* ---- without a PID namespace ---- */

Test(limits, nobody_escapes_without_a_pid_namespace)
{
    cr_assert_eq(
        BOUNDED("--profile=none", "--wall-time=300ms", "sh", "-c",
                "(setsid sh -c 'trap \"\" TERM; exec sleep 1000' &) ; exec sleep 1000"),
        137);
    /* collect() has read to the end: every holder of the pipe is gone */
    RECEIVED("\"result\": \"wall-time\"");
}

/* ---- the receipt ---- */

Test(limits, the_receipt_tells_what_the_kernel_says)
{
    char text[64];
    struct stat st;

    cr_assert_eq(stat("/proc/self/ns/net", &st), 0);
    cr_assert_eq(BOUNDED("--share-net", "stat", "-L", "-c", "%i", "/proc/self/ns/mnt"), 0);
    snprintf(text, sizeof text, "\"mnt\": {\"inode\": %.*s, \"own\": true}",
             (int)strcspn(output, "\n"), output);
    RECEIVED(text);
    snprintf(text, sizeof text, "\"net\": {\"inode\": %llu, \"own\": false}",
             (unsigned long long)st.st_ino);
    RECEIVED(text);
    RECEIVED("\"no_new_privs\": true");
    RECEIVED("\"bounding\": []");
    RECEIVED("\"lost\": []");
    RECEIVED("\"filters\": [{\"from\": ");
    RECEIVED("\"sha256\": \"");
    cr_assert_eq(BOUNDED("--profile=none", "true"), 0);
    RECEIVED("\"no_new_privs\": false");
    RECEIVED("\"filters\": []");
}

Test(limits, capabilities_are_those_of_the_program)
{
    cr_assert_eq(BOUNDED("--cap-add", "CAP_NET_ADMIN", "true"), 0);
    RECEIVED("\"effective\": [\"cap_net_admin\"]");
    RECEIVED("\"ambient\": [\"cap_net_admin\"]");
}

Test(limits, the_receipt_takes_the_place_of_an_old_one_whole)
{
    struct stat before, after;

    cr_assert_eq(BOUNDED("true"), 0);
    cr_assert_eq(stat(path, &before), 0);
    cr_assert_eq(BOUNDED("true"), 0);
    cr_assert_eq(stat(path, &after), 0);
    cr_assert_neq(before.st_ino, after.st_ino);
    read_receipt();
    cr_assert_eq(receipt[strlen(receipt) - 1], '\n');
}

Test(limits, a_receipt_that_cannot_be_written_stops_the_launch)
{
    cr_assert_eq(RUN("--receipt", "/no/such/folder/x", "echo", "ran"), 125);
    SAYS("receipt: folder '/no/such/folder/': No such file or directory");
    SILENT_ON("ran\n");
    cr_assert_eq(RUN("--receipt", "/tmp", "echo", "ran"), 125);
    SAYS("Is a directory");
    cr_assert_eq(BENT(as_user, "--receipt", "/usr/x", "echo", "ran"), 125);
    SAYS("receipt: a file in '/usr/': Permission denied");
    cr_assert_eq(strchr(output, '\n')[1], '\0', "told more than once: %s", output);
}

Test(limits, a_receipt_may_go_to_a_descriptor)
{
    cr_assert_eq(RUN("--receipt", "/dev/fd/1", "true"), 0);
    SAYS("{\"version\": 1, \"result\": \"exit\"");
}

Test(limits, a_receipt_waits_for_no_reader, .timeout = 60)
{
    int fifo;

    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_eq(RUN("--receipt", path, "echo", "ran"), 125);
    SAYS("nobody reads there");
    SILENT_ON("ran\n");
    fifo = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    cr_assert_geq(fifo, 0);
    cr_assert_eq(RUN("--receipt", path, "true"), 0);
    cr_assert_gt(read(fifo, receipt, sizeof receipt - 1), 0);
    cr_assert(strstr(receipt, "\"result\": \"exit\""), "%s", receipt);
    close(fifo);
}

static void full_descriptor(void)
{
    static char page[4096];
    int ends[2];

    if (pipe(ends) < 0 || dup2(ends[1], 9) != 9 || dup2(ends[0], 10) != 10)
        _exit(97);
    (void)fcntl(9, F_SETFL, O_NONBLOCK);
    while (write(9, page, sizeof page) > 0)
        continue;
    (void)fcntl(9, F_SETFL, 0);
}

/* By then all signals wait: nobody could end it. */
Test(limits, a_receipt_for_a_reader_that_does_not_read_is_given_up, .timeout = 60)
{
    cr_assert_eq(BENT(full_descriptor, "--receipt", "/dev/fd/9", "sh", "-c", "exit 3"), 3);
    SAYS("writing the receipt: Connection timed out");
}

/* Where a shell has led a descriptor to a file: that gets the receipt, and the program nothing. */
static void file_behind_descriptor(void)
{
    int fd = open(path, O_RDWR | O_CREAT, 0644);

    if (fd < 0 || dup2(fd, 9) < 0)
        _exit(97);
}

Test(limits, a_receipt_for_a_descriptor_is_written_to_what_it_leads_to)
{
    static const char *const names[] = {"/dev/fd/9", "/proc/self/fd/9"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        (void)unlink(path);
        cr_assert_eq(BENT(file_behind_descriptor, "--inherit-descriptors", "--receipt",
                          names[i], "sh", "-c", "[ ! -e /proc/self/fd/9 ]"),
                     0, "%s", names[i]);
        RECEIVED("{\"version\": 1, \"result\": \"exit\"");
    }
    cr_assert_eq(RUN("--receipt", "/dev/fd/77", "true"), 125);
    SAYS("receipt '/dev/fd/77': Bad file descriptor");
    cr_assert_eq(RUN("--receipt", "/proc/self/fd/0", "true"), 125);
}

/* As root, /dev/stdout would be a file for everybody afterwards.  Nothing is written here. */
Test(limits, a_receipt_takes_the_place_of_none_of_the_systems_links)
{
    static const char *const names[] = {"/dev/stdout",   "/dev/stderr",
                                        "/dev/fd/1",     "//dev/stdout",
                                        "/dev/./stderr", "/proc/thread-self/fd/1",
                                        "/dev/newcomer", "/proc/x"};

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        int to = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644), out = dup(1), err = dup(2), r;
        struct receipt_file file;
        struct coop_err why = {0};

        dup2(to, 1);
        dup2(to, 2);
        r = receipt_open(&file, names[i], &why);
        dup2(out, 1);
        dup2(err, 2);
        cr_expect_eq(r, i < 3 ? 0 : -1, "%s: %s", names[i], why.text);
        cr_expect(!file.name && file.dir < 0 && (file.fd >= 0) == (i < 3), "%s", names[i]);
        receipt_close(&file);
        close(out);
        close(err);
        close(to);
    }
}

static const char *in_the_way;

static void link_in_the_way(void)
{
    if (symlink(in_the_way, path) < 0)
        _exit(97);
}

/* It may be the program's folder: it would choose the device that root writes to. */
Test(limits, a_link_in_the_receipts_place_is_replaced)
{
    static const char *const targets[] = {"/etc/passwd", "/dev/null", "/no/such/file"};
    struct stat st;

    for (size_t i = 0; i < sizeof targets / sizeof *targets; i++) {
        (void)unlink(path);
        in_the_way = targets[i];
        cr_assert_eq(BENT(link_in_the_way, "--receipt", path, "true"), 0, "%s", output);
        cr_assert_eq(lstat(path, &st), 0);
        cr_assert(S_ISREG(st.st_mode), "%s", targets[i]);
    }
}

Test(limits, an_ordinary_user_gets_receipts_too)
{
    cr_assert_eq(run_bent(as_user, (const char *const[]){"--receipt", path, "--wall-time=200ms",
                                                         "sleep", "100", NULL}),
                 137, "%s", output);
    RECEIVED("\"result\": \"wall-time\"");
    RECEIVED("\"no_new_privs\": true");
}

Test(limits, names_of_bytes_are_those_of_the_standard)
{
    char text[SHA256_TEXT], million[200];

    memset(million, 'a', sizeof million);
    cr_assert_str_eq(sha256_text("", 0, text),
                     "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    cr_assert_str_eq(sha256_text("abc", 3, text),
                     "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    cr_assert_str_eq(sha256_text(million, 56, text),
                     "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a");
    cr_assert_str_eq(sha256_text(million, 64, text),
                     "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb");
}

/* ---- bubblewrap's descriptors ---- */

static void status_on_a_file(void)
{
    dup2(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644), 9);
}

Test(limits, json_status_tells_pid_namespaces_and_exit_code)
{
    cr_assert_eq(BENT(status_on_a_file, "--json-status-fd", "9", "sh", "-c", "exit 3"), 3);
    read_receipt();
    cr_assert_eq(strncmp(receipt, "{ \"child-pid\": ", 15), 0, "%s", receipt);
    cr_assert(strstr(receipt, ", \"pid-namespace\": 40"), "%s", receipt);
    cr_assert(strstr(receipt, " }\n{ \"exit-code\": 3 }\n"), "%s", receipt);
}

Test(limits, info_tells_pid_and_namespaces_only)
{
    cr_assert_eq(BENT(status_on_a_file, "--info-fd=9", "true"), 0);
    read_receipt();
    cr_assert_eq(strncmp(receipt, "{\n    \"child-pid\": ", 19), 0, "%s", receipt);
    cr_assert(strstr(receipt, ",\n    \"uts-namespace\": 40"), "%s", receipt);
    cr_assert_eq(strcmp(receipt + strlen(receipt) - 3, "\n}\n"), 0, "%s", receipt);
}

static void full_pipe(void)
{
    int ends[2];

    if (pipe2(ends, O_NONBLOCK) < 0)
        _exit(97);
    while (write(ends[1], "full", 4) > 0)
        continue;
    fcntl(ends[1], F_SETFL, 0);
    dup2(ends[0], 8);
    dup2(ends[1], 9);
}

static void closed_pipe(void)
{
    full_pipe();
    close(8);
    for (int fd = 3; fd < 8; fd++)
        close(fd);
}

Test(limits, a_watcher_that_does_not_read_stops_nobody)
{
    cr_assert_eq(BENT(full_pipe, "--json-status-fd=9", "--receipt", path, "sh", "-c", "exit 5"),
                 5);
    RECEIVED("\"status\": 5");
    cr_assert_eq(
        BENT(closed_pipe, "--json-status-fd=9", "--receipt", path, "sh", "-c", "exit 6"), 6);
    RECEIVED("\"status\": 6");
}

static void no_descriptor(void)
{
    close(9);
}

Test(limits, a_descriptor_that_is_not_open_is_refused)
{
    static const char *const flags[] = {"--json-status-fd", "--info-fd", "--block-fd",
                                        "--sync-fd"};

    for (size_t i = 0; i < 4; i++) {
        cr_assert_eq(BENT(no_descriptor, flags[i], "9", "true"), 125);
        SAYS("descriptor 9: Bad file descriptor");
    }
}

static int go[2], told[2];

static void block_and_sync(void)
{
    dup2(go[0], 8);
    dup2(told[1], 9);
    close(go[1]);
    close(told[0]);
}

Test(limits, the_command_waits_for_the_descriptor_and_the_lock_lives_as_long_as_it)
{
    static const char *const script[] = {
        "--block-fd=8", "--sync-fd=9", "sh", "-c", "echo ran; exec sleep 1000", NULL};
    struct pollfd wait = {.events = POLLIN};
    int pipe_end;
    pid_t pid;
    char byte;

    cr_assert_eq(pipe2(go, O_CLOEXEC), 0);
    cr_assert_eq(pipe2(told, O_CLOEXEC), 0);
    pid = start(script, &pipe_end, block_and_sync);
    close(told[1]);
    wait.fd = pipe_end;
    cr_assert_eq(poll(&wait, 1, 300), 0, "it ran before it was told to");
    cr_assert_eq(write(go[1], "x", 1), 1);
    cr_assert_eq(poll(&wait, 1, 10000), 1);
    cr_assert_eq(read(pipe_end, &byte, 1), 1);
    wait.fd = told[0];
    cr_assert_eq(poll(&wait, 1, 0), 0, "the descriptor was closed while it ran");
    kill(pid, SIGKILL);
    cr_assert_eq(finish(pid, pipe_end), -SIGKILL);
    cr_assert_eq(poll(&wait, 1, 10000), 1);
    cr_assert(wait.revents & POLLHUP);
}
