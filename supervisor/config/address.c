/*
 * address.c - from text to an address (see address.h)
 */
#include "config/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

#include "base/str.h"

static int malformed(const char *text, struct coop_err *err)
{
    coop_fail(err, COOP_E_RANGE, "'%s' is not an address", text);
    return coop_hint(err, "/PATH, @NAME, PORT, A.B.C.D:PORT or [IPV6]:PORT");
}

static int parse_port(const char *text, const char *whole, unsigned *ret_port,
                      struct coop_err *err)
{
    long long port;

    if (text[0] < '0' || text[0] > '9' || str_to_int(text, 1, 65535, &port) < 0)
        return coop_fail(err, COOP_E_RANGE, "'%s': a port is a number from 1 to 65535", whole);
    *ret_port = (unsigned)port;
    return 0;
}

static int parse_unix(const char *text, struct listen_address *address, struct coop_err *err)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    size_t len = strlen(text);

    if (len < 2)
        return malformed(text, err);
    if (str_copy(at.sun_path, sizeof at.sun_path, text) < 0)
        return coop_fail(err, COOP_E_LIMIT, "'%s': a unix socket's name has at most %zu bytes",
                         text, sizeof at.sun_path - 1);
    if (text[0] == '@')
        at.sun_path[0] = '\0';
    address->family = AF_UNIX;
    address->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (text[0] == '/'));
    memcpy(&address->at, &at, sizeof at);
    return 0;
}

static void set_ipv6(struct listen_address *address, const struct in6_addr *host)
{
    struct sockaddr_in6 at = {.sin6_family = AF_INET6,
                              .sin6_port = htons((uint16_t)address->port),
                              .sin6_addr = *host};

    address->len = sizeof at;
    memcpy(&address->at, &at, sizeof at);
}

/* "[host%scope]:port" */
static int parse_ipv6(const char *text, struct listen_address *address, struct coop_err *err)
{
    const char *end = strchr(text, ']');
    char host[80], *scope;
    struct in6_addr in6;

    if (!end || end[1] != ':' || (size_t)(end - text) > sizeof host)
        return malformed(text, err);
    str_format(host, sizeof host, "%.*s", (int)(end - text - 1), text + 1);
    scope = strchr(host, '%');
    if (scope) {
        *scope = '\0';
        if (!scope[1] || str_copy(address->scope, sizeof address->scope, scope + 1) < 0)
            return malformed(text, err);
    }
    if (inet_pton(AF_INET6, host, &in6) != 1)
        return malformed(text, err);
    if (parse_port(end + 2, text, &address->port, err) < 0)
        return -1;
    address->family = AF_INET6;
    set_ipv6(address, &in6);
    return 0;
}

static int parse_ipv4(const char *text, const char *colon, struct listen_address *address,
                      struct coop_err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    char host[INET_ADDRSTRLEN];

    if ((size_t)(colon - text) >= sizeof host)
        return malformed(text, err);
    str_format(host, sizeof host, "%.*s", (int)(colon - text), text);
    if (inet_pton(AF_INET, host, &at.sin_addr) != 1)
        return malformed(text, err);
    if (parse_port(colon + 1, text, &address->port, err) < 0)
        return -1;
    at.sin_port = htons((uint16_t)address->port);
    address->family = AF_INET;
    address->len = sizeof at;
    memcpy(&address->at, &at, sizeof at);
    return 0;
}

static int parse_any(const char *text, struct listen_address *address, struct coop_err *err)
{
    const char *colon = strchr(text, ':');

    if (text[0] == '/' || text[0] == '@')
        return parse_unix(text, address, err);
    if (address->kind == LISTEN_SEQPACKET)
        return coop_fail(err, COOP_E_RANGE, "'%s': only unix sockets are sequential packets",
                         text);
    if (str_starts_with(text, "vsock:"))
        return coop_fail(err, COOP_E_MISSING, "'%s': vsock is not supported yet", text);
    if (text[0] == '[')
        return parse_ipv6(text, address, err);
    if (colon)
        return parse_ipv4(text, colon, address, err);
    if (text[strspn(text, "0123456789")])
        return malformed(text, err);
    if (parse_port(text, text, &address->port, err) < 0)
        return -1;
    set_ipv6(address, &in6addr_any);
    return 0;
}

int listen_address_parse(enum listen_kind kind, const char *text,
                         struct listen_address *ret_address, struct coop_err *err)
{
    struct listen_address address = {.kind = kind};
    int r = 0;

    if (str_copy(address.text, sizeof address.text, text) < 0)
        return coop_fail(err, COOP_E_LIMIT, "longer than %d bytes", LISTEN_TEXT_MAX);
    if (kind != LISTEN_FIFO)
        r = parse_any(text, &address, err);
    else if (text[0] != '/')
        r = coop_fail(err, COOP_E_RANGE, "'%s' is not an absolute path", text);
    if (r == 0)
        *ret_address = address;
    return r;
}

const char *listen_key(enum listen_kind kind)
{
    static const char *const keys[LISTEN_KINDS] = {
        [LISTEN_STREAM] = "ListenStream",
        [LISTEN_DATAGRAM] = "ListenDatagram",
        [LISTEN_SEQPACKET] = "ListenSequentialPacket",
        [LISTEN_FIFO] = "ListenFIFO",
    };

    return keys[kind];
}

const char *listen_path(const struct listen_address *address)
{
    return address->text[0] == '/' ? address->text : NULL;
}
