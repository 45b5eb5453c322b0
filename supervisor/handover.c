/*
 * handover.c - the object, its descriptors, its memfd (see handover.h)
 */
#include "handover.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"

#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* ---- values ---- */

json_t *handover_fd(int fd)
{
    return fd < 0 ? json_null() : json_pack("{s:i}", "fd", fd);
}

int handover_claim(json_t *fd)
{
    json_t *number = json_object_get(fd, "fd");
    int taken = json_is_integer(number) ? (int)json_integer_value(number) : -1;

    if (taken >= 0)
        json_integer_set(number, -1);
    return taken;
}

int handover_take_fd(const json_t *object, const char *key)
{
    return handover_claim(json_object_get(object, key));
}

json_t *handover_bytes(const void *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    SCOPED_FREE char *text = malloc(2 * size + 1);
    const unsigned char *at = bytes;

    if (!text)
        return NULL;
    for (size_t i = 0; i < size; i++) {
        text[2 * i] = digits[at[i] >> 4];
        text[2 * i + 1] = digits[at[i] & 15];
    }
    return json_stringn(text, 2 * size);
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 0;
}

size_t handover_get_bytes(const json_t *value, void *ret_bytes, size_t room)
{
    const char *text = json_string_value(value);
    size_t size = json_string_length(value) / 2;
    unsigned char *to = ret_bytes;

    for (size_t i = 0; i < size && i < room; i++)
        to[i] = (unsigned char)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
    return size;
}

json_t *handover_text(const char *text)
{
    return handover_bytes(text, strlen(text));
}

void handover_get_text(const json_t *object, const char *key, char *ret_text, size_t size)
{
    size_t len = handover_get_bytes(json_object_get(object, key), ret_text, size - 1);

    ret_text[len < size ? len : size - 1] = '\0';
}

long long handover_int(const json_t *object, const char *key, long long otherwise)
{
    const json_t *value = json_object_get(object, key);

    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool handover_bool(const json_t *object, const char *key)
{
    return json_is_true(json_object_get(object, key));
}

/* ---- the memfd ---- */

static int write_all(const char *bytes, size_t size, void *arg)
{
    const int *fd = arg;

    while (size > 0) {
        ssize_t n = sys_write(*fd, bytes, size);

        if (n == -EINTR)
            continue;
        if (n <= 0)
            return -1;
        bytes += n;
        size -= (size_t)n;
    }
    return 0;
}

int handover_seal(const json_t *root, int *ret_fd, struct coop_err *err)
{
    SCOPED_SYS_FD fd = sys_memfd_create("coop-handover", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int r;

    if (fd < 0)
        return coop_fail_sys(err, fd, "handover: memfd");
    if (!root || json_dump_callback(root, write_all, &fd, JSON_COMPACT) < 0)
        return coop_fail(err, COOP_E_LIMIT, "handover: no memory");
    r = sys_fcntl_int(fd, F_ADD_SEALS, SEALS);
    if (r < 0)
        return coop_fail_sys(err, r, "handover: seal");
    *ret_fd = fd_take(&fd);
    return 0;
}

static int read_text(int fd, char **ret_text, size_t *ret_size)
{
    struct stat about;
    SCOPED_FREE char *text = NULL;
    size_t done = 0, size;
    int r = sys_fstat(fd, &about);

    if (r < 0)
        return r;
    if (about.st_size <= 0 || (uintmax_t)about.st_size > HANDOVER_MAX)
        return -EFBIG;
    size = (size_t)about.st_size;
    text = malloc(size);
    if (!text)
        return -ENOMEM;
    while (done < size) {
        ssize_t n = sys_pread(fd, text + done, size - done, (off_t)done);

        if (n <= 0 && n != -EINTR)
            return n < 0 ? (int)n : -EIO;
        done += n > 0 ? (size_t)n : 0;
    }
    *ret_text = ptr_take(&text);
    *ret_size = size;
    return 0;
}

int handover_open(int fd, json_t **ret_root, struct coop_err *err)
{
    SCOPED_SYS_FD memfd = fd;
    SCOPED_FREE char *text = NULL;
    size_t size = 0;
    json_error_t why;
    json_t *root;
    int r = sys_fcntl_int(memfd, F_GET_SEALS, 0);

    if (r < 0 || (r & SEALS) != SEALS)
        return coop_fail(err, COOP_E_RANGE, "handover: descriptor %d is none", fd);
    r = read_text(memfd, &text, &size);
    if (r < 0)
        return coop_fail_sys(err, r, "handover");
    root = json_loadb(text, size, 0, &why);
    if (!root || handover_int(root, "format", 0) != HANDOVER_FORMAT) {
        json_decref(root);
        return coop_fail(err, COOP_E_SYNTAX, "handover: not of format %d", HANDOVER_FORMAT);
    }
    *ret_root = root;
    return 0;
}

/* ---- all its descriptors ---- */

/* Calls 'fn' for each {"fd": number}; its first failure. */
static int each_fd(json_t *value, int (*fn)(json_t *fd, bool flag), bool flag)
{
    const char *key;
    json_t *inner;
    size_t i;
    int r = 0;

    if (json_is_object(value) && json_is_integer(json_object_get(value, "fd")))
        return fn(value, flag);
    json_array_foreach(value, i, inner)
    {
        if (r == 0)
            r = each_fd(inner, fn, flag);
    }
    json_object_foreach(value, key, inner)
    {
        if (r == 0)
            r = each_fd(inner, fn, flag);
    }
    return r;
}

static int keep_one(json_t *fd, bool keep)
{
    long long number = handover_int(fd, "fd", -1);
    int r = number < 0 ? 0 : sys_fcntl_int((int)number, F_SETFD, keep ? 0 : FD_CLOEXEC);

    return r < 0 ? r : 0;
}

int handover_keep(const json_t *root, bool keep)
{
    return each_fd((json_t *)(uintptr_t)root, keep_one, keep);
}

static int close_one(json_t *fd, bool flag)
{
    int number = handover_claim(fd);

    (void)flag;
    if (number >= 0)
        sys_close(number);
    return 0;
}

void handover_close_rest(json_t *root)
{
    (void)each_fd(root, close_one, false);
}
