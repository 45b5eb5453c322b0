/*
 * attacker_files.c - attacks on the file system's walls (cases A of the corpus)
 */
#include "attack/attacker.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <linux/mount.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* <linux/mount.h> and <sys/mount.h> cannot be included together (glibc 2.36). */
#ifndef MNT_DETACH
#define MNT_DETACH 2
#endif
#define AT_RECURSIVE_FLAG 0x8000

/* ---- what must not be read ---- */

static void read_shadow(void)
{
    char climb[40 * 3 + 32] = "";

    if (fact("sees_shadow"))
        cannot("the whole host is bound and this uid may read the file");
    for (int i = 0; i < 40; i++)
        strcat(climb, "../");
    strcat(climb, "etc/shadow");
    refuse_open("/etc/shadow", O_RDONLY);
    refuse_open("/proc/self/root/etc/shadow", O_RDONLY);
    refuse_open("/proc/self/root/../etc/shadow", O_RDONLY);
    refuse_open("/proc/1/root/etc/shadow", O_RDONLY);
    refuse_open(climb, O_RDONLY);
    refuse_open("/etc/gshadow", O_RDONLY);
    refuse_open("/etc/shadow-", O_RDONLY);
}

static void read_home(void)
{
    const char *secret = fact("secret"), *home = fact("home");
    char path[PATH_MAX];
    DIR *dir;

    if (fact("sees_home"))
        cannot("the whole host is bound and this uid owns the home");
    if (!secret || !home)
        cannot("no secret named");
    refuse_open(secret, O_RDONLY);
    snprintf(path, sizeof path, "/proc/self/root%s", secret);
    refuse_open(path, O_RDONLY);
    snprintf(path, sizeof path, "/proc/1/root%s", secret);
    refuse_open(path, O_RDONLY);
    snprintf(path, sizeof path, "/proc/self/cwd/../home/secret");
    refuse_open(path, O_RDONLY);
    dir = opendir(home);
    if (dir) {
        struct dirent *entry;

        while ((entry = readdir(dir)))
            door(entry->d_name[0] != '.', "home shows '%s'", entry->d_name);
        closedir(dir);
    }
    dir = opendir("/root");
    if (dir) {
        struct dirent *entry;

        while ((entry = readdir(dir)))
            door(strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0,
                 "/root shows '%s'", entry->d_name);
        closedir(dir);
    }
}

/* ---- what must not have come in ---- */

static void leaked_fds(void)
{
    struct stat st;

    for (int fd = 3; fd < 1024; fd++) {
        door(fcntl(fd, F_GETFD) >= 0, "descriptor %d came in", fd);
        if (fcntl(fd, F_GETFD) >= 0)
            door(fchdir(fd) == 0, "descriptor %d is a way out", fd);
    }
    for (int fd = 0; fd < 3; fd++) {
        if (fstat(fd, &st) < 0)
            door(1, "descriptor %d is closed: the next open would become it", fd);
        else
            door(S_ISDIR(st.st_mode), "descriptor %d is a directory", fd);
    }
}

static void cwd_tricks(void)
{
    char cwd[PATH_MAX] = "";
    ssize_t length = readlink("/proc/self/cwd", cwd, sizeof cwd - 1);

    door(length <= 0, "cwd cannot be read");
    door(strstr(cwd, "unreachable") != NULL, "cwd is '%s'", cwd);
    door(strstr(cwd, "deleted") != NULL, "cwd is '%s'", cwd);
    door(cwd[0] != '/', "cwd is '%s'", cwd);
    for (int i = 0; i < 64; i++)
        door(chdir("..") < 0, "cannot climb");
    door(getcwd(cwd, sizeof cwd) == NULL || strcmp(cwd, "/") != 0, "climbed to '%s'", cwd);
    if (!fact("sees_home") && fact("secret")) {
        const char *secret = fact("secret");

        refuse_open(secret + 1, O_RDONLY); /* from wherever the climb has ended */
    }
}

/* ---- /proc ---- */

static void foreign_proc(void)
{
    static const char *const files[] = {"root", "cwd", "exe", "environ",   "mem",     "maps",
                                        "auxv", "io",  "fd",  "map_files", "syscall", "stack"};
    char path[64], byte;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int fd;

        if (getpid() == 1)
            cannot("there is no reaper");
        snprintf(path, sizeof path, "/proc/1/%s", files[i]);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        door(fd >= 0 && read(fd, &byte, 1) != -1 && errno != EACCES, "'%s' can be read", path);
        if (fd >= 0)
            close(fd);
    }
    refuse_open("/proc/1/mem", O_RDWR);
    snprintf(path, sizeof path, "/proc/%d/status", (int)target("victim"));
    refuse_open(path, O_RDONLY);
    snprintf(path, sizeof path, "/proc/%d/root", (int)target("launcher"));
    refuse_open(path, O_RDONLY);
}

static void self_exe(void)
{
    refuse_open("/proc/self/exe", O_WRONLY);
    refuse_open("/proc/self/exe", O_RDWR);
    refuse_open("/proc/1/exe", O_WRONLY);
    refuse_open("/proc/1/exe", O_RDWR);
    {
        int path = open("/proc/1/exe", O_PATH | O_CLOEXEC);
        char again[64];

        snprintf(again, sizeof again, "/proc/self/fd/%d", path);
        if (path >= 0)
            refuse_open(again, O_WRONLY);
        door(0, "an O_PATH descriptor of PID 1's program does not help");
    }
}

static void write_kernel_files(void)
{
    static const char *const files[] = {
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/domainname",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/ns_last_pid",
        "/proc/sys/kernel/shmmax",
        "/proc/sys/kernel/randomize_va_space",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/user/max_user_namespaces",
        "/proc/sysrq-trigger",
        "/proc/irq/default_smp_affinity",
        "/proc/self/../sys/kernel/core_pattern",
        "/sys/kernel/uevent_helper",
        "/sys/kernel/mm/transparent_hugepage/enabled",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/unified/cgroup.procs",
        "/sys/fs/cgroup/memory/release_agent",
        "/sys/power/state",
    };

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        refuse_open(files[i], O_WRONLY);
}

/* The two places between which somebody turned /proc while this sandbox was made. */
static void write_turned_files(void)
{
    refuse_open("/p1/sys/kernel/core_pattern", O_WRONLY);
    refuse_open("/p2/sys/kernel/core_pattern", O_WRONLY);
    refuse_open("/p1/sysrq-trigger", O_WRONLY);
    refuse_open("/p2/sysrq-trigger", O_WRONLY);
}

/* What is root's alone in /proc is a handle on the kernel for whoever has root's id, with or
 * without capabilities.  Not looked at: the folders of processes, what everybody may read or
 * write, and whether /proc/sys can be read. */
static int try_root_file(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    const char *top = path + strlen("/proc/");
    char byte;
    int fd;

    (void)at;
    if (kind != FTW_F || (*top >= '0' && *top <= '9') || strstr(path, "self/"))
        return 0;
    if (st->st_mode & 0222 && !(st->st_mode & 0002))
        refuse_open(path, O_WRONLY | O_NONBLOCK);
    if (st->st_mode & 0444 && !(st->st_mode & 0004) && strncmp(top, "sys/", 4) != 0) {
        fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        door(fd >= 0 && read(fd, &byte, 1) > 0, "'%s' can be read", path);
        if (fd >= 0)
            close(fd);
    }
    return 0;
}

static void root_kernel_files(void)
{
    door(nftw("/proc", try_root_file, 16, FTW_PHYS) != 0, "/proc cannot be walked");
}

static void read_kernel_files(void)
{
    static const char *const files[] = {
        "/proc/kcore",       "/proc/kmem",          "/dev/mem",
        "/dev/kmem",         "/dev/port",           "/dev/kmsg",
        "/proc/kmsg",        "/proc/keys",          "/proc/timer_list",
        "/proc/sched_debug", "/proc/latency_stats", "/proc/acpi/event",
        "/proc/config.gz"};
    char text[4096];
    FILE *symbols;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        int fd = open(files[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text);

        door(got > 0, "'%s' gives %zd bytes", files[i], got);
        if (fd >= 0)
            close(fd);
    }
    symbols = fopen("/proc/kallsyms", "re");
    if (symbols) {
        while (fgets(text, sizeof text, symbols))
            if (strtoull(text, NULL, 16) != 0) {
                door(1, "/proc/kallsyms shows an address");
                break;
            }
        fclose(symbols);
    }
}

static void mount_table(void)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    const char *home = fact("home");
    char line[4096];

    if (!file || !home || fact("sees_home"))
        cannot("nothing to hide, or nothing to look at");
    while (fgets(line, sizeof line, file))
        door(strstr(line, home) != NULL, "mountinfo names a host directory: %s", line);
    fclose(file);
}

/* ---- changing mounts ---- */

static void mount_calls(void)
{
    const char *here = ".";
    int dir = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

    shut(syscall(SYS_mount, "none", "/tmp", "tmpfs", 0UL, NULL), "mount tmpfs", EPERM, ENOSYS,
         0);
    shut(syscall(SYS_mount, "/usr", "/tmp", NULL, (unsigned long)MS_BIND, NULL), "mount bind",
         EPERM, ENOSYS, 0);
    shut(syscall(SYS_mount, "proc", "/proc", "proc", 0UL, NULL), "mount proc", EPERM, ENOSYS,
         0);
    shut(syscall(SYS_umount2, "/proc", MNT_DETACH), "umount2 /proc", EPERM, ENOSYS, 0);
    shut(syscall(SYS_umount2, "/tmp", MNT_DETACH), "umount2 /tmp", EPERM, ENOSYS, 0);
    shut(syscall(SYS_umount2, "/proc/kcore", MNT_DETACH), "umount2 a cover", EPERM, EINVAL,
         ENOSYS, ENOENT, EACCES, 0);
    filtered(syscall(SYS_pivot_root, here, here), "pivot_root");
    filtered(syscall(SYS_chroot, "/tmp"), "chroot");
    filtered(syscall(SYS_open_tree, dir, "", 0x1000 | 1), "open_tree(CLONE)");
    filtered(syscall(SYS_move_mount, dir, "", dir, "", 0x4 | 0x40), "move_mount");
    filtered(syscall(SYS_fsopen, "tmpfs", 0), "fsopen");
    filtered(syscall(SYS_fsopen, "proc", 0), "fsopen proc");
    filtered(syscall(SYS_fspick, dir, "", 0x8), "fspick");
    {
        struct mount_attr attr = {.attr_clr = MOUNT_ATTR_RDONLY};

        filtered(
            syscall(SYS_mount_setattr, dir, "", 0x1000 | AT_RECURSIVE_FLAG, &attr, sizeof attr),
            "mount_setattr(clear read-only)");
    }
}

static void write_system(void)
{
    struct stat st;
    static const char *const files[] = {
        "/usr/coop-attack", "/usr/bin/coop-attack", "/usr/lib/coop-attack", "/etc/coop-attack",
        "/bin/coop-attack", "/lib/coop-attack",     "/sbin/coop-attack"};

    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        if (refuse_open(files[i], O_WRONLY | O_CREAT) >= 0)
            (void)unlink(files[i]);
    shut(mkdir("/usr/coop-attack.d", 0700), "mkdir in /usr", 0);
    (void)rmdir("/usr/coop-attack.d");
    shut(symlink("nowhere", "/usr/bin/coop-attack"), "symlink in /usr/bin", 0);
    (void)unlink("/usr/bin/coop-attack");
    refuse_open("/usr/bin/env", O_WRONLY); /* opened, never written */
    refuse_open("/etc/passwd", O_WRONLY);
    shut(stat("/usr/bin/env", &st) < 0 ? -1 : chmod("/usr/bin/env", st.st_mode & 07777),
         "chmod in /usr/bin", 0);
    shut(syscall(SYS_mount, NULL, "/usr", NULL, (unsigned long)(MS_REMOUNT | MS_BIND), NULL),
         "remount /usr read-write", EPERM, ENOSYS, EINVAL, 0);
    shut(syscall(SYS_mount, NULL, "/", NULL, (unsigned long)(MS_REMOUNT | MS_BIND), NULL),
         "remount / read-write", EPERM, ENOSYS, EINVAL, 0);
    if (refuse_open("/usr/coop-attack", O_WRONLY | O_CREAT) >= 0)
        (void)unlink("/usr/coop-attack");
}

/* Every mount that shows files of the host must say "ro": a recursive bind has many, and one that
 * was forgotten is enough.  A fresh file system of the sandbox may be written. */
static void writable_mounts(void)
{
    FILE *file = fopen("/proc/self/mountinfo", "re");
    const char *own = getenv("COOP_ATTACK_WRITES"); /* what this profile lets us write */
    char line[4096], where[1024], options[256], type[64];

    if (!file)
        cannot("no mountinfo to look at");
    while (fgets(line, sizeof line, file)) {
        const char *dash = strstr(line, " - ");

        if (sscanf(line, "%*s %*s %*s %*s %1023s %255s", where, options) != 2 || !dash ||
            sscanf(dash, " - %63s", type) != 1)
            continue;
        if (strncmp(where, "/dev", 4) == 0 || strcmp(type, "proc") == 0 ||
            (own && strcmp(where, own) == 0) ||
            (strcmp(type, "tmpfs") == 0 && !fact("sees_home")))
            continue;
        door(strncmp(options, "ro", 2) != 0, "'%s' (%s) is writable", where, type);
    }
    fclose(file);
}

static void cross_links(void)
{
    shut(link("/usr/bin/env", "/tmp/coop-link"), "link from a read-only bind", 0);
    shut(rename("/usr/bin/coop-none", "/tmp/coop-env"), "rename out of a read-only bind", 0);
    shut(linkat(AT_FDCWD, "/proc/self/exe", AT_FDCWD, "/tmp/coop-exe", AT_SYMLINK_FOLLOW),
         "link to our own program", 0);
}

/* ---- special files ---- */

static void make_nodes(void)
{
    static const char *const places[] = {"/tmp", "/dev", "/dev/shm", ".", "/var/tmp", "/run"};
    char path[64];

    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        snprintf(path, sizeof path, "%s/coop-node-c", places[i]);
        shut(mknod(path, S_IFCHR | 0666, makedev(1, 1)), path, 0);
        snprintf(path, sizeof path, "%s/coop-node-b", places[i]);
        shut(mknod(path, S_IFBLK | 0666, makedev(8, 0)), path, 0);
    }
    if (fact("node"))
        refuse_open(fact("node"), O_RDONLY); /* the outside has put a device into our folder */
}

static void by_handle(void)
{
    struct {
        struct file_handle head;
        unsigned char bytes[128];
    } handle = {.head = {.handle_bytes = 8, .handle_type = 1}};
    int root = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    for (uint32_t inode = 1; inode < 16; inode++) {
        memcpy(handle.bytes, &inode, sizeof inode);
        shut(syscall(SYS_open_by_handle_at, root, &handle, O_RDONLY), "open_by_handle_at",
             EPERM, ENOSYS, 0);
    }
}

/* The proof that a test bites: what is allowed must work. */
static void harmless(void)
{
    int fd = open("/tmp/coop-harmless", O_RDWR | O_CREAT | O_CLOEXEC, 0600);

    door(fd < 0 && !fact("tmp_read_only"), "/tmp cannot be written");
    door(fd >= 0 && write(fd, "x", 1) != 1, "/tmp takes nothing");
    door(access("/usr/bin/env", X_OK) < 0, "/usr/bin/env is not there");
    fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    door(fd < 0, "/dev/null does not open");
    fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    door(fd < 0, "/proc/self/status does not open");
}

const struct attack attacks_on_files[] = {
    {"read-shadow", read_shadow},
    {"read-home", read_home},
    {"leaked-fds", leaked_fds},
    {"cwd-tricks", cwd_tricks},
    {"foreign-proc", foreign_proc},
    {"self-exe", self_exe},
    {"write-kernel-files", write_kernel_files},
    {"read-kernel-files", read_kernel_files},
    {"root-kernel-files", root_kernel_files},
    {"write-turned-files", write_turned_files},
    {"mount-table", mount_table},
    {"mount-calls", mount_calls},
    {"write-system", write_system},
    {"writable-mounts", writable_mounts},
    {"cross-links", cross_links},
    {"make-nodes", make_nodes},
    {"by-handle", by_handle},
    {"harmless", harmless},
    {NULL, NULL},
};
