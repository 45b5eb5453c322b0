/*
 * Any bytes as a configuration file: loaded whole or refused whole, and every refusal is told with
 * a place in the file.
 */
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "config/load.h"
#include "fuzz.h"
#include "support/places.h"

static char dir[TEMP_DIR_TEXT], path[TEMP_DIR_TEXT + 16];

static void clean_up(void)
{
    temp_dir_remove(dir);
}

static void put_file(const uint8_t *data, size_t size)
{
    int fd;

    if (!*dir) {
        snprintf(path, sizeof path, "%s/x.ini", temp_dir_make(dir));
        atexit(clean_up);
    }
    unlink(path); /* not O_TRUNC: some file systems write that out at once */
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    FUZZ_CHECK(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    close(fd);
}

static void count_complaint(void *arg, const struct coop_err *err)
{
    if (err->code == COOP_OK)
        return; /* a warning */
    FUZZ_CHECK(*err->text);
    ++*(int *)arg;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *paths[] = {path, NULL};
    struct config *config = NULL;
    struct coop_err err = {0};
    int complaints = 0, r;

    put_file(data, size);
    r = config_load(&config, paths, 1, count_complaint, &complaints, &err);
    FUZZ_CHECK((r == 0) == (config != NULL));
    FUZZ_CHECK(r == 0 ? complaints == 0 : *err.text || complaints > 0);
    config_free(config);
    return 0;
}
