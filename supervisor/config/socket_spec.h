#ifndef COOP_CONFIG_SOCKET_SPEC_H
#define COOP_CONFIG_SOCKET_SPEC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "config/address.h"
#include "config/raw.h"
#include "coop/time.h"
#include "text/setting.h"

/*
 * socket_spec.h - a [Socket NAME] section, or a NAME.socket file: what coopd listens on for a
 * service
 *
 * It belongs to one service, whose spec owns it: plain data, never changed after loading.  Keys,
 * meaning and defaults are systemd's (systemd.socket(5)), one row each.
 */

struct listen_list {
    struct listen_address *items;
    size_t count;
};

enum bind_ipv6_only { BIND_IPV6_DEFAULT, BIND_IPV6_BOTH, BIND_IPV6_ONLY };

struct socket_spec {
    char *name;
    char *file; /* where it was defined */
    unsigned line;

    /* from rows */
    char *description;
    struct listen_list listen; /* in the order in which the service gets them */
    char *service;             /* never NULL once it is built */
    char *fd_name;             /* the same */
    char *user, *group;
    mode_t mode, directory_mode;
    bool accept;
    int64_t backlog;
    int bind_ipv6_only; /* enum bind_ipv6_only */
    bool reuse_port, no_delay, keep_alive, free_bind, transparent, broadcast;
    bool pass_credentials, pass_security, remove_on_stop;
    coop_nsec keep_alive_time, keep_alive_interval, defer_accept; /* 0: the kernel's */
    int keep_alive_probes, priority, ip_ttl, mark;                /* 0: the kernel's */
    int64_t receive_buffer, send_buffer, pipe_size;               /* 0: the kernel's */
    char *device;                                                 /* BindToDevice= */
    coop_nsec trigger_interval;
    int trigger_burst; /* 0: no limit */

    uid_t uid; /* whose files they are; -1: ours */
    gid_t gid;
};

/* The sockets of one service. */
struct socket_list {
    struct socket_spec **items;
    size_t count;
};

extern const struct setting_table socket_settings;

/* NULL when something is wrong; each problem was told. */
struct socket_spec *build_socket(const struct raw_section *section, raw_complain *complain,
                                 void *arg);
void socket_spec_free(struct socket_spec *spec); /* accepts NULL */

/* Takes 'spec' over (on failure, too). 0 or -ENOMEM. */
int socket_list_add(struct socket_list *list, struct socket_spec *spec);
void socket_list_done(struct socket_list *list);

/* How many descriptors the service gets. */
size_t socket_list_descriptors(const struct socket_list *list);

/* All that can be said of them, as text: equal for lists that do not differ. */
void socket_list_render(const struct socket_list *list, struct buf *out);

#endif
