/*
 * socket_settings.c - one row per key of a socket (see socket_spec.h)
 */
#include "config/socket_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/scope.h"
#include "base/str.h"

/* ---- ListenStream= and its sisters: four rows, one list; 'min' is the kind ---- */

static int listen_parse(const struct setting *row, const char *text, void *field,
                        struct coop_err *err)
{
    struct listen_list *list = field;
    struct listen_address address;
    struct listen_address *grown;

    if (listen_address_parse((enum listen_kind)row->min, text, &address, err) < 0)
        return -1;
    grown = realloc(list->items, (list->count + 1) * sizeof *grown);
    if (!grown)
        return coop_fail(err, COOP_E_LIMIT, "no memory");
    list->items = grown;
    list->items[list->count++] = address;
    return 0;
}

static void listen_render(const struct setting *row, const void *field, struct buf *out)
{
    const struct listen_list *list = field;
    bool first = true;

    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind != (enum listen_kind)row->min)
            continue;
        buf_addf(out, "%s%s", first ? "" : "\n", list->items[i].text);
        first = false;
    }
}

static void listen_clear(void *field)
{
    struct listen_list *list = field;

    free(list->items);
    *list = (struct listen_list){0};
}

static int listen_copy(void *to_field, const void *from_field)
{
    const struct listen_list *from = from_field;
    struct listen_list copy = {.count = from->count};

    copy.items = calloc(from->count + 1, sizeof *copy.items);
    if (!copy.items)
        return -ENOMEM;
    if (from->count > 0)
        memcpy(copy.items, from->items, from->count * sizeof *copy.items);
    *(struct listen_list *)to_field = copy;
    return 0;
}

static const struct setting_type setting_listen = {
    .metavar = "ADDRESS",
    .size = sizeof(struct listen_list),
    .list = true,
    .parse = listen_parse,
    .render = listen_render,
    .clear = listen_clear,
    .copy = listen_copy,
    .samples = "/run/x",
};

/* ---- the rows ---- */

static const char *const ipv6_names[] = {"default", "both", "ipv6-only", NULL};

#define FIELD(name)  .field = offsetof(struct socket_spec, name)
#define LISTEN(kind) FIELD(listen), .min = (kind), .max = (kind)

static const struct setting rows[] = {
    /* clang-format off */
    {"Unit", "Description", &setting_string, FIELD(description),
     .help = "What it is, in a few words, for people."},

    {"Socket", "ListenStream", &setting_listen, LISTEN(LISTEN_STREAM),
     .help = "Address to listen on for connections: /PATH, @NAME (abstract), PORT (all addresses), A.B.C.D:PORT, [IPV6]:PORT. May be given several times, like the next three; the service gets them as descriptors 3, 4 and so on, in this order."},
    {"Socket", "ListenDatagram", &setting_listen, LISTEN(LISTEN_DATAGRAM),
     .help = "The same for datagrams."},
    {"Socket", "ListenSequentialPacket", &setting_listen, LISTEN(LISTEN_SEQPACKET),
     .help = "The same for sequential packets, with unix sockets only."},
    {"Socket", "ListenFIFO", &setting_listen, LISTEN(LISTEN_FIFO),
     .help = "Path of a FIFO to read from."},
    {"Socket", "Service", &setting_string, FIELD(service),
     .help = "The service that gets them, with or without .service; without this key the one with the socket's own name."},
    {"Socket", "FileDescriptorName", &setting_string, FIELD(fd_name),
     .help = "What the descriptors are called in $LISTEN_FDNAMES; without it NAME.socket."},
    {"Socket", "Accept", &setting_bool, FIELD(accept), .fallback = "no",
     .help = "no: the service gets the listening socket. yes (a process for each connection) is not supported."},
    {"Socket", "SocketUser", &setting_string, FIELD(user),
     .help = "Whom unix sockets and FIFOs belong to: a name or a number; without it coopd's user."},
    {"Socket", "SocketGroup", &setting_string, FIELD(group),
     .help = "The same for their group; without it that of SocketUser."},
    {"Socket", "SocketMode", &setting_mode, FIELD(mode), .fallback = "0666",
     .help = "The mode of unix sockets and FIFOs: who may write may connect."},
    {"Socket", "DirectoryMode", &setting_mode, FIELD(directory_mode), .fallback = "0755",
     .help = "The mode of directories that have to be made for their paths."},
    {"Socket", "RemoveOnStop", &setting_bool, FIELD(remove_on_stop), .fallback = "no",
     .help = "Whether their paths are removed when coopd closes them, at its own orderly end or when they are taken out of the configuration. A path that is left behind is replaced by the next coopd."},
    {"Socket", "Backlog", &setting_int64, FIELD(backlog), .min = 0, .max = 4294967295, .fallback = "4096",
     .help = "How many connections may wait to be accepted; the kernel has a ceiling of its own (net.core.somaxconn)."},
    {"Socket", "BindIPv6Only", &setting_enum, FIELD(bind_ipv6_only), .names = ipv6_names, .fallback = "default",
     .help = "Whether an address of IPv6 takes IPv4, too: both, ipv6-only, default (as net.ipv6.bindv6only says)."},
    {"Socket", "BindToDevice", &setting_string, FIELD(device),
     .help = "Name of the network interface whose packets alone are taken."},
    {"Socket", "ReusePort", &setting_bool, FIELD(reuse_port), .fallback = "no",
     .help = "Lets others listen on the same port (SO_REUSEPORT)."},
    {"Socket", "FreeBind", &setting_bool, FIELD(free_bind), .fallback = "no",
     .help = "Lets it listen on an address that the machine does not have yet (IP_FREEBIND)."},
    {"Socket", "Transparent", &setting_bool, FIELD(transparent), .fallback = "no",
     .help = "Lets it take what is sent to any address (IP_TRANSPARENT)."},
    {"Socket", "Broadcast", &setting_bool, FIELD(broadcast), .fallback = "no",
     .help = "Lets a datagram socket send to all (SO_BROADCAST)."},
    {"Socket", "KeepAlive", &setting_bool, FIELD(keep_alive), .fallback = "no",
     .help = "Sends a packet on idle TCP connections, so that a lost peer is found (SO_KEEPALIVE)."},
    {"Socket", "KeepAliveTimeSec", &setting_duration, FIELD(keep_alive_time), .max = 32767 * COOP_NSEC_PER_SEC,
     .help = "How long a connection is idle before the first one; without it what the kernel says."},
    {"Socket", "KeepAliveIntervalSec", &setting_duration, FIELD(keep_alive_interval), .max = 32767 * COOP_NSEC_PER_SEC,
     .help = "How long between them; without it what the kernel says."},
    {"Socket", "KeepAliveProbes", &setting_int, FIELD(keep_alive_probes), .min = 0, .max = 127,
     .help = "How many without an answer before the connection is given up; without it what the kernel says."},
    {"Socket", "NoDelay", &setting_bool, FIELD(no_delay), .fallback = "no",
     .help = "Sends what is written at once (TCP_NODELAY)."},
    {"Socket", "DeferAcceptSec", &setting_duration, FIELD(defer_accept), .max = 32767 * COOP_NSEC_PER_SEC,
     .help = "A TCP connection counts as there when the client has sent something, or after this time (TCP_DEFER_ACCEPT)."},
    {"Socket", "Priority", &setting_int, FIELD(priority), .min = 0, .max = 15,
     .help = "Of what is sent (SO_PRIORITY)."},
    {"Socket", "Mark", &setting_int, FIELD(mark), .min = 0, .max = INT32_MAX,
     .help = "The firewall's mark of what is sent (SO_MARK)."},
    {"Socket", "IPTTL", &setting_int, FIELD(ip_ttl), .min = 0, .max = 255,
     .help = "How many routers what is sent may pass (IP_TTL, IPV6_UNICAST_HOPS)."},
    {"Socket", "ReceiveBuffer", &setting_bytes, FIELD(receive_buffer), .min = 0, .max = INT32_MAX,
     .help = "Bytes that may wait to be read (SO_RCVBUF); without it what the kernel says."},
    {"Socket", "SendBuffer", &setting_bytes, FIELD(send_buffer), .min = 0, .max = INT32_MAX,
     .help = "Bytes that may wait to be sent (SO_SNDBUF); without it what the kernel says."},
    {"Socket", "PipeSize", &setting_bytes, FIELD(pipe_size), .min = 0, .max = INT32_MAX,
     .help = "Bytes that a FIFO holds (F_SETPIPE_SZ); without it what the kernel says."},
    {"Socket", "PassCredentials", &setting_bool, FIELD(pass_credentials), .fallback = "no",
     .help = "Lets unix sockets take the sender's ids with each message (SO_PASSCRED)."},
    {"Socket", "PassSecurity", &setting_bool, FIELD(pass_security), .fallback = "no",
     .help = "The same for the sender's security label (SO_PASSSEC)."},
    {"Socket", "TriggerLimitIntervalSec", &setting_duration, FIELD(trigger_interval), .fallback = "2s",
     .help = "Window in which starts by clients are counted; see TriggerLimitBurst."},
    {"Socket", "TriggerLimitBurst", &setting_int, FIELD(trigger_burst), .min = 0, .max = 10000, .fallback = "20",
     .help = "So many starts by clients within TriggerLimitIntervalSec; then clients wait for as long as that (ours: systemd gives the socket up). 0 for no limit."},
    /* clang-format on */
};

const struct setting_table socket_settings = {rows, COOP_COUNT(rows)};
