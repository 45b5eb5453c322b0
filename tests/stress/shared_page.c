/*
 * shared_page - readers never wait and never see half a value, whatever happens to the writer
 */
#include "stress/processes.h"

#include "base/seqlock.h"
#include "coop/page.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { WORDS = 4096, READERS = 3 };

struct view {
    uint64_t words[WORDS]; /* all the same */
};

static int times;
static struct coop_page page;

static _Noreturn void publish_for_ever(void)
{
    static struct view v;

    for (uint64_t n = 1;; n++) {
        for (int i = 0; i < WORDS; i++)
            v.words[i] = n;
        coop_page_publish(&page, &v);
    }
}

/* The number that it holds. */
static uint64_t whole(const struct view *v)
{
    for (int i = 1; i < WORDS; i++)
        HOLDS(v->words[i] == v->words[0]);
    return v->words[0];
}

static int read_often(void *arg)
{
    struct view *v = malloc(sizeof *v);
    const struct coop_page *p = arg;
    uint64_t last = 0;

    HOLDS(v);
    for (int i = 0; i < 300;) {
        int r = coop_page_read(p, v);

        HOLDS(r >= 0 || r == -EAGAIN);
        if (r != 1)
            continue;
        HOLDS(whole(v) >= last);
        last = v->words[0];
        if (++i % 16 == 0)
            coop_yield();
    }
    free(v);
    return 0;
}

/* Killed or stopped at any moment, mostly in the middle of a write. */
static void the_writer_is_killed_in_the_middle(void)
{
    struct coop_page reader;
    struct coop_scope scope;
    struct view *v = malloc(sizeof *v);
    pid_t pid;
    uint64_t last;

    HOLDS(v && coop_page_new(&page, "stress", sizeof *v) == 0);
    HOLDS(coop_page_attach(&reader, dup(page.fd), sizeof *v) == 0);
    HOLDS(coop_page_read(&reader, v) == 0 && coop_page_alive(&reader) == 1);
    pid = child_begin();
    if (pid == 0)
        publish_for_ever();
    coop_page_done(&page); /* the child alone is the writer now */
    coop_scope_init(&scope, "readers", 0);
    for (int i = 0; i < READERS; i++)
        coop_go(&scope, read_often, &reader);
    HOLDS(coop_scope_wait(&scope) == 0);
    HOLDS(coop_page_alive(&reader) == 1);
    for (int i = 0; i < 100; i++) {
        HOLDS(kill(pid, SIGSTOP) == 0);
        HOLDS(waitid(P_PID, (id_t)pid, &(siginfo_t){0}, WSTOPPED) == 0);
        HOLDS(coop_page_read(&reader, v) == 1); /* at the first try: it stands still */
        last = whole(v);
        HOLDS(kill(pid, SIGCONT) == 0);
    }
    HOLDS(child_kill(pid) == 128 + SIGKILL);
    HOLDS(coop_page_read(&reader, v) == 1 && whole(v) >= last);
    HOLDS(coop_page_alive(&reader) == 0);
    coop_page_done(&reader);
    free(v);
}

static void nobody_else_can_write(void)
{
    struct coop_page other;
    int value = 7, seen = 0, fd;
    char path[64];

    HOLDS(coop_page_new(&page, "sealed", 0) == -EINVAL);
    HOLDS(coop_page_new(&page, "sealed", COOP_PAGE_MAX + 1) == -EINVAL);
    HOLDS(coop_page_new(&page, "sealed", sizeof value) == 0);
    coop_page_publish(&page, &value);
    HOLDS(coop_page_read(&page, &seen) == 1 && seen == 7 && coop_page_turn(&page) == 1);
    HOLDS(write(page.fd, "x", 1) < 0);
    HOLDS(mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, page.fd, 0) == MAP_FAILED);
    /* Opened again for writing, by one who may do that: sealed. */
    snprintf(path, sizeof path, "/proc/self/fd/%d", page.fd);
    fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd >= 0) {
        HOLDS(write(fd, "x", 1) < 0 && ftruncate(fd, 0) < 0);
        HOLDS(mmap(NULL, 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED);
        close(fd);
    }
    HOLDS(coop_page_attach(&other, page.fd, sizeof value + 8) == -EINVAL);
    HOLDS(coop_page_attach(&other, STDERR_FILENO, sizeof value) < 0);
    HOLDS(coop_page_attach(&other, dup(page.fd), sizeof value) == 0);
    coop_page_done(&page);
    HOLDS(coop_page_alive(&other) == 0); /* done is as good as dead */
    HOLDS(coop_page_read(&other, &seen) == 1 && seen == 7);
    coop_page_done(&other);
}

/* What can shrink would kill its readers with SIGBUS. */
static void memory_that_is_not_sealed_is_refused(void)
{
    struct coop_page other;
    struct stat status;
    int value = 1, open_before = fds_open(), fd, copy;
    char bytes[4096];
    ssize_t n;

    HOLDS(coop_page_new(&page, "sealed", sizeof value) == 0);
    coop_page_publish(&page, &value);
    HOLDS(fstat(page.fd, &status) == 0);
    n = pread(page.fd, bytes, sizeof bytes, 0);
    fd = memfd_create("copy", MFD_CLOEXEC);
    copy = memfd_create("copy", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    HOLDS(n == status.st_size && write(fd, bytes, (size_t)n) == n);
    HOLDS(write(copy, bytes, (size_t)n) == n);
    HOLDS(coop_page_attach(&other, fd, sizeof value) == -EINVAL);
    HOLDS(coop_page_attach(&other, copy, sizeof value) == -EINVAL);
    HOLDS(fcntl(copy, F_ADD_SEALS, F_SEAL_SHRINK) == 0);
    HOLDS(coop_page_attach(&other, copy, sizeof value) == 0); /* only the seal was missing */
    HOLDS(coop_page_read(&other, &value) == 1);
    coop_page_done(&other);
    close(fd);
    coop_page_done(&page);
    HOLDS(fds_open() == open_before);
}

/* What a writer does while it stores, seen from a reader that it has overtaken. */
static void what_is_being_written_is_not_given_out(void)
{
    struct coop_page reader;
    int value = 7, seen = 0;
    struct seqlock *lock;

    HOLDS(coop_page_new(&page, "met", sizeof value) == 0);
    HOLDS(coop_page_attach(&reader, dup(page.fd), sizeof value) == 0);
    coop_page_publish(&page, &value); /* into the second place, two lines on */
    lock = (struct seqlock *)(void *)((char *)page.map + 2 * 64);
    HOLDS(coop_page_read(&reader, &seen) == 1 && seen == 7);
    atomic_fetch_add(&lock->number, 1);
    HOLDS(coop_page_read(&reader, &seen) == -EAGAIN);
    atomic_fetch_add(&lock->number, 1);
    HOLDS(coop_page_read(&reader, &seen) == 1 && seen == 7);
    coop_page_done(&reader);
    coop_page_done(&page);
}

static int root(void *arg)
{
    (void)arg;
    for (int i = 0; i < times * 3; i++)
        the_writer_is_killed_in_the_middle();
    nobody_else_can_write();
    memory_that_is_not_sealed_is_refused();
    what_is_being_written_is_not_given_out();
    return 0;
}

int main(int argc, char **argv)
{
    struct coop_options options = {.procs = 2};

    times = times_more(argc, argv);
    return coop_main(&options, root, NULL);
}
