/*
 * receipt.c - what was in force and how it ended (contract in receipt.h)
 */
#include "launcher/receipt.h"

#include "base/scope.h"
#include "base/str.h"
#include "launcher/caps_text.h"
#include "launcher/plan.h"
#include "launcher/sha256.h"
#include "text/signames.h"
#include "text/units.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#define RECEIPT_MAX ((size_t)256 * 1024)
#define READER_MSEC 5000 /* for whoever reads it from a pipe to take a piece */

/* ---- JSON ---- */

/* Bytes that are no text become the sign for that: a reader must not choke on a path. */
static void add_string(struct buf *out, const char *text)
{
    bool is_text = str_is_utf8(text, strlen(text));

    buf_add_char(out, '"');
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\')
            buf_addf(out, "\\%c", c);
        else if (c < 0x20)
            buf_addf(out, "\\u%04x", c);
        else if (c >= 0x80 && !is_text)
            buf_add_text(out, "\\ufffd");
        else
            buf_add_char(out, (char)c);
    }
    buf_add_char(out, '"');
}

static void add_key(struct buf *out, const char *key)
{
    bool first = out->len == 0 || strchr("{[", out->data[out->len - 1]);

    buf_addf(out, "%s\"%s\": ", first ? "" : ", ", key);
}

static void add_number(struct buf *out, const char *key, int64_t number)
{
    add_key(out, key);
    buf_addf(out, "%" PRId64, number);
}

/* Negative: nobody counted. */
static void add_count(struct buf *out, const char *key, int64_t count)
{
    if (count >= 0)
        add_number(out, key, count);
}

static void add_text(struct buf *out, const char *key, const char *text)
{
    add_key(out, key);
    if (text)
        add_string(out, text);
    else
        buf_add_text(out, "null");
}

/* The words of 'list', which are separated by blanks or ", ". */
static void add_words(struct buf *out, const char *key, const char *list)
{
    const char *between = "";

    add_key(out, key);
    buf_add_char(out, '[');
    for (size_t len; *list; list += len) {
        list += strspn(list, ", ");
        len = strcspn(list, ", ");
        if (len > 0)
            buf_addf(out, "%s\"%.*s\"", between, (int)len, list);
        between = ", ";
    }
    buf_add_char(out, ']');
}

/* ---- what is in force ---- */

static void add_namespaces(struct buf *out, const struct receipt *receipt)
{
    static const struct {
        const char *name;
        uint32_t flag;
    } all[LAUNCH_NS_COUNT] = {
        [LAUNCH_NS_CGROUP] = {"cgroup", CLONE_NEWCGROUP},
        [LAUNCH_NS_IPC] = {"ipc", CLONE_NEWIPC},
        [LAUNCH_NS_MNT] = {"mnt", CLONE_NEWNS},
        [LAUNCH_NS_NET] = {"net", CLONE_NEWNET},
        [LAUNCH_NS_PID] = {"pid", CLONE_NEWPID},
        [LAUNCH_NS_TIME] = {"time", 0},
        [LAUNCH_NS_USER] = {"user", CLONE_NEWUSER},
        [LAUNCH_NS_UTS] = {"uts", CLONE_NEWUTS},
    };

    add_key(out, "namespaces");
    buf_add_char(out, '{');
    for (unsigned i = 0; receipt->facts.has_namespaces && i < LAUNCH_NS_COUNT; i++) {
        if (!receipt->facts.namespaces[i])
            continue;
        add_key(out, all[i].name);
        buf_addf(out, "{\"inode\": %" PRIu64 ", \"own\": %s}", receipt->facts.namespaces[i],
                 receipt->plan && (receipt->plan->clone_flags & all[i].flag ||
                                   (i == LAUNCH_NS_TIME && receipt->plan->own_time &&
                                    !(receipt->lost & LAUNCH_BIT(LAUNCH_GUARD_TIME))))
                     ? "true"
                     : "false");
    }
    buf_add_char(out, '}');
}

static void add_id_map(struct buf *out, const struct launch_plan *plan, const char *key,
                       const struct plan_vec *map, uint32_t inside, uint32_t outside)
{
    const struct plan_id_map own = {inside, outside, 1};
    const struct plan_id_map *lines = map->count ? plan_at(plan, map->at) : &own;

    add_key(out, key);
    buf_add_char(out, '[');
    for (uint32_t i = 0; i < (map->count ? map->count : 1); i++)
        buf_addf(out, "%s{\"inside\": %u, \"outside\": %u, \"count\": %u}", i ? ", " : "",
                 lines[i].inside, lines[i].outside, lines[i].count);
    buf_add_char(out, ']');
}

/* As we, or the child, have written them. */
static void add_id_maps(struct buf *out, const struct launch_plan *plan)
{
    if (!plan || !(plan->flags & PLAN_MAP_IDS) || plan->flags & PLAN_HOLD_MAPS)
        return;
    add_id_map(out, plan, "uid_map", &plan->uid_map, plan->map_inside_uid,
               plan->map_outside_uid);
    add_id_map(out, plan, "gid_map", &plan->gid_map, plan->map_inside_gid,
               plan->map_outside_gid);
}

static void add_caps(struct buf *out, const char *key, uint64_t set)
{
    struct buf names = BUF_INIT((size_t)8192);

    caps_render(&names, set & caps_known());
    add_words(out, key, set & caps_known() ? buf_text(&names) : "");
    buf_done(&names);
}

static void add_power(struct buf *out, const struct launch_facts *facts)
{
    if (!facts->has_power)
        return;
    add_key(out, "capabilities");
    buf_add_char(out, '{');
    add_caps(out, "effective", facts->cap_effective);
    add_caps(out, "permitted", facts->cap_permitted);
    add_caps(out, "inheritable", facts->cap_inheritable);
    add_caps(out, "bounding", facts->cap_bounding);
    add_caps(out, "ambient", facts->cap_ambient);
    buf_add_char(out, '}');
    add_key(out, "no_new_privs");
    buf_add_text(out, facts->no_new_privs ? "true" : "false");
}

/* In the order of loading; the kernel takes the strictest answer. */
static void add_filters(struct buf *out, const struct launch_plan *plan, uint64_t lost)
{
    const struct plan_filter *filters = plan ? plan_at(plan, plan->filters.at) : NULL;
    char name[SHA256_TEXT];
    bool first = true;

    add_key(out, "filters");
    buf_add_char(out, '[');
    for (uint32_t i = 0; plan && i < plan->filters.count; i++) {
        const struct plan_vec *code = &filters[i].code;

        if (filters[i].guards && !(filters[i].guards & ~lost))
            continue;
        buf_add_text(out, first ? "{" : ", {");
        first = false;
        add_text(out, "from", plan_str(plan, filters[i].from));
        add_number(out, "instructions", code->count);
        add_text(out, "sha256",
                 sha256_text(plan_at(plan, code->at), code->count * sizeof(struct sock_filter),
                             name));
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

static void add_protection(struct buf *out, const struct receipt *receipt)
{
    const struct launch_plan *plan = receipt->plan;
    char names[1024];

    add_key(out, "protection");
    buf_add_char(out, '{');
    add_words(out, "in_force",
              launch_guards_text(plan && receipt->main_pid ? plan->guards & ~receipt->lost : 0,
                                 names, sizeof names));
    add_words(out, "lost", launch_guards_text(receipt->lost, names, sizeof names));
    add_namespaces(out, receipt);
    add_id_maps(out, plan);
    add_number(out, "landlock_abi", receipt->landlock_abi);
    add_filters(out, plan, receipt->lost);
    add_power(out, &receipt->facts);
    buf_add_char(out, '}');
}

static void add_limits(struct buf *out, const struct receipt *receipt)
{
    add_key(out, "limits");
    buf_add_char(out, '[');
    for (unsigned i = 0; i < receipt->limit_count; i++) {
        const struct receipt_limit *limit = &receipt->limits[i];

        buf_add_text(out, i ? ", {" : "{");
        add_text(out, "name", limit->name);
        add_key(out, "asked");
        if (limit->asked == UINT64_MAX)
            buf_add_text(out, "\"infinity\"");
        else
            buf_addf(out, "%" PRIu64, limit->asked);
        add_text(out, "unit", limit->unit);
        add_text(out, "kept_by", limit->kept);
        buf_add_char(out, '}');
    }
    buf_add_char(out, ']');
}

/* ---- how it ended ---- */

static void add_end(struct buf *out, const struct receipt *receipt)
{
    bool ran = receipt->result != LAUNCH_RESULT_SETUP_ERROR;
    char name[SIGNAME_TEXT];

    add_text(out, "result", launch_result_name(receipt->result));
    if (!ran) {
        add_text(out, "error", receipt->error->text);
        add_text(out, "error_code", coop_code_word(receipt->error->code));
        add_number(out, "errno", receipt->error->sys);
        if (receipt->error->hint[0])
            add_text(out, "hint", receipt->error->hint);
    }
    add_key(out, "killed");
    buf_add_text(out, receipt->killed ? "true" : "false");
    add_number(out, "exit_code", receipt->exit_code);
    if (ran && WIFEXITED(receipt->status))
        add_number(out, "status", WEXITSTATUS(receipt->status));
    if (ran && WIFSIGNALED(receipt->status)) {
        add_number(out, "signal", WTERMSIG(receipt->status));
        add_text(out, "signal_name", signame_render(WTERMSIG(receipt->status), name));
    }
}

static void add_usage(struct buf *out, const struct receipt *receipt)
{
    add_key(out, "usage");
    buf_add_char(out, '{');
    add_number(out, "wall_usec", receipt->wall_time / COOP_NSEC_PER_USEC);
    add_number(out, "cpu_usec", receipt->cpu / COOP_NSEC_PER_USEC);
    add_number(out, "user_usec", receipt->user / COOP_NSEC_PER_USEC);
    add_number(out, "system_usec", receipt->system / COOP_NSEC_PER_USEC);
    add_number(out, "max_rss_bytes", receipt->max_rss);
    add_count(out, "memory_peak_bytes", receipt->memory_peak);
    add_count(out, "tasks_peak", receipt->tasks_peak);
    add_count(out, "output_bytes", receipt->output);
    add_count(out, "disk_peak_bytes", receipt->disk_peak);
    add_count(out, "disk_peak_files", receipt->disk_files_peak);
    add_count(out, "names_refused", receipt->names_refused);
    buf_add_char(out, '}');
}

void receipt_render(const struct receipt *receipt, struct buf *out)
{
    char began[UNITS_TEXT];

    buf_add_char(out, '{');
    add_number(out, "version", 1);
    add_end(out, receipt);
    add_text(out, "began", units_render_time(receipt->began, began));
    if (receipt->pid > 0)
        add_number(out, "pid", receipt->pid);
    if (receipt->main_pid > 0)
        add_number(out, "main_pid", receipt->main_pid);
    add_usage(out, receipt);
    add_limits(out, receipt);
    add_protection(out, receipt);
    buf_add_text(out, "}\n");
}

/* ---- the file ---- */

/* The number in "/dev/fd/3" and its like, or -1.  Such a path is the caller's descriptor: whatever
 * is behind it is written to, and the name, which is the system's, stays as it is. */
static int named_descriptor(const char *path)
{
    static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
    long long fd;

    if (strcmp(path, "/dev/stdout") == 0)
        return STDOUT_FILENO;
    if (strcmp(path, "/dev/stderr") == 0)
        return STDERR_FILENO;
    for (size_t i = 0; i < COOP_COUNT(folders); i++)
        if (str_starts_with(path, folders[i]) &&
            str_to_int(path + strlen(folders[i]), 0, INT_MAX, &fd) >= 0)
            return (int)fd;
    return -1;
}

/* However it is spelled: what lies in there is the kernel's and everybody's. */
static bool holds_no_files(int dir)
{
    struct stat here, devices;
    struct statfs fs;

    return (fstatfs(dir, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC) ||
           (fstat(dir, &here) == 0 && stat("/dev", &devices) == 0 &&
            here.st_dev == devices.st_dev && here.st_ino == devices.st_ino);
}

/* The program gets it under no circumstances: what it writes there would pass for our word. */
static int open_descriptor(struct receipt_file *file, int fd, const char *path,
                           struct coop_err *err)
{
    struct stat st;
    int flags = fcntl(fd, F_GETFL);

    if (flags < 0 || fstat(fd, &st) < 0)
        return coop_fail_sys(err, errno, "receipt '%s'", path);
    if ((flags & O_ACCMODE) == O_RDONLY || flags & O_PATH)
        return coop_fail(err, COOP_E_RANGE, "receipt '%s': not open for writing", path);
    file->fd = fcntl(fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (file->fd < 0)
        return coop_fail_sys(err, errno, "receipt '%s'", path);
    if (fd > STDERR_FILENO)
        (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

static int open_special(struct receipt_file *file, const char *path, struct coop_err *err)
{
    file->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW | O_NONBLOCK);
    if (file->fd < 0 && errno == ENXIO) {
        (void)coop_fail(err, COOP_E_MISSING, "receipt '%s': nobody reads there", path);
        return coop_hint(err, "open a FIFO for reading first");
    }
    return file->fd < 0 ? coop_fail_sys(err, errno, "receipt '%s'", path) : 0;
}

/* Its bytes are all there is to it: nobody finds it by a name that another could take over.  A link
 * is none: whoever made it, a program of an earlier run, would choose the device we write to. */
static bool is_special(const struct stat *st)
{
    return !S_ISDIR(st->st_mode) && !S_ISLNK(st->st_mode) &&
           (!S_ISREG(st->st_mode) || st->st_nlink == 0);
}

bool receipt_is_open(const struct receipt_file *file)
{
    return file->dir >= 0 || file->fd >= 0;
}

void receipt_close(struct receipt_file *file)
{
    fd_closep(&file->dir);
    fd_closep(&file->fd);
    free(file->name);
    *file = (struct receipt_file){.dir = -1, .fd = -1};
}

int receipt_open(struct receipt_file *ret_file, const char *path, struct coop_err *err)
{
    const char *slash = strrchr(path, '/');
    SCOPED_FREE char *dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    struct stat st = {0};
    int descriptor = named_descriptor(path);

    *ret_file = (struct receipt_file){.dir = -1, .fd = -1};
    if (descriptor >= 0)
        return open_descriptor(ret_file, descriptor, path, err);
    if (lstat(path, &st) == 0 && is_special(&st))
        return open_special(ret_file, path, err);
    ret_file->name = strdup(slash ? slash + 1 : path);
    if (!dir || !ret_file->name)
        return coop_fail_sys(err, ENOMEM, "receipt '%s'", path);
    if (!ret_file->name[0] || (stat(path, &st) == 0 && S_ISDIR(st.st_mode)))
        return coop_fail_sys(err, EISDIR, "receipt '%s'", path);
    ret_file->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ret_file->dir < 0)
        return coop_fail_sys(err, errno, "receipt: folder '%s'", dir);
    if (holds_no_files(ret_file->dir)) {
        coop_fail(err, COOP_E_RANGE, "receipt '%s': no place for a file", path);
        receipt_close(ret_file);
        return coop_hint(err,
                         "a descriptor of coop-run's is /dev/fd/N, /dev/stdout or /dev/stderr");
    }
    ret_file->fd = openat(ret_file->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0644);
    if (ret_file->fd < 0 && errno != EOPNOTSUPP && errno != EISDIR) {
        coop_fail_sys(err, errno, "receipt: a file in '%s'", dir);
        receipt_close(ret_file); /* or it would count as open */
        return -1;
    }
    return 0;
}

/* A reader that does not read must not keep us, who hear no signal any more.  A pipe that says it
 * is writable takes PIPE_BUF bytes without waiting. */
static int write_all(int fd, const char *bytes, size_t size)
{
    for (size_t done = 0; done < size;) {
        struct pollfd room = {.fd = fd, .events = POLLOUT};
        size_t piece = size - done < PIPE_BUF ? size - done : PIPE_BUF;
        ssize_t wrote;

        if (poll(&room, 1, READER_MSEC) == 0)
            return -ETIMEDOUT;
        wrote = write(fd, bytes + done, piece);
        if (wrote < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
        if (wrote > 0)
            done += (size_t)wrote;
    }
    return 0;
}

/* Gives the file its name, in the place of what has it now. */
static int put_in_place(struct receipt_file *file, const char *other)
{
    char self[48];
    int r;

    (void)str_format(self, sizeof self, "/proc/self/fd/%d", file->fd);
    if (linkat(AT_FDCWD, self, file->dir, other, AT_SYMLINK_FOLLOW) < 0)
        return -errno;
    if (renameat(file->dir, other, file->dir, file->name) == 0)
        return 0;
    r = -errno;
    (void)unlinkat(file->dir, other, 0);
    return r;
}

/* Where a file system has no files without names. */
static int write_named(struct receipt_file *file, const char *other, const struct buf *text)
{
    int r;

    file->fd = openat(file->dir, other, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (file->fd < 0)
        return -errno;
    r = write_all(file->fd, text->data, text->len);
    if (r >= 0 && renameat(file->dir, other, file->dir, file->name) < 0)
        r = -errno;
    if (r < 0)
        (void)unlinkat(file->dir, other, 0);
    return r;
}

int receipt_write(struct receipt_file *file, const struct receipt *receipt,
                  struct coop_err *err)
{
    struct buf text = BUF_INIT(RECEIPT_MAX);
    char other[64];
    int r;

    (void)str_format(other, sizeof other, ".coop-receipt-%d", (int)getpid());
    receipt_render(receipt, &text);
    if (text.error)
        r = text.error;
    else if (file->fd < 0)
        r = write_named(file, other, &text);
    else {
        r = write_all(file->fd, text.data, text.len);
        if (r >= 0 && file->name)
            r = put_in_place(file, other);
    }
    buf_done(&text);
    return r < 0 ? coop_fail_sys(err, r, "writing the receipt") : 0;
}
