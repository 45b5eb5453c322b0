/*
 * journal.c - the file of the lines (see journal.h)
 *
 * The file is only ever appended to, or replaced as a whole by rename(2).  What runs now is
 * kept in memory as the very lines it would be replaced with, so compaction cannot disagree
 * with what was appended.
 */
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
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
#include "journal_line.h"
#include "tree.h"

enum { READ_MAX = 64 * 1024 * 1024 };

struct entry {
    char name[SVC_NAME_MAX + 1];
    char *wish, *run, *main,
        *at; /* as they stand in the file, with their newlines; NULL: none */
};

struct journal {
    struct coop_mutex lock;
    struct map known;  /* name -> struct entry */
    struct map groups; /* name -> struct entry, of which 'at' is the line */
    int fd;
    size_t size;
    size_t least; /* bytes of it when it was written last as a whole */
    bool broken;  /* the last write failed: write it anew */
    bool told;    /* ... and the log knows */
    bool torn;    /* the file ends in the middle of a line */
    bool partial; /* 'known' lacks something: the file knows more than we do, keep it */
    bool closing;
    char path[512];
    char boot_id[JOURNAL_BOOT_ID];
};

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

void journal_boot_id(char ret_id[JOURNAL_BOOT_ID])
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

static int boot_line(const struct journal *j, char line[JOURNAL_LINE_MAX])
{
    char body[128];

    snprintf(body, sizeof body, "boot %s %d", j->boot_id[0] ? j->boot_id : "-", getpid());
    return journal_make_line(line, body);
}

/* ---- all of it ---- */

typedef void line_fn(void *arg, const char *line);

static void write_out(void *arg, const char *line)
{
    write_line(arg, line);
}

static void add_text(void *arg, const char *line)
{
    buf_add_text(arg, line);
}

/* Each says more than those before it. */
static void tell_entry(const struct entry *entry, line_fn *tell, void *arg)
{
    const char *const lines[] = {entry->wish, entry->run, entry->run ? entry->main : NULL,
                                 entry->at};

    for (size_t i = 0; i < COOP_COUNT(lines); i++)
        if (lines[i])
            tell(arg, lines[i]);
}

static void tell_all(const struct journal *j, line_fn *tell, void *arg)
{
    char line[JOURNAL_LINE_MAX];
    struct entry *entry;

    if (boot_line(j, line) == 0)
        tell(arg, line);
    for (size_t i = 0; (entry = map_next(&j->known, &i)) != NULL;)
        tell_entry(entry, tell, arg);
    for (size_t i = 0; (entry = map_next(&j->groups, &i)) != NULL;)
        tell_entry(entry, tell, arg);
    if (j->closing && journal_make_line(line, "closing") == 0)
        tell(arg, line);
}

/* A new file beside the old one, then in its place. */
static int rewrite(struct journal *j, struct coop_err *err)
{
    char fresh[600];
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
    tell_all(j, write_out, j);
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
    j->least = j->size;
    if (j->told)
        log_info("journal", "'%s' is whole again", j->path);
    j->told = false;
    return 0;
}

static void append(struct journal *j, const char *line)
{
    struct coop_err err = {0};

    write_line(j, line);
    if ((j->size > JOURNAL_MAX + 2 * j->least || j->broken) && !j->partial &&
        rewrite(j, &err) < 0)
        tell_broken(j, err.sys);
}

/* ---- the public calls ---- */

/* The text of the journal in 'state_dir', "" when there is none.  0 or -errno. */
static int read_text(const char *state_dir, char **ret_text, size_t *ret_size)
{
    char path[512];
    SCOPED_SYS_FD fd = -1;

    if (str_format(path, sizeof path, "%s/journal", state_dir) < 0)
        return -ENAMETOOLONG;
    fd = sys_openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd >= 0)
        return read_all(fd, ret_text, ret_size);
    *ret_size = 0;
    *ret_text = fd == -ENOENT ? strdup("") : NULL;
    return fd != -ENOENT ? fd : *ret_text ? 0 : -ENOMEM;
}

static int unreadable(const char *state_dir, ssize_t sys, struct coop_err *err)
{
    coop_fail_sys(err, (int)sys, "journal '%s/journal'", state_dir);
    return coop_hint(err, "it tells which services of an earlier coopd still run; make it "
                          "readable, or end them by hand and remove it");
}

int journal_read(const char *state_dir, void (*fn)(void *arg, const struct survivor *survivor),
                 void *arg, pid_t *ret_coopd, bool *ret_closing, struct coop_err *err)
{
    char boot_id[JOURNAL_BOOT_ID];
    SCOPED_FREE char *text = NULL;
    size_t size = 0;
    ssize_t r = read_text(state_dir, &text, &size);

    *ret_coopd = 0;
    *ret_closing = false;
    journal_boot_id(boot_id);
    if (r == 0)
        r = journal_replay(text, size, boot_id, fn, arg, ret_coopd, ret_closing);
    if (r < 0)
        return unreadable(state_dir, r, err);
    if (r > 0)
        log_warn("journal", "'%s/journal': %zd damaged lines were skipped", state_dir, r);
    return 0;
}

int journal_read_groups(const char *state_dir,
                        void (*fn)(void *arg, const struct saved_group *group), void *arg,
                        struct coop_err *err)
{
    char boot_id[JOURNAL_BOOT_ID];
    SCOPED_FREE char *text = NULL;
    size_t size = 0;
    ssize_t r = read_text(state_dir, &text, &size);

    journal_boot_id(boot_id);
    if (r == 0)
        r = journal_replay_groups(text, size, boot_id, fn, arg);
    return r < 0 ? unreadable(state_dir, r, err) : 0;
}

static void free_entry(struct entry *entry)
{
    if (!entry)
        return;
    free(entry->wish);
    free(entry->run);
    free(entry->main);
    free(entry->at);
    free(entry);
}

/* The entry of that name, made when there is none; NULL: no memory. */
static struct entry *entry_in(struct journal *j, struct map *map, const char *name)
{
    struct entry *entry = map_get(map, name);

    if (entry)
        return entry;
    entry = calloc(1, sizeof *entry);
    if (entry) {
        str_copy(entry->name, sizeof entry->name, name);
        if (map_put(map, entry->name, entry) == 0)
            return entry;
    }
    free(entry);
    j->partial = true;
    return NULL;
}

static struct entry *known(struct journal *j, const char *name)
{
    return entry_in(j, &j->known, name);
}

/* What is known of a service, or what is asked for; with neither left it is not known any more. */
static void forget_lines(struct journal *j, const char *name, bool service)
{
    struct entry *entry = map_get(&j->known, name);

    if (!entry)
        return;
    if (service) {
        free(entry->run);
        free(entry->main);
        free(entry->at);
        entry->run = entry->main = entry->at = NULL;
    } else {
        free(entry->wish);
        entry->wish = NULL;
    }
    if (!entry->run && !entry->at && !entry->wish)
        free_entry(map_remove(&j->known, name));
}

static void keep_line(struct journal *j, char **slot, const char *line)
{
    char *copy = strdup(line);

    if (!copy) {
        j->partial = true;
        return;
    }
    free(*slot);
    *slot = copy;
}

static int keep_all(struct journal *j, const struct survivor *kept, size_t count,
                    const struct wishes *wishes)
{
    char line[JOURNAL_LINE_MAX];

    for (size_t i = 0; i < count && !j->partial; i++) {
        struct entry *entry = known(j, kept[i].name);

        if (entry && kept[i].has_life &&
            journal_run_line(line, kept[i].name, &kept[i].life) == 0)
            keep_line(j, &entry->run, line);
        if (entry && kept[i].has_life && kept[i].life.main_ticks != 0 &&
            journal_main_line(line, kept[i].name, &kept[i].life) == 0)
            keep_line(j, &entry->main, line);
        if (entry && journal_at_line(line, kept[i].name, &kept[i].state, &kept[i].starts) == 0)
            keep_line(j, &entry->at, line);
    }
    for (size_t i = 0; wishes && i < wishes->count && !j->partial; i++) {
        struct entry *entry = known(j, wishes->at[i].name);

        if (entry && journal_wish_line(line, &wishes->at[i]) == 0)
            keep_line(j, &entry->wish, line);
    }
    return j->partial ? -ENOMEM : 0;
}

static int keep_groups(struct journal *j, const struct saved_group *groups, size_t count)
{
    char line[JOURNAL_LINE_MAX];

    for (size_t i = 0; i < count && !j->partial; i++) {
        struct entry *entry = entry_in(j, &j->groups, groups[i].name);

        if (entry && journal_group_line(line, &groups[i]) == 0)
            keep_line(j, &entry->at, line);
    }
    return j->partial ? -ENOMEM : 0;
}

int journal_open(struct journal **ret_journal, const char *state_dir,
                 const struct survivor *kept, size_t count, const struct saved_group *groups,
                 size_t group_count, const struct wishes *wishes, struct coop_err *err)
{
    struct journal *j = calloc(1, sizeof *j);

    if (!j || str_format(j->path, sizeof j->path, "%s/journal", state_dir) < 0) {
        free(j);
        return coop_fail(err, COOP_E_LIMIT, "journal: no memory, or the path is too long");
    }
    j->fd = -1;
    journal_boot_id(j->boot_id);
    if (keep_all(j, kept, count, wishes) < 0 || keep_groups(j, groups, group_count) < 0) {
        journal_close(j);
        return coop_fail(err, COOP_E_LIMIT, "journal: no memory");
    }
    if (rewrite(j, err) < 0) {
        journal_close(j);
        return -1;
    }
    *ret_journal = j;
    return 0;
}

void journal_run(struct journal *j, const char *name, const struct saved_life *life)
{
    char line[JOURNAL_LINE_MAX];
    struct entry *entry;

    if (journal_run_line(line, name, life) < 0)
        return;
    coop_mutex_lock(&j->lock);
    entry = known(j, name);
    if (entry) {
        keep_line(j, &entry->run, line);
        free(ptr_take(&entry->main)); /* of the life before */
    }
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_main(struct journal *j, const char *name, const struct saved_life *life)
{
    char line[JOURNAL_LINE_MAX];
    struct entry *entry;

    if (journal_main_line(line, name, life) < 0)
        return;
    coop_mutex_lock(&j->lock);
    entry = known(j, name);
    if (entry)
        keep_line(j, &entry->main, line);
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_end(struct journal *j, const char *name)
{
    char body[128], line[JOURNAL_LINE_MAX];
    struct entry *entry;

    snprintf(body, sizeof body, "end %s", name);
    journal_make_line(line, body);
    coop_mutex_lock(&j->lock);
    entry = map_get(&j->known, name);
    if (entry) {
        free(entry->run);
        entry->run = NULL;
    }
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_at(struct journal *j, const char *name, const struct saved_state *state,
                const struct saved_starts *starts)
{
    char line[JOURNAL_LINE_MAX];
    struct entry *entry;

    if (journal_at_line(line, name, state, starts) < 0)
        return;
    coop_mutex_lock(&j->lock);
    entry = known(j, name);
    if (entry)
        keep_line(j, &entry->at, line);
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_group(struct journal *j, const struct saved_group *group)
{
    char line[JOURNAL_LINE_MAX];
    struct entry *entry;

    if (journal_group_line(line, group) < 0)
        return;
    coop_mutex_lock(&j->lock);
    entry = entry_in(j, &j->groups, group->name);
    if (entry)
        keep_line(j, &entry->at, line);
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_gone(struct journal *j, const char *name)
{
    char body[128], line[JOURNAL_LINE_MAX];

    snprintf(body, sizeof body, "gone %s", name);
    journal_make_line(line, body);
    coop_mutex_lock(&j->lock);
    forget_lines(j, name, true);
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_wish(struct journal *j, const struct wish *wish)
{
    char line[JOURNAL_LINE_MAX];
    struct entry *entry;

    if (journal_wish_line(line, wish) < 0)
        return;
    coop_mutex_lock(&j->lock);
    entry = known(j, wish->name);
    if (entry)
        keep_line(j, &entry->wish, line);
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_unwish(struct journal *j, const char *name)
{
    char body[128], line[JOURNAL_LINE_MAX];

    snprintf(body, sizeof body, "unwish %s", name);
    journal_make_line(line, body);
    coop_mutex_lock(&j->lock);
    forget_lines(j, name, false);
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_closing(struct journal *j)
{
    char line[JOURNAL_LINE_MAX];

    journal_make_line(line, "closing");
    coop_mutex_lock(&j->lock);
    j->closing = true;
    append(j, line);
    coop_mutex_unlock(&j->lock);
}

void journal_copy(struct journal *j, struct buf *out)
{
    coop_mutex_lock(&j->lock);
    tell_all(j, add_text, out);
    coop_mutex_unlock(&j->lock);
}

void journal_close(struct journal *j)
{
    struct entry *entry;

    if (!j)
        return;
    for (size_t i = 0; (entry = map_next(&j->known, &i)) != NULL;)
        free_entry(entry);
    map_done(&j->known);
    for (size_t i = 0; (entry = map_next(&j->groups, &i)) != NULL;)
        free_entry(entry);
    map_done(&j->groups);
    if (j->fd >= 0)
        sys_close(j->fd);
    free(j);
}
