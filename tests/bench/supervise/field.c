/*
 * field.c - records out of a FIFO, and what /proc says of a supervisor
 */
#include "bench/supervise/field.h"

#include "bench/bench.h"

#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TEXT = 4096, US_PER_MS = 1000, NS_PER_US = 1000, OPEN_FOLDERS = 16, REMOVE_TRIES = 500 };

void field_open(struct field *field)
{
    *field = (struct field){.fd = -1};
    snprintf(field->dir, sizeof field->dir, "/tmp/coop-bench-XXXXXX");
    if (!mkdtemp(field->dir))
        err(EXIT_FAILURE, "%s: cannot be made", field->dir);
    snprintf(field->fifo, sizeof field->fifo, "%s/fifo", field->dir);
    if (mkfifo(field->fifo, 0600) < 0)
        err(EXIT_FAILURE, "%s: cannot be made", field->fifo);
    field->fd = open(field->fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (field->fd < 0)
        err(EXIT_FAILURE, "%s: cannot be opened", field->fifo);
}

static int remove_one(const char *path, const struct stat *status, int flag, struct FTW *walk)
{
    (void)status, (void)flag, (void)walk;
    return remove(path);
}

/* Again for a while: some supervisors end before their helpers, which still write there. */
void field_close(struct field *field)
{
    int tries = 0;

    close(field->fd);
    while (nftw(field->dir, remove_one, OPEN_FOLDERS, FTW_DEPTH | FTW_PHYS) < 0) {
        if (tries++ == REMOVE_TRIES) {
            warn("%s: cannot be removed", field->dir);
            return;
        }
        usleep(10 * US_PER_MS);
    }
}

enum field_news field_next(struct field *field, struct record *ret_record, double deadline_us)
{
    while (field->at == field->count) {
        struct pollfd wait = {.fd = field->fd, .events = POLLIN};
        double left = deadline_us - bench_now_us();
        ssize_t got;

        if (left <= 0)
            return FIELD_LATE;
        if (poll(&wait, 1, (int)(left / US_PER_MS) + 1) <= 0)
            continue;
        got = read(field->fd, field->batch, sizeof field->batch);
        if (got == 0)
            return FIELD_ALL_DEAD;
        if (got < 0 && errno != EAGAIN && errno != EINTR)
            err(EXIT_FAILURE, "%s: cannot be read", field->fifo);
        field->at = 0;
        field->count = got < 0 ? 0 : (size_t)got / sizeof field->batch[0];
    }
    *ret_record = field->batch[field->at++];
    return FIELD_RECORD;
}

/* The file's text; "" when there is none. */
static void file_text(const char *path, char ret_text[TEXT])
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t got = fd < 0 ? 0 : read(fd, ret_text, TEXT - 1);

    ret_text[got > 0 ? got : 0] = '\0';
    if (fd >= 0)
        close(fd);
}

static double number_after(const char *text, const char *key)
{
    const char *at = strstr(text, key);

    return at ? strtod(at + strlen(key), NULL) : 0;
}

/* Calls one() for each thread of pid, with the number of its folder. */
static void each_thread(pid_t pid, void (*one)(pid_t pid, const char *thread, void *arg),
                        void *arg)
{
    char path[TEXT];
    DIR *threads;

    snprintf(path, sizeof path, "/proc/%d/task", pid);
    threads = opendir(path);
    if (!threads)
        return;
    for (struct dirent *entry; (entry = readdir(threads));)
        if (entry->d_name[0] != '.')
            one(pid, entry->d_name, arg);
    closedir(threads);
}

static void thread_look(pid_t pid, const char *thread, void *arg)
{
    struct side *side = arg;
    char path[TEXT], text[TEXT];

    snprintf(path, sizeof path, "/proc/%d/task/%s/schedstat", pid, thread);
    file_text(path, text);
    side->cpu_us += strtod(text, NULL) / NS_PER_US;
    snprintf(path, sizeof path, "/proc/%d/task/%s/status", pid, thread);
    file_text(path, text);
    side->waits += number_after(text, "\nvoluntary_ctxt_switches:");
}

static void program_of(pid_t pid, char ret_path[TEXT])
{
    char link[TEXT];
    ssize_t length;

    snprintf(link, sizeof link, "/proc/%d/exe", pid);
    length = readlink(link, ret_path, TEXT - 1);
    ret_path[length > 0 ? length : 0] = '\0';
}

/* A walk over a supervisor's tree: what is looked for, and what is done with it. */
struct walk {
    const char *child, *own;
    struct side *side; /* NULL: end the children */
};

static void process_look(pid_t pid, const struct walk *walk);

static void children_look(pid_t pid, const char *thread, void *arg)
{
    static const char name[] = "children";
    char path[TEXT];
    FILE *file;
    int child;

    snprintf(path, sizeof path, "/proc/%d/task/%s/%s", pid, thread, name);
    file = fopen(path, "re");
    /* NOLINTNEXTLINE(cert-err34-c): the kernel wrote the numbers */
    while (file && fscanf(file, "%d", &child) == 1)
        process_look(child, arg);
    if (file)
        fclose(file);
}

static void process_count(pid_t pid, const struct walk *walk, const char *program)
{
    struct side *side = walk->side;
    char path[TEXT], text[TEXT];
    double pss;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    file_text(path, text);
    pss = number_after(text, "\nPss:");
    side->processes++;
    side->pss_kib += pss;
    if (strcmp(program, walk->own) != 0) {
        side->others++;
        side->others_kib += pss;
    }
    each_thread(pid, thread_look, side);
}

static void process_look(pid_t pid, const struct walk *walk)
{
    char program[TEXT];

    program_of(pid, program);
    if (strcmp(program, walk->child) != 0 && walk->side)
        process_count(pid, walk, program);
    else if (strcmp(program, walk->child) == 0 && !walk->side)
        kill(pid, SIGKILL);
    each_thread(pid, children_look, (void *)(uintptr_t)walk);
}

void side_look(pid_t supervisor, const char *child, struct side *ret_side)
{
    char own[TEXT];

    program_of(supervisor, own);
    *ret_side = (struct side){0};
    process_look(supervisor, &(struct walk){child, own, ret_side});
}

void side_end(pid_t supervisor, const char *child)
{
    process_look(supervisor, &(struct walk){child, "", NULL});
}
