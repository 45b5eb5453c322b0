/*
 * group_file.c - reading and writing the kernel's small files (contract in group_file.h)
 */
#include "launcher/limits/group_file.h"

#include "base/scope.h"
#include "base/sys.h"

#include <fcntl.h>
#include <string.h>

int group_file_write(int dir, const char *file, const char *text)
{
    SCOPED_FD fd = sys_openat(dir, file, O_WRONLY | O_CLOEXEC, 0);
    ssize_t wrote = fd < 0 ? fd : sys_write(fd, text, strlen(text));

    return wrote < 0 ? (int)wrote : 0;
}

int group_file_read(int dir, const char *file, char ret_text[GROUP_FILE_MAX])
{
    SCOPED_FD fd = sys_openat(dir, file, O_RDONLY | O_CLOEXEC, 0);
    ssize_t got = fd < 0 ? fd : sys_read(fd, ret_text, GROUP_FILE_MAX - 1);

    ret_text[got > 0 ? got : 0] = '\0';
    return got < 0 ? (int)got : 0;
}

bool group_file_has(const char *text, const char *word)
{
    size_t length = strlen(word);

    for (size_t len; *text; text += len) {
        text += strspn(text, " \n");
        len = strcspn(text, " \n");
        if (len == length && strncmp(text, word, len) == 0)
            return true;
    }
    return false;
}
