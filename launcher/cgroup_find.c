/*
 * cgroup_find.c - where, among all that is mounted, is our own cgroup? (see cgroup_find.h)
 */
#include "launcher/cgroup_find.h"

#include "base/scope.h"
#include "base/sys.h"
#include "launcher/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/xattr.h>

#define LINE_MAX_BYTES 4608 /* of mountinfo: two paths and some */

static void file_closep(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

/* ---- finding the hierarchy ---- */

/* Copies the next field of a mountinfo line, with its \ooo escapes undone. NULL: none left. */
static const char *take_field(const char *at, char *ret_text, size_t size)
{
    size_t used = 0;

    while (*at == ' ')
        at++;
    if (!*at || *at == '\n')
        return NULL;
    while (*at && *at != ' ' && *at != '\n') {
        char c = *at++;

        if (c == '\\' && at[0] >= '0' && at[0] <= '3' && at[1] && at[2]) {
            c = (char)((at[0] - '0') << 6 | (at[1] - '0') << 3 | (at[2] - '0'));
            at += 3;
        }
        if (used < size - 1)
            ret_text[used++] = c;
    }
    ret_text[used] = '\0';
    return at;
}

/* "36 25 0:31 ROOT POINT options [optional...] - TYPE source super" */
static bool parse_mount(const char *line, char *ret_root, char *ret_point, size_t size)
{
    char text[LINE_MAX_BYTES];
    const char *at = line;

    for (int field = 0; field < 5; field++) {
        char *to = field == 3 ? ret_root : field == 4 ? ret_point : text;

        at = take_field(at, to, field >= 3 ? size : sizeof text);
        if (!at)
            return false;
    }
    do {
        at = take_field(at, text, sizeof text);
    } while (at && strcmp(text, "-") != 0);
    return at && take_field(at, text, sizeof text) && strcmp(text, "cgroup2") == 0;
}

bool launch_cgroup_locate(const char *line, const char *self, char *ret_dir, size_t size)
{
    char root[LINE_MAX_BYTES], point[LINE_MAX_BYTES];
    size_t length;
    int wrote;

    if (!parse_mount(line, root, point, sizeof root))
        return false;
    length = strcmp(root, "/") == 0 ? 0 : strlen(root);
    /* The mount shows 'root' and below; are we there?  "/.." means outside of our namespace. */
    if (strncmp(self, root, length) != 0 || (self[length] && self[length] != '/') ||
        strncmp(self, "/..", 3) == 0)
        return false;
    wrote = snprintf(ret_dir, size, "%s%s", point, strcmp(self, "/") ? self + length : "");
    return wrote > 0 && (size_t)wrote < size;
}

/* The line "0::PATH" of /proc/self/cgroup. */
static int read_self(char *ret_self, size_t size)
{
    SCOPED(FILE *, file_closep) file = fopen("/proc/self/cgroup", "re");
    char line[LINE_MAX_BYTES];

    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, "0::", 3) != 0)
            continue;
        line[strcspn(line, "\n")] = '\0';
        return snprintf(ret_self, size, "%s", line + 3) < (int)size ? 0 : -ENAMETOOLONG;
    }
    return -ENOENT;
}

/* Whether processes may be moved from 'dir' to a group below it: the kernel wants write access to
 * the cgroup.procs of the lowest group above both. */
static int open_usable(const char *path, int *ret_dir)
{
    SCOPED_FD dir = sys_openat(AT_FDCWD, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0);

    if (dir < 0)
        return dir;
    if (faccessat(dir, "cgroup.procs", W_OK, AT_EACCESS) < 0)
        return -errno;
    *ret_dir = fd_take(&dir);
    return 0;
}

/* The marks that systemd puts on a group with Delegate=yes; the second one since version 251. */
static bool is_marked(int dir)
{
    char mark = 0;

    return (fgetxattr(dir, "trusted.delegate", &mark, 1) == 1 ||
            fgetxattr(dir, "user.delegate", &mark, 1) == 1) &&
           mark == '1';
}

/* "/", or that with the %self of a coopd below it. */
static bool is_root(const char *self)
{
    size_t tree = strspn(self, "/");

    if (!self[tree])
        return true;
    tree += strncmp(self + tree, "coop-", 5) == 0 ? strcspn(self + tree, "/") : 0;
    return strcmp(self + tree, "/" LAUNCH_CGROUP_SELF) == 0;
}

int cgroup_find(int *ret_dir, char *ret_where, size_t size, bool *ret_delegated,
                struct coop_err *err)
{
    SCOPED(FILE *, file_closep) file = fopen("/proc/self/mountinfo", "re");
    char self[LAUNCH_CGROUP_PATH], line[LINE_MAX_BYTES];
    int r = read_self(self, sizeof self);

    if (r < 0 || !file)
        return coop_fail_sys(err, r < 0 ? r : ENOENT, "find our cgroup in /proc/self");
    r = -ENOENT;
    while (fgets(line, sizeof line, file)) {
        if (!launch_cgroup_locate(line, self, ret_where, size))
            continue;
        r = open_usable(ret_where, ret_dir);
        if (r == 0) {
            *ret_delegated = is_root(self) || is_marked(*ret_dir);
            return 0;
        }
    }
    if (r == -ENOENT)
        return coop_fail(err, COOP_E_MISSING, "no cgroup v2 hierarchy is mounted");
    (void)coop_fail_sys(err, r, "cgroup '%s' cannot be divided", ret_where);
    return coop_hint(err, "run coopd in a cgroup of its own (systemd: Delegate=yes)");
}
