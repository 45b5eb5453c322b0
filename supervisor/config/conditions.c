/*
 * conditions.c - Condition...=, one function a kind (see conditions.h)
 */
#include "config/conditions.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"

/* ---- one question ---- */

static bool is_kind(const char *path, mode_t kind)
{
    struct stat st;

    return stat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

static bool path_exists(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0;
}

static bool path_exists_glob(const char *pattern)
{
    glob_t found = {0};
    bool some = glob(pattern, GLOB_NOSORT, NULL, &found) == 0 && found.gl_pathc > 0;

    globfree(&found);
    return some;
}

static bool path_is_directory(const char *path)
{
    return is_kind(path, S_IFDIR);
}

static bool path_is_link(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0 && S_ISLNK(st.st_mode);
}

/* The kernel's own answer, which is right for a bound directory of the same file system, too. */
static bool path_is_mount_point(const char *path)
{
    struct statx st;

    return statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_BASIC_STATS, &st) == 0 &&
           st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

static bool path_is_read_write(const char *path)
{
    struct statvfs fs;

    return statvfs(path, &fs) == 0 && !(fs.f_flag & ST_RDONLY);
}

static bool directory_not_empty(const char *path)
{
    DIR *dir = opendir(path);
    const struct dirent *entry;
    bool some = false;

    while (dir && !some && (entry = readdir(dir)) != NULL)
        some = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    if (dir)
        closedir(dir);
    return some;
}

static bool file_not_empty(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

static bool file_is_executable(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && st.st_mode & 0111;
}

/* NAME, or NAME=VALUE, of coopd's own environment. */
static bool environment(const char *text)
{
    char name[256];
    const char *equals = strchr(text, '='), *value;
    size_t len = equals ? (size_t)(equals - text) : strlen(text);

    if (len >= sizeof name)
        return false;
    memcpy(name, text, len);
    name[len] = '\0';
    value = getenv(name);
    return value && (!equals || strcmp(value, equals + 1) == 0);
}

static bool host(const char *pattern)
{
    char name[256];

    return gethostname(name, sizeof name) == 0 && fnmatch(pattern, name, FNM_CASEFOLD) == 0;
}

static const struct {
    bool (*holds)(const char *value);
    bool is_path;
} kinds[COND_KINDS] = {
    /* clang-format off */
    [COND_PATH_EXISTS]         = {path_exists,         true},
    [COND_PATH_EXISTS_GLOB]    = {path_exists_glob,    true},
    [COND_PATH_IS_DIRECTORY]   = {path_is_directory,   true},
    [COND_PATH_IS_LINK]        = {path_is_link,        true},
    [COND_PATH_IS_MOUNT_POINT] = {path_is_mount_point, true},
    [COND_PATH_IS_READ_WRITE]  = {path_is_read_write,  true},
    [COND_DIRECTORY_NOT_EMPTY] = {directory_not_empty, true},
    [COND_FILE_NOT_EMPTY]      = {file_not_empty,      true},
    [COND_FILE_IS_EXECUTABLE]  = {file_is_executable,  true},
    [COND_ENVIRONMENT]         = {environment,         false},
    [COND_HOST]                = {host,                false},
    /* clang-format on */
};

static const char *const words[COND_KINDS] = {
#define X(id, word) [id] = word,
    CONDITIONS(X)
#undef X
};

/* ---- one value: prefixes, then what is asked ---- */

struct asked {
    bool turned;   /* "!" */
    bool a_choice; /* "|" */
    const char *value;
};

static struct asked read_prefixes(const char *text)
{
    struct asked asked = {0};

    for (; *text == '!' || *text == '|'; text++) {
        asked.turned |= *text == '!';
        asked.a_choice |= *text == '|';
    }
    asked.value = text;
    return asked;
}

/* ---- all of them ---- */

#define for_each_condition(text, conditions, kind)                                             \
    for (int kind = 0; kind < COND_KINDS; kind++)                                              \
        for (size_t text##_at = 0; text##_at < (conditions)->of[kind].count; text##_at++)      \
            for (const char *text = (conditions)->of[kind].items[text##_at]; text; text = NULL)

int conditions_check(const struct conditions *conditions, char *ret_key, size_t size,
                     struct coop_err *err)
{
    for_each_condition(text, conditions, kind)
    {
        struct asked asked = read_prefixes(text);

        str_format(ret_key, size, "Condition%s", words[kind]);
        if (asked.value[0] == '\0')
            return coop_fail(err, COOP_E_SYNTAX, "%s=%s asks for nothing", ret_key, text);
        if (kinds[kind].is_path && asked.value[0] != '/') {
            coop_fail(err, COOP_E_RANGE, "%s=%s: '%s' is not an absolute path", ret_key, text,
                      asked.value);
            return coop_hint(err, "where coopd is started from says nothing about a service");
        }
    }
    return 0;
}

bool conditions_hold(const struct conditions *conditions, char *ret_which, size_t size)
{
    bool has_choice = false, chosen = false;

    for_each_condition(text, conditions, kind)
    {
        struct asked asked = read_prefixes(text);
        bool holds = kinds[kind].holds(asked.value) != asked.turned;

        chosen |= asked.a_choice && holds;
        if (!holds && (!asked.a_choice || !has_choice))
            str_format(ret_which, size, "Condition%s=%s", words[kind], text);
        has_choice |= asked.a_choice;
        if (!holds && !asked.a_choice)
            return false;
    }
    return !has_choice || chosen;
}
