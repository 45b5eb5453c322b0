/*
 * places.c - temporary directories, descriptor leaks, and reasons to skip (see places.h)
 */
#include "support/places.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "support/child.h"

static _Noreturn void give_up(const char *what)
{
    perror(what);
    abort();
}

const char *temp_dir_make(char ret_dir[TEMP_DIR_TEXT])
{
    snprintf(ret_dir, TEMP_DIR_TEXT, "/tmp/coop-test-XXXXXX");
    if (!mkdtemp(ret_dir))
        give_up("temporary directory");
    return ret_dir;
}

static int remove_one(const char *path, const struct stat *what, int kind, struct FTW *where)
{
    (void)what;
    (void)kind;
    (void)where;
    return remove(path);
}

void temp_dir_remove(const char *dir)
{
    if (strncmp(dir, "/tmp/coop-test-", 15) != 0)
        abort(); /* never anything else */
    nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void temp_file_write(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    if (!file || fputs(text, file) == EOF || fclose(file) == EOF)
        give_up(path);
}

bool temp_file_read(const char *path, char *ret_text, size_t size)
{
    FILE *file = fopen(path, "re");
    size_t len;

    ret_text[0] = '\0';
    if (!file)
        return false;
    len = fread(ret_text, 1, size - 1, file);
    ret_text[len] = '\0';
    fclose(file);
    return true;
}

size_t fds_list(char *ret_text, size_t size)
{
    DIR *dir = opendir("/proc/self/fd");
    size_t count = 0, used = 0;

    if (!dir)
        give_up("/proc/self/fd");
    if (size)
        ret_text[0] = '\0';
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        char target[256];
        ssize_t len;

        if (entry->d_name[0] == '.' || atoi(entry->d_name) == dirfd(dir))
            continue;
        count++;
        len = readlinkat(dirfd(dir), entry->d_name, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        if (used + 300 < size)
            used += (size_t)snprintf(ret_text + used, size - used, "%s -> %s\n", entry->d_name,
                                     target);
    }
    closedir(dir);
    return count;
}

size_t fds_count(void)
{
    return fds_list(NULL, 0);
}

const char *lacks_root(void)
{
    return geteuid() == 0 ? NULL : "needs root";
}

static void make_user_namespace(int report, void *arg)
{
    (void)arg;
    CHILD_CHECK(report, unshare(CLONE_NEWUSER) == 0);
}

const char *lacks_user_namespaces(void)
{
    char said[CHILD_TEXT];

    return in_child(make_user_namespace, NULL, said) == 0
               ? NULL
               : "needs user namespaces for this user";
}
