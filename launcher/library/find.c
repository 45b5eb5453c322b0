/*
 * find.c - where coop-run is
 */
#include "launcher/library/library.h"

#include "base/scope.h"
#include "base/str.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef COOP_RUN_INSTALLED
#define COOP_RUN_INSTALLED "/usr/bin/coop-run" /* the build says where it goes */
#endif

/* True when 'folder' ('length' bytes of it) with 'rest' behind is a program. */
static bool try_place(const char *folder, size_t length, const char *rest, char *ret_path)
{
    return length > 0 &&
           str_format(ret_path, PATH_MAX, "%.*s/%s", (int)length, folder, rest) >= 0 &&
           access(ret_path, X_OK) == 0;
}

static bool find_beside_us(char *ret_path)
{
    char self[PATH_MAX];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    const char *slash;

    if (length <= 0)
        return false;
    self[length] = '\0';
    slash = strrchr(self, '/');
    return slash && (try_place(self, (size_t)(slash - self), "coop-run", ret_path) ||
                     try_place(self, (size_t)(slash - self), "../bin/coop-run", ret_path));
}

static bool find_in_path(char *ret_path)
{
    const char *folders = secure_getenv("PATH");

    for (size_t length; folders && *folders; folders += length + (folders[length] == ':')) {
        length = strcspn(folders, ":");
        if (folders[0] == '/' && try_place(folders, length, "coop-run", ret_path))
            return true;
    }
    return false;
}

static const char *find(char *ret_path)
{
    const char *named = secure_getenv("COOP_RUN");

    if (named)
        return named;
    if (find_beside_us(ret_path))
        return ret_path;
    if (access(COOP_RUN_INSTALLED, X_OK) == 0)
        return COOP_RUN_INSTALLED;
    return find_in_path(ret_path) ? ret_path : NULL;
}

int library_find_launcher(char **ret_path, struct coop_err *err)
{
    char path[PATH_MAX];
    const char *found = find(path);

    if (!found) {
        (void)coop_fail(err, COOP_E_MISSING, "the program coop-run is not there");
        return coop_hint(err, "it belongs beside this program, in ../bin, or into PATH; "
                              "COOP_RUN=PATH names it elsewhere");
    }
    *ret_path = strdup(found);
    return *ret_path ? 0 : coop_fail_sys(err, ENOMEM, "the path of coop-run");
}
