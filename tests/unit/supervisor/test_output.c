/* Where a service's output goes: files of the user's choice. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/sys.h"
#include "coop/coop.h"
#include "coop/io.h"
#include "service/output.h"

static char dir[64], path[80];

static void make_dir(void)
{
    strcpy(dir, "/tmp/coop-output-XXXXXX");
    cr_assert_not_null(mkdtemp(dir));
    snprintf(path, sizeof path, "%s/log", dir);
}

static void remove_dir(void)
{
    char inner[80];

    snprintf(inner, sizeof inner, "%s/web.log", dir);
    unlink(inner);
    snprintf(inner, sizeof inner, "%s/log", dir);
    rmdir(inner);
    unlink(path);
    rmdir(dir);
}

TestSuite(output, .init = make_dir, .fini = remove_dir);

static int open_it(enum output_kind kind, struct coop_err *err)
{
    const struct output_spec where = {.kind = kind, .path = path};

    return output_file_fd(&where, err);
}

/* The folder may be the service's own: a FIFO without a reader, put there instead of the log, must
 * not hold coopd for ever. */
Test(output, fifo_in_the_files_place_is_an_error, .timeout = 10)
{
    struct coop_err err = {0};

    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_lt(open_it(OUTPUT_APPEND, &err), 0);
    cr_assert(strstr(err.text, path), "%s", err.text);
    cr_assert_lt(open_it(OUTPUT_TRUNCATE, &err), 0);
    cr_assert_lt(open_it(OUTPUT_FILE, &err), 0);
}

#define STRANGER 61499

/* The folder is a stranger's; 'target' is what the stranger wants to have written to. */
static void give_folder_away(char *ret_target, size_t size)
{
    int fd;

    if (geteuid() != 0)
        cr_skip_test("needs root, to have a stranger");
    snprintf(ret_target, size, "%s.target", dir);
    fd = open(ret_target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    close(fd);
    cr_assert_eq(chown(dir, STRANGER, STRANGER), 0);
}

static bool is_there(struct coop_err *err)
{
    int fd = open_it(OUTPUT_APPEND, err);

    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

Test(output, a_strangers_link_is_not_followed)
{
    struct coop_err err = {0};
    char target[96];

    give_folder_away(target, sizeof target);
    cr_assert_eq(symlink(target, path), 0);
    cr_expect(is_there(&err), "our own link: %s", err.text);
    cr_assert_eq(lchown(path, STRANGER, STRANGER), 0);
    cr_expect(!is_there(&err));
    cr_expect(strstr(err.text, path) && strstr(err.hint, "link"), "%s", err.text);
    cr_expect_lt(open_it(OUTPUT_TRUNCATE, &err), 0);
    unlink(path);
    cr_expect(is_there(&err), "a plain file: %s", err.text);
    unlink(target);
}

Test(output, a_link_above_the_file_counts_as_well)
{
    struct coop_err err = {0};
    char target[96], above[96], below[112];
    const struct output_spec where = {.kind = OUTPUT_APPEND, .path = below};
    int fd;

    give_folder_away(target, sizeof target);
    snprintf(above, sizeof above, "%s/above", dir);
    snprintf(below, sizeof below, "%s/x", above);
    cr_assert_eq(symlink("/tmp", above), 0);
    cr_assert_eq(lchown(above, STRANGER, STRANGER), 0);
    fd = output_file_fd(&where, &err);
    cr_expect_lt(fd, 0);
    unlink(above);
    unlink(target);
}

Test(output, another_name_of_our_file_is_not_written_to)
{
    struct coop_err err = {0};
    char target[96];

    give_folder_away(target, sizeof target);
    cr_assert_eq(link(target, path), 0);
    cr_expect(!is_there(&err));
    cr_assert_eq(chown(path, STRANGER, STRANGER), 0);
    cr_expect(is_there(&err), "a stranger's own: %s", err.text);
    unlink(target);
}

Test(output, the_kernels_links_lead_where_they_lead)
{
    struct coop_err err = {0};
    char name[] = "/dev/stderr";
    const struct output_spec where = {.kind = OUTPUT_APPEND, .path = name};
    int fd = output_file_fd(&where, &err);

    cr_expect_geq(fd, 0, "%s", err.text);
    close(fd);
}

Test(output, the_programs_end_of_a_file_waits_when_it_must)
{
    struct coop_err err = {0};
    int fd = open_it(OUTPUT_APPEND, &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_assert_eq(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND), O_APPEND);
    close(fd);
}

/* ---- a log on a disk that hangs ---- */

static struct sys_ops hanging;
static int hangs[2], goes_on[2];

/* The first write to a file waits until it is told to go on. */
static ssize_t write_and_hang(int fd, const void *bytes, size_t size)
{
    static bool has_hung;
    struct stat st;
    char byte;

    if (!has_hung && fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISREG(st.st_mode)) {
        has_hung = true;
        (void)!write(hangs[1], "h", 1);
        (void)!read(goes_on[0], &byte, 1);
    }
    return sys_kernel.write(fd, bytes, size);
}

static int print_meanwhile(void *arg)
{
    struct output *out = NULL;
    struct coop_err err = {0};
    char byte;
    int end;

    (void)arg;
    cr_assert_eq(output_open(&out, dir, dir, "web", getuid(), &err), 0, "%s", err.text);
    end = output_child_fd(out, &err);
    output_bound(out, 6, NULL);
    cr_assert_eq(write(end, "12345", 5), 5);
    cr_assert_eq(coop_read(hangs[0], &byte, 1, COOP_FOREVER), 1);
    cr_expect_not(output_is_over(out));
    cr_assert_eq(write(end, "678", 3), 3);
    cr_expect(output_is_over(out));
    output_bound(out, 2, NULL); /* the next life */
    cr_expect_not(output_is_over(out));
    cr_assert_eq(write(end, "abc", 3), 3);
    cr_expect(output_is_over(out));
    output_bound(out, LAUNCH_UNBOUND, NULL);
    cr_expect_not(output_is_over(out));
    cr_assert_eq(write(goes_on[1], "g", 1), 1);
    output_close(out);
    cr_expect_eq(output_wait_all(COOP_FOREVER), 0);
    close(end);
    return 0;
}

Test(output, a_disk_that_hangs_holds_nobody_but_the_reader)
{
    struct coop_options options = {.name = "output-test", .procs = 1};
    char text[32] = "", log[80];
    int fd;

    snprintf(log, sizeof log, "%s/log", dir);
    cr_assert_eq(mkdir(log, 0700), 0);
    cr_assert_eq(pipe2(hangs, O_CLOEXEC | O_NONBLOCK), 0);
    cr_assert_eq(pipe2(goes_on, O_CLOEXEC), 0);
    hanging = sys_kernel;
    hanging.write = write_and_hang;
    sys_install(&hanging);
    cr_expect_eq(coop_main(&options, print_meanwhile, NULL), 0);
    sys_install(NULL);
    snprintf(log, sizeof log, "%s/web.log", dir);
    fd = open(log, O_RDONLY);
    cr_assert_geq(fd, 0);
    cr_assert_gt(read(fd, text, sizeof text - 1), 0);
    cr_expect_str_eq(text, "123456ab");
    close(fd);
}
