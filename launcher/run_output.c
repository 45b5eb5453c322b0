/*
 * run_output.c - the command's output up to a ceiling (contract in run_output.h)
 */
#include "launcher/run_output.h"

#include "base/scope.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_same_file(int a, int b)
{
    struct stat left, right;

    return fstat(a, &left) == 0 && fstat(b, &right) == 0 && left.st_dev == right.st_dev &&
           left.st_ino == right.st_ino;
}

static int open_stream(struct run_output *output, int index, struct coop_err *err)
{
    struct run_stream *stream = calloc(1, sizeof *stream);
    struct stat st;
    int ends[2];

    if (!stream)
        return coop_fail_sys(err, ENOMEM, "the command's output");
    output->streams[index] = stream;
    stream->from = -1;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return coop_fail_sys(err, errno, "the command's output: pipe");
    stream->from = ends[0];
    stream->to = STDOUT_FILENO + index;
    stream->is_file = fstat(stream->to, &st) == 0 && S_ISREG(st.st_mode);
    output->childs[index] = ends[1];
    if (fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
        return coop_fail_sys(err, errno, "the command's output: fcntl");
    return 0;
}

int run_output_open(struct run_output *ret_output, int64_t ceiling, unsigned but,
                    struct coop_err *err)
{
    bool first = !(but & 1u << STDOUT_FILENO), second = !(but & 1u << STDERR_FILENO);

    *ret_output = (struct run_output){.childs = {-1, -1}, .left = ceiling};
    if (first && open_stream(ret_output, 0, err) < 0)
        return -1;
    if (!second)
        return 0;
    if (!first || !is_same_file(STDOUT_FILENO, STDERR_FILENO))
        return open_stream(ret_output, 1, err);
    ret_output->childs[1] = fcntl(ret_output->childs[0], F_DUPFD_CLOEXEC, 0);
    return ret_output->childs[1] < 0 ? coop_fail_sys(err, errno, "the command's output") : 0;
}

void run_output_started(struct run_output *output)
{
    for (unsigned i = 0; i < RUN_OUTPUT_STREAMS; i++) {
        fd_closep(&output->childs[i]);
        output->childs[i] = -1;
    }
}

void run_output_done(struct run_output *output)
{
    run_output_started(output);
    for (unsigned i = 0; i < RUN_OUTPUT_STREAMS; i++) {
        if (output->streams[i])
            fd_closep(&output->streams[i]->from);
        free(output->streams[i]);
        output->streams[i] = NULL;
    }
}

/* ---- moving bytes ---- */

size_t run_output_admit(struct run_output *output, size_t came)
{
    int64_t size = (int64_t)came;

    if (size > output->left) {
        output->over = true; /* nothing is shut: whoever writes is to end by what follows */
        size = output->left;
    }
    output->left -= size;
    output->passed += size;
    return (size_t)size;
}

/* Who writes gets SIGPIPE from now on. */
static void shut(struct run_stream *stream)
{
    fd_closep(&stream->from);
    stream->from = -1;
}

/* Into an empty buffer. False: nothing there, or nothing more to come. */
static bool take(struct run_output *output, struct run_stream *stream)
{
    ssize_t got = read(stream->from, stream->buffer, sizeof stream->buffer);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return false;
    if (got <= 0) {
        shut(stream);
        return false;
    }
    stream->at = 0;
    stream->end = run_output_admit(output, (size_t)got);
    return stream->end > 0;
}

/* A pipe that says it is writable takes so much without waiting. */
static bool give(struct run_stream *stream)
{
    size_t size = stream->end - stream->at;
    ssize_t wrote;

    if (!stream->is_file && size > PIPE_BUF)
        size = PIPE_BUF;
    wrote = write(stream->to, stream->buffer + stream->at, size);
    if (wrote < 0 && (errno == EINTR || errno == EAGAIN))
        return false;
    if (wrote < 0) { /* nobody reads: the command is to notice, as without us */
        stream->at = stream->end = 0;
        if (stream->from >= 0)
            shut(stream);
        return false;
    }
    stream->at += (size_t)wrote;
    return stream->at < stream->end;
}

/* ---- polling ---- */

static bool holds(const struct run_stream *stream)
{
    return stream && stream->at < stream->end;
}

unsigned run_output_poll(const struct run_output *output, struct pollfd *ret_fds)
{
    unsigned count = 0;

    for (unsigned i = 0; i < RUN_OUTPUT_STREAMS; i++) {
        const struct run_stream *stream = output->streams[i];

        if (holds(stream))
            ret_fds[count++] = (struct pollfd){.fd = stream->to, .events = POLLOUT};
        else if (stream && stream->from >= 0 && !output->over)
            ret_fds[count++] = (struct pollfd){.fd = stream->from, .events = POLLIN};
    }
    return count;
}

void run_output_ready(struct run_output *output, const struct pollfd *fds, unsigned count)
{
    for (unsigned n = 0; n < count; n++) {
        for (unsigned i = 0; fds[n].revents && i < RUN_OUTPUT_STREAMS; i++) {
            struct run_stream *stream = output->streams[i];

            if (!stream)
                continue;
            if (holds(stream) && fds[n].fd == stream->to)
                (void)give(stream);
            else if (!holds(stream) && fds[n].fd == stream->from)
                (void)take(output, stream);
        }
    }
}

void run_output_finish(struct run_output *output)
{
    for (unsigned i = 0; i < RUN_OUTPUT_STREAMS; i++)
        if (output->streams[i] && output->streams[i]->from >= 0 && !holds(output->streams[i]) &&
            (output->over || !take(output, output->streams[i])) &&
            output->streams[i]->from >= 0)
            shut(output->streams[i]);
}

bool run_output_holds(const struct run_output *output)
{
    return holds(output->streams[0]) || holds(output->streams[1]);
}
