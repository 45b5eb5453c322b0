/* DiskMax= and DiskFilesMax= of coop-run. */
#include "received.h"

#include <ftw.h>

#include "launcher/cgroup.h"

TestSuite(limits_disk, .init = choose_path, .fini = remove_receipt);

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

static int remove_one(const char *name, const struct stat *st, int kind, struct FTW *where)
{
    (void)st, (void)kind, (void)where;
    return remove(name);
}

static void remove_folder(void)
{
    cr_assert_eq(nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

#define FILLED(option, script) BOUNDED(option, bound, "sh", "-c", "cd $0; " script, folder)

Test(limits_disk, what_grows_beyond_its_ceiling_is_ended)
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

Test(limits_disk, what_was_there_before_is_not_charged)
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
Test(limits_disk, a_process_that_gives_back_much_memory_hides_no_files)
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
Test(limits_disk, who_fills_it_and_ends_at_once_is_told)
{
    int code;

    make_folder();
    code = FILLED("--disk-max=2M", "head -c 9000000 /dev/zero >x");
    cr_assert(code == 0 || code == 137, "%d: %s", code, output);
    RECEIVED("\"result\": \"disk\"");
    remove_folder();
}

Test(limits_disk, files_have_a_ceiling_too)
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

Test(limits_disk, a_full_file_system_of_its_own_is_told)
{
    cr_assert_eq(BOUNDED("--disk-max=2M", "sh", "-c",
                         "head -c 9000000 /dev/zero >/tmp/x; sleep 0.3; exit 1"),
                 1);
    RECEIVED("\"result\": \"disk\", \"killed\": false");
}

Test(limits_disk, a_disk_that_nobody_can_walk_is_refused_or_lost)
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

/* ---- who hides it ---- */

static bool has_group(void)
{
    struct launch_cgroups groups;

    if (launch_cgroups_open(&groups, NULL) < 0)
        return false;
    launch_cgroups_close(&groups);
    return true;
}

/* It is stopped for a look where it has a cgroup of its own; elsewhere the last look tells. */
Test(limits_disk, what_is_moved_behind_each_look_is_found, .timeout = 120)
{
    bool may_be_stopped = has_group();

    make_folder();
    cr_assert_eq(BOUNDED(bound, "--bind-read-only-paths=" HIDER ":/tmp/hider", "--disk-max=1M",
                         may_be_stopped ? "--wall-time=60s" : "--wall-time=1s", "/tmp/hider",
                         folder),
                 137, "%s", output);
    RECEIVED(may_be_stopped ? "\"result\": \"disk\"" : "\"disk_peak_bytes\"");
    remove_folder();
}
