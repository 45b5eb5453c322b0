#ifndef COOP_CONFIG_ADDRESS_H
#define COOP_CONFIG_ADDRESS_H

#include <stddef.h>
#include <sys/socket.h>

#include "coop/err.h"

/*
 * address.h - what ListenStream= and its sisters say
 *
 *     /run/web.sock            a unix socket in the file system (ListenFIFO=: a FIFO)
 *     @web                     one with an abstract name
 *     8080                     a port, on all addresses of IPv6 and IPv4
 *     127.0.0.1:8080           a port of one address
 *     [::1]:8080               the same; [fe80::1%eth0]:8080 names an interface, too
 *
 * Plain data: nothing is looked up before the socket is opened.
 */

enum listen_kind {
    LISTEN_STREAM,
    LISTEN_DATAGRAM,
    LISTEN_SEQPACKET, /* unix only */
    LISTEN_FIFO,
    LISTEN_KINDS
};

enum { LISTEN_TEXT_MAX = 255 };

struct listen_address {
    enum listen_kind kind;
    unsigned line;                  /* where it is written */
    char text[LISTEN_TEXT_MAX + 1]; /* as written */
    char scope[16];                 /* the interface, by name or number; "" for none */
    int family;                     /* AF_UNIX, AF_INET, AF_INET6; 0: a FIFO or a port alone */
    unsigned port;
    struct sockaddr_storage at; /* for a port alone: of IPv6 */
    socklen_t len;
};

/* 0, or -1; then '*ret_address' is untouched. */
int listen_address_parse(enum listen_kind kind, const char *text,
                         struct listen_address *ret_address, struct coop_err *err);

/* "ListenStream". */
const char *listen_key(enum listen_kind kind);

/* Its place in the file system, or NULL. */
const char *listen_path(const struct listen_address *address);

#endif
