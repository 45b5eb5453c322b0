/* Looking at what was written, a piece at a time (launcher/limits/disk_*.h). */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "launcher/limits/bounds.h"

static char folder[64];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/coop-test-disk-XXXXXX");
    cr_assert(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st, (void)type, (void)where;
    return remove(path);
}

static void remove_all(const char *path)
{
    cr_assert_eq(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void remove_folder(void)
{
    cr_assert_eq(chdir("/"), 0);
    remove_all(folder);
}

static void make_directories(const char *const *paths)
{
    for (; *paths; paths++)
        cr_assert_eq(mkdir(*paths, 0700), 0, "%s", *paths);
}
#define DIRECTORIES(...) make_directories((const char *const[]){__VA_ARGS__, NULL})

TestSuite(disk, .init = make_folder, .fini = remove_folder, .timeout = 60);

static int make_file(const char *name, size_t size)
{
    int fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    cr_assert(fd >= 0, "%s", name);
    cr_assert(size == 0 || posix_fallocate(fd, 0, (off_t)size) == 0);
    return fd;
}

/* 'files' names of one file, which is quicker than as many files. */
static void make_names(const char *dir, int files)
{
    char name[64];

    cr_assert_eq(mkdir(dir, 0700), 0);
    close(make_file("origin", 512));
    for (int i = 0; i < files; i++) {
        snprintf(name, sizeof name, "%s/%d", dir, i);
        cr_assert_eq(link("origin", name), 0);
    }
    cr_assert_eq(unlink("origin"), 0);
}

/* This folder as the one area of a sandbox, as disk_usage_open() makes it. */
static struct disk_area area;
static uint64_t devices[4];

static struct disk_usage open_area(void)
{
    struct disk_usage disk = {.areas = &area, .count = 1, .devices = devices};

    area = (struct disk_area){.fd = open(".", O_PATH | O_CLOEXEC)};
    return disk;
}

static struct tree_usage look_at_us(void)
{
    struct tree_usage tree = {.root = getpid(), .root_counts = true};

    cr_assert_eq(tree_usage_look(&tree), 0);
    return tree;
}

#define NOBODY (-1) /* whose descriptors are nobody's */

/* ---- pieces ---- */

Test(disk, a_walk_in_pieces_counts_what_a_whole_one_counts)
{
    struct disk_walk whole, pieces;
    int fd, turns = 1;

    make_names("many", 3000);
    DIRECTORIES("a", "a/b", "a/b/c", "d", "d/e");
    close(make_file("a/b/c/x", 0));
    close(make_file("d/y", 0));
    close(make_file("a/b/large", 100000));
    fd = open(".", O_PATH | O_CLOEXEC);
    disk_walk_begin(&whole, fd);
    cr_assert(disk_walk_go(&whole, COOP_FOREVER));
    disk_walk_begin(&pieces, fd);
    for (; !disk_walk_go(&pieces, 0); turns++)
        cr_assert_leq(pieces.sum.files, whole.sum.files);
    close(fd);
    cr_assert_gt(turns, 10);
    cr_assert_eq(whole.sum.files, 3000 + 6 + 3);
    cr_assert_eq(pieces.sum.files, whole.sum.files);
    cr_assert_eq(pieces.sum.bytes, whole.sum.bytes);
    disk_walk_end(&whole);
    disk_walk_end(&pieces);
}

/* What a bound of the disk promises is the look after the end. */
Test(disk, what_moves_behind_a_walk_is_found_when_nobody_moves_it)
{
    struct disk_walk walk;
    char first[280] = "", from[300], to[300];
    struct dirent *entry;
    int fd = open(".", O_PATH | O_CLOEXEC);
    DIR *here;

    make_names("a", 400);
    make_names("b", 400);
    here = opendir(".");
    while (!*first && (entry = readdir(here)))
        if (entry->d_name[0] != '.')
            snprintf(first, sizeof first, "%s", entry->d_name);
    closedir(here);
    snprintf(to, sizeof to, "%s/large", first);
    snprintf(from, sizeof from, "%s/large", strcmp(first, "a") == 0 ? "b" : "a");
    close(make_file(from, 1000000));
    disk_walk_begin(&walk, fd);
    while (walk.sum.files < 402) /* all of the first, and the second's own name */
        cr_assert_not(disk_walk_go(&walk, 0));
    cr_assert_eq(rename(from, to), 0);
    cr_assert(disk_walk_go(&walk, COOP_FOREVER));
    cr_expect_lt(walk.sum.bytes, 1000000, "if walks follow what moves, say so");
    disk_walk_end(&walk);
    disk_walk_begin(&walk, fd);
    cr_assert(disk_walk_go(&walk, COOP_FOREVER));
    cr_expect_geq(walk.sum.bytes, 1000000);
    disk_walk_end(&walk);
    close(fd);
}

static int open_descriptors(void)
{
    int count = 0;

    for (int fd = 0; fd < 1024; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

Test(disk, a_walk_that_is_given_up_holds_nothing)
{
    int before = open_descriptors(), fd;
    struct disk_walk walk;

    DIRECTORIES("a", "a/b", "a/b/c", "a/b/c/d", "a/b/c/d/e");
    fd = open(".", O_PATH | O_CLOEXEC);
    disk_walk_begin(&walk, fd);
    close(fd);
    for (int i = 0; i < 3; i++)
        cr_assert(!disk_walk_go(&walk, 0));
    cr_assert_gt(open_descriptors(), before);
    disk_walk_end(&walk);
    disk_walk_end(&walk);
    cr_assert_eq(open_descriptors(), before);
}

Test(disk, a_look_in_pieces_knows_the_least_and_then_the_whole)
{
    struct disk_usage disk = open_area();
    struct tree_usage tree = {0};
    int64_t least = 0;
    int turns = 1;

    make_names("many", 3000);
    for (; !disk_usage_look(&disk, &tree, 0); turns++) {
        cr_assert_geq(disk.least_files, least);
        cr_assert_eq(disk.files, 0, "nothing is said before it is whole");
        least = disk.least_files;
    }
    cr_assert_gt(turns, 10);
    cr_assert_eq(disk.files, 3001);
    remove_all("many");
    cr_assert(disk_usage_look(&disk, &tree, COOP_FOREVER));
    cr_assert_eq(disk.files, 0);
}

/* Were it made in one go, who makes very many files would keep the clock from being looked at. */
Test(disk, very_many_files_do_not_delay_the_other_bounds)
{
    struct disk_usage disk = open_area();
    struct launch_bounds limit = {.wall_time = 3600 * COOP_NSEC_PER_SEC,
                                  .cpu_time = LAUNCH_UNBOUND,
                                  .disk_max = 1 << 30,
                                  .disk_files_max = LAUNCH_UNBOUND};
    coop_nsec now = disk_clock();
    struct bounds bounds;

    make_names("many", 50000);
    bounds_begin(&bounds, &limit, NOBODY, true, now);
    bounds_use_disk(&bounds, &disk, false, now);
    cr_assert_eq(bounds_look(&bounds, now), LAUNCH_RESULT_EXIT);
    cr_assert(disk.looking, "a look at 50000 files in one go");
    cr_assert_gt(bounds_next(&bounds), now);
    cr_assert_eq(bounds_look(&bounds, now + limit.wall_time), LAUNCH_RESULT_WALL_TIME);
    cr_assert(!bounds_disk_over(&bounds));
    cr_assert_eq(disk.files, 50001);
    bounds_done(&bounds);
}

Test(disk, a_look_ends_as_soon_as_too_much_has_been_seen)
{
    struct disk_usage disk = open_area();
    struct launch_bounds limit = {.wall_time = LAUNCH_UNBOUND,
                                  .cpu_time = LAUNCH_UNBOUND,
                                  .disk_max = LAUNCH_UNBOUND,
                                  .disk_files_max = 100};
    enum launch_result result = LAUNCH_RESULT_EXIT;
    struct bounds bounds;

    make_names("many", 50000);
    bounds_begin(&bounds, &limit, NOBODY, true, disk_clock());
    bounds_use_disk(&bounds, &disk, false, disk_clock());
    do
        result = bounds_look(&bounds, bounds_next(&bounds));
    while (result == LAUNCH_RESULT_EXIT && disk.looking); /* a piece may be very small */
    cr_assert_eq(result, LAUNCH_RESULT_DISK);
    cr_assert(disk.looking);
    disk_usage_restart(&disk);
    bounds_done(&bounds);
}

/* DiskMax= alone: a look has an end also when the files are empty. */
Test(disk, there_is_a_most_of_files_that_nobody_named)
{
    struct disk_usage disk = open_area();
    struct launch_bounds limit = {.wall_time = LAUNCH_UNBOUND,
                                  .cpu_time = LAUNCH_UNBOUND,
                                  .disk_max = INT64_MAX - 1,
                                  .disk_files_max = LAUNCH_UNBOUND};
    struct bounds bounds;

    close(make_file("one", 0));
    bounds_begin(&bounds, &limit, NOBODY, true, 0);
    bounds_use_disk(&bounds, &disk, false, 0);
    cr_assert(!bounds_disk_over(&bounds));
    area.before.files = -BOUNDS_FILES_MOST;
    cr_assert(bounds_disk_over(&bounds));
    bounds_done(&bounds);
}

/* ---- what is deleted and held ---- */

static struct disk_sum held_by(const struct tree_usage *tree, coop_nsec deadline)
{
    struct disk_held held;

    disk_held_begin(&held, tree, (struct disk_devices){devices, 0});
    while (!disk_held_go(&held, deadline)) {
    }
    disk_held_end(&held);
    return held.sum;
}

Test(disk, what_is_deleted_counts_once_however_many_hold_it)
{
    struct tree_usage tree;
    struct disk_sum before, after;
    int fd;
    pid_t pid;

    tree = look_at_us();
    before = held_by(&tree, COOP_FOREVER);
    fd = make_file("gone", 65536);
    cr_assert_eq(unlink("gone"), 0);
    cr_assert_geq(dup(fd), 0);
    pid = fork();
    cr_assert_geq(pid, 0);
    if (pid == 0) {
        for (;;)
            pause();
    }
    cr_assert_eq(tree_usage_look(&tree), 0);
    cr_assert_eq(tree.count, 2);
    after = held_by(&tree, 0);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cr_assert_eq(after.files, before.files + 1);
    cr_assert_eq(after.bytes, before.bytes + 65536);
    cr_assert_eq(after.hidden, 0);
    tree_usage_done(&tree);
}

Test(disk, very_many_that_are_deleted_are_counted_in_pieces)
{
    struct tree_usage tree = look_at_us();
    struct disk_sum before = held_by(&tree, COOP_FOREVER);
    struct disk_held held;
    int turns = 1;
    char name[32];

    for (int i = 0; i < 700; i++) {
        snprintf(name, sizeof name, "%d", i);
        (void)make_file(name, 4096);
        cr_assert_eq(unlink(name), 0);
    }
    disk_held_begin(&held, &tree, (struct disk_devices){devices, 0});
    for (; !disk_held_go(&held, 0); turns++)
        cr_assert_leq(held.sum.files, before.files + 700);
    disk_held_end(&held);
    cr_assert_gt(turns, 5);
    cr_assert_eq(held.sum.files, before.files + 700);
    tree_usage_done(&tree);
}

/* Between the look at the tree and this one a process may end, and a stranger get its number. */
Test(disk, a_number_that_is_used_again_is_not_looked_into)
{
    struct tree_usage tree = look_at_us();
    int fd = make_file("gone", 4096);

    cr_assert_eq(unlink("gone"), 0);
    cr_assert_geq(held_by(&tree, COOP_FOREVER).files, 1);
    tree.members[0].born++;
    cr_assert_eq(held_by(&tree, COOP_FOREVER).files, 0);
    close(fd);
    tree_usage_done(&tree);
}

static int with_own_table(void *arg)
{
    (void)arg;
    (void)posix_fallocate(open("of-thread", O_RDWR | O_CREAT | O_CLOEXEC, 0600), 0, 4096);
    unlink("of-thread");
    kill(getpid(), SIGSTOP); /* all of them; this one may be the last to hear of it */
    while (pause() < 0) {
    }
    return 0;
}

/* A thread may leave the table of the others. */
Test(disk, a_table_of_a_threads_own_is_looked_into)
{
    static char stack[65536];
    struct tree_usage tree = look_at_us();
    struct disk_sum before = held_by(&tree, COOP_FOREVER), sum;
    pid_t pid = fork();

    cr_assert_geq(pid, 0);
    if (pid == 0) {
        (void)clone(with_own_table, stack + sizeof stack,
                    CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_THREAD, NULL);
        for (;;)
            pause();
    }
    cr_assert_eq(waitpid(pid, NULL, WUNTRACED), pid);
    tree_usage_done(&tree);
    tree = (struct tree_usage){.root = pid, .root_counts = true};
    cr_assert_eq(tree_usage_look(&tree), 0);
    sum = held_by(&tree, COOP_FOREVER);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    cr_assert_eq(sum.files, before.files + 1);
    cr_assert_eq(sum.bytes, before.bytes + 4096);
    tree_usage_done(&tree);
}

/* Without a reaper an orphan leaves the tree; its group knows it still. */
Test(disk, members_that_only_the_group_knows_are_added)
{
    struct tree_usage tree = look_at_us();
    pid_t parent = getppid();
    char text[64];
    int file;

    file = open("procs", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    snprintf(text, sizeof text, "%d\n%d\n", (int)getpid(), (int)parent);
    cr_assert_eq(write(file, text, strlen(text)), (ssize_t)strlen(text));
    cr_assert_eq(lseek(file, 0, SEEK_SET), 0);
    cr_assert_eq(tree.count, 1);
    tree_usage_add(&tree, file);
    cr_assert_eq(tree.count, 2, "ours is there already");
    cr_assert(tree.members[0].pid == parent || tree.members[1].pid == parent);
    cr_assert_lt(tree.members[0].pid, tree.members[1].pid);
    tree_usage_done(&tree);
    close(file);
}
