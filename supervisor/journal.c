/*
 * journal.c - lines with a checksum (see journal.h)
 *
 * The file is only ever appended to, or replaced as a whole by rename(2).  What runs now is
 * kept in memory as the very lines it would be replaced with, so compaction cannot disagree
 * with what was appended.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/map.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/sync.h"
#include "tree.h"

enum { LINE_MAX = 1024, READ_MAX = 64 * 1024 * 1024 };

struct entry {
    char name[SVC_NAME_MAX + 1];
    char line[]; /* as it stands in the file, with its newline */
};

struct journal {
    struct coop_mutex lock;
    struct map running; /* name -> struct entry */
    int fd;
    size_t size;
    bool broken;  /* the last write failed: write it anew */
    bool told;    /* ... and the log knows */
    bool torn;    /* the file ends in the middle of a line */
    bool partial; /* 'running' lacks something: the file knows more than we do, keep it */
    char path[512];
    char boot_id[40];
};

/* ---- lines ---- */

/* CRC-32 (the usual polynomial, reflected); a table would not pay for lines of 100 bytes. */
static uint32_t crc32_of(const char *bytes, size_t size)
{
    uint32_t crc = UINT32_MAX;

    for (size_t i = 0; i < size; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc >> 1 ^ (crc & 1 ? UINT32_C(0xEDB88320) : 0);
    }
    return ~crc;
}

static int make_line(char line[LINE_MAX], const char *body)
{
    return str_format(line, LINE_MAX, "J1 %08" PRIx32 " %s\n", crc32_of(body, strlen(body)),
                      body);
}

/* The body of a whole line, NUL-terminated in 'text'; NULL when it is damaged. */
static const char *check_line(char text[LINE_MAX], const char *line, size_t size)
{
    unsigned crc;
    int used = 0;

    if (size >= LINE_MAX)
        return NULL;
    memcpy(text, line, size);
    text[size] = '\0';
    if (strlen(text) != size || sscanf(text, "J1 %8x %n", &crc, &used) != 1 || used != 12)
        return NULL;
    return crc32_of(text + used, size - (size_t)used) == crc ? text + used : NULL;
}

/* ---- replay ---- */

struct replay {
    struct survivor *found;
    size_t count;
    const char *boot_id;
    bool other_boot;
    bool no_memory;
    pid_t coopd;
};

static void forget(struct replay *r, const char *name)
{
    for (size_t i = 0; i < r->count; i++)
        if (strcmp(r->found[i].name, name) == 0) {
            r->found[i] = r->found[--r->count];
            return;
        }
}

static bool replay_run(struct replay *r, const char *body)
{
    struct survivor s = {0};
    unsigned held_by;
    struct survivor *grown;

    if (sscanf(body, "run %79s %u %d %" SCNu64 " %d %511s", s.name, &held_by, &s.top_pid,
               &s.start_ticks, &s.main_pid, s.cgroup) != 6)
        return false;
    if (held_by > HELD_BY_ITSELF || s.top_pid <= 1)
        return false;
    s.held_by = (enum svc_held_by)held_by;
    if (strcmp(s.cgroup, "-") == 0)
        s.cgroup[0] = '\0';
    forget(r, s.name);
    if (r->other_boot)
        return true;
    grown = realloc(r->found, (r->count + 1) * sizeof *grown);
    if (!grown) {
        r->no_memory = true;
        return true;
    }
    r->found = grown;
    grown[r->count++] = s;
    return true;
}

static bool replay_line(struct replay *r, const char *body)
{
    char word[128];
    int pid = 0;

    if (str_starts_with(body, "run "))
        return replay_run(r, body);
    if (sscanf(body, "end %79s", word) == 1) {
        forget(r, word);
        return true;
    }
    if (sscanf(body, "boot %39s %d", word, &pid) >= 1) {
        r->other_boot = r->boot_id[0] && strcmp(word, r->boot_id) != 0;
        r->coopd = r->other_boot ? 0 : pid;
        return true;
    }
    return false;
}

ssize_t journal_replay(const char *text, size_t size, const char *boot_id,
                       void (*fn)(void *arg, const struct survivor *survivor), void *arg,
                       pid_t *ret_coopd)
{
    struct replay r = {.boot_id = boot_id};
    ssize_t damaged = 0;

    while (size > 0) {
        const char *end = memchr(text, '\n', size);
        size_t len = end ? (size_t)(end - text) : size;
        char line[LINE_MAX];
        const char *body = end ? check_line(line, text, len) : NULL;

        if (!body || !replay_line(&r, body))
            damaged++;
        len += end ? 1 : 0;
        text += len;
        size -= len;
    }
    for (size_t i = 0; i < r.count && !r.no_memory; i++)
        fn(arg, &r.found[i]);
    free(r.found);
    if (r.no_memory)
        return -ENOMEM;
    *ret_coopd = r.coopd;
    return damaged;
}

/* ---- the file ---- */

int journal_start_ticks(pid_t pid, uint64_t *ret_ticks)
{
    char path[64], text[1024];
    struct proc proc;
    ssize_t n;
    SCOPED_SYS_FD fd = -1;

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC, 0);
    n = fd < 0 ? fd : sys_read(fd, text, sizeof text);
    if (n < 0)
        return (int)n;
    if (proc_parse_stat(text, (size_t)n, &proc) < 0)
        return -EPROTO;
    *ret_ticks = proc.start_ticks;
    return 0;
}

static void read_boot_id(char ret_id[40])
{
    SCOPED_SYS_FD fd =
        sys_openat(AT_FDCWD, "/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC, 0);
    ssize_t n = fd < 0 ? 0 : sys_read(fd, ret_id, 36);

    ret_id[n > 0 ? n : 0] = '\0';
}

/* Everything, or -errno: half a journal would be believed. */
static int read_all(int fd, char **ret_text, size_t *ret_size)
{
    size_t size = 0, room = 64 * 1024;
    SCOPED_FREE char *text = malloc(room);

    while (text) {
        ssize_t n = sys_read(fd, text + size, room - size);

        if (n == -EINTR)
            continue;
        if (n < 0)
            return (int)n;
        if (n == 0) {
            *ret_size = size;
            *ret_text = ptr_take(&text);
            return 0;
        }
        size += (size_t)n;
        if (size == READ_MAX)
            return -EFBIG;
        if (size == room) {
            char *grown = realloc(text, room *= 2);

            if (!grown)
                return -ENOMEM;
            text = grown;
        }
    }
    return -ENOMEM;
}

static void tell_broken(struct journal *j, int sys)
{
    if (!j->told)
        log_warn("journal",
                 "cannot write '%s': %s; a coopd that is killed now will not know "
                 "what it had started",
                 j->path, coop_strerror(sys));
    j->broken = j->told = true;
}

/* What did not go in whole gets an end of its own, or it would take the next line with it. */
static void write_line(struct journal *j, const char *line)
{
    size_t len = strlen(line);
    ssize_t n = 0;

    if (j->torn)
        j->torn = sys_write(j->fd, "\n", 1) != 1;
    if (!j->torn)
        n = sys_write(j->fd, line, len);
    if (n > 0)
        j->size += (size_t)n;
    if (n == (ssize_t)len)
        return;
    j->torn = j->torn || n > 0;
    tell_broken(j, n < 0 ? (int)n : -ENOSPC);
}

/* A new file beside the old one, then in its place. */
static int rewrite(struct journal *j, struct coop_err *err)
{
    char fresh[600], line[LINE_MAX], body[128];
    struct entry *entry;
    int r, old = j->fd;
    size_t old_size = j->size;
    bool old_torn = j->torn;

    str_format(fresh, sizeof fresh, "%s.new", j->path);
    r = sys_openat(AT_FDCWD, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (r < 0)
        return coop_fail_sys(err, r, "journal '%s'", fresh);
    j->fd = r;
    j->size = 0;
    j->broken = j->torn = false;
    snprintf(body, sizeof body, "boot %s %d", j->boot_id[0] ? j->boot_id : "-", getpid());
    make_line(line, body);
    write_line(j, line);
    for (size_t i = 0; (entry = map_next(&j->running, &i)) != NULL;)
        write_line(j, entry->line);
    r = j->broken ? -EIO : sys_renameat(AT_FDCWD, fresh, AT_FDCWD, j->path);
    if (r < 0) {
        sys_close(j->fd);
        sys_unlinkat(AT_FDCWD, fresh, 0);
        j->fd = old;
        j->size = old_size;
        j->torn = old_torn;
        j->broken = true;
        return coop_fail_sys(err, r, "journal '%s'", j->path);
    }
    if (old >= 0)
        sys_close(old);
    if (j->told)
        log_info("journal", "'%s' is whole again", j->path);
    j->told = false;
    return 0;
}

static void append(struct journal *j, const char *line)
{
    struct coop_err err = {0};

    write_line(j, line);
    if ((j->size > JOURNAL_MAX || j->broken) && !j->partial && rewrite(j, &err) < 0)
        tell_broken(j, err.sys);
}

/* ---- the public calls ---- */

int journal_read(const char *state_dir, void (*fn)(void *arg, const struct survivor *survivor),
                 void *arg, pid_t *ret_coopd, struct coop_err *err)
{
    char path[512], boot_id[40];
    SCOPED_FREE char *text = NULL;
    size_t size = 0;
    ssize_t r;
    SCOPED_SYS_FD fd = -1;

    *ret_coopd = 0;
    if (str_format(path, sizeof path, "%s/journal", state_dir) < 0)
        return coop_fail(err, COOP_E_LIMIT, "journal: the path is too long");
    r = fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (r == -ENOENT)
        return 0;
    if (r >= 0)
        r = read_all(fd, &text, &size);
    if (r >= 0) {
        read_boot_id(boot_id);
        r = journal_replay(text, size, boot_id, fn, arg, ret_coopd);
    }
    if (r < 0) {
        coop_fail_sys(err, (int)r, "journal '%s'", path);
        return coop_hint(err, "it tells which services of an earlier coopd still run; make it "
                              "readable, or end them by hand and remove it");
    }
    if (r > 0)
        log_warn("journal", "'%s': %zd damaged lines were skipped", path, r);
    return 0;
}

int journal_open(struct journal **ret_journal, const char *state_dir, struct coop_err *err)
{
    struct journal *j = calloc(1, sizeof *j);

    if (!j || str_format(j->path, sizeof j->path, "%s/journal", state_dir) < 0) {
        free(j);
        return coop_fail(err, COOP_E_LIMIT, "journal: no memory, or the path is too long");
    }
    j->fd = -1;
    read_boot_id(j->boot_id);
    if (rewrite(j, err) < 0) {
        free(j);
        return -1;
    }
    *ret_journal = j;
    return 0;
}

static void remember(struct journal *j, const char *name, const char *line)
{
    struct entry *entry = calloc(1, sizeof *entry + strlen(line) + 1);

    free(map_remove(&j->running, name));
    if (!entry) {
        j->partial = true;
        return;
    }
    str_copy(entry->name, sizeof entry->name, name);
    memcpy(entry->line, line, strlen(line) + 1);
    if (map_put(&j->running, entry->name, entry) < 0) {
        j->partial = true;
        free(entry);
    }
}

void journal_run(struct journal *j, const char *name, const struct holder *holder)
{
    char body[LINE_MAX - 32], line[LINE_MAX];
    uint64_t ticks = 0;

    if (journal_start_ticks(holder->top_pid, &ticks) < 0)
        ticks = 0; /* the next coopd cannot prove anything by it */
    snprintf(body, sizeof body, "run %s %u %d %" PRIu64 " %d %s", name,
             (unsigned)holder->held_by, holder->top_pid, ticks, holder->main_pid,
             holder->cgroup ? holder->cgroup : "-");
    if (make_line(line, body) < 0)
        return;
    coop_mutex_lock(&j->lock);
    remember(j, name, line);
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_end(struct journal *j, const char *name)
{
    char body[128], line[LINE_MAX];

    snprintf(body, sizeof body, "end %s", name);
    make_line(line, body);
    coop_mutex_lock(&j->lock);
    free(map_remove(&j->running, name));
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_close(struct journal *j)
{
    struct entry *entry;

    if (!j)
        return;
    for (size_t i = 0; (entry = map_next(&j->running, &i)) != NULL;)
        free(entry);
    map_done(&j->running);
    if (j->fd >= 0)
        sys_close(j->fd);
    free(j);
}
