/* Where a service's output goes: files of the user's choice. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

Test(output, the_programs_end_of_a_file_waits_when_it_must)
{
    struct coop_err err = {0};
    int fd = open_it(OUTPUT_APPEND, &err);

    cr_assert_geq(fd, 0, "%s", err.text);
    cr_assert_eq(fcntl(fd, F_GETFL) & (O_NONBLOCK | O_APPEND), O_APPEND);
    close(fd);
}
