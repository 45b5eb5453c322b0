/*
 * datagrams.c - the fake kernel's datagram sockets (see coop/sim.h)
 *
 * Each has one stream of packets, its own, into which everybody writes who knows its name.  It
 * counts as a writer of its own stream: a receiver without senders waits, it is not at an end.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "sim/internal.h"

/* ---- helpers ---- */

static int find_receiver(const char *name, struct file **ret_receiver)
{
    const struct node *node = name ? fake_node_find(name) : NULL;

    if (!name)
        return -EINVAL;
    if (!node)
        return -ENOENT;
    if (!node->listener)
        return -ECONNREFUSED;
    if (node->listener->type != SOCK_DGRAM)
        return -EPROTOTYPE;
    *ret_receiver = node->listener;
    return 0;
}

struct sending {
    struct stream *to;
    const struct iovec *bytes;
    ssize_t result;
};

static bool try_send(void *arg)
{
    struct sending *s = arg;

    s->result = fake_stream_put(s->to, s->bytes->iov_base, s->bytes->iov_len);
    return s->result != -EAGAIN;
}

/* ---- inside ---- */

void fake_datagrams_open(struct file *file)
{
    fake_file_join(file, fake_stream_new(true), NULL);
    file->in->writers = 1;
    file->in->had_writer = true;
}

int fake_datagrams_connect(struct file *file, const char *name)
{
    struct file *receiver;
    int r = find_receiver(name, &receiver);

    if (r < 0)
        return r;
    if (file->out)
        return -EISCONN; /* outside it would change its mind */
    fake_file_join(file, NULL, receiver->in);
    return 0;
}

ssize_t fake_datagram_send(const char *name, const struct iovec *bytes, bool may_block,
                           struct stream **ret_to)
{
    struct sending s = {.bytes = bytes};
    struct file *receiver;
    int r = find_receiver(name, &receiver);

    if (r < 0)
        return r;
    s.to = *ret_to = receiver->in;
    s.to->refs++; /* the receiver may close it while we wait */
    if (!try_send(&s) && may_block && !fake_block(try_send, &s))
        fake_give_up("a datagram waits for ever for room");
    fake_stream_unref(s.to);
    return s.result == -EPIPE ? -ECONNREFUSED : s.result;
}

/* ---- the public calls ---- */

ssize_t coop_sim_send_as(pid_t pid, const char *name, const char *text)
{
    struct iovec bytes = {(void *)(uintptr_t)text, strlen(text)};
    struct parcel *parcel;
    struct stream *to;
    ssize_t r;

    if (!fake_proc(pid))
        fake_give_up("the test names a process that is not there");
    if ((r = fake_datagram_send(name, &bytes, false, &to)) < 0)
        return r;
    parcel = fake_grow(NULL, sizeof *parcel);
    *parcel = (struct parcel){.pid = pid, .at = to->sent - 1};
    list_push_back(&to->parcels, &parcel->link);
    return r;
}
