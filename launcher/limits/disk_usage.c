/*
 * disk_usage.c - the areas, and one look at all of them (contract in disk_usage.h)
 */
#include "launcher/limits/disk_usage.h"

#include "base/scope.h"
#include "launcher/kernel.h"
#include "launcher/plan.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#define BYTES_MADE 262144 /* small files of /etc, and the like     */
#define DARK_LOOKS 3      /* who cannot be seen for so many hides   */
#define FILES_MADE 8      /* directories on the way to mount points */

static struct disk_sum ask(int fd)
{
    struct statfs fs;

    if (fstatfs(fd, &fs) < 0)
        return (struct disk_sum){0};
    return (struct disk_sum){.bytes = (int64_t)(fs.f_blocks - fs.f_bfree) * (int64_t)fs.f_bsize,
                             .files = (int64_t)(fs.f_files - fs.f_ffree),
                             .full = fs.f_bfree == 0 || fs.f_ffree == 0};
}

static struct disk_sum walk_whole(int fd)
{
    struct disk_walk walk;

    disk_walk_begin(&walk, fd);
    (void)disk_walk_go(&walk, COOP_FOREVER);
    disk_walk_end(&walk);
    return walk.sum;
}

/* ---- areas ---- */

/* Whether it lies in an area that is walked already. */
static bool is_covered(const struct disk_usage *disk, int fd)
{
    char path[64], new[PATH_MAX], old[PATH_MAX];
    ssize_t length, other;

    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    length = readlink(path, new, sizeof new - 1);
    for (size_t i = 0; length > 0 && i < disk->count; i++) {
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", disk->areas[i].fd);
        other = disk->areas[i].is_fs ? -1 : readlink(path, old, sizeof old - 1);
        new[length] = '\0';
        if (other > 0 && other <= length && memcmp(new, old, (size_t)other) == 0 &&
            (new[other] == '/' || new[other] == '\0' || other == 1))
            return true;
    }
    return false;
}

/* What the launcher has made in it before the program began: but the program may have begun before
 * we look, so no more than that can be. */
static struct disk_sum made_by_us(struct disk_sum found, const struct launch_plan *plan)
{
    int64_t files = 2 * (int64_t)plan->ops.count + FILES_MADE;

    return (struct disk_sum){.bytes = found.bytes < BYTES_MADE ? found.bytes : BYTES_MADE,
                             .files = found.files < files ? found.files : files};
}

static void add_area(struct disk_usage *disk, const struct launch_plan *plan, int fd,
                     bool is_fs)
{
    struct disk_area *area = &disk->areas[disk->count];
    struct stat st;

    if (fd < 0)
        return;
    if (fstat(fd, &st) < 0 || (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode)) ||
        (!is_fs && is_covered(disk, fd))) {
        (void)close(fd);
        return;
    }
    *area = (struct disk_area){.fd = fd, .is_fs = is_fs, .dev = st.st_dev, .disk = ask(fd)};
    area->before = is_fs ? made_by_us(ask(fd), plan) : walk_whole(fd);
    disk->count++;
}

/* A directory or file of the host that can be written to through this operation; NULL: none. */
static const char *host_area(const struct launch_plan *plan, const struct plan_op *op)
{
    bool writable = !(op->attr_set & MOUNT_ATTR_RDONLY);

    return writable && (op->kind == PLAN_OP_BIND || op->kind == PLAN_OP_OVERLAY)
               ? plan_str(plan, op->src)
               : NULL;
}

static bool is_fresh(const struct plan_op *op)
{
    return !(op->attr_set & MOUNT_ATTR_RDONLY) &&
           (op->kind == PLAN_OP_TMPFS || (op->kind == PLAN_OP_OVERLAY && !op->src));
}

static int refuse(struct coop_err *err)
{
    (void)coop_fail(err, COOP_E_MISSING,
                    "DiskMax= cannot be kept: it may write to all of the host's files");
    return coop_hint(err, "give it a root of its own (profile default, --ro-bind, --bind); "
                          "Prefer=limits starts without the bound");
}

static bool is_whole_host(int fd)
{
    struct stat here, root;

    return fstat(fd, &here) == 0 && stat("/", &root) == 0 && here.st_dev == root.st_dev &&
           here.st_ino == root.st_ino;
}

static uint64_t dev_of_memory(void)
{
    SCOPED_FD fd = memfd_create("coop", MFD_CLOEXEC);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 ? st.st_dev : 0;
}

/* ---- the public calls ---- */

int disk_usage_open(struct disk_usage *ret_disk, const struct launch_plan *plan,
                    struct coop_err *err)
{
    const struct plan_op *ops = plan_at(plan, plan->ops.at);
    size_t most = 2 * plan->ops.count + 1;
    struct disk_usage disk = {.areas = calloc(most, sizeof *disk.areas),
                              .devices = calloc(most + 1, sizeof *disk.devices)};

    if (!disk.areas || !disk.devices) {
        disk_usage_done(&disk);
        return coop_fail(err, COOP_E_LIMIT, "no memory to look at what it writes");
    }
    if (!(plan->flags & PLAN_NEW_ROOT)) {
        disk_usage_done(&disk);
        return refuse(err);
    }
    for (uint32_t i = 0; i < plan->ops.count; i++) {
        const char *path = host_area(plan, &ops[i]);
        int fd = path && *path ? open(path, O_PATH | O_CLOEXEC) : -1;

        if (fd >= 0 && is_whole_host(fd)) {
            (void)close(fd);
            disk_usage_done(&disk);
            return refuse(err);
        }
        add_area(&disk, plan, fd, false);
    }
    *ret_disk = disk;
    return 0;
}

void disk_usage_enter(struct disk_usage *disk, const struct launch_plan *plan, pid_t main_pid)
{
    const struct plan_op *ops = plan_at(plan, plan->ops.at);
    struct open_how how = {.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
                           .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS};
    char path[32];
    SCOPED_FD root = -1;

    (void)snprintf(path, sizeof path, "/proc/%d/root", (int)main_pid);
    root = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root >= 0 && !(plan->flags & (PLAN_ROOT_BIND | PLAN_ROOT_READ_ONLY)))
        add_area(disk, plan, fcntl(root, F_DUPFD_CLOEXEC, 0), true);
    for (uint32_t i = 0; root >= 0 && i < plan->ops.count; i++) {
        long fd = is_fresh(&ops[i])
                      ? syscall(SYS_openat2, root, plan_str(plan, ops[i].dst), &how, sizeof how)
                      : -1;

        add_area(disk, plan, (int)fd, true);
    }
}

/* A fresh file system counts what is deleted; memory without a name (memfd) is no disk. */
static struct disk_devices devices_of(struct disk_usage *disk)
{
    size_t count = 0;

    disk->devices[count++] = dev_of_memory();
    for (size_t i = 0; i < disk->count; i++)
        if (disk->areas[i].is_fs)
            disk->devices[count++] = disk->areas[i].dev;
    return (struct disk_devices){disk->devices, count};
}

/* ---- what nobody can hide ---- */

static bool is_first_on_its_disk(const struct disk_usage *disk, size_t at)
{
    for (size_t i = 0; i < at; i++)
        if (!disk->areas[i].is_fs && disk->areas[i].dev == disk->areas[at].dev)
            return false;
    return !disk->areas[at].is_fs;
}

static struct disk_sum growth_of_disks(const struct disk_usage *disk)
{
    struct disk_sum growth = {0};

    for (size_t i = 0; i < disk->count; i++) {
        struct disk_sum now = {0};

        if (!is_first_on_its_disk(disk, i))
            continue;
        now = ask(disk->areas[i].fd);
        growth.bytes += now.bytes - disk->areas[i].disk.bytes;
        growth.files += now.files - disk->areas[i].disk.files;
    }
    return growth;
}

bool disk_usage_is_in_doubt(const struct disk_usage *disk, int64_t most_bytes,
                            int64_t most_files)
{
    struct disk_sum growth = growth_of_disks(disk);

    return growth.bytes + disk->sure_bytes > most_bytes ||
           growth.files + disk->sure_files > most_files;
}

void disk_usage_be_sure(struct disk_usage *disk)
{
    struct disk_sum growth = growth_of_disks(disk);

    disk->sure_bytes = disk->bytes - growth.bytes;
    disk->sure_files = disk->files - growth.files;
}

/* ---- a look ---- */

void disk_usage_restart(struct disk_usage *disk)
{
    if (disk->walking)
        disk_walk_end(&disk->walk);
    if (disk->holding)
        disk_held_end(&disk->held);
    disk->looking = disk->walking = disk->holding = false;
}

static void begin(struct disk_usage *disk, const struct tree_usage *tree)
{
    disk->looking = disk->holding = true;
    disk->at = 0;
    disk->so_far = (struct disk_sum){0};
    disk_held_begin(&disk->held, tree, devices_of(disk));
}

/* What this area has more than at the start; less in another one makes up for it only when all have
 * been looked at. */
static void add_up(struct disk_usage *disk, const struct disk_area *area, struct disk_sum now)
{
    disk->so_far.bytes += now.bytes;
    disk->so_far.files += now.files;
    disk->so_far.hidden += now.hidden > area->before.hidden;
    disk->full = disk->full || now.full;
}

static bool look_at_area(struct disk_usage *disk, coop_nsec deadline)
{
    const struct disk_area *area = &disk->areas[disk->at];

    if (area->is_fs) {
        add_up(disk, area, ask(area->fd));
        disk->at++;
        return true;
    }
    if (!disk->walking)
        disk_walk_begin(&disk->walk, area->fd);
    disk->walking = true;
    if (!disk_walk_go(&disk->walk, deadline))
        return false;
    disk_walk_end(&disk->walk);
    disk->walking = false;
    add_up(disk, area, disk->walk.sum);
    disk->at++;
    return true;
}

static void sum_up(struct disk_usage *disk)
{
    struct disk_sum all = disk->so_far;

    all.bytes += disk->held.sum.bytes;
    all.files += disk->held.sum.files;
    all.hidden += disk->held.sum.hidden;
    all.hidden += disk->held.dark > 0 && disk->dark_looks >= DARK_LOOKS - 1;
    if (disk->walking) {
        all.bytes += disk->walk.sum.bytes;
        all.files += disk->walk.sum.files;
        all.hidden += disk->walk.sum.hidden > disk->areas[disk->at].before.hidden;
    }
    for (size_t i = 0; i < disk->count; i++) {
        all.bytes -= disk->areas[i].before.bytes;
        all.files -= disk->areas[i].before.files;
    }
    disk->least_bytes = all.bytes;
    disk->least_files = all.files;
    disk->hidden = all.hidden > 0;
}

bool disk_usage_look(struct disk_usage *disk, const struct tree_usage *tree, coop_nsec deadline)
{
    bool whole;

    if (!disk->looking)
        begin(disk, tree);
    whole = disk_held_go(&disk->held, deadline);
    while (whole && disk->at < disk->count)
        whole = look_at_area(disk, deadline);
    sum_up(disk);
    if (!whole)
        return false;
    disk->bytes = disk->least_bytes;
    disk->files = disk->least_files;
    disk->dark_looks = disk->held.dark > 0 ? disk->dark_looks + 1 : 0;
    disk_usage_restart(disk);
    return true;
}

void disk_usage_done(struct disk_usage *disk)
{
    disk_usage_restart(disk);
    for (size_t i = 0; i < disk->count; i++)
        (void)close(disk->areas[i].fd);
    free(disk->areas);
    free(disk->devices);
    *disk = (struct disk_usage){0};
}
