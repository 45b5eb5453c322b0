/*
 * setting_io.c - "PATH SIZE": how fast a device may be read or written
 *
 * The kernel bounds whole disks by their number.  What is named is a disk, a part of one, or any
 * file on it; a file system that lies on no disk of its own (tmpfs, overlay, btrfs) has none.
 */
#include "launcher/setting_kinds.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/launch.h"
#include "text/units.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Of a part, the disk. */
static void take_whole_disk(struct launch_disk *io)
{
    char path[80], text[32] = "";
    unsigned disk_major, disk_minor;
    FILE *file;

    (void)str_format(path, sizeof path, "/sys/dev/block/%u:%u/partition", io->major, io->minor);
    if (access(path, F_OK) < 0)
        return;
    (void)str_format(path, sizeof path, "/sys/dev/block/%u:%u/../dev", io->major, io->minor);
    file = fopen(path, "re");
    if (file && fgets(text, sizeof text, file) &&
        sscanf(text, "%u:%u", &disk_major, &disk_minor) == 2) {
        io->major = disk_major;
        io->minor = disk_minor;
    }
    if (file)
        (void)fclose(file);
}

static int find_device(const char *name, struct launch_disk *io, struct coop_err *err)
{
    struct stat st;
    dev_t dev;
    int end = 0;

    if (sscanf(name, "%u:%u%n", &io->major, &io->minor, &end) == 2 && !name[end])
        return 0;
    if (stat(name, &st) < 0)
        return coop_fail_sys(err, errno, "find '%s'", name);
    dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev;
    if (major(dev) == 0)
        return coop_fail(err, COOP_E_RANGE, "'%s' lies on no disk of its own", name);
    io->major = major(dev);
    io->minor = minor(dev);
    take_whole_disk(io);
    return 0;
}

static int parse_io(const struct setting *row, const char *text, void *field,
                    struct coop_err *err)
{
    struct launch_io_list *list = field;
    struct launch_disk io = {0};
    const char *blank = strrchr(text, ' ');
    char name[512];
    int at = 0;

    (void)row;
    if (!blank || blank == text || units_parse_size(blank + 1, &io.most) < 0 || io.most < 1)
        return coop_fail(err, COOP_E_SYNTAX,
                         "expected a device or path, and a size: '/srv 10M'");
    if (str_format(name, sizeof name, "%.*s", (int)(blank - text), text) < 0)
        return coop_fail(err, COOP_E_LIMIT, "the path is too long");
    if (find_device(name, &io, err) < 0)
        return -1;
    if (io.most == UNITS_INFINITY)
        io.most = LAUNCH_UNBOUND;
    while (at < LAUNCH_IO_DEVICES && list->at[at].most != 0 &&
           (list->at[at].major != io.major || list->at[at].minor != io.minor))
        at++;
    if (at == LAUNCH_IO_DEVICES)
        return coop_fail(err, COOP_E_LIMIT, "more than %d devices", LAUNCH_IO_DEVICES);
    list->at[at] = io;
    return 0;
}

static void render_io(const struct setting *row, const void *field, struct buf *out)
{
    const struct launch_io_list *list = field;

    (void)row;
    for (int i = 0; i < LAUNCH_IO_DEVICES && list->at[i].most != 0; i++) {
        buf_addf(out, "%s%u:%u ", i ? "\n" : "", list->at[i].major, list->at[i].minor);
        if (list->at[i].most == LAUNCH_UNBOUND)
            buf_add_text(out, "infinity");
        else
            buf_addf(out, "%" PRId64, list->at[i].most);
    }
}

static void clear_io(void *field)
{
    *(struct launch_io_list *)field = (struct launch_io_list){0};
}

static int copy_io(void *to, const void *from)
{
    *(struct launch_io_list *)to = *(const struct launch_io_list *)from;
    return 0;
}

const struct setting_type kind_io = {
    .metavar = "LIMIT",
    .size = sizeof(struct launch_io_list),
    .list = true,
    .parse = parse_io,
    .render = render_io,
    .clear = clear_io,
    .copy = copy_io,
};
