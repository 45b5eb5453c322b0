/* Receipts, and the descriptors by which others are told and tell. */
#include "received.h"

#include <poll.h>

#include "launcher/receipt.h"
#include "launcher/sha256.h"

TestSuite(receipts, .init = choose_path, .fini = remove_receipt);

/* ---- the receipt ---- */

Test(receipts, the_receipt_tells_what_the_kernel_says)
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

Test(receipts, capabilities_are_those_of_the_program)
{
    cr_assert_eq(BOUNDED("--cap-add", "CAP_NET_ADMIN", "true"), 0);
    RECEIVED("\"effective\": [\"cap_net_admin\"]");
    RECEIVED("\"ambient\": [\"cap_net_admin\"]");
}

Test(receipts, the_receipt_takes_the_place_of_an_old_one_whole)
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

Test(receipts, a_receipt_that_cannot_be_written_stops_the_launch)
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

Test(receipts, a_receipt_may_go_to_a_descriptor)
{
    cr_assert_eq(RUN("--receipt", "/dev/fd/1", "true"), 0);
    SAYS("{\"version\": 1, \"result\": \"exit\"");
}

Test(receipts, a_receipt_waits_for_no_reader, .timeout = 60)
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
Test(receipts, a_receipt_for_a_reader_that_does_not_read_is_given_up, .timeout = 60)
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

Test(receipts, a_receipt_for_a_descriptor_is_written_to_what_it_leads_to)
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
Test(receipts, a_receipt_takes_the_place_of_none_of_the_systems_links)
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
Test(receipts, a_link_in_the_receipts_place_is_replaced)
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

Test(receipts, an_ordinary_user_gets_receipts_too)
{
    cr_assert_eq(run_bent(as_user, (const char *const[]){"--receipt", path, "--wall-time=200ms",
                                                         "sleep", "100", NULL}),
                 137, "%s", output);
    RECEIVED("\"result\": \"wall-time\"");
    RECEIVED("\"no_new_privs\": true");
}

Test(receipts, names_of_bytes_are_those_of_the_standard)
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

Test(receipts, json_status_tells_pid_namespaces_and_exit_code)
{
    cr_assert_eq(BENT(status_on_a_file, "--json-status-fd", "9", "sh", "-c", "exit 3"), 3);
    read_receipt();
    cr_assert_eq(strncmp(receipt, "{ \"child-pid\": ", 15), 0, "%s", receipt);
    cr_assert(strstr(receipt, ", \"pid-namespace\": 40"), "%s", receipt);
    cr_assert(strstr(receipt, " }\n{ \"exit-code\": 3 }\n"), "%s", receipt);
}

Test(receipts, info_tells_pid_and_namespaces_only)
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

Test(receipts, a_watcher_that_does_not_read_stops_nobody)
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

Test(receipts, a_descriptor_that_is_not_open_is_refused)
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

Test(receipts, the_command_waits_for_the_descriptor_and_the_lock_lives_as_long_as_it)
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
