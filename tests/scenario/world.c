/* world.c - the private place where a scenario is played; see world.h */
#include "world.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <grp.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/scope.h"
#include "look.h"

enum { USER_ID = 54321 };

/* ---- a cgroup of our own ---- */

/* Where cgroup v2 can be had, a scenario runs in a group of its own: coopd names its groups by
 * its PID, and in PID namespaces those are alike.  Where not, nothing is lost but that. */
static char group_parent[256], group[300];

/* The first line of a file of the kernel's that holds 'mark'. */
static bool find_line(const char *path, const char *mark, char *ret_line, int size)
{
    bool found = false;
    FILE *file = fopen(path, "re");

    while (file && !found && fgets(ret_line, size, file))
        found = strstr(ret_line, mark) != NULL;
    if (file)
        fclose(file);
    return found;
}

static bool move_to(const char *dir)
{
    char path[320];

    snprintf(path, sizeof path, "%s/cgroup.procs", dir);
    SCOPED_FD fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, "0", 1) == 1;
}

static int remove_group(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)ftw;
    if (type == FTW_DP)
        rmdir(path);
    return 0;
}

static void enter_group(void)
{
    char line[1024], mount_point[100], own[100];

    if (!find_line("/proc/self/mountinfo", " - cgroup2 ", line, sizeof line) ||
        sscanf(line, "%*s %*s %*s / %99s", mount_point) != 1 ||
        !find_line("/proc/self/cgroup", "0::", line, sizeof line) ||
        sscanf(line, "0::%99s", own) != 1)
        return;
    snprintf(group_parent, sizeof group_parent, "%s%s", mount_point,
             strcmp(own, "/") == 0 ? "" : own);
    snprintf(group, sizeof group, "%s/coop-scn-%d", group_parent, (int)getpid());
    if (mkdir(group, 0755) < 0 || !move_to(group))
        group[0] = '\0';
}

static void leave_group(void)
{
    if (group[0] && move_to(group_parent))
        nftw(group, remove_group, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

/* ---- namespaces ---- */

static pid_t inner;

static void pass_on(int signo)
{
    (void)signo;
    kill(inner, SIGKILL); /* the namespace's PID 1: takes everything with it */
}

/* Outside: wait for the inner runner, and speak with its exit code. */
_Noreturn static void wait_outside(void)
{
    int status;

    signal(SIGTERM, pass_on);
    signal(SIGINT, pass_on);
    while (waitpid(inner, &status, 0) < 0 && errno == EINTR) {
    }
    leave_group();
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

static bool enter_namespaces(void)
{
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return false;
    enter_group();
    inner = fork();
    if (inner < 0)
        return false;
    if (inner > 0)
        wait_outside();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    return true;
}

/* ---- the user that exists only here ---- */

/* Binds over 'path' a copy of it with one line more. */
static int add_line(const struct world *w, const char *path, const char *line)
{
    char text[65536];
    const char *copy = keep_printf("%s/.%s", w->dir, strrchr(path, '/') + 1);
    SCOPED_FD from = open(path, O_RDONLY | O_CLOEXEC);
    SCOPED_FD to = open(copy, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    ssize_t n = from < 0 ? -1 : read(from, text, sizeof text);

    if (n < 0 || to < 0 || write(to, text, (size_t)n) != n ||
        write(to, line, strlen(line)) != (ssize_t)strlen(line))
        return -1;
    return mount(copy, path, NULL, MS_BIND, NULL);
}

static int add_user(struct world *w)
{
    const char *home = keep_printf("%s/home", w->dir);

    w->user_uid = w->user_gid = USER_ID;
    if (mkdir(home, 0700) < 0 || chown(home, w->user_uid, w->user_gid) < 0)
        return -1;
    if (add_line(w, "/etc/group", keep_printf("scn:x:%d:\n", USER_ID)) < 0)
        return -1;
    return add_line(
        w, "/etc/passwd",
        keep_printf("scn:x:%d:%d:scenario user:%s:/bin/sh\n", USER_ID, USER_ID, home));
}

int world_become_user(const struct world *w)
{
    if (setgroups(0, NULL) < 0 || setresgid(w->user_gid, w->user_gid, w->user_gid) < 0 ||
        setresuid(w->user_uid, w->user_uid, w->user_uid) < 0)
        return -1;
    return chdir(keep_printf("%s/home", w->dir));
}

/* ---- the two worlds ---- */

static int make_private(struct world *w, const char *bin, struct coop_err *err)
{
    strcpy(w->dir, "/mnt/s");
    strcpy(w->bin, "/mnt/bin");
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0 ||
        mount("tmpfs", "/mnt", "tmpfs", 0, "mode=0755") < 0)
        return coop_fail_sys(err, errno, "private /proc and /mnt");
    /* The build tree may lie in a home that the ordinary user cannot enter. */
    if (mkdir(w->dir, 0755) < 0 || mkdir(w->bin, 0755) < 0 ||
        mount(bin, w->bin, NULL, MS_BIND, NULL) < 0)
        return coop_fail_sys(err, errno, "bind '%s' to '%s'", bin, w->bin);
    if (add_user(w) < 0)
        return coop_fail_sys(err, errno, "ordinary user");
    return 0;
}

static int make_plain(struct world *w, const char *bin, struct coop_err *err)
{
    const char *tmp = getenv("TMPDIR");
    SCOPED_FREE char *whole = realpath(bin, NULL); /* we leave the folder we were called in */

    if (!whole)
        return coop_fail_sys(err, errno, "find '%s'", bin);
    if (strlen(whole) >= sizeof w->bin || (tmp && strlen(tmp) > 40))
        return coop_fail(err, COOP_E_RANGE, "path too long: '%s' or TMPDIR", whole);
    strcpy(w->bin, whole);
    snprintf(w->dir, sizeof w->dir, "%.40s/scn.XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(w->dir))
        return coop_fail_sys(err, errno, "make '%s'", w->dir);
    return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

int world_open(struct world *w, const char *bin, struct coop_err *err)
{
    *w = (struct world){.is_private = geteuid() == 0 && enter_namespaces()};
    if ((w->is_private ? make_private(w, bin, err) : make_plain(w, bin, err)) < 0)
        return -1;
    if (chdir(w->dir) < 0)
        return coop_fail_sys(err, errno, "enter '%s'", w->dir);
    umask(022);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st, (void)type, (void)ftw;
    return remove(path);
}

void world_close(struct world *w)
{
    if (w->is_private)
        return; /* the kernel does it, when PID 1 exits */
    look_kill_all();
    if (chdir("/") == 0 && w->dir[0])
        nftw(w->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}
