/*
 * output.c - one FIFO, one reader, one file
 *
 * WHY READ-WRITE ENDS.  A FIFO whose last writer goes away is at end of file until another one
 * opens it, and an epoll watch on it reports HUP for ever (Supervisor's 100 % CPU).  Coopd's own
 * descriptor is open for writing, too: there is never an end of file and never a HUP, whether
 * the program closes its output, dies, or leaves a grandchild with it.
 *
 * WHY THE FILE IS OPENED PER BURST.  A burst is what is in the FIFO when the handler comes; the
 * file is opened, filled and closed.  So an idle service costs one descriptor, a log that was
 * moved away or deleted by a rotation is simply made anew, and a directory that comes back is
 * found again.
 *
 * A handler that has moved OUTPUT_BURST bytes posts itself and lets others run.
 *
 * WHY BOUNDS ARE PLACES.  A log may lie on a disk that hangs, and then only this actor does.  So a
 * bound holds from a place in all that was ever printed, and whether it has been passed is told by
 * how much there is, in the FIFO as well: a service's handler neither reads nor writes for it, and
 * the lock that it shares with us is never held over a file.
 */
#include "service/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/scope.h"
#include "base/str.h"
#include "base/sys.h"
#include "coop/actor.h"
#include "coop/block.h"
#include "coop/io.h"
#include "coop/sync.h"
#include "handover.h"
#include "service/output_path.h"

enum {
    OUTPUT_CHUNK = 16 * 1024,
    OUTPUT_BURST = 1024 * 1024,
    OUTPUT_PATH = 512,
    OUTPUT_GAPS = 4
};
enum { MSG_READABLE = 1, MSG_CLOSE, MSG_HOLD, MSG_GO };

struct output {
    struct coop_actor actor;
    struct coop_fdwatch watch;
    struct coop_msg close_me, hold, go;
    output_held_fn *held_fn; /* told when it holds */
    void *held_arg;
    bool held; /* nothing is read */
    int fd;
    unsigned long dropped; /* bytes, not told yet */
    struct coop_mutex lock;
    /* Under the lock.  Places are counted in bytes that were ever printed. */
    uint64_t taken;           /* read so far                                              */
    uint64_t from;            /* where this life begins                                   */
    int64_t ceiling;          /* bytes of it that are passed on; LAUNCH_UNBOUND: all      */
    struct output_over *over; /* who hears of more than that; NULL: nobody, or not again */
    struct gap {
        uint64_t from, to;
    } gaps[OUTPUT_GAPS]; /* what the lives before have printed beyond their bounds; ascending */
    unsigned gap_count;
    char *fifo, *file;
    const char *name; /* the tail of 'fifo' */
};

/* ---- moving bytes ---- */

static void drop(struct output *out, size_t size, int why)
{
    if (out->dropped == 0)
        log_warn("output", "%s: cannot write '%s' (%s): dropping its output", out->name,
                 out->file, coop_strerror(why));
    out->dropped += size;
}

static void write_all(struct output *out, int file, const char *bytes, size_t size)
{
    while (size > 0) {
        ssize_t n = file < 0 ? file : sys_write(file, bytes, size);

        if (n == -EINTR)
            continue;
        if (n <= 0) {
            drop(out, size, n == 0 ? EIO : (int)n);
            return;
        }
        bytes += n;
        size -= (size_t)n;
    }
    if (out->dropped) {
        log_warn("output", "%s: writes again; %lu bytes were dropped", out->name, out->dropped);
        out->dropped = 0;
    }
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Where this life's bound is passed. */
static uint64_t own_end(const struct output *out)
{
    return out->from + (uint64_t)out->ceiling;
}

/* Out of a chunk that begins at the place 'at'. */
static size_t cut(char *chunk, size_t size, uint64_t at, struct gap gap)
{
    size_t from = gap.from > at ? (size_t)least(gap.from - at, size) : 0;
    size_t to = gap.to > at ? (size_t)least(gap.to - at, size) : 0;

    if (from >= to)
        return size;
    memmove(chunk + from, chunk + to, size - to);
    return size - (to - from);
}

/* What nobody may pass on; from the end, or places would move. */
static size_t cut_all(const struct output *out, char *chunk, size_t size)
{
    size_t left = cut(chunk, size, out->taken, (struct gap){own_end(out), UINT64_MAX});

    for (unsigned i = out->gap_count; i-- > 0;)
        left = cut(chunk, left, out->taken, out->gaps[i]);
    return left;
}

/* Reads what is there, and tells that OutputMax= is used up: once for each life. */
static ssize_t take(struct output *out, char *chunk, size_t *ret_passes)
{
    struct output_over *over = NULL;
    ssize_t n;

    coop_mutex_lock(&out->lock);
    do
        n = sys_read(out->fd, chunk, OUTPUT_CHUNK);
    while (n == -EINTR);
    if (n > 0) {
        *ret_passes = cut_all(out, chunk, (size_t)n);
        out->taken += (uint64_t)n;
        if (out->taken > own_end(out)) {
            over = out->over;
            out->over = NULL;
        }
    }
    coop_mutex_unlock(&out->lock);
    if (over && !atomic_exchange(&over->on_its_way, true))
        coop_post(over->actor, &over->msg);
    return n;
}

/* Moves what is there. True when there may be more. */
static bool pump(struct output *out)
{
    char chunk[OUTPUT_CHUNK];
    size_t moved = 0, passes = 0;
    ssize_t n = 0;
    int file = -1;

    while (moved < OUTPUT_BURST && (n = take(out, chunk, &passes)) > 0) {
        coop_syscall_begin();
        if (moved == 0)
            file = sys_openat(
                AT_FDCWD, out->file,
                O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0640);
        if (passes > 0)
            write_all(out, file, chunk, passes);
        coop_syscall_end();
        moved += (size_t)n;
    }
    coop_syscall_begin();
    sys_closep(&file);
    coop_syscall_end();
    return n > 0;
}

/* Outputs close by themselves, after their service: who ends the process waits for them. */
static struct coop_wg open_ones, closing_ones;

static void free_output(struct output *out)
{
    free(out->fifo);
    free(out->file);
    free(out);
}

static void shut(struct output *out)
{
    pump(out);
    coop_fdwatch_stop(&out->watch);
    coop_fd_close(out->fd);
    sys_unlinkat(AT_FDCWD, out->fifo, 0);
    coop_actor_done(&out->actor);
    free_output(out);
    coop_wg_done(&open_ones);
    coop_wg_done(&closing_ones);
}

static void handle(struct coop_actor *actor, struct coop_msg *msg)
{
    struct output *out = actor->arg;
    bool more;

    if (msg->kind == MSG_CLOSE) {
        shut(out);
        return;
    }
    if (msg->kind == MSG_HOLD) {
        out->held = true;
        out->held_fn(out->held_arg);
        return;
    }
    if (msg->kind == MSG_GO)
        out->held = false;
    if (out->held) /* it is looked for when reading goes on */
        return;
    coop_fdwatch_take(&out->watch);
    more = pump(out);
    if (more)
        coop_post(actor, &out->watch.msg);
}

/* ---- opening ---- */

static int make_fifo(const char *path, uid_t uid, struct coop_err *err)
{
    struct stat st;
    SCOPED_SYS_FD fd = -1;
    int r = sys_mkfifoat(AT_FDCWD, path, 0600);

    if (r < 0 && r != -EEXIST)
        return coop_fail_sys(err, r, "output FIFO '%s'", path);
    /* The directory is ours alone; what is there already is ours, from an earlier coopd. */
    fd = sys_openat(AT_FDCWD, path, O_RDWR | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0);
    if (fd < 0)
        return coop_fail_sys(err, fd, "output FIFO '%s'", path);
    r = sys_fstat(fd, &st);
    if (r == 0 && !S_ISFIFO(st.st_mode))
        return coop_fail(err, COOP_E_DENIED, "'%s' is not a FIFO", path);
    if (r == 0 && st.st_uid != uid)
        r = sys_fchown(fd, uid, (gid_t)-1);
    if (r < 0)
        return coop_fail_sys(err, r, "output FIFO '%s'", path);
    return fd_take(&fd);
}

static struct output *new_output(const char *run_dir, const char *log_dir, const char *name)
{
    char fifo[OUTPUT_PATH], file[OUTPUT_PATH];
    struct output *out;

    if (str_format(fifo, sizeof fifo, "%s/log/%s", run_dir, name) < 0 ||
        str_format(file, sizeof file, "%s/%s.log", log_dir, name) < 0)
        return NULL;
    out = calloc(1, sizeof *out);
    if (!out)
        return NULL;
    out->fd = -1;
    out->ceiling = LAUNCH_UNBOUND;
    out->fifo = strdup(fifo);
    out->file = strdup(file);
    if (out->fifo && out->file) {
        out->name = strrchr(out->fifo, '/') + 1;
        return out;
    }
    free_output(out);
    return NULL;
}

static void read_record(struct output *out, const json_t *record)
{
    const json_t *gaps = json_object_get(record, "gaps");

    out->dropped = (unsigned long)handover_int(record, "dropped", 0);
    out->taken = (uint64_t)handover_int(record, "taken", 0);
    out->from = (uint64_t)handover_int(record, "from", 0);
    out->ceiling = handover_int(record, "ceiling", LAUNCH_UNBOUND);
    for (size_t i = 0; i < json_array_size(gaps) && i < OUTPUT_GAPS; i++) {
        const json_t *gap = json_array_get(gaps, i);

        out->gaps[out->gap_count++] =
            (struct gap){(uint64_t)json_integer_value(json_array_get(gap, 0)),
                         (uint64_t)json_integer_value(json_array_get(gap, 1))};
    }
}

/* With the descriptor 'fd', which is ours then. */
static int start_reading(struct output **output, struct output *out, int fd,
                         struct coop_err *err)
{
    int r;

    out->fd = fd;
    coop_actor_init(&out->actor, "output", handle, out);
    coop_msg_init(&out->close_me, MSG_CLOSE);
    coop_msg_init(&out->hold, MSG_HOLD);
    coop_msg_init(&out->go, MSG_GO);
    r = coop_fdwatch_start(&out->watch, out->fd, COOP_IN, &out->actor, MSG_READABLE);
    if (r < 0) {
        coop_fail_sys(err, r, "output FIFO of '%s'", out->name);
        sys_close(out->fd);
        free_output(out);
        return -1;
    }
    coop_wg_add(&open_ones, 1);
    *output = out;
    return 0;
}

static int no_output(struct coop_err *err)
{
    return coop_fail(err, COOP_E_LIMIT, "output FIFO: no memory, or the path is too long");
}

int output_open(struct output **output, const char *run_dir, const char *log_dir,
                const char *name, uid_t uid, struct coop_err *err)
{
    struct output *out;
    int fd;

    if (*output)
        return 0;
    out = new_output(run_dir, log_dir, name);
    if (!out)
        return no_output(err);
    fd = make_fifo(out->fifo, uid, err);
    if (fd < 0) {
        free_output(out);
        return -1;
    }
    return start_reading(output, out, fd, err);
}

int output_child_fd(struct output *output, struct coop_err *err)
{
    int fd = sys_openat(AT_FDCWD, output->fifo, O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0);

    if (fd < 0)
        return coop_fail_sys(err, fd, "output FIFO '%s'", output->fifo);
    return fd;
}

/* Opened without waiting: the folder may be the service's own, and a FIFO put there in the log's
 * place would hold us until somebody reads from it. The program's end waits as usual. */
int output_file_fd(const struct output_spec *where, struct coop_err *err)
{
    int flags = where->kind == OUTPUT_APPEND ? O_APPEND : 0;
    int fd = output_path_open(where->path, flags | O_NONBLOCK, err), r;

    if (fd < 0)
        return fd;
    r = where->kind == OUTPUT_TRUNCATE ? sys_ftruncate(fd, 0) : 0;
    if (r == -EINVAL) /* a terminal, or the like */
        r = 0;
    if (r >= 0)
        r = sys_fcntl_int(fd, F_SETFL, flags);
    if (r >= 0)
        return fd;
    sys_close(fd);
    return coop_fail_sys(err, r, "output file '%s'", where->path);
}

/* ---- a bound ---- */

void output_over_init(struct output_over *over, struct coop_actor *actor, int kind)
{
    coop_msg_init(&over->msg, kind);
    over->actor = actor;
    atomic_init(&over->on_its_way, false);
}

void output_over_take(struct output_over *over)
{
    atomic_store(&over->on_its_way, false);
}

/* All that was ever printed, read or not. Under the lock. */
static uint64_t printed(const struct output *out)
{
    int waits = sys_waiting_bytes(out->fd);

    return out->taken + (waits > 0 ? (uint64_t)waits : 0);
}

static void add_gap(struct output *out, struct gap gap)
{
    unsigned left = 0;

    for (unsigned i = 0; i < out->gap_count; i++)
        if (out->gaps[i].to > out->taken)
            out->gaps[left++] = out->gaps[i];
    if (left < OUTPUT_GAPS && gap.from < gap.to)
        out->gaps[left++] = gap;
    out->gap_count = left;
}

void output_bound(struct output *output, int64_t ceiling, struct output_over *over)
{
    uint64_t end;

    if (!output)
        return;
    coop_mutex_lock(&output->lock);
    end = printed(output); /* who prints goes on meanwhile */
    add_gap(output, (struct gap){own_end(output), end});
    output->from = end;
    output->ceiling = ceiling;
    output->over = over;
    coop_mutex_unlock(&output->lock);
}

bool output_is_over(struct output *output)
{
    bool over;

    if (!output)
        return false;
    coop_mutex_lock(&output->lock);
    over = printed(output) > own_end(output);
    coop_mutex_unlock(&output->lock);
    return over;
}

void output_close(struct output *output)
{
    if (!output)
        return;
    coop_wg_add(&closing_ones, 1);
    coop_post(&output->actor, &output->close_me);
}

int output_wait_closed(coop_nsec deadline)
{
    return coop_wg_wait_until(&closing_ones, deadline);
}

/* ---- a re-execution ---- */

void output_hold(struct output *output, output_held_fn *fn, void *arg)
{
    output->held_fn = fn;
    output->held_arg = arg;
    coop_post(&output->actor, &output->hold);
}

void output_go(struct output *output)
{
    if (output)
        coop_post(&output->actor, &output->go);
}

json_t *output_record(const struct output *output)
{
    json_t *gaps = json_array();

    for (unsigned i = 0; i < output->gap_count; i++)
        json_array_append_new(gaps, json_pack("[I, I]", (json_int_t)output->gaps[i].from,
                                              (json_int_t)output->gaps[i].to));
    return json_pack("{s:i, s:I, s:I, s:I, s:I, s:o}", "fd", output->fd, "dropped",
                     (json_int_t)output->dropped, "taken", (json_int_t)output->taken, "from",
                     (json_int_t)output->from, "ceiling", (json_int_t)output->ceiling, "gaps",
                     gaps);
}

int output_take(struct output **output, const char *run_dir, const char *log_dir,
                const char *name, json_t *record, struct coop_err *err)
{
    int fd = handover_claim(record);
    struct output *out;

    if (fd < 0)
        return 0;
    out = new_output(run_dir, log_dir, name);
    if (!out) {
        sys_close(fd);
        return no_output(err);
    }
    read_record(out, record);
    return start_reading(output, out, fd, err);
}

void output_go_on(struct output *output, struct output_over *over)
{
    bool is_over;

    if (!output)
        return;
    coop_mutex_lock(&output->lock);
    is_over = output->taken > own_end(output);
    output->over = is_over ? NULL : over;
    coop_mutex_unlock(&output->lock);
    if (is_over && !atomic_exchange(&over->on_its_way, true))
        coop_post(over->actor, &over->msg);
}

int output_wait_all(coop_nsec deadline)
{
    return coop_wg_wait_until(&open_ones, deadline);
}
